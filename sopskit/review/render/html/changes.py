"""The table of what changed in one file, and what may be said about each value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sopskit.review.render import condensed
from sopskit.review.render.html.markup import VOICE, Markup, code, join, tag
from sopskit.review.render.html.places import hidden_words, key_name
from sopskit.review.render.rows import KINDS, TYPES
from sopskit.review.render.words import WORDS, apart, count

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sopskit.review.model import Change, Fact, FileReview, Range, Sides, Value
    from sopskit.review.render.condensed import Told

ARROW = " → "


def draw(file: FileReview, most: int, *, equality: bool) -> Markup:
    """One row for each change, at most so many, and a word about those that are left out."""
    head = tag("tr", [tag("th", name, scope="col") for name in ("Key", "Change", "Value", "Line")])
    changes = condensed.changes(file)
    rows = [_row(told, equality=equality) for told in changes[:most]]
    left = len(changes) - most
    note = tag("p", f"{count(left, 'more change')}: see the JSON form", class_="nothing") if left > 0 else None
    caption = tag("caption", hidden_words("What changed in this file"))
    table = tag("table", caption, tag("thead", head), tag("tbody", rows), class_="changes")
    return join([tag("div", table, class_="scroll", tabindex=0, role="group", aria_label="Changes"), note])


def change_word(change: str) -> Markup:
    """The kind of a change, coloured."""
    return tag("span", "comments" if change == "comment" else WORDS.get(change, change), class_=f"change {change}")


def _row(told: Told, *, equality: bool) -> Markup:
    change = told.change
    return tag(
        "tr",
        tag("th", _key(change), scope="row"),
        tag("td", change_word(change.change), None if change.certain else tag("span", "looks so", class_="doubt")),
        tag("td", list(_value(told, equality=equality))),
        tag("td", _line(change.range), class_="line"),
    )


def _key(change: Change) -> Markup:
    document = tag("span", f"document {change.document + 1}", class_="quiet") if change.document else None
    origin = tag("span", "was ", key_name(change.origin), class_="quiet") if change.origin is not None else None
    return join([key_name(change.path), document, origin])


def _value(told: Told, *, equality: bool) -> Iterator[Markup]:
    change = told.change
    parts = [[", " if number else "", code(part)] for number, part in enumerate(change.parts)]
    if told.words or told.recipients:
        yield tag("span", told.words, parts, class_="text")
        return
    if change.change == "comment":
        return
    kinds = _joined(KINDS[value.kind] for value in change.value if value is not None and value.kind in KINDS)
    types = _joined(TYPES.get(type) or code(type) for type in change.type if type is not None)
    yield tag(
        "span", [tag("span", kinds, class_="kind"), ", "] if kinds else None, types, ", ", _state(change.encrypted)
    )
    yield from _facts(change.value)
    if change.parts:
        yield tag("span", "differs in ", parts)
    yield from _texts(change.value)
    if equality:
        numbers = [value.same_as for value in change.value if value is not None and value.same_as is not None]
        yield from (tag("span", f"={number}", class_="same") for number in dict.fromkeys(numbers))


def _facts(sides: Sides[Value | None]) -> Iterator[Markup]:
    base, head = (value.facts if value else {} for value in sides)
    names = list(dict.fromkeys([*base, *head]))
    if names:
        yield tag(
            "dl",
            [
                tag(
                    "div",
                    tag("dt", name.replace("_", " ")),
                    tag("dd", _between(_fact(base.get(name)), _fact(head.get(name)))),
                )
                for name in names
            ],
            class_="facts",
        )


def _fact(fact: Fact | None) -> str | None:
    if isinstance(fact, bool):
        return "yes" if fact else "no"
    return ", ".join(fact) if isinstance(fact, tuple) else None if fact is None else str(fact)


def _texts(sides: Sides[Value | None]) -> Iterator[Markup]:
    texts = [value.text for value in sides if value is not None and value.text is not None]
    if texts:
        yield tag("span", Markup(apart(texts, VOICE)), class_="text")


def _between(*sides: str | None) -> Markup:
    """What it was and what it is; one of them where they are the same, or the other is not known."""
    return Markup(apart(list(dict.fromkeys(side for side in sides if side is not None)), VOICE))


def _joined(sides: Iterable[str]) -> Markup:
    return join([[ARROW if number else "", side] for number, side in enumerate(dict.fromkeys(sides))])


def _state(encrypted: Sides[bool | None]) -> str:
    words = {True: "encrypted", False: "plain text"}
    return ARROW.join(dict.fromkeys(words[side] for side in encrypted if side is not None))


def _line(span: Sides[Range | None]) -> str:
    known = span.head or span.base
    return "" if known is None else str(known.start.line)
