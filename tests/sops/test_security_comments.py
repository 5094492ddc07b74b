"""Comments are outside the MAC: anybody may add, move and copy their tokens."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from sopskit import age
from sopskit.document import format_for_name, parse
from sopskit.errors import EncryptedValueError
from sopskit.pgp import Gpg
from sopskit.sops import crypt, datakey
from sopskit.sops.masterkeys import AgeKey, FixedKeyring
from sopskit.sops.metadata import Metadata

if TYPE_CHECKING:
    from tests.conftest import AgeTestKey

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TOKEN = re.compile(r"ENC\[[^]]*,type:comment]")
ENOUGH = 10.0  # seconds


def sealed(key: AgeTestKey, text: str) -> str:
    data_key = datakey.generate()
    metadata = datakey.wrap_data_key(Metadata(groups=((AgeKey(key.recipient),),)), data_key, Gpg(None, None))
    return (
        crypt.seal_file(parse(text.encode(), format_for_name("yaml")), metadata, data_key, now=NOW)
        .document.to_bytes()
        .decode()
    )


def opened(key: AgeTestKey, text: str) -> crypt.Opened:
    keyring = FixedKeyring((age.parse_identity(key.identity),))
    return crypt.open_file(crypt.load(text.encode(), format_for_name("yaml")), keyring)


def test_a_comment_cannot_be_made_a_value_behind_the_macs_back(alice: AgeTestKey) -> None:
    text = sealed(alice, "# hidden\nx: 1\n")
    token = TOKEN.search(text)
    assert token
    with pytest.raises(EncryptedValueError) as caught:
        opened(alice, f'"": {token.group()}\n{text}')
    assert "hidden" not in str(caught.value)


def test_a_comment_of_a_mapping_cannot_take_the_mappings_place(alice: AgeTestKey) -> None:
    text = sealed(alice, "a:\n  # hidden\n  x:\nb: 1\n")
    token = TOKEN.search(text)
    assert token
    forged = re.sub(r"a:\n.*?\nb:", f"a: {token.group()}\nb:", text, flags=re.DOTALL)
    with pytest.raises(EncryptedValueError):
        opened(alice, forged)


@pytest.mark.parametrize("plain", ["a: 1\n", "".join(f"k{number}: {{a: 1}}\n" for number in range(2_500))])
def test_many_comments_that_open_nowhere_take_time_in_proportion(alice: AgeTestKey, plain: str) -> None:
    token = f"ENC[AES256_GCM,data:AAAA,iv:{'A' * 43}=,tag:{'A' * 22}==,type:comment]"
    text = f"#{token}\n" * 10_000 + sealed(alice, plain)
    start = time.process_time()
    file = opened(alice, text)
    assert time.process_time() - start < ENOUGH
    assert len(file.unreadable) == 10_000
