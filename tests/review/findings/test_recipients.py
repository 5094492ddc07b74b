"""Who can read a file: each RCP policy on a change that breaks it, and on one close to it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from sopskit.age import parse_identity
from sopskit.config.sopskit_yaml import Environment, Name, TeamConfig
from sopskit.sops.masterkeys import FixedKeyring
from tests.conftest import ROOT, AgeTestKey, read_age_key
from tests.review.states import RCP, Asked, fixture, ids, reviewed

if TYPE_CHECKING:
    from sopskit.review.model import Finding
    from tests.review.conftest import Sops

ALICE, BOB, CLUSTER = (read_age_key(name).recipient for name in ("alice", "bob", "cluster"))
PATH = "prod/file.yaml"
BASE = fixture("updatekeys-added", "base")
WITH_BOB = fixture("updatekeys-added")
WITHOUT_CLUSTER = fixture("updatekeys-removed")
KEYS = "data.token, stringData.DB_PASSWORD, stringData.DB_HOST, stringData.DB_PIN"
ASKED = Asked(policies=RCP)
GROUPS = (ROOT / "fixtures" / "sops" / "3.13.3" / "key-groups.yaml").read_bytes()


def rules(*recipients: str, path: str = "") -> bytes:
    return json.dumps({"creation_rules": [{"path_regex": path, "age": ",".join(recipients)}]}).encode()


def state(data: bytes, *listed: str) -> dict[str, bytes]:
    return {PATH: data, **({".sops.yaml": rules(*listed)} if listed else {})}


def named(*names: Name, protected: bool = False) -> Asked:
    team = TeamConfig((Environment("prod", ("prod/**",), protected), Environment("dev", ("dev/**",))), names)
    return ASKED._replace(team=team)


def found(base: dict[str, bytes], head: dict[str, bytes], id: str, asked: Asked = ASKED) -> list[Finding]:
    return [finding for finding in reviewed(base, head, asked).findings if finding.id == id]


# --- RCP01 and RCP02: who left


def test_a_removed_recipient_knows_the_data_key_until_it_is_rotated() -> None:
    (finding,) = found(state(BASE), state(WITHOUT_CLUSTER), "RCP01")
    assert (finding.severity, finding.args) == ("medium", {"recipient": CLUSTER})
    assert "rotate" in finding.remedy
    rotated = fixture("rotate-removed", "base"), fixture("rotate-removed")
    assert found(state(rotated[0]), state(rotated[1]), "RCP01") == []
    assert found(state(BASE), state(WITH_BOB), "RCP01") == []


def test_a_recipient_is_told_by_its_name() -> None:
    (finding,) = found(state(BASE), state(WITHOUT_CLUSTER), "RCP01", named(Name("flux", (CLUSTER,))))
    assert finding.args == {"recipient": f"flux ({CLUSTER})"}


def test_values_that_a_removed_recipient_knows_are_named() -> None:
    (finding,) = found(state(BASE), state(WITHOUT_CLUSTER), "RCP02")
    assert finding.args == {"recipient": CLUSTER, "count": 4, "keys": KEYS}
    assert (finding.severity, "are still the old ones" in finding.message) == ("medium", True)


def test_through_a_rotation_they_only_look_like_the_old_ones() -> None:
    (finding,) = found(state(fixture("rotate-removed", "base")), state(fixture("rotate-removed")), "RCP02")
    assert finding.args == {"recipient": CLUSTER, "count": 4, "keys": KEYS}
    assert "look like the old ones" in finding.message


def test_a_new_value_is_none_that_a_removed_recipient_knows(sops: Sops, alice: AgeTestKey) -> None:
    (sops.folder / "file.yaml").write_bytes(BASE)
    for key in ('["data"]["token"]', *(f'["stringData"]["DB_{name}"]' for name in ("PASSWORD", "HOST", "PIN"))):
        sops("set", "file.yaml", key, '"canary-new"')
    sops("rotate", "--in-place", "--rm-age", CLUSTER, "file.yaml")
    keyed = ASKED._replace(keyring=FixedKeyring((parse_identity(alice.identity),)), trusted=True)
    assert found(state(BASE), state(sops.bytes()), "RCP02", keyed) == []


def test_after_a_reencryption_only_a_key_tells_which_are_the_old_ones(sops: Sops, alice: AgeTestKey) -> None:
    (sops.folder / "file.yaml").write_bytes(BASE)
    sops("decrypt", "--in-place", "file.yaml")
    text = (sops.folder / "file.yaml").read_text().replace("first-canary", "second-canary")
    head = sops.encrypted(text, "--encrypted-regex", "^(data|stringData)$")
    (finding,) = found(state(BASE), state(head), "RCP02")
    assert (finding.args, "only a private key tells" in finding.message) == ({"recipient": CLUSTER}, True)
    keyed = ASKED._replace(keyring=FixedKeyring((parse_identity(alice.identity),)), trusted=True)
    (finding,) = found(state(BASE), state(head), "RCP02", keyed)
    assert finding.args["keys"] == "data.token, stringData.DB_HOST, stringData.DB_PIN"


def test_who_left_earlier_is_remembered(sops: Sops) -> None:
    (sops.folder / "file.yaml").write_bytes(WITHOUT_CLUSTER)
    sops("set", "file.yaml", '["stringData"]["DB_PASSWORD"]', '"canary-new"')
    asked = ASKED._replace(older=[state(BASE)])
    (finding,) = found(state(WITHOUT_CLUSTER), state(sops.bytes()), "RCP02", asked)
    assert finding.severity == "low"
    assert finding.args == {
        "recipient": CLUSTER,
        "count": 3,
        "keys": "data.token, stringData.DB_HOST, stringData.DB_PIN",
    }
    assert found(state(WITHOUT_CLUSTER), state(sops.bytes()), "RCP02") == []


# --- RCP03, RCP04 and RCP11: the creation rules


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


def test_a_recipient_that_the_change_itself_lists_is_told() -> None:
    base, head = state(BASE, ALICE, CLUSTER), state(WITH_BOB, ALICE, CLUSTER, BOB)
    (finding,) = found(base, head, "RCP11")
    assert (finding.severity, finding.args) == ("high", {"recipient": BOB})
    (finding,) = found(base, head, "RCP11", named(Name("bob", (BOB,))))
    assert (finding.severity, finding.args) == ("medium", {"recipient": f"bob ({BOB})"})
    assert found(state(BASE, ALICE, CLUSTER, BOB), head, "RCP11") == []


def test_a_first_rule_of_a_repository_lists_whom_it_wants() -> None:
    assert found({}, state(WITH_BOB, ALICE, CLUSTER, BOB), "RCP11") == []


def test_a_new_rule_may_list_whom_another_rule_listed_before() -> None:
    base = {".sops.yaml": rules(ALICE, CLUSTER, path="^dev/")}
    assert [one.args for one in found(base, state(WITH_BOB, ALICE, CLUSTER, BOB), "RCP11")] == [{"recipient": BOB}]
    base = {".sops.yaml": rules(ALICE, CLUSTER, BOB, path="^dev/")}
    assert found(base, state(WITH_BOB, ALICE, CLUSTER, BOB), "RCP11") == []


# --- RCP05, RCP06 and RCP10: the team's names


def test_a_required_recipient_that_is_missing_blocks() -> None:
    asked = named(Name("flux", (CLUSTER,), required_in=("prod",)))
    (finding,) = found(state(BASE), state(WITHOUT_CLUSTER), "RCP05", asked)
    assert (finding.severity, finding.args) == ("block", {"name": "flux", "environment": "prod"})
    assert found(state(BASE), state(WITH_BOB), "RCP05", asked) == []
    assert found({"dev/a.yaml": BASE}, {"dev/a.yaml": WITHOUT_CLUSTER}, "RCP05", asked) == []


def test_any_key_of_somebody_required_is_enough() -> None:
    asked = named(Name("people", (BOB, ALICE), required_in=("prod",)))
    assert found(state(BASE), state(WITHOUT_CLUSTER), "RCP05", asked) == []


def test_one_that_was_missing_before_weighs_less() -> None:
    asked = named(Name("bob", (BOB,), required_in=("prod",)))
    assert [one.severity for one in found(state(BASE), state(fixture("set")), "RCP05", asked)] == ["medium"]


def test_a_forbidden_recipient_blocks() -> None:
    asked = named(Name("bob", (BOB,), forbidden_in=("prod",)))
    (finding,) = found(state(BASE), state(WITH_BOB), "RCP06", asked)
    assert (finding.severity, finding.args) == ("block", {"recipient": f"bob ({BOB})", "environment": "prod"})
    assert found({"dev/a.yaml": BASE}, {"dev/a.yaml": WITH_BOB}, "RCP06", asked) == []
    again = fixture("updatekeys-edit").replace(b"tier", b"zone")
    assert [one.severity for one in found(state(WITH_BOB), state(again), "RCP06", asked)] == ["medium"]


def test_a_forbidden_recipient_comes_with_a_file_that_moves() -> None:
    asked = named(Name("bob", (BOB,), forbidden_in=("prod",)))._replace(renamed={PATH: "dev/file.yaml"})
    (finding,) = found({"dev/file.yaml": WITH_BOB}, {PATH: WITH_BOB}, "RCP06", asked)
    assert finding.severity == "block"


def test_a_recipient_without_a_name_is_told_where_there_are_names() -> None:
    (finding,) = found(state(BASE), state(WITH_BOB), "RCP10", named(Name("flux", (CLUSTER,))))
    assert (finding.severity, finding.args) == ("low", {"recipient": BOB})
    assert found(state(BASE), state(WITH_BOB), "RCP10", named(Name("bob", (BOB,)))) == []
    assert found(state(BASE), state(WITH_BOB), "RCP10") == []


# --- RCP07 and RCP09: the lists themselves


def test_the_last_recipient_but_one_leaves() -> None:
    (finding,) = found(state(BASE), state(WITHOUT_CLUSTER), "RCP07")
    assert (finding.severity, "only one recipient" in finding.message) == ("low", True)
    assert found(state(BASE), state(WITH_BOB), "RCP07") == []


def test_a_new_file_for_one_reader_is_ordinary() -> None:
    assert found({}, state(WITHOUT_CLUSTER), "RCP07", named(protected=True)) == []


def test_a_recipient_that_stands_there_twice_is_told() -> None:
    twice = WITH_BOB.replace(BOB.encode(), ALICE.encode())
    (finding,) = found(state(BASE), state(twice), "RCP07")
    assert (finding.severity, finding.args) == ("low", {"recipient": ALICE})
    assert found(state(twice), state(twice.replace(b"tier", b"zone")), "RCP07") == []


def test_a_recipient_of_two_key_groups_weighs_more() -> None:
    (finding,) = found(state(GROUPS), state(GROUPS.replace(BOB.encode(), ALICE.encode())), "RCP07")
    assert (finding.severity, finding.args) == ("medium", {"recipient": ALICE})
    assert found({}, state(GROUPS), "RCP07") == []


def test_a_text_that_is_no_recipient_is_told() -> None:
    broken = WITH_BOB.replace(BOB.encode(), BOB[:-1].encode())
    (finding,) = found(state(BASE), state(broken), "RCP07")
    assert finding.args == {"recipient": BOB[:-1]}


@pytest.mark.parametrize(
    ("threshold", "severities"), [(b"1", ["block"]), (b"2", []), (b"3", [])], ids=["lower", "same", "higher"]
)
def test_a_lower_threshold_blocks(threshold: bytes, severities: list[str]) -> None:
    head = GROUPS.replace(b"shamir_threshold: 2", b"shamir_threshold: " + threshold).replace(b"lastm", b"#\n    lastm")
    assert [one.severity for one in found(state(GROUPS), state(head), "RCP09")] == severities


def test_a_file_without_its_key_groups_opens_with_one() -> None:
    (finding,) = found(state(GROUPS), state(BASE), "RCP09")
    assert finding.args == {"before": 2, "after": 1}


def test_fewer_groups_of_which_as_many_are_needed_weigh_less() -> None:
    text = GROUPS.decode()
    groups = re.split(r"(?m)^(?=        - )", text[text.index("key_groups:\n") : text.index("    lastmodified")])
    head = text.replace(groups[1], "")
    (finding,) = found(state(GROUPS), state(head.encode()), "RCP09")
    assert (finding.severity, finding.args) == ("medium", {"before": 3, "after": 2})


def test_a_whole_review_tells_who_came_and_who_left() -> None:
    report = reviewed(state(BASE, ALICE, CLUSTER), state(WITHOUT_CLUSTER, ALICE, CLUSTER), ASKED)
    assert ids(report) == ["RCP01 medium", "RCP02 medium", "RCP04 medium", "RCP07 low"]
