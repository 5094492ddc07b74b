"""Files that are encrypted already: their readers stay, and so does what is encrypted in them."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest
import yaml

from sopskit.git.worktree import WorkTree
from sopskit.sops.selection import DEFAULT, Selection
from sopskit.workflow.chosen import EVERYWHERE, Chosen, Owner, Readers
from sopskit.workflow.existing import EncryptedFile, Existing, Sealed, find_existing
from sopskit.workflow.init import Plan, carry_out, plan
from sopskit.workflow.initrules import LeftOut
from tests.repositories import Git, init

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import AgeTestKey

SECRET = b"apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {PASSWORD: correct horse}\n"
PROD = "k8s/gitops/prod/{}/secrets.yaml"
DEV = "k8s/gitops/dev/app/secrets.yaml"


@pytest.fixture
def git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Git:
    git = init(tmp_path / "repo")
    git.write(DEV, SECRET)
    monkeypatch.chdir(git.folder)
    return git


@pytest.fixture
def seal(git: Git, tool: Callable[[str], str]) -> Callable[..., None]:
    """Write a Secret and let the real sops encrypt it, as options say or a rule of a configuration elsewhere."""

    def seal(name: str, *options: str, rule: str | None = None) -> None:
        git.write(name, SECRET)
        config = git.write(".git/rules.yaml", f"creation_rules: [{{{rule or ''}}}]\n".encode())
        words = [tool("sops"), *(["--config", str(config)] if rule else []), "encrypt", "-i", *options, name]
        subprocess.run(words, check=True, capture_output=True, cwd=git.folder)

    return seal


def planned(git: Git, owner: Owner, *age: str, secrets_only: bool = False) -> Plan:
    tree = WorkTree(git.folder, os.environ)
    return plan(str(git.folder), tree, Chosen.read(age, ()), owner, secrets_only=secrets_only)


def rules(git: Git) -> dict[str, dict[str, str]]:
    """By environment."""
    content = yaml.safe_load((git.folder / ".sops.yaml").read_text())
    return {rule["path_regex"].split("/")[2]: rule for rule in content["creation_rules"]}


def keys(rule: dict[str, str]) -> set[str]:
    return set(rule["age"].replace(" ", "").split(","))


def test_the_rule_is_for_the_readers_of_all_files_of_the_environment(
    git: Git, seal: Callable[..., None], alice: AgeTestKey, bob: AgeTestKey, cluster_key: AgeTestKey
) -> None:
    seal(PROD.format("a"), "--age", f"{alice.recipient},{cluster_key.recipient}")
    seal(PROD.format("b"), "--age", f"{bob.recipient},{cluster_key.recipient}")
    found = planned(git, Owner("Ann", alice.recipient))
    carry_out(found)
    assert {name: keys(rule) for name, rule in rules(git).items()} == {
        "prod": {alice.recipient, bob.recipient, cluster_key.recipient},
        "dev": {alice.recipient},
    }
    prod, dev = found.writes[0].what
    assert prod.endswith(": those of the 2 files that are encrypted in prod")
    assert dev.endswith("(your own key)")
    assert found.left_out == ()


def test_the_user_is_not_let_in_where_others_read(
    git: Git, seal: Callable[..., None], alice: AgeTestKey, cluster_key: AgeTestKey
) -> None:
    seal(PROD.format("a"), "--age", cluster_key.recipient)
    found = planned(git, Owner("Ann", alice.recipient))
    carry_out(found)
    assert keys(rules(git)["prod"]) == {cluster_key.recipient}
    assert "your own key is not among the readers of prod, as the files that are there have it" in found.advice


def test_who_is_named_counts_and_who_is_left_out_is_told(
    git: Git, seal: Callable[..., None], alice: AgeTestKey, cluster_key: AgeTestKey
) -> None:
    path = PROD.format("a")
    seal(path, "--age", f"{alice.recipient},{cluster_key.recipient}")
    owner = Owner("Ann", alice.recipient)
    key = cluster_key.recipient
    assert planned(git, owner, f"prod={alice.recipient}").left_out == (
        LeftOut("prod", key, f"{key[:10]}…{key[-6:]}", (path,)),
    )
    assert planned(git, owner, alice.recipient).left_out != ()
    assert planned(git, owner, f"prod={alice.recipient}", f"prod={key}").left_out == ()
    assert planned(git, owner, f"dev={alice.recipient}").left_out == ()


def test_what_is_encrypted_is_as_in_the_files_that_are_there(
    git: Git, seal: Callable[..., None], alice: AgeTestKey
) -> None:
    seal(PROD.format("a"), rule=f"age: {alice.recipient}, encrypted_regex: ^stringData$, mac_only_encrypted: true")
    found = planned(git, Owner(None, alice.recipient))
    carry_out(found)
    rule = rules(git)["prod"]
    assert {name: rule[name] for name in rule if name not in ("path_regex", "age")} == {
        "encrypted_regex": "^stringData$",
        "mac_only_encrypted": True,
    }
    words = "  what is encrypted is as in the files there: encrypted_regex ^stringData$, mac_only_encrypted"
    assert found.writes[0].what[1] == words


def test_where_files_do_not_agree_the_usual_rule_is_written_and_told(
    git: Git, seal: Callable[..., None], alice: AgeTestKey
) -> None:
    seal(PROD.format("a"), "--age", alice.recipient, "--encrypted-regex", "^stringData$")
    seal(PROD.format("b"), "--age", alice.recipient, "--encrypted-regex", "PASSWORD")
    found = planned(git, Owner(None, alice.recipient))
    carry_out(found)
    assert rules(git)["prod"]["encrypted_regex"] == "^(data|stringData)$"
    assert (
        "look at the rule for prod: it has encrypted_regex ^(data|stringData)$, and files there have "
        "encrypted_regex ^stringData$ in k8s/gitops/prod/a/secrets.yaml; "
        "encrypted_regex PASSWORD in k8s/gitops/prod/b/secrets.yaml"
    ) in found.advice


def test_a_rule_that_would_spoil_manifests_is_not_taken_over(
    git: Git, seal: Callable[..., None], alice: AgeTestKey
) -> None:
    seal(PROD.format("a"), "--age", alice.recipient)
    found = planned(git, Owner(None, alice.recipient))
    carry_out(found)
    assert rules(git)["prod"]["encrypted_regex"] == "^(data|stringData)$"
    assert any("files there have unencrypted_suffix _unencrypted in " in line for line in found.advice)


def test_without_environments_all_files_count(git: Git, seal: Callable[..., None], bob: AgeTestKey) -> None:
    (git.folder / DEV).unlink()
    (git.folder / "k8s/gitops/dev/app").rmdir()
    (git.folder / "k8s/gitops/dev").rmdir()
    seal("app/secrets.yaml", "--age", bob.recipient, "--encrypted-regex", "^stringData$")
    carry_out(planned(git, Owner(None, None)))
    content = yaml.safe_load((git.folder / ".sops.yaml").read_text())
    assert content["creation_rules"] == [
        {"path_regex": r"secrets?\.(yaml|yml|json)$", "encrypted_regex": "^stringData$", "age": bob.recipient}
    ]


def test_readers_that_a_plain_list_cannot_name_are_left_to_the_user(
    git: Git, seal: Callable[..., None], alice: AgeTestKey, bob: AgeTestKey
) -> None:
    seal(PROD.format("a"), rule=f"key_groups: [{{age: [{alice.recipient}]}}, {{age: [{bob.recipient}]}}]")
    found = planned(git, Owner(None, alice.recipient))
    carry_out(found)
    assert list(rules(git)) == ["dev"]
    assert (
        "write the rule for prod yourself, as k8s/gitops/prod/a/secrets.yaml shows who reads it: it has 2 key groups"
    ) in found.advice
    assert ".sops.yaml, with a rule for every environment" not in planned(git, Owner(None, alice.recipient)).there


def test_encrypted_files_that_no_rule_means_are_told(git: Git, seal: Callable[..., None], alice: AgeTestKey) -> None:
    seal("other/s.yaml", "--age", alice.recipient)
    assert "other/s.yaml is encrypted, and no rule means it" in planned(git, Owner(None, alice.recipient)).advice


def test_a_damaged_file_is_told(git: Git, alice: AgeTestKey) -> None:
    git.write(PROD.format("a"), b"a: ENC[x]\nsops: {lastmodified: [}\n")
    assert (
        "k8s/gitops/prod/a/secrets.yaml looks encrypted and cannot be read: who reads it does not count"
    ) in planned(git, Owner(None, alice.recipient)).advice


def test_files_are_read_without_a_key(git: Git, seal: Callable[..., None], bob: AgeTestKey) -> None:
    path = PROD.format("a")
    seal(path, "--age", bob.recipient)
    (git.folder / "link.yaml").symlink_to(path)
    found = find_existing(str(git.folder), [path, "link.yaml", "gone.yaml", DEV])
    sealed = Sealed(DEFAULT, mac_only_encrypted=False)
    assert found == Existing((EncryptedFile(path, "prod", Readers((bob.recipient,)), sealed),))
    assert found.readers(EVERYWHERE) == {bob.recipient: [path]}
    assert Sealed(Selection("encrypted_regex", "x"), mac_only_encrypted=False) != sealed


def test_a_comment_in_an_ssh_key_smuggles_nobody_in(
    git: Git, seal: Callable[..., None], alice: AgeTestKey, bob: AgeTestKey
) -> None:
    ssh = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ/3oBeJmGKnOBRSTGZO4TxxHm1lXx2Gmk0LgNO3GSPl"
    path = PROD.format("a")
    seal(path, "--age", bob.recipient)
    file = git.folder / path
    file.write_text(file.read_text().replace(bob.recipient, f"{ssh} me,{alice.recipient}"))
    assert find_existing(str(git.folder), [path]).union("prod") == Readers((ssh,))
    file.write_text(file.read_text().replace(ssh, "age1nosuch"))
    (read,) = find_existing(str(git.folder), [path]).files
    assert (read.readers, read.odd) == (Readers(), "it has a key of the kind age that rules made here cannot name")


def test_rules_for_secrets_only_mean_files_of_such_names(git: Git, alice: AgeTestKey) -> None:
    found = planned(git, Owner(None, alice.recipient), secrets_only=True)
    carry_out(found)
    assert found.writes[0].what[0].startswith("dev: Secrets (")
    assert rules(git)["dev"]["path_regex"] == (
        r"^k8s/gitops/dev/(.*[/._-])?secrets?\d*(/.*|[._-][^/]*)?\.(yaml|yml|json)$"
    )
    assert ".sops.yaml" not in [write.shown for write in planned(git, Owner(None, None)).writes]
