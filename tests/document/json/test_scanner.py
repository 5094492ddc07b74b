from __future__ import annotations

import json as stdlib
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sopskit.document import Limits, json, parse
from sopskit.errors import DocumentSyntaxError, LimitError, MetadataError, SopskitError
from tests.document.stand_in import facts

CANARY = "hunter2-canary"


def test_values_have_kind_canonical_bytes_source_text_and_span() -> None:
    source = b'{"s": "a\\n", "i": -0, "f": 1.50, "b": true, "n": null, "e": 1e21}'
    document = parse(source, json)
    assert [
        (leaf.key, leaf.kind, leaf.value, leaf.data, document.text[leaf.start : leaf.end]) for leaf in document.leaves()
    ] == [
        ("s", "str", "a\n", b"a\n", '"a\\n"'),
        ("i", "int", "-0", b"0", "-0"),
        ("f", "float", "1.50", b"1.5", "1.50"),
        ("b", "bool", "true", b"True", "true"),
        ("n", "null", "null", b"", "null"),
        ("e", "float", "1e21", b"1000000000000000000000", "1e21"),
    ]


def test_list_positions_are_in_the_path_but_not_in_the_additional_data() -> None:
    document = parse(b'{"a": ["x", ["y"], {"k": "z"}]}', json)
    assert [(leaf.path, leaf.aad) for leaf in document.leaves()] == [
        (("a", 0), "a:"),
        (("a", 1, 0), "a:"),
        (("a", 2, "k"), "a:k:"),
    ]


def test_keys_are_unescaped() -> None:
    assert facts(parse(b'{"\\u00e9\\/": {"\\"": 1}}', json)) == [("é/", '"', "int", "1")]


def test_empty_containers_have_no_leaves() -> None:
    assert facts(parse(b' { "a" : { } , "b" : [ ] , "c" : [ [ ] ] } \r\n', json)) == []


def test_surrogate_pairs_make_one_character() -> None:
    assert facts(parse(b'{"a": "\\ud83d\\ude00"}', json)) == [("a", "str", "\U0001f600")]


def test_the_sops_entry_is_the_block_and_not_among_the_leaves() -> None:
    document = parse(b'{"a": 1,\n"sops": {"mac": "m", "age": [{"enc": "e"}], "n": 3, "f": 1.5},\n"b": [2]}', json)
    assert document.block is not None
    assert (document.block.tree, document.block.flat, document.block.line) == (
        {"mac": "m", "age": [{"enc": "e"}], "n": 3, "f": 1.5},
        False,
        2,
    )
    assert facts(document) == [("a", "int", "1"), ("b", 0, "int", "2")]


def test_a_sops_entry_that_is_no_object_is_left_to_the_reader_of_metadata() -> None:
    block = parse(b'{"sops": null}', json).block
    assert block is not None
    assert block.tree is None


def test_a_deeper_key_called_sops_is_data() -> None:
    document = parse(b'{"a": {"sops": "x"}, "b": [{"sops": {}}]}', json)
    assert (document.block, facts(document)) == (None, [("a", "sops", "str", "x")])


