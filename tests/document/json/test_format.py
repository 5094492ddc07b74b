from __future__ import annotations

import contextlib
import json as stdlib
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sopskit.document import Document, Edit, Plain, json, parse
from sopskit.document.json.spelling import quote
from sopskit.document.model import apply_edits
from sopskit.errors import DocumentSyntaxError, NotEncryptedError, PathNotFoundError, RefusedError, SopskitError
from tests.document.stand_in import facts, open_again, open_values, seal, token

if TYPE_CHECKING:
    from sopskit.document import Raw

SOPS_LINES = '"lastmodified": "2026-01-01T00:00:00Z",\n{1}"mac": "ENC[x]",\n{1}"version": "3.13.3"'


def read(text: str) -> Document:
    return parse(text.encode(), json)


@pytest.mark.parametrize(
    ("plain", "sealed"),
    [
        (
            '{"a":1}',
            f'{{"a":"{token(0)}", "sops": {{"lastmodified": "2026-01-01T00:00:00Z", "mac": "ENC[x]", "version": "3.13.3"}}}}',
        ),
        (
            '{\n  "a": 1,\n  "n": null\n}\n',
            f'{{\n  "a": "{token(0)}",\n  "n": null,\n  "sops": {{\n    {SOPS_LINES.replace("{1}", "    ")}\n  }}\n}}\n',
        ),
        ("{}", f'{{\n\t"sops": {{\n\t\t{SOPS_LINES.replace("{1}", chr(9) * 2)}\n\t}}}}'),
        ("{\n}\n", f'{{\n\t"sops": {{\n\t\t{SOPS_LINES.replace("{1}", chr(9) * 2)}\n\t}}\n}}\n'),
        (
            '{\r\n"a": 1\r\n}',
            f'{{\r\n"a": "{token(0)}",\r\n"sops": {{\r\n{SOPS_LINES.replace("{1}", "")}\r\n}}\r\n}}'.replace(
                ",\n", ",\r\n"
            ),
        ),
        (
            '  {\n    "a": 1\n  }',
            f'  {{\n    "a": "{token(0)}",\n    "sops": {{\n      {SOPS_LINES.replace("{1}", " " * 6)}\n    }}\n  }}',
        ),
    ],
)
def test_the_sops_entry_comes_last_in_the_layout_of_the_file(plain: str, sealed: str) -> None:
    document = seal(read(plain))
    assert document.text == sealed
    assert open_again(document, read(plain)).text == plain


@pytest.mark.parametrize(("indent", "unit"), [(4, "    "), (0, ""), (-1, "\t")])
def test_an_indent_asked_for_is_taken(indent: int, unit: str) -> None:
    text = seal(read('{\n  "a": null\n}'), block={"mac": "x"}, indent=indent).text
    assert text == f'{{\n  "a": null,\n{unit}"sops": {{\n{unit * 2}"mac": "x"\n{unit}}}\n}}'


@pytest.mark.parametrize(
    ("sealed", "plain"),
    [
        ('{"sops": {"m": 1}}', "{}"),
        ('{"sops": {"m": 1}, "a": null}', '{"a": null}'),
        ('{"a": null , "sops": {"m": 1}, "b": null}', '{"a": null, "b": null}'),
        ('{\n\t"a": null,\n\t"sops": "x"\n}', '{\n\t"a": null\n}'),
    ],
)
def test_the_sops_entry_is_taken_away_wherever_it_stands(sealed: str, plain: str) -> None:
    assert json.open(read(sealed), []).text == plain


def test_another_block_takes_the_place_and_layout_of_the_old_one() -> None:
    document = read('{\n  "sops": {\n    "a": 1\n  },\n  "b": "x"\n}')
    assert json.reblock(document, {"c": [1]}, indent=None).text == (
        '{\n  "sops": {\n    "c": [\n      1\n    ]\n  },\n  "b": "x"\n}'
    )
    assert json.reblock(read('{"sops":{"a":1}}'), {"c": {}}, indent=None).text == '{"sops":{"c": {}}}'
    assert json.reblock(read('{"sops":{}}'), {"c": 1}, indent=2).text == '{"sops":{\n  "c": 1\n}}'


