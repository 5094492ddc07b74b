"""Secret types show a mask wherever Python would show a value."""

from __future__ import annotations

import copy
import json
import pickle

import pytest

from sopskit.secret import MASK, DataKey, FileKey, SecretBytes, SecretStr

CANARY = "hunter2-canary"
BOTH = [SecretStr(CANARY), SecretBytes(CANARY.encode())]


@pytest.mark.parametrize("secret", BOTH)
def test_no_way_of_printing_shows_it(secret: SecretStr | SecretBytes) -> None:
    for text in (str(secret), repr(secret), f"{secret}", f"{secret:>40}", f"{secret!r}", "%s" % secret, repr([secret])):  # noqa: UP031
        assert CANARY not in text
        assert MASK in text


@pytest.mark.parametrize("secret", BOTH)
def test_pickle_copy_json_and_hash_are_refused(secret: SecretStr | SecretBytes) -> None:
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy, json.dumps, hash):
        with pytest.raises(TypeError):
            attempt(secret)


def test_the_content_is_had_by_name() -> None:
    assert SecretStr(CANARY).reveal() == CANARY
    assert SecretBytes(bytearray(b"x")).reveal() == b"x"
    assert len(SecretBytes(b"xyz")) == 3


def test_equality_is_by_class_and_content() -> None:
    assert SecretStr("a") == SecretStr("a")
    assert SecretStr("é") != SecretStr("e")
    assert SecretStr("a") != "a"
    assert DataKey(bytes(32)) == DataKey(bytes(32))
    assert DataKey(bytes(32)) != DataKey(b"\1" * 32)
    assert SecretBytes(bytes(16)) != FileKey(bytes(16))


@pytest.mark.parametrize(("kind", "size"), [(DataKey, 32), (FileKey, 16)])
def test_keys_have_their_one_length(kind: type[SecretBytes], size: int) -> None:
    assert len(kind(bytes(size))) == size
    for wrong in (0, 16, 24, 31, 33):
        if wrong != size:
            with pytest.raises(ValueError, match=f"takes {size} bytes"):
                kind(bytes(wrong))
