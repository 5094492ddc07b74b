"""The HTML page in a real browser: headless Chromium, driven by Playwright."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import sync_playwright

from sopskit.review.model import EnvironmentFiles, ReviewDiff
from sopskit.review.render.html import render
from tests.review.render import reports

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Dialog, Page

    from sopskit.review.model import FileReview

FOCUSED = "document.activeElement.id || document.activeElement.innerText.trim().split('\\n')[0]"
VISIBLE = """
(selector) => [...document.querySelectorAll(selector)].filter((one) => one.checkVisibility()).map((one) => one.innerText.trim())
"""
BLOCKED = """
window.blocked = [];
addEventListener("securitypolicyviolation", (event) => blocked.push(event.violatedDirective));
"""
# the ratio of WCAG 2 between each text and what is behind it, least first
CONTRAST = """
() => {
  const channels = (colour) => {
    const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    context.fillStyle = colour;
    context.fillRect(0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data];
  };
  const kept = new Map();
  const rgba = (colour) => kept.get(colour) ?? (kept.set(colour, channels(colour)), kept.get(colour));
  const luminance = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = rgba(getComputedStyle(at).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return [255, 255, 255, 255];
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility() || element.closest(".heard, .skip")) continue;
    const [a, b] = [luminance(rgba(getComputedStyle(element).color)), luminance(behind(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) found.push(`${element.className || element.tagName}: ${ratio.toFixed(2)}`);
  }
  return [...new Set(found)];
}
"""


@pytest.fixture(scope="module")
def chromium(tool: Callable[[str], str]) -> Iterator[Browser]:
    """The system's browser. Without a sandbox, which needs rights that a container has not."""
    path = tool("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


class Visit:
    """A page that was opened, and what it did besides being shown."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.requests: list[str] = []
        self.complaints: list[str] = []
        page.add_init_script(BLOCKED)
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", self.refuse)

    def refuse(self, dialog: Dialog) -> None:
        """Nothing on the page may ask."""
        self.complaints.append(dialog.message)
        dialog.dismiss()

    def count(self, selector: str) -> int:
        """How many of these are to be seen."""
        return len(self.texts(selector))

    def texts(self, selector: str) -> list[str]:
        """What those to be seen say."""
        found: list[str] = self.page.evaluate(VISIBLE, selector)
        return found

    def settle(self) -> None:
        """Let the page do what it has put off until its script is idle: the form is empty only after its reset event."""
        self.page.evaluate("new Promise(done => setTimeout(done))")

    def focused(self) -> str:
        """The id of what has the focus, or the first line of what it says."""
        return str(self.page.evaluate(FOCUSED))


@pytest.fixture
def visit(chromium: Browser, tmp_path: Path) -> Iterator[Callable[..., Visit]]:
    """Open a review, or the text of a page. Afterwards: nothing was loaded but the page, and nothing was complained about."""
    visits: list[tuple[Visit, str]] = []

    def open_(content: ReviewDiff | str, **options: Any) -> Visit:
        path = tmp_path / f"{len(visits)}.html"
        path.write_text(render(content) if isinstance(content, ReviewDiff) else content, "utf-8")
        one = Visit(chromium.new_context(**options).new_page())
        visits.append((one, path.as_uri()))
        one.page.goto(path.as_uri())
        return one

    yield open_
    for one, uri in visits:
        assert one.requests == [uri]
        assert one.complaints == []
        assert one.page.evaluate("window.blocked ?? []") == []
        one.page.context.close()


def many(number: int = 500) -> ReviewDiff:
    """So many files in five environments that ann can read, and a stranger one of them."""

    def readable(file: FileReview) -> FileReview:
        head = (reports.ANN, reports.STRANGER) if file.findings else (reports.ANN,)
        return file._replace(recipients=file.recipients._replace(base=(reports.ANN,), head=head))

    review = reports.five_hundred_files()
    return review._replace(files=tuple(map(readable, review.files[-number:])))


def some() -> ReviewDiff:
    """Enough files to be folded."""
    return many(60)


# --- filters


def test_the_filter_for_text_leaves_what_has_all_its_words(visit: Callable[..., Visit]) -> None:
    page = visit(reports.plain())
    page.page.get_by_label("File, key or policy").fill("QA config")
    assert page.texts(".file h3") == ["k8s/gitops/qa/service1/configmap.yaml"]
    assert page.texts(".finding .policy") == ["MAC02"]
    assert page.texts(".readers .row .path") == ["k8s/gitops/qa/service1/configmap.yaml"]
    assert page.texts(".keys .row code") == ["data.LOG_LEVEL", "metadata.name"]
    assert page.texts("#shown") == ["2 of 3 findings, 1 of 3 files"]
    page.page.get_by_role("button", name="Clear").click()
    page.settle()
    assert (page.count(".file"), page.count(".finding"), page.texts("#shown")) == (3, 2, [""])


def test_the_filter_for_environments_leaves_the_files_of_one(visit: Callable[..., Visit]) -> None:
    page = visit(reports.plain())
    page.page.get_by_label("Environment").select_option("prod")
    assert page.texts(".file h3") == ["k8s/gitops/prod/service1/secrets.yaml"]
    assert page.texts(".finding .policy") == ["RCP03"]
    assert (page.count(".readers .row"), page.count(".keys tbody")) == (1, 0)
    page.page.get_by_label("Environment").select_option("dev")
    assert page.texts(".keys .row code") == ["stringData.DB_PASSWORD"]


def test_the_buttons_for_severities_add_up(visit: Callable[..., Visit]) -> None:
    page = visit(reports.keyed())
    page.page.get_by_role("button", name="low", exact=True).click()
    assert page.texts(".finding .badge") == ["low"]
    page.page.get_by_role("button", name="high", exact=True).click()
    assert page.texts(".finding .badge") == ["high", "low"]
    assert page.page.get_by_role("button", name="high", exact=True, pressed=True).count() == 1
    page.page.get_by_role("button", name="low", exact=True).click()
    assert page.texts(".finding .badge") == ["high"]


def test_files_without_such_a_finding_go_with_the_severity(visit: Callable[..., Visit]) -> None:
    page = visit(reports.plain())
    page.page.get_by_role("button", name="block", exact=True).click()
    assert page.count(".file") == 2
    page.page.get_by_role("button", name="block", exact=True).click()
    page.page.get_by_role("button", name="medium", exact=True).click()  # the only one is waived
    assert (page.count(".file"), page.count(".finding")) == (0, 0)


# --- keys


def test_a_slash_goes_to_the_filter_and_escape_clears_and_leaves_it(visit: Callable[..., Visit]) -> None:
    page = visit(reports.plain())
    keyboard = page.page.keyboard
    keyboard.press("/")
    assert page.focused() == "filter"
    keyboard.type("qa/jkt")
    assert page.page.get_by_label("File, key or policy").input_value() == "qa/jkt"
    keyboard.press("Escape")
    assert (page.focused(), page.count(".file")) == ("filter", 3)
    keyboard.press("Escape")
    assert page.focused() != "filter"


def test_j_and_k_go_from_finding_to_finding_and_enter_opens_and_closes(visit: Callable[..., Visit]) -> None:
    page = visit(reports.keyed())
    keyboard = page.page.keyboard
    seen = []
    for key in ("j", "j", "j", "k", "j", "j", "j", "j"):
        keyboard.press(key)
        seen.append(page.page.evaluate("document.activeElement.querySelector('.policy').innerText"))
    assert seen == ["X03", "X02", "X01", "X02", "X01", "ENV01", "X00", "X00"]
    opened = "document.activeElement.parentElement.open"
    assert page.page.evaluate(opened) is False
    keyboard.press("Enter")
    assert page.page.evaluate(opened) is True
    keyboard.press("Enter")
    assert page.page.evaluate(opened) is False


def test_j_skips_what_is_filtered_out(visit: Callable[..., Visit]) -> None:
    page = visit(reports.keyed())
    page.page.get_by_role("button", name="low", exact=True).click()
    page.page.keyboard.press("j")
    assert page.page.evaluate("document.activeElement.querySelector('.policy').innerText") == "X00"


def test_the_tab_key_walks_from_top_to_bottom(visit: Callable[..., Visit]) -> None:
    page = visit(reports.plain())
    walked = []
    for _ in range(11):
        page.page.keyboard.press("Tab")
        walked.append(page.focused())
    assert walked == [
        "Skip to the findings",
        "theme",
        "filter",
        "environment",
        "block",
        "high",
        "medium",
        "low",
        "block",  # the first finding
        "what changed in the file",
        "block",
    ]


def test_what_has_the_focus_is_outlined(visit: Callable[..., Visit]) -> None:
    page = visit(reports.plain())
    page.page.keyboard.press("j")
    assert page.page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_a_link_opens_the_file_it_leads_to(visit: Callable[..., Visit]) -> None:
    page = visit(some())
    assert page.count("#file-59 .body") == 0
    page.page.get_by_role("link", name="what changed in the file").click()
    assert page.count("#file-59 .body") == 1


# --- looks


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("build", [reports.plain, reports.keyed, reports.check, some])
def test_every_text_has_the_contrast_of_wcag_aa(
    visit: Callable[..., Visit], theme: str, build: Callable[[], ReviewDiff]
) -> None:
    page = visit(build(), color_scheme=theme)
    assert page.page.evaluate(CONTRAST) == []


def test_the_theme_is_the_systems_until_it_is_swapped(visit: Callable[..., Visit]) -> None:
    page = visit(reports.plain(), color_scheme="dark")
    shade = "getComputedStyle(document.body).backgroundColor"
    dark = page.page.evaluate(shade)
    page.page.keyboard.press("t")
    light = page.page.evaluate(shade)
    assert (dark, light) == ("rgb(18, 20, 23)", "rgb(246, 246, 243)")
    assert page.texts("#theme") == ["Dark"]
    page.page.get_by_role("button", name="Dark").click()
    assert page.page.evaluate(shade) == dark


def test_nothing_sticks_out_of_a_narrow_screen(visit: Callable[..., Visit]) -> None:
    for review in (reports.plain(), reports.keyed(), reports.hostile("long" * 2500)):
        page = visit(review, viewport={"width": 360, "height": 800})
        assert page.page.evaluate("document.documentElement.scrollWidth") == 360


def test_on_paper_everything_is_open_and_the_filters_are_gone(visit: Callable[..., Visit]) -> None:
    page = visit(reports.keyed())
    page.page.emulate_media(media="print")
    page.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert (page.count(".toolbar"), page.count(".finding .body")) == (0, 5)
    page.page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.count(".finding .body") == 2


# --- without a script


def test_without_javascript_everything_is_there_and_the_filters_are_not(visit: Callable[..., Visit]) -> None:
    page = visit(some(), java_script_enabled=False)
    assert (page.count(".toolbar"), page.count("#theme"), page.count(".file .body")) == (0, 0, 60)
    assert page.count(".readers .row") == 60
    waived = visit(reports.plain(), java_script_enabled=False)
    assert waived.count(".waived .finding .body") == 1


# --- many files


def test_500_files_are_folded_into_their_folders(visit: Callable[..., Visit]) -> None:
    page = visit(many())
    assert page.texts(".readers .group .path") == [f"k8s/gitops/env{n}/" for n in range(5)]
    assert page.count(".readers .row") == 0
    page.page.locator(".readers .fold").last.click()
    assert page.count(".readers .row") == 100
    assert page.page.locator(".readers .fold[aria-expanded=true]").all_inner_texts() == ["k8s/gitops/env4/"]
    page.page.keyboard.press("Enter")
    assert page.count(".readers .row") == 0


def test_a_filter_over_500_files_leaves_one_of_them_everywhere(visit: Callable[..., Visit]) -> None:
    page = visit(many())
    page.page.locator("#filter").fill("name-499/")
    assert (page.count(".file"), page.count(".finding")) == (1, 1)
    assert page.texts(".readers .group .path") == ["k8s/gitops/env4/"]


def test_the_pictures_are_tables_with_names_and_words_for_those_who_hear_them(visit: Callable[..., Visit]) -> None:
    page = visit(reports.plain())
    table = page.page.get_by_role("table", name="Which recipient can read which file")
    assert table.get_by_role("row").nth(2).get_by_role("cell").all_inner_texts() == [
        "+\ncan read from now on",
        "●\ncan read",
    ]
    assert page.page.get_by_role("table", name="Which key changed in which environment").count() == 1


# --- hostile text


def test_hostile_names_run_nothing_and_load_nothing(visit: Callable[..., Visit]) -> None:
    attacks = [
        *reports.ATTACKS,
        "'\"><svg onload=alert(1)>",
        "javascript:alert(1)",
        "</script><script>alert(1)</script>",
        "</title>",
    ]
    files = [file for attack in attacks for file in reports.hostile(attack).files]
    files = list({file.path: file for file in files}.values())
    one = reports.hostile("<img src=x onerror=alert(1)>")
    names = tuple(EnvironmentFiles(attack, 1) for attack in attacks)
    page = visit(one._replace(files=tuple(files), environments=names, other_findings=()))
    assert page.count("article.file") == len(files)
    page.page.get_by_role("button", name="Open all").click()
    for attack in ("<script>alert(1)</script>", "</details>", ".*[", "\\"):
        page.page.get_by_label("File, key or policy").fill(attack)
    assert page.page.locator("img, svg, iframe, script:not(head script)").count() == 0


def test_even_markup_that_slipped_through_could_not_run(chromium: Browser, tmp_path: Path) -> None:
    slipped = "<img src='https://evil.example/x.png' onerror='document.title = 1'><script>document.title = 2</script>"
    path = tmp_path / "page.html"
    path.write_text(render(reports.plain()).replace("<main", f"{slipped}<main", 1), "utf-8")
    one = Visit(chromium.new_page())
    one.page.goto(path.as_uri())
    assert one.page.title() == "sopskit review: main → rotate-db"
    assert sorted(set(one.page.evaluate("blocked"))) == ["img-src", "script-src-attr", "script-src-elem"]
    assert one.requests[0] == path.as_uri()
    one.page.close()
