"""Blocks that somebody changed: sopskit reads what the released sops reads, and refuses what it refuses."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from sopskit.document.model import Block
from sopskit.errors import SopskitError
from sopskit.sops.metadata import Metadata

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import AgeTestKey

TIME = "2026-01-02T03:04:05Z"
PGP = {"created_at": TIME, "enc": "", "fp": "x"}
# sops got through the block, and failed with what it says
LATER = ("Failed to get the data key", "Error decrypting tree", "Error walking tree")


class Sops:
    """sops and a file of its own to be changed."""

    def __init__(self, program: str, folder: Path, key: AgeTestKey) -> None:
        self.program = program
        self.folder = folder
        self.environ = {**os.environ, "SOPS_AGE_KEY_FILE": str(key.path)}
        self.recipient = key.recipient

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.program, *arguments], cwd=self.folder, env=self.environ, capture_output=True, text=True, check=False
        )

    def encrypt(self, name: str, text: str) -> str:
        (self.folder / name).write_text(text)
        return self.run("encrypt", "--age", self.recipient, name).stdout

    def reads(self, name: str, text: str) -> bool:
        (self.folder / name).write_text(text)
        result = self.run("decrypt", "--ignore-mac", name)
        return result.returncode == 0 or any(later in result.stderr for later in LATER)


@pytest.fixture
def sops(tool: Callable[[str], str], tmp_path: Path, alice: AgeTestKey) -> Sops:
    return Sops(tool("sops"), tmp_path, alice)


def sopskit_reads(block: dict[str, Any], *, flat: bool) -> bool:
    try:
        Metadata.from_block(Block(block, flat, 1)).check_version()
    except SopskitError:
        return False
    return True


CONTEXTS: list[Any] = [{}, {"a": 1}, [], "x", {"a": []}]
CHANGES: list[dict[str, list[Any]]] = [
    {"version": ["", "3.7", "v3.7.0", "1.x", "01.2.3", "3.7.1-", "3.7.1-01", "3.7.1+01", "3.7.1.2", 3.7, None, []]},
    {
        "lastmodified": [
            "2020-01-01T00:00:00+00:00",
            "2020-01-01T00:00:00,25+05:30",
            "2020-01-01T7:00:00Z",
            "2020-1-01T00:00:00Z",
            "2020-02-30T00:00:00Z",
            "2020-01-01t00:00:00Z",
            "2020-01-01T00:00:00+25:00",
            "2020-01-01T00:00:00",
            5,
            None,
        ]
    },
    {"mac_only_encrypted": ["yes", "T", 0.5, "", None, []]},
    {"shamir_threshold": ["0x2", "", "08", "0o7", "1_0", "1__0", 2.9, None, [], "9223372036854775808", " 1"]},
    {"pgp": [[PGP], [{}], PGP, {}, None, "x", [{**PGP, "created_at": 5}], [{**PGP, "extra": [1]}]]},
    {"hckms": [[{"key_id": name, "created_at": TIME}] for name in ("r:0a", "x", "r:", ":0", "r:0:1")]},
    {"kms": [[{"arn": "a", "created_at": TIME, "context": context}] for context in CONTEXTS]},
    {"encrypted_regex": ["a", "", None, []]},
    {"UNENCRYPTED_SUFFIX": ["x"]},
    {"key_groups": [[{}], [{"pgp": [{}]}]]},
    {"age": [None, [], "x", [{"enc": 5, "recipient": True}], [{"enc": []}]]},
]


@pytest.mark.parametrize("changes", CHANGES, ids=lambda changes: next(iter(changes)))
def test_both_read_the_same_nested_blocks(sops: Sops, changes: dict[str, list[Any]]) -> None:
    tree = json.loads(sops.encrypt("f.json", '{"a": "b"}'))
    for name, values in changes.items():
        for value in values:
            block = {**tree["sops"], name: value}
            by_sops = sops.reads("g.json", json.dumps({**tree, "sops": block}))
            assert (value, sopskit_reads(block, flat=False)) == (value, by_sops)


FLAT = [
    "age__list_2__map_enc",
    "age__list_x__map_foo",
    "age__list_1",
    "age",
    "age__map_x",
    "x__list_",
    "x__list_1",
    "x__list_-1",
    "x__list_+0",
    "x__map_a__map_b",
    "__map_a",
    "mac__map_a",
    "x__list_0__list_1",
    "pgp__list_0__map_fp",
]


def test_both_read_the_same_flat_blocks(sops: Sops) -> None:
    text = sops.encrypt("f.env", "A=b\n")
    entries = [line.removeprefix("sops_").partition("=") for line in text.splitlines() if line.startswith("sops_")]
    block = {name: value.replace("\\n", "\n") for name, _, value in entries}
    found = {name: sopskit_reads({**block, name: "1"}, flat=True) for name in FLAT}
    assert found == {name: sops.reads("g.env", f"{text}sops_{name}=1\n") for name in FLAT}


def test_more_than_ten_recipients_stand_in_the_order_of_sops(sops: Sops) -> None:
    keys = ",".join([sops.recipient] * 12)
    (sops.folder / "f.env").write_text("A=b\n")
    lines = sops.run("encrypt", "--age", keys, "f.env").stdout.splitlines()
    entries = [line.removeprefix("sops_").partition("=") for line in lines if line.startswith("sops_")]
    block = {name: value.replace("\\n", "\n") for name, _, value in entries}
    metadata = Metadata.from_block(Block({**block}, flat=True, line=1))
    assert len(metadata.master_keys()) == 12
    assert list(metadata.to_flat().items()) == list(block.items())
