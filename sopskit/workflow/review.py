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


def choose_ends(repository: Repository, words: Sequence[str], folder: Path) -> Ends:
    """The commits that a command line means.

    `A..B`: these two. `A...B` and `A B`: the merge base of the two, and B. `A`: the same with HEAD as B. Nothing: the same
    with the upstream default branch as A. A word that is a path in `folder` as well is refused, as git does.
    Raises `UsageError` and `GitError`.
    """
    base, head, merge = _names(repository, words)
    for word in words:
        if os.path.lexists(folder / word):
            raise UsageError(f"{word} is a revision and a path", hint=f"write refs/heads/{word} if you mean the branch")
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


def review(repository: Repository, ends: Ends, *, threshold: Severity = "high") -> ReviewDiff:
    """Review what changed between two commits. Raises `GitError` if an object is not here."""
    rules = Sides(_Rules(repository, ends.base.commit), _Rules(repository, ends.head.commit))
    files: list[FileReview] = []
    not_checked: list[NotChecked] = []
    for change in repository.changes(ends.base.commit, ends.head.commit):
        file, problems = _review_change(repository, change, rules)
        files.append(file)
        not_checked += problems
    problems = [*rules.base.problems, *rules.head.problems]
    return ReviewDiff(ends.base, ends.head, tuple(files), tuple(dict.fromkeys(problems + not_checked)), threshold)


def _review_change(
    repository: Repository, change: TreeChange, rules: Sides[_Rules]
) -> tuple[FileReview, list[NotChecked]]:
    status = STATUSES[change.status]
    if change.base and change.head and change.base.id == change.head.id and change.status == "M":
        status = "mode-changed"
    old_path = change.base.path if change.base and change.status in "RC" else None
    problems: list[NotChecked] = []
    sides = Sides(_read(repository, change.base, problems), _read(repository, change.head, problems))
    if problems:
        return FileReview(path_text(change.path), status, None if old_path is None else path_text(old_path)), problems
    found = Sides(rules.base.rule_for(change.path), rules.head.rule_for(change.path))
    return review_file(change.path, old_path, status, sides, found), []


def _read(repository: Repository, entry: TreeEntry | None, problems: list[NotChecked]) -> Side | None:
    if entry is None or not entry.is_file:
        return None
    path = path_text(entry.path)
    data = b""
    try:
        data = repository.blob(entry.id)
        return read_side(path, data)
    except LimitError as error:
        problems.append(NotChecked(path, error.message, decisive=not data or looks_encrypted(data)))
    except FormatError as error:
        problems.append(NotChecked(path, str(error), decisive=looks_encrypted(data)))
    return None


class _Rules:
    """What the `.sops.yaml` files of one commit say. Those that cannot be read are in `problems`."""

    def __init__(self, repository: Repository, commit: str) -> None:
        self.problems: list[NotChecked] = []
        self._root = repository.root
        self._configs: dict[bytes, SopsConfig | None] = {}
        name = NAME.encode()
        for entry in repository.tree_paths(commit):
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
