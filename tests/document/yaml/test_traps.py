"""The traps of encrypting YAML in place, one test each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sopskit.document import DEFAULT_LIMITS, Comment, Leaf, Limits, Plain
from sopskit.errors import DocumentSyntaxError, LimitError, MetadataError
from tests.document.yaml.fakes import BLOCK, YAML, opened, read, round_trip, seal, token, unseal, values

if TYPE_CHECKING:
    from collections.abc import Callable


def clear(name: str) -> Callable[[Leaf | Comment], bool]:
    """Select everything but what stands under a key."""
    return lambda item: name not in (item.keys if isinstance(item, Leaf) else item.parent.keys)


def comments(text: str) -> list[tuple[str, str]]:
    return [(item.value, item.aad) for item in read(text).items if isinstance(item, Comment)]


def refused(text: str | bytes) -> DocumentSyntaxError:
    source = text.encode() if isinstance(text, str) else text
    with pytest.raises(DocumentSyntaxError) as caught:
        YAML.parse(source, encrypted=False, limits=DEFAULT_LIMITS)
    return caught.value


def test_01_the_byte_order_mark_is_cut_and_put_back() -> None:
    document = YAML.parse(b"\xef\xbb\xbfa: x\n", encrypted=False, limits=DEFAULT_LIMITS)
    assert (document.text, document.bom, document.items[0].start) == ("a: x\n", True, 3)
    assert document.to_bytes() == b"\xef\xbb\xbfa: x\n"
    assert YAML.seal(document, [], BLOCK, indent=None, one_line=frozenset()).to_bytes().startswith(b"\xef\xbb\xbfa: x")


def test_02_a_comment_ends_before_cr_lf() -> None:
    assert comments("a: x # c\r\nb: y # d\r") == [(" c", ":"), (" d", ":")]
    assert round_trip("a: x # c\r\nb: z\r\n") == "a: x # c\r\nb: z\r\n"


@pytest.mark.parametrize("character", ["\x85", "\u2028", "\u2029"])
def test_03_unicode_line_ends_end_comments(character: str) -> None:
    assert comments(f"a: x # c{character}b: y\n") == [(" c", ":")]


def test_03_what_python_takes_for_line_ends_is_text() -> None:
    assert refused("a: x\x0by\n").location is not None
    assert values(read('a: "x\\x0by"\n')) == [(("a",), "str", b"x\x0by")]


def test_04_a_big_file_of_bare_carriage_returns_is_no_trouble() -> None:
    text = "".join(f"k{number}: x # c\r" for number in range(3000))
    document = read(text)
    assert len(document.items) == 6000
    assert round_trip(text) == text


def test_05_a_comment_in_a_block_header_stays_there() -> None:
    text = "k: | # note\n  line\n"
    assert comments(text) == [(" note", ":")]
    assert seal(text).short == "k: |- #<1>\n  <2>\n"
    assert round_trip(text) == text


def test_06_blank_lines_behind_a_block_stay_unless_they_are_its_value() -> None:
    text = "a: |\n  x\n\n\nb: |+\n  y\n\nc: z\n"
    assert seal(text).short == "a: |-\n  <1>\n\n\nb: |-\n  <2>\nc: <3>\n"
    assert round_trip(text) == text


def test_07_a_clear_block_at_the_end_gains_no_line_feed() -> None:
    text = "a: x\nb: |\n  y"
    sealed = seal(text, clear("b"))
    assert values(sealed.document)[1] == (("b",), "str", b"y")
    assert unseal(sealed.text, sealed.plain).text == "a: x\nb: |-\n  y"
    assert values(seal("b: |+\n  ", clear("b")).document) == values(read("b: |+\n  "))


def test_08_anchors_and_private_tags_stay_with_their_comments() -> None:
    text = "a: &x !!str # c\n  v\nb: !vault w\n"
    assert seal(text).short == "a: &x !!str #<1>\n  <2>\nb: !vault <3>\n"
    assert round_trip(text) == text


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ('!!int "3"', "3"),
        ("!!float 3", "3.0"),
        ("!!bool 'true'", "true"),
        ("!!binary aGk=", "hi"),
        ("&a !!int # c\n  '3'", "&a # c\n  3"),
    ],
)
def test_09_typed_tags_are_dropped(value: str, kept: str) -> None:
    text = f"a: {value}\n"
    assert "!!" not in seal(text).short
    assert round_trip(text).rstrip("\n") == f"a: {kept}".rstrip("\n")


def test_10_the_bare_tag_is_no_tag() -> None:
    assert values(read("a: ! 12\n")) == [(("a",), "int", b"12")]
    assert round_trip("a: ! 12\n") == "a: ! 12\n"


def test_11_tokens_in_flow_are_quoted() -> None:
    assert seal('a: [x, "y", {b: 1}]\n').short == "a: ['<1>', \"<2>\", {b: '<3>'}]\n"
    assert round_trip('a: [x, "y", {b: 1}]\n') == 'a: [x, "y", {b: 1}]\n'


@pytest.mark.parametrize(
    ("text", "column"),
    [("--- &r\na: x\n", 0), ("--- &r\n? a\n: x\n", 0), ("--- !!map\n  a: x\n", 2), ("&a k: v\n", 0), ("? k\n: v\n", 0)],
)
def test_12_the_root_column_is_that_of_the_first_key(text: str, column: int) -> None:
    assert read(text).roots[0].column == column
    assert round_trip(text) == text


@pytest.mark.parametrize(
    ("text", "sealed"),
    [
        ("{a: 1}\n", "{a: '<1>', sops: "), ("{a: 1,}\n", '{a: \'<1>\',"sops": '), ("{}\n", "{sops: "),
        ('{\n  "a": 1,\n  # c\n}\n', '{\n  "a": \'<1>\',\n  #<2>\n"sops": '), ("{a: 1, }", '{a: \'<1>\', "sops": '),
        ("{a: [1 # ,\n]}", "{a: ['<2>' #<1>\n], sops: "), ("--- {a}\n", "--- {a, sops: "),
    ],
)  # fmt: skip
def test_13_a_flow_root_gets_its_entry_in_flow(text: str, sealed: str) -> None:
    result = seal(text)
    assert result.short.startswith(sealed)
    assert result.document.block is not None
    assert result.document.block.tree == BLOCK
    assert unseal(result.text, result.plain).text == text


def test_14_an_indented_root_gets_an_indented_entry() -> None:
    text = "  a: x\n  b: z\n"
    sealed = seal(text)
    assert "\n  sops:\n    age:\n        - enc: |\n            -----BEGIN" in sealed.text
    assert sealed.document.block is not None
    assert sealed.document.block.tree == BLOCK
    assert unseal(sealed.text, sealed.plain).text == text


@pytest.mark.parametrize("text", ["a: x", "a: x # c", "a: x\r\nb: z", "---", "a: |-\n  x"])
def test_15_a_file_without_final_line_end_gets_none(text: str) -> None:
    sealed = seal(text)
    assert sealed.text.endswith("version: 3.13.3")
    assert unseal(sealed.text, sealed.plain).text == text


def test_16_every_document_gets_an_entry_where_it_ends() -> None:
    text = "a: 1\n# end\n---\nb: 2\n...\n# between\n---\n# empty\n"
    sealed = seal(text)
    assert sealed.text.count("\nsops:\n") == 3
    assert sealed.short == "a: <1>\n#<2>\n---\nb: <3>\n...\n#<4>\n---\n#<5>\n"
    assert unseal(sealed.text, sealed.plain).text == text
    assert [item.parent.document for item in read(text).leaves()] == [0, 1]


def test_16_directives() -> None:
    assert round_trip("%YAML 1.1\n--- # c\na: x\n") == "%YAML 1.1\n--- # c\na: x\n"
    assert "1.1" in refused("%YAML 1.2\n---\na: x\n").message


def test_16_comments_alone_are_no_document() -> None:
    document = read("# only\n")
    assert (document.roots, document.items) == ([], [])


def test_17_aliases_of_sealed_values_become_flow_copies() -> None:
    text = "x: &x {a: 1, b: [s, ~]}\ny: *x\nz:\n- *x\nm:\n  <<: *x\n"
    sealed = seal(text)
    assert sealed.short.startswith(
        "x: &x {a: '<1>', b: ['<2>', ~]}\ny: {\"a\": '<3>', \"b\": ['<4>', ~]}\n"
        "z:\n- {\"a\": '<5>', \"b\": ['<6>', ~]}\nm:\n  <<: {\"a\": '<7>', \"b\": ['<8>', ~]}\n"
    )
    assert values(unseal(sealed.text, sealed.plain)) == values(read(text))


def test_17_aliases_stay_where_all_is_clear() -> None:
    text = "x: &x {a: 1}\ny: *x\ns: t\n"
    assert seal(text, lambda item: isinstance(item, Leaf) and item.key == "s").short == "x: &x {a: 1}\ny: *x\ns: <1>\n"


def test_17_a_clear_copy_of_a_sealed_value_is_written_out() -> None:
    text = "x: &x {a: 1, n: !!binary gA==}\ny: *x\nk: {*u : v}\n".replace("k: {*u : v}\n", "")
    assert seal(text, clear("y")).short == "x: &x {a: '<1>', n: '<2>'}\ny: {\"a\": 1, \"n\": !!binary gA==}\n"


def test_17_an_alias_as_key_keeps_its_text() -> None:
    text = "a: &u foo\nb: {*u : v}\n"
    sealed = seal(text)
    assert sealed.short == "a: &u <1>\nb: {\"foo\" : '<2>'}\n"
    assert values(unseal(sealed.text, sealed.plain)) == [(("a",), "str", b"foo"), (("b", "foo"), "str", b"v")]


@pytest.mark.parametrize(
    "text",
    [
        "a: *x\n", "a: &a [*a]\n", "a: &x 1\n---\nb: *x\n", "--- # c\n*x\n", "a: &x [1]\n*x : 1\n", "a: &x 1\n*x : 1\n",
        "a: &x a\n*x : 1\n", "a: &x sops\n*x : 1\n", "a: &x 1\n<<: *x\n", "<<: 1\n", "- a\n", "x\n", "a: !!int x\n",
    ],
)  # fmt: skip
def test_17_undefined_endless_and_other_senseless_aliases_are_refused(text: str) -> None:
    refused(text)


def test_17_expansion_is_capped() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(LimitError, match="aliases"):
        read("\n".join(lines))


@pytest.mark.parametrize("text", ["a: 1\na: 2\n", "---\nb: 1\n---\na: 1\n'a': 2\n", "a: {b: 1, b: 2}\n"])
def test_18_duplicate_keys_are_refused_in_every_document(text: str) -> None:
    assert "already" in refused(text).message


@pytest.mark.parametrize(
    "text", ["1: x\n", "true: x\n", "~: x\n", "1.5: x\n", "2001-01-01: x\n", "? \n: x\n", "!!int '1': x\n"]
)
def test_19_keys_that_are_no_strings_are_refused(text: str) -> None:
    assert "quote it" in refused(text).message


@pytest.mark.parametrize("text", ["[a]: b\n", "? {a: b}\n: c\n"])
def test_19_collections_as_keys_are_refused(text: str) -> None:
    refused(text)


def test_19_quoted_and_1_1_words_are_keys() -> None:
    assert [leaf.key for leaf in read("\"1\": x\nyes: y\non: z\n'~': n\n").leaves()] == ["1", "yes", "on", "~"]


def test_20_comments_that_sops_made_list_elements_become_comments() -> None:
    text = f"l:\n    - <a>\n    - {token(9, 'comment')}\n    - <b>\n"
    document = read(text.replace("<a>", token(1, "str")).replace("<b>", token(2, "str")))
    assert [leaf.path for leaf in document.leaves()] == [("l", 0), ("l", 1), ("l", 1)]
    assert opened(text.replace(token(9, "comment"), "<c>"), a="x", b="z", c=_comment(" note")) == (
        "l:\n    - x\n    # note\n    - z\n"
    )


def test_21_a_list_of_nothing_but_comments_stays_a_list() -> None:
    assert opened("l:\n    - <a>\nm: <b>\n", a=_comment(" c"), b="x") == "l:\n    # c\n    []\nm: x\n"
    assert opened("l:\n- <a>\n", a=_comment("c")) == "l:\n#c\n []\n"
    assert opened("l:\n- - <a>\n- <b>\n", a=_comment("c"), b="x") == "l:\n- #c\n  []\n- x\n"


def test_21_comments_in_a_flow_list_end_their_line() -> None:
    assert opened("l: ['<a>', '<b>' ]\n", a=_comment("c"), b="x") == "l: [#c\n  x ]\n"
    assert opened("l: ['<a>'  , x]\n", a=_comment("c")) == "l: [#c\n  x]\n"
    assert opened("l: ['<b>', '<a>']\n", a=_comment("c"), b="x") == "l: [x, #c\n ]\n"


def test_22_a_comment_at_the_root_is_authenticated_by_a_colon() -> None:
    assert comments("# c\na: 1\n") == [(" c", ":")]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a: x # c\n", [" c", ":"]), ("a: [x] # c\n", [" c", "a:"]), ("a: {b: [x]} # c\n", [" c", "a:"]),
        ("a: # c\n  b: x\n", [" c", ":"]), ("a:\n  # c\n  b: x\n", [" c", "a:"]), ("a:\n  b: x\n  # c\nd: y\n", [" c", "a:"]),
        ("a:\n  b: x\n# c\nd: y\n", [" c", ":"]), ("a:\n  b:\n    c: x\n  # c\nd: y\n", [" c", "a:b:"]),
        ("a:\n- x\n# c\n- y\n", [" c", "a:"]), ("a:\n- x\n# c\nb: y\n", [" c", ":"]), ("a:\n  - b: x\n    # c\n  - y\n", [" c", "a:"]),
        ("a:\n  b: x\n  # c\n", [" c", "a:"]), ("a:\n- x\n# c\n", [" c", ":"]), ("a:\n  b:\n  - x\n  # c\n", [" c", "a:b:"]),
    ],
)  # fmt: skip
def test_23_the_container_of_a_comment(text: str, found: list[str]) -> None:
    assert comments(text) == [tuple(found)]


@pytest.mark.parametrize(
    "text", ["a: [ # c\n  x]\n", "a: {\n  # c\n  b: x }\n", "a: x\n...\n# c\n", "a:\n- # c\n- x\n"]
)
def test_24_comments_that_go_loses_are_kept(text: str) -> None:
    assert len(comments(text)) == 1
    assert round_trip(text) == text


def test_25_a_hash_behind_a_quote_begins_a_comment() -> None:
    assert comments('a: "x"#y\n') == [("y", ":")]
    assert round_trip('a: "x"#y\n') == 'a: "x"#y\n'


def test_26_empty_values_are_left_alone() -> None:
    text = "a:\nb: ''\nc: \"\"\nd: !!str\ne: ~\nf: {g: , h}\n"
    assert seal(text).short.startswith(text)
    assert [leaf.kind for leaf in read(text).leaves()] == ["null", "str", "str", "str", "null", "null", "null"]


def test_27_keys_with_colons_stay_whole() -> None:
    leaf = read('"a:b": {c: x}\n').leaves()[0]
    assert (leaf.keys, leaf.aad) == (("a:b", "c"), "a:b:c:")


def test_28_scalars_are_typed_as_go_types_them() -> None:
    text = "a: 017\nb: 08\nc: 0o17\nd: 1_000\ne: 2020-1-2 3:4:5\nf: 18446744073709551615\ng: yes\n"
    assert [(leaf.kind, leaf.data) for leaf in read(text).leaves()] == [
        ("int", b"15"), ("float", b"8"), ("int", b"15"), ("int", b"1000"), ("time", b"2020-01-02T03:04:05Z"),
        ("uint64", b"18446744073709551615"), ("str", b"yes"),
    ]  # fmt: skip


def test_29_long_keys_and_values() -> None:
    refused(f"{'k' * 1025}: x\n")
    text = f"a: {'v' * 100_000}\n"
    assert round_trip(text) == text


def test_30_characters_outside_the_basic_plane_stay_raw() -> None:
    assert opened('a: "<a>"\n', a="\U0001f600\n") == 'a: "\U0001f600\\n"\n'


def test_31_the_entry_is_found_by_events_not_by_lines() -> None:
    text = "a: 'x\nsops: y'\n"
    assert read(text).block is None
    assert values(unseal(seal(text).text, seal(text).plain)) == [(("a",), "str", b"x sops: y")]


@pytest.mark.parametrize("word", ["yes", "on", "12:30"])
def test_32_words_of_yaml_1_1_are_quoted(word: str) -> None:
    assert values(read(f"a: {word}\n")) == [(("a",), "str", word.encode())]
    assert round_trip(f"a: {word}\n") == f'a: "{word}"\n'


@pytest.mark.parametrize(
    ("source", "line", "column"),
    [
        (b"a: x\nb: \xff\n", 2, 4),
        (b"\xef\xbb\xbf\xef\xbb\xbfa: x", 1, 1),
        (b"a: \xc3\xa9\x01\n", 1, 5),
        (b"a: x\x7f", 1, 5),
    ],
)
def test_33_bytes_that_are_no_text_are_refused_with_their_place(source: bytes, line: int, column: int) -> None:
    location = refused(source).location
    assert location is not None
    assert (location.line, location.column) == (line, column)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_33_utf_16_is_refused(encoding: str) -> None:
    refused("a: x\n".encode(encoding))


def test_34_tabs_between_tokens_stay() -> None:
    for text in ("a:\tx\n", "a: x\t# c\n", "a: [\tx,\tz]\n"):
        assert round_trip(text) == text


def test_35_a_block_token_has_no_line_feed() -> None:
    assert seal("a: |\n  x\nb: >\n  y\n").short == "a: |-\n  <1>\nb: >-\n  <2>\n"


def test_nesting_is_limited_without_recursion() -> None:
    for brackets in (65, 50_000):
        with pytest.raises(LimitError, match="deeper"):
            read("a: " + "[" * brackets)
    with pytest.raises(LimitError):
        read("sops: " + "[" * 100 + "]" * 100)
    deep = YAML.parse(b"a: [[[x]]]", encrypted=False, limits=Limits(depth=4))
    assert deep.leaves()[0].path == ("a", 0, 0, 0)


def test_copies_of_aliases_do_not_nest_deeper_than_allowed() -> None:
    lines = ["a0: &a0 [[[[x]]]]", *(f"a{n}: &a{n} [[[[*a{n - 1}]]]]" for n in range(1, 30))]
    with pytest.raises(LimitError, match="deeper"):
        read("\n".join(lines))
    empty = ["a0: &a0 []", *(f"a{n}: &a{n} [*a{n - 1}, x]" for n in range(1, 2000))]
    with pytest.raises(LimitError, match="deeper"):
        read("\n".join(empty))
    fine = ["a0: &a0 []", *(f"a{n}: &a{n} [*a{n - 1}, x]" for n in range(1, 62))]
    assert values(unseal(seal("\n".join(fine)).text, seal("\n".join(fine)).plain)) == values(read("\n".join(fine)))


def test_two_entries_are_refused() -> None:
    with pytest.raises(MetadataError):
        read("sops: {}\na: 1\nsops: {}\n")


def _comment(text: str) -> Plain:
    return Plain("comment", text.encode(), text.encode())
