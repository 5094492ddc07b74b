"""RCP08: PGP recipients whose public keys, as they lie in the repository, have ended."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from sopskit.config.search import NAME
from sopskit.config.sopskit_yaml import canonical
from sopskit.document.model import position
from sopskit.errors import SopskitError
from sopskit.review.findings.policy import ChangePolicy, Hit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sopskit.review.findings.subject import ChangeSet, Subject
    from sopskit.review.pgpkeys import Problem, PublicKey
    from sopskit.review.trees import Tree

PGP = "pgp"
SUFFIXES = (".asc", ".pgp", ".gpg")  # those that are messages more often than keys come last
MOST_FILES = 50
MOST_BYTES = 8 * 1024 * 1024  # of all of them: a backup may have such a suffix too, and what is read is kept
EXACTLY = "!"  # what gpg takes as "this subkey and no other"


class _Use(NamedTuple):
    """A PGP recipient of a changed file or rule. `text` is how it is written there."""

    text: str
    subject: Subject

    @property
    def fingerprint(self) -> str:
        return canonical(self.text.removesuffix(EXACTLY))


class _Found(NamedTuple):
    """A public key, and the file it was found in first."""

    key: PublicKey
    path: str


def rcp08(change: ChangeSet) -> Iterator[Hit]:
    """A PGP recipient whose public key in the repository has expired or was revoked; one hit for each, where it stands first."""
    uses: dict[str, list[_Use]] = {}
    for use in _uses(change):
        uses.setdefault(use.fingerprint, []).append(use)
    keys = _keys(change) if uses else {}
    now = change.now.timestamp()
    for fingerprint, several in uses.items():
        found, first = keys.get(fingerprint), several[0]
        problem = None
        if found is not None:
            from sopskit.review.pgpkeys import problem_of  # it loads a hash library of its own

            problem = problem_of(found.key, now, only=fingerprint if first.text.endswith(EXACTLY) else None)
        if found is not None and problem is not None:
            yield _hit(first, found.path, problem, len({use.subject.path for use in several}))


def _uses(change: ChangeSet) -> Iterator[_Use]:
    for subject in change.subjects:
        head = subject.sides.head
        ids = [one.id for one in head.recipients() if one.type == PGP] if head is not None else []
        if subject.path.rpartition("/")[2] == NAME:
            ids += _ids_of_rules(change, subject.path)
        yield from (_Use(id, subject) for id in dict.fromkeys(ids))


def _ids_of_rules(change: ChangeSet, path: str) -> list[str]:
    """Those of all rules of a `.sops.yaml`; none of one that cannot be read, which is told elsewhere."""
    config = change.rules.head.configs.get(path.rpartition("/")[0])
    try:
        rules = config.rules() if config is not None else ()
    except SopskitError:
        return []
    return [key.id for rule in rules for group in rule.groups for key in group if key.kind == PGP]


def _keys(change: ChangeSet) -> Mapping[str, _Found]:
    """The public keys that lie in head, by the fingerprints of all their components."""
    copies = list(_copies(change.trees.head))
    places = {key.primary.fingerprint: path for path, key in reversed(copies)}
    found: dict[str, _Found] = {}
    from sopskit.review.pgpkeys import by_fingerprint

    for name, key in by_fingerprint(key for _, key in copies).items():
        for part in (key.primary, *key.subkeys):
            found.setdefault(part.fingerprint, _Found(key, places[name]))
    return found


def _copies(tree: Tree) -> Iterator[tuple[str, PublicKey]]:
    """Each key with its file, those of the likely suffixes first; none of the files after the limits."""
    paths = sorted(path for path in tree.entries if path.lower().endswith(SUFFIXES))
    paths = sorted(paths, key=lambda path: SUFFIXES.index(path[-4:].lower()))[:MOST_FILES]
    tree.expect(paths)
    room = MOST_BYTES
    for path in paths:
        data = tree.data(path) or b""
        from sopskit.review.pgpkeys import read_public_keys

        yield from ((path, key) for key in read_public_keys(data))
        room -= len(data)
        if room < 0:
            return


def _hit(use: _Use, file: str, problem: Problem, count: int) -> Hit:
    args: dict[str, int | str] = {"recipient": use.subject.spelled(use.text.removesuffix(EXACTLY)), "file": file}
    whose = "the last encryption key of {recipient}" if problem.subkey else "{recipient}"
    verdict, named = "is revoked", ""
    if problem.expired is not None:
        verdict = "expired on {date}"
        args["date"] = datetime.fromtimestamp(problem.expired, UTC).date().isoformat()
    if count > 1:
        named = "; {count} changed files name it"
        args["count"] = count
    message = f"{whose} {verdict}, as the public key in {{file}} says{named}"
    return Hit(message, args, path=use.subject.path, line=_line(use))


def _line(use: _Use) -> int | None:
    head = use.subject.sides.head
    text = head.document.text if head is not None and head.document is not None else ""
    index = text.find(use.text)
    return position(text, index)[0] if index >= 0 else None


POLICIES = (
    ChangePolicy(
        "RCP08",
        "medium",
        "an expired or revoked PGP recipient",
        why="gpg encrypts to no key that has expired or was revoked, so the next rotation or updatekeys of the file fails, on the "
        "day when it is needed. A revoked key may be in other hands, which open all that is still encrypted for it. The public "
        "key in the repository says so itself; its signatures are not verified here.",
        remedy="ask its owner for a key that is valid, commit it and sopskit updatekeys; of a revoked one, rotate and change the values",
        find=rcp08,
        check=True,
    ),
)
