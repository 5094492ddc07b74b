"""What only says the same again in more rows is told in one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sopskit.review.model import Change, End, FileReview, ObjectChange, ObjectKey, ReviewDiff, Sides, Value
from sopskit.review.render import html, markdown, terminal
from tests.review.render import reports

if TYPE_CHECKING:
    from sopskit.review.model import ChangeKind

PLAIN: Sides[bool | None] = Sides(False, False)
ENDS = (End("main", "a" * 40), End("topic", "b" * 40))


def told(file: FileReview) -> list[str]:
    """The lines for one file."""
    lines = terminal.render(ReviewDiff(*ENDS, (file,))).splitlines()[2:]
    return lines[: lines.index("")]


def added(*path: str | int, encrypted: bool = True, **more: Any) -> Change:
    fields: dict[str, Any] = {
        "encrypted": Sides(None, encrypted),
        "type": Sides(None, "str"),
        "value": Sides(None, Value("opaque")),
    }
    return reports.change(path, "added", **(fields | more))


def object_of(*keys: str, change: Any = "added") -> ObjectChange:
    return ObjectChange("Secret", "prod", "api", tuple(ObjectKey(key, change, "stringData") for key in keys))


# --- new and removed files


SECRET = (
    added("kind", encrypted=False),
    added("metadata", "name", encrypted=False),
    added("stringData", "A"),
    added("stringData", "B"),
)


def test_a_new_plain_manifest_is_one_line() -> None:
    objects = (ObjectChange("Deployment", "prod", "api", ()), object_of("A", "B"))
    changes = (added("kind", encrypted=False), added("spec", "replicas", encrypted=False))
    file = FileReview("a.yaml", "added", encrypted=Sides(None, False), changes=changes, objects=objects)
    assert told(file) == ["a.yaml: new, plain: Deployment prod/api, Secret prod/api (2 keys)"]


def test_a_plain_file_that_is_gone_or_no_manifest_is_one_line() -> None:
    changes = (added("a", encrypted=False), added("b", encrypted=False))
    assert told(FileReview("a.yaml", "added", encrypted=Sides(None, False), changes=changes)) == [
        "a.yaml: new, plain, 2 values"
    ]
    gone = FileReview("a.yaml", "deleted", encrypted=Sides(False, None), objects=(object_of("A", change="removed"),))
    assert told(gone) == ["a.yaml: gone, was plain: Secret prod/api (1 key)"]


def test_a_new_secret_is_its_object_with_its_keys() -> None:
    file = FileReview("a.yaml", "added", encrypted=Sides(None, True), changes=SECRET, objects=(object_of("A", "B"),))
    assert told(file)[1:] == ["  + Secret prod/api: added (2 keys: A, B)"]


def test_what_a_key_tells_of_a_new_value_keeps_its_row() -> None:
    known = added("stringData", "B", value=Sides(None, Value("password", same_as=2)))
    file = FileReview(
        "a.yaml", "added", encrypted=Sides(None, True), changes=(*SECRET[:3], known), objects=(object_of("A", "B"),)
    )
    assert told(file)[1:] == [
        "  + Secret prod/api: added (2 keys: A, B)",
        "  + stringData.B: added (password (=2), encrypted)",
    ]


def test_a_new_encrypted_file_without_objects_names_its_keys() -> None:
    file = FileReview("a.yaml", "added", encrypted=Sides(None, True), changes=(added("A"), added("B")))
    assert told(file)[1:] == ["  + A: added (string, encrypted)", "  + B: added (string, encrypted)"]


def test_a_page_has_no_table_for_what_is_in_a_line() -> None:
    file = FileReview("a.yaml", "added", encrypted=Sides(None, True), changes=SECRET, objects=(object_of("A", "B"),))
    page = html.render(ReviewDiff(*ENDS, (file,)))
    assert 'class="changes"' not in page
    assert "In the cluster" in page


# --- .sops.yaml


def rule(number: int, *fields: str | int, kind: ChangeKind = "changed", texts: Any = None, parts: Any = ()) -> Change:
    """A change within a creation rule."""
    there = {"added": Sides(None, False), "removed": Sides(False, None)}.get(kind, PLAIN)
    types = Sides(*(None if side is None else "str" for side in there))
    values = Sides(*(None if side is None else Value("text") for side in there))
    if texts is not None:
        values = Sides(*(Value("text", text=text) for text in texts))
    path = ("creation_rules", number, *fields)
    return reports.change(path, kind, encrypted=there, type=types, value=values, parts=tuple(parts))


def rules(*changes: Change) -> list[str]:
    return told(FileReview(".sops.yaml", "modified", encrypted=PLAIN, changes=changes))[1:]


def test_a_list_of_recipients_tells_who_joined_and_who_left() -> None:
    assert rules(rule(0, "age", parts=("+ ben (age1b)", "- cara (age1c)"))) == [
        "  ~ creation_rules[0].age: changed (+ ben (age1b), - cara (age1c))"
    ]


def test_the_elements_of_a_list_are_one_change_and_who_only_moved_is_not_told() -> None:
    group = ("key_groups", 0, "age")
    changes = (
        rule(0, *group, 0, parts=("+ ben (age1b)", "- ann (age1a)")),
        rule(0, *group, 1, parts=("+ ann (age1a)", "- cara (age1c)")),
    )
    assert rules(*changes) == ["  ~ creation_rules[0].key_groups[0].age: changed (+ ben (age1b), - cara (age1c))"]


def test_a_rule_that_is_put_at_the_end_is_one_line_and_hides_no_other() -> None:
    changes = (
        rule(0, "age", parts=("+ ben (age1b)",)),
        rule(2, "path_regex", kind="added"),
        rule(2, "age", kind="added", parts=("+ dana (age1d)",)),
    )
    assert rules(*changes) == [
        "  + creation_rules: added (1 rule at the end; recipients in sum: + dana (age1d))",
        "  ~ creation_rules[0].age: changed (+ ben (age1b))",
    ]


def test_a_rule_between_others_is_one_line_with_whom_more_rules_list() -> None:
    """The rules for qa and dev stand one further on."""
    changes = (
        rule(1, "path_regex", texts=("^qa/", "^new/")),
        rule(1, "age", parts=("+ dana (age1d)", "- ann (age1a)")),
        rule(2, "path_regex", texts=("^dev/", "^qa/")),
        rule(2, "age", parts=("+ ann (age1a)", "- ben (age1b)")),
        rule(3, "path_regex", kind="added"),
        rule(3, "age", kind="added", parts=("+ ben (age1b)",)),
    )
    assert rules(*changes) == [
        "  + creation_rules: added (1 rule before [1], 6 values differ by position; recipients in sum: + dana (age1d))"
    ]


def test_a_rule_that_is_taken_out_is_told_the_same_way() -> None:
    changes = (
        rule(0, "path_regex", texts=("^old/", "^qa/")),
        rule(1, "path_regex", kind="removed"),
        rule(1, "pgp", kind="removed", parts=("- AB",)),
    )
    assert rules(*changes) == [
        "  - creation_rules: removed (1 rule from [0] on, 3 values differ by position; recipients in sum: - AB)"
    ]


def test_where_rules_stand_is_not_said_if_their_paths_do_not_tell() -> None:
    changes = (
        rule(0, "path_regex", texts=("^qa/", "^new/")),
        rule(1, "path_regex", texts=("^dev/", "^other/")),
        rule(2, "path_regex", kind="added"),
        rule(2, "age", kind="added"),
    )
    assert rules(*changes) == ["  + creation_rules: added (1 rule, 4 values differ by position)"]


def test_a_rule_that_gets_a_path_is_no_new_rule() -> None:
    assert rules(rule(0, "path_regex", kind="added")) == [
        "  + creation_rules[0].path_regex: added (string, plain)",
    ]


def test_only_a_rules_file_is_read_as_one() -> None:
    """Elsewhere a part that looks like a recipient is a part of a value."""
    change = rule(0, "age", parts=("+ ben",))
    file = FileReview("a.yaml", "modified", encrypted=PLAIN, changes=(change,))
    assert told(file)[1:] == ["  ~ creation_rules[0].age: changed (string, plain; changed: + ben)"]


def test_recipients_stand_in_a_comment_and_on_a_page() -> None:
    change = rule(0, "age", parts=("+ ben (age1b)", "- cara (age1c)"))
    report = ReviewDiff(*ENDS, (FileReview(".sops.yaml", "modified", encrypted=PLAIN, changes=(change,)),))
    assert "| `creation_rules[0].age` | changed | `+ ben (age1b)`, `- cara (age1c)` |" in markdown.render(report)
    assert '<span class="text"><code>+ ben (age1b)</code>, <code>- cara (age1c)</code></span>' in html.render(report)


# --- protection


@pytest.mark.parametrize(
    ("kind", "sides", "row", "object_line"),
    [
        (
            "decrypted",
            Sides(True, False),
            "  ~ stringData.A: now plain text (string, encrypted -> plain)",
            "  Secret prod/api: A now plain text",
        ),
        (
            "encrypted",
            Sides(False, True),
            "  ~ stringData.A: now encrypted (string, plain -> encrypted)",
            "  Secret prod/api: A now encrypted",
        ),
    ],
)
def test_a_value_that_lost_or_got_its_encryption_says_so(
    kind: ChangeKind, sides: Sides[bool | None], row: str, object_line: str
) -> None:
    change = reports.change(("stringData", "A"), kind, encrypted=sides)
    file = FileReview(
        "a.yaml", "modified", encrypted=reports.BOTH, changes=(change,), objects=(object_of("A", change=kind),)
    )
    assert told(file)[1:] == [row, object_line]
