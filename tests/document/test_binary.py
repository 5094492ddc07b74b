from __future__ import annotations

import contextlib
import json as stdlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sopskit.document import Plain, binary, parse
from sopskit.errors import DocumentSyntaxError, NotEncryptedError, PathNotFoundError, RefusedError, SopskitError
from tests.document.stand_in import BLOCK, facts, open_again, seal, token


def test_a_plain_file_is_one_string_called_data() -> None:
    document = parse(b"\xff\x00{}\r\n", binary)
    assert [(leaf.path, leaf.kind, leaf.data, leaf.aad) for leaf in document.leaves()] == [
        (("data",), "str", b"\xff\x00{}\r\n", "data:")
    ]
    assert (document.block, document.format) == (None, binary)


@pytest.mark.parametrize(
    ("indent", "text"),
    [
        (None, '{\n\t"data": "D",\n\t"sops": {\n\t\t"mac": "x"\n\t}\n}\n'),
        (-1, '{\n\t"data": "D",\n\t"sops": {\n\t\t"mac": "x"\n\t}\n}\n'),
        (2, '{\n  "data": "D",\n  "sops": {\n    "mac": "x"\n  }\n}\n'),
        (0, '{\n"data": "D",\n"sops": {\n"mac": "x"\n}\n}\n'),
    ],
)
def test_an_encrypted_file_is_json_as_sops_writes_it(indent: int | None, text: str) -> None:
    assert seal(parse(b"x", binary), block={"mac": "x"}, indent=indent).text == text.replace("D", token(0))


def test_an_empty_file_has_an_empty_string_and_no_token() -> None:
    sealed = seal(parse(b"", binary))
    assert stdlib.loads(sealed.text) == {"data": "", "sops": BLOCK}
    assert binary.open(sealed, []).to_bytes() == b""


def test_content_is_never_sealed_without_a_token() -> None:
    with pytest.raises(AssertionError, match="must be encrypted"):
        binary.seal(parse(b"x", binary), [], BLOCK, indent=None, one_line=frozenset())


@given(st.binary(max_size=100))
def test_opening_is_the_exact_inverse_of_sealing(content: bytes) -> None:
    plain = parse(content, binary)
    assert plain.to_bytes() == content
    assert open_again(seal(plain), plain).to_bytes() == content


def test_other_members_are_read_and_dropped_when_opened() -> None:
    document = parse(b'{"a": 1, "data": "T", "sops": {}}', binary, encrypted=True)
    assert facts(document) == [("a", "int", "1"), ("data", "str", "T")]
    other, data = document.leaves()
    values = [(other, Plain("int", b"1", b"1")), (data, Plain("str", b"\xfe", b"\xfe"))]
    assert binary.open(document, values).to_bytes() == b"\xfe"


@pytest.mark.parametrize(
    "source", [b'{"sops": {}}', b'{"data": 5, "sops": {}}', b'{"data": {"data": "x"}, "sops": {}}']
)
def test_an_encrypted_file_without_data_is_refused(source: bytes) -> None:
    with pytest.raises(DocumentSyntaxError, match="there is no string called data"):
        binary.open(parse(source, binary, encrypted=True), [])


def test_another_block_takes_the_place_of_the_old_one() -> None:
    sealed = seal(parse(b"x", binary), block={"mac": "x"})
    again = binary.reblock(sealed, {"mac": "y"}, indent=None)
    assert (again.text, again.format) == (sealed.text.replace('"x"', '"y"'), binary)
    with pytest.raises(NotEncryptedError):
        binary.reblock(parse(b'{"data": "x"}', binary, encrypted=True), {}, indent=None)


def test_the_content_is_set_and_extracted_under_data() -> None:
    document = parse(b"\xff", binary)
    assert binary.assign(document, ("data",), "é").to_bytes() == "é".encode()
    assert binary.extract(document, ("data",), indent=None) == b"\xff"
    assert binary.extract(document, (), indent=None) == b"\xff"


@pytest.mark.parametrize("value", [5, None, ["x"], "\ud800"])
def test_only_text_can_be_set(value: object) -> None:
    with pytest.raises(RefusedError):
        binary.assign(parse(b"", binary), ("data",), value)  # type: ignore[arg-type]


def test_the_content_cannot_be_removed() -> None:
    with pytest.raises(RefusedError, match="cannot be taken away"):
        binary.remove(parse(b"x", binary), ("data",))


@pytest.mark.parametrize("path", [("x",), ("data", "x"), ("data", 0), (0,)])
def test_no_other_path_exists(path: tuple[str | int, ...]) -> None:
    document = parse(b"x", binary)
    for act in (
        lambda: binary.assign(document, path, "x"),
        lambda: binary.remove(document, path),
        lambda: binary.extract(document, path, indent=None),
    ):
        with pytest.raises(PathNotFoundError):
            act()


@given(st.binary(max_size=60))
def test_any_bytes_as_an_encrypted_file_are_read_or_refused_with_an_error_of_ours(source: bytes) -> None:
    with contextlib.suppress(SopskitError):
        parse(source, binary, encrypted=True)
