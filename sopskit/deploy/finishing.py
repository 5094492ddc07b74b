"""The last step of a build: SOPS files inside Secrets are opened, and what no cluster should see is refused."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, NamedTuple

from sopskit import manifest
from sopskit.deploy.opening import METADATA_WORD, TOKEN_START, stays_encrypted
from sopskit.document import Edit, Limits, format_for_name, parse
from sopskit.document.model import apply_edits
from sopskit.errors import BuildError, FormatError, LimitError, RefusedError, SopskitError
from sopskit.redact import escape

if TYPE_CHECKING:
    from typing import TypeAlias

    from sopskit.deploy.opening import SourceOpener
    from sopskit.document import Document, Leaf, Path
    from sopskit.manifest import KubernetesObject

    _Place: TypeAlias = tuple[int, Path]  # of an object: its document, and its path there

MOST_OUTPUT = 256 * 1024 * 1024  # bytes
LIMITS = Limits(size=MOST_OUTPUT, depth=256)  # a custom resource's schema is deeper than any file of secrets
TOKEN_TEXT = TOKEN_START.decode()
METADATA_ENTRY = re.compile(r"^[\"']?sops[\"']?\s*:", re.MULTILINE)
DOCUMENT_START = re.compile(r"^---(?:\s|$)", re.MULTILINE)
OPT_OUT_HINT = (
    "a file that is to arrive encrypted says so in the annotation kustomize.toolkit.fluxcd.io/decrypt: disabled"
)
NOT_PLAIN = re.compile(r"[^ !#-\[\]-~]")
ENTRIES = (("data",), ("stringData",))


class Finished(NamedTuple):
    """A stream that is ready to be applied, and the values that were encrypted inside of Secrets."""

    stream: bytes
    secrets: frozenset[str]

    def __repr__(self) -> str:
        """No content."""
        return f"<finished stream of {len(self.stream)} bytes>"


def parse_stream(stream: bytes) -> Document:
    """Read what was built. Raises `BuildError`, `LimitError`."""
    try:
        return parse(stream, format_for_name("yaml"), limits=LIMITS)
    except LimitError:
        raise
    except FormatError as error:
        raise BuildError(f"what was built cannot be read: {error.message}") from None


def finish(stream: bytes, opener: SourceOpener, place: str, hidden: frozenset[str] = frozenset()) -> Finished:
    """Open SOPS files that are values of a Secret, each with its own MAC, then refuse what is left encrypted.

    A cluster has once been given ciphertext instead of values, over good secrets. So `ENC[...]` anywhere, a `sops`
    entry, and entries of a Secret that are no string, or no base64 in `data`, are refused, unless the object says that
    it stays encrypted. `place` is what messages call the stream's source; objects whose name is in `hidden`, the values
    that were encrypted, are not named. Raises `BuildError`, `RefusedError`, and what opening raises.
    """
    document = parse_stream(stream)
    exempt: set[_Place] = set()
    edits: list[Edit] = []
    secrets: set[str] = set()
    for obj in manifest.objects(document):
        if stays_encrypted(obj):
            exempt.add((obj.document, obj.path))
            continue
        for leaf in obj.leaves:
            try:
                found = _checked(leaf, obj, document, opener)
            except SopskitError as error:
                error.message = f"{_named(obj, hidden)}: {error.message}"
                raise error.at(file=place, key=leaf.path) from None
            if found is not None:
                edits.append(found.edit)
                secrets |= found.secrets
    _refuse_tokens(document, {(edit.start, edit.end) for edit in edits}, exempt, place)
    _refuse_metadata(document, exempt, place)
    if edits:
        stream = apply_edits(document.text, edits).encode("utf-8", "surrogateescape")
    return Finished(stream, frozenset(secrets))


class _Nested(NamedTuple):
    """What takes the place of a SOPS file in a Secret, and what was encrypted in it."""

    edit: Edit
    secrets: frozenset[str]


def _named(obj: KubernetesObject, hidden: frozenset[str]) -> str:
    return f"a {obj.identity.kind}" if hidden.intersection(obj.identity) else escape(str(obj.identity))


def _checked(leaf: Leaf, obj: KubernetesObject, document: Document, opener: SourceOpener) -> _Nested | None:
    """Check a value of an object; what takes its place if it is a SOPS file in a Secret."""
    path = obj.own_path(leaf.parent)
    if path[:1] == ("sops",) and leaf.key == "mac":  # in an item of a List; whole documents are looked at below
        raise BuildError("metadata of SOPS is left in what was built", hint=OPT_OUT_HINT)
    if obj.identity.kind != "Secret" or path not in ENTRIES or leaf.kind == "null":
        return None
    if leaf.kind != "str":
        raise RefusedError(
            f"an entry of a Secret must be a string, and this one reads as {leaf.kind}", hint="put it in quotes"
        )
    found = _nested_text(leaf, opener) if path == ("stringData",) else _nested_base64(leaf, opener)
    if found is None:
        return None
    if document.text[leaf.start : leaf.end].startswith("*"):
        raise BuildError("a SOPS file stands behind a YAML alias, where it cannot be opened", hint="write it out")
    value, secrets = found
    return _Nested(_edit(document, leaf, value), secrets)


def _nested_text(leaf: Leaf, opener: SourceOpener) -> tuple[str, frozenset[str]] | None:
    if TOKEN_TEXT not in leaf.value:
        return None
    opened = opener.open_nested(leaf.value.encode("utf-8", "surrogateescape"), str(leaf.key))
    if opened is None:
        return None
    try:
        return opened.plaintext.decode("utf-8"), opened.secrets
    except UnicodeDecodeError:
        raise BuildError("the SOPS file in it holds bytes that are no text", hint="put it under data") from None


def _nested_base64(leaf: Leaf, opener: SourceOpener) -> tuple[str, frozenset[str]] | None:
    if TOKEN_TEXT in leaf.value:
        return None  # it is refused with all others
    try:
        data = b64decode(leaf.value.replace("\n", "").replace("\r", ""), validate=True)
    except ValueError:
        raise RefusedError(
            "an entry of a Secret's data must be base64", hint="plain text belongs under stringData"
        ) from None
    if TOKEN_START not in data or METADATA_WORD not in data:
        return None
    opened = opener.open_nested(data, str(leaf.key))
    if opened is None:
        raise BuildError("the value holds something encrypted that is no SOPS file", hint=OPT_OUT_HINT)
    text = b64encode(opened.plaintext).decode("ascii")
    return text, opened.secrets | {text}


def _edit(document: Document, leaf: Leaf, value: str) -> Edit:
    """The value in the place of a leaf, in double quotes; a block text's line end stays."""
    line_end = "\n" if document.text[leaf.start : leaf.end].endswith("\n") else ""
    return Edit(leaf.start, leaf.end, _quoted(value) + line_end)


