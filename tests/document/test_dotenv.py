from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sopskit.document import Document, Plain, dotenv, parse
from sopskit.document.model import Edit, apply_edits
from sopskit.errors import (
    DocumentSyntaxError,
    MetadataError,
    NotEncryptedError,
    PathNotFoundError,
    RefusedError,
    SopskitError,
)
from tests.document.stand_in import facts, open_again, open_values, seal, token

if TYPE_CHECKING:
    from sopskit.document import Raw


def read(text: str, *, encrypted: bool = False) -> Document:
    return parse(text.encode("utf-8", "surrogateescape"), dotenv, encrypted=encrypted)


def test_lines_are_read_as_sops_reads_them() -> None:
    text = '# c\n\nA=1\nB="x y"\nF = x \nexport G=h=i # j\n=e\nM=a\\nb\\\\nc\nR=1\r\n #k=l\n'
    assert facts(read(text)) == [
        ("#", " c"),
        ("A", "str", "1"),
        ("B", "str", '"x y"'),
        ("F ", "str", " x "),
        ("export G", "str", "h=i # j"),
        ("", "str", "e"),
        ("M", "str", "a\nb\\\nc"),
        ("R", "str", "1\r"),
        (" #k", "str", "l"),
    ]


def test_comments_belong_to_the_root() -> None:
    assert [item.aad for item in read("#c\nA=1\n").items] == [":", "A:"]


def test_bytes_that_are_no_text_and_a_byte_order_mark_are_kept() -> None:
    document = parse(b"\xef\xbb\xbfA=\xff\n", dotenv)
    assert [(leaf.key, leaf.data) for leaf in document.leaves()] == [("\ufeffA", b"\xff")]
    assert document.to_bytes() == b"\xef\xbb\xbfA=\xff\n"


@pytest.mark.parametrize(("text", "line"), [("A=1\nnothing\n", 2), ("A=1\n \n", 2), ("A=1\r\n\r\nB=2\r\n", 2)])
def test_a_line_without_equals_sign_is_refused_with_its_number(text: str, line: int) -> None:
    with pytest.raises(DocumentSyntaxError, match="this line has no =") as caught:
        read(text)
    assert caught.value.location is not None
    assert caught.value.location.line == line


def test_a_repeated_key_is_refused_in_a_plain_file_and_kept_in_an_encrypted_one() -> None:
    with pytest.raises(DocumentSyntaxError) as caught:
        read("A=hunter2\nA=hunter3\n")
    assert str(caught.value) == 'line 2: ["A"]: this key stands twice in the file'
    assert facts(read("A=1\nA=2\nsops_mac=x\n", encrypted=True)) == [("A", "str", "1"), ("A", "str", "2")]


def test_keys_with_the_prefix_are_the_block() -> None:
    document = read("sops_mac=a\\nb\nA=1\nsops_x=y\nsops=data\n")
    assert document.block is not None
    assert (document.block.tree, document.block.flat, document.block.line) == ({"mac": "a\nb", "x": "y"}, True, 1)
    assert facts(document) == [("A", "str", "1"), ("sops", "str", "data")]


def test_a_repeated_metadata_key_is_refused() -> None:
    with pytest.raises(MetadataError, match="duplicate metadata key sops_mac"):
        read("sops_mac=x\nsops_mac=y\n", encrypted=True)


BLOCK: dict[str, Raw] = {"version": "3", "age": "a\nb", "n": 2, "mac_only": True}
LINES = "sops_age=a\\nb\nsops_mac_only=true\nsops_n=2\nsops_version=3"


@pytest.mark.parametrize(
    ("plain", "sealed"),
    [
        ("A=1\n", f"A={token(0)}\n{LINES}\n"),
        ("A=1", f"A={token(0)}\n{LINES}"),
        ("", f"{LINES}\n"),
        ("\n", f"\n{LINES}\n"),
        ("#c\nA=\n\n", f"#{token(0)}\nA=\n\n{LINES}\n"),
        ("A=1\r\nB=2\r\n", f"A={token(0)}\nB={token(1)}\n{LINES}\n"),
    ],
)
def test_the_block_is_sorted_and_last_and_opening_takes_it_away(plain: str, sealed: str) -> None:
    document = seal(read(plain), block=dict(BLOCK))
    assert document.text == sealed
    assert open_again(document, read(plain)).text == plain


