"""Encrypt: plaintext bytes in, encrypted bytes out; unchanged values keep their ciphertext if an older version is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sopskit.document import Leaf, parse
from sopskit.errors import AlreadyEncryptedError, EmptyFileError
from sopskit.sops.crypt import seal_file
from sopskit.sops.datakey import generate, wrap_data_key
from sopskit.workflow.rotate import name_of

if TYPE_CHECKING:
    from datetime import datetime

    from sopskit.document import Document, Format
    from sopskit.pgp import Gpg
    from sopskit.sops.crypt import Opened
    from sopskit.sops.metadata import Metadata


class Older(NamedTuple):
    """An opened older version of the file. Only a `trusted` one has a say in how the file is sealed again."""

    opened: Opened
    trusted: bool


def read_plain(source: bytes, format: Format) -> Document:
    """Read a plaintext document. Raises `AlreadyEncryptedError`, `EmptyFileError`, `DocumentSyntaxError`, `LimitError`."""
    plain = parse(source, format)
    if plain.block is not None:
        raise AlreadyEncryptedError(
            "the file has a top-level entry called sops: it is already encrypted",
            hint="to change it use: sopskit edit FILE; if it is plain text, rename that entry",
        )
    if not plain.roots:
        raise EmptyFileError("the file is empty: there is no document to encrypt")
    return plain


def encrypt(
    plain: Document,
    metadata: Metadata,
    *,
    gpg: Gpg,
    now: datetime,
    older: Older | None = None,
    indent: int | None = None,
) -> bytes:
    """Seal a document for the keys of `metadata`, which are not yet wrapped.

    Under a trusted older version whose recipients all stay, values that did not change keep their tokens and those
    recipients their entries; if one leaves, there is a new data key, and unchanged values keep their IV. An older version
    that is not trusted plays no part: anybody who knows the recipients can write one full of guesses, and an IV or a
    quoting kept would tell which of them are right. Raises what wrapping and sealing raise.
    """
    like = older.opened if older is not None and older.trusted else None
    if like is not None and _keeps_recipients(like.file.metadata, metadata):
        data_key = like.data_key
        metadata = _wrap_missing(like, metadata, gpg)
    else:
        data_key = generate()
        metadata = wrap_data_key(metadata, data_key, gpg)
    return seal_file(plain, metadata, data_key, now=now, like=like, indent=indent).document.to_bytes()


def _keeps_recipients(before: Metadata, after: Metadata) -> bool:
    staying = {name_of(key) for group in after.groups for key in group}
    return all(name_of(key) in staying for group in before.groups for key in group)


def _wrap_missing(opened: Opened, metadata: Metadata, gpg: Gpg) -> Metadata:
    """The metadata with the data key wrapped; entries that already hold it are kept, so that they do not change."""
    before = opened.file.metadata
    if len(before.groups) > 1 or len(metadata.groups) > 1:
        if _names(before) == _names(metadata) and before.shamir_threshold == (
            metadata.shamir_threshold or len(metadata.groups)
        ):
            return metadata.replace(groups=before.groups, shamir_threshold=before.shamir_threshold)
        return wrap_data_key(metadata, opened.data_key, gpg)
    held = {name_of(key): key for key in before.groups[0]}
    missing = tuple(key for key in metadata.groups[0] if name_of(key) not in held)
    if missing:
        wrapped = wrap_data_key(metadata.replace(groups=(missing,)), opened.data_key, gpg)
        held |= {name_of(key): key for key in wrapped.groups[0]}
    return metadata.replace(groups=(tuple(held[name_of(key)] for key in metadata.groups[0]),))


def _names(metadata: Metadata) -> list[list[tuple[str, str]]]:
    return [[name_of(key) for key in group] for group in metadata.groups]


def encrypts_anything(plain: Document, metadata: Metadata) -> bool:
    """Whether the rule of `metadata` selects a value. Raises `ConfigError` for a rule that cannot be used."""
    encrypts = metadata.selection.walk().encrypts
    # asked in order from the start, as a comment rule wants it; mostly the first value answers
    return any(encrypts(item) and item.__class__ is Leaf and bool(item.value) for item in plain.items)


def is_ordinary_manifest(plain: Document) -> bool:
    """Whether a file holds Kubernetes objects and none of them is a Secret with data: a rule for a folder meets many."""
    if not _holds_manifest(plain):
        return False
    from sopskit.manifest import effective_data, objects

    return not any(obj.identity.kind == "Secret" and effective_data(obj) for obj in objects(plain))


def spoils_manifest(plain: Document, metadata: Metadata) -> bool:
    """Whether this is a Kubernetes manifest whose `apiVersion`, `kind` or `metadata` the rule would encrypt.

    Nobody could tell then what the object is: kustomize, Flux and a reviewer among them.
    """
    if not _holds_manifest(plain):
        return False
    from sopskit.manifest import would_encrypt_identity

    encrypts = metadata.selection.walk().encrypts
    selected = [item.path for item in plain.items if encrypts(item) and isinstance(item, Leaf) and item.value]
    return would_encrypt_identity(plain, selected) is not None


def _holds_manifest(plain: Document) -> bool:
    """Whether `apiVersion` and `kind` stand at the top of a document; a large file that is none costs nothing more."""
    heads: dict[str | int, set[int]] = {"apiVersion": set(), "kind": set()}
    for leaf in plain.leaves():
        if leaf.key in heads and leaf.parent.parent is None:
            heads[leaf.key].add(leaf.parent.document)
    return bool(heads["apiVersion"] & heads["kind"])
