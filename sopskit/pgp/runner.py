"""The only importer of python-gnupg: its process seam, with a process group, a deadline and limits.

python-gnupg waits for gpg without end, keeps whatever it prints, and reads status lines from stderr, where
other text may stand. Here every gpg is the head of its own process group, its streams are read under limits
until the deadline, and the status lines come through a pipe of their own.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from typing import IO, TYPE_CHECKING, Any, cast

from gnupg import GPG, Crypt, logger

from sopskit.errors import GpgError
from sopskit.pgp.transcript import Transcript

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping, Sequence

# At the debug level it logs the first bytes of what gpg gave, whatever that is.
logger.disabled = True

# Bytes. A message of 884 bytes can inflate to 200 MiB, and a key has 33 at most.
PLAINTEXT_LIMIT = 4 * 1024
OUTPUT_LIMIT = 64 * 1024
LISTING_LIMIT = 16 * 1024 * 1024
OLDEST_VERSION = (2, 1)
STATUS_PREFIX = b"[GNUPG:] "
# No tty and no questions; no network; names are not searched for, groups and defaults of gpg.conf not used.
OPTIONS = (
    "--batch",
    "--no-tty",
    "--no-verbose",
    "--no-greeting",
    "--disable-dirmngr",
    "--no-auto-key-locate",
)
ENCRYPT_OPTIONS = ("--no-default-recipient", "--no-encrypt-to", "--no-groups", "--trust-model", "always")

LISTING = (
    "--list-secret-keys",
    "--with-colons",
    "--fixed-list-mode",
    "--with-fingerprint",
    "--with-subkey-fingerprint",
)


class GpgProcess(subprocess.Popen[bytes]):
    """A gpg at the head of its own process group, with a private pipe for its status lines."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start it; `--status-fd` is put behind the program's name."""
        reader, writer = os.pipe()
        self.status: IO[bytes] = os.fdopen(reader, "rb", buffering=0)
        try:
            super().__init__(
                [command[0], "--status-fd", str(writer), *command[1:]],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment,
                pass_fds=(writer,),
                process_group=0,
            )
        except OSError:
            self.status.close()
            raise
        finally:
            os.close(writer)

    def kill_group(self) -> None:
        """Kill gpg and everything it started. Nothing happens once it has ended by itself."""
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            self.wait()

    def close(self) -> None:
        """Close our ends of the pipes."""
        for stream in filter(None, (self.stdin, self.stdout, self.stderr, self.status)):
            with contextlib.suppress(BrokenPipeError):
                stream.close()


class Answer(Crypt):  # type: ignore[misc]  # python-gnupg has no types
    """python-gnupg's view of a call, which also keeps the status lines in order."""

    def __init__(self, gpg: GPG) -> None:
        """Start with nothing seen."""
        super().__init__(gpg)
        self.statuses: list[tuple[str, str]] = []
        self.data = b""
        self.stderr = ""
        self.returncode = -1

    def handle_status(self, key: str, value: str) -> None:
        """Keep the line, and let python-gnupg judge it."""
        self.statuses.append((key, value))
        # It takes arguments apart without counting them first.
        with contextlib.suppress(ValueError, IndexError, KeyError):
            super().handle_status(key, value)

    def transcript(self) -> Transcript:
        """The same as a plain value."""
        messages = self.stderr.encode("latin-1")
        return Transcript(self.returncode, self.ok is True, tuple(self.statuses), self.data, messages)