@pytest.mark.parametrize(
    ("sealed", "plain"),
    [
        ("sops_a=1\nA=1\nsops_b=2\nB=2\n", "A=1\nB=2\n"),
        ("A=1\nsops_a=1\n\nsops_b=2\n#c", "A=1\n\n#c"),
        ("A=1\nsops_a=1\n\nsops_b=2", "A=1\n"),
        ("sops_a=1", ""),
    ],
)
def test_metadata_lines_are_taken_away_wherever_they_stand(sealed: str, plain: str) -> None:
    assert dotenv.open(read(sealed, encrypted=True), []).text == plain


CHECKED_OUT = f"#{token(0)}\r\nA={token(1)}\r\nx_unencrypted=1\r\nsops_mac=x\r\n"


def test_a_checkout_with_crlf_is_read_without_the_carriage_returns() -> None:
    document = read(CHECKED_OUT, encrypted=True)
    assert facts(document) == [("#", token(0)), ("A", "str", token(1)), ("x_unencrypted", "str", "1")]
    assert document.block is not None
    assert document.block.tree == {"mac": "x"}
    assert document.to_bytes() == CHECKED_OUT.encode()
    assert dotenv.reblock(document, {"mac": "y"}, indent=None).to_bytes() == CHECKED_OUT.replace("=x", "=y").encode()
    assert dotenv.open(document, []).to_bytes() == f"#{token(0)}\nA={token(1)}\nx_unencrypted=1\n".encode()


@pytest.mark.parametrize("text", ["A=1\r\n", "A=1\r\nsops_mac=x\n"])
def test_carriage_returns_are_values_where_not_every_line_of_an_encrypted_file_has_one(text: str) -> None:
    assert facts(read(text, encrypted=True)) == [("A", "str", "1\r")]


def test_another_block_takes_the_place_of_the_old_one() -> None:
    document = read(f"A={token(0)}\nsops_mac=x\nsops_old=y", encrypted=True)
    assert dotenv.reblock(document, {"mac": "z"}, indent=None).text == f"A={token(0)}\nsops_mac=z"


def test_a_plain_file_has_no_block_to_take_away_or_replace() -> None:
    with pytest.raises(NotEncryptedError):
        dotenv.open(read("A=1\n"), [])
    with pytest.raises(NotEncryptedError):
        dotenv.reblock(read("A=1\n"), {}, indent=None)


def test_metadata_that_no_dotenv_file_can_hold_is_refused() -> None:
    with pytest.raises(RefusedError, match="encrypted_regex holds a backslash before an n"):
        seal(read("A=1\n"), block={"encrypted_regex": "\\n"})


@pytest.mark.parametrize(
    ("plain", "line"),
    [
        (Plain("str", b"a\nb", b"a\nb"), "a\\nb"),
        (Plain("int", b"7", b"007"), "7"),
        (Plain("float", b"5", b"5"), "5.0"),
        (Plain("bool", b"True", b"True"), "true"),
        (Plain("str", b"\xff", b"\xff"), "\udcff"),
    ],
)
def test_plaintexts_of_all_types_are_written_as_sops_does(plain: Plain, line: str) -> None:
    assert open_values(seal(read("A=x\n")), [plain]).text == f"A={line}\n"


@pytest.mark.parametrize("plain", [Plain("str", b"a\\nb", b"a\\nb"), Plain("comment", b"c", b"c")])
def test_a_value_that_no_dotenv_file_can_hold_is_refused(plain: Plain) -> None:
    with pytest.raises(DocumentSyntaxError, match="cannot be written in a dotenv file") as caught:
        open_values(seal(read("A=x\n")), [plain])
    assert str(caught.value.location) == 'line 1: ["A"]'


def test_a_comment_of_several_lines_becomes_several_comments() -> None:
    assert open_values(seal(read("#c\n")), [Plain("comment", b"a\nb", b"a\nb")]).text == "#a\n#b\n"


# --- properties

LINE = st.one_of(
    st.just(""),
    st.text(st.sampled_from("ab# =\\né\r\udcff"), max_size=6).map(lambda text: "#" + text.replace("\n", "")),
    st.tuples(
        st.text(st.sampled_from('abc é"'), min_size=1, max_size=3),
        st.text(st.sampled_from("xy =#\\né\r\udcff'"), max_size=8),
    ).map(lambda pair: f"{pair[0]}={pair[1]}".replace("\n", "")),
)


