"""recipients: who can read which files of a work tree, as the files' own metadata says. No key is used."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from sopskit.config.sopskit_yaml import DEFAULT, NAME, read_team_config
from sopskit.document import DEFAULT_LIMITS, format_for_path
from sopskit.errors import FileAccessError, NotEncryptedError, SopskitError
from sopskit.sops.crypt import load
from sopskit.workflow import files
from sopskit.workflow.folders import Found, expand, looks_encrypted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sopskit.config.sopskit_yaml import TeamConfig
    from sopskit.git.worktree import WorkTree
    from sopskit.sops.masterkeys import KeyGroup

SETTINGS_LIMIT = 1024 * 1024  # bytes
SHORT_START = 10  # characters of a recipient that has no name
SHORT_END = 6


class Reader(NamedTuple):
    """Somebody who can open files: the kind of key, its text as files and rules have it, the name from `.sopskit.yaml`."""

    type: str
    id: str
    name: str | None = None


class ReadBy(NamedTuple):
    """An encrypted file and who can open it: readers by key group, of which `threshold` must come together."""

    path: str
    groups: tuple[tuple[Reader, ...], ...]
    threshold: int
    environment: str | None = None

    @property
    def readers(self) -> tuple[Reader, ...]:
        """Those of all groups, each once."""
        return tuple(dict.fromkeys(reader for group in self.groups for reader in group))


class NotRead(NamedTuple):
    """A file that seems to be encrypted, and why it could not be read."""

    path: str
    reason: str


class Inventory(NamedTuple):
    """The encrypted files that were found, in order, and those that could not be read."""

    files: tuple[ReadBy, ...]
    not_read: tuple[NotRead, ...]

    @property
    def readers(self) -> tuple[Reader, ...]:
        """Everybody who can open a file: first those with a name, by name, then the others by their keys."""
        found = {reader for file in self.files for reader in file.readers}
        return tuple(sorted(found, key=lambda reader: (reader.name is None, reader.name or "", reader.type, reader.id)))


def take_inventory(found: Iterable[Found], team: TeamConfig, root: str | None) -> Inventory:
    """Look at files; plain ones are left out, named or not.

    `root` is the repository's root, where the paths of `team` start. Raises `FileAccessError` for a named file that cannot
    be read.
    """
    seen: list[ReadBy] = []
    not_read: list[NotRead] = []
    for path, named in found:
        try:
            file = _read(path, team, root)
        except SopskitError as error:
            if named and isinstance(error, FileAccessError):
                raise
            not_read.append(NotRead(path, error.message))
            continue
        if file is not None:
            seen.append(file)
    return Inventory(tuple(seen), tuple(not_read))


def find_files(paths: Sequence[str], tree: WorkTree | None) -> Iterator[Found]:
    """The files named and those in the folders named; without any, those that git tracks, else all below this folder.

    Tracked files that are not in the work tree, and symbolic links among them, are left out.
    """
    if paths or tree is None:
        yield from expand(paths or [os.curdir])
        return
    for name in tree.tracked_files():
        path = os.path.join(tree.root, os.fsdecode(name))
        if os.path.isfile(path) and not os.path.islink(path):
            yield Found(os.path.relpath(path), named=False)


def _read(path: str, team: TeamConfig, root: str | None) -> ReadBy | None:
    data = files.read(path, limit=DEFAULT_LIMITS.size).data or b""
    format = format_for_path(path)
    if not looks_encrypted(data, format.NAME):
        return None
    try:
        metadata = load(data, format).metadata
    except NotEncryptedError:
        return None
    environment = team.environment_of(relative_to(path, root)) if root else None
    groups = name_groups(metadata.groups, team)
    return ReadBy(path, groups, metadata.shamir_threshold or len(groups), environment.name if environment else None)


def name_groups(groups: Sequence[KeyGroup], team: TeamConfig) -> tuple[tuple[Reader, ...], ...]:
    """Key groups as readers with their names."""
    return tuple(tuple(_reader(key.kind, key.id, team) for key in group) for group in groups)


def _reader(kind: str, id: str, team: TeamConfig) -> Reader:
    name = team.name_of(id)
    return Reader(kind, id, name.name if name else None)


def relative_to(path: str, root: str) -> str:
    """A path of the work tree relative to its root, as git spells it; a final symbolic link is not followed."""
    folder, name = os.path.split(os.path.abspath(path))
    return os.path.relpath(os.path.join(os.path.realpath(folder), name), root)


def load_team(root: str | None) -> TeamConfig:
    """The `.sopskit.yaml` of a work tree as it is now; the defaults without one. Raises `ConfigError` and `FileAccessError`."""
    source = None if root is None else _read_beside(root, NAME)
    if root is None or source is None:
        return DEFAULT
    file = os.path.relpath(os.path.join(root, NAME))
    return read_team_config(file, source, read_file=lambda name: _read_beside(root, name))


def _read_beside(root: str, name: str) -> bytes | None:
    """A file of the work tree, unless it is not there or a link leads out."""
    path = os.path.realpath(os.path.join(root, name))
    if not path.startswith(os.path.realpath(root) + os.sep) or not os.path.isfile(path):
        return None
    return files.read(path, limit=SETTINGS_LIMIT).data


# --- how they are called


def labels(readers: Iterable[Reader]) -> dict[Reader, str]:
    """What to call each reader: the name, else the key, shortened where that leaves no two alike.

    A reader with several keys has one name, so its keys get the same label. A short form is never that of another's.
    """
    found = dict.fromkeys(readers)
    taken = {reader.name for reader in found if reader.name is not None}
    called: dict[Reader, str] = {}
    for reader in found:
        if reader.name is not None:
            called[reader] = reader.name
            continue
        short = next((form for form in _short_forms(reader.id) if form not in taken), reader.id)
        taken.add(short)
        called[reader] = short
    return called


def _short_forms(id: str) -> Iterator[str]:
    """Ever longer ones: start, dots, end."""
    extra = 0
    while SHORT_START + SHORT_END + extra + 1 < len(id):
        yield f"{id[: SHORT_START + extra]}…{id[-SHORT_END:]}"
        extra += 4
    yield id
