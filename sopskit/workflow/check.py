"""check: the findings that need no second state, for the index, a work tree, a range of commits, or files on a disk.

What cannot be looked at is told and never counts as clean. Nothing is written, no filter or hook of the repository is run.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from sopskit.errors import SopskitError, UsageError
from sopskit.git import TreeChange, TreeEntry
from sopskit.git.changes import SYMLINK
from sopskit.git.objects import blob_id
from sopskit.review.assemble import review as assemble
from sopskit.review.findings import POLICIES
from sopskit.review.model import End, NotChecked, Sides
from sopskit.review.request import DEFAULTS, Request
from sopskit.review.trees import Tree, path_text
from sopskit.workflow.ends import ROOT, limit_changes
from sopskit.workflow.review import entries_after, expect, review
from sopskit.workflow.teamconfig import load_team_config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sopskit.git import Repository
    from sopskit.git.worktree import WorkTree
    from sopskit.review.model import ReviewDiff
    from sopskit.review.request import Options
    from sopskit.workflow.ends import Ends

IN_CONFLICT = "U"  # git's letter for a path that is not merged yet
EXECUTABLE = 0o100


def check_staged(repository: Repository, paths: tuple[bytes, ...] = (), options: Options = DEFAULTS) -> ReviewDiff:
    """Check what the index changes against HEAD; with `paths` all that it holds at or below them, changed or not.

    Contents are those of the index, wherever the work tree has gone since. Raises `GitError` for an object that is not here,
    `UsageError` for a path that is neither in HEAD nor in the index, `ConfigError` for a `.sopskit.yaml` that cannot be read.
    """
    commit = repository.head()
    old = repository.tree_paths(commit) if commit is not None else []
    found = repository.staged() if commit is None else repository.staged_against(commit)
    merged = [change for change in found if change.status != IN_CONFLICT]
    new = entries_after(old, found)
    _require(paths, [*old, *new], "is not staged", "git add it first, or leave out --staged to check the work tree")
    changes = limit_changes(merged, paths)
    if paths:
        changed = {change.path for change in merged}
        changes += limit_changes((appears(entry) for entry in new if entry.path not in changed), paths)
    problems = [_in_conflict(change) for change in found if change.status == IN_CONFLICT]
    expect(repository, changes)
    read = _blob_reader(repository)
    return check(State(End("staged", None), commit, new, read), changes, old, read, problems, paths, options)


def check_worktree(
    repository: Repository, tree: WorkTree, paths: tuple[bytes, ...] = (), options: Options = DEFAULTS
) -> ReviewDiff:
    """Check the files of a work tree as they lie there: tracked ones, and untracked ones that are not ignored.

    With `paths` those at or below them; a file that is named itself is checked even if git ignores it. A file that differs
    from the one in HEAD is compared with it. Raises as `check_staged`.
    """
    commit = repository.head()
    old = repository.tree_paths(commit) if commit is not None else []
    entries = _lying_there(os.fsencode(repository.root), dict.fromkeys([*tree.files(), *paths]))
    _require(paths, entries, "is no file, and no folder with files that git does not ignore", None)
    before = {entry.path: entry for entry in old}
    contents = Contents(_file_reader(repository))
    changes = [
        _change(entry, before.get(entry.path), data, repository.object_format)
        for entry in entries
        if _is_below(entry, paths) and (data := contents.try_read(entry)) is not None
    ]
    state = State(End("worktree", None), commit, entries, contents.read)
    return check(state, changes, old, _blob_reader(repository), contents.problems, paths, options)


def check_range(
    repository: Repository, ends: Ends, paths: tuple[bytes, ...] = (), options: Options = DEFAULTS
) -> ReviewDiff:
    """Check what the second of two commits changes, in each commit between them where a policy asks. Raises as `review`."""
    return review(repository, ends, paths=paths, options=_chosen(options))._replace(base=None)


class State(NamedTuple):
    """The state that is checked: its name, the commit it follows (None: it is the first), its files, their contents."""

    end: End
    commit: str | None
    entries: Sequence[TreeEntry]
    read: Callable[[TreeEntry], bytes]


def check(
    state: State,
    changes: Sequence[TreeChange],
    before: Sequence[TreeEntry],
    read_before: Callable[[TreeEntry], bytes],
    problems: Sequence[NotChecked],
    paths: tuple[bytes, ...],
    options: Options,
) -> ReviewDiff:
    """Ask the policies about `changes` from the files of HEAD, `before`, to a state.

    Severities, waivers and names are those of HEAD; before the first commit those of the state itself.
    """
    base, head = Tree(before, read_before), Tree(state.entries, state.read)
    team, config = load_team_config(base if state.commit is not None else head, state.commit)
    return assemble(
        Request(
            base=None,
            head=state.end,
            changes=changes,
            trees=Sides(base, head),
            read=Sides(read_before, state.read),
            team=team,
            config=config,
            paths=tuple(path_text(path) for path in paths),
            problems=tuple(problems),
            standing=True,
            options=_chosen(options),
        )
    )


def _chosen(options: Options) -> Options:
    """With those of the policies that look at one state."""
    return options._replace(policies=[policy for policy in options.policies or POLICIES if policy.check])


# --- entries


def appears(entry: TreeEntry) -> TreeChange:
    """A file that is looked at without another side."""
    return TreeChange("A", None, entry)


def _in_conflict(change: TreeChange) -> NotChecked:
    path = path_text(change.base.path) if change.base is not None else "a path that both sides of a merge added"
    return NotChecked(path, "it is in conflict, so nothing of it is staged", decisive=True)


def _blob_reader(repository: Repository) -> Callable[[TreeEntry], bytes]:
    return lambda entry: repository.blob(entry.id)


def _require(paths: Sequence[bytes], entries: Sequence[TreeEntry], problem: str, hint: str | None) -> None:
    """Refuse a path that stands for nothing: a slip shall not be taken for a clean result."""
    for path in paths:
        if not any(_is_below(entry, (path,)) for entry in entries):
            raise UsageError(f"{path_text(path)} {problem}", hint=hint)


def _is_below(entry: TreeEntry, paths: Sequence[bytes]) -> bool:
    return not paths or any(path in (ROOT, entry.path) or entry.path.startswith(path + b"/") for path in paths)


def _lying_there(root: bytes, names: Iterable[bytes]) -> list[TreeEntry]:
    """Entries, without ids, for what is there: files and symbolic links, no folders, pipes or other repositories."""
    found = (entry_at(os.path.join(root, name), name) for name in names)
    return [entry for entry in found if entry is not None]


def entry_at(place: bytes, name: bytes) -> TreeEntry | None:
    """The entry of `name`, which lies at `place`; no link is followed. None for what is no file and no link."""
    import stat

    try:
        mode = os.lstat(place).st_mode
    except OSError:
        return None
    if stat.S_ISLNK(mode):
        return TreeEntry(name, SYMLINK, "")
    if not stat.S_ISREG(mode):
        return None
    return TreeEntry(name, 0o100755 if mode & EXECUTABLE else 0o100644, "")


class Contents:
    """The files of a state on a disk, each read once. What cannot be read is in `problems`."""

    def __init__(self, read: Callable[[TreeEntry], bytes]) -> None:
        """`read` gives a file's bytes, or a link's target; it raises `SopskitError`."""
        self._read = read
        self._data: dict[bytes, bytes] = {}
        self.problems: list[NotChecked] = []

    def read(self, entry: TreeEntry) -> bytes:
        """The bytes of a file."""
        if entry.path not in self._data:
            self._data[entry.path] = self._read(entry)
        return self._data[entry.path]

    def try_read(self, entry: TreeEntry) -> bytes | None:
        """The same; None, and a problem, if it cannot be read."""
        try:
            return self.read(entry)
        except SopskitError as error:
            self.problems.append(NotChecked(path_text(entry.path), error.message, decisive=True))
            return None


def _file_reader(repository: Repository) -> Callable[[TreeEntry], bytes]:
    root = os.fsencode(repository.root)
    return lambda entry: (
        repository.worktree_file(entry.path) if entry.is_file else os.readlink(os.path.join(root, entry.path))
    )


def _change(entry: TreeEntry, base: TreeEntry | None, data: bytes, object_format: str) -> TreeChange:
    """How a file of the work tree differs from the one in HEAD; one that does not is looked at without another side."""
    entry = entry._replace(id=blob_id(data, object_format))
    if base is None or base == entry:
        return appears(entry)
    if base.is_file and base.id != entry.id and base.id == blob_id(data.replace(b"\r\n", b"\n"), object_format):
        return appears(entry)  # core.autocrlf: git commits it with LF, as HEAD has it
    return TreeChange("M" if base.is_file == entry.is_file else "T", base, entry)
