"""Verified plaintext, or nothing."""

from __future__ import annotations

import pytest

from sopskit.deploy.provider import DecryptionProvider, OpenedSource
from sopskit.errors import DataKeyError, DocumentSyntaxError, LimitError, MacMismatchError
from sopskit.sops.masterkeys import FixedKeyring
from tests.deploy.conftest import Tree


@pytest.mark.parametrize(
    ("name", "text", "secrets"),
    [
        ("a.yaml", "# note\nkey: value\n", {"value", " note"}),
        ("a.json", '{\n\t"key": "value"\n}\n', {"value"}),
        ("a.env", "KEY=value\n", {"value"}),
        ("a.ini", "[s]\nkey = value\n", {"value"}),
        ("a.pem", "binary\n", {"binary\n"}),
    ],
)
def test_every_format_is_opened(
    tree: Tree, provider: DecryptionProvider, name: str, text: str, secrets: set[str]
) -> None:
    path = tree.encrypted(name, text)
    opened = provider.open(path.read_bytes(), name)
    assert opened is not None
    assert opened.secrets == secrets
    assert opened.plaintext.decode() == text


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.yaml", b"a: 1\n"),
        ("a.yaml", b"about: sops\n"),
        ("README", b"about sops, and \xff"),
        ("x.py", b"'sops ENC['"),
    ],
)
def test_other_files_are_none(provider: DecryptionProvider, name: str, data: bytes) -> None:
    assert provider.open(data, name) is None


def test_a_broken_file_is_an_error_with_its_name(provider: DecryptionProvider) -> None:
    with pytest.raises(DocumentSyntaxError) as caught:
        provider.open(b"sops: [\n", "a.yaml")
    assert caught.value.location is not None
    assert caught.value.location.file == "a.yaml"


def test_the_mac_is_always_checked(tree: Tree, provider: DecryptionProvider) -> None:
    data = tree.encrypted("a.yaml", "a_unencrypted: 1\nb: 2\n").read_bytes()
    with pytest.raises(MacMismatchError):
        provider.open(data.replace(b"a_unencrypted: 1", b"a_unencrypted: 2"), "a.yaml")


def test_without_a_key_nothing_is_opened(tree: Tree) -> None:
    data = tree.encrypted("a.yaml", "a: 1\n").read_bytes()
    with pytest.raises(DataKeyError):
        DecryptionProvider(FixedKeyring()).open(data, "a.yaml")


def test_five_mebibytes_are_the_limit(provider: DecryptionProvider) -> None:
    with pytest.raises(LimitError):
        provider.open(b"sops: " + b"x" * (5 * 1024 * 1024), "a.yaml")


def test_what_was_opened_shows_no_content() -> None:
    assert repr(OpenedSource(b"canary", frozenset({"canary"}))) == "<opened source>"
