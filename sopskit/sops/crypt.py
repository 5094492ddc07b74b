"""Encrypt and decrypt whole files: one walk over the leaves, the MAC checked before anything is handed out."""

from __future__ import annotations

import os
from itertools import chain, islice
from typing import TYPE_CHECKING, NamedTuple

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sopskit.document import DEFAULT_LIMITS, Comment, Leaf, parse
from sopskit.errors import (
    AlreadyEncryptedError,
    EncryptedValueError,
    NotEncryptedError,
    RefusedError,
    SopskitError,
    ValueTamperedError,
)
from sopskit.sops import mac, values
from sopskit.sops.datakey import DEFAULT_ORDER, recover_data_key
from sopskit.sops.metadata import Metadata

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from sopskit.document import Document, Format, Limits, Plain
    from sopskit.secret import DataKey
    from sopskit.sops.masterkeys import Keyring
    from sopskit.sops.reuse import Reuse

# what stands in `version`: the release of sops whose format this is; sops refuses files without a three-part version
FORMAT_VERSION = "3.13.3"


class SopsFile(NamedTuple):
    """An encrypted document with its metadata."""

    document: Document
    metadata: Metadata


class Opened(NamedTuple):
    """A file whose MAC was verified: its plaintext, and what is needed to write it again.

    `opened` pairs each encrypted item with its token and plaintext, in walk order.
    `unreadable` are comments that look encrypted but did not open; they stay as they are.
    """

    file: SopsFile
    plain: Document
    data_key: DataKey
    opened: list[tuple[Leaf | Comment, Plain]]
    unreadable: list[Comment]

    def __repr__(self) -> str:
        """No content."""
        return f"<opened {self.file.document!r}>"


def load(source: bytes, format: Format, *, limits: Limits = DEFAULT_LIMITS) -> SopsFile:
    """Read an encrypted file. Raises `NotEncryptedError`, `MetadataError`, `DocumentSyntaxError`, `LimitError`."""
    document = parse(source, format, encrypted=True, limits=limits)
    if document.block is None:
        raise NotEncryptedError("no sops metadata found: the file is not encrypted", hint="sopskit encrypt encrypts it")
    return SopsFile(document, Metadata.from_block(document.block))


def open_file(
    file: SopsFile, keyring: Keyring, *, order: Sequence[str] = DEFAULT_ORDER, verify_mac: bool = True
) -> Opened:
    """Decrypt a file with a private key of `keyring`.

    Raises `DataKeyError`, `ValueTamperedError`, `EncryptedValueError`, `MacMismatchError`; nothing is handed out then.
    """
    file.metadata.check_version()
    return open_with(file, recover_data_key(file.metadata, keyring, order=order), verify_mac=verify_mac)


def open_with(file: SopsFile, data_key: DataKey, *, verify_mac: bool = True) -> Opened:
    """Decrypt a file whose data key is known."""
    opened, unreadable = open_values(file, data_key, verify_mac=verify_mac)
    document = file.document
    return Opened(file, document.format.open(document, opened), data_key, opened, unreadable)


def open_values(
    file: SopsFile, data_key: DataKey, *, verify_mac: bool = True
) -> tuple[list[tuple[Leaf | Comment, Plain]], list[Comment]]:
    """The values of a file as `Opened` has them, for those who need no text of it. Raises as `open_with`."""
    cipher = AESGCM(data_key.reveal())
    opened, unreadable, pieces = _open_items(file, cipher)
    if verify_mac:
        computed = mac.compute(pieces, only_encrypted=file.metadata.mac_only_encrypted)
        mac.verify(cipher, file.metadata.mac, file.metadata.aad, computed)
    return opened, unreadable


