"""Data keys, IVs and ciphertexts: each CRY policy on a change that breaks it, and on one close to it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from sopskit.age import parse_identity
from sopskit.config.sopskit_yaml import Environment, TeamConfig
from sopskit.review.sides import read_side
from sopskit.sops.masterkeys import FixedKeyring
from tests.conftest import AgeTestKey, read_age_key
from tests.review.states import CRY, DAY, Asked, commit_id, fixture, reviewed

if TYPE_CHECKING:
    from sopskit.review.model import Finding

PATH = "prod/file.yaml"
BASE = fixture("set", "base")
ASKED = Asked(policies=CRY)
REKEYED = (
    "rotate",
    "rotate-edit",
    "rotate-removed",
    "reencrypt",
    "reencrypt-replaced",
    "forged-rotation",
    "forged-whole",
)


def findings(base: bytes | None, head: bytes, asked: Asked = ASKED) -> list[Finding]:
    return list(reviewed({} if base is None else {PATH: base}, {PATH: head}, asked).findings)


def found(base: bytes | None, head: bytes, asked: Asked = ASKED) -> list[str]:
    return [f"{finding.id} {finding.severity}" for finding in findings(base, head, asked)]


def of_case(case: str, asked: Asked = ASKED) -> list[str]:
    return found(fixture(case, "base"), fixture(case), asked)


def in_environment(environment: Environment) -> Asked:
    return ASKED._replace(team=TeamConfig((environment,)))


def token(name: str, text: bytes = BASE) -> str:
    return next(one.split(": ", 1)[1] for one in text.decode().splitlines() if one.strip().startswith(f"{name}:"))


@pytest.fixture
def keyed(alice: AgeTestKey) -> Asked:
    return ASKED._replace(keyring=FixedKeyring((parse_identity(alice.identity),)))


# --- CRY01 and CRY02: a new data key


def test_a_key_and_a_known_author_show_that_nothing_changed(keyed: Asked) -> None:
    (finding,) = findings(fixture("reencrypt", "base"), fixture("reencrypt"), keyed._replace(trusted=True))
    assert (finding.id, finding.severity, finding.args) == ("CRY01", "low", {"count": 4})
    assert of_case("reencrypt-replaced", keyed._replace(trusted=True)) == []
    assert of_case("rotate", keyed._replace(trusted=True)) == []


@pytest.mark.parametrize("case", REKEYED)
def test_a_new_data_key_is_told_without_a_key(case: str) -> None:
    assert of_case(case) == ["CRY02 medium"]


@pytest.mark.parametrize("case", REKEYED)
def test_a_key_alone_does_not_clear_it_while_the_author_may_be_a_stranger(case: str, keyed: Asked) -> None:
    (finding,) = findings(fixture(case, "base"), fixture(case), keyed)
    assert (finding.id, finding.severity) == ("CRY02", "medium")
    assert "not known to be a reader" in finding.message


@pytest.mark.parametrize("case", ["rotate", "rotate-edit", "rotate-removed", "reencrypt-replaced"])
def test_a_key_and_a_known_author_clear_it(case: str, keyed: Asked) -> None:
    assert of_case(case, keyed._replace(trusted=True)) == []


@pytest.mark.parametrize("case", ["set", "edit", "updatekeys-added", "updatekeys-edit", "format-only", "encrypt"])
def test_the_old_data_key_is_no_finding(case: str) -> None:
    assert of_case(case) == []


@pytest.mark.parametrize(
    ("environment", "severity"),
    [
        (Environment("prod", ("prod/**",), protected=True), "high"),
        (Environment("prod", ("prod/**",), writers="public-key"), "low"),
        (Environment("prod", ("prod/**",), protected=True, writers="public-key"), "low"),
        (Environment("dev", ("dev/**",), protected=True), "medium"),
    ],
    ids=["protected", "public-key", "both", "another"],
)
def test_its_weight_is_that_of_the_environment(environment: Environment, severity: str) -> None:
    assert of_case("rotate", in_environment(environment)) == [f"CRY02 {severity}"]


def test_a_file_of_which_nothing_is_left_may_be_another_one() -> None:
    head = fixture("reencrypt").decode()
    for name in ("token", "DB_PASSWORD", "DB_HOST", "DB_PIN"):
        head = head.replace(f"{name}: ENC", f"{name}2: ENC")
    assert found(fixture("reencrypt", "base"), head.encode()) == ["CRY02 medium"]


def wrapped(data: bytes) -> dict[str, list[str]]:
    """The lines of each recipient's wrapped key."""
    metadata = read_side("x.yaml", data).metadata
    assert metadata is not None
    return {key.id: key.enc.splitlines() for key in metadata.master_keys()}


