"""The picture of who can read what: a row for each file, a column for each recipient."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from sopskit.redact import harmless
from sopskit.review.render.html.markup import LONGEST, Markup, join, tag
from sopskit.review.render.html.places import chip, hidden_words, path_name
from sopskit.review.render.placeholders import ELLIPSIS
from sopskit.review.render.words import count, shorten

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sopskit.review.model import FileReview, Recipient, ReviewDiff
    from sopskit.review.render.html.places import Places

MOST_RECIPIENTS = 60
LONGEST_LABEL = 24
MOST_CELLS = 60_000  # above, only the folders are drawn
UNGROUPED = 30  # that many files are seen at a glance
MOST_FOLDERS = 40
SHADES = 4  # how full a folder's cell is, in quarters
SIGNS = {"has": "●", "added": "+", "removed": "−", "none": ""}
WORDS = {"has": "can read", "added": "can read from now on", "removed": "no longer a recipient", "none": "cannot read"}


class Reader(NamedTuple):
    """A recipient, whatever key group it is in."""

    type: str
    id: str


class Row(NamedTuple):
    """A file and what each recipient is to it."""

    file: FileReview
    states: Mapping[Reader, str]


def draw(review: ReviewDiff, places: Places) -> Markup | None:
    """The picture; None where no encrypted file is left that somebody could read."""
    rows = [Row(file, _states(file)) for file in review.files if file.recipients.head]
    if not rows:
        return None
    names = _names(review)
    readers = _columns(rows)
    shown = readers[:MOST_RECIPIENTS]
    groups = by_folder([row.file.path for row in rows])
    detailed = len(rows) * len(shown) <= MOST_CELLS or len(groups) == 1
    bodies = [_body(folder, [rows[n] for n in numbers], shown, places, detailed) for folder, numbers in groups.items()]
    head = tag(
        "tr",
        tag("th", hidden_words("File"), scope="col", class_="corner"),
        [_column(reader, names.get(reader)) for reader in shown],
    )
    caption = tag("caption", hidden_words("Which recipient can read which file"))
    table = tag("table", caption, tag("thead", head), bodies, class_="matrix readers")
    left = len(readers) - len(shown)
    note = tag("p", f"{count(left, 'more recipient')} not drawn", class_="nothing") if left else None
    return join(
        [_legend(), tag("div", table, class_="scroll picture", tabindex=0, role="region", aria_label="Readers"), note]
    )


def by_folder(paths: Sequence[str]) -> dict[str, list[int]]:
    """Numbers of the paths by folder: as deep as at most `MOST_FOLDERS` come out. Few paths are one nameless group."""
    if len(paths) <= UNGROUPED:
        return {"": list(range(len(paths)))}
    folders = [path.split("/")[:-1] for path in paths]
    depth = max(map(len, folders))
    while depth > 1 and len({tuple(folder[:depth]) for folder in folders}) > MOST_FOLDERS:
        depth -= 1
    groups: dict[str, list[int]] = {}
    for number, folder in enumerate(folders):
        groups.setdefault("/".join(folder[:depth]) + "/", []).append(number)
    return groups


def folder_head(folder: str, number: int) -> Markup:
    """The first cell of a folder's row, with the button that folds and unfolds its files."""
    button = tag("button", path_name(folder), type="button", class_="fold", aria_expanded="true")
    return tag("th", button, " ", tag("span", count(number, "file"), class_="quiet"), scope="rowgroup")


def _states(file: FileReview) -> dict[Reader, str]:
    base, head = ({Reader(one.type, one.id) for one in side} for side in file.recipients)
    if file.encrypted != (True, True):
        return dict.fromkeys(head, "has")
    return {
        **dict.fromkeys(base - head, "removed"),
        **dict.fromkeys(head & base, "has"),
        **dict.fromkeys(head - base, "added"),
    }


def _names(review: ReviewDiff) -> dict[Reader, str]:
    def all_of(file: FileReview) -> Iterable[Recipient]:
        return (*file.recipients.base, *file.recipients.head)

    return {Reader(one.type, one.id): one.name for file in review.files for one in all_of(file) if one.name is not None}


def _columns(rows: Sequence[Row]) -> list[Reader]:
    """Those that gained or lost something first, then those with most files."""
    totals: Counter[Reader] = Counter()
    moved: Counter[Reader] = Counter()
    for row in rows:
        totals.update(row.states.keys())
        moved.update(reader for reader, state in row.states.items() if state != "has")
    return sorted(totals, key=lambda reader: (-moved[reader], -totals[reader], reader))


def _column(reader: Reader, name: str | None) -> Markup:
    label = harmless(shorten(name, LONGEST_LABEL)) if name is not None else harmless(_short(reader.id))
    title = shorten(f"{reader.type} {reader.id}", LONGEST)
    words = tag(
        "span",
        tag("span", label, class_="name"),
        tag("span", harmless(shorten(reader.type, LONGEST_LABEL)), class_="quiet"),
        class_="upright",
    )
    return tag("th", words, scope="col", title=title)


def _short(text: str) -> str:
    """Both ends of a long id: the beginning alone is the same for all of a kind."""
    return text if len(text) <= 14 else f"{text[:7]}{ELLIPSIS}{text[-4:]}"


def _body(folder: str, rows: Sequence[Row], readers: Sequence[Reader], places: Places, detailed: bool) -> Markup:
    files = [_file_row(row, readers, places) for row in rows] if detailed else []
    if not folder:
        return tag("tbody", files)
    cells = [_folder_cell([row.states.get(reader, "none") for row in rows]) for reader in readers]
    return tag("tbody", tag("tr", folder_head(folder, len(rows)), cells, class_="group"), files)


def _file_row(row: Row, readers: Sequence[Reader], places: Places) -> Markup:
    file = row.file
    link = tag("a", path_name(file.path), href=f"#file-{places.files[file.path]}")
    environment = None if file.environment is None else [" ", chip(file.environment, "environment")]
    return tag(
        "tr",
        tag("th", link, environment, scope="row"),
        [_cell(row.states.get(reader, "none")) for reader in readers],
        class_="row",
        data_text=shorten(file.path, LONGEST),
        data_environment=places.environment(file.environment),
    )


def _cell(state: str) -> Markup:
    return CELLS[state]


def _drawn(state: str) -> Markup:
    return tag(
        "td",
        tag("span", SIGNS[state], class_="sign", aria_hidden="true") if SIGNS[state] else None,
        hidden_words(WORDS[state]),
        class_=state,
    )


# finished once: a picture may have tens of thousands
CELLS = {state: _drawn(state) for state in SIGNS}


def _folder_cell(states: Sequence[str]) -> Markup:
    able = sum(state in ("has", "added") for state in states)
    shade = -(-able * SHADES // len(states))
    signs = [
        tag("span", f"{SIGNS[state]}{number}", class_=f"delta {state}")
        for state in ("added", "removed")
        if (number := states.count(state))
    ]
    return tag("td", tag("span", f"{able}/{len(states)}"), signs, class_=f"part shade-{shade}")


def _legend() -> Markup:
    entries = [
        tag("li", tag("span", SIGNS[state], class_=f"sign {state}", aria_hidden="true"), " ", WORDS[state])
        for state in ("has", "added", "removed")
    ]
    return tag("ul", entries, class_="legend")
