"""Files written by other implementations of age."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from sopskit.age import EncryptedIdentities, ScryptIdentity, decrypt, header, parse_identity, parse_ssh_identity
from sopskit.age.armor import dearmor, is_armored
from sopskit.errors import NoIdentityMatchError
from tests.age.known_answers import PEERS, SEED

CASES: list[dict[str, Any]] = json.loads((PEERS / "manifest.json").read_bytes())["cases"]
OPENERS = [(case, key) for case in CASES for key in ("identity", "passphrase", "ssh_key") if key in case]
FOREIGN = [case for case in CASES if not {"identity", "passphrase", "ssh_key"} & set(case)]


def identity_for(case: dict[str, Any], key: str) -> Any:
    if key == "identity":
        return parse_identity(case[key])
    if key == "passphrase":
        return ScryptIdentity(case[key])
    return parse_ssh_identity((PEERS / case[key]).read_bytes(), lambda: str(case["ssh_key_passphrase"]))


@pytest.mark.parametrize(("case", "key"), OPENERS, ids=[f"{case['file']}-{case[key][:24]}" for case, key in OPENERS])
def test_files_of_others_open_with_each_of_their_keys(case: dict[str, Any], key: str) -> None:
    plaintext = decrypt((PEERS / case["file"]).read_bytes(), [identity_for(case, key)])
    assert (len(plaintext), hashlib.sha256(plaintext).hexdigest()) == (case["plaintext_len"], case["plaintext_sha256"])


@pytest.mark.parametrize("case", FOREIGN, ids=[case["file"] for case in FOREIGN])
def test_files_for_tagged_keys_alone_are_no_match(case: dict[str, Any]) -> None:
    with pytest.raises(NoIdentityMatchError, match=r"encrypted to: (mlkem768)?p256tag"):
        decrypt((PEERS / case["file"]).read_bytes(), [parse_identity(CASES[0]["identity"])])


@pytest.mark.parametrize("name", sorted({case["file"] for case in CASES}))
def test_headers_of_others_are_written_back_the_same(name: str) -> None:
    data = (PEERS / name).read_bytes()
    binary = dearmor(data) if is_armored(data) else data
    parsed = header.parse(binary)
    assert header.serialise(parsed.stanzas) + header.serialise_mac(parsed.mac) == binary[: parsed.size]


def test_an_encrypted_identity_file_of_another_implementation_opens_a_file() -> None:
    identities = EncryptedIdentities((PEERS / "identities.txt.go.age").read_bytes(), lambda: "kat")
    assert decrypt((PEERS / "x25519.go.age").read_bytes(), [identities]) == SEED
