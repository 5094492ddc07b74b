"""`sopskit policies`: the list, the explanations, and what to paste."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from sopskit.config.sopskit_yaml import read_team_config
from sopskit.review.findings import POLICIES
from tests.cli.running import sopskit
from tests.repositories import init

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def team(tmp_path: Path, tool: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A repository whose `.sopskit.yaml` gives one policy another severity; the current folder."""
    tool("git")
    git = init(tmp_path / "work")
    git.write(".sopskit.yaml", b"version: 1\npolicies: {ENC04: low}\n")
    monkeypatch.chdir(git.folder)


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_every_policy_is_a_line_that_starts_with_its_id() -> None:
    done = sopskit("policies")
    assert done.code == 0
    assert [line.split()[0] for line in done.out.decode().splitlines()] == [policy.id for policy in POLICIES]
    assert "ENC04  block   -      a Secret in plain text" in done.out.decode().splitlines()


def test_the_list_has_a_name_too() -> None:
    assert sopskit("policies", "list") == sopskit("policies")


@pytest.mark.usefixtures("team")
def test_a_severity_of_the_repository_is_marked() -> None:
    lines = sopskit("policies").out.decode().splitlines()
    assert "ENC04  low     -      a Secret in plain text (.sopskit.yaml; the default is block)" in lines


@pytest.mark.usefixtures("team")
def test_the_json_form_has_both_severities() -> None:
    rows = {row["id"]: row for row in json.loads(sopskit("policies", "--json").out)["policies"]}
    row = rows["ENC04"]
    assert (row["severity"], row["default_severity"], row["key"], row["check"]) == ("low", "block", "no", True)


def test_an_explanation_says_why_and_what_to_do() -> None:
    text = sopskit("policies", "explain", "enc04").out.decode()
    assert text.startswith("ENC04: a Secret in plain text\n  severity: block\n  private key: not needed\n")
    assert "\nWhat to do: sopskit encrypt -i FILE" in text


def test_the_waiver_that_is_shown_can_be_pasted() -> None:
    lines = sopskit("policies", "explain", "RCP01").out.decode().splitlines()
    start = lines.index("waivers:")
    snippet = lines[start : lines.index("", start)]
    policies = lines[lines.index("policies:") :]
    text = "\n".join(["version: 1", *snippet, *policies])
    team = read_team_config(".sopskit.yaml", text.encode(), read_file=lambda _: None)
    assert [waiver.policy for waiver in team.waivers] == ["RCP01"]
    assert team.waivers[0].expires > datetime.now(UTC).date()
    assert team.policies == {"RCP01": "low"}


def test_every_policy_can_be_explained() -> None:
    done = sopskit("policies", "explain", *[policy.id for policy in POLICIES])
    assert done.code == 0
    assert max(map(len, done.out.decode().splitlines())) <= 100


@pytest.mark.parametrize(
    ("word", "id"), [("rcp1", "RCP01"), ("ENC4", "ENC04"), ("Rcp-11", "RCP11"), ("k8s1", "K8S01"), ("mac 02", "MAC02")]
)
def test_an_id_may_be_spelled_in_another_way(word: str, id: str) -> None:
    assert sopskit("policies", "explain", word) == sopskit("policies", "explain", id)


def test_a_mistyped_id_is_answered_with_the_nearest() -> None:
    done = sopskit("policies", "explain", "MACC01")
    assert (done.code, done.out) == (1, b"")
    assert "did you mean: sopskit policies explain MAC01" in done.err


def test_only_a_terminal_gets_colour() -> None:
    assert b"\x1b" not in sopskit("policies").out
    assert b"\x1b[31mblock \x1b[0m" in sopskit("policies", terminals="stdout").out