def test_a_plain_file_has_no_block_to_take_away_or_replace() -> None:
    with pytest.raises(NotEncryptedError):
        json.open(read("{}"), [])
    with pytest.raises(NotEncryptedError):
        json.reblock(read("{}"), {}, indent=None)


@pytest.mark.parametrize(
    ("plain", "text"),
    [
        (Plain("int", b"5", b"5"), "5"),
        (Plain("int", b"5", b"+5"), "5"),
        (Plain("int", b"7", b"007"), "7"),
        (Plain("int", b"0", b"-0"), "-0"),
        (Plain("float", b"1.1", b"1.10"), "1.10"),
        (Plain("float", b"8080", b"8080"), "8080"),
        (Plain("float", b"1000", b"1e3"), "1e3"),
        (Plain("float", b"1000", b"0x1.f4p9"), "1000"),
        (Plain("float", b"1000000000000000000000", b"x"), "1e+21"),
        (Plain("float", b"-0", b"-0"), "-0.0"),
        (Plain("bool", b"True", b"T"), "true"),
        (Plain("bool", b"False", b"0"), "false"),
        (Plain("time", b"2026-01-01T00:00:00Z", b"2026-01-01T00:00:00Z"), '"2026-01-01T00:00:00Z"'),
        (Plain("str", "<é>\n".encode(), b""), '"<é>\\n"'),
    ],
)
def test_plaintexts_are_spelled_as_they_were_or_as_sops_does(plain: Plain, text: str) -> None:
    document = seal(read('{"a": "x"}'))
    assert open_values(document, [plain]).text == f'{{"a": {text}}}'


@pytest.mark.parametrize(
    "plain",
    [
        Plain("str", b"\xff", b"\xff"),
        Plain("float", b"NaN", b"NaN"),
        Plain("float", b"+Inf", b"inf"),
        Plain("comment", b"x", b"x"),
        Plain("new", b"x", b"x"),
    ],
)
def test_what_json_cannot_hold_is_refused_with_its_place(plain: Plain) -> None:
    document = seal(read('{"a": "x"}'))
    with pytest.raises(DocumentSyntaxError, match="the value inside this token cannot be written in JSON") as caught:
        open_values(document, [plain])
    assert str(caught.value.location) == 'line 1:7: ["a"]'


def test_comments_that_stand_as_list_elements_disappear_as_with_sops() -> None:
    document = seal(read('{"l": ["c", "a", "d"]}'))
    comment = Plain("comment", b" c", b" c")
    assert open_values(document, [comment, Plain("str", b"a", b"a"), comment]).text == '{"l": ["a"]}'


# --- properties

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**64), 2**64),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=10),
)
KEYS = st.text(st.characters(exclude_categories=["Cs"]), max_size=6).filter(lambda key: key != "sops")
TREES = st.dictionaries(
    KEYS,
    st.recursive(
        SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=8
    ),
    max_size=4,
)


@st.composite
def texts(draw: st.DrawFn) -> str:
    """JSON as the usual writers write it, and worse."""
    text = stdlib.dumps(
        draw(TREES),
        indent=draw(st.sampled_from([None, None, 0, 1, 2, "\t"])),
        ensure_ascii=draw(st.booleans()),
        separators=draw(st.sampled_from([None, (",", ":"), (" , ", "  :  ")])),
    )
    if draw(st.booleans()):
        text = text.replace("\n", "\r\n")
    return draw(st.sampled_from(["", "\n", " "])) + text + draw(st.sampled_from(["", "\n", "\r\n\r\n"]))


@given(texts())
def test_reading_and_encoding_are_inverse(text: str) -> None:
    assert read(text).to_bytes() == text.encode()


@given(texts(), st.sampled_from([None, 0, 2, -1]))
def test_opening_is_the_exact_inverse_of_sealing(text: str, indent: int | None) -> None:
    plain = read(text)
    assert open_again(seal(plain, indent=indent), plain).to_bytes() == text.encode()


