"""Programs that lie, hang, flood or die in place of gpg."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sopskit.errors import GpgError
from sopskit.pgp import unwrap, wrap
from tests.pgp.conftest import CURVE, Liar

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = b"0123456789abcdef0123456789abcdef"
READ = "sys.stdin.buffer.read()\n"
TALE = "[GNUPG:] BEGIN_DECRYPTION\\n[GNUPG:] PLAINTEXT 62 0 \\n[GNUPG:] DECRYPTION_OKAY\\n[GNUPG:] END_DECRYPTION\\n"


def test_output_with_the_whole_tale_is_believed(liar: Callable[..., Liar]) -> None:
    assert unwrap("message", liar(f'{READ}status("{TALE}")\nout({KEY!r})').gpg()) == KEY


LIES = {
    "okay_without_output": f'{READ}status("{TALE}")',
    "output_without_okay": f"{READ}out({KEY!r})",
    "okay_on_stderr": f'{READ}print("{TALE}", file=sys.stderr)\nout({KEY!r})',
    "okay_on_stdout": f'{READ}print("{TALE}")',
    "both_twice": f'{READ}status("{TALE}" * 2)\nout({KEY!r} * 2)',
    "tale_twice": f'{READ}status("{TALE}" * 2)\nout({KEY!r})',
    "failure_exit": f'{READ}status("{TALE}")\nout({KEY!r})\nsys.exit(2)',
    "killed": f'{READ}status("{TALE}")\nout({KEY!r})\nos.kill(os.getpid(), 9)',
    "failed_and_okay": f'{READ}status("[GNUPG:] DECRYPTION_FAILED\\n{TALE}")\nout({KEY!r})',
    "wrong_order": f'{READ}status("\\n".join("{TALE}".splitlines()[::-1]))\nout({KEY!r})',
    "no_plaintext_line": f'{READ}status("{TALE}".replace("PLAINTEXT", "PLAINTEXT_LENGTH"))\nout({KEY!r})',
    "in_one_line_with_nul": f'{READ}status("{TALE}".replace("\\n", "\\0"))\nout({KEY!r})',
    "in_one_line_with_separators": f'{READ}status("{TALE}".replace("\\n", "\\x0b\\x85"))\nout({KEY!r})',
    "without_prefix": f'{READ}status("{TALE}".replace("[GNUPG:] ", ""))\nout({KEY!r})',
    "words_that_python_gnupg_takes_apart": f'{READ}status("[GNUPG:] GOODSIG\\n[GNUPG:] FAILURE\\n[GNUPG:] \\n")\nout({KEY!r})',
    "nothing_at_all": "",
    "one_byte_more": f'{READ}status("{TALE}")\nout({KEY!r} + b"xx")',
}


@pytest.mark.parametrize("body", LIES.values(), ids=LIES.keys())
def test_a_lie_is_refused(body: str, liar: Callable[..., Liar]) -> None:
    with pytest.raises(GpgError):
        unwrap("message", liar(body).gpg())


@pytest.mark.parametrize(
    "body",
    [
        f'{READ}text = "{TALE}"\nfor letter in text:\n    status(letter)\nout({KEY!r})',
        f'{READ}status("{TALE}".replace("\\n", "\\r\\n"))\nout({KEY!r})',
    ],
    ids=["split_across_reads", "crlf"],
)
def test_how_status_lines_arrive_does_not_matter(body: str, liar: Callable[..., Liar]) -> None:
    assert unwrap("message", liar(body).gpg()) == KEY


@pytest.mark.parametrize(
    ("body", "limit"),
    [
        ("while True:\n    out(b'x' * 65536)", 4096),
        ("while True:\n    os.write(2, b'x' * 65536)", 65536),
        ("while True:\n    os.write(status_fd, b'[GNUPG:] ENC_TO 0\\n' * 99)", 65536),
    ],
    ids=["output", "messages", "status"],
)
def test_a_flood_is_cut_off(body: str, limit: int, liar: Callable[..., Liar]) -> None:
    with pytest.raises(GpgError, match=f"gave more than {limit} bytes"):
        unwrap("message", liar(body).gpg())


ORPHAN = 'child = subprocess.Popen(["sleep", "60"])\nopen({pid!r}, "w").write(str(child.pid))\n'


@pytest.mark.parametrize(
    "body",
    [
        "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(60)",
        "for fd in (0, 1, 2, status_fd):\n    os.close(fd)\ntime.sleep(60)",
        "sys.exit(0)",
    ],
    ids=["ignores_term", "closes_its_streams", "leaves_a_child_with_the_pipes"],
)
def test_the_deadline_ends_gpg_and_what_it_started(body: str, liar: Callable[..., Liar], tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    keep_pipes = ORPHAN.format(pid=str(pid_file)).replace('"60"]', '"60"], pass_fds=(status_fd,)')
    program = liar(keep_pipes + body)
    start = time.monotonic()
    with pytest.raises(GpgError, match="did not end in time"):
        unwrap("message", program.gpg(timeout=1))
    assert time.monotonic() - start < 10
    assert not alive(int(pid_file.read_text()))


def test_a_gpg_that_closes_its_streams_and_stays_is_ended(liar: Callable[..., Liar]) -> None:
    program = liar("for fd in (0, 1, 2, status_fd):\n    os.close(fd)\ntime.sleep(60)")
    with pytest.raises(GpgError, match="did not end in time"):
        unwrap("message", program.gpg(timeout=1))


def alive(pid: int) -> bool:
    """Whether a process still runs (a zombie that nobody reaps does not)."""
    for _ in range(50):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return False
        if state == "Z":
            return False
        time.sleep(0.02)
    return True


def test_input_that_gpg_does_not_read_is_no_error_of_its_own(liar: Callable[..., Liar]) -> None:
    program = liar("status('[GNUPG:] NODATA 2\\n')\nos.close(0)\nsys.exit(2)")
    with pytest.raises(GpgError, match="nothing to decrypt"):
        unwrap("x" * 65000, program.gpg())


def test_an_encryption_without_armor_is_refused(liar: Callable[..., Liar]) -> None:
    program = liar(f'{READ}status("[GNUPG:] BEGIN_ENCRYPTION 2 9\\n[GNUPG:] END_ENCRYPTION\\n")\nout(b"plain")')
    with pytest.raises(GpgError, match="not an armored PGP message"):
        wrap(KEY, CURVE, program.gpg())


def test_an_encryption_that_is_not_told_is_refused(liar: Callable[..., Liar]) -> None:
    program = liar(f'{READ}out(b"-----BEGIN PGP MESSAGE-----")')
    with pytest.raises(GpgError, match=f"did not encrypt for {CURVE} .exit code 0"):
        wrap(KEY, CURVE, program.gpg())


def test_gpg_gets_the_allowed_environment_only(liar: Callable[..., Liar], tmp_path: Path) -> None:
    program = liar(f'{READ}open({str(tmp_path / "env")!r}, "wb").write(open("/proc/self/environ", "rb").read())')
    environment = {
        "HOME": "/home/alice",
        "GPG_TTY": "/dev/pts/9",
        "LANG": "de_DE.UTF-8",
        "PATH": "relative::/usr/bin:.",
        "SOPS_AGE_KEY": "AGE-SECRET-KEY-1",
        "GITHUB_TOKEN": "t",
        "LD_PRELOAD": "x",
        "PYTHONPATH": "y",
        "GNUPGHOME": "/elsewhere",
    }
    with pytest.raises(GpgError):
        unwrap("message", program.gpg(environment=environment))
    passed = dict(line.split("=", 1) for line in (tmp_path / "env").read_text().split("\0") if line)
    assert passed == {"HOME": "/home/alice", "GPG_TTY": "/dev/pts/9", "PATH": "/usr/bin", "LC_ALL": "C"}
    assert all("--lc-ctype de_DE.UTF-8" in call for call in program.calls())


def test_how_gpg_is_called(liar: Callable[..., Liar]) -> None:
    program = liar(READ)
    gpg = program.gpg()
    with pytest.raises(GpgError):
        wrap(KEY, CURVE, gpg)
    with pytest.raises(GpgError):
        unwrap("message", gpg)
    options = "--batch --no-tty --no-verbose --no-greeting --disable-dirmngr --no-auto-key-locate"
    to_recipient = (
        f"--encrypt --recipient {CURVE} --armor --no-default-recipient --no-encrypt-to --no-groups --trust-model always"
    )
    assert [call.split(" ", 2)[2] for call in program.calls()] == [
        f"{options} --list-config --with-colons",
        f"{options} {to_recipient}",
        f"{options} --decrypt",
    ]


@pytest.mark.parametrize(
    ("version", "message"), [("2.0.22", "has version 2.0.22"), ("nonsense", "does not answer as gpg does")]
)
def test_a_program_that_is_no_gpg_of_today_is_refused(version: str, message: str, liar: Callable[..., Liar]) -> None:
    with pytest.raises(GpgError, match=message):
        unwrap("message", liar(READ, version).gpg())


@pytest.mark.parametrize("text", ["#!/bin/sh\nexit 3\n", "#!/nonexistent/interpreter\n"])
def test_a_program_that_does_not_start_is_refused(text: str, liar: Callable[..., Liar]) -> None:
    program = liar(READ)
    program.program.write_text(text)
    with pytest.raises(GpgError, match="cannot be started, or does not answer"):
        unwrap("message", program.gpg())


def test_no_secret_in_errors_and_logs(liar: Callable[..., Liar], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    program = liar(f"data = {READ}os.write(2, data)\nout(data + b'x' * 5)\nstatus('[GNUPG:] ERROR ' + data.decode())")
    gpg = program.gpg()
    for call in (lambda: wrap(KEY, CURVE, gpg), lambda: unwrap(KEY.decode(), gpg)):
        with pytest.raises(GpgError) as caught:
            call()
        shown = (
            f"{caught.value} {caught.value!r} {caught.value.hint} {caught.value.__cause__} {caught.value.__context__}"
        )
        assert KEY.decode() not in shown
    assert [record.getMessage() for record in caplog.records] == []


def test_calls_from_threads_do_not_mix(liar: Callable[..., Liar]) -> None:
    from concurrent.futures import ThreadPoolExecutor

    gpg = liar(f'data = {READ}status("{TALE}")\nout(data)').gpg()
    keys = [str(number).zfill(32) for number in range(8)]
    with ThreadPoolExecutor(4) as pool:
        opened = list(pool.map(lambda key: unwrap(key, gpg), keys))
    assert opened == [key.encode() for key in keys]


def test_no_descriptor_is_left_open(liar: Callable[..., Liar]) -> None:
    program = liar(READ)
    gpg = program.gpg()
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        with pytest.raises(GpgError):
            unwrap("message", gpg)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
