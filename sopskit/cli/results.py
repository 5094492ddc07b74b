"""What a command on files tells at its end: results, errors with sops's exit codes, a summary of many files."""

from __future__ import annotations

import os
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from sopskit.cli import exitcodes
from sopskit.cli.context import Exit
from sopskit.document import DEFAULT_LIMITS
from sopskit.errors import DataKeyError, FileAccessError, Location, RefusedError, SopskitError, UsageError
from sopskit.workflow import batch, files
from sopskit.workflow.folders import Found, expand
from sopskit.workflow.outcome import DONE, FAILED, READ, WRITE
from sopskit.workflow.writer import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from types import TracebackType

    from sopskit.cli.context import Context
    from sopskit.cli.declare import Given
    from sopskit.workflow.files import Seen
    from sopskit.workflow.outcome import Left, Outcome

STDIN = "standard input"
# commands that need a private key, but whose file can be made anew without one
REPLACING = frozenset(("edit", "set", "unset", "rotate", "updatekeys"))
WAY_WITHOUT_KEY = "without a private key, encrypt the whole plaintext over it: sopskit encrypt --output FILE PLAINTEXT"
OPEN_FILES = ("/dev/stdout", "/dev/stderr", "/dev/fd/")  # what stands behind them is open already


class Stage:
    """Around one stage of a command on one file: an error ends the command with the code for that stage."""

    def __init__(self, context: Context, command: str, stage: str, file: str | None) -> None:
        """Remember which stage it is."""
        self._context = context
        self._command = command
        self._stage = stage
        self._file = file

    def __enter__(self) -> None:
        """Nothing."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Show an error of ours and end the command."""
        if isinstance(error, SopskitError):
            located = error.at(file=self._file) if self._file else error
            add_way_without_key(error, self._command)
            self._context.fail(located, exitcodes.code_for(error, self._command, self._stage))


def add_way_without_key(error: SopskitError, command: str) -> None:
    """Who may not open a file can still replace it: say so where the command's purpose is a new version."""
    if isinstance(error, DataKeyError) and error.hint and command in REPLACING and WAY_WITHOUT_KEY not in error.hint:
        error.hint += f"; {WAY_WITHOUT_KEY}"


def read_input(context: Context, command: str, path: str | None) -> Seen:
    """One file, or standard input for None."""
    with Stage(context, command, READ, path or STDIN):
        if path is not None:
            return files.read(path, limit=DEFAULT_LIMITS.size)
        return files.Seen(STDIN, STDIN, None, context.stdin.read())


def one_file(given: Given, command: str) -> str | None:
    """The file of a command that writes elsewhere; None for standard input. Refuses several, and folders."""
    if len(given.files) > 1 or any(map(os.path.isdir, given.files)):
        raise UsageError(
            f"{command} works on several files or a folder in place only",
            hint="add --in-place, or name one file",
        )
    return given.files[0] if given.files else None


def deliver(context: Context, output: str | None, data: bytes, *, private: bool) -> int:
    """Put a result where it is wanted: in the file `output`, else on standard output."""
    if output is None:
        if private and "stdout" in context.terminals and not is_text(data):
            raise RefusedError("this is binary data, and would garble the terminal", hint="add --output FILE")
        context.write(data)
        return exitcodes.OK
    with Stage(context, "", WRITE, output):
        _check_folder(output)
        seen = None if output.startswith(OPEN_FILES) else files.look(output)
        if seen is not None and seen.is_regular:
            replace(seen, data, private=private)
        else:
            files.write_through(output, data)
    return exitcodes.OK


def _check_folder(output: str) -> None:
    folder = os.path.dirname(output)
    if folder and not os.path.lexists(folder):
        from shlex import quote

        raise FileAccessError(f"cannot be written: there is no folder {folder}", hint=f"mkdir -p {quote(folder)}")


