"""The entry: help, version, errors, bugs, broken pipes; nothing that is shown holds a value."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pexpect
import pytest

from sopskit import __version__
from sopskit.cli import main as entry
from sopskit.cli.context import Context, printable
from sopskit.errors import FileAccessError
from tests.cli.running import sopskit
from tests.source_tree import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import AgeTestKey

MAIN = "import sys; from sopskit.cli.main import main; sys.exit(main())"


def test_the_version_is_printed_whatever_else_is_said() -> None:
    for words in (["--version"], ["-v"], ["--disable-version-check", "--version"], ["-v", "decrypt", "x"]):
        assert sopskit(*words) == (0, f"sopskit {__version__}\n".encode(), "")


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["help"], ["h"]])
def test_the_overview_lists_every_command(words: list[str]) -> None:
    done = sopskit(*words)
    assert done.code == 0
    for row in entry.COMMANDS.values():
        assert f"\n  {row.name} " in done.out.decode()


@pytest.mark.parametrize("name", sorted(entry.SOPS))
def test_every_help_has_an_example_and_says_which_keys_are_needed(
    name: str, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    done = sopskit(name, "--help")
    again = sopskit("help", name)
    page = capsysbinary.readouterr().out.decode()
    assert (done.code, again.code) == (0, 0)
    assert f"Usage: sopskit {name}" in page
    assert "Keys:" in page
    assert "public keys" in page or name == "filestatus"
    assert f"\n  sopskit {name} " in page or f"| sopskit {name}" in page


def test_refused_options_are_not_in_the_help(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    sopskit("encrypt", "--help")
    assert b"kms" not in capsysbinary.readouterr().out


def test_no_file_is_100() -> None:
    done = sopskit()
    assert (done.code, done.out) == (100, b"")
    assert "no file specified" in done.err


def test_a_command_of_our_own_takes_only_the_configuration_before_it() -> None:
    done = sopskit("--age", "x", "completion", "bash")
    assert done.code == 1
    assert "--age does not stand before completion" in done.err


def test_usage_errors_of_click_are_shown_as_ours() -> None:
    done = sopskit("completion", "nosuch")
    assert done.code == 1
    assert done.err.startswith("sopskit: error: completion: Invalid value")


def test_completion_without_a_shell_names_the_shells() -> None:
    assert sopskit("completion") == (
        1,
        b"",
        "sopskit: error: completion needs the name of your shell\nsopskit: hint: shells are bash, zsh, fish\n",
    )


def test_the_help_of_completion_has_a_line_for_each_shell(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    sopskit("completion", "--help")
    page = capsysbinary.readouterr().out.decode()
    assert "\n  zsh:   source <(sopskit completion zsh)\n  fish:" in page
    assert "\b" not in page
    assert "\\b" not in page


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_are_printed(shell: str) -> None:
    done = sopskit("completion", shell)
    assert done.code == 0
    assert b"_SOPSKIT_COMPLETE" in done.out


def test_a_shell_is_answered(monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    asking = {"_SOPSKIT_COMPLETE": "zsh_complete", "COMP_WORDS": "sopskit upd", "COMP_CWORD": "1"}
    for name, value in asking.items():
        monkeypatch.setenv(name, value)
    assert sopskit().code == 0
    assert b"updatekeys" in capsysbinary.readouterr().out


@pytest.mark.parametrize(
    ("words", "position", "expected"),
    [("sopskit upd", 1, "updatekeys"), ("sopskit encrypt --encrypted-r", 2, "--encrypted-regex")],
)
def test_commands_and_options_are_completed(words: str, position: int, expected: str) -> None:
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "_SOPSKIT_COMPLETE": "zsh_complete"}
    environ |= {"COMP_WORDS": words, "COMP_CWORD": str(position)}
    done = subprocess.run([sys.executable, "-c", MAIN], env=environ, capture_output=True, text=True, check=False)
    assert expected in done.stdout.splitlines()


def test_an_error_has_a_place_a_message_and_a_hint(secret: Path) -> None:
    done = sopskit("encrypt", "--age", "age1nonsense", "secret.yaml")
    assert done.code == 1
    assert done.err.startswith("sopskit: error: ")


def test_a_wrong_key_names_recipients_and_places_looked_at(secret: Path, alice: AgeTestKey, bob: AgeTestKey) -> None:
    done = sopskit("decrypt", secret, environ={"SOPS_AGE_KEY_FILE": str(bob.path)})
    assert done.code == 128
    lines = done.err.splitlines()
    assert any(line.endswith("no private key at hand opens this file") for line in lines)
    assert any(line.startswith(f"  {alice.recipient}: ") for line in lines)
    assert any(line.startswith("  looked at ") and "1 private key" in line for line in lines)
    assert lines[-1].startswith("sopskit: hint: ")


def test_many_files_with_a_wrong_key_say_it_once(secret: Path, ours: Path, bob: AgeTestKey) -> None:
    done = sopskit("decrypt", "-i", secret, ours, environ={"SOPS_AGE_KEY_FILE": str(bob.path)})
    assert done.code == 1
    assert done.err.count("sopskit: hint: ") == 1
    assert done.err.count("  looked at SOPS_AGE_KEY:") == 1
    assert done.err.count("no private key at hand") == 2


class Broken(io.BytesIO):
    """A standard output that fails."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def write(self, data: object) -> int:
        raise self.error


def run_with(stdout: io.BytesIO, *argv: str, environ: dict[str, str] | None = None) -> tuple[int, str]:
    err = io.StringIO()
    context = Context(stdin=io.BytesIO(), stdout=stdout, stderr=err, environ={**os.environ, **(environ or {})})
    return entry.main(argv, context), err.getvalue()


