"""The review on a terminal: colour for what is severe, and long tables folded to what somebody reads."""

from __future__ import annotations

import io
from itertools import islice
from typing import TYPE_CHECKING

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from sopskit.review.render import grouping, terminal, words
from sopskit.review.render.fileline import file_line
from sopskit.review.render.rows import count_rows, rows

if TYPE_CHECKING:
    from sopskit.review.model import FileReview, ReviewDiff, Severity
    from sopskit.review.render.grouping import Entry

ROWS = 20  # of one file
PLACES = 3  # of findings with one cause, of files that one reason kept from being checked
FEW_FILES = 30  # of more, those without a finding are told in one line each
SHORTEST_CELL = 40  # characters of a text that changed
LIMIT = 200  # characters of one name or path
STYLES: dict[Severity, str] = {"block": "bold red", "high": "bold yellow", "medium": "bold blue", "low": "bold"}
SIGNS = {"+": "green", "-": "red", "~": "yellow"}
VOICE = words.Voice(own=terminal.VOICE.own, foreign=lambda text: terminal.foreign(text, LIMIT), limit=LIMIT)


def draw(review: ReviewDiff, width: int) -> str:
    """The review for a terminal of that many columns, with escape sequences for colour and no others."""
    out = io.StringIO()
    # everything is said here, so that rich asks neither the environment nor the terminal
    console = Console(
        file=out,
        width=width,
        height=10_000,
        force_terminal=True,
        color_system="standard",
        no_color=False,
        legacy_windows=False,
        markup=False,
        emoji=False,
        highlight=False,
        _environ={},
    )
    _review(review, console)
    return out.getvalue()


def _review(review: ReviewDiff, console: Console) -> None:
    console.print(Text(terminal.headline(review, VOICE), "bold"))
    for path in review.paths:
        console.print(Text(f"only in {VOICE.foreign(path)}"))
    for line in terminal.environments(review, VOICE):
        console.print(Text(line))
    for entry in grouping.entries(review):
        console.print()
        _entry(entry, console)
    for file in words.told_files(review):
        folded = len(review.files) > FEW_FILES and not file.findings
        if not folded:
            console.print()
        _file(file, console, folded=folded)
    console.print()
    *rest, verdict = terminal.closing(review, VOICE, PLACES)
    for line in rest:
        console.print(Text(line, "dim"))
    colour = {"clean": "bold green", "findings": "bold red", "undecided": "bold magenta"}[review.verdict]
    console.print(Text(verdict, colour))


def _entry(entry: Entry, console: Console) -> None:
    finding = entry.first
    title, *lines = terminal.entry_lines(entry, VOICE, PLACES)
    console.print(Text(title, "dim" if finding.waived else STYLES[finding.severity]))
    for line in lines:
        console.print(Padding(Text(line.strip(), "dim" if finding.waived else ""), (0, 0, 0, 2), expand=False))


def _file(file: FileReview, console: Console, *, folded: bool) -> None:
    said = Text(terminal.file_name(file, VOICE), "bold cyan")
    console.print(Text.assemble(said, ": ", file_line(file, VOICE)))
    if folded:
        return
    table = Table.grid(padding=(0, 2, 0, 0))
    for _ in range(4):
        table.add_column(overflow="fold")
    cell = VOICE._replace(limit=max(SHORTEST_CELL, console.width // 3))
    for row in islice(rows(file, cell), ROWS):
        cells = [Text(row.sign, SIGNS[row.sign]), Text(row.what), Text(row.change), Text(row.kind, "dim")]
        table.add_row(*cells)
    more = count_rows(file) - ROWS
    if table.row_count:
        console.print(Padding(table, (0, 0, 0, 2), expand=False))
    if more > 0:
        console.print(Text(f"  {more} more; --format html or json shows all", "dim"))
    for line in terminal.details(file, VOICE):
        console.print(Padding(Text(line, "dim"), (0, 0, 0, 2), expand=False))
