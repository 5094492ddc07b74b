"""`sopskit keys`."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from sopskit import age
from sopskit.cli.context import Context
from sopskit.cli.main import main
from tests.keysources.conftest import MemoryKeyring, memory_keyring, use_backend

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import AgeTestKey, World

__all__ = ["memory_keyring", "use_backend"]  # fixtures

ROOT = Path(__file__).resolve().parents[2]


class Result(NamedTuple):
    """What a command line did."""

    code: int
    output: str
    messages: str


@pytest.fixture
def keys_txt(world: World) -> Path:
    """The key file of sops; not there yet."""
    return world.home / ".config" / "sops" / "age" / "keys.txt"


@pytest.fixture
def run() -> Callable[..., Result]:
    """`run("list", stdin="...", terminals={"stdout"})`."""

    def run_keys(*words: str, stdin: str = "", terminals: frozenset[str] = frozenset()) -> Result:
        output, messages = io.BytesIO(), io.StringIO()
        context = Context(
            stdin=io.BytesIO(stdin.encode()), stdout=output, stderr=messages, environ=os.environ, terminals=terminals
        )
        code = main(["keys", *words], context)
        return Result(code, output.getvalue().decode(), messages.getvalue())

    return run_keys


def put(path: Path, *keys: AgeTestKey) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{key.identity}\n" for key in keys))
    path.chmod(0o600)


# --- generate


def test_generate_keeps_the_private_key_and_prints_the_public_one(run: Callable[..., Result], keys_txt: Path) -> None:
    result = run("generate")
    (identity,) = age.parse_identities(keys_txt.read_text())
    assert result == Result(0, f"{identity.recipient()}\n", f"added 1 private key to {keys_txt}\n")


def test_generate_adds_to_the_keys_that_are_there(
    run: Callable[..., Result], keys_txt: Path, alice: AgeTestKey
) -> None:
    put(keys_txt, alice)
    result = run("generate")
    recipients = [str(identity.recipient()) for identity in age.parse_identities(keys_txt.read_text())]
    assert recipients == [alice.recipient, result.output.strip()]
    assert result.messages == f"added 1 private key to {keys_txt}, beside 1 that were there\n"


def test_generate_can_make_a_post_quantum_key(run: Callable[..., Result], keys_txt: Path) -> None:
    assert run("generate", "--post-quantum").output.startswith("age1pq1")
    assert "AGE-SECRET-KEY-PQ-1" in keys_txt.read_text()


def test_generate_can_print_the_key_instead(run: Callable[..., Result], keys_txt: Path) -> None:
    result = run("generate", "--store", "stdout")
    (identity,) = age.parse_identities(result.output)
    assert result.messages == f"public key: {identity.recipient()}\n"
    assert not keys_txt.exists()


def test_generate_into_a_file_says_how_to_use_it(run: Callable[..., Result], keys_txt: Path, tmp_path: Path) -> None:
    path = tmp_path / "cluster.agekey"
    result = run("generate", "--output", str(path))
    assert result.messages == f"to use it: export SOPS_AGE_KEY_FILE={path}\nadded 1 private key to {path}\n"
    assert not keys_txt.exists()


def test_a_key_in_a_repository_is_warned_of(run: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    result = run("generate", "--output", str(tmp_path / "k"))
    assert result.messages.startswith(f"sopskit: warning: {tmp_path / 'k'} lies in a Git repository\n")


def test_generate_into_the_os_keyring(
    run: Callable[..., Result], keys_txt: Path, memory_keyring: MemoryKeyring
) -> None:
    result = run("generate", "--store", "keyring")
    recipient = result.output.strip()
    assert list(memory_keyring.kept) == [("sopskit", recipient)]
    assert result.messages == "added 1 private key to OS keyring\n"
    assert run("list").output == f"OS keyring\n  {recipient}\n"
    assert not keys_txt.exists()


@pytest.mark.parametrize("store", ["stdout", "keyring"])
def test_a_file_and_another_place_exclude_each_other(
    store: str, run: Callable[..., Result], memory_keyring: MemoryKeyring
) -> None:
    result = run("generate", "--store", store, "--output", "k")
    assert (result.code, result.output) == (1, "")
    assert f"--output and --store {store} exclude each other" in result.messages


# --- list


def test_list_shows_public_keys_and_places(
    run: Callable[..., Result], keys_txt: Path, alice: AgeTestKey, bob: AgeTestKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(keys_txt, alice, bob)
    monkeypatch.setenv("SOPS_AGE_KEY_CMD", "false")
    assert run("list") == Result(
        0,
        f"{keys_txt}\n  {alice.recipient}\n  {bob.recipient}\n",
        "SOPS_AGE_KEY_CMD: a command, which is not run to list keys\n",
    )


@pytest.mark.parametrize("option", ["--json", "--format=json"])
def test_list_for_programs(
    option: str, run: Callable[..., Result], keys_txt: Path, alice: AgeTestKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(keys_txt, alice)
    monkeypatch.setenv("SOPS_AGE_KEY_FILE", "/nonexistent")
    result = run("list", option)
    assert json.loads(result.output) == {
        "keys": [{"recipient": alice.recipient, "location": str(keys_txt)}],
        "problems": [
            {"location": "SOPS_AGE_KEY_FILE=/nonexistent", "problem": "cannot be read: no such file or directory"}
        ],
    }
    assert alice.identity not in result.output


def test_list_without_keys_says_what_to_do(run: Callable[..., Result]) -> None:
    assert run("list") == Result(0, "", "no private key was found; sopskit keys generate makes one\n")


# --- import


def test_import_from_a_file(run: Callable[..., Result], keys_txt: Path, alice: AgeTestKey) -> None:
    assert run("import", str(alice.path)) == Result(0, f"{alice.recipient}\n", f"added 1 private key to {keys_txt}\n")
    again = run("import", str(alice.path))
    assert again.messages == f"{keys_txt} has {alice.recipient} already\n"


def test_import_from_standard_input(
    run: Callable[..., Result], memory_keyring: MemoryKeyring, alice: AgeTestKey, bob: AgeTestKey
) -> None:
    result = run("import", "-", "--store", "keyring", stdin=f"{alice.identity}\n{bob.identity}\n")
    assert result == Result(0, f"{alice.recipient}\n{bob.recipient}\n", "added 2 private keys to OS keyring\n")


def test_import_of_something_else_never_quotes_it(run: Callable[..., Result], keys_txt: Path) -> None:
    result = run("import", "-", stdin="hunter2\n")
    assert (result.code, "hunter2" in result.messages, keys_txt.exists()) == (128, False, False)


# --- export


def test_export_prints_to_a_pipe(
    run: Callable[..., Result], keys_txt: Path, alice: AgeTestKey, bob: AgeTestKey
) -> None:
    put(keys_txt, alice, bob)
    (identity,) = age.parse_identities(run("export", bob.recipient).output)
    assert identity.reveal() == bob.identity


def test_export_to_a_terminal_must_be_asked_for(run: Callable[..., Result], keys_txt: Path, alice: AgeTestKey) -> None:
    put(keys_txt, alice)
    terminals = frozenset({"stdout"})
    refused = run("export", alice.recipient, terminals=terminals)
    assert (refused.code, refused.output) == (1, "")
    assert "the private key would be shown on the terminal" in refused.messages
    assert alice.identity in run("export", alice.recipient, "--show", terminals=terminals).output


def test_export_to_a_new_file(run: Callable[..., Result], keys_txt: Path, alice: AgeTestKey, tmp_path: Path) -> None:
    put(keys_txt, alice)
    path = tmp_path / "backup"
    assert run("export", alice.recipient, "-o", str(path)) == Result(0, "", f"wrote the private key to {path}\n")
    assert alice.identity in path.read_text()
    assert run("export", alice.recipient, "-o", str(path)).code == 1


def test_export_of_an_unknown_key(run: Callable[..., Result], alice: AgeTestKey) -> None:
    result = run("export", alice.recipient)
    assert (result.code, f"no private key for {alice.recipient}" in result.messages) == (128, True)


# --- remove


@pytest.mark.parametrize(("store", "file_left", "keyring_left"), [(None, 1, 0), ("file", 1, 1), ("keyring", 2, 0)])
def test_remove_from_the_places_named(
    store: str | None,
    file_left: int,
    keyring_left: int,
    run: Callable[..., Result],
    keys_txt: Path,
    alice: AgeTestKey,
    bob: AgeTestKey,
    memory_keyring: MemoryKeyring,
) -> None:
    put(keys_txt, alice, bob)
    run("import", "-", "--store", "keyring", stdin=alice.identity)
    options = [] if store is None else ["--store", store]
    result = run("remove", alice.recipient, "--yes", *options)
    places = {None: f"{keys_txt} and the OS keyring", "file": str(keys_txt), "keyring": "the OS keyring"}
    assert result == Result(0, "", f"removed from {places[store]}\n")
    left = len(age.parse_identities(keys_txt.read_text()))
    assert (left, len(memory_keyring.kept)) == (file_left, keyring_left)


def test_remove_asks_first(run: Callable[..., Result], keys_txt: Path, alice: AgeTestKey) -> None:
    put(keys_txt, alice)
    terminal = frozenset({"stdin"})
    assert run("remove", alice.recipient).code == 1
    assert run("remove", alice.recipient, stdin="n\n", terminals=terminal).code == 1
    assert alice.identity in keys_txt.read_text()
    result = run("remove", alice.recipient, stdin="y\n", terminals=terminal)
    assert result.output == f"Remove the private key of {alice.recipient}? This cannot be undone. (y/N): "
    assert alice.identity not in keys_txt.read_text()


def test_remove_from_another_file(run: Callable[..., Result], alice: AgeTestKey, tmp_path: Path) -> None:
    put(tmp_path / "k", alice)
    assert run("remove", alice.recipient, "--yes", "--file", str(tmp_path / "k")).code == 0
    assert (tmp_path / "k").read_text() == ""


def test_remove_of_an_unknown_key(run: Callable[..., Result], alice: AgeTestKey) -> None:
    result = run("remove", alice.recipient, "--yes")
    assert (result.code, f"no private key for {alice.recipient} is kept there" in result.messages) == (1, True)


# --- all of them


@pytest.mark.parametrize("command", [(), ("generate",), ("list",), ("import",), ("export",), ("remove",)])
def test_help_has_an_example_and_says_what_a_public_key_can_do(
    command: tuple[str, ...], capsys: pytest.CaptureFixture[str], run: Callable[..., Result]
) -> None:
    result = run(*command, "--help")
    shown = capsys.readouterr().out + result.output
    assert re.search(r"\n  Example:\n    sopskit keys", shown)
    assert "public" in shown
    assert result.code == 0


@pytest.mark.tool("sops")
def test_sops_opens_a_file_with_a_generated_key(tool: Callable[[str], str], world: World, keys_txt: Path) -> None:
    def sopskit(*words: str) -> str:
        code = "import sys; from sopskit.cli.main import main; sys.exit(main())"
        command = [sys.executable, "-c", code, "keys", *words]
        environ = os.environ | {"PYTHONPATH": str(ROOT)}
        return subprocess.run(command, check=True, capture_output=True, text=True, env=environ, cwd=world.home).stdout

    recipient = sopskit("generate").strip()
    assert sopskit("list").splitlines()[1].strip() == recipient
    plain = world.home / "a.yaml"
    plain.write_text("a: b\n")
    sops = tool("sops")
    encrypted = subprocess.run([sops, "-e", "--age", recipient, str(plain)], check=True, capture_output=True).stdout
    plain.write_bytes(encrypted)
    assert subprocess.run([sops, "-d", str(plain)], check=True, capture_output=True).stdout == b"a: b\n"
