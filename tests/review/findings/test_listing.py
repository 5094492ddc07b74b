"""RCP03, RCP04 and RCP10: recipients, and the rules and names that tell who they are."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from sopskit.config.sopskit_yaml import Name
from tests.review.findings.readers import ALICE, ASKED, BASE, BOB, CLUSTER, PATH, WITH_BOB, found, named, rules, state
from tests.review.states import fixture

if TYPE_CHECKING:
    from tests.review.conftest import Sops
    from tests.review.states import Asked


def test_a_recipient_that_the_rule_does_not_list_blocks() -> None:
    listed = (ALICE, CLUSTER)
    (finding,) = found(state(BASE, *listed), state(WITH_BOB, *listed), "RCP03")
    line = WITH_BOB.split(BOB.encode())[0].count(b"\n") + 1
    assert (finding.severity, finding.args, finding.line) == ("block", {"recipient": BOB}, line)
    assert found(state(BASE, *listed), state(WITH_BOB, *listed, BOB), "RCP03") == []
    assert found(state(BASE), state(WITH_BOB), "RCP03") == []


def test_one_that_was_there_before_is_not_told_again() -> None:
    before, after = fixture("updatekeys-edit"), fixture("updatekeys-edit").replace(b"tier", b"zone")
    assert found(state(before, ALICE, CLUSTER), state(after, ALICE, CLUSTER), "RCP03") == []
    assert [one.args for one in found({}, state(before, ALICE, CLUSTER), "RCP03")] == [{"recipient": BOB}]


def test_a_file_that_moved_below_another_rule_is_judged_anew() -> None:
    config = {
        "creation_rules": [
            {"path_regex": "^dev/", "age": f"{ALICE},{CLUSTER}"},
            {"path_regex": "^prod/", "age": ALICE},
        ]
    }
    base = {"dev/file.yaml": BASE, ".sops.yaml": json.dumps(config).encode()}
    head = {PATH: BASE, ".sops.yaml": base[".sops.yaml"]}
    asked = ASKED._replace(renamed={PATH: "dev/file.yaml"})
    assert [finding.args for finding in found(base, head, "RCP03", asked)] == [{"recipient": CLUSTER}]
    inside = {"dev/other.yaml": BASE, ".sops.yaml": base[".sops.yaml"]}
    assert found(base, inside, "RCP03", ASKED._replace(renamed={"dev/other.yaml": "dev/file.yaml"})) == []


def test_a_file_that_was_rotated_while_it_moved_is_known_again(sops: Sops) -> None:
    """Git takes it for a new file; who was in it before is no news, who is not was let in by the change."""
    (sops.folder / "file.yaml").write_bytes(BASE)
    sops("rotate", "--in-place", "--add-age", BOB, "file.yaml")
    listed = rules(ALICE)
    base, head = {"prod/old.yaml": BASE, ".sops.yaml": listed}, state(sops.bytes(), ALICE)
    assert [one.args for one in found(base, head, "RCP03")] == [{"recipient": BOB}]
    assert [one.args for one in found({".sops.yaml": listed}, head, "RCP03")] == [
        {"recipient": CLUSTER},
        {"recipient": BOB},
    ]


# --- RCP03 where no rule is for the file

ELSEWHERE = {"dev/file.yaml": BASE, ".sops.yaml": rules(ALICE, CLUSTER, path="^dev/")}


def test_without_a_rule_a_recipient_that_nothing_else_knows_is_a_stranger() -> None:
    (finding,) = found(ELSEWHERE, {**ELSEWHERE, PATH: WITH_BOB}, "RCP03")
    assert (finding.severity, finding.path, finding.args) == ("high", PATH, {"recipient": BOB})
    assert "no rule is for this file" in finding.message


@pytest.mark.parametrize(
    ("known", "asked"),
    [
        ({".sops.yaml": rules(ALICE, CLUSTER, BOB, path="^dev/")}, ASKED),
        ({"dev/other.yaml": WITH_BOB}, ASKED),
        ({}, named(Name("bob", (BOB,)))),
    ],
    ids=["by a rule", "by a file", "by a name"],
)
def test_one_that_is_known_is_none(known: dict[str, bytes], asked: Asked) -> None:
    base = {**ELSEWHERE, **known}
    assert found(base, {**base, PATH: WITH_BOB}, "RCP03", asked) == []


def test_a_text_in_a_file_of_another_kind_makes_nobody_known() -> None:
    base = {**ELSEWHERE, "notes.yaml": f"sops: ENC[{BOB}]".encode(), "dev/b.yaml": BASE + f"# {BOB}\n".encode()}
    assert [one.args for one in found(base, {**base, PATH: WITH_BOB}, "RCP03")] == [{"recipient": BOB}]


def test_rules_of_head_make_nobody_known() -> None:
    head = {**ELSEWHERE, ".sops.yaml": rules(ALICE, CLUSTER, BOB, path="^dev/"), PATH: WITH_BOB}
    assert [one.args for one in found(ELSEWHERE, head, "RCP03")] == [{"recipient": BOB}]


# --- RCP04


def test_a_listed_recipient_that_cannot_read_the_file_is_told() -> None:
    everybody = (ALICE, CLUSTER, BOB)
    (finding,) = found(state(BASE, ALICE, CLUSTER), state(fixture("set"), *everybody), "RCP04")
    assert (finding.severity, finding.path, finding.args) == ("medium", PATH, {"recipients": BOB})
    assert found(state(BASE, *everybody), state(WITH_BOB, *everybody), "RCP04") == []


def test_one_that_could_not_read_it_before_either_weighs_less() -> None:
    everybody = (ALICE, CLUSTER, BOB)
    (finding,) = found(state(BASE, *everybody), state(fixture("set"), *everybody), "RCP04")
    assert finding.severity == "low"


def test_files_that_a_new_rule_leaves_behind_are_counted_at_the_rule() -> None:
    others = {f"prod/{number}.yaml": BASE for number in range(7)}
    base = {**others, ".sops.yaml": rules(ALICE, CLUSTER)}
    (finding,) = found(base, {**others, ".sops.yaml": rules(ALICE, CLUSTER, BOB)}, "RCP04")
    assert (finding.path, finding.line, finding.args["count"]) == (".sops.yaml", 1, 7)
    assert str(finding.args["files"]).startswith("prod/0.yaml, prod/1.yaml")
    assert found(base, {**others, ".sops.yaml": rules(ALICE)}, "RCP04") == []
    one = {PATH: BASE, ".sops.yaml": rules(ALICE, CLUSTER)}
    (finding,) = found(one, {**one, ".sops.yaml": rules(ALICE, CLUSTER, BOB)}, "RCP04")
    assert finding.message == "{files} lacks recipients that the rule for it lists now"


# --- RCP10


def test_a_recipient_without_a_name_is_told_where_there_are_names() -> None:
    (finding,) = found(state(BASE), state(WITH_BOB), "RCP10", named(Name("flux", (CLUSTER,))))
    assert (finding.severity, finding.args) == ("low", {"recipient": BOB})
    assert found(state(BASE), state(WITH_BOB), "RCP10", named(Name("bob", (BOB,)))) == []


def test_where_nobody_is_named_only_one_that_is_added_to_a_file_is_told() -> None:
    everybody = (ALICE, CLUSTER, BOB)
    (finding,) = found(state(BASE, *everybody), state(WITH_BOB, *everybody), "RCP10")
    assert (finding.severity, finding.path, finding.args) == ("low", PATH, {"recipient": BOB})
    assert found({".sops.yaml": rules(*everybody)}, state(WITH_BOB, *everybody), "RCP10") == []
    assert found(state(BASE, ALICE, CLUSTER), state(WITH_BOB, *everybody), "RCP10") == []  # RCP11 tells


def test_without_rules_and_names_one_that_reads_no_other_file_weighs_more() -> None:
    beside = {"dev/file.yaml": BASE}
    told = found(beside, {**beside, PATH: WITH_BOB}, "RCP10")
    assert [(one.severity, one.path, one.args) for one in told] == [("medium", PATH, {"recipient": BOB})]
    assert [one.severity for one in found(state(BASE), state(WITH_BOB), "RCP10")] == ["medium"]
    known = {"dev/file.yaml": WITH_BOB}
    assert found(known, {**known, PATH: WITH_BOB}, "RCP10") == []


def test_the_first_encrypted_file_of_a_repository_is_for_whom_it_wants() -> None:
    assert found({"README.md": b"sops"}, {PATH: WITH_BOB, "README.md": b"sops"}, "RCP10") == []
