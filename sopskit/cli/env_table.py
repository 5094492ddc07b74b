"""The keys of environments, drawn: a line for each key in a pipe, tables on a terminal."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING

from sopskit.cli.reports import wants_colour
from sopskit.redact import escape_path, harmless
from sopskit.review.render.words import count

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Literal, TypeAlias

    from rich.text import Text

    from sopskit.cli.context import Context
    from sopskit.review.envdiff import Cell, EnvDiff, FileRow, KeyRow

    Shown: TypeAlias = Literal["missing", "differences", "all"]

DIFFERENCES = frozenset(("missing", "kind", "protection"))
LACKING = "missing"
STYLES = {
    "missing": "bold red",
    "kind": "yellow",
    "protection": "bold red",
    "same": "dim",
    "different": "",
    "present": "",
}
WORDS = {
    "kind": "different kind",
    "protection": "not encrypted everywhere",
    "same": "same value",
    "different": "different values",
    "present": "",
}


def text(context: Context, result: EnvDiff, shown: Shown) -> str:
    """The comparison for standard output: tables as wide as a terminal is, elsewhere one line for each key."""
    if "stdout" not in context.terminals:
        return "".join(f"{line}\n" for line in _lines(result, shown))
    import shutil

    width = shutil.get_terminal_size((100, 24)).columns
    return _tables(result, width, shown, colour=wants_colour(context))


def summary(result: EnvDiff, shown: Shown) -> str:
    """How much was compared, what is missing, and how much is not shown."""
    rows = [row for file in result.files for row in file.keys]
    keys, hidden = len(rows), sum(not is_told(row, shown) for row in rows)
    more = f"; --all shows {count(hidden, 'more key')}" if hidden and shown == "differences" else ""
    lacking = f"{result.missing} missing" if result.missing else "nothing missing"
    environments = ", ".join(map(harmless, result.environments))
    return f"{environments}: {count(len(result.files), 'file')}, {count(keys, 'key')}, {lacking}{more}"


def is_told(row: KeyRow, shown: Shown) -> bool:
    """Whether a key is named. Equality of encrypted values is known only to somebody who asked for it."""
    if shown == "missing":
        return row.state == "missing"
    shares = bool(row.equal) and any(cell is not None and cell.encrypted for cell in row.cells)
    return shown == "all" or row.state in DIFFERENCES or shares


# --- for a pipe


def _lines(result: EnvDiff, shown: Shown) -> Iterator[str]:
    """`k8s/gitops/*/app/secrets.yaml Secret DB_PASSWORD: missing in qa; dev str, prod str`."""
    for file in result.files:
        name = harmless(file.label)
        for environment, path in zip(result.environments, file.paths, strict=True):
            if path is None:
                yield f"{name}: no such file in {harmless(environment)}"
        for row in file.keys:
            if is_told(row, shown):
                yield f"{name} {_key(row, file)}: {said(row, file, result)}"
    yield summary(result, shown)


def said(row: KeyRow, file: FileRow, result: EnvDiff) -> str:
    """The state of a key, and what each environment has that has it."""
    cells = zip(result.environments, row.cells, strict=True)
    there = ", ".join(f"{harmless(environment)} {_cell(cell)}" for environment, cell in cells if cell is not None)
    return "; ".join(part for part in (_note(row, file, result), there) if part)


def _note(row: KeyRow, file: FileRow, result: EnvDiff) -> str:
    """What there is to say about a key."""
    named = zip(result.environments, row.cells, file.paths, strict=True)
    lacking = [harmless(environment) for environment, cell, path in named if cell is None and path is not None]
    notes = [f"{LACKING} in {', '.join(lacking)}"] if lacking else [WORDS[row.state]]
    groups = row.equal if row.state != "same" else ()
    notes += [f"same value in {', '.join(harmless(result.environments[index]) for index in group)}" for group in groups]
    return "; ".join(note for note in notes if note)


def _key(row: KeyRow, file: FileRow) -> str:
    """The key, with its object where the file has several, harmless."""
    path = escape_path(row.key.path)
    objects = {(one.key.kind, one.key.name) for one in file.keys}
    if len(objects) < 2:
        return harmless(path)
    name = row.key.kind if row.key.name == "*" else f"{row.key.kind} {row.key.name}"
    return harmless(f"{name} {path}")


def _cell(cell: Cell) -> str:
    return cell.kind if cell.encrypted else f"{cell.kind} (readable)"


# --- for a terminal


def _tables(result: EnvDiff, width: int, shown: Shown, *, colour: bool) -> str:
    """A table for each file, drawn by rich."""
    from rich.console import Console
    from rich.text import Text

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
    for file in result.files:
        rows = [row for row in file.keys if is_told(row, shown)]
        lacking = [name for name, path in zip(result.environments, file.paths, strict=True) if path is None]
        if not rows and not lacking:
            continue
        console.print(Text(harmless(file.label), style="bold"))
        for name in lacking:
            console.print(Text(f"  no such file in {harmless(name)}", style=STYLES["missing"]))
        if rows:
            console.print(_table(rows, file, result))
        console.print()
    console.print(Text(summary(result, shown)))
    return "".join(f"{line.rstrip()}\n" for line in output.getvalue().splitlines())


def _table(rows: list[KeyRow], file: FileRow, result: EnvDiff) -> object:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, padding=(0, 2, 0, 0), show_edge=False, pad_edge=False)
    table.add_column("  key", overflow="fold")
    for environment in result.environments:
        table.add_column(Text(harmless(environment), style="bold"), no_wrap=True)
    table.add_column("")
    for row in rows:
        cells = [_drawn(cell, path) for cell, path in zip(row.cells, file.paths, strict=True)]
        note = _note(row, file, result) if row.state != "missing" or row.equal else ""
        table.add_row(Text(f"  {_key(row, file)}"), *cells, Text(note, style=STYLES[row.state]))
    return table


def _drawn(cell: Cell | None, path: str | None) -> Text:
    from rich.text import Text

    if cell is None:
        return Text("-", style="dim") if path is None else Text(LACKING, style=STYLES["missing"])
    return Text(_cell(cell), style="" if cell.encrypted else "dim")
