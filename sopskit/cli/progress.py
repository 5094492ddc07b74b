"""A progress bar on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO


class Bar:
    """Counts files; gone when it is left."""

    def __init__(self, stream: TextIO, title: str, total: int) -> None:
        """Nothing is shown yet."""
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=Console(file=stream, force_terminal=True), transient=True)
        self._task = self._progress.add_task(title, total=total)

    def __enter__(self) -> Callable[[], None]:
        """Show it; call what is given after each file."""
        self._progress.start()
        return lambda: self._progress.advance(self._task)

    def __exit__(self, *_: object) -> None:
        """Take it away."""
        self._progress.stop()


class LateBar:
    """A bar that is shown only if there turns out to be much to count."""

    def __init__(self, stream: TextIO, title: str, least: int) -> None:
        """Nothing is shown before a total of `least`."""
        self._stream = stream
        self._title = title
        self._least = least
        self._bar: Bar | None = None
        self._advance: Callable[[], None] | None = None

    def __enter__(self) -> Callable[[int, int], None]:
        """Call what is given with how many are done, and how many there are, after each."""
        return self._count

    def _count(self, done: int, total: int) -> None:  # noqa: ARG002 the number done is counted by the calls
        if self._bar is None and total >= self._least:
            self._bar = Bar(self._stream, self._title, total)
            self._advance = self._bar.__enter__()
        if self._advance is not None:
            self._advance()

    def __exit__(self, *_: object) -> None:
        """Take it away."""
        if self._bar is not None:
            self._bar.__exit__()
