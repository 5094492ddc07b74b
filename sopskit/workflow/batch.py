"""One change to many files: a failing file does not stop the others, and every file has an outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sopskit.document import DEFAULT_LIMITS
from sopskit.errors import NotEncryptedError, SopskitError
from sopskit.workflow.files import read
from sopskit.workflow.outcome import CHANGE, DONE, FAILED, READ, SKIPPED, UNCHANGED, WRITE, Left, Outcome
from sopskit.workflow.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sopskit.workflow.files import Seen
    from sopskit.workflow.folders import Found


def rewrite(
    found: Iterable[Found],
    change: Callable[[Seen, Found], bytes | Left],
    *,
    private: bool = False,
    done: Callable[[], None] | None = None,
    stale: Callable[[str], None] | None = None,
) -> list[Outcome]:
    """Replace each file by what `change` gives for it.

    A file found in a folder is skipped if it turns out not to be encrypted (`NotEncryptedError`); one that was named
    fails then. `done` is called after each file, `stale` with the name of each leftover of an interrupted run.
    """
    outcomes: list[Outcome] = []
    with Writer() as writer:
        for file in found:
            outcomes.append(_rewrite_one(file, change, writer, private=private))
            if done is not None:
                done()
        failures = {seen.path: error for seen, error in writer.finish()}
    for name in writer.stale:
        if stale is not None:
            stale(name)
    if not failures:
        return outcomes
    return [
        Outcome(outcome.path, FAILED, error=failures[outcome.path], stage=WRITE)
        if outcome.path in failures and outcome.state == DONE
        else outcome
        for outcome in outcomes
    ]


def _rewrite_one(
    file: Found, change: Callable[[Seen, Found], bytes | Left], writer: Writer, *, private: bool
) -> Outcome:
    stage = READ
    path = file.path
    try:
        seen = read(path, limit=DEFAULT_LIMITS.size)
        stage = CHANGE
        new = change(seen, file)
        if isinstance(new, Left):
            return Outcome(path, SKIPPED if new.skipped else UNCHANGED, new.note, notable=new.notable)
        stage = WRITE
        writer.replace(seen, new, private=private)
    except NotEncryptedError as error:
        if not file.named:
            return Outcome(path, SKIPPED, "not encrypted")
        return Outcome(path, FAILED, error=error.at(file=path), stage=stage)
    except SopskitError as error:
        return Outcome(path, FAILED, error=error.at(file=path), stage=stage)
    return Outcome(path, DONE)
