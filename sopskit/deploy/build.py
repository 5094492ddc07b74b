"""From a folder to a manifest stream, as `kubectl apply -f -` reads it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from sopskit import manifest
from sopskit.deploy.finishing import finish, parse_stream
from sopskit.deploy.tree import KUSTOMIZATION_NAMES, SourceReader, kustomization_in, walk
from sopskit.document import Edit, Leaf
from sopskit.document.model import apply_edits
from sopskit.errors import BuildError, FileAccessError, LimitError, RefusedError
from sopskit.redact import MASK, escape

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from sopskit.deploy.objects import PlainObject
    from sopskit.deploy.opening import SourceOpener
    from sopskit.deploy.tree import Source
    from sopskit.document import Comment, Document

IDENTITY = frozenset((("apiVersion",), ("kind",), ("metadata", "name"), ("metadata", "namespace")))
YAML_SUFFIXES = frozenset((".yaml", ".yml"))
# a value that is part of a longer text is looked for if it is at least this long: `1` is in everything
LEAST_PART = 6  # code points
MOST_NAMED = 5


class Rendered(NamedTuple):
    """A manifest stream in plain text, and every value that was encrypted in its sources."""

    stream: bytes
    secrets: frozenset[str]

    def objects(self) -> tuple[PlainObject, ...]:
        """The objects of the stream, as kubectl reads it. Raises `BuildError` for a document that is none."""
        from sopskit.deploy.objects import read_objects

        return read_objects(self.stream)

    def __repr__(self) -> str:
        """No content."""
        return f"<rendered stream of {len(self.stream)} bytes>"


def render(folder: Path, root: Path, opener: SourceOpener, search_path: str) -> Rendered:
    """Build a folder: by kustomize if it has a kustomization, else all YAML files in and below it one after another.

    Every source file's MAC is verified before anything is built. `folder` and `root`, which it must not leave, are
    resolved paths. Raises `FileAccessError`, `BuildError`, `RefusedError` for a folder that has no kustomization and
    others below it that do, and what opening the sources raises.
    """
    if not folder.is_dir():
        raise FileAccessError("is no folder").at(file=str(folder))
    if not folder.is_relative_to(root):
        raise RefusedError("the folder is not within the root that was given").at(file=str(folder))
    reader = SourceReader(root, opener)
    if kustomization_in(folder) is not None:
        from sopskit.deploy import kustomize

        stream, sources = kustomize.build(folder, reader, search_path)
    else:
        sources = _plain_sources(folder, reader)
        stream = _join(sources)
    secrets = frozenset[str]().union(*(source.opened.secrets for source in sources if source.opened))
    try:
        finished = finish(stream, opener, str(folder), secrets)
    except (BuildError, LimitError):
        if kustomization_in(folder) is None:
            _name_unreadable(sources)
        raise
    return Rendered(finished.stream, secrets | finished.secrets)


def _name_unreadable(sources: Iterable[Source]) -> None:
    """Raise the error of the first file that cannot be read by itself: that of the whole stream names no file."""
    for source in sources:
        try:
            parse_stream(source.plaintext)
        except (BuildError, LimitError) as error:
            raise error.at(file=str(source.path)) from None


def _plain_sources(folder: Path, reader: SourceReader) -> tuple[Source, ...]:
    visible = [path for path in walk(folder, reader) if not _is_hidden(path, folder)]
    _refuse_nested(visible, folder)
    _refuse_dangling(visible)
    names = [str(path) for path in visible if path.suffix in YAML_SUFFIXES]
    return tuple(reader.open_all({name: reader.read_bytes(name) for name in names}))


def _is_hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def _refuse_nested(paths: list[Path], folder: Path) -> None:
    """A kustomization changes the manifests beside it (their namespace, say): without it they are others."""
    nested = [path.parent.relative_to(folder).as_posix() for path in paths if path.name in KUSTOMIZATION_NAMES]
    if not nested:
        return
    more = f" and {len(nested) - MOST_NAMED} more" if len(nested) > MOST_NAMED else ""
    raise RefusedError(
        "has no kustomization, but folders below it do, and their manifests are not meant as they stand: "
        + ", ".join(escape(name) for name in nested[:MOST_NAMED])
        + more,
        hint="render one of them",
    ).at(file=str(folder))


def _refuse_dangling(paths: list[Path]) -> None:
    """A link to a folder that is not there: left out, what was in it would pass for gone."""
    for path in paths:
        if path.suffix not in YAML_SUFFIXES and path.is_symlink() and not os.path.exists(path):
            raise FileAccessError("is a link that leads nowhere").at(file=str(path))


def _join(sources: Iterable[Source]) -> bytes:
    """One stream of documents; files without any are left out."""
    parts: list[bytes] = []
    for source in sources:
        text = source.plaintext
        if not _has_content(text):
            continue
        if not text.endswith(b"\n"):
            text += b"\n"
        parts.append(text if text.startswith(b"---") or not parts else b"---\n" + text)
    return b"".join(parts)


def _has_content(text: bytes) -> bool:
    return any(line.strip() and not line.lstrip().startswith((b"#", b"---")) for line in text.splitlines())


def masked(rendered: Rendered) -> str:
    """The stream for a screen: what is in a Secret, and whatever was encrypted in a source, is the mask.

    What an object is (kind, namespace, name) stays. The result is not meant to be a manifest: the mask is no base64.
    """
    document = parse_stream(rendered.stream)
    hidden, shown = _places(document)
    parts = [secret for secret in rendered.secrets if len(secret) >= LEAST_PART]
    edits: list[Edit] = []
    for item in document.items:
        place = (item.start, item.end)
        secret = item.value in rendered.secrets or any(part in item.value for part in parts)
        if place in hidden or (secret and place not in shown):
            edits.append(_mask(document, item))
    return apply_edits(document.text, list(dict.fromkeys(edits)))


def _places(document: Document) -> tuple[set[tuple[int, int]], set[tuple[int, int]]]:
    """Where the data of Secrets is, and where it says what an object is."""
    hidden: set[tuple[int, int]] = set()
    shown: set[tuple[int, int]] = set()
    for obj in manifest.objects(document):
        for leaf in obj.leaves:
            path = leaf.path[len(obj.path) :]
            if obj.identity.kind == "Secret" and path[0] in ("data", "stringData"):
                hidden.add((leaf.start, leaf.end))
            elif path in IDENTITY:
                shown.add((leaf.start, leaf.end))
    return hidden, shown


def _mask(document: Document, item: Leaf | Comment) -> Edit:
    """A mask in the place of an item; a block text ends in a line feed, which stays."""
    text = document.text[item.start : item.end]
    line_end = "\n" if isinstance(item, Leaf) and text.endswith("\n") else ""
    return Edit(item.start, item.end, MASK + line_end)
