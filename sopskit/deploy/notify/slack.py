"""A notice for Slack's incoming webhooks (docs.slack.dev: messaging/sending-messages-using-incoming-webhooks, block-kit).

All blocks are `plain_text`: no name out of a repository can become a link, a mention, an emoji or a format.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sopskit.deploy.notify.exchange import Request
from sopskit.deploy.notify.message import title

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sopskit.deploy.notify.message import Notice
    from sopskit.deploy.notify.receiver import Settings

LONGEST_HEADER = 150  # characters, the site's own limits
LONGEST_TEXT = 3000
MOST_SECTIONS = 10  # of objects; the site takes 50 blocks
ESCAPES = (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"))


def request(notice: Notice, settings: Settings) -> Request:
    """The POST for a notice. Raises `ConfigError` without an address."""
    content = {
        "text": shortened(f"{title(notice)}: {notice.summary}", LONGEST_TEXT),
        "blocks": list(_blocks(notice)),
        "mrkdwn": False,
        "parse": "none",
        "link_names": False,
        "unfurl_links": False,  # nothing is fetched because a name says so
        "unfurl_media": False,
    }
    headers = {"Content-Type": "application/json; charset=utf-8"}
    return Request("POST", settings.need_address(), headers, body=json.dumps(content).encode())


def escaped(text: str) -> str:
    """The three characters that begin something in Slack's texts, spelled out: with them go `<!here>` and `<@U...>`."""
    for char, spelled in ESCAPES:
        text = text.replace(char, spelled)
    return text


def shortened(text: str, most: int) -> str:
    """The text escaped, of at most so many characters, and cut between two of them."""
    if len(safe := escaped(text)) <= most:
        return safe
    parts, left = [], most - 3
    for char in text:
        left -= len(escaped(char))
        if left < 0:
            break
        parts.append(escaped(char))
    return f"{''.join(parts)}..."


def _blocks(notice: Notice) -> Iterator[dict[str, Any]]:
    yield {"type": "header", "text": _plain(shortened(title(notice), LONGEST_HEADER))}
    yield {"type": "section", "text": _plain(shortened(notice.summary or notice.kind, LONGEST_TEXT))}
    where = ((notice.repository, ""), (notice.branch, "branch "), (notice.revision[:12], "commit "))
    told = ", ".join(f"{word}{text}" for text, word in where if text)
    if told:
        yield {"type": "context", "elements": [_plain(shortened(told, LONGEST_TEXT))]}
    for text in list(_pages(notice.lines))[:MOST_SECTIONS]:
        yield {"type": "section", "text": _plain(text)}


def _pages(lines: Iterable[str]) -> Iterator[str]:
    """The lines put together to texts that a section can hold."""
    page = ""
    for line in (shortened(line, LONGEST_TEXT) for line in lines if line):
        if page and len(page) + 1 + len(line) > LONGEST_TEXT:
            yield page
            page = ""
        page = f"{page}\n{line}" if page else line
    if page:
        yield page


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}
