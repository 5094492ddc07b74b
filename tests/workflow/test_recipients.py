"""Who can read what, found in files' own metadata."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from sopskit.config.sopskit_yaml import DEFAULT, Name, TeamConfig
from sopskit.errors import ConfigError, FileAccessError
from sopskit.git.worktree import WorkTree
from sopskit.workflow.folders import Found, expand
from sopskit.workflow.recipients import (
    Inventory,
    NotRead,
    ReadBy,
    Reader,
    find_files,
    labels,
    load_team,
    relative_to,
    take_inventory,
)
from tests.repositories import init

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import AgeTestKey
    from tests.workflow.conftest import Encrypt


def test_the_readers_of_files_have_their_names(
    tmp_path: Path, encrypt: Encrypt, alice: AgeTestKey, bob: AgeTestKey
) -> None:
    path = encrypt(tmp_path / "k8s/gitops/dev/s.yaml", alice.recipient, bob.recipient)
    (tmp_path / "k8s/gitops/dev/plain.yaml").write_text("a: 1\n")
    team = TeamConfig(names=(Name("ann", (alice.recipient,)),))
    readers = (Reader("age", alice.recipient, "ann"), Reader("age", bob.recipient))
    inventory = take_inventory(expand([str(tmp_path)]), team, str(tmp_path))
    assert inventory == Inventory((ReadBy(str(path), (readers,), 1, "dev"),), ())
    assert inventory.readers == readers


def test_every_format_says_who_can_read_it(tmp_path: Path, encrypt: Encrypt, alice: AgeTestKey) -> None:
    names = ["a.env", "b.ini", "c.json", "d.txt", "e.yaml"]
    for name in names:
        encrypt(tmp_path / name, alice.recipient)
    inventory = take_inventory(expand([str(tmp_path)]), DEFAULT, None)
    assert [os.path.basename(file.path) for file in inventory.files] == names
    assert inventory.readers == (Reader("age", alice.recipient),)


def test_key_groups_stay_apart(
    tmp_path: Path, encrypt: Encrypt, alice: AgeTestKey, bob: AgeTestKey, cluster_key: AgeTestKey
) -> None:
    config = tmp_path / ".sops.yaml"
    groups = [[alice.recipient], [bob.recipient, cluster_key.recipient], [cluster_key.recipient]]
    config.write_text(
        f"creation_rules: [{{shamir_threshold: 2, key_groups: {[{'age': group} for group in groups]}}}]\n"
    )
    path = encrypt(tmp_path / "s.yaml")
    (file,) = take_inventory(expand([str(path)]), DEFAULT, None).files
    assert [[reader.id for reader in group] for group in file.groups] == groups
    assert (file.threshold, len(file.readers)) == (2, 3)


def test_a_broken_file_is_told_and_stops_nothing(tmp_path: Path, encrypt: Encrypt, alice: AgeTestKey) -> None:
    good = encrypt(tmp_path / "a.yaml", alice.recipient)
    bad = tmp_path / "b.yaml"
    bad.write_text(good.read_text() + "\t- broken: [\n")
    inventory = take_inventory(expand([str(tmp_path)]), DEFAULT, None)
    assert [file.path for file in inventory.files] == [str(good)]
    assert [(problem.path, bool(problem.reason)) for problem in inventory.not_read] == [(str(bad), True)]


def test_a_file_that_is_named_must_be_there(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing.yaml")
    with pytest.raises(FileAccessError):
        take_inventory([Found(missing)], DEFAULT, None)
    assert take_inventory([Found(missing, named=False)], DEFAULT, None) == Inventory(
        (), (NotRead(missing, "cannot be read: no such file or directory"),)
    )


def test_without_paths_the_tracked_files_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git = init(tmp_path / "repo")
    git.commit({"a.yaml": b"", "d/b.yaml": b"", "gone.yaml": b""})
    (git.folder / "gone.yaml").unlink()
    git.write("untracked.yaml", b"")
    os.symlink("a.yaml", git.folder / "link.yaml")
    git("add", "link.yaml")
    monkeypatch.chdir(git.folder / "d")
    found = find_files([], WorkTree(git.folder, os.environ))
    assert list(found) == [Found("../a.yaml", named=False), Found("b.yaml", named=False)]


def test_outside_a_repository_this_folder_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.yaml").touch()
    monkeypatch.chdir(tmp_path)
    assert list(find_files([], None)) == [Found("./a.yaml", named=False)]


def test_paths_of_a_work_tree_are_relative_to_its_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "d").mkdir()
    os.symlink("d", tmp_path / "e")
    monkeypatch.chdir(tmp_path / "d")
    root = str(tmp_path)
    assert [relative_to(path, root) for path in ("a", "../b", str(tmp_path / "e/c"))] == ["d/a", "b", "d/c"]


# --- .sopskit.yaml of the work tree


def test_names_come_from_the_work_tree(tmp_path: Path) -> None:
    (tmp_path / ".sopskit.yaml").write_text("names_file: team/names.yaml\n")
    (tmp_path / "team").mkdir()
    (tmp_path / "team/names.yaml").write_text("[{name: ann, recipients: [age1ann]}]\n")
    assert load_team(str(tmp_path)).names == (Name("ann", ("age1ann",)),)
    assert load_team(None) == load_team(str(tmp_path / "team")) == DEFAULT


def test_a_names_file_that_leads_out_is_not_there(tmp_path: Path) -> None:
    root = tmp_path / "repo"
    root.mkdir()
    (tmp_path / "names.yaml").write_text("[{name: mallory}]\n")
    os.symlink("../names.yaml", root / "names.yaml")
    (root / ".sopskit.yaml").write_text("names_file: names.yaml\n")
    with pytest.raises(ConfigError, match=r"there is no file names\.yaml"):
        load_team(str(root))


def test_a_configuration_that_leads_out_is_not_there(tmp_path: Path) -> None:
    root = tmp_path / "repo"
    root.mkdir()
    (tmp_path / "other.yaml").write_text("names: [{name: mallory}]\n")
    os.symlink("../other.yaml", root / ".sopskit.yaml")
    assert load_team(str(root)) == DEFAULT


# --- what readers are called


def test_a_reader_without_a_name_has_a_short_form() -> None:
    long = "age1ymf2f0vc890s80n4kecrveh36lx8fusr4rnsnddvereryspl5y7qxzcdnp"
    readers = [Reader("age", "x", "ann"), Reader("age", "y", "ann"), Reader("age", long), Reader("pgp", "SHORT")]
    assert list(labels(readers).values()) == ["ann", "ann", "age1ymf2f0…xzcdnp", "SHORT"]


def test_a_short_form_is_never_that_of_another() -> None:
    one, two = f"age1abcdef{'x' * 40}xyzxyz", f"age1abcdef{'y' * 40}xyzxyz"
    called = labels([Reader("age", "k", "age1abcdef…xyzxyz"), Reader("age", one), Reader("age", two)])
    assert len(set(called.values())) == 3


def test_readers_without_a_name_come_last(make_readers: Callable[..., Inventory]) -> None:
    inventory = make_readers(Reader("age", "a"), Reader("age", "z", "bob"), Reader("age", "y", "ann"))
    assert [reader.name or reader.id for reader in inventory.readers] == ["ann", "bob", "a"]


@pytest.fixture
def make_readers() -> Callable[..., Inventory]:
    return lambda *readers: Inventory((ReadBy("f", (readers,), 1),), ())