def is_text(data: bytes) -> bool:
    """Whether a terminal can show it: UTF-8 without control characters, tabs and line ends apart."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return not any(char < " " and char not in "\t\n\r" for char in text)


def in_place(
    context: Context,
    given: Given,
    command: str,
    change: Callable[[Seen, Found], bytes | Left],
    *,
    wanted: Callable[[Found], bool] | None = None,
    rescued: Callable[[str], None] | None = None,
    private: bool = False,
    asks: bool = False,
) -> int:
    """Change files in place, many in one run; shows what happened and gives the exit code.

    In folders only those files are `wanted` for which it says so; `rescued` hears of kept edits that lie there. A change that
    `asks` leaves no room for a progress bar.
    """
    found = [file for file in expand(given.files, rescued=rescued) if wanted is None or file.named or wanted(file)]
    many = len(given.files) != 1 or os.path.isdir(given.files[0])
    with _cleaned_up(), _progress(context, command, len(found), shown=many and not asks) as step:
        outcomes = batch.rewrite(
            found,
            change,
            private=private,
            done=step,
            stale=lambda name: context.note(f"sopskit: note: removed {name}, left by an interrupted run"),
        )
    for outcome in outcomes:
        if outcome.error is not None:
            add_way_without_key(outcome.error, command)
    _tell_reasons(context, outcomes, all_of_them=many and given.has("verbose"))
    if given.has("json"):
        return _report_json(context, command, outcomes)
    return _report_many(context, command, outcomes) if many else _report_one(context, command, outcomes)


@contextmanager
def _cleaned_up() -> Iterator[None]:
    """Let a signal that ends the process pass by those who remove temporary files first."""
    import signal

    def end(number: int, frame: object) -> None:  # noqa: ARG001 the protocol's
        raise Exit(128 + number)

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _tell_reasons(context: Context, outcomes: Sequence[Outcome], *, all_of_them: bool) -> None:
    """Why files were left as they are: the reasons that everybody must see, or all."""
    for outcome in outcomes:
        if outcome.notable:
            context.warn(f"{outcome.path}: {outcome.note}")
        elif outcome.note and all_of_them:
            context.note(f"sopskit: note: {outcome.path}: {outcome.note}")


def _report_one(context: Context, command: str, outcomes: Sequence[Outcome]) -> int:
    for outcome in outcomes:
        if outcome.error is not None:
            context.show_error(outcome.error)
            return exitcodes.code_for(outcome.error, command, outcome.stage)
        if outcome.note:
            context.note(f"sopskit: note: {outcome.path}: {outcome.note}")
    return exitcodes.OK


def _report_many(context: Context, command: str, outcomes: Sequence[Outcome]) -> int:
    failed = [outcome for outcome in outcomes if outcome.state == FAILED]
    context.show_errors([outcome.error for outcome in failed if outcome.error is not None])
    changed = sum(outcome.state == DONE for outcome in outcomes)
    unchanged = len(outcomes) - changed - len(failed)
    parts = [f"{changed} {'file' if changed == 1 else 'files'} changed"]
    if unchanged:
        parts.append(f"{unchanged} unchanged")
    if failed:
        parts.append(f"{len(failed)} failed")
    context.note(f"sopskit: {command}: {', '.join(parts)}")
    return exitcodes.GENERAL if failed else exitcodes.OK


def _report_json(context: Context, command: str, outcomes: Sequence[Outcome]) -> int:
    import json

    entries = [_entry(outcome, command) for outcome in outcomes]
    context.say(json.dumps({"command": command, "files": entries}, indent=2))
    codes = [entry["exit_code"] for entry in entries if "exit_code" in entry]
    return exitcodes.OK if not codes else int(str(codes[0])) if len(outcomes) == 1 else exitcodes.GENERAL


def _entry(outcome: Outcome, command: str) -> dict[str, object]:
    entry: dict[str, object] = {"path": outcome.path, "state": outcome.state}
    if outcome.note:
        entry["note"] = outcome.note
    error = outcome.error
    if error is not None:
        place = error.location or Location()
        entry["error"] = {
            "class": type(error).__name__,
            "message": error.message,
            "line": place.line,
            "key": list(place.key) if place.key is not None else None,
            "hint": error.hint,
        }
        entry["exit_code"] = exitcodes.code_for(error, command, outcome.stage)
    return entry


def _progress(
    context: Context, command: str, total: int, *, shown: bool
) -> AbstractContextManager[Callable[[], None] | None]:
    """What to call after each file."""
    if not shown or "stderr" not in context.terminals:
        return nullcontext()
    from sopskit.cli.progress import Bar

    return Bar(context.stderr, command, total)
