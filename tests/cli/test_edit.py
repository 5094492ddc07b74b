"""Edit: the plaintext stays in memory, nothing typed is lost, and a signal leaves nothing behind."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pexpect
import pytest
import yaml

from sopskit.workflow.editor import PREFIX
from tests.cli.running import sopskit
from tests.source_tree import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import AgeTestKey

MAIN = "import sys; from sopskit.cli.main import main; sys.exit(main())"


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the plaintext lies while it is edited: a runtime folder in memory, of this test alone."""
    if not Path("/dev/shm").is_dir():
        pytest.skip("needs /dev/shm")
    with TemporaryDirectory(dir="/dev/shm") as folder:
        monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
        yield Path(folder)


def editor(folder: Path, body: str) -> dict[str, str]:
    path = folder.parent / "editor"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return {"EDITOR": shlex.quote(str(path))}


def left_in(memory: Path) -> list[str]:
    return [
        path.name for path in memory.iterdir() if path.name.startswith(PREFIX) and path.stat().st_uid == os.geteuid()
    ]


def test_only_what_was_edited_changes(ours: Path, folder: Path, memory: Path) -> None:
    before = ours.read_text().splitlines()
    done = sopskit("edit", ours, environ=editor(folder, """sed -i 's/correct horse/battery/' "$1" """))
    assert done.code == 0, done.err
    after = ours.read_text().splitlines()
    changed = [old.split(":")[0].strip() for old, new in zip(before, after, strict=True) if old != new]
    assert changed in (["password", "lastmodified", "mac"], ["password", "mac"])
    assert b"battery" in sopskit("decrypt", ours).out
    assert left_in(memory) == []


def test_nothing_changed_is_200_and_not_a_byte_changes(secret: Path, folder: Path) -> None:
    before = (secret.read_bytes(), secret.stat().st_mtime_ns, secret.stat().st_ino)
    done = sopskit("edit", secret, environ={"EDITOR": "true"})
    assert done.code == 200
    assert (secret.read_bytes(), secret.stat().st_mtime_ns, secret.stat().st_ino) == before


def test_the_editor_sees_a_private_file_of_the_same_name(secret: Path, folder: Path, memory: Path) -> None:
    body = 'stat -c "%a %n" "$1" > seen; stat -c "%a" "$(dirname "$1")" >> seen; cp "$1" text'
    sopskit("edit", secret, environ=editor(folder, body))
    first, second = (folder / "seen").read_text().splitlines()
    mode, _, name = first.partition(" ")
    assert (mode, name.rpartition("/")[2], second) == ("600", "secret.yaml", "700")
    assert name.startswith(str(memory))
    assert "password: correct horse" in (folder / "text").read_text()


@pytest.mark.parametrize(
    ("body", "code", "says"),
    [
        ("exit 3", 201, "exit status 3"),
        ("kill -SEGV $$", 201, "signal 11"),
        ('rm "$1"', 201, "cannot be read"),
        ('rm "$1"; ln -s /etc/passwd "$1"', 201, "cannot be read"),
        (': > "$1"', 201, "cannot be encrypted"),
        ('echo "sops: {}" >> "$1"', 201, "cannot be encrypted"),
        ('echo "list: again" >> "$1"', 201, "cannot be encrypted"),
        ('printf "\\xff" > "$1"', 201, "cannot be encrypted"),
    ],
)
def test_what_the_editor_spoils_is_said_and_the_file_stays(
    secret: Path, folder: Path, memory: Path, body: str, code: int, says: str
) -> None:
    before = secret.read_bytes()
    done = sopskit("edit", secret, environ=editor(folder, body))
    assert (done.code, secret.read_bytes()) == (code, before), done.err
    assert says in done.err
    assert left_in(memory) == []


def test_invalid_text_is_mended_in_a_second_round(secret: Path, folder: Path) -> None:
    body = """
    if [ -e round ]; then grep -q mine "$1" && echo "mended: true" > "$1"; else echo "mine: [" > "$1"; touch round; fi
    """
    done = sopskit("edit", secret, stdin=b"\n", environ=editor(folder, body))
    assert done.code == 0, done.err
    assert "secret.yaml:" in done.err
    assert sopskit("decrypt", secret).out == b"mended: true\n"


def test_a_lost_update_is_kept_and_so_are_the_edits(secret: Path, folder: Path, alice: AgeTestKey) -> None:
    body = 'echo theirs > secret.yaml; echo "mine: true" > "$1"'
    done = sopskit("edit", secret, environ=editor(folder, body))
    assert (done.code, secret.read_text()) == (3, "theirs\n")
    assert "was written by somebody else" in done.err
    assert sopskit("decrypt", "secret.yaml.edited").out == b"mine: true\n"


