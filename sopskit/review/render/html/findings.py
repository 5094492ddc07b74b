"""The findings on the page: worst first, the waived ones folded at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sopskit.redact import escape_path
from sopskit.review.render import grouping
from sopskit.review.render.html.markup import LONGEST, VOICE, Markup, code, join, sentence, tag
from sopskit.review.render.html.places import anchor, badge, commit_name, key_name, path_name
from sopskit.review.render.placeholders import capital
from sopskit.review.render.words import count, shorten

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sopskit.review.model import Finding, ReviewDiff
    from sopskit.review.render.grouping import Entry
    from sopskit.review.render.html.markup import Child
    from sopskit.review.render.html.places import Places

MOST_FINDINGS = 2000
FEW_PLACES = 3  # of findings with one cause; the others are folded
MOST_PLACES = 500
MANY = 50  # above, the browser lays out only what is seen


def draw(review: ReviewDiff, places: Places) -> Markup:
    """The list, or a word that there is nothing."""
    entries = grouping.entries(review)
    counting = [entry for entry in entries if entry.first.waived is None]
    waived = [entry for entry in entries if entry.first.waived is not None]
    return join(
        [
            _list(counting, places) if counting else tag("p", "No findings.", class_="nothing"),
            _waived(waived, places) if waived else None,
        ]
    )


def _list(entries: Sequence[Entry], places: Places) -> Markup:
    seen: set[str] = set()
    items = []
    for entry in entries[:MOST_FINDINGS]:
        items.append(_item(entry, places, id_=None if anchor(entry) in seen else anchor(entry)))
        seen.add(anchor(entry))
    left = _number(entries[MOST_FINDINGS:])
    note = tag("p", f"{count(left, 'more finding')}: see the JSON form", class_="nothing") if left > 0 else None
    return join([tag("ol", items, class_="findings many" if len(items) > MANY else "findings"), note])


def _number(entries: Sequence[Entry]) -> int:
    return sum(len(entry.findings) for entry in entries)


def _waived(entries: Sequence[Entry], places: Places) -> Markup:
    return tag(
        "details",
        tag("summary", count(_number(entries), "waived finding")),
        _list(entries, places),
        class_="waived",
        open=True,
    )


def _item(entry: Entry, places: Places, id_: str | None) -> Markup:
    finding = entry.first
    title = (tag("span", grouping.label(entry), class_="policy"), " ", capital(finding.title))
    summary = tag("summary", badge(finding.severity), tag("span", title, class_="title"), _where(entry))
    body = tag("div", list(_body(entry, places)), class_="body")
    environments = (places.environment(name) for name in entry.environments)
    return tag(
        "li",
        tag("details", summary, body, open=True),
        id=id_,
        class_=f"finding {finding.severity}",
        data_text=_searched(entry),
        data_environment=" ".join(number for number in environments if number is not None) or None,
        data_severities="waived" if finding.waived else finding.severity,
    )


def _where(entry: Entry) -> Markup:
    if entry.files > 1:
        return tag("span", count(entry.files, "file"), class_="where")
    finding = entry.first
    line = f":{finding.line}" if finding.line and len(entry.findings) == 1 else None
    return tag("span", path_name(finding.path), line, class_="where")


def _searched(entry: Entry) -> str:
    """What the filter looks at: ids, paths and keys."""
    named = dict.fromkeys(f"{one.path} {escape_path(one.key or ())}" for one in entry.findings[:MOST_PLACES])
    return " ".join((grouping.label(entry), *(shorten(name, LONGEST) for name in named)))


def _body(entry: Entry, places: Places) -> Iterator[Markup]:
    finding = entry.first
    yield tag("p", Markup(grouping.message(entry, VOICE, capital)), ".", class_="message")
    if finding.remedy:
        yield _labelled("What to do", [sentence(finding.remedy, finding.args), "."])
    if finding.waived:
        reason, owner, expires = (code(text) for text in finding.waived)
        yield _labelled("Waived", [reason, " by ", owner, " until ", expires])
    if len(entry.findings) > 1:
        yield from _all_places(entry.findings, places)
        return
    details = list(_details(finding, places))
    if details:
        yield tag("ul", [tag("li", detail) for detail in details], class_="details")


def _all_places(findings: Sequence[Finding], places: Places) -> Iterator[Markup]:
    """The first few, and the others folded."""
    rows = [tag("li", _place(finding, places)) for finding in findings[:MOST_PLACES]]
    yield tag("ul", rows[:FEW_PLACES], class_="places")
    if len(findings) > MOST_PLACES:
        rows.append(tag("li", f"{len(findings) - MOST_PLACES} more: see the JSON form"))
    if rest := rows[FEW_PLACES:]:
        summary = tag("summary", f"{len(findings) - FEW_PLACES} more")
        yield tag("details", summary, tag("ul", rest, class_="places"), class_="more")


def _place(finding: Finding, places: Places) -> Markup:
    number = places.files.get(finding.path)
    name = path_name(finding.path)
    where = name if number is None else tag("a", name, href=f"#file-{number}")
    line = f":{finding.line}" if finding.line else None
    key = [" ", key_name(finding.key)] if finding.key is not None else None
    document = f" (document {finding.document + 1})" if finding.document else None
    base = " as it was in the base" if finding.side == "base" else None
    return join([where, line, key, document, base, [" in ", commit_name(finding.commit)] if finding.commit else None])


def _labelled(label: str, text: Child) -> Markup:
    return tag("p", tag("span", label, class_="label"), tag("span", text), class_="remedy")


def _details(finding: Finding, places: Places) -> Iterator[Markup]:
    if finding.key is not None:
        yield join(["key ", key_name(finding.key)])
    if finding.document:
        yield join(f"document {finding.document + 1}")
    if finding.side == "base":
        yield join("as it was in the base")
    if finding.commit is not None:
        yield join(["commit ", commit_name(finding.commit)])
    if finding.needs_key:
        yield join("seen with a key")
    number = places.files.get(finding.path)
    if number is not None:
        yield tag("a", "what changed in the file", href=f"#file-{number}")
