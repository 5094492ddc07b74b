"""`.sops.yaml`: found, read, and asked for the rule of a path."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sopskit.config.search import FoundConfig, find_config
from sopskit.config.sops_yaml import (
    CreationRule,
    Explanation,
    SopsConfig,
    Verdict,
    load_config,
)
from sopskit.errors import ConfigError, FileAccessError, NoMatchingRuleError, RecipientError
from sopskit.sops.masterkeys import AgeKey, PgpKey
from sopskit.sops.selection import DEFAULT, Selection

if TYPE_CHECKING:
    from tests.conftest import AgeTestKey

FILE = "/repo/.sops.yaml"
FINGERPRINT = "836B1A9C90592A528EB95C86DE47E88C6AE55098"


def config(text: str, file: str = FILE) -> SopsConfig:
    return SopsConfig(file, text.encode())


# --- finding


def test_the_nearest_configuration_above_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    (tmp_path / ".sops.yaml").touch()
    assert find_config(folder) == FoundConfig(str(folder / ".." / ".." / ".sops.yaml"), None)
    (folder / ".sops.yaml").touch()
    assert find_config(str(folder)) == FoundConfig(str(folder / ".sops.yaml"), None)


def test_paths_are_relative_as_sops_shows_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / ".sops.yaml").touch()
    monkeypatch.chdir(tmp_path / "a")
    assert find_config(".").path == "../.sops.yaml"
    monkeypatch.chdir(tmp_path)
    assert find_config(Path()).path == ".sops.yaml"


def test_a_file_of_the_wrong_name_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / ".sops.yml").touch()
    (tmp_path / ".sops.yaml").touch()
    (tmp_path / ".sops.yml").touch()
    monkeypatch.chdir(tmp_path / "a")
    found = find_config(".")
    assert found == FoundConfig("../.sops.yaml", ".sops.yml")
    assert found.notice == ".sops.yml is ignored: the file must be called .sops.yaml; ../.sops.yaml is used instead"


def test_nothing_is_found_up_to_the_root(tmp_path: Path) -> None:
    assert find_config(tmp_path) == FoundConfig(None, None)
    assert find_config("/") == FoundConfig(None, None)
    (tmp_path / ".sops.yml").touch()
    found = find_config(tmp_path)
    assert found.notice == f"{tmp_path}/.sops.yml is ignored: the file must be called .sops.yaml"
    assert FoundConfig(None, None).notice is None


def test_the_search_ends_after_a_hundred_folders(tmp_path: Path) -> None:
    (tmp_path / ".sops.yaml").touch()
    folder = tmp_path.joinpath(*["d"] * 100)
    folder.mkdir(parents=True)
    assert find_config(folder).path is None
    assert find_config(folder.parent).path is not None


def test_a_configuration_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / ".sops.yaml"
    path.write_text("creation_rules: [{}]")
    assert load_config(path).file == str(path)
    with pytest.raises(FileAccessError):
        load_config(tmp_path / "gone")


# --- rules


def test_a_rule_with_everything(alice: AgeTestKey) -> None:
    found = config(
        f"""
creation_rules:
  - path_regex: ^dev/
  - path_regex: ^prod/
    encrypted_regex: ^(data|stringData)$
    mac_only_encrypted: yes
    shamir_threshold: 2
    key_groups:
      - age: [{alice.recipient}]
      - pgp: [{FINGERPRINT}]