@given(texts())
def test_sealing_changes_only_the_values_and_adds_the_block(text: str) -> None:
    plain = read(text)
    bare = json.open(seal(plain), [])
    edits = [
        Edit(new.start, new.end, text[old.start : old.end])
        for new, old in zip(bare.leaves(), plain.leaves(), strict=True)
    ]
    assert apply_edits(bare.text, edits) == text


@given(
    st.frozensets(st.sampled_from(["ascii", "html", "slash"])),
    st.text(st.sampled_from('a/é<>&\U0001f600"\\\n'), max_size=8),
)
def test_the_escapes_of_a_string_come_back(habit: frozenset[str], value: str) -> None:
    text = f'{{"k": {quote(value, habit)}}}'
    plain = read(text)
    assert open_again(seal(plain), plain).text == text


@given(texts(), st.data())
def test_a_damaged_file_is_read_or_refused_with_an_error_of_ours(text: str, data: st.DataObject) -> None:
    source = bytearray(seal(read(text)).to_bytes())
    index = data.draw(st.integers(0, len(source) - 1))
    source[index] = data.draw(st.integers(0, 255))
    with contextlib.suppress(SopskitError):
        parse(bytes(source), json, encrypted=True)


# --- paths

TREE = '{\n  "a": {"b": [1, 2.50, "x"]},\n  "c": null,\n  "e": {}, "l": []\n}\n'


@pytest.mark.parametrize(
    ("path", "value", "text"),
    [
        (("c",), 5, TREE.replace("null", "5")),
        (("c",), 9007199254740993, TREE.replace("null", "9007199254740993")),
        (("c",), [1, {"k": True}], TREE.replace("null", '[\n    1,\n    {\n      "k": true\n    }\n  ]')),
        (("a", "b", 0), "<", TREE.replace("1,", '"<",')),
        (("a", "b", 9), None, TREE.replace('"x"', '"x", null')),
        (("a", "b"), 1.0, TREE.replace('[1, 2.50, "x"]', "1.0")),
        (("a", "n"), "v", TREE.replace('"x"]', '"x"], "n": "v"')),
        (("a", "b", 2, "k"), 1, TREE.replace('"x"', '{"k": 1}')),
        (("l", 3, "k"), 1, TREE.replace("[]", '[\n    {\n      "k": 1\n    }\n  ]')),
        (("e", "k"), 1, TREE.replace("{}", '{\n    "k": 1\n  }')),
        (("new", 7, "k"), 1, TREE.replace('"l": []', '"l": [], "new": [\n    {\n      "k": 1\n    }\n  ]')),
        (("c", "d"), 1, TREE.replace("null", '{\n    "d": 1\n  }')),
        (("c",), 2**70, TREE.replace("null", str(2**70))),
    ],
)
def test_values_are_set_as_sops_does_and_nothing_else_moves(path: tuple[str | int, ...], value: Raw, text: str) -> None:
    assert json.assign(read(TREE), path, value).text == text


@pytest.mark.parametrize(
    ("before", "path", "after"),
    [
        ("{}", ("a",), '{\n\t"a": 1\n}'),
        ('{"a":{}}', ("a", "b"), '{"a":{"b": 1}}'),
        ('{"x":0}', ("a",), '{"x":0, "a":1}'),
        ('{"x":0,"y":0}', ("a",), '{"x":0,"y":0,"a":1}'),
        ('{\n  "x" : 0\n}', ("a",), '{\n  "x" : 0,\n  "a" : 1\n}'),
        ('{"a": "\\u00e9"}', ("a",), '{"a": 1}'),
    ],
)
def test_new_members_look_like_their_neighbours(before: str, path: tuple[str, ...], after: str) -> None:
    assert json.assign(read(before), path, 1).text == after


def test_a_string_that_is_replaced_keeps_its_habit() -> None:
    assert json.assign(read('{"a": "\\u00e9"}'), ("a",), "ü").text == '{"a": "\\u00fc"}'


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("a",), TREE.replace('"a": {"b": [1, 2.50, "x"]},\n  ', "")),
        (("a", "b"), TREE.replace('"b": [1, 2.50, "x"]', "")),
        (("a", "b", 0), TREE.replace("1, ", "")),
        (("a", "b", 2), TREE.replace(', "x"', "")),
        (("c",), TREE.replace(',\n  "c": null', "")),
        (("l",), TREE.replace(', "l": []', "")),
    ],
)
def test_members_are_removed_with_one_comma(path: tuple[str | int, ...], text: str) -> None:
    assert json.remove(read(TREE), path).text == text


