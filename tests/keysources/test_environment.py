"""All sources together: order, laziness, and that one failing stops no other."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sopskit import age
from sopskit.errors import HeaderError, UsageError
from sopskit.keysources import environment_keyring
from sopskit.keysources.gpg import terminal_name
from sopskit.sops.masterkeys import SourceReport
from tests.keysources.conftest import Sources, encrypted

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import AgeTestKey, World


def test_nothing_is_found_where_nothing_is(sources: Sources, alice: AgeTestKey) -> None:
    keyring = sources.keyring()
    assert keyring.identities(alice.recipient) == []
    home = sources.home
    assert keyring.report() == (
        SourceReport("SOPS_AGE_KEY", 0),
        SourceReport(f"{home}/.config/sops/age/keys.txt", 0),
        SourceReport(f"{home}/.ssh/id_ed25519", 0),
        SourceReport(f"{home}/.ssh/id_rsa", 0),
    )


def test_nothing_is_reported_before_anything_was_looked_for(sources: Sources) -> None:
    assert sources.keyring().report() == ()


def test_without_a_home_the_variables_still_work(alice: AgeTestKey) -> None:
    keyring = environment_keyring({"SOPS_AGE_KEY": alice.identity})
    assert len(keyring.identities(alice.recipient)) == 1
    assert [report for report in keyring.report() if report.problem] == [
        SourceReport("sops/age/keys.txt", 0, "the home folder is not known (set HOME)"),
        SourceReport("~/.ssh", 0, "the home folder is not known (set HOME)"),
        SourceReport("sopskit/keyring.json", 0, "the home folder is not known (set HOME)"),
    ]


def test_the_home_can_be_handed_in(sources: Sources, alice: AgeTestKey) -> None:
    sources.write(".config/sops/age/keys.txt", alice.identity)
    keyring = environment_keyring({}, home=str(sources.home))
    assert sources.opens(alice.recipient, keyring)


def test_the_process_s_environment_is_the_default(
    sources: Sources, alice: AgeTestKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOPS_AGE_KEY", alice.identity)
    assert sources.opens(alice.recipient, environment_keyring())


def test_all_sources_are_used(
    sources: Sources, alice: AgeTestKey, bob: AgeTestKey, cluster_key: AgeTestKey, hybrid_key: AgeTestKey
) -> None:
    sources.environ["SOPS_AGE_KEY"] = alice.identity
    sources.environ["SOPS_AGE_KEY_FILE"] = str(bob.path)
    sources.environ["SOPS_AGE_KEY_CMD"] = f"cat {hybrid_key.path}"
    sources.write(".config/sops/age/keys.txt", cluster_key.identity)
    keyring = sources.keyring()
    keys = (alice, bob, cluster_key, hybrid_key)
    assert [sources.opens(key.recipient, keyring) for key in keys] == [True] * 4


def test_broken_sources_stop_no_other_and_are_reported(sources: Sources, alice: AgeTestKey, bob: AgeTestKey) -> None:
    sources.environ |= {
        "SOPS_AGE_KEY": "nonsense",
        "SOPS_AGE_KEY_FILE": "/nonexistent/keys",
        "SOPS_AGE_SSH_PRIVATE_KEY_FILE": "/nonexistent/ssh",
        "SOPS_AGE_SSH_PRIVATE_KEY_CMD": "false",
        "SOPS_AGE_KEY_CMD": "",
    }
    sources.write(".config/sopskit/keyring.json", "{")
    sources.write(".config/sops/age/keys.txt", bob.identity)
    assert sources.opens(bob.recipient)
    assert sources.problems(alice.recipient) == {
        "SOPS_AGE_KEY": "SOPS_AGE_KEY:1: not an age identity (an identity starts with AGE-SECRET-KEY-, in upper case)",
        "SOPS_AGE_KEY_FILE=/nonexistent/keys": "/nonexistent/keys: cannot be read: no such file or directory",
        "SOPS_AGE_KEY_CMD": "SOPS_AGE_KEY_CMD is set, but holds no command (unset SOPS_AGE_KEY_CMD)",
        "OS keyring": f"{sources.home}/.config/sopskit/keyring.json: not a list of keys in the OS keyring "
        "(move the file away)",
    }


def test_a_source_that_failed_is_not_tried_again(sources: Sources, alice: AgeTestKey, bob: AgeTestKey) -> None:
    log = sources.home / "log"
    sources.environ["SOPS_AGE_KEY_CMD"] = f"sh -c 'echo run >> {log}; exit 3'"
    keyring = sources.keyring()
    for _ in range(2):
        assert not sources.opens(alice.recipient, keyring)
    assert log.read_text() == "run\n"
    assert keyring.report()[-1].problem is not None


def test_a_command_is_not_run_when_a_key_file_opens_the_file(sources: Sources, alice: AgeTestKey) -> None:
    log = sources.home / "log"
    sources.environ["SOPS_AGE_KEY_CMD"] = f"sh -c 'echo run >> {log}'"
    sources.environ["SOPS_AGE_KEY_FILE"] = str(alice.path)
    assert sources.opens(alice.recipient)
    assert not log.exists()


def test_a_file_is_read_once(sources: Sources, alice: AgeTestKey) -> None:
    """A pipe could not be read again: SOPS_AGE_KEY_FILE=<(command)."""
    reader, writer = os.pipe()
    os.write(writer, alice.identity.encode())
    os.close(writer)
    sources.environ["SOPS_AGE_KEY_FILE"] = f"/dev/fd/{reader}"
    keyring = sources.keyring()
    assert [sources.opens(alice.recipient, keyring) for _ in range(2)] == [True, True]
    os.close(reader)
    assert sources.warned == []


def test_a_broken_stanza_is_no_missing_key(sources: Sources, alice: AgeTestKey) -> None:
    sources.environ["SOPS_AGE_KEY_CMD"] = f"cat {alice.path}"
    file = age.encrypt(b"data", [age.parse_recipient(alice.recipient)])
    broken = file.replace(b"-> X25519 ", b"-> X25519 A", 1)
    with pytest.raises(HeaderError):
        age.decrypt(broken, sources.keyring().identities(alice.recipient))


def test_a_question_without_a_terminal_is_reported(sources: Sources, alice: AgeTestKey) -> None:
    def prompt(question: str) -> str:
        raise UsageError("there is no terminal to ask at")

    environ = sources.environ | {"SOPS_AGE_KEY": encrypted(alice.identity, "secret").decode()}
    keyring = environment_keyring(environ, prompt=prompt)
    assert not sources.opens(alice.recipient, keyring)
    assert keyring.report()[0] == SourceReport("SOPS_AGE_KEY", 1, "there is no terminal to ask at")


def test_the_gpg_is_the_one_that_sops_would_run(sources: Sources) -> None:
    sources.environ |= {"SOPS_GPG_EXEC": "/opt/gpg", "GNUPGHOME": "/g", "GPG_TTY": "/dev/pts/7", "SOPS_AGE_KEY": "x"}
    keyring = sources.keyring()
    gpg = keyring.gpg()
    assert (gpg.program, gpg.home, keyring.gpg() is gpg) == ("/opt/gpg", "/g", True)
    assert gpg.child_environment() == {
        "GNUPGHOME": "/g",
        "GPG_TTY": "/dev/pts/7",
        "HOME": str(sources.home),
        "LC_ALL": "C",
        "PATH": "/usr/bin:/bin",
    }


@pytest.mark.parametrize("value", ["", None])
def test_an_empty_gpg_variable_is_none(value: str | None, sources: Sources) -> None:
    if value is not None:
        sources.environ |= {"SOPS_GPG_EXEC": value, "GNUPGHOME": value}
    gpg = sources.keyring().gpg()
    assert (gpg.program, gpg.home) == (None, None)


def test_the_first_descriptor_that_is_a_terminal_names_it() -> None:
    master, slave = os.openpty()
    reader, writer = os.pipe()
    assert terminal_name([reader, slave]) == os.ttyname(slave)
    assert terminal_name([reader]) is None
    for descriptor in (master, slave, reader, writer):
        os.close(descriptor)


def test_gpg_is_told_the_terminal_even_without_the_usual_export(sources: Sources) -> None:
    code = (
        "from sopskit.keysources import environment_keyring as k; import os; "
        "print(k({}).gpg().child_environment()['GPG_TTY'] == os.ttyname(0))"
    )
    import pexpect

    child = pexpect.spawn(sys.executable, ["-c", code], cwd=str(Path(__file__).parents[2]), timeout=30)
    child.expect("True")
    child.close()


def test_the_cheap_way_loads_nothing_heavy(sources: Sources, alice: AgeTestKey) -> None:
    code = (
        "import sys; from sopskit.keysources import environment_keyring as k; "
        "assert len(k().identities('r')) == 1; "
        "print([m for m in ('keyring', 'gnupg', 'subprocess', 'shlex', 'json', 'pathlib', 'sopskit.pgp', "
        "'sopskit.age.ssh', 'sopskit.age.scrypt', 'sopskit.keysources.command') if m in sys.modules])"
    )
    environ = sources.environ | {"SOPS_AGE_KEY_FILE": str(alice.path)}
    root = Path(__file__).parents[2]
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, cwd=root, env=environ)
    assert shown.stdout.strip() == b"[]"


def test_no_secret_in_reports(sources: Sources, alice: AgeTestKey, bob: AgeTestKey) -> None:
    wrong = bob.identity[:-1] + ("Q" if bob.identity[-1] != "Q" else "P")
    sources.environ |= {"SOPS_AGE_KEY": wrong, "SOPS_AGE_KEY_CMD": f"echo {wrong}"}
    sources.write(".config/sops/age/keys.txt", f"{wrong}\n")
    problems = sources.problems(alice.recipient)
    assert len(problems) == 3
    assert wrong[20:40] not in str(problems)


@pytest.mark.tool("sops")
@pytest.mark.parametrize("how", ["variable", "file", "default", "command", "ssh"])
def test_sops_and_sopskit_find_the_same_keys(
    how: str,
    sources: Sources,
    alice: AgeTestKey,
    tool: Callable[[str], str],
    ssh_key: Callable[..., tuple[Path, str]],
    world: World,
) -> None:
    recipient = alice.recipient
    if how == "variable":
        sources.environ["SOPS_AGE_KEY"] = f"# comment\n{alice.identity}"
    elif how == "file":
        sources.environ["SOPS_AGE_KEY_FILE"] = str(alice.path)
    elif how == "default":
        sources.write(".config/sops/age/keys.txt", alice.path.read_text())
    elif how == "command":
        sources.environ["SOPS_AGE_KEY_CMD"] = (
            f"""sh -c 'test "$SOPS_AGE_RECIPIENT" = {recipient} && cat {alice.path}'"""
        )
    else:
        private, recipient = ssh_key()
        sources.write(".ssh/id_ed25519", private.read_text())
    plain = world.home / "a.yaml"
    plain.write_text("a: b\n")
    environ = sources.environ | {"SOPS_DISABLE_VERSION_CHECK": "1"}
    encrypted = subprocess.run(
        [tool("sops"), "-e", "--age", recipient, str(plain)], check=True, capture_output=True, env=environ
    ).stdout
    plain.write_bytes(encrypted)
    opened = subprocess.run([tool("sops"), "-d", str(plain)], check=True, capture_output=True, env=environ)
    assert opened.stdout == b"a: b\n"
    assert sources.opens(recipient)
