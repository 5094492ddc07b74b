"""Settings in YAML: types by their text, and errors with file, line and column."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from sopskit.config.syntax import MAX_SIZE, Reader, kind, read_file
from sopskit.errors import ConfigError, FileAccessError, LimitError

if TYPE_CHECKING:
    from pathlib import Path


def fields(text: str) -> tuple[Reader, dict[str, yaml.Node]]:
    reader = Reader("f.yaml")
    root = reader.first_document(text.encode())
    assert root is not None
    return reader, reader.fields(root)


def value(text: str) -> tuple[Reader, yaml.Node]:
    reader, found = fields(f"a: {text}\n")
    return reader, found["a"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("x", "text"),
        ('"5"', "text"),
        ("yes", "text"),
        ("1:30", "text"),
        ("2001-01-01", "text"),
        ("-a", "text"),
        ("+inf", "text"),
        ("é", "text"),
        ("836B1A9C90592A528EB95C86DE47E88C6AE55098", "text"),
        ("5", "a number"),
        ("1_000", "a number"),
        ("-1.5e3", "a number"),
        (".5", "a number"),
        ("1234567890123456789012345678901234567890", "a number"),
        ("12345678901234567890123E45", "a number"),
        ("true", "a boolean"),
        ("~", "null"),
        ("", "null"),
        ("[]", "a list"),
        ("{}", "a mapping"),
    ],
)
def test_what_a_node_is(text: str, name: str) -> None:
    _, node = value(text)
    assert kind(node) == name


@pytest.mark.parametrize(("text", "number"), [("5", 5), ("0", 0), ("~", 0), ("-1", -1), ("1_0", 10), ("2.0", 2)])
def test_integers(text: str, number: int) -> None:
    reader, node = value(text)
    assert reader.integer(node) == number


@pytest.mark.parametrize("text", ['"2"', "two", "2.5", "[]", "true", "1e999"])
def test_what_is_no_integer_is_refused(text: str) -> None:
    reader, node = value(text)
    with pytest.raises(ConfigError, match=r"^f\.yaml:1:4: expected an integer, not "):
        reader.integer(node)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("true", True), ("yes", True), ('"on"', True), ("False", False), ("no", False), ("~", False)],
)
def test_booleans(text: str, expected: bool) -> None:
    reader, node = value(text)
    assert reader.boolean(node) is expected


@pytest.mark.parametrize("text", ['"true"', '"false"', "1", "YES", "[]"])
def test_what_is_no_boolean_is_refused(text: str) -> None:
    reader, node = value(text)
    with pytest.raises(ConfigError, match=r"^f\.yaml:1:4: expected true or false, not "):
        reader.boolean(node)


def test_text_is_taken_from_scalars_of_any_type() -> None:
    reader, found = fields("a: 5\nb: ~\nc: x\nd: []\n")
    assert [reader.text(found[name]) for name in "abc"] == ["5", "", "x"]
    with pytest.raises(ConfigError, match=r"^f\.yaml:4:4: expected text, not a list$"):
        reader.text(found["d"])


def test_a_string_is_no_bare_number() -> None:
    reader, found = fields("a: 5\nb: x\n")
    assert reader.string(found["b"]) == "x"
    with pytest.raises(ConfigError, match=r"^f\.yaml:1:4: expected text, not a number$"):
        reader.string(found["a"])


def test_lists() -> None:
    reader, found = fields("a: [x, y]\nb: ~\nc: x\n")
    assert [reader.text(node) for node in reader.items(found["a"])] == ["x", "y"]
    assert reader.items(found["b"]) == []
    with pytest.raises(ConfigError, match=r"^f\.yaml:3:4: expected a list, not text$"):
        reader.items(found["c"])


def test_known_fields_are_kept_and_others_noted() -> None:
    reader = Reader("f.yaml")
    root = reader.first_document(b"age: x\nagee: y\npgp: ~\n")
    assert root is not None
    assert list(reader.fields(root, ["age", "pgp"])) == ["age"]
    assert reader.unknown == [(2, "agee")]


def test_merge_keys_are_followed_and_own_keys_win() -> None:
    reader, found = fields("a: &a {x: 1, y: 1, z: 1}\nb: &b {y: 2, z: 2}\nc:\n  <<: [*b, *a]\n  z: 3\nd: {<<: *a}\n")
    merged = {name: reader.text(node) for name, node in reader.fields(found["c"]).items()}
    assert merged == {"x": "1", "y": "2", "z": "3"}
    assert list(reader.fields(found["d"])) == ["x", "y", "z"]


def test_null_is_an_empty_mapping() -> None:
    reader, found = fields("a: ~\n")
    assert reader.fields(found["a"]) == {}


def test_a_quoted_merge_key_is_a_key() -> None:
    _, found = fields('"<<": x\n')
    assert list(found) == ["<<"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\na: 2\n", "f.yaml:2:1: the key a is there twice"),
        ("[a]: 1\n", "f.yaml:1:1: expected text as a key"),
        ("[a]\n", "f.yaml:1:1: expected a mapping, not a list"),
        ("<<: x\n", "f.yaml:1:5: expected a mapping, not text"),
        ("a: &a\n  <<: *a\n<<: &b {<<: *b}\n", "f.yaml:3:5: merge keys go in circles"),
    ],
)
def test_mappings_that_are_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        fields(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (b"a: [1\nb: 2\n", "f.yaml:2:2: not valid YAML: did not find expected ',' or ']'"),
        (b"a: *b\n", "f.yaml:1:4: not valid YAML: found undefined alias"),
        (b"a: \xff\n", "f.yaml: byte 3 is not UTF-8"),
        (b"a: \x01\n", "f.yaml: not valid YAML: it has control characters"),
    ],
)
def test_text_that_is_no_yaml_is_refused_with_its_place(source: bytes, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Reader("f.yaml").first_document(source)
    assert str(caught.value) == message


@pytest.mark.parametrize("source", [b"", b"# nothing\n"])
def test_a_file_without_a_document_has_no_root(source: bytes) -> None:
    assert Reader("f.yaml").first_document(source) is None


def test_only_the_first_document_counts() -> None:
    root = Reader("f.yaml").first_document("\ufeffa: 1\n---\n: [\n".encode())
    assert root is not None
    assert root.start_mark.line == 0


def test_aliases_cannot_make_a_small_file_large() -> None:
    lines = ["a0: &a0 {x: 1}"] + [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}" for n in range(1, 9)]
    reader, found = fields("\n".join(lines))
    with pytest.raises(LimitError, match="aliases make this file too large"):
        reader.fields(found["a8"])


def test_a_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"#" * MAX_SIZE)
    assert len(read_file(path)) == MAX_SIZE
    path.write_bytes(b"#" * (MAX_SIZE + 1))
    with pytest.raises(LimitError):
        read_file(path)


def test_a_file_that_is_not_there_is_an_error_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(FileAccessError, match="gone: cannot read the file: No such file or directory"):
        read_file(tmp_path / "gone")
