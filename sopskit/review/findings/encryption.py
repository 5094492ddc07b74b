"""ENC01 to ENC04: plain text where there should be none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sopskit import manifest
from sopskit.document import Leaf, format_for_name, format_for_path, parse
from sopskit.errors import FormatError
from sopskit.redact import escape_path
from sopskit.review.findings.generators import is_plain, kustomization_of, named_files
from sopskit.review.findings.plaintext import (
    KUSTOMIZATIONS,
    MOST_KEYS,
    SUFFIXES,
    demands,
    first_selected,
    head_side,
    in_utf8,
    is_committed,
    is_steering,
    naming_rules,
    plain_secrets,
)
from sopskit.review.findings.policy import FilePolicy, Hit, place
from sopskit.review.findings.secrettext import find_plain
from sopskit.review.leafcount import has_too_many
from sopskit.review.sides import is_empty, looks_encrypted, read_side
from sopskit.review.trees import path_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sopskit.document import Document
    from sopskit.review.findings.subject import Subject
    from sopskit.review.model import Severity
    from sopskit.review.rules import Rule
    from sopskit.review.sides import Side


def enc01(subject: Subject) -> Iterator[Hit]:
    """A creation rule of base or head names this file and encrypts something in it, but the file is plain."""
    head, data = head_side(subject), subject.data.head
    if not data or is_steering(subject.path):
        return
    if head is None:
        yield from _unreadable(subject, data)
        return
    if head.metadata is not None:
        return
    rule = next((rule for rule in naming_rules(subject.change, subject.path) if demands(rule, head)), None)
    if rule is None:
        yield from _by_general_rule(subject, head)
        return
    message = "a creation rule ({rule}) fits this file, and it is not encrypted"
    args = {"rule": f"{rule.file}:{rule.line}"}
    commit = _plain_since(subject, rule)
    if head.document is None:
        yield Hit(message, args, severity="high", remedy=_remedy(subject), commit=commit)
        return
    leaf = first_selected(head.document, rule.selection)
    where = place(head.document, leaf) if leaf is not None else {}
    yield Hit(message, args, remedy=_remedy(subject), commit=commit, **where)


def _by_general_rule(subject: Subject, head: Side) -> Iterator[Hit]:
    """A path_regex that fits everything is meant for the Secrets in it, and ENC04 finds those; the rest may be a slip."""
    if head.document is None or manifest.objects(head.document):
        return
    for rule in subject.rules:
        if rule is not None and rule.by_path and demands(rule, head):
            message = (
                "the creation rule for everything ({rule}) would encrypt values of this file, and it is plain text"
            )
            yield Hit(message, {"rule": f"{rule.file}:{rule.line}"}, "medium", _remedy(subject))
            return


def _unreadable(subject: Subject, data: bytes) -> Iterator[Hit]:
    if (
        any(naming_rules(subject.change, subject.path))
        and subject.path.endswith(SUFFIXES)
        and not looks_encrypted(data)
    ):
        message = (
            "a creation rule fits this file, it is not encrypted, and it cannot be read to see what the rule picks"
        )
        if has_too_many(data, format_for_path(subject.path).NAME):
            yield Hit(message, severity="high", remedy=_remedy(subject))
            return
        yield Hit(message, severity="medium", remedy="mend the file's syntax, then sopskit encrypt -i FILE")


def _plain_since(subject: Subject, rule: Rule) -> str | None:
    """The commit of the branch that made the file plain; None if it was plain before, or no commits were read."""
    found = None
    commits = subject.change.commits
    for commit in reversed(commits.commits if commits else ()):
        for change in commit.changes:
            if change.head is None or path_text(change.head.path) != subject.path:
                continue
            if not _is_plain(subject, change.head.id, rule):
                return found
            found = commit.id
    return found


def _is_plain(subject: Subject, blob: str, rule: Rule) -> bool:
    data = subject.change.read_blob(blob)
    try:
        return data is not None and demands(rule, read_side(subject.path, data))
    except FormatError:
        return False


def enc02(subject: Subject) -> Iterator[Hit]:
    """A value that the file's own rule, or the creation rule for it, covers is plain text."""
    head = head_side(subject)
    if head is None or head.document is None or head.metadata is None:
        return
    own = list(head.uncovered())
    message = "the file's own rule covers this value, and it is not encrypted"
    yield from _leaves(head.document, own, message, None)
    yield from _uncovered_by_rule(subject, head, head.document, set(map(id, own)))


def _uncovered_by_rule(subject: Subject, head: Side, document: Document, seen: set[int]) -> Iterator[Hit]:
    rule = subject.rules.head
    if rule is None or head.metadata is None or rule.selection == head.metadata.selection:
        return
    if not (rule.selection.field or "").startswith("encrypted"):
        return  # it picks nothing in particular, and the author of the file did
    encrypts = rule.selection.walk(lenient=True).encrypts
    fresh = {(change.document, change.path) for change in subject.comparison.changes}
    new: list[Leaf] = []
    old: list[Leaf] = []
    for item in document.items:
        if not encrypts(item) or not isinstance(item, Leaf) or item.kind == "null" or is_empty(item):
            continue
        if id(item) in seen or head.token(item) is not None:
            continue
        is_new = subject.sides.base is None or (item.parent.document, item.path) in fresh
        (new if is_new else old).append(item)
    message = "the creation rule covers this value, the rule in the file itself does not: it is plain text"
    yield from _leaves(document, new, message, "high")
    yield from _leaves(document, old, message, "medium")


def _leaves(document: Document, leaves: list[Leaf], message: str, severity: Severity | None) -> Iterator[Hit]:
    for leaf in leaves[:MOST_KEYS]:
        yield Hit(message, severity=severity, **place(document, leaf))
    if len(leaves) > MOST_KEYS:
        yield Hit("and {count} more values like these", {"count": len(leaves) - MOST_KEYS}, severity)


