"""A card for each file: what was done to it in one sentence, who can read it, what changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sopskit.review.model import SEVERITIES
from sopskit.review.render import condensed
from sopskit.review.render.fileline import file_line, is_plain_and_alone
from sopskit.review.render.html import changes
from sopskit.review.render.html.findings import MANY
from sopskit.review.render.html.markup import LONGEST, VOICE, Markup, code, tag
from sopskit.review.render.html.places import badge, chip, commit_name, path_name
from sopskit.review.render.placeholders import capital
from sopskit.review.render.words import apart, shorten, told_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sopskit.review.model import FileReview, Finding, ObjectChange, Recipient, ReviewDiff, Sides
    from sopskit.review.render.html.places import Places

MOST_ROWS = 20_000  # of all files together
LEAST_ROWS = 20  # of one file
ARROW = changes.ARROW


def draw(review: ReviewDiff, places: Places) -> Markup:
    """All cards, the files with the worst findings first, else in the order of the review."""
    if not review.files:
        return tag("p", "No file that sopskit looks at has changed.", class_="nothing")
    most = max(LEAST_ROWS, MOST_ROWS // len(review.files))
    cards = [_card(file, places, most, equality=review.guard.equality) for file in told_files(review)]
    return tag("div", cards, class_="files many" if len(cards) > MANY else "files")


def _card(file: FileReview, places: Places, most: int, *, equality: bool) -> Markup:
    found = {finding.severity for finding in file.findings if finding.waived is None}
    severities = [severity for severity in SEVERITIES if severity in found]
    summary = tag(
        "summary",
        tag("h3", path_name(file.path)),
        tag(
            "span",
            badge(severities[0]) if severities else None,
            None if file.environment is None else chip(file.environment, "environment"),
            chip(file.status.replace("-", " ")),
            class_="chips",
        ),
        tag("span", Markup(capital(file_line(file, VOICE))), ".", class_="sentence"),
    )
    body = tag("div", list(_body(file, places, most, equality=equality)), class_="body")
    return tag(
        "article",
        tag("details", summary, body, open=True),
        id=f"file-{places.files[file.path]}",
        class_="file",
        data_text=shorten(f"{file.path} {file.old_path or ''}", LONGEST),
        data_environment=places.environment(file.environment),
        data_severities=" ".join(severities),
    )


def _body(file: FileReview, places: Places, most: int, *, equality: bool) -> Iterator[Markup]:
    if file.findings:
        ranked = sorted(file.findings, key=lambda one: (one.waived is not None, SEVERITIES.index(one.severity)))
        yield tag("ul", [_link(finding, places) for finding in ranked], class_="links")
    if condensed.changes(file):
        yield changes.draw(file, most, equality=equality)
    if file.objects and not is_plain_and_alone(file):
        yield _part("In the cluster", tag("ul", [_object(one) for one in file.objects]))
    if file.recipient_changes:
        rows = [_recipient(one.recipient, one.change) for one in file.recipient_changes]
        yield _part("Recipients", tag("ul", rows, class_="recipients"))
    if file.encrypted == (True, True) and file.rules.base != file.rules.head:
        yield _part("Rules of the file", tag("ul", list(_rules(file.rules)), class_="recipients"))
    if file.commits:
        rows = [_commit(one.commit, [operation.id for operation in one.operations]) for one in file.commits]
        yield _part("Commits", tag("ul", rows))
    yield _figures(file)


def _part(title: str, content: Markup) -> Markup:
    return tag("section", tag("h4", title), content)


def _link(finding: Finding, places: Places) -> Markup:
    word = tag("span", "waived", class_="chip") if finding.waived else badge(finding.severity)
    return tag(
        "li",
        word,
        " ",
        tag("a", finding.id, " ", capital(finding.title), href=f"#{places.anchors[finding.fingerprint]}"),
    )


def _object(one: ObjectChange) -> Markup:
    keys = [
        [", " if number else " ", code(key.key), " ", changes.change_word(key.change)]
        for number, key in enumerate(one.keys)
    ]
    return tag("li", code(one.kind), " ", code(f"{one.namespace}/{one.name}" if one.namespace else one.name), keys)


def _recipient(recipient: Recipient, change: str) -> Markup:
    name = None if recipient.name is None else [" ", chip(recipient.name)]
    group = f", key group {recipient.group + 1}" if recipient.group else None
    return tag("li", changes.change_word(change), " ", code(recipient.type), " ", code(recipient.id), name, group)


def _rules(rules: Sides[Mapping[str, str | bool]]) -> Iterator[Markup]:
    """Those that differ, and how."""
    base, head = rules
    for name in dict.fromkeys((*base, *head)):
        if base.get(name) != head.get(name):
            sides = [str(side[name]) for side in rules if name in side]
            word = "changed" if len(sides) == 2 else "added" if name in head else "removed"
            yield tag("li", changes.change_word(word), " ", code(name), ": ", Markup(apart(sides, VOICE)))


def _commit(commit: str, operations: list[str]) -> Markup:
    return tag("li", commit_name(commit), " ", ", ".join(operations))


def _figures(file: FileReview) -> Markup:
    """What else is known, in small print."""
    figures = {
        "Was": code(file.old_path) if file.old_path is not None else None,
        "Format": file.format,
        "SOPS": _between({True: "encrypted", False: "plain", None: None}[side] for side in file.encrypted),
        "MAC": _between(file.mac),
        "Data key": None if file.data_key == "unknown" else file.data_key,
        "Recipients": len(file.recipients.head) or None,
        "Threshold": _between(file.threshold),
        "Creation rule": code(file.matched) if file.matched is not None else None,
        "Looks like": ", ".join(f"{one.id} ({one.confidence})" for one in file.operations) or None,
    }
    rows = [tag("div", tag("dt", name), tag("dd", value)) for name, value in figures.items() if value is not None]
    return tag("dl", rows, class_="figures")


def _between(sides: Iterable[str | int | None]) -> str | None:
    known = dict.fromkeys(str(side) for side in sides if side is not None)
    return ARROW.join(known) or None
