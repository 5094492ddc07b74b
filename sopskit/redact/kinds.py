"""What may be said of a value: its kind, facts by kind, and which parts changed.

The facts and parts here are the only texts made from a plaintext that are ever printed. Each comes from an allow-list of
its kind; no characters of a secret, no length and no digest is among them. Input is hostile: nothing here raises, sizes
and depths are limited, and libraries are loaded only for what looks like theirs.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, NamedTuple

from sopskit.redact.certificates import private_key_matches
from sopskit.redact.malformed import decode_base64, malformed
from sopskit.redact.names import is_plain_name, is_secret_name
from sopskit.redact.weakness import weakness

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeAlias

    from sopskit.redact.structures import Structure

    Fact: TypeAlias = "str | int | bool | tuple[str, ...]"
    Facts: TypeAlias = "Mapping[str, Fact]"

__all__ = ["Described", "Kind", "compare_parts", "describe", "malformed", "private_key_matches", "weakness"]

Kind = Literal[
    "password",
    "certificate",
    "private-key",
    "ssh-key",
    "jwt",
    "url",
    "dockerconfigjson",
    "json",
    "yaml",
    "number",
    "boolean",
    "text",
    "empty",
    "opaque",
]

SIZE_LIMIT = 1024 * 1024
NOTHING: Facts = MappingProxyType({})
TYPES: Mapping[str, Kind] = {
    "bool": "boolean",
    "int": "number",
    "uint64": "number",
    "float": "number",
    "time": "text",
    "null": "empty",
}
BEGIN = b"-----BEGIN "
CERTIFICATE = re.compile(rb"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----")
PRIVATE_KEY = re.compile(
    rb"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----|AGE-SECRET-KEY-(?:PQ-)?1[0-9A-Z]{40}"
)
SSH_LINE = re.compile(rb"(?:ssh-|ecdsa-|sk-)[a-z0-9@.-]+ AAAA")
NUMBER = re.compile(r"[+-]?(?:\d{1,20}|\d{1,15}\.\d{1,15})(?:[eE][+-]?\d{1,3})?")
BOOLEAN = frozenset(("true", "false", "yes", "no", "on", "off"))
SHORTEST_RANDOM = 12
LONGEST_RANDOM = 4096


class Described(NamedTuple):
    """A value's kind and what may be printed of it. All strings in `facts` are escaped or from fixed lists."""

    kind: Kind
    facts: Facts = NOTHING


def describe(data: bytes, *, key: str = "", type: str = "str") -> Described:
    """The kind of a decrypted value. `key` is its last key name, `type` SOPS's type for it.

    The base64 of a certificate, key or other structured value is described as what it stands for. Never raises.
    """
    if not data or type == "null":
        return Described("empty")
    if type in TYPES:
        return Described(TYPES[type])
    if len(data) > SIZE_LIMIT:
        return Described("opaque")
    try:
        content = contents(data)
        return _structured(content) or _structured_text(content, key) or Described(_scalar(data, key))
    except Exception:  # noqa: BLE001 - a value that defeats a reader is shown as nothing, and stops no review
        return Described("opaque")


def contents(data: bytes) -> bytes:
    r"""A value as its reader takes it: base64 of something structured is decoded, `\n` of a PEM block written out."""
    inner = decode_base64(data.strip()) if len(data) <= SIZE_LIMIT else None
    if inner is not None and (inner.lstrip()[:1] in (b"{", b"[") or BEGIN in inner or SSH_LINE.match(inner)):
        data = inner
    if BEGIN in data and b"\\n" in data:
        data = data.replace(b"\\r", b"").replace(b"\\n", b"\n")
    return data


def _structured(data: bytes) -> Described | None:
    """Kinds that bytes at the start or a label give away."""
    if CERTIFICATE.search(data) or data.startswith(b"\x30\x82"):
        return _certificate(data)
    if BEGIN in data or b"AGE-SECRET-KEY-" in data:
        return _private_key(data)
    if SSH_LINE.match(data.lstrip()):
        from sopskit.redact.sshkeys import ssh_key_facts

        facts = ssh_key_facts(data)
        return Described("ssh-key", facts) if facts else None
    return None


def _certificate(data: bytes) -> Described | None:
    from sopskit.redact.certificates import certificate_facts, read_certificates

    chain = read_certificates(data)
    if not chain and data.startswith(b"\x30\x82"):
        return None
    return Described("certificate", dict(certificate_facts(chain)))


def _private_key(data: bytes) -> Described | None:
    if PRIVATE_KEY.search(data) is None:
        return None
    if b"BEGIN OPENSSH PRIVATE KEY" in data:
        from sopskit.redact.sshkeys import ssh_key_facts

        return Described("ssh-key", ssh_key_facts(data))
    from sopskit.redact.privatekeys import private_key_facts, read_private_key

    return Described("private-key", private_key_facts(read_private_key(data)))


