"""The top of the page: the verdict, what was compared with what, and what was not looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sopskit import __version__
from sopskit.redact import harmless
from sopskit.review.model import SEVERITIES
from sopskit.review.render.html.markup import Markup, code, join, tag
from sopskit.review.render.html.places import LONGEST_CHIP, badge, commit_name
from sopskit.review.render.placeholders import capital
from sopskit.review.render.words import TRUNCATED, count, limits, shorten

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sopskit.review.model import End, ReviewDiff

SIGNS = {"clean": "✓", "findings": "!", "undecided": "?"}
KEYLESS = "No key was used: what a change looks like can be imitated by somebody who cannot read the file."
MOST_NOT_CHECKED = 200


def draw(review: ReviewDiff) -> Markup:
    """Verdict, range and figures."""
    return join(
        [
            tag(
                "div",
                tag("span", SIGNS[review.verdict], class_="seal", aria_hidden="true"),
                tag("div", tag("h1", _verdict(review)), tag("p", _range(review), class_="range")),
                class_=f"verdict {review.verdict}",
            ),
            tag("ul", list(_tally(review)), class_="tally"),
            tag(
                "dl",
                [tag("div", tag("dt", name), tag("dd", value)) for name, value in _figures(review)],
                class_="key-figures",
            ),
            tag("ul", [tag("li", note) for note in _notes(review)], class_="notes"),
        ]
    )


def draw_not_checked(review: ReviewDiff) -> Markup | None:
    """What should have been looked at and could not."""
    items = review.not_checked
    if not items:
        return None
    rows = [tag("li", code(item.path, class_="path"), ": ", code(item.reason)) for item in items[:MOST_NOT_CHECKED]]
    left = len(items) - MOST_NOT_CHECKED
    return join([tag("ul", rows), tag("p", f"and {left} more", class_="nothing") if left > 0 else None])


def draw_title(review: ReviewDiff) -> str:
    """What the tab of the browser says. Not escaped yet."""
    return " → ".join(harmless(shorten(end.ref, LONGEST_CHIP)) for end in (review.base, review.head) if end is not None)


def draw_footer() -> Markup:
    """Who wrote this."""
    return join(
        ["sopskit ", __version__, ". Values are masked: this page holds no secret value, no part of one, no length."]
    )


def _verdict(review: ReviewDiff) -> str:
    if review.verdict == "undecided":
        return "Undecided: something could not be checked"
    limit = SEVERITIES.index(review.threshold)
    counts = review.counts
    failing = sum(counts[severity] for severity in SEVERITIES[: limit + 1])
    scale = "block" if limit == 0 else f"{review.threshold} or worse"
    return f"{count(failing, 'finding')} {scale}" if failing else f"Clean: no finding {scale}"


def _range(review: ReviewDiff) -> Markup:
    arrow = tag("span", " → ", class_="arrow")
    if review.base is None:
        return join(["state of ", _end(review.head)])
    return join([_end(review.base), arrow, _end(review.head)])


def _end(end: End) -> Markup:
    return join([code(end.ref, class_="ref"), " ", commit_name(end.commit)])


def _tally(review: ReviewDiff) -> Iterator[Markup]:
    for severity, number in review.counts.items():
        yield tag("li", tag("b", number), " ", badge(severity), class_=None if number else "none")
    waived = sum(finding.waived is not None for finding in review.findings)
    if waived:
        yield tag("li", tag("b", waived), " ", tag("span", "waived", class_="badge waived-badge"))


def _figures(review: ReviewDiff) -> Iterator[tuple[str, Markup]]:
    yield "Files", join(len(review.files))
    if review.base is not None:
        yield "Changes", join(sum(len(file.changes) for file in review.files))
        moves = [one.change for file in review.files for one in file.recipient_changes]
        yield "Recipients", join(f"+{moves.count('added')} −{moves.count('removed')}" if moves else "unchanged")
    if review.environments:
        names = (tag("span", code(one.name), " ", one.files, class_="chip environment") for one in review.environments)
        yield "Files by environment", join(names)
    yield "Key", join("none used" if review.mode == "keyless" else "used")


def _notes(review: ReviewDiff) -> Iterator[Markup]:
    if review.mode == "keyless":
        yield join(KEYLESS)
    yield from (join([capital(limit), "."]) for limit in limits(review))
    if review.config.source is not None:
        where = [" as of ", commit_name(review.config.commit)] if review.config.commit else None
        yield join(["Severities and waivers are those of ", code(review.config.source), where, "."])
    if review.paths:
        yield join(
            [
                "Limited to ",
                [[", " if number else "", code(path)] for number, path in enumerate(review.paths[:20])],
                ".",
            ]
        )
    if review.not_checked:
        link = tag("a", f"{count(len(review.not_checked), 'file')} could not be checked", href="#not-checked")
        yield join([link, "."])
    if review.truncated:
        yield join([capital(TRUNCATED), "."])
