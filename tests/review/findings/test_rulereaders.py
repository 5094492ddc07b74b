"""RCP11: recipients that a change lists, in its files and in its rules."""

from __future__ import annotations

import json

from sopskit.config.sopskit_yaml import Name
from tests.review.findings.readers import (
    ALICE,
    ASKED,
    BASE,
    BOB,
    CLUSTER,
    PATH,
    WITH_BOB,
    found,
    lines,
    named,
    rules,
    state,
)


def test_a_recipient_that_the_change_itself_lists_is_told() -> None:
    base, head = state(BASE, ALICE, CLUSTER), state(WITH_BOB, ALICE, CLUSTER, BOB)
    assert lines(found(base, head, "RCP11")) == [f"high {PATH} {BOB}"]
    told = found(base, head, "RCP11", named(Name("bob", (BOB,))))
    assert lines(told) == [f"medium {PATH} bob ({BOB})"]
    assert found(state(BASE, ALICE, CLUSTER, BOB), head, "RCP11") == []


def test_a_first_rule_of_a_repository_lists_whom_it_wants() -> None:
    assert found({}, state(WITH_BOB, ALICE, CLUSTER, BOB), "RCP11") == []


def test_a_new_rule_may_list_whom_another_rule_listed_before() -> None:
    base = {".sops.yaml": rules(ALICE, CLUSTER, path="^dev/")}
    head = state(WITH_BOB, ALICE, CLUSTER, BOB)
    assert lines(found(base, head, "RCP11")) == [f"high {PATH} {BOB}"]
    base = {".sops.yaml": rules(ALICE, CLUSTER, BOB, path="^dev/")}
    assert found(base, head, "RCP11") == []


def test_a_rule_alone_is_told_at_the_rule() -> None:
    base = {PATH: BASE, ".sops.yaml": rules(ALICE, CLUSTER)}
    (finding,) = found(base, {**base, ".sops.yaml": rules(ALICE, CLUSTER, BOB)}, "RCP11")
    assert (finding.severity, finding.path, finding.line) == ("high", ".sops.yaml", 1)
    assert finding.args == {"recipient": BOB, "example": PATH}
    assert found(base, {**base, ".sops.yaml": rules(CLUSTER, ALICE) + b"\n"}, "RCP11") == []
    asked = named(Name("bob", (BOB,)))
    told = found(base, {**base, ".sops.yaml": rules(ALICE, CLUSTER, BOB)}, "RCP11", asked)
    assert lines(told) == [f"medium .sops.yaml bob ({BOB})"]


def test_a_rule_for_files_that_are_not_there_yet_is_told_too() -> None:
    base = {PATH: BASE, ".sops.yaml": rules(ALICE, CLUSTER, path="^prod/")}
    config = json.loads(base[".sops.yaml"])
    config["creation_rules"].append({"path_regex": "^qa/", "age": f"{CLUSTER},{BOB}"})
    (finding,) = found(base, {**base, ".sops.yaml": json.dumps(config).encode()}, "RCP11")
    assert (finding.severity, finding.args) == ("high", {"recipient": BOB})


def test_files_that_fall_to_a_rule_with_more_recipients_are_told() -> None:
    """Nothing was added to any rule: the nearer one is gone."""
    base = {PATH: BASE, ".sops.yaml": rules(ALICE, CLUSTER, BOB), "prod/.sops.yaml": rules(ALICE, CLUSTER)}
    head = {PATH: BASE, ".sops.yaml": base[".sops.yaml"]}
    assert lines(found(base, head, "RCP11")) == [f"high .sops.yaml {BOB}"]


# --- a target that is not base any more

OLD, NEW = rules(ALICE, CLUSTER, BOB), rules(ALICE, CLUSTER)


def test_the_rules_of_the_target_count_and_not_those_where_a_branch_began() -> None:
    asked = ASKED._replace(target={".sops.yaml": NEW})
    base, head = {".sops.yaml": OLD}, {".sops.yaml": OLD, PATH: WITH_BOB}
    (finding,) = found(base, head, "RCP11", asked)
    assert (finding.severity, "its target has taken it out" in finding.message) == ("high", True)
    assert found(base, head, "RCP11", ASKED._replace(target={".sops.yaml": OLD, "x": b""})) == []
    assert found(base, head, "RCP03", asked) == []


def test_a_name_does_not_help_somebody_whom_the_target_took_out() -> None:
    asked = named(Name("bob", (BOB,)))._replace(target={".sops.yaml": NEW})
    assert lines(found({".sops.yaml": OLD}, {".sops.yaml": OLD, PATH: WITH_BOB}, "RCP11", asked)) == [
        f"high {PATH} bob ({BOB})"
    ]


def test_a_recipient_that_neither_head_nor_target_lists_blocks() -> None:
    asked = ASKED._replace(target={".sops.yaml": rules(ALICE)})
    told = found({".sops.yaml": NEW}, {".sops.yaml": NEW, PATH: WITH_BOB}, "RCP03", asked)
    assert lines(told) == [f"block {PATH} {BOB}"]


def test_old_rules_that_a_branch_left_alone_are_not_told_at_the_rules() -> None:
    """A merge takes the target's; but a branch that writes the file anew brings the old ones back."""
    asked = ASKED._replace(target={".sops.yaml": NEW, PATH: BASE})
    base = {".sops.yaml": OLD, PATH: BASE}
    assert found(base, {**base, "README": b""}, "RCP11", asked) == []
    assert lines(found(base, {**base, ".sops.yaml": OLD + b"\n"}, "RCP11", asked)) == [f"high .sops.yaml {BOB}"]


def test_where_no_rule_is_for_a_file_one_whom_the_target_took_out_is_a_stranger() -> None:
    old, new = rules(ALICE, CLUSTER, BOB, path="^dev/"), rules(ALICE, CLUSTER, path="^dev/")
    base = {".sops.yaml": old, "dev/file.yaml": WITH_BOB}
    head = {**base, PATH: WITH_BOB}
    asked = named(Name("bob", (BOB,)))._replace(target={".sops.yaml": new, "dev/file.yaml": BASE})
    assert lines(found(base, head, "RCP03", asked)) == [f"high {PATH} bob ({BOB})"]
    assert found(base, head, "RCP03") == []
