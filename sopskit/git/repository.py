"""A repository, and the questions that sopskit asks of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Self

from sopskit.errors import GitError
from sopskit.git import history
from sopskit.git.changes import NO_SETTINGS, TreeChange, TreeEntry, parse_changes, parse_index, parse_tree
from sopskit.git.objects import LARGEST_BLOB, Objects, blob_id, empty_tree_id
from sopskit.git.plumbing import NOT_A_REPOSITORY, NOT_HERE, Plumbing, failure

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from types import TracebackType

    from sopskit.git.history import CommitInfo, CommitRange, Revision, Version

RAW = ("-r", "-z", "--raw", "--no-abbrev", *NO_SETTINGS, "--find-renames", "--find-copies", "-l1000")
FILTERS = r"^filter\..*\.(clean|process|required)$"
UNCOMMITTED = (
    *("diff-index", "--numstat", "-z", "--no-renames", "--no-ext-diff", "--no-textconv"),
    *("--ignore-submodules=all", "HEAD", "--"),
)
INDEX = "INDEX"
HEXADECIMAL = frozenset("0123456789abcdef")
LOCAL_DEFAULTS = ("refs/heads/main", "refs/heads/master")


def open_repository(
    path: Path | str, environ: Mapping[str, str] | None = None, *, index_file: str | None = None
) -> Repository | None:
    """The repository whose work tree `path` (a file or folder, existing or not) is in; None if it is in none.

    `environ` gives HOME, so that the user's `safe.directory` holds; without it git reads no configuration of the user's.
    `index_file` is another index than the usual one: git names one to hooks in GIT_INDEX_FILE.
    Raises `GitError` if git is missing or refuses the repository (another owner, a bare one inside the tree).
    """
    folder = _existing_folder(Path(path))
    near = next((parent for parent in (folder, *folder.parents) if (parent / ".git").exists()), None)
    if near is None:
        return None  # spares the import and the process
    plumbing = Plumbing(folder, environ, untrusted=near)
    answer = plumbing.run("rev-parse", "--show-object-format", "--is-shallow-repository", "--show-toplevel")
    if answer.status:
        if NOT_A_REPOSITORY in answer.complaint:
            return None
        raise failure("rev-parse", answer)
    object_format, shallow, root = answer.output.removesuffix(b"\n").split(b"\n", 2)
    top = Path(os.fsdecode(root))
    return Repository(
        top,
        Plumbing(top, environ, untrusted=top, index_file=index_file),
        object_format=object_format.decode("ascii"),
        shallow=shallow == b"true",
    )


def _existing_folder(path: Path) -> Path:
    path = path.absolute()
    while not path.is_dir():
        path = path.parent
    return path.resolve()


class Repository:
    """A work tree with its objects. Commits are named by the ids that `resolve` gives, paths relative to the root.

    A path is text (with surrogate escapes) or bytes when handed in, bytes when handed out.
    """

    __slots__ = ("_objects", "_plumbing", "object_format", "root", "shallow")

    def __init__(self, root: Path, plumbing: Plumbing, *, object_format: str, shallow: bool) -> None:
        """Made by `open_repository`."""
        self.root = root
        self.object_format = object_format
        self.shallow = shallow
        self._plumbing = plumbing
        self._objects = Objects(plumbing)

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    def close(self) -> None:
        """End the git process that reads blobs; another one is started when it is needed."""
        self._objects.close()

    # --- commits

    def resolve(self, revision: str) -> str:
        """The id of the commit that `revision` names. Raises `GitError` if it names none; it can be no option."""
        commit = self._find(f"{revision}^{{commit}}")
        if commit is None:
            raise GitError(
                f"{_quoted(revision)} names no commit of this repository",
                hint=NOT_HERE if self.shallow else "git fetch brings what only the remote has",
            )
        return commit

    def _is_id(self, revision: str) -> bool:
        length = 40 if self.object_format == "sha1" else 64
        return len(revision) == length and HEXADECIMAL.issuperset(revision)

    def head(self) -> str | None:
        """The id of the commit that is checked out; None before the first one."""
        return self._find("HEAD")

    def _find(self, expression: str) -> str | None:
        answer = self._plumbing.run("rev-parse", "--verify", "--quiet", "--end-of-options", expression)
        return answer.output.decode("ascii").strip() if answer.status == 0 else None

    def merge_base(self, one: str, other: str) -> str:
        """The best common ancestor of two commits. Raises `GitError` if there is none here."""
        answer = self._plumbing.run("merge-base", one, other)
        if answer.status:
            raise GitError("the two commits have no common ancestor here", hint=NOT_HERE if self.shallow else None)
        return answer.output.decode("ascii").strip()

    def upstream_default(self) -> str | None:
        """The full name of the default branch of the remote `origin` (or the only remote).

        Without any remote, the local `main` or `master`. None if there is no such branch.
        """
        remotes = self._plumbing.output("remote").decode("utf-8", "surrogateescape").split()
        if not remotes:
            return next((name for name in LOCAL_DEFAULTS if self._find(name)), None)
        if "origin" not in remotes and len(remotes) > 1:
            return None
        remote = f"refs/remotes/{'origin' if 'origin' in remotes else remotes[0]}"
        head = self._plumbing.run("symbolic-ref", "--quiet", f"{remote}/HEAD")
        candidates = [os.fsdecode(head.output).strip()] if head.status == 0 else []
        candidates += [f"{remote}/main", f"{remote}/master"]
        return next((name for name in candidates if self._find(name)), None)

    # --- trees

    def changes(self, base: str, head: str) -> list[TreeChange]:
        """The differences between two commits. Raises `GitError`.

        Renames are found, and copies of files that changed as well.
        """
        return parse_changes(self._plumbing.output("diff-tree", *RAW, "--end-of-options", base, head))

    @property
    def empty_tree(self) -> str:
        """The id of the tree without files."""
        return empty_tree_id(self.object_format)

    def staged(self) -> list[TreeChange]:
        """The differences between HEAD (nothing, before the first commit) and the index."""
        return self.staged_against(self._find("HEAD") or empty_tree_id(self.object_format))

    def staged_against(self, commit: str) -> list[TreeChange]:
        """The differences between a commit and the index. Raises `GitError`."""
        return parse_changes(self._plumbing.output("diff-index", "--cached", *RAW, "--end-of-options", commit))

    def worktree(self, base: str) -> list[TreeChange]:
        """The differences between a commit and the files that lie in the work tree, no filter applied.

        Untracked files that are not ignored count. Submodules are not looked into. Where a file cannot be read, the id of
        its head side is "". Raises `GitError`.
        """
        from sopskit.git.files import file_changes

        return file_changes(self._plumbing, self.root, base, self.object_format)

    def has_uncommitted_changes(self, commit: str) -> bool:
        """Whether `commit` is checked out and a tracked file differs from it, in the index or in the work tree.

        Submodules are not looked into. Content is compared only where times or sizes differ, and as if no filter were
        configured, since one is a program. What cannot be found out counts as no change.
        """
        if self._find("HEAD") != commit:
            return False
        filters = self._plumbing.run("config", "-z", "--name-only", "--get-regexp", FILTERS).output.split(b"\0")[:-1]
        if any(b"=" in name for name in filters):
            return False  # -c cannot name it
        disabled = [word for name in filters for word in (b"-c", name + b"=")]
        answer = self._plumbing.run(*disabled, *UNCOMMITTED)
        return answer.status == 0 and bool(answer.output)

    def tree_paths(self, revision: str) -> list[TreeEntry]:
        """All paths of a commit."""
        commit = revision if self._is_id(revision) else self.resolve(revision)
        return parse_tree(self._plumbing.output("ls-tree", "-r", "-z", "--full-tree", commit))

    # --- history

    def range(self, base: str, head: str, *, limit: int = 20_000) -> CommitRange:
        """The commits that `head` has and `base` has not, oldest first, each with what it changed. Raises `GitError`.

        Above `limit` commits the newest are given. A merge is compared with its first parent. Renames are not looked for.
        """
        found = history.commit_range(self._plumbing, base, head, limit)
        for commit in found.commits:
            if self.is_cut_off(commit):
                raise GitError(f"the parents of commit {commit.id} are not in this clone", hint=NOT_HERE)
        return found

    def is_cut_off(self, commit: CommitInfo) -> bool:
        """Whether the clone is shallow and ends at a commit: git hides the parents that the commit itself names."""
        if not self.shallow or commit.parents:
            return False
        return b"\nparent " in self.commit_object(commit.id).partition(b"\n\n")[0]

    def versions(
        self, paths: Collection[bytes], start: str, *, limit_commits: int = 5000
    ) -> dict[bytes, list[Version]]:
        """What stood at each of these paths in `start` and before, newest first, on all branches merged into it.

        At most `limit_commits` commits are looked at, for a few paths only those that changed one of them. A merge counts
        only where it differs from all its parents. Raises `GitError`.
        """
        return history.versions(self._plumbing, paths, start, limit_commits)

    def revisions(self, path: str | bytes, start: str, *, limit: int = 1000) -> Iterator[Revision]:
        """The commits that made the file at `path` what it is in `start`, newest first, followed through renames.

        Raises `GitError`, also midway.
        """
        return history.revisions(self._plumbing, os.fsencode(path), start, limit)

    # --- contents

    def commit_object(self, id: str) -> bytes:
        """A commit's own bytes: headers, an empty line, the message. Raises `GitError`."""
        return self._objects.commit(id)

    def worktree_file(self, path: str | bytes, *, limit: int = LARGEST_BLOB) -> bytes:
        """The file at `path` in the work tree, as it lies there; no symbolic link is followed.

        Raises `GitError` if no regular file is there, `LimitError` above `limit` bytes.
        """
        from sopskit.git.files import read_file

        return read_file(self.root, os.fsencode(path), limit)

    def expect_blobs(self, ids: Iterable[str]) -> None:
        """Say which blobs will be read, in about this order, so that git is asked for many at a time."""
        self._objects.expect(ids)

    def blob(self, id: str, *, limit: int = LARGEST_BLOB) -> bytes:
        """The blob's bytes, no filter applied. Raises `GitError` if it is not here, `LimitError` above `limit` bytes."""
        return self._objects.blob(id, limit)

    def blob_at(self, place: str, path: str | bytes, *, limit: int = LARGEST_BLOB) -> bytes | None:
        """The file at `path` in a commit, or in the index if `place` is `INDEX`.

        None if no regular file stands there, or the commit is a HEAD that does not exist yet.
        """
        name = os.fsencode(path)
        if place == INDEX:
            entries = parse_index(self._plumbing.output("ls-files", "--stage", "-z", "--full-name", "--", name))
        elif place == "HEAD" and self._find("HEAD") is None:
            return None
        else:
            entries = parse_tree(self._plumbing.output("ls-tree", "-z", "--full-tree", self.resolve(place), "--", name))
        entry = next((entry for entry in entries if entry.path == name and entry.is_file), None)
        return None if entry is None else self.blob(entry.id, limit=limit)

    def is_in_upstream_default(self, path: str | bytes, data: bytes) -> bool:
        """Whether a file of these bytes stands at `path` in the upstream default branch or did in its history.

        Only what was merged there has passed review. Without such a branch the answer is no.
        """
        branch = self.upstream_default()
        if branch is None:
            return False
        name, id = os.fsencode(path), blob_id(data, self.object_format)
        tip = parse_tree(self._plumbing.output("ls-tree", "-z", "--full-tree", self.resolve(branch), "--", name))
        if any(entry.id == id and entry.path == name for entry in tip):
            return True
        # one line for each object: its id, a blank, and its path up to a line feed in it
        listing = self._plumbing.output(
            "rev-list", "--objects", "--full-history", "--end-of-options", self.resolve(branch), "--", name
        )
        return id.encode("ascii") + b" " + name.split(b"\n", 1)[0] in listing.split(b"\n")

    def relative(self, path: Path | str) -> str | None:
        """`path` relative to the root with slashes; None if it lies outside. A final symbolic link is not followed."""
        absolute = Path(path).absolute()
        real = absolute.resolve() if absolute.name in ("", "..") else absolute.parent.resolve() / absolute.name
        return real.relative_to(self.root).as_posix() if real.is_relative_to(self.root) else None


def _quoted(revision: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in f"'{revision}'")