def _quoted(text: str) -> str:
    """A YAML scalar in double quotes, in ASCII: a small u stands before four digits, a large one before eight (YAML 1.1, 5.6)."""
    return '"' + NOT_PLAIN.sub(_escaped, text) + '"'


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\{found[0]}" if found[0] in '"\\' else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _refuse_tokens(document: Document, replaced: set[tuple[int, int]], exempt: set[_Place], place: str) -> None:
    if TOKEN_TEXT not in document.text:
        return
    for leaf in document.leaves():
        if TOKEN_TEXT in leaf.value and (leaf.start, leaf.end) not in replaced and not _is_exempt(leaf, exempt):
            raise BuildError("an encrypted value is left in what was built", hint=OPT_OUT_HINT).at(
                file=place, key=leaf.path
            )


def _is_exempt(leaf: Leaf, exempt: set[_Place]) -> bool:
    number, path = leaf.parent.document, leaf.path
    return any((number, path[:end]) in exempt for end in range(len(path)))


def _refuse_metadata(document: Document, exempt: set[_Place], place: str) -> None:
    """`document` knows the first metadata only, so the others are looked for in the text: no block text starts a line."""
    if document.block is None and METADATA_WORD.decode() not in document.text:
        return
    starts = [match.start() for match in DOCUMENT_START.finditer(document.text)]
    explicit = bool(starts) and not any(
        line.strip() and not line.startswith("#") for line in document.text[: starts[0]].splitlines()
    )
    found = [
        sum(start < match.start() for start in starts) - explicit for match in METADATA_ENTRY.finditer(document.text)
    ]
    if any((number, ()) not in exempt for number in (found or [0] if document.block is not None else found)):
        raise BuildError("metadata of SOPS is left in what was built", hint=OPT_OUT_HINT).at(file=place)