def test_kept_edits_are_not_overwritten_by_the_next(secret: Path, folder: Path) -> None:
    (folder / "secret.yaml.edited").write_text("older")
    done = sopskit("edit", secret, environ=editor(folder, 'echo "a: [" > "$1"'))
    assert (done.code, (folder / "secret.yaml.edited").read_text()) == (201, "older")
    assert done.err.splitlines()[-1].endswith("sopskit decrypt " + f"{secret}.edited.1")
    assert sopskit("decrypt", "secret.yaml.edited.1").out == b"a: [\n"


def test_edits_that_cannot_be_kept_are_said_to_be_lost(secret: Path, folder: Path) -> None:
    long = secret.rename(folder / f"{'x' * 245}.yaml")
    done = sopskit("edit", long, environ=editor(folder, 'echo "a: [" > "$1"'))
    assert done.code == 201
    assert "the edits could not be kept either" in done.err


def test_a_file_removed_meanwhile_does_not_come_back(secret: Path, folder: Path) -> None:
    done = sopskit("edit", secret, environ=editor(folder, 'rm secret.yaml; echo "mine: true" > "$1"'))
    assert (done.code, secret.exists()) == (3, False)
    assert sopskit("decrypt", "secret.yaml.edited").out == b"mine: true\n"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_write_protected_folder_is_refused_before_the_editor_opens(secret: Path, folder: Path) -> None:
    folder.chmod(0o500)
    try:
        done = sopskit("edit", secret, environ=editor(folder, f"touch {folder.parent}/opened"))
    finally:
        folder.chmod(0o700)
    assert (done.code, (folder.parent / "opened").exists()) == (3, False)


def test_a_hard_link_is_refused_before_the_editor_opens(secret: Path, folder: Path) -> None:
    os.link(secret, folder / "other")
    done = sopskit("edit", secret, environ=editor(folder, "touch opened"))
    assert (done.code, (folder / "opened").exists()) == (1, False)


