"""The same configuration read by the released sops: which rule a path gets, and which keys in which order."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from sopskit import shamir
from sopskit.age import parse_identity
from sopskit.config.sops_yaml import load_config
from sopskit.document.model import Block
from sopskit.errors import SopskitError
from sopskit.sops.masterkeys import FixedKeyring
from sopskit.sops.metadata import Metadata

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import AgeTestKey


class Folder:
    """A folder with a configuration, and sops in it."""

    def __init__(self, root: Path, program: str) -> None:
        self.root = root
        self.program = program

    def configure(self, text: str) -> None:
        (self.root / ".sops.yaml").write_text(text)

    def encrypt(self, name: str, cwd: str = ".") -> Metadata | None:
        """The metadata of sops's result, or None where it fails."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('{"a": "b"}')
        result = subprocess.run(
            [self.program, "encrypt", str(path)], cwd=self.root / cwd, capture_output=True, text=True, check=False
        )
        if result.returncode:
            return None
        return Metadata.from_block(Block(json.loads(result.stdout)["sops"], flat=False, line=1))

    def by_sopskit(self, name: str) -> list[list[str]] | None:
        """The key names of the rule that sopskit finds, or None where it fails."""
        try:
            rule = load_config(self.root / ".sops.yaml").rule_for(str(self.root / name))
        except SopskitError:
            return None
        return None if rule is None or not rule.groups else [[key.id for key in group] for group in rule.groups]

    def by_sops(self, name: str) -> list[list[str]] | None:
        metadata = self.encrypt(name)
        return None if metadata is None else [[key.id for key in group] for group in metadata.groups]


@pytest.fixture
def folder(tmp_path: Path, tool: Callable[[str], str]) -> Folder:
    return Folder(tmp_path, tool("sops"))


PATTERNS = [
    ["^secrets/", ""],
    ["secrets", "\\.json$"],
    ["^/", "json"],
    ["(?i)^SECRETS", "^x"],
    ["^(dev|qa)/[^/]+\\.json$", "^[^/]+$", "^a/b/"],
    ["(", ""],
    ["^zzz", "\\Z"],
]


@pytest.mark.parametrize("patterns", PATTERNS, ids=str)
def test_a_path_gets_the_same_rule(
    folder: Folder, alice: AgeTestKey, bob: AgeTestKey, cluster_key: AgeTestKey, patterns: list[str]
) -> None:
    recipients = [alice.recipient, bob.recipient, cluster_key.recipient]
    rules = [{"path_regex": regex, "age": key} for regex, key in zip(patterns, recipients, strict=False)]
    folder.configure(json.dumps({"creation_rules": rules}))
    for name in ("secrets/x.json", "dev/x.json", "x.json", "a/b/secrets.json"):
        assert folder.by_sopskit(name) == folder.by_sops(name)


