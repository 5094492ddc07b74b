"""Keys from a Kubernetes Secret: mounted as the kubelet does it, or its decoded data."""

from __future__ import annotations

import gc
import os
import pickle
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sopskit import age, pgp
from sopskit.errors import FileAccessError, GpgError, IdentityError, KeyAccessError, LimitError, RefusedError
from sopskit.keysources import gpghome, mounted
from tests.conftest import KEYS, PGP_FINGERPRINT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.conftest import AgeTestKey, World

PGP_KEY = (KEYS / "test-only-pgp.asc").read_bytes()
LOCKED = age.encrypt(b"AGE-SECRET-KEY-1CANARY", [age.ScryptRecipient("canary", work_factor=2)])
DATA_KEY = bytes(range(32))


def mount(folder: Path, data: Mapping[str, bytes], version: str = "..2026_01_01") -> Path:
    """Lay a Secret out as the kubelet does: links into `..data`, which links to the current version; modes 0644."""
    current = folder / version
    current.mkdir(parents=True)
    for name, content in data.items():
        (current / name).write_bytes(content)
        (current / name).chmod(0o644)
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"..data/{name}")
    link = folder / "..data_tmp"
    link.symlink_to(version)
    link.rename(folder / "..data")
    return folder


def recipients(keyring: mounted.SecretKeyring) -> list[str]:
    return [str(identity.recipient()) for identity in keyring.identities("")]  # type: ignore[attr-defined]


def children_of(home: str) -> list[str]:
    """The agents that serve a home."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(path.read_bytes().decode().replace("\0", " "))
        except OSError:
            continue
    return [line for line in lines if "gpg-agent" in line and home in line]


@pytest.fixture
def gpg_path(tool: Callable[[str], str]) -> str:
    return str(Path(tool("gpg")).parent)


@pytest.fixture
def memory() -> Iterator[Path]:
    """A folder of the test's own in memory."""
    folder = Path(tempfile.mkdtemp(prefix="sopskit-test-", dir="/dev/shm"))
    yield folder
    shutil.rmtree(folder)


def test_a_mounted_secret_gives_its_age_identities(tmp_path: Path, alice: AgeTestKey, bob: AgeTestKey) -> None:
    data = {
        "alice.agekey": alice.path.read_bytes(),
        "both.agekey": f"# of two\n\n{bob.identity}\r\n".encode(),
        "sops.vault-token": b"canary",
        "readme": b"AGE-SECRET-KEY-",
    }
    with mounted.load(mount(tmp_path / "keys", data)) as keyring:
        assert recipients(keyring) == [alice.recipient, bob.recipient]
        assert [(report.location, report.found) for report in keyring.report()] == [
            (f"{tmp_path}/keys/alice.agekey", 1),
            (f"{tmp_path}/keys/both.agekey", 1),
        ]
        assert repr(keyring) == "<keyring of 2 age identities, without PGP keys>"


def test_a_folder_that_no_kubelet_made_will_do(tmp_path: Path, alice: AgeTestKey) -> None:
    (tmp_path / "a.agekey").symlink_to(alice.path)
    with mounted.load(tmp_path) as keyring:
        assert recipients(keyring) == [alice.recipient]


