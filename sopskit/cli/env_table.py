"""The keys of environments, drawn: a line for each key in a pipe, tables on a terminal."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING

from sopskit.cli.reports import wants_colour
from sopskit.redact import escape_path, harmless
from sopskit.review.render.words import count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.text import Text

    from sopskit.cli.context import Context
    from sopskit.review.envdiff import Cell, EnvDiff, FileRow, KeyRow

MOST_ROWS = 60  # a terminal is shown more only where there is something to say
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


def text(context: Context, result: EnvDiff, *, missing_only: bool) -> str:
    """The comparison for standard output, as wide as a terminal is; elsewhere complete and one line for each key."""
    if "stdout" not in context.terminals:
        return "".join(f"{line}\n" for line in _lines(result, missing_only=missing_only))
    import shutil

    width = shutil.get_terminal_size((100, 24)).columns
    return _tables(result, width, colour=wants_colour(context), missing_only=missing_only)


def summary(result: EnvDiff) -> str:
    """How much was compared, and what is missing."""
    keys = sum(len(file.keys) for file in result.files)
    lacking = f"{result.missing} missing" if result.missing else "nothing missing"
    environments = ", ".join(map(harmless, result.environments))
    return f"{environments}: {count(len(result.files), 'file')}, {count(keys, 'key')}, {lacking}"


# --- for a pipe


def _lines(result: EnvDiff, *, missing_only: bool) -> Iterator[str]:
    """`k8s/gitops/*/app/secrets.yaml Secret DB_PASSWORD: missing in qa; dev str, prod str`."""
    for file in result.files:
        name = harmless(file.label)
        for environment, path in zip(result.environments, file.paths, strict=True):
            if path is None:
                yield f"{name}: no such file in {harmless(environment)}"
        for row in file.keys:
            if not missing_only or row.state == "missing":
                yield f"{name} {_key(row, file)}: {said(row, file, result)}"
    yield summary(result)


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


def _tables(result: EnvDiff, width: int, *, colour: bool, missing_only: bool) -> str:
    """A table for each file, drawn by rich. Keys of which there is nothing to say are counted where there are many."""
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
    folded = missing_only or sum(len(file.keys) for file in result.files) > MOST_ROWS
    hidden = 0
    for file in result.files:
        rows = [row for row in file.keys if _is_told(row, folded=folded, missing_only=missing_only)]
        hidden += len(file.keys) - len(rows)
        lacking = [name for name, path in zip(result.environments, file.paths, strict=True) if path is None]
        if not rows and not lacking:
            continue
        console.print(Text(harmless(file.label), style="bold"))
        for name in lacking:
            console.print(Text(f"  no such file in {harmless(name)}", style=STYLES["missing"]))
        if rows:
            console.print(_table(rows, file, result))
        console.print()
    if hidden and not missing_only:
        console.print(
            Text(f"{count(hidden, 'more key')} of which there is nothing to say; a pipe shows all", style="dim")
        )
    console.print(Text(summary(result)))
    return "".join(f"{line.rstrip()}\n" for line in output.getvalue().splitlines())


def _is_told(row: KeyRow, *, folded: bool, missing_only: bool) -> bool:
    if missing_only:
        return row.state == "missing"
    return not folded or row.state in ("missing", "kind", "protection") or bool(row.equal)


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