def _open_items(
    file: SopsFile, cipher: AESGCM
) -> tuple[list[tuple[Leaf | Comment, Plain]], list[Comment], list[bytes]]:
    """Open all tokens. This loop and its twin below are where a large file's time goes, so they look things up once."""
    document, metadata = file
    encrypts = metadata.selection.walk(lenient=True).encrypts
    only_encrypted = metadata.mac_only_encrypted
    open_token = values.open_token
    open_comment = _CommentOpener(cipher, document).open
    opened: list[tuple[Leaf | Comment, Plain]] = []
    unreadable: list[Comment] = []
    pieces: list[bytes] = []
    for item in document.items:
        selected = encrypts(item)
        if isinstance(item, Comment):
            if selected and item.value.startswith(values.PREFIX):
                plain = open_comment(item)
                if plain is None:
                    unreadable.append(item)
                else:
                    opened.append((item, plain))
            continue
        kind = item.kind
        if kind == "null":
            continue
        if not selected:
            if kind == "uint64":
                raise _located(_too_large(), document, item)
            if not only_encrypted:
                pieces.append(item.data)
        elif kind != "str":
            error = EncryptedValueError("this value should be encrypted, but stands there as plain text")
            raise _located(error, document, item)
        elif item.value:
            parent = item.parent
            aad = f"{parent.prefix}{item.key}:" if parent.is_map else parent.prefix
            try:
                plain = open_token(cipher, item.value, aad.encode("utf-8", "surrogateescape"))
            except (EncryptedValueError, ValueTamperedError) as error:
                raise _located(error, document, item) from None
            opened.append((item, plain))
            if plain.kind != "comment":
                pieces.append(plain.data)
            elif parent.is_map:
                raise _located(_misplaced_comment(), document, item)
    return opened, unreadable, pieces


# Comments are outside the MAC, so anybody can add as many as the file may be long: attempts to open them elsewhere
# are counted per file, at about 2 microseconds each, and only so many leaves tell which containers there are.
MOST_ATTEMPTS = 200_000
MOST_COMMENT_PATHS = 2_000


class _CommentOpener:
    """Opens comments under their own path, else under that of another container of their document.

    Which container a comment belongs to is a reader's guess, and sops guesses anew after it has written
    the file (SOPS section 1.9). Comments are outside the MAC; one that opens nowhere stays as it is.
    """

    __slots__ = ("_attempts", "_cipher", "_document", "_others")

    def __init__(self, cipher: AESGCM, document: Document) -> None:
        self._cipher = cipher
        self._document = document
        self._others: list[str] | None = None
        self._attempts = MOST_ATTEMPTS

    def open(self, comment: Comment) -> Plain | None:
        """The comment's text; None if it opens nowhere."""
        try:
            value = values.EncryptedValue.parse(comment.value)
            plain = self._open(value, comment.aad) or self._open_elsewhere(value, comment)
        except EncryptedValueError:
            return None
        return plain if plain is not None and plain.kind in {"comment", "str"} else None

    def _open(self, value: values.EncryptedValue, aad: str) -> Plain | None:
        try:
            return values.open_value(self._cipher, value, aad.encode("utf-8", "surrogateescape"))
        except ValueTamperedError:
            return None

    def _open_elsewhere(self, value: values.EncryptedValue, comment: Comment) -> Plain | None:
        for aad in chain(_enclosing_paths(comment), self._other_paths()):
            if not self._attempts:
                break
            self._attempts -= 1
            plain = self._open(value, aad)
            if plain is not None:
                return plain
        return None

    def _other_paths(self) -> list[str]:
        if self._others is None:
            leaves = islice((item for item in self._document.items if item.__class__ is Leaf), MOST_COMMENT_PATHS)
            self._others = list(dict.fromkeys(leaf.parent.prefix or ":" for leaf in leaves))
        return self._others


def _enclosing_paths(comment: Comment) -> Iterator[str]:
    container = comment.parent.parent
    while container is not None:
        yield container.prefix or ":"
        container = container.parent


def seal_file(
    plain: Document,
    metadata: Metadata,
    data_key: DataKey,
    *,
    now: datetime,
    like: Opened | None = None,
    indent: int | None = None,
) -> SopsFile:
    """Encrypt a document. `metadata` must hold the wrapped data key; `lastmodified` and `mac` are set here.

    With `like`, an older version, values that did not change keep their token, or under another data key
    their IV, as sops's own commands do. Raises `AlreadyEncryptedError`, `RefusedError`, `ConfigError`.
    """
    if plain.block is not None:
        raise AlreadyEncryptedError(
            "the file has a top-level entry called sops: it is already encrypted",
            hint="to change it use: sopskit edit FILE; if it is plain text, rename that entry",
        )
    if metadata.selection.by_comment:
        _refuse_aliases(plain)
    cipher = AESGCM(data_key.reveal())
    reuse = None
    if like is not None:
        from sopskit.sops.reuse import Reuse

        reuse = Reuse(like, same_key=like.data_key == data_key)
    ivs = _Ivs(len(plain.items) + 1)
    tokens, pieces = _seal_items(plain, metadata, cipher, ivs, reuse)
    metadata = metadata.replace(
        lastmodified=now.strftime("%Y-%m-%dT%H:%M:%SZ"), mac="", version=metadata.version or FORMAT_VERSION
    )
    computed = mac.compute(pieces, only_encrypted=metadata.mac_only_encrypted)
    metadata = metadata.replace(mac=mac.seal(cipher, computed, metadata.aad, ivs.take()))
    tree = metadata.to_flat() if plain.format.FLAT else metadata.to_tree()
    one_line = reuse.one_line(plain) if reuse else frozenset()
    return SopsFile(plain.format.seal(plain, tokens, tree, indent=indent, one_line=one_line), metadata)


