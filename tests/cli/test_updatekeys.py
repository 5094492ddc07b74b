"""Updatekeys: shows, asks, and changes only the block."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from tests.cli.running import sopskit

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import AgeTestKey


@pytest.fixture
def both(folder: Path, alice: AgeTestKey, bob: AgeTestKey) -> None:
    (folder / ".sops.yaml").write_text(f"creation_rules:\n  - age: {alice.recipient},{bob.recipient}\n")


def test_the_change_is_shown_and_made(ours: Path, both: None, alice: AgeTestKey, bob: AgeTestKey) -> None:
    before = ours.read_text()
    done = sopskit("updatekeys", ours, stdin=b"yes\nY\ny\n")
    assert done.code == 0, done.err
    assert done.out.decode() == (
        "The following changes will be made to the file's groups:\nGroup 1\n"
        f"    {alice.recipient}\n+++ {bob.recipient}\n" + "Is this okay? (y/n):" * 3
    )
    head, _, _ = ours.read_text().partition("\nsops:\n")
    assert head == before.partition("\nsops:\n")[0]
    old, new = yaml.safe_load(before)["sops"], yaml.safe_load(ours.read_text())["sops"]
    assert {key: new[key] for key in ("mac", "lastmodified", "version")} == {
        key: old[key] for key in ("mac", "lastmodified", "version")
    }
    assert sopskit("decrypt", ours, environ={"SOPS_AGE_KEY_FILE": str(bob.path)}).code == 0


def test_no_leaves_the_file_and_up_to_date_is_said(ours: Path, both: None) -> None:
    before = ours.read_bytes()
    done = sopskit("updatekeys", ours, stdin=b"n\n")
    assert (done.code, ours.read_bytes()) == (0, before)
    assert "left unchanged" in done.err
    sopskit("updatekeys", "-y", ours)
    assert "already up to date" in sopskit("updatekeys", ours).err


def test_a_threshold_is_shown(ours: Path, folder: Path, alice: AgeTestKey, bob: AgeTestKey) -> None:
    def groups(threshold: int, *keys: AgeTestKey) -> None:
        listed = "".join(f"      - age: [{key.recipient}]\n" for key in keys)
        (folder / ".sops.yaml").write_text(
            f"creation_rules:\n  - shamir_threshold: {threshold}\n    key_groups:\n{listed}"
        )

    groups(2, alice, bob)
    assert b"+++ shamir_threshold: 2\nGroup 1" in sopskit("updatekeys", "-y", ours).out
    groups(2, alice, bob, alice)
    environ = {"SOPS_AGE_KEY": bob.identity}
    assert b"\nshamir_threshold: 2\nGroup 1" in sopskit("updatekeys", "-y", ours, environ=environ).out
    groups(0, alice)
    done = sopskit("updatekeys", "-y", ours, environ=environ)
    assert b"--- shamir_threshold: 2\nGroup 1" in done.out
    assert "shamir_threshold" not in yaml.safe_load(ours.read_text())["sops"]


def test_a_folder_is_brought_up_to_date(ours: Path, secret: Path, plain: Path, both: None, folder: Path) -> None:
    done = sopskit("updatekeys", "-y", folder)
    assert (done.code, done.err.splitlines()[-1]) == (0, "sopskit: updatekeys: 2 files changed, 1 unchanged")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "no .sops.yaml"),
        ("stores: {}\n", "no creation rules"),
        ("creation_rules:\n  - path_regex: x\n", "none of"),
    ],
)
def test_without_a_rule_for_the_file_it_is_refused(ours: Path, folder: Path, text: str | None, says: str) -> None:
    if text is not None:
        (folder / ".sops.yaml").write_text(text)
    done = sopskit("updatekeys", "-y", ours)
    assert done.code == 1
    assert says in done.err


def test_a_rule_without_recipients_is_refused(ours: Path, folder: Path) -> None:
    (folder / ".sops.yaml").write_text("creation_rules:\n  - path_regex: .\n")
    assert "names no recipient" in sopskit("updatekeys", "-y", ours).err


def test_json_and_a_question_exclude_each_other(ours: Path, both: None) -> None:
    assert sopskit("updatekeys", "--json", ours).code == 1
    done = sopskit("updatekeys", "--json", "-y", ours)
    assert b'"state": "done"' in done.out
    assert b"Group" not in done.out


def test_a_file_is_needed() -> None:
    assert sopskit("updatekeys").code == 1
