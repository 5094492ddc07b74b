"""The picture of keys by environments: what changed where, and where it did not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from sopskit.redact import escape_path, harmless
from sopskit.review.render.html.changes import change_word
from sopskit.review.render.html.markup import LONGEST, Markup, join, tag
from sopskit.review.render.html.places import LONGEST_CHIP, hidden_words, key_name
from sopskit.review.render.html.readers import folder_head
from sopskit.review.render.words import count, shorten

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sopskit.document import Path
    from sopskit.review.model import FileReview, ReviewDiff
    from sopskit.review.render.html.places import Places

    # what happened to a key, by environment
    Cells: TypeAlias = dict[str, list[str]]

ANY = "*"  # stands for the environment in a path
MOST_ROWS = 1500


@dataclass(slots=True)
class Group:
    """The files that are one another's counterparts in the environments, and their keys that changed.

    `files` counts them by environment; a key is the number of its document and its path.
    """

    files: dict[str, int] = field(default_factory=dict)
    keys: dict[tuple[int, Path], Cells] = field(default_factory=dict)

    def add(self, file: FileReview, environment: str) -> None:
        """Take in the changes of one of the files."""
        self.files[environment] = self.files.get(environment, 0) + 1
        plain = ((None, False), (False, None))
        alone = None in file.encrypted  # then what is plain says what kind of file it is, not what changed
        for change in file.changes:
            if alone and change.encrypted in plain:
                continue
            cells = self.keys.setdefault((change.document, change.path), {})
            kinds = cells.setdefault(environment, [])
            if change.change not in kinds:
                kinds.append(change.change)


def draw(review: ReviewDiff, places: Places) -> Markup | None:
    """The picture; None where no file belongs to an environment."""
    groups = grouped(review)
    used = {name for group in groups.values() for name in group.files}
    environments = {name: number for name, number in places.environments.items() if name in used}
    if not environments:
        return None
    most = max(1, MOST_ROWS // len(groups))
    bodies = [_body(name, group, environments, most) for name, group in groups.items()]
    heads = [tag("th", harmless(shorten(name, LONGEST_CHIP)), scope="col") for name in environments]
    head = tag("tr", tag("th", hidden_words("Key"), scope="col", class_="corner"), heads)
    caption = tag("caption", hidden_words("Which key changed in which environment"))
    table = tag("table", caption, tag("thead", head), bodies, class_="matrix keys")
    return join([LEGEND, tag("div", table, class_="scroll picture", tabindex=0, role="region", aria_label="Keys")])


def grouped(review: ReviewDiff) -> dict[str, Group]:
    """Files by their path with the environment taken out of it, as far as one of them has a key that changed."""
    groups: dict[str, Group] = {}
    for file in review.files:
        if file.environment is not None:
            groups.setdefault(counterpart(file.path, file.environment), Group()).add(file, file.environment)
    return {name: group for name, group in groups.items() if group.keys}


def counterpart(path: str, environment: str) -> str:
    """What the file is called in any environment: `gitops/*/db.yaml`, `values/*-config.yaml`."""
    parts = path.split("/")
    for number, part in enumerate(parts):
        if part == environment:
            return "/".join([*parts[:number], ANY, *parts[number + 1 :]])
    for number, part in enumerate(parts):
        for separator in "-._":
            if part.startswith(environment + separator):
                return "/".join([*parts[:number], ANY + part[len(environment) :], *parts[number + 1 :]])
    return path


def _body(name: str, group: Group, environments: Mapping[str, int], most: int) -> Markup:
    sums = [_sum(group, environment) for environment in environments]
    head = tag("tr", folder_head(name, sum(group.files.values())), sums, class_="group")
    rows = [_row(name, key, cells, group, environments) for key, cells in list(group.keys.items())[:most]]
    left = len(group.keys) - most
    note = None
    if left > 0:
        words = tag("th", f"{count(left, 'more key')} not drawn", colspan=len(environments) + 1, class_="quiet")
        note = tag("tr", words, class_="row")
    return tag("tbody", head, rows, note)


def _sum(group: Group, environment: str) -> Markup:
    if environment not in group.files:
        return ABSENT
    number = sum(environment in cells for cells in group.keys.values())
    return tag("td", count(number, "key"), class_="sum")


def _row(
    name: str, key: tuple[int, Path], cells: Mapping[str, list[str]], group: Group, environments: Mapping[str, int]
) -> Markup:
    number, path = key
    document = tag("span", f"document {number + 1}", class_="quiet") if number else None
    return tag(
        "tr",
        tag("th", key_name(path), document, scope="row"),
        [_cell(cells.get(environment), environment in group.files) for environment in environments],
        class_="row",
        data_text=shorten(" ".join([name, escape_path(path), *cells]), LONGEST),
        data_environment=" ".join(str(environments[environment]) for environment in cells),
    )


def _cell(kinds: Sequence[str] | None, exists: bool) -> Markup:
    if kinds is None:
        return SAME if exists else ABSENT
    return tag("td", [change_word(kind) for kind in kinds], class_="changed")


SAME = tag("td", tag("span", "·", aria_hidden="true"), hidden_words("not changed"), class_="same")
ABSENT = tag("td", hidden_words("no changed file there"), class_="absent")
LEGEND = tag(
    "ul",
    tag("li", tag("span", "·", class_="sign"), " not changed"),
    tag("li", tag("span", class_="sign absent"), " no changed file there"),
    class_="legend",
)
