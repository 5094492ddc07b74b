"""Sealing without keys: numbered tokens that stand for plaintexts, and the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sopskit.document import DEFAULT_LIMITS, Comment, Document, Leaf, Plain, format_for_name
from sopskit.sops.values import plaintext

if TYPE_CHECKING:
    from collections.abc import Callable

    from sopskit.document import Path, Raw

YAML = format_for_name("yaml")
IV = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
TAG = "AAAAAAAAAAAAAAAAAAAAAA=="
BLOCK: dict[str, Raw] = {
    "age": [{"enc": "-----BEGIN-----\nabc=\n-----END-----\n", "recipient": "age1x"}],
    "lastmodified": "2024-01-01T00:00:00Z",
    "mac": "ENC[AES256_GCM,data:m,iv:i,tag:t,type:str]",
    "version": "3.13.3",
}
BLOCK_TEXT = """sops:
    age:
        - enc: |
            -----BEGIN-----
            abc=
            -----END-----
          recipient: age1x
    lastmodified: "2024-01-01T00:00:00Z"
    mac: ENC[AES256_GCM,data:m,iv:i,tag:t,type:str]
    version: 3.13.3
"""


class Sealed(NamedTuple):
    """An encrypted text, and what its tokens stand for."""

    document: Document
    plain: dict[str, Plain]

    @property
    def text(self) -> str:
        return self.document.text

    @property
    def short(self) -> str:
        """The text with `<1>` for a token, and without the `sops` entry in block style."""
        text = self.text.replace(BLOCK_TEXT, "")
        for number in range(len(self.plain), 0, -1):
            for kind in ("str", "int", "float", "bool", "time", "comment"):
                text = text.replace(token(number, kind), f"<{number}>")
        return text


def token(number: int, kind: str) -> str:
    return f"ENC[AES256_GCM,data:{number:04d},iv:{IV},tag:{TAG},type:{kind}]"


def read(text: str) -> Document:
    return YAML.parse(text.encode(), encrypted=False, limits=DEFAULT_LIMITS)


def plain_of(item: Leaf | Comment) -> Plain | None:
    if isinstance(item, Comment):
        return Plain("comment", item.value.encode(), item.value.encode()) if item.value else None
    if item.kind in {"null", "uint64"} or (item.kind == "str" and not item.data):
        return None
    return Plain(item.kind, item.data, plaintext(item))


def seal(
    text: str,
    selected: Callable[[Leaf | Comment], bool] = lambda _: True,
    *,
    indent: int | None = None,
    one_line: frozenset[tuple[int, Path]] = frozenset(),
) -> Sealed:
    document = read(text)
    plain: dict[str, Plain] = {}
    tokens: list[tuple[Leaf | Comment, str]] = []
    for item in document.items:
        value = plain_of(item)
        if value is not None and selected(item):
            new = token(len(plain) + 1, value.kind)
            plain[new] = value
            tokens.append((item, new))
    return Sealed(YAML.seal(document, tokens, BLOCK, indent=indent, one_line=one_line), plain)


def unseal(encrypted: str, plain: dict[str, Plain]) -> Document:
    document = read(encrypted)
    values = [(item, plain[item.value]) for item in document.items if item.value in plain]
    return YAML.open(document, values)


def round_trip(text: str, selected: Callable[[Leaf | Comment], bool] = lambda _: True) -> str:
    """The text encrypted and decrypted."""
    sealed = seal(text, selected)
    return unseal(sealed.text, sealed.plain).text


def opened(text: str, **values: str | bytes | Plain) -> str:
    """An encrypted text, in which a token is written `<name>`, with strings or other plaintexts put in."""
    plain: dict[str, Plain] = {}
    for number, (name, value) in enumerate(values.items(), 1):
        new = value if isinstance(value, Plain) else _string(value)
        plain[token(number, new.kind)] = new
        text = text.replace(f"<{name}>", token(number, new.kind))
    return unseal(text + BLOCK_TEXT, plain).text


def _string(value: str | bytes) -> Plain:
    data = value.encode() if isinstance(value, str) else value
    return Plain("str", data, data)


def values(document: Document) -> list[tuple[Path, str, bytes]]:
    return [(leaf.path, leaf.kind, leaf.data) for leaf in document.leaves()]
