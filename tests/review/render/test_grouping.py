"""Findings with one cause are one entry for people, and stay apart for programs."""

from __future__ import annotations

import json as json_module
from typing import Any

import pytest

from sopskit.review.model import End, FileReview, Finding, ReviewDiff, Waived
from sopskit.review.render import gitlab, grouping, html, json, markdown, sarif, terminal
from sopskit.review.render.grouping import Entry, entries, label, message
from tests.review.render import reports

ENDS = (End("main", "a" * 40), End("topic", "b" * 40))
PATHS = ("prod/1.yaml", "prod/2.yaml", "qa/1.yaml", "qa/2.yaml", "qa/3.yaml")
WAIVED = Waived("known", "ann", "2027-01-31")


def finding(path: str, id: str = "RCP11", **more: Any) -> Finding:
    fields: dict[str, Any] = {
        "severity": "high",
        "title": "a new recipient",
        "message": "{recipient} can now read this file, and it is new",
        "remedy": "ask",
        "args": {"recipient": "ben"},
        "line": 3,
    }
    return Finding(id=id, path=path, **(fields | more))


def review(*findings: Finding) -> ReviewDiff:
    """Files of the folders prod and qa are in environments of these names."""
    paths = dict.fromkeys(one.path for one in findings)
    files = tuple(
        FileReview(
            path,
            "modified",
            environment=path.split("/")[0] if "/" in path else None,
            encrypted=reports.BOTH,
            findings=tuple(one for one in findings if one.path == path),
        )
        for path in paths
    )
    return ReviewDiff(*ENDS, files)


CROWD = review(*map(finding, PATHS))


# --- what is one entry


def test_findings_that_differ_in_place_only_are_one_entry() -> None:
    assert entries(CROWD) == [Entry(CROWD.findings, (), ("prod", "qa"))]


@pytest.mark.parametrize(
    "other",
    [
        {"args": {"recipient": "cara"}},
        {"message": "{recipient} can read this file"},
        {"severity": "low"},
        {"remedy": "do not ask"},
        {"waived": WAIVED},
        {"needs_key": True},
    ],
    ids=lambda other: next(iter(other)),
)
def test_findings_that_differ_in_anything_else_are_two(other: dict[str, Any]) -> None:
    assert len(entries(review(finding("a"), finding("b", **other)))) == 2


@pytest.mark.parametrize(
    ("findings", "labels"),
    [
        ([finding("a", "ENC04"), finding("a", "ENC01")], ["ENC01 (also ENC04)"]),
        ([finding("a", "ENC01"), finding("a", "ENC04"), finding("a", "ENC05")], ["ENC05 (also ENC01, ENC04)"]),
        ([finding("a", "MAC02"), finding("a", "MAC01")], ["MAC01 (also MAC02)"]),
        ([finding("a", "ENC01", severity="low"), finding("a", "ENC04")], ["ENC04 (also ENC01)"]),
        ([finding("a", "ENC01"), finding("b", "ENC04")], ["ENC01", "ENC04"]),
        ([finding("a", "ENC01"), finding("a", "MAC02")], ["ENC01", "MAC02"]),
        ([finding("a", "ENC04"), finding("a", "ENC01", waived=WAIVED)], ["ENC04", "ENC01"]),
        ([finding("a", "ENC01"), finding("a", "ENC04"), finding("b", "ENC01")], ["ENC01 (also ENC04)", "ENC01"]),
    ],
)
def test_one_fault_is_told_once_with_the_other_ids(findings: list[Finding], labels: list[str]) -> None:
    assert [label(entry) for entry in entries(review(*findings))] == labels


# --- what is said


