"""Texts that are written to be read in two ways, or to take for ever."""

from __future__ import annotations

import contextlib
import time
from itertools import chain

import pytest

from sopskit.document import Comment, format_for_name, parse
from sopskit.errors import DocumentSyntaxError, MetadataError, SopskitError

YAML = format_for_name("yaml")
MANY = 30_000
# seconds; what takes the square of its size would take minutes
ENOUGH = 5.0


@pytest.mark.parametrize(
    "text",
    [
        "!!binary c29wcw==: {mac: x}\n",
        "m:\n  !!binary c29wcw==: x\n",
        "a: &k !!binary c29wcw==\n*k : x\n",
        "!<tag:yaml.org,2002:binary> YWJj: x\n",
        'a: !<!!int> "0x1F"\n',
        "!<!!binary> c29wcw==: x\n",
    ],
)
def test_a_name_or_value_that_sops_would_read_as_another_is_refused(text: str) -> None:
    with pytest.raises(DocumentSyntaxError):
        parse(text.encode(), YAML)


@pytest.mark.parametrize(
    "key",
    ["sops", '"sops"', "'sops'", "!!str sops", '"s\\x6fps"', "&k sops", "? sops\n", "!t sops", "! sops"],
)
def test_every_spelling_of_the_name_is_the_entry(key: str) -> None:
    document = parse(f"a: 1\n{key}: {{mac: x}}\n".encode(), YAML)
    assert document.block is not None
    assert document.block.tree == {"mac": "x"}


@pytest.mark.parametrize("second", ['"sops"', '"s\\u006fps"', "!!str sops", "'sops'", "*s "])
def test_a_second_entry_under_another_spelling_is_refused(second: str) -> None:
    with pytest.raises((MetadataError, DocumentSyntaxError)):
        parse(f"a: &s sops\nsops: {{mac: x}}\n{second}: {{mac: y}}\n".encode(), YAML)


def test_a_tagged_key_in_the_entry_is_refused() -> None:
    with pytest.raises(MetadataError):
        parse(b"a: 1\nsops: {!!binary bWFj: x}\n", YAML)


@pytest.mark.parametrize("text", ["a: 1\n%s: 2\n", "m: {a: 1, %s: 2}\n", "m:\n- a: 1\n  %s: 2\n"])
@pytest.mark.parametrize("key", ["a", '"a"', '"\\x61"', '"\\u0061"', "!!str a", "&k a"])
def test_a_key_repeated_under_another_spelling_is_refused(text: str, key: str) -> None:
    with pytest.raises(DocumentSyntaxError):
        parse((text % key).encode(), YAML)


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("data:\n- b\n# c\n\nk: 1\n", ("data",)),
        ("data:\n- b\n# c\n# d\n\nk: 1\n", ("data",)),
        ("k:\n  data:\n  - b\n  # c\n\n  j: 1\n", ("k", "data")),
        ("data:\n  p: b\n # c\nk: 1\n", ("data",)),
        ("data:\n  p: b\n\n # c\nk: 1\n", ("data",)),
        ("k:\n  data:\n    p: b\n  # c\nj: 1\n", ("k", "data")),
        ("k:\n  data:\n    p: b\n   # c\n  j: 1\n", ("k", "data")),
    ],
)
def test_a_foot_comment_of_a_secret_is_secret_as_sops_has_it(text: str, keys: tuple[str, ...]) -> None:
    comments = [item for item in parse(text.encode(), YAML).items if isinstance(item, Comment)]
    assert {comment.parent.keys for comment in comments} == {keys}


@pytest.mark.parametrize(
    "text",
    [
        "# x\n" * MANY + "--- # c\n" * MANY,
        "a: x\n" + "--- # c\n" * MANY,
        "a: x\n" + "--- # c\r" * MANY,
        "a:\n" + "# x\n" * MANY + "- {} # c\n" * MANY,
        "a:\n- x\n" + "# x\n" * MANY + "\nb: 1\n",
        "a:\n  b: 1\n" + " # x\n" * MANY + "c: 1\n",
        "a:\n" + "- &a # c\n  x\n" * MANY,
        "a: 1 " + "# " * MANY + "\n",
        "a:\n" + "- b\n# c\n\n" * MANY,
        "".join(chain.from_iterable((f"k{number}:\n- b\n", "# c\n" * 3, "\n") for number in range(MANY // 4))),
        "a: 0x" + "f" * (10 * MANY) + "\n",
        "a: 0." + "9" * (10 * MANY) + "\n",
        "a: " + "9" * (10 * MANY) + "\n",
        "a: " + "[" * MANY + "\n",
        "- " * MANY + "\n",
        "? " * MANY + "\n",
    ],
    ids=range(16),
)
def test_hostile_texts_take_time_in_proportion(text: str) -> None:
    start = time.process_time()
    with contextlib.suppress(SopskitError):
        parse(text.encode(), YAML)
    assert time.process_time() - start < ENOUGH
