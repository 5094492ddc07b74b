"""Encrypting over a version that an attacker planted."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from sopskit import age
from sopskit.document import format_for_name
from sopskit.pgp import Gpg
from sopskit.sops.crypt import load, open_file
from sopskit.sops.masterkeys import AgeKey, FixedKeyring
from sopskit.sops.metadata import Metadata
from sopskit.workflow.encrypt import Older, encrypt, read_plain

if TYPE_CHECKING:
    from tests.conftest import AgeTestKey

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
YAML = format_for_name("yaml")


def seal(key: AgeTestKey, text: str, older: Older | None = None) -> str:
    metadata = Metadata(groups=((AgeKey(key.recipient),),))
    return encrypt(read_plain(text.encode(), YAML), metadata, gpg=Gpg(None, None), now=NOW, older=older).decode()


def older(key: AgeTestKey, text: str, *, trusted: bool) -> Older:
    keyring = FixedKeyring((age.parse_identity(key.identity),))
    return Older(open_file(load(text.encode(), YAML), keyring), trusted)


@pytest.mark.parametrize("trusted", [False, True])
def test_guesses_planted_in_an_untrusted_version_are_not_answered_by_a_kept_iv(
    alice: AgeTestKey, trusted: bool
) -> None:
    guesses = seal(alice, "password: [letmein, hunter2, secret]\n")
    new = seal(alice, "password: hunter2\n", older(alice, guesses, trusted=trusted))
    kept = set(re.findall("iv:([^,]+),", guesses)) & set(re.findall("iv:([^,]+),", new))
    assert len(kept) == trusted


def test_guesses_planted_in_an_untrusted_version_are_not_answered_by_a_kept_spelling(alice: AgeTestKey) -> None:
    text = 'password: "hunter2"\n'
    bare = re.sub(r'"(ENC\[[^"]*)"', r"\1", seal(alice, text))
    assert "password: ENC[" in bare
    unaided = seal(alice, text)
    new = seal(alice, text, older(alice, bare, trusted=False))
    assert 'password: "ENC[' in unaided
    assert 'password: "ENC[' in new
