"""The review as one HTML page: self-contained, without network, readable without JavaScript.

Everything in it is escaped text. Its content security policy allows the page's own style and script by their digests and
nothing else, so that even markup that slipped through could neither run nor load anything.
"""

from __future__ import annotations

from string import Template
from typing import TYPE_CHECKING

from sopskit.redact import harmless
from sopskit.review.render.html import files, findings, header, keys, readers
from sopskit.review.render.html.markup import Markup, join, plain, tag
from sopskit.review.render.html.places import LONGEST_CHIP, Places
from sopskit.review.render.words import shorten

if TYPE_CHECKING:
    from sopskit.review.model import ReviewDiff


FILES = Markup(
    'Files <span class="scripted actions"><button type="button" id="open-all">Open all</button>'
    ' <button type="button" id="close-all">Close all</button></span>'
)


def render(review: ReviewDiff) -> str:
    """The page, with a final line feed."""
    places = Places.of(review)
    compared = review.base is not None  # the files of a check did not change
    style, script = _part("page.css"), _part("page.js")
    return Template(_part("page.html")).substitute(
        style=style,
        style_digest=_digest(style),
        script=script,
        script_digest=_digest(script),
        title=plain(header.draw_title(review)),
        header=header.draw(review),
        environments=_options(places),
        findings=findings.draw(review, places),
        readers=_section("readers", "Who can read what", readers.draw(review, places) if compared else None),
        keys=_section("keys", "Keys by environment", keys.draw(review, places) if compared else None),
        files=_section("files", FILES, files.draw(review, places) if compared else None),
        not_checked=_section("not-checked", "Not checked", header.draw_not_checked(review)),
        footer=header.draw_footer(),
    )


def _options(places: Places) -> Markup:
    return join(
        tag("option", harmless(shorten(name, LONGEST_CHIP)), value=number)
        for name, number in places.environments.items()
    )


def _section(id_: str, title: str, content: Markup | None) -> Markup:
    return join(None) if content is None else tag("section", tag("h2", title), content, id=id_)


def _part(name: str) -> str:
    from importlib.resources import files as resources

    return (resources("sopskit.review.render.html") / name).read_text("utf-8")


def _digest(text: str) -> str:
    """What a content security policy names an inline style or script by (CSP level 3, section 6.7.3)."""
    from base64 import b64encode
    from hashlib import sha256

    return b64encode(sha256(text.encode()).digest()).decode("ascii")
