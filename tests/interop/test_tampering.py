"""What a hand with no key can change in a file, and that it is refused: by us as by the released sops."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sopskit.errors import IntegrityError, SopskitError
from sopskit.sops.values import EncryptedValue

if TYPE_CHECKING:
    from tests.interop.conftest import Ours

PLAIN = b"""apiVersion: v1
kind: Secret
metadata:
    name_unencrypted: app
stringData:
    PASSWORD: hunter2
    PORT: 8080
    LIST:
        - one
        - two
"""
TOKEN = re.compile(rb"ENC\[[^]]*\]")


def refused(ours: Ours, changed: bytes) -> bool:
    try:
        ours.decrypt(changed, "yaml")
    except SopskitError as error:
        assert "hunter2" not in str(error)
        return True
    return False


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_flipped_bit_of_any_token_is_refused(ours: Ours, data: st.DataObject) -> None:
    encrypted = ours.encrypt(PLAIN, "yaml")
    tokens = list(TOKEN.finditer(encrypted))  # the MAC's token is among them
    match = data.draw(st.sampled_from(tokens))
    value = EncryptedValue.parse(match.group().decode())
    name = data.draw(st.sampled_from(["body", "iv"]))
    field = bytearray(getattr(value, name))
    bit = data.draw(st.integers(0, 8 * len(field) - 1))
    field[bit // 8] ^= 1 << (bit % 8)
    changed = value._replace(body=bytes(field)) if name == "body" else value._replace(iv=bytes(field))
    assert refused(ours, encrypted[: match.start()] + str(changed).encode() + encrypted[match.end() :])


CHANGES = {
    "path of an encrypted leaf": (b"PASSWORD:", b"PASSW0RD:"),
    "path of a parent": (b"stringData:", b"data:"),
    "covered cleartext value": (b"name_unencrypted: app", b"name_unencrypted: ape"),
    "cleartext value removed": (b"name_unencrypted: app", b"name_unencrypted: null"),
    "encrypted value emptied": (rb"PASSWORD: ENC\[[^]]*\]", b'PASSWORD: ""'),
    "encrypted value made plain": (rb"PASSWORD: ENC\[[^]]*\]", b"PASSWORD: guess"),
    "encrypted value removed": (rb"    PASSWORD: ENC\[[^]]*\]\n", b""),
    "mac missing": (rb"    mac: [^\n]*\n", b""),
    "mac empty": (rb"    mac: [^\n]*\n", b'    mac: ""\n'),
    "lastmodified": (rb'lastmodified: "20', b'lastmodified: "19'),
    "selection rule": (rb"unencrypted_suffix: _unencrypted", b"unencrypted_suffix: _u"),
    "mac over encrypted values only": (rb"\n    version:", b"\n    mac_only_encrypted: true\n    version:"),
    "type that does not fit": (rb"(PASSWORD: ENC\[[^]]*type:)str", rb"\1int"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_by_hand_is_refused(ours: Ours, name: str) -> None:
    pattern, replacement = CHANGES[name]
    encrypted = ours.encrypt(PLAIN, "yaml")
    changed, count = re.subn(pattern, replacement, encrypted, count=1)
    assert count == 1
    assert refused(ours, changed)


def test_swapped_list_elements_are_refused(ours: Ours) -> None:
    encrypted = ours.encrypt(PLAIN, "yaml")
    lines = encrypted.split(b"\n")
    first = next(index for index, line in enumerate(lines) if line.strip().startswith(b"- ENC"))
    lines[first], lines[first + 1] = lines[first + 1], lines[first]
    with pytest.raises(IntegrityError, match="MAC"):
        ours.decrypt(b"\n".join(lines), "yaml")


def test_a_mac_of_another_file_is_refused(ours: Ours) -> None:
    mac = re.compile(rb"    mac: [^\n]*\n")
    other = mac.search(ours.encrypt(PLAIN.replace(b"8080", b"8081"), "yaml"))
    assert other is not None
    assert refused(ours, mac.sub(lambda _: other.group(), ours.encrypt(PLAIN, "yaml")))