"""
    ).rule_for("/repo/prod/a.yaml", now=datetime(2026, 1, 2, 4, 4, 5, 999, timezone(timedelta(hours=1))))
    assert found == CreationRule(
        position=1,
        line=4,
        path_regex="^prod/",
        selection=Selection("encrypted_regex", "^(data|stringData)$"),
        groups=((AgeKey(alice.recipient),), (PgpKey(FINGERPRINT, "2026-01-02T03:04:05Z"),)),
        shamir_threshold=2,
        mac_only_encrypted=True,
    )


def test_a_rule_with_nothing() -> None:
    assert config("creation_rules: [{}]").rule_for("x") == CreationRule(0, 1, "", DEFAULT, (), 0, False)
    assert config("creation_rules: [~]").rule_for("x") == CreationRule(0, 1, "", DEFAULT, (), 0, False)


def test_a_pgp_key_is_created_now() -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    rule = config(f"creation_rules: [{{pgp: {FINGERPRINT}}}]").rule_for("x")
    assert rule is not None
    key = rule.groups[0][0]
    assert isinstance(key, PgpKey)
    assert before <= datetime.fromisoformat(key.created_at) <= datetime.now(UTC)


RULES = """
creation_rules:
  - path_regex: ^secrets/.*\\.yaml$
  - path_regex: /prod/
  - path_regex: ''
  - path_regex: (
"""


@pytest.mark.parametrize(
    ("path", "position"),
    [
        ("/repo/secrets/a.yaml", 0),
        ("/repo/x/../secrets/./a.yaml", 0),
        ("/repo/Secrets/a.yaml", 2),
        ("/repo/a/prod/b", 1),
        ("/repo/prod/b", 2),
        ("/elsewhere/secrets/a.yaml", 2),
        ("/elsewhere/prod/a.yaml", 1),
        ("/repository/prod/x", 1),
        ("/repo", 2),
    ],
)
def test_the_first_rule_that_matches_the_path_below_the_configuration_wins(path: str, position: int) -> None:
    rule = config(RULES).rule_for(path)
    assert rule is not None
    assert rule.position == position


def test_relative_paths_start_at_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = config("creation_rules: [{path_regex: ^secrets/x}]", "../.sops.yaml").explain("secrets/x")
    assert found.path == f"{tmp_path.name}/secrets/x"
    assert config("creation_rules: []", ".sops.yaml").explain("secrets/x").path == "secrets/x"


def test_a_configuration_in_the_root_folder_cuts_nothing() -> None:
    assert config("creation_rules: []", "/.sops.yaml").explain("/a/b").path == "/a/b"


def test_a_path_is_explained_rule_by_rule() -> None:
    found = config(RULES).explain("/repo/prod/b")
    assert found == Explanation(
        "prod/b",
        (
            Verdict(0, 3, "^secrets/.*\\.yaml$", False),
            Verdict(1, 4, "/prod/", False),
            Verdict(2, 5, "", True),
            Verdict(3, 6, "(", None),
        ),
    )
    assert found.matched == found.verdicts[2]
    assert [verdict.reason for verdict in found.verdicts[1:]] == [
        "'/prod/' is not found in the path",
        "matches every path: it has no path_regex",
        "not asked: an earlier rule matches",
    ]
    assert Verdict(0, 1, "^a", True).reason == "'^a' is found in the path"


def test_no_matching_rule_is_an_error() -> None:
    with pytest.raises(NoMatchingRuleError) as caught:
        config("creation_rules: [{path_regex: ^a}]").rule_for("/repo/b")
    assert str(caught.value) == "none of the 1 creation rules in /repo/.sops.yaml matches b"
    with pytest.raises(NoMatchingRuleError):
        config("creation_rules: []").rule_for("/repo/b")


@pytest.mark.parametrize("text", ["", "# nothing", "~", "stores: {}", "creation_rules: ~", "creation_rules:"])
def test_without_a_list_of_rules_there_is_no_rule(text: str) -> None:
    found = config(text)
    assert found.rule_for("/repo/b") is None
    assert not found.has_rules
    assert found.rules() == ()


def test_all_rules_are_checked_together() -> None:
    assert [rule.position for rule in config("creation_rules: [{path_regex: a}, {}]").rules()] == [0, 1]
    with pytest.raises(ConfigError, match=r"^/repo/\.sops\.yaml:6:17: path_regex is not a usable regular expression"):
        config(RULES).rules()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("creation_rules: {}", "1:17: expected a list, not a mapping"),
        ("creation_rules: [x]", "1:18: expected a mapping, not text"),
        ("creation_rules:\n  - path_regex: []", "2:17: expected text, not a list"),
        ("creation_rules:\n  - path_regex: (", "2:17: path_regex is not a usable regular expression: missing ): ("),
        ('creation_rules:\n  - shamir_threshold: "2"', "2:23: expected an integer, not text"),
        ('creation_rules:\n  - mac_only_encrypted: "true"', "2:25: expected true or false, not text"),
        (
            "creation_rules:\n  - encrypted_regex: (?=a)",
            "2:22: encrypted_regex is not a usable regular expression: invalid perl operator: (?=",
        ),
        (
            "creation_rules:\n  - encrypted_regex: a\n    unencrypted_suffix: b",
            "2:5: only one field of a rule may say what is encrypted, not encrypted_regex and unencrypted_suffix",
        ),
        (
            "creation_rules:\n  - key_groups: [{}, {}]\n    shamir_threshold: 1",
            "3:23: shamir_threshold is at least 2 and at most the number of key groups, which is 2",
        ),
        (
            "creation_rules:\n  - key_groups: [{}, {}]\n    shamir_threshold: 3",
            "3:23: shamir_threshold is at least 2 and at most the number of key groups, which is 2",
        ),
        ("creation_rules:\n  - age: x\n    age: y", "3:5: the key age is there twice"),
        ("stores: {yaml: {indent: x}}", "1:25: expected an integer, not text"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config(text).rule_for("x")
    assert str(caught.value) == f"{FILE}:{message}"


def test_a_threshold_for_one_group_is_kept_as_sops_keeps_it() -> None:
    rule = config("creation_rules: [{shamir_threshold: 5}]").rule_for("x")
    assert rule is not None
    assert rule.shamir_threshold == 5


def test_a_bad_recipient_of_another_rule_does_no_harm_until_all_are_asked_for() -> None:
    found = config("creation_rules: [{path_regex: a}, {age: nobody}]")
    assert found.rule_for("/repo/a") is not None
    with pytest.raises(RecipientError):
        found.rules()


def test_fields_that_sops_ignores_are_noted() -> None:
    found = config("creation_rules:\n  - age: ''\n    encryped_regex: x\nstore: {}\n")
    assert found.unknown == ((4, "store"), (3, "encryped_regex"))


def test_indents_of_the_stores() -> None:
    found = config("stores: {yaml: {indent: 2}, json: {indent: -1}, json_binary: {indent: 0}, dotenv: {}, ini: {}}")
    assert [found.indent(name) for name in ("yaml", "json", "binary", "dotenv", "ini")] == [2, -1, 0, None, None]
    assert config("stores: {yaml: {}}").indent("yaml") is None


def test_destination_rules_are_kept() -> None:
    assert config("destination_rules: [{s3_bucket: b}]").destination_rules is not None
    assert config("creation_rules: []").destination_rules is None
