"""Commits and what each changed, from one `git log` each (git-log(1), RAW OUTPUT FORMAT in git-diff-tree(1)).

`log` is no plumbing, so every setting that changes its output or starts a program is answered on its command line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sopskit.git.changes import NO_SETTINGS, TreeChange, TreeEntry, parse_changes

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from sopskit.git.plumbing import Plumbing

FIELDS = "%H%x00%P%x00%an%x00%ae%x00%at%x00%ct%x00%s"
LOG = (
    *("log", "-z", "--raw", "--no-abbrev", "--no-renames", "--root", "--topo-order", *NO_SETTINGS),
    *("--no-show-signature", "--no-notes", "--no-decorate", "--no-color", "--no-follow", "--no-relative"),
    *("-O/dev/null", "--encoding=UTF-8", f"--format={FIELDS}"),
)
# git compares every path of a folder with every pathspec: above this, the log of everything is sooner read
MOST_PATHSPECS = 24
CREATED_AS = ("diff-tree", "-r", "-z", "--raw", "--no-abbrev", *NO_SETTINGS, "--find-renames", "-l1000")


class CommitInfo(NamedTuple):
    """A commit. `author`, `email` and `subject` are whatever somebody wrote there; bytes that are no UTF-8 are surrogates.

    `time` is the author's, `committer_time` the committer's, in seconds of Unix time, 0 if unreadable; both are claims.
    `changes` is against the first parent, or against nothing; empty where the commit tells of one file only.
    """

    id: str
    parents: tuple[str, ...]
    author: str
    email: str
    time: int
    committer_time: int
    subject: str
    changes: tuple[TreeChange, ...] = ()


class CommitRange(NamedTuple):
    """Commits, parents before children. Not `complete`: there are more, older ones."""

    commits: tuple[CommitInfo, ...]
    complete: bool


class Version(NamedTuple):
    """What a commit made of a file: the commit, the blob's id, and the author's time in seconds of Unix time."""

    commit: str
    blob: str
    time: int


class Revision(NamedTuple):
    """A commit that changed one file: the file as it left it, and as each of its parents had it.

    `head` is None where it deleted the file, a parent's side where that had no such file. Of a merge, only a file that
    differs from those of all parents is told. A rename has the old path in `parents`.
    """

    commit: CommitInfo
    head: TreeEntry | None
    parents: tuple[TreeEntry | None, ...]


def commit_range(plumbing: Plumbing, base: str, head: str, limit: int) -> CommitRange:
    """The newest `limit` of the commits that `head` has and `base` has not. Raises `GitError`."""
    words = (f"--max-count={limit + 1}", "--diff-merges=first-parent", "--end-of-options", head, f"^{base}", "--")
    newest_first = list(parse_log(plumbing.output(*LOG, *words)))
    commits = [
        commit._replace(changes=tuple(_against_the_first_parent(side) for side in sides))
        for commit, sides in newest_first[:limit]
    ]
    return CommitRange(tuple(reversed(commits)), complete=len(newest_first) <= limit)


def _against_the_first_parent(sides: Sides) -> TreeChange:
    return TreeChange(sides.status[0], sides.parents[0], sides.head)


def versions(plumbing: Plumbing, paths: Collection[bytes], start: str, limit: int) -> dict[bytes, list[Version]]:
    """The versions of each path, newest first, from at most `limit` commits. Raises `GitError`."""
    wanted: dict[bytes, list[Version]] = {path: [] for path in paths}
    words = (f"--max-count={limit}", "--full-history", "--diff-merges=combined", "--end-of-options", start, "--")
    pathspecs = tuple(wanted) if len(wanted) <= MOST_PATHSPECS else ()
    if not wanted:
        return {}
    for commit, changes in parse_log(plumbing.output(*LOG, *words, *pathspecs)):
        for change in changes:
            head = change.head
            if head is not None and head.is_file and head.path in wanted:
                wanted[head.path].append(Version(commit.id, head.id, commit.time))
    return wanted


def revisions(plumbing: Plumbing, path: bytes, start: str, limit: int) -> Iterator[Revision]:
    """The commits that changed a file, newest first, through renames; at most `limit`. Raises `GitError`."""
    place: tuple[bytes, str] | None = (path, start)
    while place is not None and limit > 0:
        path, start = place
        place = None
        words = (f"--max-count={limit}", "--diff-merges=combined", "--end-of-options", start, "--", path)
        for commit, changes in parse_log(plumbing.output(*LOG, *words)):
            sides = next((one for one in changes if one.path == path), None)
            if sides is None:
                continue
            limit -= 1
            source = _renamed_from(plumbing, commit, path) if sides.status == "A" else None
            yield Revision(commit, sides.head, (source,) if source else sides.parents)
            if source is not None:
                place = source.path, commit.parents[0]
                break


def _renamed_from(plumbing: Plumbing, commit: CommitInfo, path: bytes) -> TreeEntry | None:
    """The file that a commit renamed to `path`."""
    if not commit.parents:
        return None
    output = plumbing.output(*CREATED_AS, "--end-of-options", commit.parents[0], commit.id)
    return next((one.base for one in parse_changes(output) if one.status == "R" and one.path == path), None)


class Sides(NamedTuple):
    """One path in a commit of a log: a status letter for each parent, the path there, the path here."""

    status: str
    path: bytes
    parents: tuple[TreeEntry | None, ...]
    head: TreeEntry | None


def parse_log(output: bytes) -> Iterator[tuple[CommitInfo, list[Sides]]]:
    """Read the output of `LOG`: seven fields of a commit, then its changes, each begun by as many colons as parents."""
    tokens = iter(output.split(b"\0"))
    token = _next(tokens)
    while token:
        commit = _commit(token, tokens)
        changes: list[Sides] = []
        token = _next(tokens).removeprefix(b"\n")
        while token.startswith(b":"):
            changes.append(_sides(token, next(tokens)))
            token = _next(tokens)
        yield commit, changes


def _next(tokens: Iterator[bytes]) -> bytes:
    """The next id or change: a line feed or, in a merge, an empty field stands before the first change."""
    return next(filter(None, tokens), b"")


def _commit(id: bytes, tokens: Iterator[bytes]) -> CommitInfo:
    parents, author, email, time, committer_time, subject = (
        next(tokens).decode("utf-8", "surrogateescape") for _ in range(6)
    )
    return CommitInfo(
        id.decode("ascii"), tuple(parents.split()), author, email, _seconds(time), _seconds(committer_time), subject
    )


def _seconds(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0


def _sides(token: bytes, path: bytes) -> Sides:
    count = len(token) - len(token.lstrip(b":"))
    words = token[count:].decode("ascii").split(" ")
    modes, ids = words[: count + 1], words[count + 1 : -1]
    entries = [TreeEntry(path, int(mode, 8), id) if int(mode, 8) else None for mode, id in zip(modes, ids, strict=True)]
    return Sides(words[-1], path, tuple(entries[:-1]), entries[-1])