def test_without_a_folder_in_memory_nothing_is_written_to_a_disk(
    secret: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sopskit.cli.edit.SHARED_MEMORY", str(folder / "nosuch"))
    done = sopskit("edit", secret, environ={"XDG_RUNTIME_DIR": str(folder), **editor(folder, "touch opened")})
    assert (done.code, (folder / "opened").exists()) == (1, False)
    assert "--temporary-folder" in done.err
    done = sopskit("edit", "--temporary-folder", folder, secret, environ=editor(folder, 'echo "a: 1" > "$1"'))
    assert done.code == 0, done.err
    assert sorted(path.name for path in folder.iterdir()) == ["secret.yaml"]


def test_a_new_file_gets_keys_and_rule_of_the_configuration(folder: Path, alice: AgeTestKey) -> None:
    (folder / ".sops.yaml").write_text(f"creation_rules:\n  - age: {alice.recipient}\n    encrypted_regex: ^hello$\n")
    done = sopskit("edit", "new.yaml", environ=editor(folder, 'echo "more: 1" >> "$1"'))
    assert done.code == 0, done.err
    tree = yaml.safe_load((folder / "new.yaml").read_text())
    assert (tree["hello"][:4], tree["more"]) == ("ENC[", 1)


def test_a_recipient_that_cannot_be_used_is_said_before_anything_is_typed(folder: Path) -> None:
    done = sopskit("edit", "--pgp", "F" * 40, "new.yaml", environ=editor(folder, "touch opened"))
    assert (done.code, (folder / "opened").exists(), (folder / "new.yaml").exists()) == (128, False, False)


def test_side_files_of_an_editor_disappear_with_its_folder(secret: Path, folder: Path, memory: Path) -> None:
    body = 'cp "$1" "$1~"; cp "$1" "$(dirname "$1")/.secret.swp"; mkdir "$(dirname "$1")/deep"; cp "$1" "$(dirname "$1")/deep/"'
    sopskit("edit", secret, environ=editor(folder, body))
    assert left_in(memory) == []


def test_what_a_killed_run_left_is_removed_by_the_next(secret: Path, memory: Path) -> None:
    stale = memory / f"{PREFIX}0123"
    stale.mkdir(mode=0o700)
    (stale / "secret.yaml").write_text("a: plain\n")
    sopskit("edit", secret, environ={"EDITOR": "true"})
    assert not stale.exists()


# --- editors


@pytest.mark.parametrize(
    ("name", "flag"),
    [("vim", "NONE"), ("vim.basic", "NONE"), ("nvim", "NONE"), ("nano", "--ignorercfiles"), ("emacs", "--eval")],
)
def test_known_editors_are_told_to_keep_no_copies(folder: Path, secret: Path, name: str, flag: str) -> None:
    program = folder / name
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@" > arguments\n')
    program.chmod(0o755)
    sopskit("edit", secret, environ={"EDITOR": str(program)})
    assert flag in (folder / "arguments").read_text().splitlines()


def test_the_editor_is_the_first_of_vim_nano_and_vi(folder: Path, secret: Path) -> None:
    programs = folder / "bin"
    programs.mkdir()
    for name in ("vi", "nano"):
        (programs / name).write_text(f"#!/bin/sh\necho {name} > {folder}/used\n")
        (programs / name).chmod(0o755)
    done = sopskit("edit", secret, environ={"PATH": str(programs), "EDITOR": "", "SOPS_EDITOR": ""})
    assert (done.code, (folder / "used").read_text()) == (200, "nano\n")


def test_without_any_editor_the_way_out_is_named(folder: Path, secret: Path) -> None:
    done = sopskit("edit", secret, environ={"PATH": str(folder)})
    assert done.code == 201
    assert "set EDITOR" in done.err


def test_an_editor_with_a_history_of_its_own_is_warned_about(folder: Path, secret: Path) -> None:
    program = folder / "code"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert "may keep copies" in sopskit("edit", secret, environ={"EDITOR": f"{program} --wait"}).err


# --- signals


def started(secret: Path, folder: Path, body: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-c", MAIN, "edit", secret.name],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **editor(folder, body)},
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    deadline = time.monotonic() + 20
    while not (folder / "ready").exists():
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.01)
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
@pytest.mark.parametrize("moment", ["before the edit", "after the edit"])
def test_row_11_74_a_signal_ends_the_editor_and_leaves_no_plaintext(
    secret: Path, folder: Path, memory: Path, number: int, moment: str
) -> None:
    before = secret.read_bytes()
    typed = "" if moment == "before the edit" else 'echo "a: typed" > "$1";'
    process = started(secret, folder, f"{typed} echo $$ > pid; mv pid ready; exec sleep 60")
    process.send_signal(number)
    _, err = process.communicate(timeout=20)
    assert (process.returncode, secret.read_bytes()) == (1, before)
    assert b"cancelled" in err
    assert left_in(memory) == []
    with pytest.raises(ProcessLookupError):
        os.kill(int((folder / "ready").read_text()), 0)


def test_a_kill_leaves_plaintext_in_memory_only_and_the_next_run_removes_it(
    secret: Path, folder: Path, memory: Path
) -> None:
    process = started(secret, folder, "echo $$ > pid; mv pid ready; exec sleep 60")
    process.kill()
    os.kill(int((folder / "ready").read_text()), signal.SIGKILL)
    process.communicate(timeout=20)
    assert len(left_in(memory)) == 1
    sopskit("edit", secret, environ={"EDITOR": "true"})
    assert left_in(memory) == []


def test_ctrl_c_belongs_to_the_editor_while_it_runs_on_a_terminal(secret: Path, folder: Path, memory: Path) -> None:
    """vim's users leave the insert mode with it; an editor that dies of it ends the editing."""
    body = 'trap "echo got >> trapped" INT; echo $$ > pid; mv pid ready; while [ ! -e go ]; do sleep 0.1; done; echo "a: kept" > "$1"'
    child = pexpect.spawn(
        sys.executable,
        ["-c", MAIN, "edit", secret.name],
        cwd=str(folder),
        env={**os.environ, "PYTHONPATH": str(ROOT), **editor(folder, body)},
        timeout=20,
    )
    while not (folder / "ready").exists():
        time.sleep(0.01)
    child.sendintr()
    while not (folder / "trapped").exists():
        time.sleep(0.01)
    (folder / "go").touch()
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert sopskit("decrypt", secret).out == b"a: kept\n"
    assert left_in(memory) == []


def test_ctrl_c_at_the_prompt_keeps_the_edits_encrypted(secret: Path, folder: Path, memory: Path) -> None:
    before = secret.read_bytes()
    child = pexpect.spawn(
        sys.executable,
        ["-c", MAIN, "edit", secret.name],
        cwd=str(folder),
        env={**os.environ, "PYTHONPATH": str(ROOT), **editor(folder, 'echo "a: [mine" > "$1"')},
        timeout=20,
    )
    child.expect_exact("Ctrl+C to stop and keep the edits")
    child.sendintr()
    child.expect_exact("your edits are kept, encrypted, in secret.yaml.edited;")
    child.expect(pexpect.EOF)
    child.close()
    assert (child.exitstatus, secret.read_bytes()) == (201, before)
    assert sopskit("decrypt", "secret.yaml.edited").out == b"a: [mine\n"
    assert left_in(memory) == []


def test_a_full_memory_is_said_before_the_editor_opens(secret: Path, folder: Path, memory: Path) -> None:
    """A file size limit stands for a full file system: the write fails the same way, midway."""
    program = (
        "import resource, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20, 20))\n"
        "from sopskit.cli.main import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    before = secret.read_bytes()
    done = subprocess.run(
        [sys.executable, "-c", program, "edit", "secret.yaml"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **editor(folder, "touch opened")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, secret.read_bytes(), (folder / "opened").exists()) == (1, before, False)
    assert "does not fit into memory" in done.stderr
    assert left_in(memory) == []