class Runner(GPG):  # type: ignore[misc]
    """python-gnupg with another way to start gpg and to wait for it."""

    result_map = GPG.result_map | {"crypt": Answer, "verify": Answer}

    def __init__(self, program: str, environment: Mapping[str, str], options: Sequence[str], timeout: float) -> None:
        """Ask gpg for its version; everything else comes later."""
        self.timeout = timeout
        self.output_limit = OUTPUT_LIMIT
        super().__init__(gpgbinary=program, env=dict(environment), options=list(options))

    def encrypt_to(self, plaintext: bytes, fingerprint: str) -> Transcript:
        """Encrypt, armored. Raises `GpgError` if gpg hangs or floods."""
        self.output_limit = OUTPUT_LIMIT
        answer: Answer = self.encrypt(plaintext, fingerprint, extra_args=list(ENCRYPT_OPTIONS))
        return answer.transcript()

    def decrypt_message(self, message: bytes) -> Transcript:
        """Decrypt, whatever comes out. Raises `GpgError` if gpg hangs or floods."""
        self.output_limit = PLAINTEXT_LIMIT
        answer: Answer = self.decrypt(message)
        return answer.transcript()

    def list_secret_keys(self) -> frozenset[str]:
        """The fingerprints of keys and subkeys with a private half. Raises `GpgError` if gpg hangs or floods."""
        self.output_limit = LISTING_LIMIT
        answer = Answer(self)
        self._collect_output(self._open_subprocess(list(LISTING)), answer)
        lines = (line.split(b":") for line in answer.data.split(b"\n"))
        return frozenset(
            fields[9].decode("latin-1").upper() for fields in lines if fields[0] == b"fpr" and len(fields) > 9
        )

    # python-gnupg's seam: these four names and signatures are its own

    def make_args(self, args: list[str], passphrase: bool) -> list[str]:  # noqa: ARG002
        """The command; a passphrase is gpg-agent's business."""
        return [self.gpgbinary, *OPTIONS, *self.options, *args]

    def _open_subprocess(self, args: list[str], passphrase: bool = False) -> GpgProcess:
        return GpgProcess(self.make_args(args, passphrase), self.env)

    def _handle_io(self, args: list[str], source: Any, result: Answer, *rest: Any, **options: Any) -> Answer:
        # gpg may end before it has read its input; its status lines say why, the broken pipe does not.
        with contextlib.suppress(BrokenPipeError):
            super()._handle_io(args, source, result, *rest, **options)
        return result

    def _collect_output(
        self,
        process: GpgProcess,
        result: Answer,
        writer: threading.Thread | None = None,
        stdin: Any = None,  # noqa: ARG002
    ) -> int:
        deadline = time.monotonic() + self.timeout
        try:
            output, messages, status = _drain(process, self.output_limit, deadline)
            result.returncode = _wait(process, deadline)
        finally:
            process.kill_group()
            if writer is not None:
                writer.join(1)  # it feeds a pipe that nobody reads any more
            process.close()
        result.data = output
        result.stderr = messages.decode("latin-1")
        for line in status.split(b"\n"):
            if line.startswith(STATUS_PREFIX):
                keyword, _, arguments = line.removeprefix(STATUS_PREFIX).decode("latin-1").strip().partition(" ")
                result.handle_status(keyword, arguments)
        return result.returncode


def start(program: str, environment: Mapping[str, str], options: Sequence[str], timeout: float) -> Runner:
    """A runner whose gpg was asked for its version. Raises `GpgError`."""
    try:
        runner = Runner(program, environment, options, timeout)
    except (OSError, ValueError):
        raise GpgError(f"{program} cannot be started, or does not answer", hint="try it with --version") from None
    if runner.version is None:
        raise GpgError(f"{program} does not answer as gpg does", hint="try it with --version")
    if runner.version < OLDEST_VERSION:
        version = ".".join(str(part) for part in runner.version)
        raise GpgError(f"{program} has version {version}", hint="install GnuPG 2.1 or newer")
    return runner


class Capture:
    """What came out of one stream, up to a limit in bytes."""

    __slots__ = ("data", "limit")

    def __init__(self, limit: int) -> None:
        """Start empty."""
        self.limit = limit
        self.data = bytearray()

    def read(self, descriptor: int) -> bool:
        """Take what is there; False at the end. Raises `GpgError` beyond the limit."""
        chunk = os.read(descriptor, 4096)
        self.data.extend(chunk)
        if len(self.data) > self.limit:
            raise GpgError(f"gpg gave more than {self.limit} bytes and was ended", hint="the message holds no data key")
        return bool(chunk)


def _drain(process: GpgProcess, limit: int, deadline: float) -> tuple[bytes, bytes, bytes]:
    """Read output, messages and status lines until all three end. Raises `GpgError`."""
    captures = (Capture(limit), Capture(OUTPUT_LIMIT), Capture(OUTPUT_LIMIT))
    with selectors.DefaultSelector() as selector:
        for stream, capture in zip((process.stdout, process.stderr, process.status), captures, strict=True):
            selector.register(cast("IO[bytes]", stream), selectors.EVENT_READ, capture)
        while selector.get_map():
            for key, _ in selector.select(_remaining(deadline)):
                if not key.data.read(key.fd):
                    selector.unregister(key.fileobj)
    output, messages, status = (bytes(capture.data) for capture in captures)
    return output, messages, status


def _wait(process: GpgProcess, deadline: float) -> int:
    """The exit code. Raises `GpgError` at the deadline."""
    try:
        return process.wait(_remaining(deadline))
    except subprocess.TimeoutExpired:
        # the exception's text would quote the command
        raise _too_late() from None


def _remaining(deadline: float) -> float:
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise _too_late()
    return seconds


def _too_late() -> GpgError:
    return GpgError(
        "gpg did not end in time and was ended",
        hint="it may have waited for a passphrase or a card; unlock the key in gpg-agent beforehand",
    )
