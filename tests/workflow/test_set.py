"""Values are JSON, exact, and never repeated in an error."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sopskit.document import format_for_name
from sopskit.errors import AlreadyEncryptedError, PathNotFoundError, UsageError
from sopskit.sops.crypt import Opened, load, open_with, seal_file
from sopskit.sops.datakey import generate
from sopskit.sops.masterkeys import AgeKey
from sopskit.sops.metadata import Metadata
from sopskit.workflow.set import parse_value, set_value, unset_value

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def opened(text: str, format_name: str = "yaml") -> Opened:
    format = format_for_name(format_name)
    from sopskit.document import parse

    key = generate()
    metadata = Metadata(((AgeKey("age1test", "enc"),),))
    sealed = seal_file(parse(text.encode(), format), metadata, key, now=NOW)
    return open_with(load(sealed.document.to_bytes(), format), key)


def after(file: Opened, data: bytes | None) -> str | None:
    if data is None:
        return None
    return open_with(load(data, file.plain.format), file.data_key).plain.text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"5", 5),
        (b"9007199254740993", 9007199254740993),
        (b"1.5", 1.5),
        (b'"x"', "x"),
        (b"true", True),
        (b"null", None),
        (b'{"a": [1, {"b": null}]}', {"a": [1, {"b": None}]}),
    ],
)
def test_a_value_is_json(text: bytes, value: object) -> None:
    assert parse_value(text) == value


@pytest.mark.parametrize(
    "text", [b"", b"s3cret", b"NaN", b"Infinity", b'{"a": 1, "a": 2}', b"\xff", b'"a', b"[" * 100_000]
)
def test_what_is_not_json_is_refused_without_repeating_it(text: bytes) -> None:
    with pytest.raises(UsageError) as caught:
        parse_value(text)
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_other_values_keep_their_ciphertext() -> None:
    file = opened("a: one\nb: two\n")
    data = set_value(file, ("a",), "new", now=NOW, idempotent=False, indent=None)
    assert data is not None
    old = {item.path: item.value for item in file.file.document.leaves()}
    new = {item.path: item.value for item in load(data, file.plain.format).document.leaves()}
    assert (old["b",] == new["b",], old["a",] == new["a",]) == (True, False)
    assert after(file, data) == "a: new\nb: two\n"


@pytest.mark.parametrize(
    ("text", "path", "value", "same"),
    [
        ("a: 5\n", ("a",), 5, True),
        ("a: 5.0\n", ("a",), 5, False),
        ("a: 'x'\n", ("a",), "x", True),
        ("a: x\n", ("a",), "y", False),
        ("a: {b: 1}\n", ("a",), {"b": 1}, True),
        ("a: {b: 1}\n", ("a", "c"), {}, False),
        ("a: {b: 1}\n", ("a", "c"), [[]], False),
        ("a: [1, 2]\n", ("a",), [1, 2], True),
        ("a: [1, 2]\n", ("a",), [1], False),
        ("a: null\n", ("a",), None, True),
        ("a: true\n", ("a",), "true", False),
    ],
)
def test_idempotent_compares_type_and_value(text: str, path: tuple[str, ...], value: object, same: bool) -> None:
    data = set_value(opened(text), path, value, now=NOW, idempotent=True, indent=None)  # type: ignore[arg-type]
    assert (data is None) is same


def test_without_it_the_file_is_always_written() -> None:
    assert set_value(opened("a: 5\n"), ("a",), 5, now=NOW, idempotent=False, indent=None) is not None


def test_unset_takes_away_one_place() -> None:
    file = opened("a: 1\nb: 2\n")
    assert after(file, unset_value(file, ("a",), now=NOW, idempotent=False, indent=None)) == "b: 2\n"


def test_unset_of_nothing_is_an_error_unless_it_may_be() -> None:
    file = opened("a: 1\n")
    with pytest.raises(PathNotFoundError):
        unset_value(file, ("x",), now=NOW, idempotent=False, indent=None)
    assert unset_value(file, ("x",), now=NOW, idempotent=True, indent=None) is None


@pytest.mark.parametrize(("format", "text", "path"), [("yaml", "a: 1\n", "sops"), ("dotenv", "A=1\n", "sops_mac")])
def test_the_entry_of_sops_is_out_of_reach(format: str, text: str, path: str) -> None:
    with pytest.raises(AlreadyEncryptedError):
        set_value(opened(text, format), (path,), "x", now=NOW, idempotent=False, indent=None)


def test_in_dotenv_a_variable_called_sops_is_data() -> None:
    file = opened("A=1\n", "dotenv")
    assert after(file, set_value(file, ("sops",), "x", now=NOW, idempotent=False, indent=None)) == "A=1\nsops=x\n"


def test_the_empty_path_is_refused() -> None:
    with pytest.raises(UsageError):
        set_value(opened("a: 1\n"), (), "x", now=NOW, idempotent=False, indent=None)