def enc03(subject: Subject) -> Iterator[Hit]:
    """The file is encrypted, and its rule picks no value at all."""
    head = head_side(subject)
    if head is None or head.document is None or head.metadata is None:
        return
    encrypts = head.metadata.selection.walk(lenient=True).encrypts
    leaves = head.document.leaves()
    if any(head.token(item) for item in head.document.items) or not any(leaf.value for leaf in leaves):
        return
    if any(encrypts(item) and isinstance(item, Leaf) for item in head.document.items):
        return  # ENC02, or nothing but empty values
    yield Hit(
        "the file has a sops block, but its {field} picks none of its values: everything is plain text",
        {"field": head.metadata.selection.field or "rule"},
    )


def enc04(subject: Subject) -> Iterator[Hit]:
    """A Kubernetes Secret whose data nothing encrypts, whatever the name of the file."""
    yield from _generated(subject)
    head, data = head_side(subject), subject.data.head
    document = _secret_document(head, data)
    if document is None:
        if head is None and data is not None:
            yield from _in_text(subject.path, in_utf8(data))
        return
    for leaves in plain_secrets(document, head):
        yield Hit(
            "a Kubernetes Secret with data is not encrypted: {keys}",
            {"count": len(leaves), "keys": _names(leaves)},
            remedy=_remedy(subject),
            **place(document, leaves[0]),
        )


def _secret_document(head: Side | None, data: bytes | None) -> Document | None:
    """The head's document. One of another suffix (`x.yaml.edited`) is read as YAML, which JSON is, if it is that."""
    if head is None or head.document is not None:
        return head.document if head else None
    text = in_utf8(data) if data is not None else b""
    if b"kind" not in text or b"Secret" not in text or has_too_many(text, "yaml"):
        return None
    try:
        return parse(text, format_for_name("yaml"))
    except FormatError:
        return None


def _in_text(path: str, data: bytes) -> Iterator[Hit]:
    """A Secret in a text that cannot be read."""
    if not path.endswith(SUFFIXES) or looks_encrypted(data):
        return
    found = find_plain(data)
    if found is not None and found.is_template:
        yield Hit("a value of a Kubernetes Secret stands in clear beside the templates of others", line=found.line)
    elif found is not None:
        yield Hit("the file cannot be read, and looks like a Kubernetes Secret in plain text", line=found.line)


def _generated(subject: Subject) -> Iterator[Hit]:
    """A plain file that a kustomization makes a Secret of; told at the kustomization if the change has only that."""
    change = subject.change
    tree, side = change.trees.head, head_side(subject)
    if is_plain(subject.data.head, side):
        kustomization = kustomization_of(tree, subject.path)
        if kustomization is not None:
            message = "{kustomization} makes a Secret of this file, and it is plain text"
            yield Hit(message, {"kustomization": kustomization}, remedy=_remedy(subject))
    if subject.path.rpartition("/")[2] not in KUSTOMIZATIONS or side is None or side.document is None:
        return
    for file, leaf in named_files(subject.path, side):
        if file not in change.by_path and is_plain(tree.data(file), tree.side(file)):
            message = "a secretGenerator makes a Secret of {file}, which is plain text"
            yield Hit(message, {"file": file}, remedy=_remedy(subject), **place(side.document, leaf))


def _names(leaves: Sequence[Leaf]) -> str:
    more = f" and {len(leaves) - MOST_KEYS} more" if len(leaves) > MOST_KEYS else ""
    return ", ".join(escape_path(leaf.path) for leaf in leaves[:MOST_KEYS]) + more


def _remedy(subject: Subject) -> str:
    first = "" if subject.rules.head else "add a creation rule that fits this file to .sops.yaml, then "
    if is_committed(subject.change, subject.old_path or subject.path):
        return f"{first}sopskit encrypt -i FILE, and change the values: they stand in the history"
    return f"{first}sopskit encrypt -i FILE && git add FILE"


POLICIES = (
    FilePolicy(
        "ENC01",
        "block",
        "a file that a rule encrypts is plain text",
        why="A creation rule of .sops.yaml names this file, so its authors meant it to be encrypted. Everybody who can read "
        "the repository, and every clone of it, can read the values now. Taking the file back later does not help: the "
        "history keeps it.",
        remedy="sopskit encrypt -i FILE, and change the values: they stand in the history",
        find=enc01,
        check=True,
    ),
    FilePolicy(
        "ENC02",
        "block",
        "a value in an encrypted file is plain text",
        why="The file looks encrypted, and most tools stop looking there, but a value that its rule covers was added by hand "
        "and is readable. The MAC does not fit any more either, so decrypting fails.",
        remedy="write the value with sopskit edit or set, and change it: the old one stands in the history",
        find=enc02,
        check=True,
    ),
    FilePolicy(
        "ENC03",
        "block",
        "an encrypted file in which nothing is encrypted",
        why="The file has recipients and a MAC, so it looks encrypted, but the rule in it picks no value. A blank too many in a "
        "pattern, or keys that were renamed, are the usual cause.",
        remedy="mend the rule in .sops.yaml, decrypt the file, encrypt it again, and change the values",
        find=enc03,
        check=True,
    ),
    FilePolicy(
        "ENC04",
        "block",
        "a Secret in plain text",
        why="A Kubernetes Secret holds passwords, tokens or keys. Base64 is no encryption: everybody who can read the "
        "repository can read the values, and the history keeps them.",
        remedy="sopskit encrypt -i FILE, and change the values: they stand in the history",
        find=enc04,
        check=True,
    ),
)
