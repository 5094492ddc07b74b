"""The review as a person sees it at a terminal, and in a log."""

from __future__ import annotations

import re
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sopskit.redact import harmless
from sopskit.review.files import CLOSED, NOT_TOLD
from sopskit.review.model import (
    SEVERITIES,
    End,
    FileReview,
    Finding,
    Guard,
    NotChecked,
    Operation,
    Recipient,
    RecipientChange,
    ReviewDiff,
    Sides,
)
from sopskit.review.render import markdown
from sopskit.review.render.terminal import VOICE, render
from sopskit.review.render.words import Voice, apart, shorten
from tests.review.render import reports

COLOURS = re.compile(r"\x1b\[[0-9;]*m")
ENDS = (End("main", "a" * 40), End("topic", "b" * 40))


def review(*files: FileReview, not_checked: tuple[NotChecked, ...] = ()) -> ReviewDiff:
    return ReviewDiff(*ENDS, files, not_checked)


def drawn(report: ReviewDiff, width: int = 100) -> list[str]:
    """What is on the terminal, without colours."""
    return [line.rstrip() for line in COLOURS.sub("", render(report, colour=True, width=width)).splitlines()]


# --- plain text


def test_a_log_has_everything_worst_first() -> None:
    stranger = reports.STRANGER.id
    assert render(reports.plain()).split("\n") == [
        "sopskit review: main 3f2c1ab -> rotate-db 9d41e07, no key used, 3 files, 3 values, 1 recipient",
        "environments: dev (1 file), prod (1 file), qa (1 file)",
        "",
        "BLOCK RCP03 a recipient that .sops.yaml does not list",
        "  k8s/gitops/prod/service1/secrets.yaml:14",
        f"  {stranger} can now read this file, but .sops.yaml does not list it",
        "  try: take it out with sopskit updatekeys and rotate, or list it",
        "",
        "BLOCK MAC02 the MAC is older than the file",
        "  k8s/gitops/qa/service1/configmap.yaml:9 data.LOG_LEVEL",
        "  data.LOG_LEVEL changed, mac did not; a formatter or a bot may have written it; decrypting will fail",
        "  try: restore the file, and make the change with sopskit edit or set",
        "",
        "waived ENC08 a value that looks secret is plain text: log level is public (ann, until 2027-01-31)",
        "  k8s/gitops/qa/service1/configmap.yaml data.LOG_LEVEL",
        "",
        (
            "k8s/gitops/prod/service1/secrets.yaml (prod): looks like updatekeys, no value changed, 1 recipient added;"
            " decryption not tested"
        ),
        f"  + recipient {stranger}: added (age)",
        "",
        (
            "k8s/gitops/qa/service1/configmap.yaml (qa): changed without sops, 2 values changed; the MAC is too old,"
            " decrypting will fail"
        ),
        "  ~ data.LOG_LEVEL: changed (string, plain)",
        "  ~ metadata.name: changed (string, plain; service1 -> service-1)",
        "",
        (
            "k8s/gitops/dev/service1/secrets.yaml (dev): looks like an edit, 1 of 5 values changed; decryption not tested"
        ),
        "  ~ stringData.DB_PASSWORD: changed (string, encrypted)",
        "  Secret dev/service1: DB_PASSWORD changed",
        "",
        "not checked without a key: MAC of 2 files, kinds of values",
        "findings: 2 block, 1 waived",
        "",
    ]


