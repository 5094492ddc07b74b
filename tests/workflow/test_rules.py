"""Which rule a path gets and what the rule does to the file that is there."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from sopskit.config.sops_yaml import SopsConfig, Verdict
from sopskit.config.sopskit_yaml import DEFAULT, Name, TeamConfig
from sopskit.errors import ConfigError
from sopskit.sops import selection
from sopskit.sops.selection import Selection
from sopskit.workflow.recipients import Reader
from sopskit.workflow.rules import Contents, Place, explain, list_rules

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import AgeTestKey
    from tests.workflow.conftest import Encrypt

SECRET = """\
# about
apiVersion: v1
kind: Secret
data:
  # inside
  a: eA==
  empty: ""
  none:
---
stringData:
  list: [1, two]
"""


@pytest.fixture
def config(tmp_path: Path, alice: AgeTestKey) -> SopsConfig:
    text = f"""\
creation_rules:
  - path_regex: ^prod/
    age: {alice.recipient}
    encrypted_regex: ^(data|stringData)$
  - path_regex: ^dev/
    age: {alice.recipient}
  - age: {alice.recipient}
"""
    (tmp_path / ".sops.yaml").write_text(text)
    return SopsConfig(str(tmp_path / ".sops.yaml"), text.encode())


def put(tmp_path: Path, name: str, text: str) -> str:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return str(path)


def test_every_rule_has_its_verdict_in_order(config: SopsConfig, tmp_path: Path) -> None:
    explained = explain(config, DEFAULT, str(tmp_path / "dev/s.yaml"))
    assert explained.explanation.verdicts == (
        Verdict(0, 2, "^prod/", matches=False),
        Verdict(1, 5, "^dev/", matches=True),
        Verdict(2, 7, "", matches=None),
    )
    assert explained.rule is not None
    assert (explained.rule.line, explained.contents, explained.problem) == (5, None, None)


def test_recipients_have_their_names(config: SopsConfig, tmp_path: Path, alice: AgeTestKey) -> None:
    team = TeamConfig(names=(Name("ann", (alice.recipient,)),))
    explained = explain(config, team, str(tmp_path / "dev/s.yaml"))
    assert explained.rule is not None
    assert explained.rule.groups == ((Reader("age", alice.recipient, "ann"),),)
    assert [rule.groups for rule in list_rules(config, team)] == [explained.rule.groups] * 3


def test_the_values_of_a_file_are_told_by_their_places(config: SopsConfig, tmp_path: Path) -> None:
    contents = explain(config, DEFAULT, put(tmp_path, "prod/s.yaml", SECRET)).contents
    assert contents == Contents(
        "yaml",
        None,
        (Place(0, ("data", "a")), Place(1, ("stringData", "list", 0)), Place(1, ("stringData", "list", 1))),
        (Place(0, ("apiVersion",)), Place(0, ("kind",)), Place(0, ("data", "empty")), Place(0, ("data", "none"))),
        1,
    )


def test_what_is_said_is_what_sops_does(tmp_path: Path, encrypt: Encrypt, config: SopsConfig) -> None:
    path = encrypt(tmp_path / "dev/s.yaml")
    contents = explain(config, DEFAULT, str(path)).contents
    assert contents == Contents("yaml", selection.DEFAULT, (Place(0, ("password",)),), (), 0)


def test_a_file_that_is_encrypted_keeps_its_own_rule(
    tmp_path: Path, encrypt: Encrypt, config: SopsConfig, alice: AgeTestKey
) -> None:
    (tmp_path / "prod").mkdir()
    path = encrypt(tmp_path / "other/s.yaml", alice.recipient).rename(tmp_path / "prod/s.yaml")
    explained = explain(config, DEFAULT, str(path))
    assert explained.rule is not None
    assert explained.contents is not None
    assert (explained.rule.selection, explained.contents.own) == (
        Selection("encrypted_regex", "^(data|stringData)$"),
        selection.DEFAULT,
    )
    assert explained.contents.readable == (Place(0, ("password",)),)


@pytest.mark.parametrize("sealed", [False, True])
def test_a_binary_file_is_encrypted_whole(tmp_path: Path, encrypt: Encrypt, config: SopsConfig, sealed: bool) -> None:
    path = encrypt(tmp_path / "prod/s.txt") if sealed else put(tmp_path, "prod/s.txt", "x")
    contents = explain(config, DEFAULT, str(path)).contents
    assert contents is not None
    assert (contents.format, contents.encrypted, contents.own is not None) == ("binary", (Place(0, ("data",)),), sealed)


def test_a_file_that_cannot_be_read_is_a_problem_without_its_text(config: SopsConfig, tmp_path: Path) -> None:
    explained = explain(config, DEFAULT, put(tmp_path, "prod/s.yaml", "a: [CANARY\n"))
    assert explained.contents is None
    assert explained.problem is not None
    assert "CANARY" not in explained.problem


def test_no_rule_may_fit(tmp_path: Path) -> None:
    config = SopsConfig(str(tmp_path / ".sops.yaml"), b"creation_rules: [{path_regex: a}]")
    explained = explain(config, DEFAULT, str(tmp_path / "b"))
    assert (explained.rule, explained.explanation.matched) == (None, None)


def test_a_broken_pattern_is_an_error_with_its_line(tmp_path: Path) -> None:
    config = SopsConfig(os.path.join(tmp_path, ".sops.yaml"), b"creation_rules:\n- path_regex: '('\n")
    with pytest.raises(ConfigError, match=r":2:15: path_regex is not a usable regular expression"):
        explain(config, DEFAULT, str(tmp_path / "b"))
