"""Whether a file is what a reader of it wrote: each MAC policy on a change that breaks it, and on one close to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sopskit.age import parse_identity
from sopskit.sops.masterkeys import FixedKeyring
from tests.conftest import AgeTestKey, read_age_key
from tests.review.states import FIXTURES, MAC, Asked, commit_id, fixture, ids, reviewed

if TYPE_CHECKING:
    from sopskit.review.model import Finding
    from tests.review.conftest import Sops

PATH = "prod/file.yaml"
BASE = fixture("set", "base")
ASKED = Asked(policies=MAC)
HAND = "a bot, a formatter or a hand wrote it without sops"
BOT = "an update bot such as Renovate may have written it"
DAMAGED = [
    path.name
    for pattern in ("caught-*", "garbage-token", "replay", "merge", "hand-edit")
    for path in FIXTURES.glob(pattern)
]


def findings(base: bytes | None, head: bytes, asked: Asked = ASKED) -> list[Finding]:
    report = reviewed({} if base is None else {PATH: base}, {PATH: head}, asked)
    return list(report.findings)


def found(base: bytes | None, head: bytes, asked: Asked = ASKED) -> list[str]:
    return [f"{finding.id} {finding.severity}" for finding in findings(base, head, asked)]


def replaced(old: str, new: str, text: bytes = BASE) -> bytes:
    assert old.encode() in text
    return text.replace(old.encode(), new.encode())


def line(key: str, text: bytes = BASE) -> str:
    return next(one for one in text.decode().splitlines(keepends=True) if one.strip().startswith(key))


@pytest.fixture
def keyed(alice: AgeTestKey) -> Asked:
    return ASKED._replace(keyring=FixedKeyring((parse_identity(alice.identity),)))


# --- MAC01


def test_a_key_shows_that_the_mac_does_not_fit(keyed: Asked) -> None:
    assert "MAC01 block" in found(fixture("garbage-edit", "base"), fixture("garbage-edit"), keyed)
    assert found(fixture("garbage-edit", "base"), fixture("garbage-edit")) == []
    assert found(BASE, fixture("set"), keyed) == []


def test_whatever_sops_does_not_open_has_a_finding_with_a_key(keyed: Asked) -> None:
    trusted = keyed._replace(trusted=True)
    for case in DAMAGED:
        assert "MAC01 block" in found(fixture(case, "base"), fixture(case), trusted), case


# --- MAC02


@pytest.mark.parametrize("case", DAMAGED)
def test_a_mac_that_is_older_than_the_file_blocks(case: str) -> None:
    assert "MAC02 block" in found(fixture(case, "base"), fixture(case))


def test_the_changed_value_is_named_and_placed() -> None:
    (finding,) = findings(fixture("hand-edit", "base"), fixture("hand-edit"))
    assert (finding.line, finding.key) == (8, ("metadata", "labels", "tier"))
    assert finding.args == {"keys": "metadata.labels.tier"}
    assert finding.message == f"{{keys}} changed, the MAC did not: decrypting will fail; {HAND}"


def test_a_value_under_another_key_is_named() -> None:
    (finding,) = findings(fixture("caught-key-rename", "base"), fixture("caught-key-rename"))
    assert finding.args == {"keys": "stringData.DB_NAME"}
    assert "will not open" in finding.message


@pytest.mark.parametrize("case", ["set", "rotate", "updatekeys-added", "format-only", "blind-rename", "blind-shadow"])
def test_a_mac_that_may_be_right_does_not(case: str) -> None:
    assert "MAC02 block" not in found(fixture(case, "base"), fixture(case))


def test_lists_in_another_shape_are_no_change_of_the_rule() -> None:
    values = fixture("caught-list-swap", "base")
    first = next(one for one in values.splitlines() if one.strip().startswith(b"- ENC["))
    assert found(values, values.replace(first, first.replace(b"- ENC", b"- - ENC"))) == ["MAC05 high"]


def told_writer(head: bytes, asked: Asked = ASKED, *, base: bytes = BASE) -> str:
    (message,) = [finding.message for finding in findings(base, head, asked) if finding.id == "MAC02"]
    return message.partition("; ")[2]


def test_the_likely_writer_is_told() -> None:
    value = line("tier:")
    assert told_writer(replaced("tier: backend", "tier: frontend")) == HAND
    assert told_writer(replaced("tier: backend", "tier: frontend"), ASKED._replace(author="renovate[bot]")) == BOT
    swapped = replaced("    name: db\n    namespace: prod\n", "    namespace: prod\n    name: db\n")
    assert "a formatter that sorts" in told_writer(swapped)
    assert "put in from elsewhere" in told_writer(fixture("garbage-token"), base=fixture("garbage-token", "base"))
    folded = replaced(value, value.replace("backend", '"backend  "'))
    assert "spelled in another way" in told_writer(folded)


def test_a_raised_image_tag_is_a_bots() -> None:
    base = replaced("tier: backend", 'tier: backend\n    tag: "1.0"')
    assert told_writer(base.replace(b'"1.0"', b'"1.1"'), base=base) == BOT


def test_a_merge_as_text_is_told() -> None:
    ours, theirs = fixture("merge", "base"), fixture("merge", "theirs")
    asked = ASKED._replace(merged=[{PATH: ours}, {PATH: theirs}])
    (finding,) = findings(ours, fixture("merge"), asked)
    assert (finding.id, "two branches were merged as text" in finding.message) == ("MAC02", True)


# --- MAC03


def test_a_mac_that_is_missing_or_none_blocks() -> None:
    assert found(BASE, replaced(line("mac:"), "")) == ["MAC03 block"]
    assert found(None, replaced(line("mac:"), "")) == ["MAC03 block"]
    assert found(BASE, replaced(line("mac:"), "    mac: none\n")) == ["MAC03 block"]
    assert found(BASE, fixture("set")) == []


def test_a_mac_does_not_open_with_another_time() -> None:
    time = line("lastmodified:")
    assert found(BASE, replaced(time, '    lastmodified: "2026-01-02T03:04:05Z"\n')) == ["MAC03 block"]
    assert found(BASE, replaced('Z"', '.5Z"')) == []


# --- MAC04


def test_a_mac_over_encrypted_values_alone_is_told_when_it_begins_and_ends() -> None:
    head = fixture("caught-mac-only")
    (finding,) = [one for one in findings(fixture("caught-mac-only", "base"), head) if one.id == "MAC04"]
    assert finding.severity == "high"
    assert str(finding.args["keys"]).startswith("apiVersion, kind, metadata.name, metadata.namespace")
    assert "MAC04 high" in found(head, fixture("caught-mac-only", "base"))
    assert found(fixture("blind-mac-only", "base"), fixture("blind-mac-only", "base") + b"\n") == []


# --- MAC05


@pytest.mark.parametrize(
    ("case", "severity", "args"),
    [
        ("blind-rename", "high", {"keys": "metadata.labels.zone"}),
        ("blind-boundary", "high", {"keys": "metadata.name, metadata.namespace"}),
        ("blind-empty-key", "high", {"keys": "metadata.labels.team"}),
        ("blind-empty-covered-key", "high", {"keys": "stringData.EXTRA"}),
        ("blind-relabel", "high", {"keys": "stringData.DB_PIN"}),
        ("blind-comment-added", "low", {}),
        ("blind-comment-removed", "low", {}),
        ("blind-comment-replaced", "medium", {}),
        ("blind-selection", "high", {}),
        ("blind-mac-only", "medium", {"keys": "metadata.namespace"}),
    ],
)
def test_an_edit_that_the_mac_does_not_see_is_told(case: str, severity: str, args: dict[str, str]) -> None:
    (finding,) = findings(fixture(case, "base"), fixture(case))
    assert (finding.id, finding.severity, finding.args) == ("MAC05", severity, args)


def test_reordered_recipients_are_named() -> None:
    (finding,) = findings(fixture("blind-recipients-reordered", "base"), fixture("blind-recipients-reordered"))
    alice, cluster = (read_age_key(name).recipient for name in ("alice", "cluster"))
    assert (finding.severity, finding.args) == ("low", {"recipients": f"{cluster}, {alice}"})


@pytest.mark.parametrize("case", ["set", "edit-nothing-secret", "rotate", "updatekeys-added", "format-only"])
def test_what_sops_or_a_formatter_does_is_no_such_edit(case: str) -> None:
    assert found(fixture(case, "base"), fixture(case)) == []


def test_where_plain_values_are_left_out_an_image_tag_is_an_ordinary_change() -> None:
    base = replaced("type: Opaque", "type: Opaque\ntag: one", fixture("blind-mac-only", "base"))
    assert found(base, base.replace(b"tag: one", b"tag: two")) == ["MAC05 low"]


def test_a_blind_edit_stays_one_when_a_reader_writes_over_it(sops: Sops) -> None:
    edited = fixture("blind-rename")
    (sops.folder / "file.yaml").write_bytes(edited)
    sops("set", "file.yaml", '["stringData"]["DB_PASSWORD"]', '"canary-new"')
    head = sops.bytes()
    steps = [{PATH: edited}, {PATH: head}]
    (finding,) = findings(fixture("blind-rename", "base"), head, ASKED._replace(steps=steps))
    assert (finding.id, finding.severity, finding.commit) == ("MAC05", "high", commit_id(0xC0))
    assert finding.args == {"keys": "metadata.labels.zone", "commit": commit_id(0xC0)[:12]}


def test_a_blind_edit_that_was_taken_back_is_none() -> None:
    steps = [{PATH: fixture("blind-rename")}, {PATH: fixture("set")}]
    assert found(fixture("blind-rename", "base"), fixture("set"), ASKED._replace(steps=steps)) == []


# --- MAC06


def test_an_empty_entry_that_blanks_a_secret_blocks() -> None:
    (finding,) = findings(fixture("blind-shadow", "base"), fixture("blind-shadow"))
    assert (finding.id, finding.severity, finding.args) == ("MAC06", "block", {"keys": "stringData.token"})
    assert finding.line == fixture("blind-shadow").split(b'    token: ""')[0].count(b"\n") + 1
    assert found(None, fixture("blind-shadow")) == ["MAC06 block"]


def test_an_empty_entry_that_hides_nothing_or_was_there_before_does_not() -> None:
    assert found(fixture("blind-empty-covered-key", "base"), fixture("blind-empty-covered-key")) == ["MAC05 high"]
    again = replaced("# owner: payments", "# owner: us", fixture("blind-shadow"))
    assert found(fixture("blind-shadow"), again) == ["MAC05 low"]


# --- MAC07


def test_metadata_that_sops_did_not_write_is_told() -> None:
    (finding,) = findings(BASE, BASE + b"    note: x\n    other: y\n")
    assert (finding.id, finding.severity, finding.args) == ("MAC07", "medium", {"fields": "note, other"})
    assert found(BASE + b"    note: x\n", BASE + b"    note: y\n") == ["MAC07 medium"]
    assert found(BASE + b"    note: x\n", fixture("set") + b"    note: x\n") == []
    assert found(BASE, replaced("version: 3.13.3", "version: 3.9.0")) == ["MAC07 medium"]


def test_metadata_in_another_order_is_told_unless_sops_wrote_it() -> None:
    version = line("version:")
    moved = replaced("sops:\n", f"sops:\n{version}", replaced(version, ""))
    assert found(BASE, moved) == ["MAC07 medium"]
    assert found(moved, fixture("set")) == []


# --- all of them


def test_no_message_holds_text_of_the_file() -> None:
    for case in FIXTURES.glob("*/base.yaml"):
        head = case.with_name("head.yaml")
        for finding in findings(case.read_bytes(), head.read_bytes()) if head.exists() else ():
            assert "kube-system" not in f"{finding.message}{finding.args}"
            assert finding.message[0] in "{abcdefghijklmnopqrstuvwxyz"
            assert not finding.message.endswith(".")


def test_a_check_without_a_base_tells_what_one_side_shows() -> None:
    asked = ASKED._replace(policies=tuple(policy for policy in MAC if policy.check))
    assert ids(reviewed({}, {PATH: fixture("blind-shadow")}, asked)) == ["MAC06 block"]
    assert ids(reviewed({}, {PATH: BASE}, asked)) == []
