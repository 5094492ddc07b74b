"""A world of key sources, and an OS keyring in memory."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, ClassVar

import keyring.backend
import keyring.core
import pytest

from sopskit import age
from sopskit.errors import NoIdentityMatchError
from sopskit.keysources import EnvironmentKeyring, environment_keyring

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import World


class MemoryKeyring(keyring.backend.KeyringBackend):
    """A backend as the package wants one; keeps what it is given for as long as a test runs."""

    priority: ClassVar[float] = 5

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


@pytest.fixture
def use_backend(monkeypatch: pytest.MonkeyPatch) -> Callable[[keyring.backend.KeyringBackend], None]:
    """`use_backend(backend)` makes it the keyring of this process until the test ends."""

    def use(backend: keyring.backend.KeyringBackend) -> None:
        monkeypatch.setattr(keyring.core, "_keyring_backend", None)
        keyring.core.set_keyring(backend)

    return use


@pytest.fixture
def memory_keyring(use_backend: Callable[[keyring.backend.KeyringBackend], None]) -> MemoryKeyring:
    """An OS keyring that is empty and works."""
    backend = MemoryKeyring()
    use_backend(backend)
    return backend


class Sources:
    """An environment to be filled, and what a keyring makes of it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.environ = {"HOME": str(home), "PATH": "/usr/bin:/bin"}
        self.asked: list[str] = []
        self.warned: list[str] = []
        self.answer: str | None = None

    def keyring(self) -> EnvironmentKeyring:
        return environment_keyring(self.environ, prompt=self.prompt if self.answer else None, warn=self.warned.append)

    def prompt(self, question: str) -> str:
        self.asked.append(question)
        return self.answer or ""

    def opens(self, recipient: str, keyring: EnvironmentKeyring | None = None) -> bool:
        """Whether the keyring opens a file for `recipient`."""
        file = age.encrypt(b"data", [age.parse_recipient(recipient)])
        try:
            return age.decrypt(file, (keyring or self.keyring()).identities(recipient)) == b"data"
        except NoIdentityMatchError:
            return False

    def problems(self, recipient: str) -> dict[str, str]:
        """What the report says went wrong after a file for `recipient` could not be opened."""
        keyring = self.keyring()
        assert not self.opens(recipient, keyring)
        return {report.location: report.problem for report in keyring.report() if report.problem}

    def write(self, name: str, text: str, mode: int = 0o600) -> str:
        """A file below the home."""
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return str(path)


@pytest.fixture
def sources(world: World) -> Sources:
    """No source has anything."""
    return Sources(world.home)


@pytest.fixture
def ssh_key(tmp_path: Path, tool: Callable[[str], str]) -> Callable[..., tuple[Path, str]]:
    """`ssh_key("ed25519", "passphrase")` makes a key pair with ssh-keygen: the private file and the public line."""

    def make(kind: str = "ed25519", passphrase: str = "", *options: str) -> tuple[Path, str]:
        path = tmp_path / f"id_{kind}{len(list(tmp_path.iterdir()))}"
        command = [tool("ssh-keygen"), "-q", "-t", kind, "-N", passphrase, "-C", "test-only", "-f", str(path), *options]
        subprocess.run(command, check=True, capture_output=True)
        return path, path.with_name(path.name + ".pub").read_text().strip()

    return make


def encrypted(text: str, passphrase: str, *, armor: bool = True) -> bytes:
    """An encrypted identity file. The work factor is small, so that tests are fast."""
    return age.encrypt(text.encode(), [age.ScryptRecipient(passphrase, 4)], armor=armor)