@pytest.mark.parametrize(
    "rule",
    [
        "age: '{a},{b}'",
        "age: ['{b}', '{a}']",
        "age: ['{b},{a}']",
        "age: ' {b} , {a} ,'",
        "age: 5",
        "age: [5]",
        "age: nobody",
        "age: ''",
        "age: []",
        "key_groups: []",
        "{{age: '{a}', key_groups: []}}",
        "{{age: '{a}', key_groups: [{{age: ['{b}']}}]}}",
        "key_groups: [{{age: ['{a}', '{b}', '{a}']}}]",
        "key_groups: [{{age: ['{a}, {b}']}}]",
        "key_groups: [{{age: '{a}'}}]",
        "key_groups: [{{age: ['{a}']}}, {{age: ['{b}']}}]",
        "key_groups: [{{age: ['{a}'], merge: [{{age: ['{b}']}}]}}]",
        "key_groups: [{{age: ['{a}'], merge: [{{age: ['{b}'], merge: [{{age: ['{c}', '{a}']}}]}}, {{age: ['{b}']}}]}}]",
        "key_groups: [{{age: ['{a}']}}, {{}}]",
        "{{shamir_threshold: 1, key_groups: [{{age: ['{a}']}}, {{age: ['{b}']}}]}}",
        "{{shamir_threshold: 3, key_groups: [{{age: ['{a}']}}, {{age: ['{b}']}}]}}",
        "{{shamir_threshold: '2', age: '{a}'}}",
        "{{shamir_threshold: 2.0, age: '{a}'}}",
        "{{mac_only_encrypted: yes, age: '{a}'}}",
        "{{mac_only_encrypted: 'true', age: '{a}'}}",
        "{{mac_only_encrypted: 1, age: '{a}'}}",
        "{{encrypted_regex: 5, age: '{a}'}}",
        "{{encrypted_regex: [], age: '{a}'}}",
        "{{encrypted_regex: x, unencrypted_regex: y, age: '{a}'}}",
        "{{encrypted_regex: '', unencrypted_regex: y, age: '{a}'}}",
        "{{Age: '{b}', age: '{a}'}}",
        "{{age: '{b}', age: '{a}'}}",
    ],
)
def test_a_rule_gives_the_same_keys(
    folder: Folder, alice: AgeTestKey, bob: AgeTestKey, cluster_key: AgeTestKey, rule: str
) -> None:
    text = rule.format(a=alice.recipient, b=bob.recipient, c=cluster_key.recipient)
    folder.configure(f"creation_rules: [{text if text.startswith('{') else f'{{{text}}}'}]")
    keys = folder.by_sopskit("x.json")
    if keys is not None and not all(keys):
        keys = None  # encryption refuses an empty group, as sops does
    assert keys == folder.by_sops("x.json")


@pytest.mark.parametrize(
    "text", ["creation_rules: []", "creation_rules: ~", "{}", "", "creation_rules: x", "stores: 5"]
)
def test_without_usable_rules_both_find_no_key(folder: Folder, text: str) -> None:
    folder.configure(text)
    assert folder.by_sopskit("x.json") is folder.by_sops("x.json") is None


def test_merge_keys_and_anchors_are_followed_by_both(folder: Folder, alice: AgeTestKey, bob: AgeTestKey) -> None:
    folder.configure(
        f"""
keys: [&a {alice.recipient}, &b {bob.recipient}]
defaults: &defaults {{encrypted_regex: ^data$, age: *b}}
creation_rules:
  - <<: *defaults
    age: [*a, *b]
"""
    )
    metadata = folder.encrypt("x.json")
    rule = load_config(folder.root / ".sops.yaml").rule_for(str(folder.root / "x.json"))
    assert metadata is not None
    assert rule is not None
    assert folder.by_sopskit("x.json") == [[alice.recipient, bob.recipient]]
    assert (metadata.selection, [key.id for key in metadata.master_keys()]) == (
        rule.selection,
        [key.id for group in rule.groups for key in group],
    )


def test_the_wrong_file_name_is_ignored_by_both(folder: Folder, alice: AgeTestKey) -> None:
    (folder.root / ".sops.yml").write_text(f"creation_rules: [{{age: {alice.recipient}}}]")
    assert folder.by_sops("x.json") is None


def test_shares_made_by_sops_are_combined(
    folder: Folder, alice: AgeTestKey, bob: AgeTestKey, cluster_key: AgeTestKey
) -> None:
    people = [alice, bob, cluster_key]
    groups = [{"age": [person.recipient]} for person in people]
    folder.configure(json.dumps({"creation_rules": [{"shamir_threshold": 2, "key_groups": groups}]}))
    metadata = folder.encrypt("x.json")
    assert metadata is not None
    assert metadata.shamir_threshold == 2
    shares = [
        group[0].unwrap(FixedKeyring((parse_identity(person.identity),)))
        for group, person in zip(metadata.groups, people, strict=True)
    ]
    assert [share[-1] for share in shares] == [1, 2, 3]
    key = shamir.combine(shares)
    assert len(key) == 32
    assert [shamir.combine([shares[i], shares[j]]) for i, j in ((0, 1), (1, 2), (2, 0))] == [key] * 3
