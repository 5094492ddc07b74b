"""Key files and the OS keyring: nothing is lost, nothing lands in the wrong place."""

from __future__ import annotations

import os
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sopskit import age
from sopskit.errors import FileAccessError, IdentityError, KeyAccessError, RefusedError
from sopskit.keysources.oskeyring import read_index
from sopskit.workflow import keys
from sopskit.workflow.keys import Added, KnownKey
from tests.keysources.conftest import MemoryKeyring, encrypted, memory_keyring, sources, ssh_key, use_backend

if TYPE_CHECKING:
    from collections.abc import Callable

    from keyring.backend import KeyringBackend

    from tests.conftest import AgeTestKey
    from tests.keysources.conftest import Sources

__all__ = ["memory_keyring", "sources", "ssh_key", "use_backend"]  # fixtures

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def identity_of(key: AgeTestKey) -> age.KeyIdentity:
    return age.parse_identity(key.identity)


def lines(key: AgeTestKey) -> str:
    return f"# created: 2026-01-02T03:04:05Z\n# public key: {key.recipient}\n{key.identity}\n"


@pytest.mark.parametrize(("post_quantum", "prefix"), [(False, "age1"), (True, "age1pq1")])
def test_a_new_key_is_of_the_kind_asked_for(post_quantum: bool, prefix: str) -> None:
    first, second = (str(keys.generate(post_quantum=post_quantum).recipient()) for _ in range(2))
    assert (first.startswith(prefix), first != second) == (True, True)


def test_a_key_file_is_made_for_its_owner_only(tmp_path: Path, alice: AgeTestKey) -> None:
    path = tmp_path / "sops" / "age" / "keys.txt"
    old = os.umask(0)
    try:
        added = keys.add_to_file(str(path), [identity_of(alice)], NOW)
    finally:
        os.umask(old)
    assert added == Added(str(path), (alice.recipient,), (), 0)
    assert path.read_text() == lines(alice)
    assert [stat.S_IMODE(place.stat().st_mode) for place in (path, path.parent, path.parent.parent)] == [
        0o600,
        0o700,
        0o700,
    ]


@pytest.mark.parametrize(
    "before", ["# mine\n\n{0}\n", "{0}", "{0}\r\n", "{0}\nAGE-PLUGIN-YUBIKEY-1QQQQ\n", "", "# c\n"]
)
def test_a_key_is_added_and_what_was_there_stays(
    before: str, tmp_path: Path, alice: AgeTestKey, bob: AgeTestKey
) -> None:
    path = tmp_path / "keys.txt"
    before = before.format(bob.identity)
    path.write_bytes(before.encode())
    keys.add_to_file(str(path), [identity_of(alice)], NOW)
    gap = "\n" if before and not before.endswith("\n") else ""
    assert path.read_bytes().decode() == before + gap + lines(alice)


def test_a_key_that_is_there_is_not_added_again(tmp_path: Path, alice: AgeTestKey, bob: AgeTestKey) -> None:
    path = tmp_path / "keys.txt"
    path.write_text(lines(alice) + lines(bob))
    before = path.stat()
    added = keys.add_to_file(str(path), [identity_of(alice)], NOW)
    assert added == Added(str(path), (), (alice.recipient,), 1)
    assert path.stat().st_ino == before.st_ino


def test_a_link_to_a_key_file_stays_a_link(tmp_path: Path, alice: AgeTestKey) -> None:
    (tmp_path / "dotfiles").mkdir()
    (tmp_path / "config").mkdir()
    path = tmp_path / "config" / "keys.txt"
    path.symlink_to(tmp_path / "dotfiles" / "keys.txt")
    keys.add_to_file(str(path), [identity_of(alice)], NOW)
    assert (path.is_symlink(), path.read_text()) == (True, lines(alice))


@pytest.mark.parametrize("content", [b"a: b\n", b"\xff\xfe", b"-----BEGIN OPENSSH PRIVATE KEY-----\n"])
def test_a_file_of_another_kind_is_left_alone(content: bytes, tmp_path: Path, alice: AgeTestKey) -> None:
    path = tmp_path / "secrets.yaml"
    path.write_bytes(content)
    with pytest.raises(RefusedError, match="holds other things than age identities"):
        keys.add_to_file(str(path), [identity_of(alice)], NOW)
    assert path.read_bytes() == content


@pytest.mark.parametrize("armor", [True, False])
def test_an_encrypted_file_is_left_alone(armor: bool, tmp_path: Path, alice: AgeTestKey) -> None:
    path = tmp_path / "keys.txt"
    content = encrypted(alice.identity, "secret", armor=armor)
    path.write_bytes(content)
    with pytest.raises(RefusedError, match="holds other things than age identities"):
        keys.add_to_file(str(path), [identity_of(alice)], NOW)
    assert path.read_bytes() == content


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path, alice: AgeTestKey) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FileAccessError, match="the folder cannot be made: a file is in its place"):
        keys.add_to_file(str(tmp_path / "file" / "keys.txt"), [identity_of(alice)], NOW)
    with pytest.raises(FileAccessError, match="the folder cannot be made: file name too long"):
        keys.add_to_file(str(tmp_path / ("a" * 300) / "keys.txt"), [identity_of(alice)], NOW)