def test_one_version_of_the_secret_is_read_even_if_it_is_replaced_meanwhile(
    tmp_path: Path, alice: AgeTestKey, bob: AgeTestKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = mount(tmp_path, dict.fromkeys(("a.agekey", "b.agekey"), alice.identity.encode()))
    listing = os.listdir

    def replacing(descriptor: int) -> list[str]:
        names = listing(descriptor)
        mount(folder, dict.fromkeys(("a.agekey", "b.agekey"), bob.identity.encode()), "..2026_01_02")
        return names

    monkeypatch.setattr(os, "listdir", replacing)
    with mounted.load(folder) as keyring:
        assert recipients(keyring) == [alice.recipient, alice.recipient]


def test_nothing_ambient_is_looked_at(
    world: World, alice: AgeTestKey, bob: AgeTestKey, pgp_key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user's keys in every place where sops would find them; the Secret has another one."""
    (world.home / ".config/sops/age").mkdir(parents=True)
    (world.home / ".config/sops/age/keys.txt").write_text(alice.identity)
    monkeypatch.setenv("SOPS_AGE_KEY", alice.identity)
    monkeypatch.setenv("SOPS_AGE_KEY_FILE", str(alice.path))
    monkeypatch.setenv("SOPS_AGE_KEY_CMD", f"/bin/cat {alice.path}")
    with mounted.from_data({"bob.agekey": bob.identity.encode()}) as keyring:
        assert recipients(keyring) == [bob.recipient]
        with pytest.raises(KeyAccessError, match="no PGP key was handed in"):
            keyring.gpg()
    assert pgp_key == PGP_FINGERPRINT


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        ({}, KeyAccessError, "Secret: there is no private key in it"),
        ({"a.agekey": b"# nothing\n"}, KeyAccessError, "Secret: there is no private key in it"),
        ({"a.txt": b"AGE-SECRET-KEY-1CANARY"}, KeyAccessError, "Secret: there is no private key in it"),
        ({"a.agekey": b"AGE-SECRET-KEY-1CANARY"}, IdentityError, "Secret/a.agekey:1: "),
        ({"a.agekey": b"\xffcanary"}, IdentityError, "Secret/a.agekey: the text is not UTF-8"),
        ({"a.agekey": b"AGE-PLUGIN-CANARY-1"}, IdentityError, "Secret/a.agekey: an identity of an age plugin"),
        ({"a.agekey": LOCKED}, IdentityError, "Secret/a.agekey: the identities are encrypted with a passphrase"),
        ({"a.agekey": LOCKED[:30]}, IdentityError, "Secret/a.agekey: the encrypted identity file is malformed"),
        ({"a.asc": b"canary"}, IdentityError, "Secret/a.asc: no PGP private key could be imported"),
    ],
)
def test_one_bad_entry_fails_the_whole(
    data: dict[str, bytes], error: type[Exception], message: str, bob: AgeTestKey, tool: Callable[[str], str]
) -> None:
    tool("gpg")
    with pytest.raises(error) as caught:
        mounted.from_data(data)
    assert str(caught.value).startswith(message)
    assert "canary" not in str(caught.value).lower()
    if error is not KeyAccessError:
        with pytest.raises(error):
            mounted.from_data({**data, "bob.agekey": bob.identity.encode()})


def test_folders_and_files_that_cannot_be_read_are_named(tmp_path: Path, alice: AgeTestKey) -> None:
    with pytest.raises(FileAccessError, match="the folder of keys cannot be read: no such file"):
        mounted.load(tmp_path / "nowhere")
    (tmp_path / "a.agekey").mkdir()
    with pytest.raises(FileAccessError, match=r"a\.agekey: is no ordinary file"):
        mounted.load(tmp_path)
    (tmp_path / "a.agekey").rmdir()
    os.mkfifo(tmp_path / "a.agekey")
    with pytest.raises(FileAccessError, match=r"a\.agekey: is no ordinary file"):
        mounted.load(tmp_path)
    (tmp_path / "a.agekey").unlink()
    (tmp_path / "a.agekey").symlink_to("gone")
    with pytest.raises(FileAccessError, match=r"a\.agekey: cannot be read: no such file"):
        mounted.load(tmp_path)
    (tmp_path / "a.agekey").unlink()
    (tmp_path / "a.agekey").write_bytes(alice.identity.encode() + b"\n" * mounted.SIZE_LIMIT)
    with pytest.raises(LimitError, match=r"a\.agekey: more than 1048576 bytes"):
        mounted.load(tmp_path)


def test_what_was_closed_opens_nothing(alice: AgeTestKey) -> None:
    keyring = mounted.from_data({"a.agekey": alice.identity.encode()})
    keyring.close()
    keyring.close()
    for ask in (lambda: keyring.identities(""), keyring.gpg):
        with pytest.raises(KeyAccessError, match="the keyring is closed"):
            ask()


# --- PGP