def test_a_keyed_review_tells_facts_and_equality() -> None:
    lines = render(reports.keyed()).splitlines()
    assert lines[lines.index("  try: add it") + 6 :] == [
        "",
        (
            "overlays/prod/tls.yaml (prod): renamed from overlays/prod/old-tls.yaml, rotated: a new data key over the old"
            " values, 7 values (2 changed, 1 added, 1 removed, 1 moved, 1 retyped, 1 re-encrypted), comments"
            " changed, 1 recipient removed, encryption rules changed; MAC valid"
        ),
        f"  - recipient {reports.STRANGER.id}: removed (age)",
        "  ~ threshold of key groups: changed (none -> 2)",
        "  ~ rule encrypted_regex: changed (^data$ -> ^(data|stringData)$)",
        (
            '  ~ stringData["tls.crt"]: changed (certificate, encrypted; not after: 2026-01-31 -> 2027-01-31;'
            " key: ECDSA P-256; private key matches: yes)"
        ),
        "  ~ stringData.DATABASE_URL: changed (URL, encrypted; changed: host, password)",
        "  + stringData.API_KEY: added (password (=1), encrypted)",
        "  - stringData.OLD_KEY: removed (password (=1), encrypted)",
        "  ~ stringData.PORT: retyped (string -> number, encrypted)",
        "  ~ stringData.MOVED: moved from data.MOVED (string, encrypted)",
        '  ~ list[0]["a b"]: looks re-encrypted (string, encrypted)',
        "  ~ comments of the top level: changed",
        "",
        "values with the same =number are equal",
        "findings: 1 block, 1 high, 2 medium, 1 low",
    ]


def test_what_could_not_be_read_makes_it_undecided() -> None:
    result = review(not_checked=(NotChecked("a\x1b.yaml", "broken", decisive=True),))
    assert render(result).splitlines()[1:] == [
        "",
        "not checked: a\\x1b.yaml: broken",
        "undecided: 1 file could not be checked; findings: none",
    ]
    assert result.exit_code == 2


@pytest.mark.parametrize(
    ("id", "said"),
    [
        ("create", "a new file, encrypted, 1 value added; decryption not tested"),
        ("rotate", "looks like a rotation, which somebody who cannot read the file can imitate, 1 value added"),
        ("reencrypt", "encrypted anew, or replaced by somebody who cannot read it, 1 value added"),
        ("unknown", "a new file, encrypted, 1 value added"),
    ],
)
def test_a_file_is_told_in_one_line(id: str, said: str) -> None:
    operation = Operation(id, "ambiguous", "a new file, encrypted")  # type: ignore[arg-type]
    added = reports.change(("a",), "added", encrypted=Sides(None, True), type=Sides(None, "str"))
    file = FileReview("a", "added", encrypted=Sides(None, True), operations=(operation,), changes=(added,))
    assert f"\na: {said}" in render(review(file))


@pytest.mark.parametrize(
    ("confidence", "said"), [("consistent", "no value changed"), ("ambiguous", "no value looks changed")]
)
def test_what_can_be_forged_is_not_promised(confidence: Literal["consistent", "ambiguous"], said: str) -> None:
    rotated = Operation("rotate", confidence, "a new data key over unchanged values", {"changed": 0, "values": 3})
    file = FileReview("a", "modified", encrypted=reports.BOTH, operations=(rotated,), data_key="new")
    assert f", {said}; decryption not tested\n" in render(review(file))


def test_a_file_without_sops_is_not_said_to_be_untested() -> None:
    file = FileReview(
        "a", "modified", operations=(Operation("plain-edit", "consistent", "plain text before and after"),)
    )
    assert "\na: plain text before and after\n" in render(review(file))


def test_the_commit_of_a_finding_and_those_of_a_file_are_named() -> None:
    found = Finding("ENC07", "high", "plain text in a commit", "it is in the history", "rotate", "a", commit="c" * 40)
    lines = render(review(FileReview("a", "added", findings=(found,)))).splitlines()
    assert lines[3] == "  a in ccccccc"


def test_an_incomplete_review_says_so() -> None:
    assert "\nthere was more than could be looked at: this review is not complete\n" in render(
        reports.empty()._replace(truncated=True)
    )


def test_the_threshold_decides_which_findings_fail() -> None:
    file = FileReview("a", "added", findings=(Finding("X", "medium", "", "", "", "a"),))
    verdicts = {threshold: ReviewDiff(*ENDS, (file,), threshold=threshold).exit_code for threshold in SEVERITIES}
    assert verdicts == {"block": 0, "high": 0, "medium": 1, "low": 1}


