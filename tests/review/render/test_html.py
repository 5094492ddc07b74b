"""The review as an HTML page: what stands in it, without a browser."""

from __future__ import annotations

import re
from base64 import b64encode
from collections import Counter
from hashlib import sha256
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from sopskit.redact import escape, is_harmless
from sopskit.redact.escaping import NOTHING
from sopskit.review.model import Guard, Recipient, Sides
from sopskit.review.render.html import keys, markup, readers, render
from tests.review.render import reports

if TYPE_CHECKING:
    from sopskit.review.model import ReviewDiff

ATTACK = pytest.mark.parametrize("attack", reports.ATTACKS, ids=range(len(reports.ATTACKS)))
VOID = {"meta", "input", "br"}


class Page(HTMLParser):
    """Elements, attributes and texts of a page. Fails on elements that are not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str | None]] = []
        self.texts: list[str] = []
        self.comments: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements[tag] += 1
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "script"):
            self.texts.append(data)

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)


HARMLESS = Page(render(reports.hostile("harmless")))


def visible(review: ReviewDiff) -> str:
    return re.sub(r"\s+", " ", " ".join(Page(render(review)).texts))


# --- what it says


def test_the_verdict_counts_what_is_at_or_above_the_threshold() -> None:
    verdicts = {
        name: re.findall("<h1>(.*)</h1>", render(review))[0]
        for name, review in {
            "findings": reports.plain(),
            "low limit": reports.keyed()._replace(threshold="low"),
            "high limit": reports.keyed()._replace(threshold="block"),
            "clean": reports.clean(),
            "undecided": reports.check(),
        }.items()
    }
    assert verdicts == {
        "findings": "2 findings high or worse",
        "low limit": "5 findings low or worse",
        "high limit": "1 finding block",
        "clean": "Clean: no finding high or worse",
        "undecided": "Undecided: something could not be checked",
    }


def test_findings_stand_worst_first_and_waived_ones_last() -> None:
    found = re.findall(r'class="finding (\w+)".*?data-severities="(\w+)"', render(reports.keyed()))
    assert found == [(name, name) for name in ("block", "high", "medium", "medium", "low")]
    assert re.findall(r'<li [^>]*data-severities="(\w+)"', render(reports.plain())) == ["block", "block", "waived"]


def test_a_file_is_told_in_one_sentence_and_the_worst_comes_first() -> None:
    sentences = re.findall('class="sentence">(.*?)</span>', render(reports.plain()))
    assert sentences == [
        "Looks like updatekeys, no value changed, 1 recipient added; decryption not tested.",
        "Changed without sops, 2 values changed; the MAC is too old, decrypting will fail.",
        "Looks like an edit, 1 of 5 values changed; decryption not tested.",
    ]


def test_what_a_key_tells_is_shown() -> None:
    text = visible(reports.keyed())
    for words in ("not after 2026-01-31 → 2027-01-31", "differs in host , password", "private key matches yes", "=1"):
        assert words in text.replace("  ", " ")


def test_under_the_guard_no_equality_is_shown() -> None:
    assert 'class="same">=1' in render(reports.keyed())
    assert 'class="same">=' not in render(reports.keyed()._replace(guard=Guard()))


def test_an_empty_review_is_a_page_all_the_same() -> None:
    text = visible(reports.empty())
    assert "No findings." in text
    assert "No file that sopskit looks at has changed." in text
    assert "Who can read what" not in text


def test_more_changes_than_a_page_can_hold_are_counted() -> None:
    file = reports.clean().files[0]._replace(changes=tuple(reports.change((f"K{n}",)) for n in range(20_002)))
    text = render(reports.clean()._replace(files=(file,)))
    assert "2 more changes: see the JSON form" in text
    assert "K19999<" in text
    assert "K20001<" not in text


def test_more_findings_than_a_page_can_hold_are_counted() -> None:
    finding = reports.plain().findings[0]
    found = tuple(finding._replace(args={"recipient": str(number)}) for number in range(2001))
    text = render(reports.empty()._replace(other_findings=found))
    assert "1 more finding: see the JSON form" in text


# --- pictures


def test_few_files_are_no_groups_and_many_are_grouped_by_folder() -> None:
    few = [f"a/b{n}/c.yaml" for n in range(30)]
    assert list(readers.by_folder(few)) == [""]
    many = [f"k8s/env{n % 3}/service{n}/secrets.yaml" for n in range(90)]
    groups = readers.by_folder(many)
    assert list(groups) == ["k8s/env0/", "k8s/env1/", "k8s/env2/"]
    assert groups["k8s/env1/"] == list(range(1, 90, 3))


def test_the_picture_of_readers_has_a_cell_for_each_file_and_recipient() -> None:
    text = render(reports.plain())
    picture = text[text.index('class="matrix readers"') : text.index('id="keys"')]
    assert re.findall(r'<td class="(\w+)">', picture) == ["none", "has", "added", "has", "none", "has"]
    assert re.findall('class="name">(.*?)<', picture) == ["age1f0z…z9k2", "ann"]


def test_a_folder_tells_how_many_of_its_files_a_recipient_can_read() -> None:
    ann, ben = Recipient("age", "age1ann"), Recipient("age", "age1ben")
    one = reports.clean().files[0]._replace(recipients=Sides((ann,), (ann,)))
    files = [one._replace(path=f"dev/{n}.yaml") for n in range(40)]
    files[7] = files[7]._replace(recipients=Sides((ann,), (ann, ben)))
    files[8] = files[8]._replace(recipients=Sides((ann,), (ben,)))
    text = render(reports.clean()._replace(files=tuple(files)))
    cells = re.findall(r'<td class="part shade-(\d)"><span>(.*?)</span>(.*?)</td>', text)
    assert [(shade, ratio, re.sub("<.*?>", "", deltas)) for shade, ratio, deltas in cells] == [
        ("1", "2/40", "+2"),
        ("4", "39/40", "−1"),
    ]


def test_counterparts_are_found_by_the_environment_in_the_path() -> None:
    assert [
        keys.counterpart(path, "dev")
        for path in ("k8s/dev/a.yaml", "values/dev-config.yaml", "dev.env", "x/device/a.yaml")
    ] == ["k8s/*/a.yaml", "values/*-config.yaml", "*.env", "x/device/a.yaml"]


def test_the_picture_of_keys_joins_the_files_of_the_environments() -> None:
    one = reports.clean().files[0]
    other = one._replace(
        path=one.path.replace("/dev/", "/prod/"),
        environment="prod",
        changes=(reports.change(("stringData", "NEW"), "added"),),
    )
    rotated = one._replace(path=one.path.replace("/dev/", "/qa/"), environment="qa", changes=())
    alone = rotated._replace(path="other/qa/file.yaml")
    groups = keys.grouped(reports.clean()._replace(files=(one, other, rotated, alone)))
    assert groups["k8s/gitops/*/service1/secrets.yaml"].files == {"dev": 1, "prod": 1, "qa": 1}
    assert {name: group.keys for name, group in groups.items()} == {
        "k8s/gitops/*/service1/secrets.yaml": {
            (0, ("stringData", "DB_PASSWORD")): {"dev": ["changed"]},
            (0, ("stringData", "NEW")): {"prod": ["added"]},
        }
    }


def test_a_picture_that_would_be_huge_shows_folders_only() -> None:
    crowd = tuple(Recipient("age", f"age1{n:04}") for n in range(200))
    one = reports.clean().files[0]._replace(recipients=Sides(crowd, crowd))
    files = tuple(one._replace(path=f"dir{n % 5}/{n}.yaml") for n in range(1100))
    text = render(reports.clean()._replace(files=files))
    assert "140 more recipients not drawn" in text
    picture = text[text.index('class="matrix readers"') : text.index('id="keys"')]
    assert picture.count("<tr") == 6


# --- what it may do


@pytest.mark.parametrize(("name", "review"), list(reports.everything()))
def test_every_page_is_well_formed_and_loads_nothing(name: str, review: ReviewDiff) -> None:
    page = Page(render(review))
    assert page.elements["script"] == page.elements["style"] == 1
    assert page.comments == []
    assert {
        element for element in page.elements if element in ("img", "iframe", "link", "object", "base", "svg")
    } == set()
    names = {attribute for _, attribute, _ in page.attributes}
    assert {one for one in names if one.startswith("on") or one in ("style", "src", "srcdoc", "action")} == set()
    links = {value for _, attribute, value in page.attributes if attribute == "href"}
    assert all(value is not None and re.fullmatch("#[a-z0-9-]+", value) for value in links)


def test_ids_are_unique() -> None:
    for review in (reports.plain(), reports.hostile("x"), reports.five_thousand_changes()):
        ids = Counter(value for _, name, value in Page(render(review)).attributes if name == "id")
        assert [name for name, number in ids.items() if number > 1] == []


def test_the_policy_allows_the_pages_own_style_and_script_and_nothing_else() -> None:
    text = render(reports.plain())
    policy = re.findall('Content-Security-Policy" content="(.*?)"', text)[0]
    digests = [
        b64encode(sha256(text.split(f"<{name}>")[1].split(f"</{name}>")[0].encode()).digest()).decode()
        for name in ("style", "script")
    ]
    assert policy.split("; ") == [
        "default-src 'none'",
        f"style-src 'sha256-{digests[0]}'",
        f"script-src 'sha256-{digests[1]}'",
        "base-uri 'none'",
        "form-action 'none'",
        "require-trusted-types-for 'script'",
    ]


def test_the_script_and_the_style_do_not_depend_on_the_review() -> None:
    first, second = (
        render(review).split("</script>")[0].split("<style>")[1] for review in (reports.plain(), reports.keyed())
    )
    assert first == second


@ATTACK
def test_an_attack_changes_no_element_and_no_attribute(attack: str) -> None:
    page = Page(render(reports.hostile(attack)))
    quiet = page.elements - Counter(span=page.elements["span"])  # a folder before the name is a span of its own
    assert quiet == HARMLESS.elements - Counter(span=HARMLESS.elements["span"])
    assert Counter((tag, name) for tag, name, _ in page.attributes if tag != "span") == Counter(
        (tag, name) for tag, name, _ in HARMLESS.attributes if tag != "span"
    )


@ATTACK
def test_an_attack_is_seen_as_what_it_is(attack: str) -> None:
    page = Page(render(reports.hostile(attack)))
    assert all(is_harmless(char) or char == "\n" for text in page.texts for char in text)
    texts = "".join(page.texts)
    if len(attack) < 100 and not attack.isspace():
        spelled = escape(attack).replace("##", "#\\u{23}")
        if spelled.lstrip().startswith(":"):
            spelled = spelled.replace(":", "\\u{3a}", 1)
        assert (spelled or NOTHING) in texts


@ATTACK
def test_no_line_of_a_page_speaks_to_a_runner(attack: str) -> None:
    lines = render(reports.hostile(attack)).splitlines()
    assert [line for line in lines if line.strip().startswith("::") or "##[" in line or "##vso" in line] == []


def test_the_size_of_a_page_is_bounded_whatever_the_length_of_names() -> None:
    assert len(render(reports.hostile("long" * 100_000))) < 200_000


def test_a_page_of_500_files_or_5000_changes_is_small_enough_to_attach() -> None:
    assert len(render(reports.five_hundred_files())) < 2_000_000
    assert len(render(reports.five_thousand_changes())) < 3_000_000


# --- markup


def test_what_is_not_markup_is_escaped_and_what_is_stays() -> None:
    inner = markup.tag("b", "<&>\"'")
    assert markup.tag("p", inner, ["x", None, 3], title='"', data_a=None, open=True, hidden=False) == (
        '<p title="&quot;" open><b>&lt;&amp;&gt;&quot;&#x27;</b>x3</p>'
    )
    assert markup.tag("br") == "<br>"


def test_a_sentence_has_names_in_code_and_numbers_in_the_text() -> None:
    assert (
        markup.sentence("{n} of <{key}> {gone}", {"n": 3, "key": "{n}<"}) == "3 of &lt;<code>{n}&lt;</code>&gt; {gone}"
    )
