"""review-diff: the objects of two commits in, one review out. Nothing is checked out, no key is used."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from sopskit.config.search import NAME
from sopskit.config.sops_yaml import SopsConfig
from sopskit.errors import FormatError, GitError, LimitError, NoMatchingRuleError, UsageError
from sopskit.review.files import path_text, review_file
from sopskit.review.findings.subject import Rule
from sopskit.review.model import Commit, FileReview, NotChecked, ReviewDiff, Sides
from sopskit.review.sides import looks_encrypted, read_side

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sopskit.git import Repository, TreeChange, TreeEntry
    from sopskit.review.model import FileStatus, Severity
    from sopskit.review.sides import Side

ROOT = b"."
STATUSES: dict[str, FileStatus] = {
    "A": "added",
    "C": "copied",
    "D": "deleted",
    "M": "modified",
    "R": "renamed",
    "T": "type-changed",
}


class Ends(NamedTuple):
    """The two commits to compare, each with the words that named it."""

    base: Commit
    head: Commit


def choose_ends(repository: Repository, words: Sequence[str], folder: Path, *, separated: bool = False) -> Ends:
    """The commits that a command line means.

    `A..B`: these two. `A...B` and `A B`: the merge base of the two, and B. `A`: the same with HEAD as B. Nothing: the same
    with the upstream default branch as A. A word that is a path in `folder` as well is refused, as git does, unless two
    dashes `separated` the revisions from paths. Raises `UsageError` and `GitError`.
    """
    base, head, merge = _names(repository, words)
    for word in words:
        if not separated and os.path.lexists(folder / word):
            raise UsageError(
                f"{word} may be a revision or a path",
                hint=f"write {word} -- if you mean the branch, and paths after the two dashes",
            )
    base_id, head_id = repository.resolve(base), repository.resolve(head)
    return Ends(
        Commit(_short(base), repository.merge_base(base_id, head_id) if merge else base_id), Commit(head, head_id)
    )


def _names(repository: Repository, words: Sequence[str]) -> tuple[str, str, bool]:
    """Base, head, and whether the merge base of the two is meant."""
    if len(words) == 2:
        return words[0], words[1], True
    if not words:
        default = repository.upstream_default()
        if default is None:
            raise UsageError(
                "there is no upstream default branch to compare with", hint="name one: sopskit review-diff main"
            )
        return default, "HEAD", True
    for separator, merge in (("...", True), ("..", False)):
        base, found, head = words[0].partition(separator)
        if found:
            return base or "HEAD", head or "HEAD", merge
    return words[0], "HEAD", True


def choose_paths(repository: Repository, words: Sequence[str], folder: Path) -> tuple[bytes, ...]:
    """Paths relative to `folder` as paths of the repository; `.` is its root. Raises `UsageError` for one outside."""
    paths: list[bytes] = []
    for word in words:
        relative = repository.relative(folder / word)
        if relative is None:
            raise UsageError(f"{word} lies outside of the repository")
        paths.append(os.fsencode(relative))
    return tuple(paths)


def review(
    repository: Repository, ends: Ends, *, paths: tuple[bytes, ...] = (), threshold: Severity = "high"
) -> ReviewDiff:
    """Review what changed between two commits, if `paths` are given only at or below them.

    Raises `GitError` if an object is not here, and `UsageError` for a path that neither commit has.
    """
    rules = Sides(_Rules(repository, ends.base.commit), _Rules(repository, ends.head.commit))
    _require(paths, [*rules.base.tree, *rules.head.tree])
    files: list[FileReview] = []
    not_checked: list[NotChecked] = []
    for change in repository.changes(ends.base.commit, ends.head.commit):
        if paths and not any(_covers(path, side) for path in paths for side in (change.base, change.head)):
            continue
        file, problems = _review_change(repository, change, rules)
        files.append(file)
        not_checked += problems
    problems = [*rules.base.problems, *rules.head.problems]
    names = tuple(path_text(path) for path in paths)
    not_checked = list(dict.fromkeys(problems + not_checked))
    return ReviewDiff(ends.base, ends.head, tuple(files), tuple(not_checked), threshold, names)


def _require(paths: tuple[bytes, ...], tree: list[TreeEntry]) -> None:
    """A slip in a path shall not be taken for a clean review."""
    for path in paths:
        if path != ROOT and not any(_covers(path, entry) for entry in tree):
            raise UsageError(
                f"{path_text(path)} is in neither of the two commits", hint="paths are relative to the current folder"
            )


def _covers(path: bytes, entry: TreeEntry | None) -> bool:
    return entry is not None and (path in (ROOT, entry.path) or entry.path.startswith(path + b"/"))


def _review_change(
    repository: Repository, change: TreeChange, rules: Sides[_Rules]
) -> tuple[FileReview, list[NotChecked]]:
    status = STATUSES[change.status]
    if change.base and change.head and change.base.id == change.head.id and change.status == "M":
        status = "mode-changed"
    old_path = change.base.path if change.base and change.status in "RC" else None
    problems: list[NotChecked] = []
    data = Sides(_load(repository, change.base, problems), _load(repository, change.head, problems))
    sides = Sides(_read(change.base, data.base, problems), _read(change.head, data.head, problems))
    if problems:  # half a comparison would mislead, what needs none is still found
        sides = Sides(None, None)
    found = Sides(rules.base.rule_for(change.path), rules.head.rule_for(change.path))
    return review_file(change.path, old_path, status, sides, found, data), problems


def _load(repository: Repository, entry: TreeEntry | None, problems: list[NotChecked]) -> bytes | None:
    if entry is None or not entry.is_file:
        return None
    try:
        return repository.blob(entry.id)
    except LimitError as error:
        problems.append(NotChecked(path_text(entry.path), error.message, decisive=True))
        return None


def _read(entry: TreeEntry | None, data: bytes | None, problems: list[NotChecked]) -> Side | None:
    if entry is None or data is None:
        return None
    path = path_text(entry.path)
    try:
        return read_side(path, data)
    except LimitError as error:
        problems.append(NotChecked(path, error.message, decisive=looks_encrypted(data)))
    except FormatError as error:
        problems.append(NotChecked(path, str(error), decisive=looks_encrypted(data)))
    return None


class _Rules:
    """What the `.sops.yaml` files of one commit say. Those that cannot be read are in `problems`, all its files in `tree`."""

    def __init__(self, repository: Repository, commit: str) -> None:
        self.problems: list[NotChecked] = []
        self._root = repository.root
        self._configs: dict[bytes, SopsConfig | None] = {}
        self.tree = repository.tree_paths(commit)
        name = NAME.encode()
        for entry in self.tree:
            folder, _, last = entry.path.rpartition(b"/")
            if last == name and entry.is_file:
                self._configs[folder] = self._load(path_text(entry.path), repository.blob(entry.id))

    def _load(self, path: str, data: bytes) -> SopsConfig | None:
        try:
            return SopsConfig(str(self._root / path), data)
        except FormatError as error:
            self.problems.append(NotChecked(path, error.message, decisive=True))
            return None

    def rule_for(self, path: bytes) -> Rule | None:
        """The rule of the nearest `.sops.yaml` above `path`; None if there is none, or none fits."""
        folder = path
        while folder:
            folder = folder.rpartition(b"/")[0]
            if folder in self._configs:
                config = self._configs[folder]
                return None if config is None else self._rule(config, path)
        return None

    def _rule(self, config: SopsConfig, path: bytes) -> Rule | None:
        try:
            found = config.rule_for(str(self._root / path_text(path)))
        except NoMatchingRuleError:
            return None
        except FormatError as error:
            file = Path(config.file).relative_to(self._root).as_posix()
            self.problems.append(NotChecked(file, error.message, decisive=True))
            return None
        if found is None:
            return None
        recipients = frozenset(key.id for group in found.groups for key in group)
        return Rule(recipients, found.selection, by_path=bool(found.path_regex))


def _short(name: str) -> str:
    """`origin/main` for `refs/remotes/origin/main`."""
    for prefix in ("refs/heads/", "refs/remotes/"):
        name = name.removeprefix(prefix)
    return name


def missing_repository() -> GitError:
    """The error for a folder that is in no repository."""
    return GitError("this folder is in no git repository", hint="run sopskit review-diff inside a work tree")