@pytest.mark.parametrize(
    ("source", "message", "place"),
    [
        (b"", "the file is empty", (1, 1)),
        (b" \n ", "the file is empty", (2, 2)),
        (b"[1]", "the top level must be an object", (1, 1)),
        (b'"x"', "the top level must be an object", (1, 1)),
        (b"\xef\xbb\xbf{}", "the top level must be an object", (1, 1)),
        (b'{"a": 1} x', "there is more text behind the top-level object", (1, 10)),
        (b'{"a": 1}{}', "there is more text behind the top-level object", (1, 9)),
        (b"{", "the text ends inside an object or list", (1, 2)),
        (b'{"a":[1,2', "the text ends inside an object or list", (1, 10)),
        (b'{"a":', "the text ends inside an object or list", (1, 6)),
        (b'{"a":1,', "the text ends inside an object or list", (1, 8)),
        (b'{"a":1', "the text ends inside an object or list", (1, 7)),
        (b'{"a":1,}', "expected a key in double quotes", (1, 8)),
        (b'{"a":[1,]}', "expected a value", (1, 9)),
        (b'{"a":[1}', "the wrong closing bracket", (1, 8)),
        (b'{"a":[}', "the wrong closing bracket", (1, 7)),
        (b'{"a" 1}', "expected a colon after the key", (1, 5)),
        (b"{a: 1}", "expected a key in double quotes", (1, 2)),
        (b"{'a': 1}", "expected a key in double quotes", (1, 2)),
        (b'{"a": 01}', "expected , or the closing bracket", (1, 8)),
        (b'{"a": +1}', "expected a value", (1, 7)),
        (b'{"a": .5}', "expected a value", (1, 7)),
        (b'{"a": NaN}', "expected a value", (1, 7)),
        (b'{"a": 1 // c\n}', "expected , or the closing bracket", (1, 9)),
        (b'{"a": 1e400}', "this number is too large", (1, 7)),
        (b'{"a": "x\ty"}', "this string is cut off, or holds a control character or a broken escape", (1, 7)),
        (b'{"a": "\\x"}', "this string is cut off, or holds a control character or a broken escape", (1, 7)),
        (b'{"a": "x', "this string is cut off, or holds a control character or a broken escape", (1, 7)),
        (b'{"a\\u12": 1}', "this string is cut off, or holds a control character or a broken escape", (1, 2)),
        (b'{"a": "\\ud800"}', "this string holds half of a surrogate pair, which is no character", (1, 7)),
        (b'{"\xc3\xa9": "\xff"}', "the text is not valid UTF-8", (1, 8)),
        (b'{"a": 1,\n "a": 2}', "this key stands twice in one object", (2, 2)),
        (b'{"a": 1, "\\u0061": 2}', "this key stands twice in one object", (1, 10)),
    ],
)
def test_what_is_no_json_object_or_would_lose_data_is_refused_with_its_place(
    source: bytes, message: str, place: tuple[int, int]
) -> None:
    with pytest.raises(DocumentSyntaxError) as caught:
        parse(source, json)
    location = caught.value.location
    assert location is not None
    assert (caught.value.message, (location.line, location.column)) == (message, place)


def test_a_repeated_key_is_named() -> None:
    with pytest.raises(DocumentSyntaxError) as caught:
        parse(b'{"a": [{"b": 1, "b": 2}]}', json)
    assert str(caught.value) == 'line 1:17: ["a"][0]["b"]: this key stands twice in one object'


def test_two_sops_entries_are_broken_metadata() -> None:
    with pytest.raises(MetadataError, match="found duplicate sops entry"):
        parse(b'{"sops": {}, "sops": {}}', json)


def test_depth_is_limited_without_recursion() -> None:
    deep = b'{"a":' + b"[" * 100_000
    with pytest.raises(LimitError, match="nested deeper than the limit of 64"):
        parse(deep, json)
    assert parse(b'{"a":[[1]]}', json, limits=Limits(depth=3)).items
    with pytest.raises(LimitError):
        parse(b'{"a":[[1]]}', json, limits=Limits(depth=2))


@pytest.mark.parametrize("tail", [b'"', b"\xff", b"\\ud800", b"\x01"])
def test_no_error_shows_a_value(tail: bytes) -> None:
    source = b'{"secret": "' + CANARY.encode() + tail
    try:
        parse(source, json)
    except SopskitError as error:
        chain: BaseException | None = error
        while chain is not None:
            assert CANARY not in str(chain) + repr(chain)
            assert not hasattr(chain, "doc")
            assert not hasattr(chain, "object")
            chain = chain.__cause__ or chain.__context__
        assert CANARY not in "".join(traceback.format_exception(error))


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused_with_an_error_of_ours(source: bytes) -> None:
    try:
        document = parse(source, json)
    except SopskitError:
        return
    assert document.to_bytes() == source


@given(st.text(alphabet='{}[]",:\\u0 1e.-\n\ttruefalsenull\ud83d', max_size=40))
def test_what_is_read_is_what_python_reads(text: str) -> None:
    source = text.encode("utf-8", "replace")
    try:
        document = parse(source, json)
    except SopskitError:
        return
    python = stdlib.loads(source)
    assert {leaf.path: stdlib.loads(document.text[leaf.start : leaf.end]) for leaf in document.leaves()} == dict(
        walk(python, ())
    )


def walk(value: object, path: tuple[str | int, ...]) -> list[tuple[tuple[str | int, ...], object]]:
    if isinstance(value, dict):
        return [found for key, item in value.items() for found in walk(item, (*path, key))]
    if isinstance(value, list):
        return [found for index, item in enumerate(value) for found in walk(item, (*path, index))]
    return [(path, value)]