def test_recipients_of_a_new_file_are_no_change() -> None:
    one = Recipient("age", "age1x")
    assert FileReview("a", "added", encrypted=Sides(None, True), recipients=Sides((), (one,))).recipient_changes == ()
    ann, ben = Recipient("age", "age1ann"), Recipient("pgp", "BEN")
    changed = FileReview("a", "modified", encrypted=Sides(True, True), recipients=Sides((ann,), (ben,)))
    assert changed.recipient_changes == (RecipientChange("added", ben), RecipientChange("removed", ann))


def test_a_check_tells_findings_and_counts_and_no_file() -> None:
    found = Finding("ENC04", "block", "a Secret in plain text", "it is plain", "encrypt it", "a.yaml", line=4)
    files = (reports.clean().files[0]._replace(path="a.yaml", findings=(found,)), reports.clean().files[0])
    report = reports.check()._replace(files=files)
    assert render(report).splitlines() == [
        "sopskit check: staged, no key used, 2 files",
        "",
        "BLOCK ENC04 a Secret in plain text",
        "  a.yaml:4",
        "  it is plain",
        "  try: encrypt it",
        "",
        "not checked: b.yaml: broken YAML on line 3",
        "not checked without a key: MAC of 2 files, kinds of values",
        "undecided: 1 file could not be checked; findings: 1 block",
    ]


@pytest.mark.parametrize(
    ("status", "old", "new", "said"),
    [
        ("renamed", "dev", "dev", "renamed from old.yaml, nothing in it changed"),
        ("renamed", "dev", "prod", "renamed from old.yaml, moved from dev to prod, nothing in it changed"),
        ("renamed", "dev", None, "renamed from old.yaml, moved out of dev, nothing in it changed"),
        ("renamed", None, "prod", "renamed from old.yaml, moved into prod, nothing in it changed"),
        ("copied", "dev", "prod", "copied from old.yaml, copied from dev to prod, nothing in it changed"),
    ],
)
def test_where_a_file_comes_from_is_said(
    status: Literal["renamed", "copied"], old: str | None, new: str | None, said: str
) -> None:
    same = Operation("unchanged", "consistent", "renamed, nothing in it changed")
    file = FileReview(
        "a",
        status,
        old_path="old.yaml",
        old_environment=old,
        environment=new,
        encrypted=reports.BOTH,
        operations=(same,),
    )
    place = "a" if new is None else f"a ({new})"
    assert render(review(file)).splitlines()[-4] == f"{place}: {said}; decryption not tested"


def test_a_file_mode_is_said_once() -> None:
    same = Operation("unchanged", "consistent", "only the file mode changed")
    assert "\na: only the file mode changed\n" in render(review(FileReview("a", "mode-changed", operations=(same,))))


def test_why_a_mac_was_not_checked_with_a_key_is_told_apart() -> None:
    """One file is not for the keys at hand; of two the author is not known to be a reader."""
    file = reports.clean().files[0]._replace(changes=())
    files = tuple(file._replace(path=path) for path in "abc")
    left = (NotChecked("a", CLOSED, decisive=False), NotChecked("b", NOT_TOLD, decisive=False))
    report = ReviewDiff(*ENDS, files, left, mode="keyed", guard=Guard(True))
    assert render(report).splitlines()[-5:-1] == [
        f"not checked: a: {CLOSED}",
        f"not checked: b: {NOT_TOLD}",
        "not checked, no key at hand: MAC of 1 file",
        "the MAC of 2 files is not told: their author is not known to be a reader (docs/reviewing.md)",
    ]


def test_files_that_one_reason_kept_from_being_checked_are_one_line() -> None:
    left = tuple(NotChecked(path, "broken", decisive=True) for path in "abcde")
    assert "\nnot checked: a, b, c, d, e: broken\n" in render(review(not_checked=left))
    assert "not checked: a, b, c and 2 more: broken" in drawn(review(not_checked=left))


