"""One state of a file, read without a key."""

from __future__ import annotations

import pytest

from sopskit.document.model import position
from sopskit.errors import FormatError
from sopskit.review.model import Point, Range, Recipient
from sopskit.review.sides import looks_encrypted, read_side
from tests.conftest import AgeTestKey
from tests.review.conftest import Sops


def test_recipients_and_rules_are_as_the_file_claims(sops: Sops, alice: AgeTestKey, bob: AgeTestKey) -> None:
    data = sops.encrypted(
        "data: {a: x}\n",
        "--encrypted-regex",
        "^data$",
        "--mac-only-encrypted",
        "--age",
        f"{alice.recipient},{bob.recipient}",
    )
    side = read_side("file.yaml", data)
    assert side.recipients() == (Recipient("age", alice.recipient), Recipient("age", bob.recipient))
    assert side.rules() == {"encrypted_regex": "^data$", "mac_only_encrypted": True}
    assert (side.format, len(side.wrapped_keys())) == ("yaml", 2)


def test_a_plain_file_has_neither() -> None:
    side = read_side("file.yaml", b"a: x\n")
    assert (side.recipients(), side.rules(), side.wrapped_keys(), side.metadata, list(side.uncovered())) == (
        (), {}, frozenset(), None, [],
    )  # fmt: skip


def test_a_file_of_no_known_format_is_not_taken_apart() -> None:
    side = read_side("main.py", b"sops = 'ENC[x'\n")
    assert (side.document, side.metadata, side.format) == (None, None, None)


def test_a_whole_file_encrypted_as_binary_is_read(sops: Sops) -> None:
    side = read_side("key.pem", sops.encrypted("-----BEGIN\n", name="key.pem"))
    assert (side.format, len(side.recipients())) == ("binary", 1)


@pytest.mark.parametrize(("name", "text"), [("a.json", '{"a": "x"}'), ("a.env", "A=x\n"), ("a.ini", "[s]\na=x\n")])
def test_every_format_is_read(sops: Sops, name: str, text: str) -> None:
    side = read_side(name, sops.encrypted(text, name=name))
    assert side.document is not None
    assert [side.token(leaf) is not None for leaf in side.document.leaves()] == [True]
    assert (side.format, len(side.recipients())) == (side.document.format.NAME, 1)


def test_a_value_that_the_files_own_rule_covers_and_that_is_plain_is_found(sops: Sops) -> None:
    data = sops.encrypted("data: {a: x, b: '', c: null}\nkind: y\n", "--encrypted-regex", "^data$")
    assert list(read_side("file.yaml", data).uncovered()) == []
    added = data.replace(b"kind: y", b"kind: y\ndata2: {}").replace(b"data:\n", b"data:\n    new: plain\n", 1)
    assert [leaf.path for leaf in read_side("file.yaml", added).uncovered()] == [("data", "new")]


def test_a_broken_file_is_told_from_a_plain_one(sops: Sops) -> None:
    data = sops.encrypted("a: x\n")
    with pytest.raises(FormatError):
        read_side("file.yaml", data + b"]: [")
    assert (looks_encrypted(data), looks_encrypted(b"sops: are dogs")) == (True, False)


def test_a_leaf_stands_where_counting_from_the_start_says() -> None:
    side = read_side("a.yaml", "a: 1\nb:\n  - ä: x\n    c: 'y'\n\u2028d: |\n  z\n".replace("\u2028", "").encode())
    document = side.document
    assert document is not None
    for leaf in document.leaves():
        start, end = (Point(*position(document.text, index)) for index in (leaf.start, leaf.end))
        assert side.range_of(leaf) == Range(start, end)
