"""Files of too many values, told without reading them leaf by leaf."""

from __future__ import annotations

import time

import pytest

from sopskit.errors import LimitError
from sopskit.review.leafcount import MOST, has_too_many
from sopskit.review.sides import read_side

LINES = b"a: b\n" * (MOST + 1)


@pytest.mark.parametrize(
    ("format", "data"),
    [
        ("yaml", b"".join(b"k%d: v\n" % number for number in range(MOST + 1))),
        ("yaml", b"a: [" + b"1," * MOST + b"1]\n"),
        ("yaml", b"- a\r" * (MOST + 1)),
        ("yaml", b"# a\n" * (MOST + 1)),
        ("json", b"[" + b'"a,b",' * (MOST + 1) + b"1]"),
        ("dotenv", b"A=b\n" * (MOST + 1)),
        ("ini", b"a = b\n" * (MOST + 1)),
    ],
)
def test_a_file_of_too_many_values_is_known(format: str, data: bytes) -> None:
    assert has_too_many(data, format)


@pytest.mark.parametrize(
    ("format", "data"),
    [
        ("yaml", b"a: |\n" + b"  x, y, z\n" * MOST),
        ("yaml", b"a: '" + b"x, " * MOST * 2 + b"'\n"),
        ("yaml", b"".join(b"k%d: v\n" % number for number in range(MOST - 1))),
        ("yaml", b"a: \0\n" * (MOST + 1)),
        ("json", b'{"a": "' + b"x," * MOST * 2 + b'\\","}'),
        ("json", b'["' + b"," * MOST * 2),
        ("binary", LINES),
    ],
)
def test_a_long_text_in_few_values_is_none(format: str, data: bytes) -> None:
    assert not has_too_many(data, format)


@pytest.mark.parametrize("data", [b'"' + b'\\"' * 5_000_000, b'"\\\\",' * 2_000_000, b"a: [" + b"1," * 5_000_000])
@pytest.mark.parametrize("format", ["yaml", "json"])
def test_a_large_file_is_told_quickly(data: bytes, format: str) -> None:
    start = time.process_time()
    has_too_many(data, format)
    assert time.process_time() - start < 5


def test_only_a_plain_file_is_refused() -> None:
    with pytest.raises(LimitError, match="more than 50000 values in a file that is not encrypted"):
        read_side("a.env", b"A=b\n" * (MOST + 1))
    marks = b"A=ENC[AES256_GCM,data:AA==,iv:AA==,tag:AA==,type:str]\nsops=none\n"
    text = marks + b"".join(b"A%d=b\n" % number for number in range(MOST + 1))
    assert read_side("a.env", text).format == "dotenv"
