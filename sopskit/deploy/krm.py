"""A KRM function for kustomize: a generator that opens SOPS files and hands their objects over a pipe.

A ResourceList comes in and one goes out (Kustomize, "KRM Functions Specification"). Only a generator can be honest: it
reads the files as they were encrypted, so that their MACs can be verified. A transformer is handed manifests that
kustomize has already rewritten, whose MAC fits no more.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from sopskit.deploy.finishing import finish
from sopskit.deploy.objects import load_documents, read_objects
from sopskit.deploy.stream import write_object
from sopskit.deploy.tree import SourceReader
from sopskit.errors import BuildError, FormatError, NotEncryptedError, RefusedError, SopskitError, UsageError
from sopskit.redact import escape

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sopskit.deploy.objects import Plain, PlainObject
    from sopskit.deploy.opening import SourceOpener

API_VERSION = "sopskit/v1"
KIND = "SopsGenerator"
LIST_VERSIONS = frozenset(("config.kubernetes.io/v1", "config.kubernetes.io/v1beta1", "config.kubernetes.io/v1alpha1"))
LIST_KIND = "ResourceList"
FIELDS = frozenset(("apiVersion", "kind", "metadata", "files"))
MOST_INPUT = 64 * 1024 * 1024  # bytes
MOST_NAMED = 100  # code points of a name that a message holds


class Generator(NamedTuple):
    """What a generator's configuration says: its name, and the files in their order."""

    name: str
    files: tuple[str, ...]


def read_request(text: bytes) -> Generator:
    """The generator that a ResourceList asks for.

    Raises `UsageError` for a text that is no ResourceList of ours, and `RefusedError` if it brings manifests to be
    transformed. No message quotes a manifest.
    """
    request = _load(text)
    if request.get("kind") != LIST_KIND or request.get("apiVersion") not in LIST_VERSIONS:
        raise UsageError("standard input is no ResourceList", hint="kustomize gives one to the functions it starts")
    config = request.get("functionConfig")
    if not isinstance(config, dict):
        raise UsageError("the ResourceList has no functionConfig", hint=f"it has the {KIND} that names the files")
    _refuse_items(request.get("items"))
    return _read_config(config)


def _load(text: bytes) -> dict[str, Plain]:
    if len(text) > MOST_INPUT:
        raise RefusedError("the ResourceList has more than 64 MiB")
    try:
        documents = load_documents(text)
    except BuildError:
        raise UsageError("standard input cannot be read as YAML") from None
    if len(documents) != 1 or not isinstance(documents[0], dict):
        raise UsageError("standard input is no ResourceList", hint="kustomize gives one to the functions it starts")
    return documents[0]


def _refuse_items(items: Plain) -> None:
    """Kustomize lists a generator's own configuration among the items; anything else is there to be transformed."""
    for item in items if isinstance(items, list) else ():
        kind = item.get("kind") if isinstance(item, dict) else None
        if not isinstance(item, dict) or kind != KIND or item.get("apiVersion") != API_VERSION:
            shown = escape(kind[:MOST_NAMED]) if isinstance(kind, str) else "an item"
            raise RefusedError(
                f"a transformer cannot verify a MAC, and {shown} was given to be transformed: "
                "kustomize has rewritten it already",
                hint=f"list the {KIND} under generators, and the encrypted files in it instead of under resources",
            )


def _read_config(config: dict[str, Plain]) -> Generator:
    if config.get("kind") != KIND or config.get("apiVersion") != API_VERSION:
        raise UsageError(f"the functionConfig is no {KIND} of {API_VERSION}")
    unknown = sorted(config.keys() - FIELDS)
    if unknown:
        raise UsageError(
            f"a {KIND} has no field {escape(unknown[0][:MOST_NAMED])}", hint="its fields are metadata, files"
        )
    files = config.get("files")
    if not isinstance(files, list) or not files:
        raise UsageError(f"the {KIND} names no files", hint="files: [secret.yaml]")
    if not all(isinstance(name, str) and name for name in files):
        raise UsageError(f"the files of the {KIND} must be names")
    metadata = config.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return Generator(name if isinstance(name, str) else "", tuple(str(name) for name in files))


def generate(generator: Generator, folder: Path, root: Path, opener: SourceOpener) -> tuple[PlainObject, ...]:
    """The objects of all files, each MAC verified. All or nothing.

    Names are relative to `folder`, a resolved path, and may not leave `root`, neither by `..` nor by a link. Raises
    `RefusedError`, `NotEncryptedError` for a file that is plain, and what reading and opening raises.
    """
    reader = SourceReader(root, opener)
    found: list[PlainObject] = []
    for name in generator.files:
        try:
            found += _objects(name, folder, reader, opener)
        except SopskitError as error:
            raise _placed(error, escape(name[:MOST_NAMED])) from None
    return tuple(found)


def _objects(name: str, folder: Path, reader: SourceReader, opener: SourceOpener) -> tuple[PlainObject, ...]:
    path = os.path.normpath(os.path.join(folder, name))
    if os.path.isabs(name) or "\0" in name or not reader.is_inside(path):
        raise RefusedError("names a file outside of the folder", hint="keep the file beside the kustomization")
    source = reader.read(Path(path))
    if source.opened is None:
        raise NotEncryptedError(
            "the file is not encrypted, or says that it stays encrypted", hint="list it under resources"
        )
    finished = finish(source.opened.plaintext, opener, name, source.opened.secrets)
    return read_objects(finished.stream)


def _placed(error: SopskitError, name: str) -> SopskitError:
    """The error with the file's name as the configuration has it, instead of its absolute path."""
    if error.location is not None:
        error.location.file = None
    return error.at(file=name)


def write_response(objects: Iterable[PlainObject]) -> bytes:
    """The ResourceList that is handed back."""
    return _write([obj.reveal() for obj in objects], [])


def write_failure(error: SopskitError) -> bytes:
    """A ResourceList without any item, whose results say what went wrong. No value is in it.

    kustomize shows standard error instead and goes by the exit status, other orchestrators read the results.
    """
    result: dict[str, Any] = {"message": str(error), "severity": "error"}
    if error.location is not None and error.location.file:
        result["file"] = {"path": error.location.file}
    return _write([], [result])


def _write(items: list[dict[str, Any]], results: list[dict[str, Any]]) -> bytes:
    content: dict[str, Any] = {"apiVersion": "config.kubernetes.io/v1", "kind": LIST_KIND, "items": items}
    if results:
        content["results"] = results
    try:
        return write_object(content)
    except (UnicodeEncodeError, ValueError):
        raise FormatError("a value has characters that are no text") from None
