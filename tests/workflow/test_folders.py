"""Which files are meant by a folder."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from sopskit.errors import FileAccessError
from sopskit.workflow.folders import Found, expand, looks_encrypted

if TYPE_CHECKING:
    from pathlib import Path


def test_files_come_once_and_in_order(tmp_path: Path) -> None:
    for name in ("b.yaml", "a.yaml", ".sops.yaml", "kustomization.yaml", ".a.yaml.sopskit-1.tmp"):
        (tmp_path / name).touch()
    for name in (".git", "node_modules", "deep"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "c.yaml").touch()
    (tmp_path / "link.yaml").symlink_to("a.yaml")
    os.mkfifo(tmp_path / "pipe")
    found = list(expand([str(tmp_path / "b.yaml"), str(tmp_path), str(tmp_path)]))
    names = [(file.path.removeprefix(f"{tmp_path}/"), file.named) for file in found]
    assert names == [("b.yaml", True), ("a.yaml", False), ("deep/c.yaml", False)]


def test_kept_edits_in_folders_are_told_and_left_alone(tmp_path: Path) -> None:
    for name in ("a.yaml", "a.yaml.edited", "a.yaml.edited.1", "b.edited.yaml", "c.1"):
        (tmp_path / name).touch()
    told: list[str] = []
    named = str(tmp_path / "a.yaml.edited")
    found = [file.path.removeprefix(f"{tmp_path}/") for file in expand([named, str(tmp_path)], rescued=told.append)]
    assert (found, told) == (
        ["a.yaml.edited", "a.yaml", "b.edited.yaml", "c.1"],
        [str(tmp_path / "a.yaml.edited.1")],
    )
    assert len(list(expand([str(tmp_path)]))) == 3


def test_a_name_that_is_not_there_is_left_to_the_command() -> None:
    assert list(expand(["nosuch"])) == [Found("nosuch")]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list everything")
def test_a_folder_that_cannot_be_listed_is_said(tmp_path: Path) -> None:
    tmp_path.chmod(0)
    try:
        with pytest.raises(FileAccessError, match="cannot be listed"):
            list(expand([str(tmp_path)]))
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.parametrize(
    ("data", "format", "verdict"),
    [
        (b"a: 1\nsops:\n  lastmodified: x\n", "yaml", True),
        (b"a: 1\n", "yaml", False),
        (b"sops and lastmodified in prose", "binary", False),
        (b' {"data": "", "sops": {"lastmodified": ""}}', "binary", True),
    ],
)
def test_the_quick_look_at_a_file(data: bytes, format: str, verdict: bool) -> None:
    assert looks_encrypted(data, format) is verdict