def with_key_of(data: bytes, other: bytes, recipient: str) -> bytes:
    """A file with the wrapped key that another version has for a recipient."""
    text = data.decode()
    for old, new in zip(wrapped(data)[recipient], wrapped(other)[recipient], strict=True):
        text = text.replace(old, new)
    return text.encode()


def test_a_new_wrapped_key_for_some_recipients_alone_weighs_more() -> None:
    cluster, alice = read_age_key("cluster").recipient, read_age_key("alice").recipient
    base, head = fixture("rotate", "base"), with_key_of(fixture("rotate"), fixture("rotate", "base"), alice)
    (finding,) = [one for one in findings(base, head) if one.id == "CRY02"]
    assert (finding.severity, finding.args) == ("high", {"recipients": cluster})


def test_an_old_wrapped_key_that_is_kept_beside_new_ones_hides_nothing() -> None:
    head, alice = fixture("rotate").decode(), read_age_key("alice").recipient
    start, end = head.index("        - enc: |"), head.index("    encrypted_regex")
    both = with_key_of(fixture("rotate"), fixture("rotate", "base"), alice).decode()[start:end]
    told = found(fixture("rotate", "base"), (head[:end] + both + head[end:]).encode())
    assert told == ["CRY02 high"]


def test_a_wrapped_key_for_a_new_recipient_alone_is_ordinary_where_values_stayed() -> None:
    base, head = fixture("updatekeys-added", "base"), fixture("updatekeys-added")
    for name in ("alice", "cluster"):
        head = with_key_of(head, base, read_age_key(name).recipient)
    assert found(base, head) == []


# --- CRY03: a shared data key


def test_a_copy_shares_its_data_key() -> None:
    files = {"dev/file.yaml": fixture("copy", "beside")}
    (finding,) = reviewed(files, {**files, PATH: fixture("copy-edit")}, ASKED).findings
    assert (finding.id, finding.severity, finding.path) == ("CRY03", "medium", PATH)
    assert finding.args == {"other": "dev/file.yaml", "count": 0}
    rotated = {**files, PATH: fixture("rotate")}
    assert list(reviewed(files, rotated, ASKED).findings) == []


def test_a_copy_that_git_sees_shares_its_data_key_too() -> None:
    files = {"dev/file.yaml": BASE}
    asked = ASKED._replace(copied={PATH: "dev/file.yaml"})
    for head in (BASE, fixture("set")):
        (finding,) = reviewed(files, {**files, PATH: head}, asked).findings
        assert (finding.id, finding.path, finding.args["other"]) == ("CRY03", PATH, "dev/file.yaml")


def test_a_file_that_moved_shares_with_nobody() -> None:
    asked = ASKED._replace(renamed={PATH: "dev/file.yaml"})
    assert list(reviewed({"dev/file.yaml": BASE}, {PATH: BASE}, asked).findings) == []


# --- CRY04: an IV twice


def iv_of(name: str) -> str:
    return token(name).split(",iv:")[1].split(",")[0]


def test_one_iv_at_two_ciphertexts_blocks() -> None:
    head = BASE.decode().replace(iv_of("DB_HOST"), iv_of("DB_PASSWORD")).encode()
    (finding,) = findings(None, head)
    assert (finding.id, finding.severity, finding.args) == ("CRY04", "block", {"keys": "stringData.DB_HOST"})


def test_an_iv_of_base_at_another_ciphertext_blocks() -> None:
    old, new = token("DB_HOST"), token("DB_HOST", fixture("reencrypt"))
    head = BASE.decode().replace(old, new.replace(new.split(",iv:")[1].split(",")[0], iv_of("DB_PASSWORD")))
    head = head.replace(token("DB_PASSWORD"), token("DB_PASSWORD", fixture("set")))
    assert "CRY04 block" in found(BASE, head.encode())


def test_the_same_ciphertext_twice_does_not() -> None:
    head = BASE.decode().replace("    DB_HOST:", f"    DB_COPY: {token('DB_HOST')}\n    DB_HOST:").encode()
    assert "CRY04 block" not in found(BASE, head)


@pytest.mark.parametrize(
    "case", ["rotate", "rotate-edit", "forged-whole", "set", "merge", "replay", "caught-list-swap"]
)
def test_another_data_key_or_another_iv_does_not(case: str) -> None:
    assert "CRY04 block" not in of_case(case)


# --- CRY05: an old ciphertext


def test_a_revert_is_told_with_the_commit_that_had_left_it() -> None:
    asked = ASKED._replace(older=[{PATH: fixture("revert", "older")}])
    (finding,) = findings(fixture("revert", "base"), fixture("revert"), asked)
    assert (finding.id, finding.severity, finding.commit) == ("CRY05", "medium", commit_id(1))
    assert finding.args == {"commit": commit_id(1)[:12]}


