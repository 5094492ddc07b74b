"""The keyring of the operating system, through the package's own registry."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import keyring.backends.chainer
import keyring.backends.fail
import keyring.backends.null
import pytest

from sopskit.errors import FileAccessError, IdentityError, KeyAccessError, RefusedError
from sopskit.keysources import oskeyring
from sopskit.keysources.oskeyring import StoredKey, check_backend, fetch, forget, index_text, read_index, store
from tests.keysources.conftest import MemoryKeyring, Sources

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from keyring.backend import KeyringBackend

    from tests.conftest import AgeTestKey

CREATED = "2026-01-02T03:04:05Z"


class Forgetful(MemoryKeyring):
    """Takes everything, keeps nothing."""

    def set_password(self, service: str, username: str, password: str) -> None:
        pass


class Silent(MemoryKeyring):
    """Fails with a text that quotes what it was given."""

    def get_password(self, service: str, username: str) -> str | None:
        raise OSError(f"no answer for {username}")

    def set_password(self, service: str, username: str, password: str) -> None:
        raise OSError(f"cannot keep {password}")


class Chain(MemoryKeyring):
    """Hands calls on to others."""

    def __init__(self, *backends: Any) -> None:
        super().__init__()
        self.backends = backends


class PlaintextKeyring(MemoryKeyring):
    """The one of keyrings.alt, by its name."""

    __module__ = "keyrings.alt.file"


def listed(sources: Sources, *recipients: str) -> str:
    text = index_text([StoredKey(recipient, CREATED) for recipient in recipients])
    return sources.write(".config/sopskit/keyring.json", text.decode())


def test_a_stored_key_opens_files(sources: Sources, memory_keyring: MemoryKeyring, alice: AgeTestKey) -> None:
    store(alice.recipient, alice.identity)
    listed(sources, alice.recipient)
    assert sources.opens(alice.recipient)


def test_the_keyring_is_not_asked_without_a_list(
    sources: Sources, use_backend: Callable[[KeyringBackend], None]
) -> None:
    use_backend(Silent())
    assert sources.keyring().identities("age1") == []


def test_a_key_that_is_listed_and_gone_is_none(
    sources: Sources, memory_keyring: MemoryKeyring, alice: AgeTestKey
) -> None:
    listed(sources, alice.recipient)
    assert sources.problems(alice.recipient) == {}


def test_a_silent_keyring_is_reported_without_its_text(
    sources: Sources, use_backend: Callable[[KeyringBackend], None], alice: AgeTestKey
) -> None:
    use_backend(Silent())
    listed(sources, alice.recipient)
    assert sources.problems(alice.recipient) == {
        "OS keyring": "the OS keyring does not answer (OSError) (unlock it, or check that it runs)"
    }


def test_a_stored_key_is_read_back(use_backend: Callable[[KeyringBackend], None]) -> None:
    use_backend(Forgetful())
    with pytest.raises(KeyAccessError, match="took the key, but does not give it back"):
        store("age1", "AGE-SECRET-KEY-1")


def test_the_list_tells_the_recipients_without_asking(
    sources: Sources, use_backend: Callable[[KeyringBackend], None]
) -> None:
    use_backend(Silent())
    assert oskeyring.OsKeyring(listed(sources, "age1a", "age1b")).recipients() == ["age1a", "age1b"]


def test_a_key_is_forgotten(memory_keyring: MemoryKeyring) -> None:
    store("age1", "AGE-SECRET-KEY-1")
    forget("age1")
    forget("age1")
    assert (fetch("age1"), memory_keyring.kept) == (None, {})


def test_what_a_backend_says_is_not_repeated(use_backend: Callable[[KeyringBackend], None]) -> None:
    use_backend(Silent())
    with pytest.raises(KeyAccessError) as caught:
        store("age1", "AGE-SECRET-KEY-1")
    error = caught.value
    assert (str(error), error.__cause__, error.__suppress_context__) == (
        "the OS keyring does not answer (OSError)",
        None,
        True,
    )


@pytest.mark.parametrize(
    "backend",
    [
        keyring.backends.null.Keyring(),  # type: ignore[no-untyped-call]
        keyring.backends.fail.Keyring(),  # type: ignore[no-untyped-call]
        PlaintextKeyring(),
        Chain(MemoryKeyring(), Chain(PlaintextKeyring())),
    ],
    ids=["null", "fail", "plaintext", "chain_with_plaintext"],
)
def test_a_backend_that_keeps_nothing_or_in_the_open_is_refused(
    backend: KeyringBackend, use_backend: Callable[[KeyringBackend], None]
) -> None:
    use_backend(backend)
    with pytest.raises(RefusedError, match="there is no safe OS keyring here"):
        store("age1", "AGE-SECRET-KEY-1")


def test_a_chain_of_good_backends_is_taken(use_backend: Callable[[KeyringBackend], None]) -> None:
    use_backend(Chain(MemoryKeyring(), MemoryKeyring()))
    check_backend()


def test_a_backend_that_cannot_be_loaded_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring.core, "_keyring_backend", None)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "nonexistent.module.Keyring")
    with pytest.raises(KeyAccessError, match=r"the OS keyring cannot be loaded \(ModuleNotFoundError\)"):
        check_backend()


def test_the_list_comes_back(tmp_path: Path) -> None:
    keys = (StoredKey("age1a", CREATED), StoredKey("age1b", CREATED))
    path = tmp_path / "keyring.json"
    path.write_bytes(index_text(keys))
    assert read_index(str(path)) == keys


def test_a_missing_list_is_empty(tmp_path: Path) -> None:
    assert read_index(str(tmp_path / "no")) == ()


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"version": 1}', '{"version": 1, "keys": [1]}', '{"version": 1, "keys": 5}', "\x00"]
)
def test_another_kind_of_file_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "keyring.json"
    path.write_text(content)
    with pytest.raises(IdentityError, match="not a list of keys in the OS keyring"):
        read_index(str(path))


def test_a_list_of_a_later_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "keyring.json"
    path.write_text(json.dumps({"version": oskeyring.INDEX_VERSION + 1, "keys": []}))
    with pytest.raises(IdentityError, match="written by a newer sopskit"):
        read_index(str(path))


def test_a_list_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileAccessError, match="cannot be read: is a directory"):
        read_index(str(tmp_path))