def test_a_bug_is_said_to_be_one_and_shows_no_value() -> None:
    code, err = run_with(Broken(RuntimeError("canary")), "--version")
    assert code == 70
    assert err.startswith("sopskit: error: a bug in sopskit: RuntimeError at ")
    assert "canary" not in err
    code, err = run_with(Broken(RuntimeError("canary")), "--version", environ={"SOPSKIT_DEBUG": "1"})
    assert 'File "' in err
    assert "canary" not in err


def test_an_interrupt_is_130_and_a_broken_pipe_is_quiet() -> None:
    assert run_with(Broken(KeyboardInterrupt()), "--version")[0] == 130  # type: ignore[arg-type]
    assert run_with(Broken(BrokenPipeError()), "--version") == (141, "")


def test_an_error_anywhere_is_shown_by_the_one_handler() -> None:
    code, err = run_with(Broken(FileAccessError("is gone", hint="look again")), "--version")
    assert (code, err) == (1, "sopskit: error: is gone\nsopskit: hint: look again\n")


def test_a_reader_that_has_gone_is_not_worth_a_word(secret: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", MAIN, "decrypt", str(secret)]
    done = subprocess.run(command, env=environ, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert done.returncode == 141
    assert b"error" not in done.stderr


def test_a_full_standard_output_is_an_error(secret: Path) -> None:
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    with open("/dev/full", "wb") as full:
        command = [sys.executable, "-c", MAIN, "decrypt", str(secret)]
        done = subprocess.run(command, env=environ, stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 1
    assert b"standard output cannot be written: no space left on device" in done.stderr


def test_with_standard_streams_closed_no_file_is_taken_for_one(secret: Path) -> None:
    before = secret.read_bytes()
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["sh", "-c", f"exec {sys.executable} -c '{MAIN}' rotate -i secret.yaml <&- >&- 2>&-"],
        env=environ,
        cwd=secret.parent,
        check=False,
    )
    assert done.returncode == 0
    after = secret.read_bytes()
    assert after != before
    assert sopskit("decrypt", secret).code == 0


@pytest.mark.parametrize(
    ("text", "shown"), [("plain", "plain"), ("a\x1b[31m", "a\\x1b[31m"), ("a\nb", "a\\nb"), ("\r", "\\r")]
)
def test_control_characters_of_file_names_do_not_reach_a_terminal(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_binary_data_is_not_put_on_a_terminal(folder: Path, alice: AgeTestKey) -> None:
    (folder / "f.bin").write_bytes(b"\x00\x1b[2J")
    (folder / "f.txt").write_bytes("text: ä\n".encode())
    for name in ("f.bin", "f.txt"):
        assert sopskit("encrypt", "-i", "--age", alice.recipient, name).code == 0
    done = sopskit("decrypt", "f.bin", terminals="stdout")
    assert (done.code, done.out) == (1, b"")
    assert "--output" in done.err
    assert sopskit("decrypt", "f.txt", terminals="stdout").out == "text: ä\n".encode()
    assert sopskit("decrypt", "f.bin").out == b"\x00\x1b[2J"


def test_a_question_without_an_answer_is_an_error(secret: Path, folder: Path, bob: AgeTestKey) -> None:
    (folder / ".sops.yaml").write_text(f"creation_rules:\n  - age: {bob.recipient}\n")
    before = secret.read_bytes()
    done = sopskit("updatekeys", secret)
    assert (done.code, secret.read_bytes()) == (1, before)
    assert "--yes" in done.err


def test_a_progress_bar_is_shown_on_a_terminal_for_many_files(secret: Path, ours: Path) -> None:
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm"}
    child = pexpect.spawn(
        sys.executable, ["-c", MAIN, "decrypt", "-i", "."], cwd=str(secret.parent), env=environ, timeout=20
    )
    child.expect("2/2")
    child.expect("2 files changed")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0


def test_a_passphrase_needs_a_terminal() -> None:
    context = Context(stdin=io.BytesIO(), stdout=io.BytesIO(), stderr=io.StringIO(), environ={})
    assert context.keyring() is context.keyring()
    assert context.quiet_keyring() is context.quiet_keyring()


def test_an_output_that_is_open_already_is_written_through(secret: Path, tmp_path: Path) -> None:
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", MAIN, "decrypt", "--output", "/dev/stdout", str(secret)]
    with (tmp_path / "out").open("wb") as out:
        done = subprocess.run(command, env=environ, stdout=out, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 0, done.stderr
    assert b"correct horse" in (tmp_path / "out").read_bytes()


def test_the_console_script_ends_with_the_code(secret: Path) -> None:
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    program = "from sopskit.cli.main import run; run()"
    done = subprocess.run(
        [sys.executable, "-c", program, "decrypt", str(secret)], env=environ, capture_output=True, check=False
    )
    assert done.returncode == 0
    assert b"correct horse" in done.stdout
    done = subprocess.run([sys.executable, "-c", program], env=environ, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (100, b"")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_amid_many_files_leaves_no_temporary_file(secret: Path, folder: Path, number: int) -> None:
    """The second file is a pipe that nobody writes to, so the first one waits in its temporary file."""
    os.mkfifo(folder / "z.yaml")
    before = secret.read_bytes()
    process = subprocess.Popen(
        [sys.executable, "-c", MAIN, "decrypt", "-i", "secret.yaml", "z.yaml"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
    )
    deadline = time.monotonic() + 20
    while not any(".sopskit-" in path.name for path in folder.iterdir()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(0.1)
    process.send_signal(number)
    process.communicate(timeout=20)
    assert (process.returncode, secret.read_bytes()) == (128 + number, before)
    assert sorted(path.name for path in folder.iterdir()) == ["secret.yaml", "z.yaml"]