class _Ivs:
    """Random IVs, drawn from the operating system in one piece: one call costs as much as a value's encryption."""

    __slots__ = ("_pool", "_position")

    def __init__(self, count: int) -> None:
        self._pool = os.urandom(values.IV_SIZE * count)
        self._position = 0

    def take(self) -> bytes:
        start = self._position
        self._position = end = start + values.IV_SIZE
        iv = self._pool[start:end]
        if len(iv) != values.IV_SIZE:
            raise AssertionError("out of IVs")
        return iv


def _seal_items(
    plain: Document, metadata: Metadata, cipher: AESGCM, ivs: _Ivs, reuse: Reuse | None
) -> tuple[list[tuple[Leaf | Comment, str]], list[bytes]]:
    walk = metadata.selection.walk()
    encrypts = walk.encrypts
    only_encrypted = metadata.mac_only_encrypted
    seal, plaintext, take = values.seal, values.plaintext, ivs.take
    tokens: list[tuple[Leaf | Comment, str]] = []
    pieces: list[bytes] = []
    colons = False
    for item in plain.items:
        selected = encrypts(item)
        if isinstance(item, Comment):
            if not selected or not item.value:
                continue
            kind, aad = "comment", item.aad
        else:
            kind = item.kind
            if kind == "null":
                continue
            if kind == "uint64":
                raise _located(_too_large(), plain, item)
            if selected or not only_encrypted:
                pieces.append(item.data)
            if not selected or (not item.data and kind == "str"):
                continue
            parent = item.parent
            aad = parent.prefix
            if parent.is_map:
                aad = f"{aad}{item.key}:"
            colons = colons or aad.count(":") != len(parent.keys) + parent.is_map
        token = reuse.token(item, kind, cipher) if reuse else None
        if token is None:
            token = seal(cipher, plaintext(item), kind, aad.encode("utf-8", "surrogateescape"), take())
        if kind == "comment":
            walk.check_token(token)
        tokens.append((item, token))
    if colons:
        _refuse_collisions(plain)
    return tokens, pieces


def _refuse_aliases(plain: Document) -> None:
    """Comments are not repeated below an alias, so a rule by comments would leave there in clear what it encrypts elsewhere."""
    for leaf in plain.leaves():
        if not plain.format.FLAT and plain.text.startswith("*", leaf.start):  # no plain scalar begins so
            error = RefusedError(
                "a rule by comments and YAML aliases do not go together: comments are not repeated below an alias",
                hint="write the values out, or choose what is encrypted by keys",
            )
            raise _located(error, plain, leaf)


def _misplaced_comment() -> EncryptedValueError:
    """The MAC leaves comments out, so a comment's token could be made a value unnoticed. sops puts them into lists only."""
    return EncryptedValueError("the token of a comment stands where a value must be", hint="restore the file from Git")


def _too_large() -> RefusedError:
    return RefusedError("this integer is larger than SOPS can hold (64 bits, signed)", hint="write it in quotes")


def _refuse_collisions(plain: Document) -> None:
    """Two paths with the same additional data would let one value be moved to the other unnoticed (`a:b` and `a`, `b`)."""
    seen: dict[str, tuple[str, ...]] = {}
    for leaf in plain.leaves():
        other = seen.setdefault(leaf.aad, leaf.keys)
        if other != leaf.keys:
            raise _located(
                RefusedError("a key with a colon makes two paths look the same to SOPS", hint="rename one of the keys"),
                plain,
                leaf,
            )


def _located(error: SopskitError, document: Document, leaf: Leaf) -> SopskitError:
    from sopskit.document.model import position

    line, column = position(document.text, leaf.start)
    return error.at(line=line, column=column, key=leaf.path)
