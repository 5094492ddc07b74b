"""The MAC: sops's own vectors, and the ways in which it can be wrong."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sopskit.document import format_for_name, parse
from sopskit.errors import MacMismatchError
from sopskit.sops import mac, values

KEY = AESGCM(bytes(range(32)))
IV = bytes(range(0xA0, 0xC0))
TIME = "2020-01-01T00:00:00Z"
# hashed by sops's own code: with all values, and with `mac_only_encrypted` under the default rule
TEXT = b"""# top
a: hello
b_unencrypted:
  n: 0777
  f: 1.50
  t: yes
c:
  - 1
  - k: true
    z: null
  - ""
  - 2001-12-14 21:59:43.120
  - 1e3
---
d: \xc3\xa9
"""
ALL = "D1A30464B31EF454BED82C922E4BBC2BEBB80F0245680F816CF687B9413129492E283382A59D8AA6864871E21DFAFDBC8DEDACB878D5D161081F1513335D4AC9"
ENCRYPTED = "C21E3F541E138BE942CA2D1FE19353038F50733A2C578416BC8FFAF8E836BE89EA52CCE7B31584AA56C50DD6F5C3E878FE34D78A2647759B9304E38FC514CCBD"


def pieces(*, clear: bool) -> list[bytes]:
    leaves = parse(TEXT, format_for_name("yaml")).leaves()
    return [leaf.data for leaf in leaves if clear or leaf.keys[0] != "b_unencrypted"]


def test_the_mac_of_all_values_is_that_of_sops() -> None:
    assert mac.compute(pieces(clear=True), only_encrypted=False) == ALL


def test_the_mac_of_encrypted_values_only_is_that_of_sops() -> None:
    assert mac.compute(pieces(clear=False), only_encrypted=True) == ENCRYPTED


def test_a_sealed_mac_verifies_under_its_time_only() -> None:
    sealed = mac.seal(KEY, ALL, TIME, IV)
    mac.verify(KEY, sealed, TIME, ALL)
    with pytest.raises(MacMismatchError, match="does not open"):
        mac.verify(KEY, sealed, "2020-01-01T00:00:01Z", ALL)
    with pytest.raises(MacMismatchError, match="does not fit"):
        mac.verify(KEY, sealed, TIME, ENCRYPTED)


@pytest.mark.parametrize(
    ("stored", "problem"), [("", "no MAC"), ("ENC[broken]", "does not open"), (ALL, "does not open")]
)
def test_a_mac_that_is_missing_or_no_token_is_refused(stored: str, problem: str) -> None:
    with pytest.raises(MacMismatchError, match=problem) as caught:
        mac.verify(KEY, stored, TIME, ALL)
    assert ALL not in str(caught.value)


def test_a_mac_sealed_as_something_else_does_not_fit() -> None:
    sealed = values.seal(KEY, b"5", "int", TIME.encode(), IV)
    with pytest.raises(MacMismatchError):
        mac.verify(KEY, sealed, TIME, ALL)