def test_a_single_old_value_is_named() -> None:
    asked = ASKED._replace(older=[{PATH: fixture("replay", "older")}])
    (finding,) = findings(fixture("replay", "base"), fixture("replay"), asked)
    assert (finding.id, finding.severity, finding.key) == ("CRY05", "medium", ("stringData", "DB_PASSWORD"))
    assert finding.args == {"keys": "stringData.DB_PASSWORD", "commit": commit_id(1)[:12]}


def test_a_value_that_was_never_there_is_none() -> None:
    asked = ASKED._replace(older=[{PATH: fixture("replay", "older")}])
    assert found(fixture("replay", "older"), fixture("replay", "base"), asked) == []
    assert of_case("replay") == []


# --- CRY06: an old data key


def test_a_data_key_of_more_than_a_year_is_told() -> None:
    asked = ASKED._replace(older=[{PATH: BASE}, {PATH: fixture("updatekeys-added")}], spacing=200 * DAY)
    (finding,) = findings(fixture("updatekeys-added"), fixture("updatekeys-edit"), asked)
    assert (finding.id, finding.severity, finding.args) == ("CRY06", "low", {"days": 400, "commit": commit_id(2)[:12]})


def test_a_file_that_nobody_touched_for_more_than_a_year_has_an_old_data_key() -> None:
    (finding,) = findings(BASE, fixture("set"), ASKED._replace(spacing=500 * DAY))
    assert finding.args == {"days": 500, "commit": commit_id(1)[:12]}


def test_a_rotated_or_younger_one_is_not() -> None:
    old = [{PATH: fixture("rotate", "base")}, {PATH: fixture("rotate", "base")}]
    assert found(fixture("rotate"), fixture("rotate-edit"), ASKED._replace(older=old, spacing=200 * DAY)) == [
        "CRY02 medium"
    ]
    assert found(BASE, fixture("set"), ASKED._replace(older=[{PATH: BASE}], spacing=100 * DAY)) == []


# --- CRY07: a time that cannot be


def test_a_time_ahead_is_told() -> None:
    assert found(None, BASE, ASKED._replace(now=datetime(2026, 1, 1, tzinfo=UTC))) == ["CRY07 medium"]
    written = datetime.fromisoformat(read_side("x.yaml", BASE).metadata.aad)  # type: ignore[union-attr]
    assert found(None, BASE, ASKED._replace(now=written - timedelta(hours=12))) == []


def test_a_time_that_runs_backwards_is_told_but_for_a_revert() -> None:
    old, new = fixture("replay", "older"), fixture("replay", "base")
    assert found(new, old) == ["CRY07 medium"]
    assert found(new, old, ASKED._replace(older=[{PATH: old}])) == ["CRY05 medium"]
    assert found(old, new) == []


def test_a_time_that_stands_still_under_a_new_mac_is_told() -> None:
    head = fixture("set").decode().replace(token("lastmodified", fixture("set")), token("lastmodified")).encode()
    assert found(BASE, head) == ["CRY07 medium"]
    written = datetime.fromisoformat(read_side("x.yaml", BASE).metadata.aad)  # type: ignore[union-attr]
    at_once = ASKED._replace(now=written + timedelta(seconds=40), spacing=30)
    assert found(BASE, head, at_once) == []


# --- CRY08: the release


@pytest.mark.parametrize(
    ("version", "severities"),
    [("3.13.2", ["medium"]), ("3.9.4", ["low"]), ("3.14.0", []), ("4", ["high"]), ("3.13.3", [])],
)
def test_the_release_that_wrote_it_is_judged(version: str, severities: list[str]) -> None:
    head = fixture("set").replace(b"version: 3.13.3", f'version: "{version}"'.encode())
    assert found(BASE, head) == [f"CRY08 {severity}" for severity in severities]


def test_a_release_that_was_there_before_is_not_told_again() -> None:
    base, head = (data.replace(b"version: 3.13.3", b"version: 3.13.2") for data in (BASE, fixture("set")))
    assert found(base, head) == []


# --- CRY09: values that their length gives away


def test_encrypted_booleans_and_numbers_are_told_when_they_are_new() -> None:
    values = fixture("caught-list-swap", "base")
    (finding,) = findings(None, values)
    assert (finding.id, finding.severity, finding.args) == ("CRY09", "low", {"keys": "secrets.retries, secrets.debug"})
    assert found(values, values.replace(b"replicas: 2", b"replicas: 3")) == []
    assert found(None, BASE) == []


def test_what_a_check_can_see_without_a_base_is_told() -> None:
    asked = ASKED._replace(policies=tuple(policy for policy in CRY if policy.check))
    assert found(None, BASE.replace(b"version: 3.13.3", b"version: 3.13.2"), asked) == ["CRY08 medium"]
    assert found(None, BASE, asked) == []
