"""An older version may be somebody else's work: what is taken from it must not weaken the new ciphertext."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sopskit.document import format_for_name, parse
from sopskit.pgp import Gpg
from sopskit.sops import crypt, datakey, mac, values
from sopskit.sops.masterkeys import AgeKey
from sopskit.sops.metadata import Metadata

if TYPE_CHECKING:
    from tests.conftest import AgeTestKey

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ONE_IV = b"\x07" * values.IV_SIZE


def with_one_iv(key: AgeTestKey, pairs: dict[str, str]) -> crypt.Opened:
    """A valid file of an attacker who knows the recipient, and seals every value under the same IV."""
    data_key = datakey.generate()
    cipher = AESGCM(data_key.reveal())
    metadata = datakey.wrap_data_key(Metadata(groups=((AgeKey(key.recipient),),)), data_key, Gpg(None, None))
    plain = parse("".join(f"{name}: {value}\n" for name, value in pairs.items()).encode(), format_for_name("yaml"))
    metadata = metadata.replace(lastmodified="2026-01-02T03:04:05Z", version=crypt.FORMAT_VERSION)
    computed = mac.compute([value.encode() for value in pairs.values()], only_encrypted=False)
    metadata = metadata.replace(mac=mac.seal(cipher, computed, metadata.aad, ONE_IV))
    tokens = [(leaf, values.seal(cipher, leaf.data, "str", leaf.aad.encode(), ONE_IV)) for leaf in plain.leaves()]
    sealed = plain.format.seal(plain, tokens, metadata.to_tree(), indent=None, one_line=frozenset())
    return crypt.open_with(crypt.load(sealed.to_bytes(), format_for_name("yaml")), data_key)


def ivs(text: str) -> list[str]:
    return re.findall("iv:([^,]+),", text)


def test_one_iv_for_several_values_is_not_taken_over_to_a_new_data_key(alice: AgeTestKey) -> None:
    old = with_one_iv(alice, {"a": "first", "b": "second"})
    assert len(set(ivs(old.file.document.text))) == 1
    data_key = datakey.generate()
    metadata = datakey.wrap_data_key(Metadata(groups=((AgeKey(alice.recipient),),)), data_key, Gpg(None, None))
    new = crypt.seal_file(old.plain, metadata, data_key, now=NOW, like=old).document.text
    assert len(ivs(new)) == len(set(ivs(new))) == 3


def test_one_iv_for_the_same_text_at_two_paths_is_not_taken_over(alice: AgeTestKey) -> None:
    old = with_one_iv(alice, {"a": "same", "b": "same"})
    data_key = datakey.generate()
    metadata = datakey.wrap_data_key(Metadata(groups=((AgeKey(alice.recipient),),)), data_key, Gpg(None, None))
    new = crypt.seal_file(old.plain, metadata, data_key, now=NOW, like=old).document.text
    assert len(set(ivs(new))) == 3
