"""Encrypted bytes in, verified plaintext out, in memory: one source at a time."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from sopskit import manifest
from sopskit.document import Limits, format_for_name, format_for_path
from sopskit.errors import BuildError, DocumentSyntaxError, NotEncryptedError, SopskitError
from sopskit.sops.crypt import load, open_file

if TYPE_CHECKING:
    from sopskit.document import Document
    from sopskit.manifest import KubernetesObject
    from sopskit.sops.crypt import Opened, SopsFile
    from sopskit.sops.masterkeys import Keyring

SIZE_LIMIT = 5 * 1024 * 1024  # bytes, as Flux has it
# a file of a structured format without this word has no metadata; one of another format is SOPS's if it has a token too
METADATA_WORD = b"sops"
TOKEN_START = b"ENC[AES256_GCM,"
# for operators in the cluster that decrypt themselves (Flux, Kustomization API, "Exclude a resource from decryption")
ANNOTATION = "kustomize.toolkit.fluxcd.io/decrypt"
ANNOTATIONS = ("metadata", "annotations")
OPT_OUT = ANNOTATION.encode()
CONTENT = ("data",)  # where the JSON of an encrypted binary file has the content
# how the metadata of each format starts; JSON, the envelope of binary files too, is told by its first byte
MARKS = (
    ("dotenv", re.compile(rb"^sops_mac=ENC\[", re.MULTILINE)),
    ("ini", re.compile(rb"^\[sops\]", re.MULTILINE)),
    ("yaml", re.compile(rb"^[\"']?sops[\"']?:", re.MULTILINE)),
)


class OpenedSource(NamedTuple):
    """The plaintext of a source file, and the values that were encrypted in it."""

    plaintext: bytes
    secrets: frozenset[str]

    def __repr__(self) -> str:
        """No content."""
        return "<opened source>"


class SourceOpener:
    """Opens SOPS files with the private keys of a keyring, MAC included. Keeps nothing between two files."""

    __slots__ = ("_keyring", "limits")

    def __init__(self, keyring: Keyring, size_limit: int = SIZE_LIMIT) -> None:
        """`size_limit` is in bytes, for one file."""
        self._keyring = keyring
        self.limits = Limits(size=size_limit)

    def open(self, source: bytes, path: str) -> OpenedSource | None:
        """The verified plaintext of a SOPS file; None for a file that is none, or says that it stays encrypted.

        The suffix of `path` tells the format; where it tells none, the content does. Raises what `sopskit.sops.crypt`
        raises for a broken file or a missing key, with the path.
        """
        if METADATA_WORD not in source:
            return None
        format = format_for_path(path)
        try:
            file = load(source, format, limits=self.limits) if format.NAME != "binary" else self._detected(source)
            if file is None or (OPT_OUT in source and _all_stay_encrypted(file.document)):
                return None
            opened = open_file(file, self._keyring)
            return OpenedSource(opened.plain.to_bytes(), _secrets(opened))
        except NotEncryptedError:
            return None
        except SopskitError as error:
            raise error.at(file=path) from None

    def open_nested(self, source: bytes, name: str) -> OpenedSource | None:
        """The verified plaintext of a SOPS file that is the value of the data key `name`; None if it is none.

        The content tells the format it is read in, the name the one it is given in: `.yaml`, `.json` (or
        `.dockerconfigjson`), `.env`, `.ini`, else none, which takes every text as it is (Flux does the same, but for
        refusing the last). Raises as `open`, without a place, and `BuildError` for formats that cannot be converted.
        """
        if METADATA_WORD not in source:
            return None
        wanted = "json" if name.endswith(".dockerconfigjson") else format_for_path(name).NAME
        file = self._detected(source, envelopes=wanted != "json")
        if file is None:
            return None
        opened = open_file(file, self._keyring)
        return OpenedSource(_convert(opened.plain, wanted), _secrets(opened))

    def _detected(self, source: bytes, *, envelopes: bool = True) -> SopsFile | None:
        """A SOPS file whose name tells no format. Text that only talks of SOPS is none."""
        if TOKEN_START not in source:
            return None
        name = "json" if source.lstrip().startswith(b"{") else next((n for n, mark in MARKS if mark.search(source)), "")
        if not name:
            return None
        try:
            file = load(source, format_for_name(name), limits=self.limits)
            if name == "json" and envelopes and _is_envelope(file.document):
                return load(source, format_for_name("binary"), limits=self.limits)
            return file
        except (DocumentSyntaxError, NotEncryptedError):
            return None


def stays_encrypted(obj: KubernetesObject) -> bool:
    """Whether an object's annotation says that it is to arrive in the cluster encrypted."""
    return any(
        leaf.key == ANNOTATION and is_opt_out(leaf.value) and obj.own_path(leaf.parent) == ANNOTATIONS
        for leaf in obj.leaves
    )


def is_opt_out(value: object) -> bool:
    """Whether the annotation `ANNOTATION` with this value says so, as Flux reads it."""
    return isinstance(value, str) and value.lower() == "disabled"


def _all_stay_encrypted(document: Document) -> bool:
    objects = manifest.objects(document)
    return bool(objects) and all(stays_encrypted(obj) for obj in objects)


def _secrets(opened: Opened) -> frozenset[str]:
    return frozenset(plain.spelling.decode("utf-8", "surrogateescape") for _, plain in opened.opened)


def _is_envelope(document: Document) -> bool:
    return [leaf.path for leaf in document.leaves()] == [CONTENT]


def _convert(plain: Document, wanted: str) -> bytes:
    """A plaintext in the format that the name of a data key promises."""
    have = plain.format.NAME
    text = plain.to_bytes()
    if have == wanted or (have, wanted) in (("json", "yaml"), ("binary", "yaml"), ("binary", "dotenv")):
        return text
    if wanted == "binary":
        return plain.leaves()[0].data if _is_envelope(plain) else text
    if (have, wanted) == ("yaml", "json"):
        return _as_json(text)
    raise BuildError(
        f"the value is a SOPS file in the format {have}, which cannot be given as {wanted}",
        hint="give the data key a name that ends as such a file's does",
    )


def _as_json(text: bytes) -> bytes:
    """YAML as JSON, indented by tabs, with a line feed at its end: what Flux makes of a registry's credentials."""
    import json

    from sopskit.deploy.objects import load_documents

    documents = load_documents(text)
    if len(documents) != 1:
        raise BuildError("a YAML file of several documents cannot be given as JSON")
    return (json.dumps(documents[0], indent="\t", ensure_ascii=False) + "\n").encode()