def test_pgp_keys_live_in_a_private_home_in_memory_until_it_is_closed(gpg_path: str, world: World) -> None:
    with mounted.from_data({"team.asc": PGP_KEY}, search_path=gpg_path) as keyring:
        gpg = keyring.gpg()
        home = Path(gpg.home or "")
        assert (home.parent, stat.S_IMODE(home.stat().st_mode)) == (Path("/dev/shm"), 0o700)
        assert pgp.unwrap(pgp.wrap(DATA_KEY, PGP_FINGERPRINT, gpg), gpg) == DATA_KEY
        assert len(children_of(str(home))) == 1
    assert not home.exists()
    deadline = time.monotonic() + 5
    while children_of(str(home)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert children_of(str(home)) == []
    assert not world.gnupg.exists()
    assert list(world.home.iterdir()) == []


def test_a_home_that_was_forgotten_goes_with_its_keyring(gpg_path: str) -> None:
    keyring = mounted.from_data({"team.asc": PGP_KEY}, search_path=gpg_path)
    home = Path(keyring.gpg().home or "")
    assert home.exists()
    del keyring
    gc.collect()
    assert not home.exists()


def test_a_home_goes_at_the_end_of_the_process_and_not_with_a_forked_child(gpg_path: str, tmp_path: Path) -> None:
    program = (
        "import os, sys, pathlib\n"
        f"sys.path.insert(0, {str(KEYS.parent.parent)!r})\n"
        "from sopskit.keysources import mounted\n"
        f"data = pathlib.Path({str(KEYS / 'test-only-pgp.asc')!r}).read_bytes()\n"
        f"keyring = mounted.from_data({{'a.asc': data}}, search_path={gpg_path!r})\n"
        "home = keyring.gpg().home\n"
        "child = os.fork()\n"
        "if child == 0:\n    sys.exit(0)\n"
        "os.waitpid(child, 0)\n"
        "print(home, os.path.isdir(home))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    home, there = done.stdout.split()
    assert (there, Path(home).exists()) == ("True", False)


def test_a_bad_key_leaves_no_home(gpg_path: str, memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpghome, "SHARED_MEMORY", str(memory))
    with pytest.raises(IdentityError):
        mounted.from_data({"a.asc": PGP_KEY, "b.asc": b"broken"}, search_path=gpg_path)
    assert list(memory.iterdir()) == []


def test_a_public_key_is_no_private_key(gnupg_home: Path, pgp_key: str, gpg_path: str) -> None:
    exported = subprocess.run(["gpg", "--armor", "--export", pgp_key], capture_output=True, check=True).stdout
    with pytest.raises(IdentityError, match="no PGP private key could be imported"):
        mounted.from_data({"public.asc": exported}, search_path=gpg_path)


def test_without_gpg_a_pgp_key_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(GpgError, match="the gpg program was not found"):
        mounted.from_data({"a.asc": PGP_KEY}, search_path=str(tmp_path))


def test_pgp_keys_are_put_on_no_disk(
    monkeypatch: pytest.MonkeyPatch, gpg_path: str, tmp_path: Path, memory: Path
) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text("22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n")
    monkeypatch.setattr("sopskit.memory.MOUNTS", str(mounts))
    with pytest.raises(RefusedError, match="a folder on a disk"):
        mounted.from_data({"a.asc": PGP_KEY}, search_path=gpg_path)
    mounts.write_text(mounts.read_text() + f"23 22 0:1 / {memory} rw - tmpfs tmpfs rw\n")
    monkeypatch.setattr("tempfile.tempdir", str(memory))
    with mounted.from_data({"a.asc": PGP_KEY}, search_path=gpg_path) as keyring:
        assert Path(keyring.gpg().home or "").parent == memory
    monkeypatch.setattr("tempfile.tempdir", str(memory / "nowhere"))
    with pytest.raises(RefusedError, match="no folder for PGP keys can be made: no such file"):
        mounted.from_data({"a.asc": PGP_KEY}, search_path=gpg_path)
    monkeypatch.setattr("sopskit.memory.MOUNTS", str(tmp_path / "nowhere"))
    with pytest.raises(RefusedError, match="a folder on a disk"):
        mounted.from_data({"a.asc": PGP_KEY}, search_path=gpg_path)


def test_a_key_with_a_passphrase_asks_nobody(gnupg_home: Path, gpg_path: str) -> None:
    """Importing keeps it as it is; using it fails at once, without a pinentry."""
    passphrase = ["--pinentry-mode", "loopback", "--passphrase", "canary"]
    make = ["gpg", "--batch", "--quiet", *passphrase, "--quick-generate-key", "locked@example.org", "rsa2048"]
    subprocess.run([*make, "encrypt", "never"], check=True, capture_output=True)
    export = ["gpg", "--batch", *passphrase, "--armor", "--export-secret-keys", "locked@example.org"]
    armored = subprocess.run(export, check=True, capture_output=True).stdout
    listing = subprocess.run(["gpg", "--list-keys", "--with-colons"], check=True, capture_output=True, text=True).stdout
    fingerprint = next(line.split(":")[9] for line in listing.splitlines() if line.startswith("fpr"))
    with mounted.from_data({"a.asc": armored}, search_path=gpg_path) as keyring:
        message = pgp.wrap(DATA_KEY, fingerprint, keyring.gpg())
        started = time.monotonic()
        with pytest.raises(GpgError, match="pinentry"):
            pgp.unwrap(message, keyring.gpg())
        assert time.monotonic() - started < 20


def test_several_threads_may_use_one_keyring(gpg_path: str, alice: AgeTestKey) -> None:
    data = {"a.agekey": alice.identity.encode(), "a.asc": PGP_KEY}
    with mounted.from_data(data, search_path=gpg_path) as keyring:
        message = pgp.wrap(DATA_KEY, PGP_FINGERPRINT, keyring.gpg())
        found: list[bytes] = []
        threads = [threading.Thread(target=lambda: found.append(pgp.unwrap(message, keyring.gpg()))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [DATA_KEY] * 4


def test_a_keyring_is_not_pickled(alice: AgeTestKey) -> None:
    keyring = mounted.from_data({"a.agekey": alice.identity.encode()})
    with pytest.raises(TypeError):
        pickle.dumps(keyring)
