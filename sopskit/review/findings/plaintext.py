"""What of a file can be read and should not be: the questions that several policies ask."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from sopskit import manifest
from sopskit.document import Leaf
from sopskit.errors import FormatError
from sopskit.review.rules import ROOT
from sopskit.review.sides import is_empty, read_side
from sopskit.sops.patterns import compile_pattern
from sopskit.sops.values import PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sopskit.document import Document
    from sopskit.review.findings.subject import ChangeSet, Subject
    from sopskit.review.rules import Rule, RuleBook
    from sopskit.review.sides import Side
    from sopskit.sops.selection import Selection

MOST_KEYS = 10  # findings, or keys in one, of a kind in one file
KUSTOMIZATIONS = frozenset(("kustomization.yaml", "kustomization.yml", "Kustomization"))
# files that sops, sopskit, git and kustomize read as plain text, whatever a rule says
STEERING = KUSTOMIZATIONS | {
    ".sops.yaml",
    ".sopskit.yaml",
    ".sopskit-names.yaml",
    ".gitattributes",
    ".gitignore",
    ".gitkeep",
    "CODEOWNERS",
    "LICENSE",
    "README",
}
PROSE = (".md", ".rst", ".adoc")
# as PowerShell writes what is redirected into a file; UTF-32 first, since its mark begins as that of UTF-16 does
ENCODINGS = (
    (b"\xff\xfe\0\0", "utf-32"),
    (b"\0\0\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
UTF8_MARK = b"\xef\xbb\xbf"
SUFFIXES = (".yaml", ".yml", ".json", ".env", ".ini")
# what another program puts a value in the place of: a Helm template, a Flux substitution, a path of the Argo CD Vault plugin
PLACEHOLDER = re.compile(r"\s*(?:\{\{[^{}]*\}\}|\$\{[A-Za-z_][A-Za-z0-9_]*\}|<path:[^<>]*>)\s*")


def head_side(subject: Subject) -> Side | None:
    """Head's side, also where the comparison has none: base's cannot be read, or the text is in UTF-16."""
    data = subject.data.head
    if subject.sides.head is not None or data is None:
        return subject.sides.head
    side = subject.change.trees.head.side(subject.path)
    return recoded_side(subject.path, data) if side is None else side


def recoded_side(path: str, data: bytes) -> Side | None:
    """What a file would be in UTF-8, which sops and sopskit demand and Kubernetes does not; None if that is not why."""
    text = in_utf8(data)
    try:
        return None if text is data else read_side(path, text)
    except FormatError:
        return None


def in_utf8(data: bytes) -> bytes:
    """A text in UTF-8 without byte order marks; the very same object for what is that already, or no text."""
    if data.startswith(UTF8_MARK):
        return in_utf8(data.removeprefix(UTF8_MARK))
    encoding = next((name for mark, name in ENCODINGS if data.startswith(mark)), None)
    if encoding is None and data[:2].count(0) == 1 and b"\0" in data[2:4]:  # ASCII without a mark
        encoding = "utf-16-be" if data[0] == 0 else "utf-16-le"
    try:
        return data if encoding is None else data.decode(encoding).encode()
    except UnicodeError:
        return data


def is_steering(path: str) -> bool:
    """Whether the file is meant to be read as it stands: configuration of a tool, or prose."""
    name = path.rpartition("/")[2]
    return name in STEERING or name.endswith(PROSE)


def is_committed(change: ChangeSet, path: str) -> bool:
    """Whether the plain text of a file stands in a commit, as far as this change knows.

    What a check is about was not committed yet: it stands in the history only where HEAD has the file in plain text.
    """
    if change.commits is not None:
        return True
    side = change.trees.base.side(path)
    return path in change.trees.base and (side is None or side.metadata is None)


def naming_rules(change: ChangeSet, path: str) -> Iterator[Rule]:
    r"""The rules of base, head and target that name a path: not those for everything, be it as `path_regex: .*\.yaml$`."""
    for book in dict.fromkeys((*change.rules, change.target)):
        rule = book.rule_for(path)
        if rule is not None and rule.by_path and not is_for_everything(book, path):
            yield rule


def is_for_everything(book: RuleBook, path: str) -> bool:
    """Whether the path_regex of the rule for a path fits whatever is called as it ends: it picks no files then."""
    config = book.config_for(path)
    matched = config.explain(ROOT + path).matched if config is not None else None
    name = path.rpartition("/")[2]
    return matched is not None and _fits_anything(matched.path_regex, "".join(name.rpartition(".")[1:]))


@lru_cache(maxsize=1024)  # a few rules for many files
def _fits_anything(path_regex: str, suffix: str) -> bool:
    return not path_regex or compile_pattern(path_regex, "path_regex")(f"no-such-folder/no-such-file{suffix}")


def demands(rule: Rule, side: Side) -> bool:
    """Whether a rule wants something encrypted in a plain file.

    A file of no known format is sealed as a whole, which only a rule that picks no keys can be meant to do.
    """
    if side.metadata is not None:
        return False
    if side.document is None:
        return rule.selection.field in {None, "unencrypted_suffix"}
    return first_selected(side.document, rule.selection) is not None


def first_selected(document: Document, selection: Selection) -> Leaf | None:
    """The first value that a rule encrypts."""
    encrypts = selection.walk(lenient=True).encrypts
    for item in document.items:
        if encrypts(item) and isinstance(item, Leaf) and item.kind != "null" and not is_empty(item):
            return item
    return None


def plain_secrets(document: Document, side: Side | None) -> Iterator[list[Leaf]]:
    """The values of each Secret that holds some and none of them encrypted, those of a kustomization's generator too.

    A SOPS file's rule may leave some of a Secret's values out on purpose; all of them is a slip.
    """
    covered = side.metadata.selection.walk(lenient=True).encrypts if side and side.metadata else None
    selected = {id(item) for item in document.items if covered(item)} if covered else set()
    for obj in manifest.objects(document):
        if obj.identity.kind != "Secret":
            continue
        leaves = [entry.leaf for entry in manifest.effective_data(obj).values() if entry.leaf.value]
        if covered and side and any(id(leaf) in selected or side.token(leaf) for leaf in leaves):
            continue
        leaves = [
            leaf for leaf in leaves if not leaf.value.startswith(PREFIX) and not PLACEHOLDER.fullmatch(leaf.value)
        ]
        if leaves:
            yield leaves
    literals = [leaf for leaf in document.leaves() if _is_generated(leaf)]
    if literals:
        yield literals


def _is_generated(leaf: Leaf) -> bool:
    """Whether this is a `literals` entry of a `secretGenerator` (kustomize) with a value."""
    path = leaf.path
    if len(path) != 4 or path[0] != "secretGenerator" or path[2] != "literals":
        return False
    value = leaf.value.partition("=")[2]
    return bool(value) and not PLACEHOLDER.fullmatch(value)
