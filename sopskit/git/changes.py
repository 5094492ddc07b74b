"""What git says about trees, in its raw formats with NUL between names (git-diff-tree(1), git-ls-tree(1))."""

from __future__ import annotations

from typing import NamedTuple

REGULAR = frozenset((0o100644, 0o100755))
SYMLINK = 0o120000
SUBMODULE = 0o160000
# no configured program; and `.gitmodules` must not hide that a submodule was moved
NO_SETTINGS = ("--no-ext-diff", "--no-textconv", "--ignore-submodules=none")


class TreeEntry(NamedTuple):
    """A path in a tree or in the index. Paths are bytes, relative to the repository's root; `id` is hexadecimal."""

    path: bytes
    mode: int
    id: str

    @property
    def is_file(self) -> bool:
        """Whether this is a regular file: no symbolic link, no submodule."""
        return self.mode in REGULAR


class TreeChange(NamedTuple):
    """A difference between two trees.

    `status` is git's letter: A added, D deleted, M modified, R renamed, C copied, T type changed.
    `base` and `head` are the two sides; None where the path does not exist. `similarity` is a per cent, 100 but for R and C.
    """

    status: str
    base: TreeEntry | None
    head: TreeEntry | None
    similarity: int = 100

    @property
    def path(self) -> bytes:
        """The path as it is now, or was if it is gone."""
        side = self.head or self.base
        if side is None:
            raise AssertionError("a change has a side")
        return side.path


def parse_changes(output: bytes) -> list[TreeChange]:
    """Read `diff-tree -r -z --raw --no-abbrev` or `diff-index` of the same options."""
    changes: list[TreeChange] = []
    fields = iter(output.split(b"\0"))
    while field := next(fields):
        base_mode, head_mode, base_id, head_id, status = field.decode("ascii").removeprefix(":").split(" ")
        letter, similarity = status[0], int(status[1:] or 100)
        base_path = next(fields)
        head_path = next(fields) if letter in "RC" else base_path
        changes.append(
            TreeChange(letter, _side(base_path, base_mode, base_id), _side(head_path, head_mode, head_id), similarity)
        )
    return changes


def _side(path: bytes, mode: str, id: str) -> TreeEntry | None:
    return TreeEntry(path, int(mode, 8), id) if int(mode, 8) else None


def parse_tree(output: bytes) -> list[TreeEntry]:
    """Read `ls-tree -r -z`."""
    entries: list[TreeEntry] = []
    for line in output.split(b"\0")[:-1]:
        head, _, path = line.partition(b"\t")
        mode, _, id = head.decode("ascii").split(" ")
        entries.append(TreeEntry(path, int(mode, 8), id))
    return entries


def parse_index(output: bytes) -> list[TreeEntry]:
    """Read `ls-files --stage -z`; of a path in conflict (stages 1 to 3) nothing."""
    entries: list[TreeEntry] = []
    for line in output.split(b"\0")[:-1]:
        head, _, path = line.partition(b"\t")
        mode, id, stage = head.decode("ascii").split(" ")
        if stage == "0":
            entries.append(TreeEntry(path, int(mode, 8), id))
    return entries