# --- what tells two things apart


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("a", "b", "a → b"),
        ("x" * 100, "x" * 99 + "y", f"…{'x' * 13} → …{'x' * 12}y"),
        ("x" * 100, "y" + "x" * 99, f"{'x' * 13}… → y{'x' * 12}…"),
        (f"{'p' * 60}1{'q' * 60}", f"{'p' * 60}2{'q' * 60}", f"…{'p' * 12}1{'q' * 12}… → …{'p' * 12}2{'q' * 12}…"),
        (f"{'p' * 60}{'q' * 60}", f"{'p' * 60}!{'q' * 60}", f"…{'p' * 12}{'q' * 12}… → …{'p' * 12}!{'q' * 12}…"),
        ("p" * 60 + "1" * 60, "p" * 60 + "2" * 60, f"…{'p' * 12}{'1' * 26}… → …{'p' * 12}{'2' * 26}…"),
    ],
)
def test_of_two_long_texts_what_differs_is_shown(old: str, new: str, said: str) -> None:
    assert apart((old, new), Voice(own=str, foreign=lambda text: shorten(text, 40), limit=40)) == said


@given(st.text("ab`|#:\n\\", max_size=300), st.text("ab`|#:\n\\", max_size=300))
def test_two_texts_never_look_the_same(old: str, new: str) -> None:
    for voice in (VOICE._replace(limit=40), markdown.CELL):
        shown = apart((old, new), voice).split(voice.arrow)
        assert len(set(shown)) == len({harmless(old), harmless(new)}) or len(shown) > 2


@pytest.mark.parametrize("width", [60, 110, 200])
def test_recipients_are_whole_at_any_width(width: int) -> None:
    shown = "".join(line.strip() for line in drawn(reports.plain(), width) if "age1" in line or "9k2" in line)
    assert reports.STRANGER.id[:20] in shown
    assert "…" not in shown


# --- on a terminal


def test_severities_are_coloured() -> None:
    findings = tuple(Finding("X", severity, "title", "", "", "a") for severity in SEVERITIES)
    lines = render(review(FileReview("a", "added", findings=findings)), colour=True).split("\n")
    assert [line for line in lines if "title" in line] == [
        "\x1b[1;31mBLOCK X title\x1b[0m",
        "\x1b[1;33mHIGH X title\x1b[0m",
        "\x1b[1;34mMEDIUM X title\x1b[0m",
        "\x1b[1mLOW X title\x1b[0m",
    ]


def test_changes_stand_in_columns() -> None:
    lines = drawn(reports.plain(), 120)
    assert lines[lines.index("  ~  data.LOG_LEVEL  changed  string, plain") + 1] == (
        "  ~  metadata.name   changed  string, plain; service1 → service-1"
    )


def test_long_tables_are_folded() -> None:
    lines = drawn(reports.five_thousand_changes())
    assert lines.count("  230 more; --format html or json shows all") == 20
    assert sum(line.startswith("  ~") for line in lines) == 400


def test_of_many_files_those_without_a_finding_are_one_line_each() -> None:
    lines = drawn(reports.five_hundred_files(), 200)
    assert sum(line.startswith("k8s/") and "looks like an edit" in line for line in lines) == 500
    assert sum(line.startswith("  ~") for line in lines) == 1
    assert lines[2:4] == ["", "BLOCK MAC02 the MAC is older than the file"]


@pytest.mark.parametrize("width", [20, 60, 200])
def test_nothing_is_wider_than_the_terminal(width: int) -> None:
    assert max(map(len, drawn(reports.keyed(), width))) <= width


def test_the_environment_decides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    before = render(reports.plain(), colour=True, width=90)
    for name, value in {"NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "20", "FORCE_COLOR": "0"}.items():
        monkeypatch.setenv(name, value)
    assert render(reports.plain(), colour=True, width=90) == before
