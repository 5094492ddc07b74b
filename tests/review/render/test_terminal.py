"""The review as a person sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sopskit.review.model import (
    Change,
    Commit,
    FileReview,
    Finding,
    NotChecked,
    Operation,
    Recipient,
    RecipientChange,
    ReviewDiff,
    Sides,
)
from sopskit.review.render.terminal import render

if TYPE_CHECKING:
    from sopskit.review.model import Severity

BOTH: Sides[bool | None] = Sides(True, True)
NONE: Sides[Any] = Sides(None, None)


def review(*files: FileReview, not_checked: tuple[NotChecked, ...] = ()) -> ReviewDiff:
    return ReviewDiff(Commit("main", "a" * 40), Commit("topic", "b" * 40), files, not_checked)


def test_everything_that_happened_to_a_file_is_there_in_few_words() -> None:
    ann, ben = Recipient("age", "age1ann"), Recipient("pgp", "BEN")
    file = FileReview(
        path="new.yaml",
        old_path="old\n.yaml",
        status="renamed",
        encrypted=BOTH,
        operations=(Operation("edit", "consistent", "looks like an edit"),),
        changes=(
            Change(0, ("data", "a"), "changed", BOTH, Sides("int", "str"), NONE, NONE, certain=False),
            Change(1, ("data", "b"), "added", Sides(None, False), Sides(None, "str"), NONE, NONE),
            Change(0, (), "comment", BOTH, NONE, NONE, NONE),
        ),
        recipients=Sides((ann,), (ben,)),
        rules=Sides({"encrypted_regex": "^data$"}, {"encrypted_regex": "\x1b"}),
        findings=(
            Finding("LOW1", "low", "a title", "says {who}", "do this", "new.yaml", args={"who": "\x07{who}"}),
            Finding("BAD1", "block", "worse", "text", "do that", "new.yaml", line=3, key=("data", "a")),
        ),
    )
    assert render(review(file)).split("\n") == [
        "sopskit review: main aaaaaaaaaaaa -> topic bbbbbbbbbbbb, no key used, 1 file",
        "",
        "BLOCK BAD1 worse",
        "  new.yaml:3 data.a",
        "  text",
        "  try: do that",
        "",
        "LOW LOW1 a title",
        "  new.yaml",
        "  says \\x07{who}",
        "  try: do this",
        "",
        "new.yaml (was old\\n.yaml): renamed",
        "  looks like an edit",
        "  + recipient pgp BEN",
        "  - recipient age age1ann",
        "  - rule encrypted_regex: ^data$",
        "  + rule encrypted_regex: \\x1b",
        "  ~ data.a: changed (int -> str, encrypted), as far as can be seen without a key",
        "  + data.b (document 2): added (str, plain)",
        "  ~ comments of the top level changed",
        "",
        "findings: 1 block, 1 low; MACs are not checked without a key",
        "",
    ]
    assert file.recipient_changes == (RecipientChange("added", ben), RecipientChange("removed", ann))


def test_only_severe_findings_are_coloured() -> None:
    severities: tuple[Severity, ...] = ("block", "high", "medium", "low")
    findings = tuple(Finding("X", severity, "title", "", "", "a") for severity in severities)
    lines = render(review(FileReview("a", "added", findings=findings)), colour=True).split("\n")
    assert [line for line in lines if "title" in line] == [
        "\x1b[1;31mBLOCK X title\x1b[0m",
        "\x1b[1;33mHIGH X title\x1b[0m",
        "MEDIUM X title",
        "LOW X title",
    ]


def test_what_could_not_be_read_makes_it_undecided() -> None:
    result = review(not_checked=(NotChecked("a\x1b.yaml", "broken", decisive=True),))
    assert render(result).splitlines()[1:] == [
        "",
        "not checked: a\\x1b.yaml: broken",
        "",
        "undecided: an encrypted file could not be read",
    ]
    assert result.exit_code == 2


def test_the_threshold_decides_which_findings_fail() -> None:
    file = FileReview("a", "added", findings=(Finding("X", "medium", "", "", "", "a"),))
    verdicts = {
        threshold: ReviewDiff(Commit("", ""), Commit("", ""), (file,), threshold=threshold).exit_code
        for threshold in ("block", "high", "medium", "low")
    }
    assert verdicts == {"block": 0, "high": 0, "medium": 1, "low": 1}


def test_recipients_of_a_new_file_are_no_change() -> None:
    one = Recipient("age", "age1x")
    assert FileReview("a", "added", encrypted=Sides(None, True), recipients=Sides((), (one,))).recipient_changes == ()
