"""The findings on the page: worst first, the waived ones folded at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sopskit.redact import escape_path
from sopskit.review.render.html.markup import LONGEST, Markup, code, join, sentence, tag
from sopskit.review.render.html.places import badge, commit_name, key_name, path_name
from sopskit.review.render.placeholders import capital
from sopskit.review.render.words import count, shorten

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sopskit.review.model import Finding, ReviewDiff
    from sopskit.review.render.html.markup import Child
    from sopskit.review.render.html.places import Places

MOST_FINDINGS = 2000
MANY = 50  # above, the browser lays out only what is seen


def draw(review: ReviewDiff, places: Places) -> Markup:
    """The list, or a word that there is nothing."""
    counting = [finding for finding in review.findings if finding.waived is None]
    waived = [finding for finding in review.findings if finding.waived is not None]
    return join(
        [
            _list(counting, places) if counting else tag("p", "No findings.", class_="nothing"),
            _waived(waived, places) if waived else None,
        ]
    )


def anchor(finding: Finding) -> str:
    """The id of a finding's element, for links to it."""
    return f"finding-{finding.fingerprint}"


def _list(findings: Sequence[Finding], places: Places) -> Markup:
    seen: set[str] = set()
    items = []
    for finding in findings[:MOST_FINDINGS]:
        items.append(_item(finding, places, id_=None if finding.fingerprint in seen else anchor(finding)))
        seen.add(finding.fingerprint)
    left = len(findings) - MOST_FINDINGS
    note = tag("p", f"{count(left, 'more finding')}: see the JSON form", class_="nothing") if left > 0 else None
    return join([tag("ol", items, class_="findings many" if len(items) > MANY else "findings"), note])


def _waived(findings: Sequence[Finding], places: Places) -> Markup:
    return tag(
        "details",
        tag("summary", count(len(findings), "waived finding")),
        _list(findings, places),
        class_="waived",
        open=True,
    )


def _item(finding: Finding, places: Places, id_: str | None) -> Markup:
    summary = tag(
        "summary",
        badge(finding.severity),
        tag("span", tag("span", finding.id, class_="policy"), " ", capital(finding.title), class_="title"),
        tag("span", path_name(finding.path), f":{finding.line}" if finding.line else None, class_="where"),
    )
    body = tag("div", list(_body(finding, places)), class_="body")
    return tag(
        "li",
        tag("details", summary, body, open=True),
        id=id_,
        class_=f"finding {finding.severity}",
        data_text=shorten(f"{finding.id} {finding.path} {escape_path(finding.key or ())}", LONGEST),
        data_environment=places.environment(places.environment_of.get(finding.path)),
        data_severities="waived" if finding.waived else finding.severity,
    )


def _body(finding: Finding, places: Places) -> Iterator[Markup]:
    yield tag("p", sentence(finding.message, finding.args), ".", class_="message")
    if finding.remedy:
        yield _labelled("What to do", [sentence(finding.remedy, finding.args), "."])
    if finding.waived:
        reason, owner, expires = (code(text) for text in finding.waived)
        yield _labelled("Waived", [reason, " by ", owner, " until ", expires])
    details = list(_details(finding, places))
    if details:
        yield tag("ul", [tag("li", detail) for detail in details], class_="details")


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