def _structured_text(data: bytes, key: str) -> Described | None:
    """Kinds that are text of a certain form."""
    text = _text(data)
    if text is None:
        return None
    if "eyJ" in text[:12]:
        from sopskit.redact.tokens import read_token, token_facts

        token = read_token(data.strip())
        if token is not None:
            return Described("jwt", token_facts(token))
    if "://" in text or "=" in text or "@" in text:
        from sopskit.redact.urls import read_url, url_facts

        url = read_url(text)
        if url is not None:
            return Described("url", url_facts(url))
    return _tree(text, key)


def _tree(text: str, key: str) -> Described | None:
    structure = _structure(text)
    if structure is None:
        return None
    from sopskit.redact.structures import registries, registry_facts, structure_facts

    entries = registries(structure, key)
    if entries is not None:
        return Described("dockerconfigjson", registry_facts(entries))
    return Described("json" if structure.kind == "json" else "yaml", structure_facts(structure))


def _structure(text: str) -> Structure | None:
    if text.lstrip("\ufeff \t\r\n")[:1] not in ("{", "[") and "\n" not in text.strip():
        return None
    from sopskit.redact.structures import read_json, read_yaml

    return read_json(text) or read_yaml(text)


def _text(data: bytes) -> str | None:
    """The text, None for bytes that are none."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return None if "\0" in text[:LONGEST_RANDOM] else text


def _scalar(data: bytes, key: str) -> Kind:
    text = _text(data)
    if text is None:
        return "opaque"
    word = text.strip()
    if not word:
        return "text"
    if word.lower() in BOOLEAN:
        return "boolean"
    if "\n" not in word and is_secret_name(key):
        return "password"
    if NUMBER.fullmatch(word):
        return "number"
    return "password" if is_random(word) else "text"


def is_random(text: str) -> bool:
    """Whether a text looks like a key or a generated password: one word, several classes of characters, high entropy."""
    if not SHORTEST_RANDOM <= len(text) <= LONGEST_RANDOM or any(char.isspace() for char in text):
        return False
    letters = sum(char.isalpha() for char in text)
    if letters < 3 or all(part.isdigit() or is_plain_name(part) for part in re.split(r"[^A-Za-z0-9]+", text) if part):
        return False
    classes = sum((any(map(test, text)) for test in (str.islower, str.isupper, str.isdigit)), start=0)
    return (classes > 1 or letters == len(text)) and _entropy(text) >= 3.0


def _entropy(text: str) -> float:
    """Bits per character by the frequencies in the text itself."""
    return -sum(n / len(text) * math.log2(n / len(text)) for n in Counter(text).values())


# --- which parts changed


def compare_parts(old: bytes, new: bytes, kind: str) -> tuple[str, ...]:
    """Which parts differ between two values of one kind: words of a fixed list, pointers and host names that may be shown.

    Empty for kinds without parts, equal values, and values that are not both of the kind. Says that two values are equal
    in a part: not to be called where the oracle guard forbids to compare.
    """
    if old == new or max(len(old), len(new)) > SIZE_LIMIT:
        return ()
    old, new = contents(old), contents(new)
    if kind == "certificate":
        return _certificate_parts(old, new)
    if kind == "private-key":
        from sopskit.redact import privatekeys

        return privatekeys.changed_parts(privatekeys.read_private_key(old), privatekeys.read_private_key(new))
    if kind == "ssh-key":
        from sopskit.redact import sshkeys

        return sshkeys.changed_parts(old, new)
    texts = (_text(old), _text(new))
    if texts[0] is None or texts[1] is None:
        return ()
    return _text_parts(texts[0], texts[1], kind)


def _certificate_parts(old: bytes, new: bytes) -> tuple[str, ...]:
    from sopskit.redact import certificates, privatekeys

    parts = certificates.changed_parts(certificates.read_certificates(old), certificates.read_certificates(new))
    if PRIVATE_KEY.search(old) or PRIVATE_KEY.search(new):
        keys = privatekeys.read_private_key(old), privatekeys.read_private_key(new)
        if keys[0] is None or keys[1] is None or keys[0].public != keys[1].public:
            parts = (*(part for part in parts if part != "encoding"), "private key")
    return parts


def _text_parts(old: str, new: str, kind: str) -> tuple[str, ...]:
    if kind == "jwt":
        from sopskit.redact import tokens

        before, after = tokens.read_token(old.strip().encode()), tokens.read_token(new.strip().encode())
        return tokens.changed_parts(before, after) if before and after else ()
    if kind == "url":
        from sopskit.redact import urls

        urls_found = urls.read_url(old), urls.read_url(new)
        return urls.changed_parts(urls_found[0], urls_found[1]) if urls_found[0] and urls_found[1] else ()
    if kind in ("json", "yaml", "dockerconfigjson"):
        return _tree_parts(_structure(old), _structure(new), kind)
    return ()


def _tree_parts(old: Structure | None, new: Structure | None, kind: str) -> tuple[str, ...]:
    from sopskit.redact.structures import changed_pointers, changed_registries, registries

    if old is None or new is None:
        return ()
    if kind == "dockerconfigjson":
        key = "" if any(path[:1] == ("auths",) for path in (*old.scalars, *new.scalars)) else ".dockercfg"
        before, after = registries(old, key), registries(new, key)
        if before is not None and after is not None:
            return changed_registries(before, after)
    return changed_pointers(old, new)
