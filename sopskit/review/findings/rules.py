"""RUL: creation rules that became weaker, or do not do what they seem to."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sopskit.config.search import NAME
from sopskit.document import Leaf
from sopskit.errors import FormatError
from sopskit.redact import escape_path
from sopskit.review.findings.policy import ChangePolicy, FilePolicy, Hit
from sopskit.review.findings.ruleorder import rul03, rul04
from sopskit.review.sides import is_empty, looks_encrypted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sopskit.review.findings.subject import ChangeSet, Subject
    from sopskit.review.model import Sides
    from sopskit.review.rules import Rule
    from sopskit.review.sides import Side
    from sopskit.sops.selection import Selection

# what every manifest has, and nobody wants encrypted, and what such a pattern is usually meant for
IDENTITY = ("apiVersion", "kind", "metadata", "namespace", "labels")
DATA = ("data", "stringData")


def rul01(change: ChangeSet) -> Iterator[Hit]:
    """A rule of `.sops.yaml`, or the one in a file, encrypts less than it did."""
    weakened: dict[tuple[str, int], _Weakened] = {}
    for path in change.trees.head.entries if changed_configs(change) else ():
        old, new = (book.rule_for(path) for book in change.rules)
        if old is None or (new is not None and new.selection == old.selection):
            continue
        data = change.trees.head.data(path)
        side = change.trees.head.side(path) if data and looks_encrypted(data) else None
        lost = _lost(side, old.selection, new.selection if new else None) if side and side.metadata else None
        if lost is not None:
            one = weakened.setdefault((old.file, old.position), _Weakened(old, new, path, lost, []))
            one.paths.append(path)
    for one in weakened.values():
        yield _weaker_rule(change, one)
    for subject in change.encrypted():
        yield from _weaker_file(subject)


class _Weakened(NamedTuple):
    old: Rule
    new: Rule | None
    path: str
    key: str
    paths: list[str]


def changed_configs(change: ChangeSet) -> list[str]:
    """The paths of the `.sops.yaml` files that are not the same on both sides."""
    base, head = change.trees
    paths = [path for path in {**base.entries, **head.entries} if path.rpartition("/")[2] == NAME]
    return [path for path in paths if base.data(path) != head.data(path)]


def _weaker_rule(change: ChangeSet, one: _Weakened) -> Hit:
    where = one.new or one.old
    is_there = where.file in change.trees.head
    return Hit(
        "{count} files lose protection: before, the rule for {example} encrypted {key}; after this change it does not",
        {"count": len(one.paths), "example": one.path, "key": one.key},
        path=where.file,
        line=where.line if one.new is not None or not is_there else None,
        side="head" if is_there else "base",
    )


def _lost(side: Side, old: Selection, new: Selection | None) -> str | None:
    """The key of the first value that the old rule encrypts and the new one does not; None if there is none."""
    if side.document is None:
        return None
    before = old.walk(lenient=True).encrypts
    after = new.walk(lenient=True).encrypts if new is not None else None
    for item in side.document.items:
        was, stays = before(item), after is not None and after(item)
        if was and not stays and isinstance(item, Leaf) and item.kind != "null" and not is_empty(item):
            return escape_path(item.path)
    return None


def _weaker_file(subject: Subject) -> Iterator[Hit]:
    base, head = subject.sides
    if base is None or head is None or base.metadata is None or head.metadata is None:
        return
    old, new = base.metadata.selection, head.metadata.selection
    lost = _lost(head, old, new) if old != new else None
    if lost is not None:
        yield Hit(
            "the rule in the file itself covers less than before: {key}, for one, is left out",
            {"key": lost},
            path=subject.path,
            remedy="sopskit decrypt the file, and encrypt it again under the rule that it had",
        )


def rul02(change: ChangeSet) -> Iterator[Hit]:
    """A pattern that is meant for data fits the identity of manifests as well."""
    changed = set(changed_configs(change))
    for folder, config in change.rules.head.configs.items():
        path = f"{folder}/{NAME}" if folder else NAME
        if config is None or path not in changed:
            continue
        try:
            rules = config.rules()
        except FormatError:
            continue  # not_checked has it
        for rule in rules:
            name = _too_broad(rule.selection)
            if name is not None:
                message = "the {field} of rule {number} fits {name} as well: whole manifests become unreadable"
                args: dict[str, int | str] = {
                    "field": rule.selection.field or "",
                    "number": rule.position + 1,
                    "name": name,
                }
                yield Hit(message, args, path=path, line=rule.line)


def _too_broad(selection: Selection) -> str | None:
    if selection.field not in {"encrypted_regex", "encrypted_suffix"}:
        return None
    if not any(selection.selects_keys([key], lenient=True) for key in DATA):
        return None
    return next((key for key in IDENTITY if selection.selects_keys([key], lenient=True)), None)


def rul05(subject: Subject) -> Iterator[Hit]:
    """An encrypted file says something else about itself than the creation rule for it."""
    head, rule = subject.sides.head, subject.rules.head
    if head is None or head.metadata is None or rule is None:
        return
    metadata = head.metadata.normalised()
    differing: list[str] = []
    if metadata.selection != rule.selection and head.format != "binary":
        differing.append(rule.selection.field or metadata.selection.field or "the selection")
    if metadata.mac_only_encrypted != rule.mac_only_encrypted:
        differing.append("mac_only_encrypted")
    threshold = rule.shamir_threshold or rule.groups
    if rule.groups > 1 and (metadata.shamir_threshold or len(metadata.groups)) != threshold:
        differing.append("shamir_threshold")
    if differing:
        yield Hit(
            "the file and the creation rule for it ({rule}) differ in {fields}",
            {"rule": f"{rule.file}:{rule.line}", "fields": ", ".join(differing)},
        )


def rul06(change: ChangeSet) -> Iterator[Hit]:
    """One author changes who may read files, and files that this is about."""
    commits = change.commits.commits if change.commits else ()
    authors = {commit.email for commit in commits}
    if len(authors) != 1:
        return
    for path in changed_configs(change):
        if path not in change.trees.base or path not in change.trees.head:
            continue
        governed = [one for one in change.encrypted() if _is_governed(one.rules, path) and one.comparison.changes]
        if governed:
            yield Hit(
                "one author changes the creation rules and the values of {count} files under them, {example} for one",
                {"count": len(governed), "example": governed[0].path},
                path=path,
            )


def _is_governed(rules: Sides[Rule | None], config: str) -> bool:
    return any(rule is not None and rule.file == config for rule in rules)


POLICIES = (
    ChangePolicy(
        "RUL01",
        "block",
        "a rule encrypts less than before",
        why="A creation rule decides what the next `encrypt` protects. When it is taken back or its pattern gets narrower, files "
        "that are encrypted today are written in plain text the next time, and nobody is told.",
        remedy="restore the rule; if the values are no secrets any more, say so in the pull request and waive this finding",
        find=rul01,
        check=True,
    ),
    ChangePolicy(
        "RUL02",
        "low",
        "a pattern that fits too much",
        why="A pattern without anchors is searched for anywhere in a key: `data` is found in `metadata` too. The names of "
        "objects are encrypted then, and no kustomization, reviewer or cluster can tell what a file is.",
        remedy="anchor the pattern: ^(data|stringData)$",
        find=rul02,
        check=True,
    ),
    ChangePolicy(
        "RUL03",
        "medium",
        "another rule counts for a file now",
        why="The first rule whose path_regex fits a path counts, all later ones are never asked. A rule that was put before "
        "another, or became broader, takes files away from it, and with them its recipients. A file that is moved away from "
        "its rule leaves it in the same way.",
        remedy="put the more special rule first; sopskit rules explain PATH tells which one counts",
        find=rul03,
        check=True,
    ),
    ChangePolicy(
        "RUL04",
        "low",
        "a rule without files, or a file without a rule of its own",
        why="A rule that fits no file is mostly a slip in its path_regex, and the files it was meant for get the recipients of "
        "another rule.",
        remedy="compare the path_regex with the path as git ls-files prints it; sopskit rules explain PATH helps",
        find=rul04,
        check=True,
    ),
    FilePolicy(
        "RUL05",
        "medium",
        "a file that differs from the rule for it",
        why="A file keeps the rule under which it was first encrypted. When .sops.yaml says something else by now, new values "
        "in this file are not protected as its authors expect.",
        remedy="sopskit decrypt the file and encrypt it again, so that it gets the rule of today",
        find=rul05,
        check=True,
    ),
    ChangePolicy(
        "RUL06",
        "medium",
        "rules and secrets changed by one author",
        why="Whoever changes the rules decides who can read the secrets; whoever changes the secrets knows them. Many teams want "
        "two people for this.",
        remedy="let a second person look at the rules, or split the change",
        find=rul06,
    ),
)
