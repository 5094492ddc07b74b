"""Who can read what, as a table: plain text for a pipe, rich for a terminal, never wider than that is."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sopskit.redact import harmless

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.text import Text

    from sopskit.workflow.recipients import Inventory, ReadBy, Reader

MOST_FILES = 30  # more are grouped by folder
MOST_ROWS = 40  # deeper folders are put together until there are no more
LEAST_LABEL = 24  # columns of the terminal for the names of rows
GAP = 2  # columns between cells
ROOT = "."


class Row(NamedTuple):
    """A file or folder: how many of its `total` files each column's reader can open."""

    label: str
    counts: tuple[int, ...]
    total: int

    def cells(self) -> list[str]:
        """`x` for all, `3/12` for some, `-` for none."""
        return ["-" if not count else "x" if count == self.total else f"{count}/{self.total}" for count in self.counts]


class Matrix(NamedTuple):
    """Rows of files or folders, columns of readers."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]

    def transposed(self) -> tuple[tuple[str, ...], list[list[str]]]:
        """The heads of the columns, and rows that start with their label."""
        cells = [row.cells() for row in self.rows]
        lines = [[name, *(line[index] for line in cells)] for index, name in enumerate(self.columns)]
        return tuple(row.label for row in self.rows), lines


def build(inventory: Inventory, called: dict[Reader, str], *, every_file: bool, most: int = MOST_ROWS) -> Matrix:
    """The matrix of an inventory; more than `MOST_FILES` files are grouped by folder unless `every_file` is wanted."""
    columns = tuple(dict.fromkeys(called[reader] for reader in inventory.readers))
    if every_file or len(inventory.files) <= MOST_FILES:
        groups = [(harmless(file.path), [file]) for file in inventory.files]
    else:
        groups = [(_counted(name, files), files) for name, files in _folders(inventory.files, most).items()]
    rows = []
    for label, files in groups:
        openers = [{called[reader] for reader in file.readers} for file in files]
        rows.append(Row(label, tuple(sum(name in names for names in openers) for name in columns), len(files)))
    return Matrix(tuple(map(harmless, columns)), tuple(rows))


def _counted(name: str, files: Sequence[ReadBy]) -> str:
    return f"{harmless(name)}/ ({len(files)})"


def _folders(files: Sequence[ReadBy], most: int) -> dict[str, list[ReadBy]]:
    """Files by folder, at the greatest depth that gives at most so many groups; at least by the topmost folder."""
    parts = [file.path.split("/")[:-1] for file in files]
    for depth in range(max(map(len, parts)), 0, -1):
        groups: dict[str, list[ReadBy]] = {}
        for file, folders in zip(files, parts, strict=True):
            groups.setdefault("/".join(folders[:depth]) or ROOT, []).append(file)
        if len(groups) <= most or depth == 1:
            return groups
    return {ROOT: list(files)}


def plain(matrix: Matrix) -> str:
    """Aligned text, as wide as it needs."""
    return _aligned(["", *matrix.columns], [[row.label, *row.cells()] for row in matrix.rows])


def _aligned(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(head, *lines, strict=True)]
    return "".join(
        (" " * GAP).join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() + "\n"
        for line in (head, *lines)
    )


def for_terminal(make: Callable[[int], Matrix], width: int, *, colour: bool) -> str:
    """A table that fits into `width` columns.

    Heads that do not fit become numbers, told below. Where even these do not fit readers become the rows, and `make` is asked
    for a matrix with so few rows that they fit as columns.
    """
    matrix = make(MOST_ROWS)
    rows = [[row.label, *row.cells()] for row in matrix.rows]
    widest = max((len(cell) for row in rows for cell in row[1:]), default=1)
    room = width - LEAST_LABEL
    if sum(max(len(name), widest) + GAP for name in matrix.columns) <= room:
        return _table(matrix.columns, rows, width, colour=colour)
    if len(matrix.columns) * (max(widest, 2) + GAP) <= room:
        return _numbered(matrix.columns, rows, width, colour=colour)
    head, rows = make(max(1, room // (len("100/100") + GAP))).transposed()
    if len(head) * (max(widest, 2) + GAP) > room:  # so many folders at the top, or all files were wanted
        return plain(matrix)
    return _numbered(head, rows, width, colour=colour)


def _numbered(head: Sequence[str], rows: Sequence[Sequence[str]], width: int, *, colour: bool) -> str:
    numbers = [str(number) for number in range(1, len(head) + 1)]
    legend = "".join(
        f"{number:>4}  {_shortened(name, width - 6)}\n" for number, name in zip(numbers, head, strict=True)
    )
    return f"{_table(numbers, rows, width, colour=colour)}\n{legend}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], width: int, *, colour: bool) -> str:
    """Drawn by rich; all texts are `Text`, in which nothing is markup."""
    from io import StringIO

    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, padding=(0, GAP, 0, 0), show_edge=False, pad_edge=False)
    table.add_column("", no_wrap=True, overflow="ellipsis")
    for name in head:
        table.add_column(Text(name, style="bold"), no_wrap=True)
    taken = sum(max(len(name), *(len(row[index]) for row in rows)) + GAP for index, name in enumerate(head, 1))
    for label, *cells in rows:
        table.add_row(Text(_shortened(label, max(LEAST_LABEL, width - taken - GAP))), *(_cell(cell) for cell in cells))
    output = StringIO()
    console = Console(
        file=output,
        width=width,
        force_terminal=True,
        color_system="standard" if colour else None,
        no_color=not colour,
        legacy_windows=False,
        _environ={},
    )
    console.print(table)
    return "".join(f"{line.rstrip()}\n" for line in output.getvalue().splitlines())


def _cell(cell: str) -> Text:
    from rich.text import Text

    return Text(cell, style="dim" if cell == "-" else "green" if cell == "x" else "yellow")


def _shortened(text: str, width: int) -> str:
    """Without its middle: start and end of a path say more than that."""
    if len(text) <= width:
        return text
    end = (width - 1) * 2 // 3
    return f"{text[: width - 1 - end]}…{text[len(text) - end :]}"