def test_a_new_file_is_never_written_over_another(tmp_path: Path, alice: AgeTestKey, bob: AgeTestKey) -> None:
    path = tmp_path / "backup"
    keys.create_file(str(path), identity_of(alice), NOW)
    with pytest.raises(RefusedError, match="is there already"):
        keys.create_file(str(path), identity_of(bob), NOW)
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == (lines(alice), 0o600)


def test_keys_to_be_imported(alice: AgeTestKey, bob: AgeTestKey) -> None:
    read = keys.read_keys(f"# two\n{alice.identity}\r\n\n{bob.identity}".encode(), "file")
    assert [str(identity.recipient()) for identity in read] == [alice.recipient, bob.recipient]


@pytest.mark.parametrize(
    ("data", "kind", "message"),
    [
        (b"", IdentityError, "old: the identity file holds no identity"),
        (b"age1qqq\n", IdentityError, "old:1: this is an age recipient"),
        (b"\xff", IdentityError, "old: not a list of age identities: the text is not UTF-8"),
        (b"-----BEGIN OPENSSH PRIVATE KEY-----", RefusedError, "old: an SSH or PGP key is used where it is"),
        (b"-----BEGIN AGE ENCRYPTED FILE-----", RefusedError, "old: an encrypted identity file is used as it is"),
        (b"age-encryption.org/v1\n", RefusedError, "old: an encrypted identity file is used as it is"),
    ],
)
def test_what_is_not_imported(data: bytes, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        keys.read_keys(data, "old")


def test_a_key_in_the_os_keyring_is_listed(
    tmp_path: Path, memory_keyring: MemoryKeyring, alice: AgeTestKey, bob: AgeTestKey
) -> None:
    index = tmp_path / "sopskit" / "keyring.json"
    keys.add_to_keyring(str(index), [identity_of(alice)], NOW)
    added = keys.add_to_keyring(str(index), [identity_of(alice), identity_of(bob), identity_of(bob)], NOW)
    assert added == Added("OS keyring", (bob.recipient,), (alice.recipient,), 0)
    assert [key.recipient for key in read_index(str(index))] == [alice.recipient, bob.recipient]
    assert memory_keyring.kept == {
        ("sopskit", alice.recipient): alice.identity,
        ("sopskit", bob.recipient): bob.identity,
    }
    assert alice.identity[20:] not in index.read_text()


def test_what_was_stored_before_a_failure_is_listed(
    tmp_path: Path, use_backend: Callable[[KeyringBackend], None], alice: AgeTestKey, bob: AgeTestKey
) -> None:
    class Full(MemoryKeyring):
        def set_password(self, service: str, username: str, password: str) -> None:
            if self.kept:
                raise OSError("full")
            super().set_password(service, username, password)

    use_backend(Full())
    index = str(tmp_path / "keyring.json")
    with pytest.raises(KeyAccessError):
        keys.add_to_keyring(index, [identity_of(alice), identity_of(bob)], NOW)
    assert [key.recipient for key in read_index(index)] == [alice.recipient]


def test_a_key_that_is_in_the_os_keyring_is_not_stored_again(
    tmp_path: Path, memory_keyring: MemoryKeyring, alice: AgeTestKey
) -> None:
    index = str(tmp_path / "keyring.json")
    keys.add_to_keyring(index, [identity_of(alice)], NOW)
    assert keys.add_to_keyring(index, [identity_of(alice)], NOW) == Added("OS keyring", (), (alice.recipient,), 0)


def test_an_unsafe_keyring_leaves_no_trace(
    tmp_path: Path, use_backend: Callable[[KeyringBackend], None], alice: AgeTestKey
) -> None:
    import keyring.backends.null

    use_backend(keyring.backends.null.Keyring())  # type: ignore[no-untyped-call]
    index = tmp_path / "sopskit" / "keyring.json"
    with pytest.raises(RefusedError):
        keys.add_to_keyring(str(index), [identity_of(alice)], NOW)
    assert list(tmp_path.iterdir()) == []


def test_the_keys_of_an_environment(
    sources: Sources,
    memory_keyring: MemoryKeyring,
    alice: AgeTestKey,
    bob: AgeTestKey,
    cluster_key: AgeTestKey,
    ssh_key: Callable[..., tuple[Path, str]],
) -> None:
    sources.environ["SOPS_AGE_KEY"] = f"{alice.identity} AGE-PLUGIN-YUBIKEY-1QQQQ"
    sources.environ["SOPS_AGE_KEY_FILE"] = str(bob.path)
    sources.environ["SOPS_AGE_KEY_CMD"] = "touch ran"
    sources.environ["SOPS_AGE_SSH_PRIVATE_KEY_FILE"] = "/nonexistent"
    private, recipient = ssh_key("ed25519", "secret")
    ssh = sources.write(".ssh/id_ed25519", private.read_text())
    keys.add_to_keyring(f"{sources.home}/.config/sopskit/keyring.json", [identity_of(cluster_key)], NOW)
    path = sources.write(".config/sops/age/keys.txt", encrypted(alice.identity, "secret").decode())
    found, problems = keys.known_keys(sources.environ)
    assert found == [
        KnownKey(alice.recipient, "SOPS_AGE_KEY"),
        KnownKey(bob.recipient, f"SOPS_AGE_KEY_FILE={bob.path}"),
        KnownKey(recipient.rpartition(" ")[0], ssh),
        KnownKey(cluster_key.recipient, "OS keyring"),
    ]
    assert [(report.location, report.problem) for report in problems] == [
        (path, "encrypted with a passphrase, so its recipients are not known"),
        ("SOPS_AGE_SSH_PRIVATE_KEY_FILE=/nonexistent", "cannot be read: no such file or directory"),
        ("SOPS_AGE_KEY_CMD", "a command, which is not run to list keys"),
    ]


@pytest.mark.parametrize("place", ["variable", "file", "keyring"])
def test_a_private_key_is_found(
    place: str, sources: Sources, memory_keyring: MemoryKeyring, alice: AgeTestKey, bob: AgeTestKey
) -> None:
    sources.write(".config/sops/age/keys.txt", lines(bob) + (lines(alice) if place == "file" else ""))
    sources.environ["SOPS_AGE_KEY_FILE"] = "/nonexistent"
    if place == "variable":
        sources.environ["SOPS_AGE_KEY"] = alice.identity
    elif place == "keyring":
        keys.add_to_keyring(f"{sources.home}/.config/sopskit/keyring.json", [identity_of(alice)], NOW)
    assert keys.find(sources.environ, alice.recipient).reveal() == alice.identity


def test_a_private_key_that_is_nowhere(sources: Sources, alice: AgeTestKey, hybrid_key: AgeTestKey) -> None:
    with pytest.raises(KeyAccessError, match=f"no private key for {alice.recipient}$"):
        keys.find(sources.environ, alice.recipient)
    with pytest.raises(KeyAccessError) as caught:
        keys.find(sources.environ, hybrid_key.recipient)
    assert str(caught.value) == f"no private key for {hybrid_key.recipient[:40]}..."


def test_a_private_key_that_is_only_listed(sources: Sources, memory_keyring: MemoryKeyring, alice: AgeTestKey) -> None:
    keys.add_to_keyring(f"{sources.home}/.config/sopskit/keyring.json", [identity_of(alice)], NOW)
    memory_keyring.kept.clear()
    with pytest.raises(KeyAccessError, match=f"OS keyring lists {alice.recipient}, but does not hold"):
        keys.find(sources.environ, alice.recipient)


def test_a_key_is_removed_with_its_comments(
    tmp_path: Path, alice: AgeTestKey, bob: AgeTestKey, cluster_key: AgeTestKey
) -> None:
    path = tmp_path / "keys.txt"
    head, foot = "# the team's keys\n\n", "AGE-PLUGIN-YUBIKEY-1QQQQ\n# end\n"
    path.write_text(head + lines(alice) + lines(bob) + "\n" + lines(cluster_key) + foot)
    assert keys.remove_from_file(str(path), bob.recipient)
    assert path.read_text() == head + lines(alice) + "\n" + lines(cluster_key) + foot
    assert not keys.remove_from_file(str(path), bob.recipient)


def test_a_missing_file_has_no_key_to_remove(tmp_path: Path, alice: AgeTestKey) -> None:
    assert not keys.remove_from_file(str(tmp_path / "no"), alice.recipient)
    assert not keys.remove_from_keyring(str(tmp_path / "no"), alice.recipient)


def test_a_key_is_removed_from_the_os_keyring(
    tmp_path: Path, memory_keyring: MemoryKeyring, alice: AgeTestKey, bob: AgeTestKey
) -> None:
    index = str(tmp_path / "keyring.json")
    keys.add_to_keyring(index, [identity_of(alice), identity_of(bob)], NOW)
    assert keys.remove_from_keyring(index, alice.recipient)
    assert [key.recipient for key in read_index(index)] == [bob.recipient]
    assert list(memory_keyring.kept) == [("sopskit", bob.recipient)]


def test_a_file_in_a_repository_is_recognised(tmp_path: Path) -> None:
    (tmp_path / "repo" / ".git").mkdir(parents=True)
    (tmp_path / "repo" / "a").mkdir()
    assert keys.is_in_repository(str(tmp_path / "repo" / "a" / "keys.txt"))
    assert not keys.is_in_repository(str(tmp_path / "keys.txt"))


@pytest.mark.tool("age-keygen")
def test_age_keygen_reads_our_key_files(tmp_path: Path, tool: Callable[[str], str]) -> None:
    import subprocess

    path = tmp_path / "keys.txt"
    made = [keys.generate(post_quantum=post_quantum) for post_quantum in (False, True)]
    keys.add_to_file(str(path), made, NOW)
    shown = subprocess.run([tool("age-keygen"), "-y", str(path)], check=True, capture_output=True, text=True).stdout
    assert shown.split() == [str(identity.recipient()) for identity in made]