@given(texts(), SCALARS, st.data())
def test_only_what_is_set_changes(text: str, value: Any, data: st.DataObject) -> None:
    document = read(text)
    path = data.draw(st.sampled_from([leaf.path for leaf in document.leaves()] or [("k",)]))
    changed = json.assign(document, path, value)
    others = [fact for fact in facts(document) if fact[: len(path)] != path]
    assert [fact for fact in facts(changed) if fact[: len(path)] != path] == others
    if not any(isinstance(part, int) for part in path):
        assert facts(json.remove(changed, path)) == others


@pytest.mark.parametrize(
    ("path", "indent", "out"),
    [
        (("a", "b", 2), None, b"x"),
        (("a", "b", 1), None, b"2.5"),
        (("a", "b", 0), None, b"1"),
        (("c",), None, b"null"),
        (("a", "b"), None, b'[\n\t1,\n\t2.5,\n\t"x"\n]'),
        (("a",), 2, b'{\n  "b": [\n    1,\n    2.5,\n    "x"\n  ]\n}\n'),
        (("e",), None, b"{}\n"),
        ((), None, TREE.encode()),
    ],
)
def test_extracting_prints_what_sops_prints(path: tuple[str | int, ...], indent: int | None, out: bytes) -> None:
    assert json.extract(read(TREE), path, indent=indent) == out


@pytest.mark.parametrize(
    ("path", "message", "place"),
    [
        (("x",), "there is no such key or list position", '["x"]'),
        (("a", "x", "y"), "there is no such key or list position", '["a"]["x"]'),
        (("a", "b", 3), "there is no such key or list position", '["a"]["b"][3]'),
        (("a", 0), "a list position does not fit an object", '["a"][0]'),
        (("a", "b", "k"), "a key does not fit a list", '["a"]["b"]["k"]'),
        (("a", "b", -1), "a list position cannot be negative", '["a"]["b"][-1]'),
        (("c", "d"), "there is a scalar in the way", '["c"]["d"]'),
    ],
)
def test_a_path_that_leads_nowhere_is_named(path: tuple[str | int, ...], message: str, place: str) -> None:
    for act in (json.remove, lambda document, path: json.extract(document, path, indent=None)):
        with pytest.raises(PathNotFoundError) as caught:
            act(read(TREE), path)
        assert str(caught.value) == f"{place}: {message}"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ((), "the path is empty"),
        ((0,), "a list position does not fit an object"),
        (("a", "b", "k"), "a key does not fit a list"),
        (("a", "b", -1), "a list position cannot be negative"),
        (("new", -1), "a list position cannot be negative"),
    ],
)
def test_nothing_is_set_where_no_path_can_lead(path: tuple[str | int, ...], message: str) -> None:
    with pytest.raises(PathNotFoundError, match=message):
        json.assign(read(TREE), path, 1)


def test_nothing_is_removed_without_a_path() -> None:
    with pytest.raises(PathNotFoundError, match="the path is empty"):
        json.remove(read(TREE), ())


def test_the_key_sops_cannot_be_set() -> None:
    with pytest.raises(RefusedError, match="the key sops is reserved for SOPS metadata"):
        json.assign(read(TREE), ("sops", "mac"), "x")


def test_numbers_too_large_for_json_cannot_be_set() -> None:
    with pytest.raises(DocumentSyntaxError, match="this kind of value cannot be written in JSON"):
        json.assign(read(TREE), ("c",), float("inf"))


def test_half_of_a_surrogate_pair_cannot_be_set() -> None:
    with pytest.raises(RefusedError, match="half of a surrogate pair"):
        json.assign(read(TREE), ("c",), "\ud800")
    with pytest.raises(RefusedError, match="half of a surrogate pair"):
        json.assign(read(TREE), ("\ud800",), 1)
