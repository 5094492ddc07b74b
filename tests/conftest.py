"""What every test has: an empty world, real programs, keys that are for tests only."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import HealthCheck, settings

from tests.testbed import install

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# the real API server, Flux, the proxy before them, and what the reconciler follows: for every folder of tests
pytest_plugins = ("tests.cluster.fixtures", "tests.cluster.walking")

ROOT = Path(__file__).resolve().parent.parent
KEYS = ROOT / "fixtures" / "keys-test-only"

# as pytest was started: the programs are looked for and built there, not in the empty world of a test
STARTED_WITH = dict(os.environ)
DROPPED = ("SOPS_", "SOPSKIT_", "GIT_", "AGE_", "GPG_", "KUBE", "XDG_")
DROPPED_NAMES = (
    "EDITOR",
    "VISUAL",
    "PAGER",
    "DISPLAY",
    "SSH_AUTH_SOCK",
    "NO_COLOR",
    "FORCE_COLOR",
    "CI",
    "GITHUB_ACTIONS",
)

settings.register_profile("default", max_examples=50, derandomize=True, deadline=None)
settings.register_profile(
    "thorough", max_examples=3000, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("default")


def pytest_make_parametrize_id(val: object) -> str | None:
    """Without addresses in memory: the names of tests are the same in every process."""
    text = repr(val)
    return re.sub(r" object at 0x[0-9a-f]+", "", text) if " object at 0x" in text else None


# --- real programs


@functools.cache
def find_tool(name: str) -> tuple[str | None, str]:
    """The path of a program, built if it is one of the testbed's; else None and why."""
    reason = "not on the PATH"
    if name in install.program_names():
        try:
            return str(install.install([name], STARTED_WITH) / name), ""
        except install.InstallError as error:
            reason = str(error)
    return shutil.which(name, path=STARTED_WITH.get("PATH")), reason


def require_tool(name: str) -> str:
    """The path of a program; skips the test, naming it, or fails where nothing may be skipped."""
    path, reason = find_tool(name)
    if path is not None:
        return path
    if STARTED_WITH.get("SOPSKIT_REQUIRE_TOOLS") == "1":
        pytest.fail(f"needs {name}: {reason}", pytrace=False)
    pytest.skip(f"needs {name}: {reason}")


@pytest.fixture(scope="session")
def tool() -> Callable[[str], str]:
    """`tool("sops")` is the absolute path of the real program, or skips the test naming it."""
    return require_tool


@pytest.fixture(autouse=True)
def marked_tools(request: pytest.FixtureRequest) -> None:
    """Serve the mark `tool(name)`."""
    for mark in request.node.iter_markers("tool"):
        for name in mark.args:
            require_tool(name)


# --- an empty world


@pytest.fixture(scope="session")
def short_folder() -> Iterator[Path]:
    """A folder with a short path: the sockets of gpg-agent must fit into 108 bytes."""
    folder = Path(tempfile.mkdtemp(prefix="sk-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


class World(NamedTuple):
    """The folders a test may fill. `gnupg` does not exist before the fixture `gnupg_home` makes it."""

    root: Path
    home: Path
    runtime: Path
    gnupg: Path


@pytest.fixture(autouse=True)
def world(short_folder: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """HOME and the XDG folders are empty and private, and no variable of the user's reaches sopskit, sops, gpg or git."""
    root = Path(tempfile.mkdtemp(dir=short_folder, prefix=""))
    world = World(root, root / "home", root / "run", root / "gpg")
    world.home.mkdir()
    world.runtime.mkdir(0o700)
    for name in list(os.environ):
        if name.startswith(DROPPED) or name in DROPPED_NAMES:
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(world.home))
    for name, folder in (
        ("CONFIG", ".config"),
        ("CACHE", ".cache"),
        ("DATA", ".local/share"),
        ("STATE", ".local/state"),
    ):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(world.home / folder))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(world.runtime))
    monkeypatch.setenv("GNUPGHOME", str(world.gnupg))
    monkeypatch.setenv("SOPS_DISABLE_VERSION_CHECK", "1")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Test")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "test@example.org")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    return world


# --- keys that are for tests only


class AgeTestKey(NamedTuple):
    """A published age key pair: a file for `SOPS_AGE_KEY_FILE`, and both texts."""

    path: Path
    recipient: str
    identity: str


def read_age_key(name: str, folder: Path = KEYS) -> AgeTestKey:
    """The published key `test-only-NAME.agekey`."""
    path = folder / f"test-only-{name}.agekey"
    lines = path.read_text().splitlines()
    recipient = next(line.removeprefix("# public key: ") for line in lines if line.startswith("# public key: "))
    return AgeTestKey(path, recipient, lines[-1])


@pytest.fixture(scope="session")
def key_folder(short_folder: Path) -> Path:
    """Copies of the published age keys that only their owner can read, as key files should be; Git keeps no such mode."""
    folder = short_folder / "keys"
    folder.mkdir()
    for path in KEYS.glob("*.agekey"):
        copy = folder / path.name
        copy.touch(0o600)
        copy.write_bytes(path.read_bytes())
    return folder


@pytest.fixture(scope="session")
def alice(key_folder: Path) -> AgeTestKey:
    """An engineer's key."""
    return read_age_key("alice", key_folder)


@pytest.fixture(scope="session")
def bob(key_folder: Path) -> AgeTestKey:
    """Another engineer's key."""
    return read_age_key("bob", key_folder)


@pytest.fixture(scope="session")
def cluster_key(key_folder: Path) -> AgeTestKey:
    """The key that only the cluster has."""
    return read_age_key("cluster", key_folder)


@pytest.fixture(scope="session")
def hybrid_key(key_folder: Path) -> AgeTestKey:
    """A post-quantum hybrid key."""
    return read_age_key("hybrid", key_folder)


PGP_FINGERPRINT = "836B1A9C90592A528EB95C86DE47E88C6AE55098"


@pytest.fixture
def gnupg_home(world: World) -> Iterator[Path]:
    """An empty GnuPG home under `GNUPGHOME`; its agent is stopped afterwards."""
    require_tool("gpg")
    world.gnupg.mkdir(0o700)
    yield world.gnupg
    subprocess.run(["gpgconf", "--homedir", str(world.gnupg), "--kill", "all"], check=False, capture_output=True)


@pytest.fixture
def pgp_key(gnupg_home: Path) -> str:
    """The fingerprint of the published PGP key, imported with its private half, without a passphrase."""
    subprocess.run(
        ["gpg", "--batch", "--quiet", "--import", str(KEYS / "test-only-pgp.asc")], check=True, capture_output=True
    )
    ownertrust = f"{PGP_FINGERPRINT}:6:\n".encode()
    subprocess.run(
        ["gpg", "--batch", "--quiet", "--import-ownertrust"], input=ownertrust, check=True, capture_output=True
    )
    return PGP_FINGERPRINT
