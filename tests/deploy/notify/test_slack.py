from __future__ import annotations

import json

import pytest

from sopskit.deploy.notify.message import Notice, tidy
from sopskit.deploy.notify.receiver import Settings
from sopskit.deploy.notify.slack import escaped, request, shortened
from sopskit.secret import SecretStr
from tests.deploy.notify.notices import NOTICE

ADDRESS = SecretStr("https://hooks.slack.com/services/test-token")


def plain(text: str) -> dict[str, object]:
    return {"type": "plain_text", "text": text, "emoji": False}


def test_the_whole_message() -> None:
    made = request(NOTICE, Settings(ADDRESS))
    assert json.loads(made.body) == {
        "text": "dev/app in staging: applied: 1 created from 0123456",
        "blocks": [
            {"type": "header", "text": plain("dev/app in staging: applied")},
            {"type": "section", "text": plain("1 created from 0123456")},
            {
                "type": "context",
                "elements": [plain("https://github.com/team/config.git, branch main, commit 0123456789ab")],
            },
            {"type": "section", "text": plain("+ Secret dev/app\n~ ConfigMap dev/app")},
        ],
        "mrkdwn": False,
        "parse": "none",
        "link_names": False,
        "unfurl_links": False,
        "unfurl_media": False,
    }
    assert (made.method, made.url) == ("POST", ADDRESS)


def test_mentions_and_links_are_spelled_out() -> None:
    assert escaped("<!here> <@U1> <https://x|y> &lt;") == ("&lt;!here&gt; &lt;@U1&gt; &lt;https://x|y&gt; &amp;lt;")


def test_no_field_of_a_notice_reaches_slack_unescaped() -> None:
    bad = "<!channel>"
    hostile = Notice(bad, bad, bad, bad, (bad,), bad, bad, bad, 1.5)
    assert b"<!" not in request(hostile, Settings(ADDRESS)).body


def test_what_is_cut_ends_between_two_escapes() -> None:
    assert shortened("<<<<<", 15) == "&lt;&lt;&lt;..."


@pytest.mark.parametrize("char", ["x", "&", "\n", "\U0001f600"])
def test_the_sites_limits_hold_for_the_longest_notice(char: str) -> None:
    long = char * 100_000
    made = tidy(NOTICE._replace(source=long, summary=long, lines=(long,) * 1000, branch=long, cluster=long))
    blocks = json.loads(request(made, Settings(ADDRESS)).body)["blocks"]
    texts = [block["text"]["text"] for block in blocks if block["type"] == "section"]
    assert len(blocks) <= 50
    assert len(blocks[0]["text"]["text"]) <= 150
    assert all(0 < len(text) <= 3000 for text in texts)


def test_an_empty_summary_is_no_empty_block() -> None:
    blocks = json.loads(request(NOTICE._replace(summary="", lines=("",)), Settings(ADDRESS)).body)["blocks"]
    assert [block["type"] for block in blocks] == ["header", "section", "context"]