@st.composite
def texts(draw: st.DrawFn) -> str:
    lines, keys = [], set()
    for line in draw(st.lists(LINE, max_size=6)):
        key = line if line.startswith("#") else line.split("=", 1)[0]
        if not line or line.startswith("#") or key not in keys:
            lines.append(line)
            keys.add(key)
    return "\n".join(lines) + draw(st.sampled_from(["", "\n", "\n\n"]))


@given(texts())
def test_opening_is_the_exact_inverse_of_sealing(text: str) -> None:
    plain = read(text)
    source = text.encode("utf-8", "surrogateescape")
    assert plain.to_bytes() == source
    assert open_again(seal(plain), plain).to_bytes() == source


@given(texts())
def test_sealing_changes_only_values_and_comments(text: str) -> None:
    plain = read(text)
    bare = dotenv.open(seal(plain), [])
    edits = [
        Edit(new.start, new.end, text[old.start : old.end]) for new, old in zip(bare.items, plain.items, strict=True)
    ]
    assert apply_edits(bare.text, edits) == text


@given(st.binary(max_size=40), st.booleans())
def test_any_bytes_are_read_or_refused_with_an_error_of_ours(source: bytes, encrypted: bool) -> None:
    try:
        document = parse(source, dotenv, encrypted=encrypted)
    except SopskitError:
        return
    assert document.to_bytes() == source


# --- paths


@pytest.mark.parametrize(
    ("before", "key", "value", "after"),
    [
        ("A=1\nB=2\n", "A", "x\ny", "A=x\\ny\nB=2\n"),
        ("A=1\n", "B", 5, "A=1\nB=5\n"),
        ("A=1", "B", 5.0, "A=1\nB=5.0"),
        ("", "B", True, "B=true\n"),
    ],
)
def test_values_are_set_in_place_or_at_the_end(before: str, key: str, value: object, after: str) -> None:
    assert dotenv.assign(read(before), (key,), value).text == after  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("A",), None, "holds only strings, numbers and booleans"),
        (("A",), ["x"], "holds only strings, numbers and booleans"),
        (("A", "b"), "x", "holds only strings, numbers and booleans"),
        (("A",), "\ud800", "half of a surrogate pair"),
        (("A",), "a\\nb", "a backslash before an n cannot be written"),
        (("sops_x",), "x", "keys that start with sops_ are reserved"),
        (("#A",), "x", "a dotenv key holds neither"),
        (("A=B",), "x", "a dotenv key holds neither"),
        (("A\nB",), "x", "a dotenv key holds neither"),
    ],
)
def test_what_no_dotenv_file_can_hold_is_not_set(path: tuple[str, ...], value: object, message: str) -> None:
    with pytest.raises(RefusedError, match=message):
        dotenv.assign(read("A=1\n"), path, value)  # type: ignore[arg-type]


@pytest.mark.parametrize("path", [(), (0,)])
def test_a_position_is_no_path(path: tuple[int, ...]) -> None:
    with pytest.raises(PathNotFoundError):
        dotenv.assign(read("A=1\n"), path, "x")


@pytest.mark.parametrize(
    ("before", "after"),
    [("A=1\nB=2\n", "B=2\n"), ("#c\nA=1", "#c\n"), ("A=1", ""), ("B=1\nA=\n\n", "B=1\n\n")],
)
def test_a_key_is_removed_with_its_line(before: str, after: str) -> None:
    assert dotenv.remove(read(before), ("A",)).text == after


def test_extracting_prints_the_value_or_the_file() -> None:
    document = read("A=a\\nb\n")
    assert dotenv.extract(document, ("A",), indent=None) == b"a\nb"
    assert dotenv.extract(document, (), indent=None) == b"A=a\\nb\n"


@pytest.mark.parametrize(("path", "place"), [(("B",), '["B"]'), (("A", "b"), '["A"]["b"]'), ((0,), "[0]")])
def test_a_path_that_leads_nowhere_is_named(path: tuple[str | int, ...], place: str) -> None:
    for act in (dotenv.remove, lambda document, path: dotenv.extract(document, path, indent=None)):
        with pytest.raises(PathNotFoundError) as caught:
            act(read("A=1\n"), path)
        assert str(caught.value) == f"{place}: there is no such key"
