"""Which files a kustomization is built from: everything that it, and what it refers to, names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from sopskit.deploy.tree import MOST_FILES, kustomization_in
from sopskit.document import format_for_name, parse
from sopskit.errors import BuildError, FormatError, LimitError, RefusedError
from sopskit.redact import escape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sopskit.deploy.tree import Source, SourceReader
    from sopskit.document import Leaf

# the fields whose entries are files or other kustomizations, or (the later three) whole plugin configurations
RESOURCES = frozenset(("resources", "bases", "components"))
PLUGINS = frozenset(("generators", "transformers", "validators"))
LONGEST_NAME = 200  # code points
LONGEST_PATH = 4096  # bytes, as Linux has it


class Gathered(NamedTuple):
    """The files of a build by their paths, and the links to folders that lead from one kustomization to another."""

    sources: tuple[Source, ...]
    links: dict[Path, Path]


def gather(folder: Path, reader: SourceReader) -> Gathered:
    """Read every file that building `folder` takes, and no other.

    Fields differ in spelling (`patches`, `patchesStrategicMerge`, `files`, `envs`, `configurations`, ...) and new ones
    come, so no list of them is kept: whatever in a kustomization is the name of a file is taken for one. Raises
    `RefusedError` for what leads out of the root and for resources in the network, and what reading raises.
    """
    return _Gatherer(reader).gather(folder)


class _Gatherer:
    """The work of one `gather`."""

    def __init__(self, reader: SourceReader) -> None:
        self._reader = reader
        self._sources: dict[str, Source] = {}
        self._waiting: dict[str, bytes] = {}  # files that were read and are opened at the end, all at once
        self._links: dict[Path, Path] = {}
        self._folders: list[Path] = []

    def gather(self, folder: Path) -> Gathered:
        self._folders.append(folder)
        for current in self._folders:  # grows while it is gone through
            kustomization = kustomization_in(current)
            if kustomization is None:
                raise BuildError("this folder has no kustomization, and one refers to it").at(file=str(current))
            source = self._open(str(kustomization))
            self._follow(source, source.plaintext, current)
        opened = self._reader.open_all(dict(sorted(self._waiting.items())))
        self._sources |= {str(source.path): source for source in opened}
        return Gathered(tuple(self._sources[path] for path in sorted(self._sources)), self._links)

    def _add(self, path: str) -> None:
        if path not in self._sources and path not in self._waiting:
            if len(self._sources) + len(self._waiting) >= MOST_FILES:
                raise LimitError(f"more than {MOST_FILES} files").at(file=str(self._folders[0]))
            self._waiting[path] = self._reader.read_bytes(path)

    def _open(self, path: str) -> Source:
        """A file whose content tells of others."""
        self._add(path)
        if path in self._waiting:
            (self._sources[path],) = self._reader.open_all({path: self._waiting.pop(path)})
        return self._sources[path]

    def _follow(self, source: Source, text: bytes, folder: Path) -> None:
        """Take what a kustomization, or a plugin's configuration that it names, refers to."""
        for leaf in _leaves(source, text):
            field = leaf.path[0]
            if len(leaf.path) == 2 and field in RESOURCES:
                self._entry(leaf, source, folder)
            elif len(leaf.path) == 2 and field in PLUGINS:
                self._plugin(leaf, source, folder)
            else:
                self._files(leaf, folder)

    def _entry(self, leaf: Leaf, source: Source, folder: Path) -> str | None:
        """A file or a folder that must be there; the path of a file."""
        place, name = str(source.path), _shown(leaf.value, source)
        path = os.path.normpath(os.path.join(folder, leaf.value))
        if "\0" in path or not os.path.exists(path):
            raise RefusedError(
                f"{name} is no file or folder here; remote bases are refused",
                hint="correct the path; of a remote base keep a copy in the repository",
            ).at(file=place, key=leaf.path)
        try:
            target = self._reader.locate(path)
            if not self._reader.is_inside(path):
                raise RefusedError("outside")
        except RefusedError:
            raise RefusedError(f"{name} leads out of the tree that is built").at(file=place, key=leaf.path) from None
        if not os.path.isdir(target):
            self._add(path)
            return path
        self._note_links(path)
        if Path(target) not in self._folders:
            self._folders.append(Path(target))
        return None

    def _plugin(self, leaf: Leaf, source: Source, folder: Path) -> None:
        """A built-in plugin's configuration, in place or in a file: it may name files in its turn."""
        if "\n" in leaf.value:
            self._follow(source, leaf.value.encode("utf-8", "surrogateescape"), folder)
        elif (path := self._entry(leaf, source, folder)) is not None:
            file = self._open(path)
            self._follow(file, file.plaintext, folder)

    def _files(self, leaf: Leaf, folder: Path) -> None:
        """What may be a file's name, with or without the key under which a generator puts it."""
        for name in _candidates(leaf.value):
            path = os.path.normpath(os.path.join(folder, name))
            if self._reader.is_inside(path) and os.path.isfile(path):
                self._add(path)

    def _note_links(self, path: str) -> None:
        """The links on the way to a folder: relative paths in it are taken from where they lead to."""
        root = self._reader.root
        current = root
        for part in Path(path).relative_to(root).parts:
            link = current / part
            current = Path(self._reader.locate(str(link)))
            if current != link:
                self._links[link] = current


def _candidates(value: str) -> Iterator[str]:
    if not value or "\n" in value or "\0" in value or len(value) > LONGEST_PATH:
        return
    yield value
    key, equals, name = value.partition("=")
    if equals and key and name:
        yield name


def _leaves(source: Source, text: bytes) -> list[Leaf]:
    try:
        return parse(text, format_for_name("yaml")).leaves()
    except FormatError as error:
        raise error.at(file=str(source.path)) from None


def _shown(entry: str, source: Source) -> str:
    """An entry for a message. One that was encrypted, or may hold a password or a whole manifest, is not named."""
    if source.opened is not None or "@" in entry or "\n" in entry or len(entry) > LONGEST_NAME:
        return "an entry"
    return f"'{escape(entry)}'"