@pytest.mark.parametrize(
    ("paths", "said"),
    [
        (PATHS[:1], "ben can now read this file, and it is new"),
        (PATHS[:2], "ben can now read 2 files of prod, and it is new"),
        (PATHS, "ben can now read 5 files of prod and qa, and it is new"),
        ((*PATHS, "x/1", "y/1"), "ben can now read 7 files of 4 environments, and it is new"),
        (("a", "prod/1"), "ben can now read 2 files, and it is new"),
        (("a", "a"), "2 places: ben can now read this file, and it is new"),
    ],
)
def test_the_files_are_counted(paths: tuple[str, ...], said: str) -> None:
    (entry,) = entries(review(*map(finding, paths)))
    assert message(entry, terminal.VOICE) == said


def test_a_sentence_with_no_place_for_a_number_has_it_in_front() -> None:
    found = (finding(path, message="a rule fits this file, and it is plain text") for path in PATHS[:2])
    (entry,) = entries(review(*found))
    assert message(entry, terminal.VOICE) == "2 files of prod: a rule fits this file, and it is plain text"


# --- in every format


def test_a_log_names_every_place() -> None:
    assert terminal.render(CROWD).splitlines()[2:10] == [
        "HIGH RCP11 a new recipient",
        *(f"  {path}:3" for path in PATHS),
        "  ben can now read 5 files of prod and qa, and it is new",
        "  try: ask",
    ]


def test_a_terminal_names_a_few() -> None:
    lines = terminal.render(CROWD, colour=True).splitlines()
    start = next(number for number, line in enumerate(lines) if "RCP11" in line)
    assert [line.strip() for line in lines[start + 1 : start + 5]] == [
        "prod/1.yaml:3",
        "prod/2.yaml:3",
        "qa/1.yaml:3",
        "and 2 more",
    ]


def test_a_comment_names_a_few_in_the_table_and_folds_the_others() -> None:
    comment = markdown.render(CROWD)
    said = "**RCP11** `ben` can now read 5 files of `prod` and `qa`, and it is new"
    assert f"\n| ⚠️ | {said} | `prod/1.yaml:3`, `prod/2.yaml:3`, `qa/1.yaml:3` and 2 more |\n" in comment
    every = ", ".join(f"`{path}:3`" for path in PATHS)
    assert f"<details><summary>all places</summary>\n\n- {said}: {every}\n\n</details>" in comment


def test_a_finding_on_a_thousand_files_fits_a_comment() -> None:
    crowd = review(*(finding(f"prod/{'x' * 100}{number}.yaml") for number in range(1_000)))
    comment = markdown.render(crowd)
    assert len(comment.encode()) <= markdown.BUDGET
    assert "can now read 1000 files of `prod`" in comment


def test_a_page_links_from_every_file_to_the_one_entry() -> None:
    page = html.render(CROWD)
    anchor = f"finding-{CROWD.findings[0].fingerprint}"
    assert page.count(f'id="{anchor}"') == 1
    assert page.count(f'href="#{anchor}"') == 5
    assert 'data-environment="0 1" data-severities="high"' in page
    assert "<summary>2 more</summary>" in page


def test_a_page_links_to_the_entry_that_names_a_weaker_id() -> None:
    double = review(finding("a", "ENC04"), finding("a", "ENC01"))
    page = html.render(double)
    anchors = {one.id: f"finding-{one.fingerprint}" for one in double.findings}
    assert page.count(f'href="#{anchors["ENC01"]}"') == 2
    assert anchors["ENC04"] not in page


def test_programs_get_every_finding() -> None:
    double = CROWD._replace(other_findings=(finding("a", "ENC04"), finding("a", "ENC01")))
    assert len(json_module.loads(json.render(double))["findings"]) == 7
    assert len(json_module.loads(sarif.render(double))["runs"][0]["results"]) == 7
    assert len(json_module.loads(gitlab.render(double))) == 7


def test_an_entry_of_one_is_made_of_any_finding() -> None:
    """As programs do that want a line for each."""
    one = CROWD.findings[0]
    assert message(grouping.Entry((one,)), terminal.VOICE) == "ben can now read this file, and it is new"
