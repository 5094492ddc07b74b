"""The encrypted files that a work tree has already: who reads them, and what is encrypted in them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from sopskit.config.sopskit_yaml import canonical, layout_of
from sopskit.document import DEFAULT_LIMITS, format_for_path
from sopskit.errors import NotEncryptedError, RecipientError, SopskitError
from sopskit.sops.crypt import load
from sopskit.sops.masterkeys import parse_age_key, parse_pgp_key
from sopskit.workflow import files
from sopskit.workflow.chosen import EVERYWHERE, Readers
from sopskit.workflow.folders import looks_encrypted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sopskit.sops.masterkeys import MasterKey
    from sopskit.sops.metadata import Metadata
    from sopskit.sops.selection import Selection


class Sealed(NamedTuple):
    """What a new file gets beside its readers: which values are encrypted, and which of them the MAC covers."""

    selection: Selection
    mac_only_encrypted: bool


class EncryptedFile(NamedTuple):
    """An encrypted file of an environment (`EVERYWHERE` outside of all).

    `odd` says why a rule of age and PGP recipients cannot stand for its readers; None if it can.
    """

    path: str
    environment: str
    readers: Readers
    sealed: Sealed
    odd: str | None = None


class Existing(NamedTuple):
    """The encrypted files of a work tree, and the paths of those that look like some and cannot be read."""

    files: tuple[EncryptedFile, ...] = ()
    not_read: tuple[str, ...] = ()

    def of(self, environment: str) -> tuple[EncryptedFile, ...]:
        """The files of an environment; under `EVERYWHERE` all."""
        return tuple(file for file in self.files if environment in (EVERYWHERE, file.environment))

    def readers(self, environment: str) -> dict[str, list[str]]:
        """Everybody who reads a file of an environment, each with the paths of these files."""
        found: dict[str, list[str]] = {}
        for file in self.of(environment):
            for key in file.readers.age + file.readers.pgp:
                found.setdefault(key, []).append(file.path)
        return found

    def union(self, environment: str) -> Readers:
        """The same by kind of key."""
        union = Readers()
        for file in self.of(environment):
            union = union.plus(file.readers)
        return union


def find_existing(root: str, paths: Iterable[str]) -> Existing:
    """Look at the files of the work tree at `root`. No key is used; a file that cannot be read is told, not raised."""
    found: list[EncryptedFile] = []
    not_read: list[str] = []
    for path in paths:
        place = os.path.join(root, path)
        if not os.path.isfile(place) or os.path.islink(place):
            continue
        format = format_for_path(path)
        try:
            data = files.read(place, limit=DEFAULT_LIMITS.size).data or b""
            if looks_encrypted(data, format.NAME):
                found.append(_describe(path, load(data, format).metadata))
        except NotEncryptedError:
            continue
        except SopskitError:
            not_read.append(path)
    return Existing(tuple(found), tuple(not_read))


def _describe(path: str, metadata: Metadata) -> EncryptedFile:
    layout = layout_of(path)
    readers, odd = Readers(), None
    if len(metadata.groups) > 1:
        odd = f"it has {len(metadata.groups)} key groups"
    for key in _keys(metadata):
        one = _reader(key)
        readers = readers.plus(one)
        if not any(one):
            odd = odd or f"it has a key of the kind {key.kind} that rules made here cannot name"
    sealed = Sealed(metadata.normalised().selection, metadata.mac_only_encrypted)
    return EncryptedFile(path, layout.environment if layout else EVERYWHERE, readers, sealed, odd)


def _keys(metadata: Metadata) -> Iterator[MasterKey]:
    for group in metadata.groups:
        yield from group


def _reader(key: MasterKey) -> Readers:
    """A key as a rule spells it; none if it is of another kind, or no such key at all.

    Anybody can write a file: without its comment, in which a comma may stand, an SSH key is one recipient of a rule.
    """
    try:
        if key.kind == "age":
            return Readers(age=(canonical(parse_age_key(key.id).recipient),))
        if key.kind == "pgp":
            return Readers(pgp=(canonical(parse_pgp_key(key.id, "").fingerprint),))
    except RecipientError:
        pass
    return Readers()
