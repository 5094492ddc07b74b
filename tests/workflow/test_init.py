"""What a repository lacks for encrypted files, found and written; obeyed by the real sops."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest
import yaml

from sopskit.config.sopskit_yaml import Environment, Name
from sopskit.errors import ConfigError, FileChangedError, RecipientError, UsageError
from sopskit.git.worktree import WorkTree
from sopskit.workflow.chosen import Chosen, Owner, Readers
from sopskit.workflow.folders import expand
from sopskit.workflow.init import Plan, carry_out, plan
from sopskit.workflow.recipients import load_team, take_inventory
from tests.repositories import Git, init

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import AgeTestKey

SECRET = b"apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {PASSWORD: correct horse}\n"
VALUES = b"replicas: 2\nsecrets: {password: correct horse}\n"
TREE: dict[str | bytes, bytes] = {
    "k8s/gitops/dev/service1/secrets.yaml": SECRET,
    "k8s/gitops/prod/service1/secrets.yaml": SECRET,
    "k8s/helm-values/service1/dev-config.yaml": VALUES,
    "k8s/helm-values/service1/prod-config.yaml": VALUES,
}
NOBODY = Owner(None, None)


@pytest.fixture
def git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Git:
    git = init(tmp_path / "repo")
    monkeypatch.chdir(git.folder)
    return git


@pytest.fixture
def ann(alice: AgeTestKey) -> Owner:
    return Owner("Ann", alice.recipient)


def planned(
    git: Git, owner: Owner, age: tuple[str, ...] = (), pgp: tuple[str, ...] = (), *, secrets_only: bool = False
) -> Plan:
    tree = WorkTree(git.folder, os.environ)
    return plan(str(git.folder), tree, Chosen.read(age, pgp), owner, secrets_only=secrets_only)


def shown(plan: Plan) -> list[str]:
    return [write.shown for write in plan.writes]


def rules(git: Git) -> list[dict[str, str]]:
    content = yaml.safe_load((git.folder / ".sops.yaml").read_text())
    found = content["creation_rules"]
    assert isinstance(found, list)
    return found


def snapshot(git: Git) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in git.folder.rglob("*") if path.is_file()}


# --- a repository without anything


def test_everything_is_written_and_then_nothing_is_missing(git: Git, ann: Owner) -> None:
    git.commit(TREE)
    first = planned(git, ann)
    assert shown(first) == [".sops.yaml", ".sopskit.yaml", ".git/hooks/pre-commit"]
    carry_out(first)
    assert all((git.folder / name).exists() for name in shown(first))
    second = planned(git, NOBODY)
    assert second == Plan(
        (),
        (".sops.yaml, with a rule for every environment", ".sopskit.yaml", "a pre-commit hook that runs sopskit check"),
        (),
        folders=("k8s",),
    )


def test_planning_writes_nothing(git: Git, ann: Owner) -> None:
    git.commit(TREE)
    before = snapshot(git)
    planned(git, ann)
    assert snapshot(git) == before


def test_sops_obeys_the_rules(
    git: Git, tool: Callable[[str], str], ann: Owner, alice: AgeTestKey, bob: AgeTestKey, cluster_key: AgeTestKey
) -> None:
    git.commit(TREE)
    prod = (f"prod={cluster_key.recipient}", f"prod={bob.recipient}")
    carry_out(planned(git, ann, prod))
    for name in map(os.fsdecode, TREE):
        subprocess.run([tool("sops"), "encrypt", "-i", name], check=True, capture_output=True, cwd=git.folder)
    inventory = take_inventory(expand(["k8s"]), load_team(str(git.folder)), str(git.folder))
    readers = {file.path: {one.id for one in file.readers} for file in inventory.files}
    assert readers == {
        name: {cluster_key.recipient, bob.recipient} if "prod" in str(name) else {alice.recipient} for name in TREE
    }
    values = yaml.safe_load((git.folder / "k8s/helm-values/service1/dev-config.yaml").read_text())
    assert (values["replicas"], values["secrets"]["password"][:4]) == (2, "ENC[")
    secret = yaml.safe_load((git.folder / "k8s/gitops/dev/service1/secrets.yaml").read_text())
    assert (secret["kind"], secret["stringData"]["PASSWORD"][:4]) == ("Secret", "ENC[")


def test_the_team_file_has_the_environments_and_the_user(git: Git, ann: Owner, alice: AgeTestKey) -> None:
    git.commit(TREE)
    carry_out(planned(git, ann))
    team = load_team(str(git.folder))
    assert team.environments == (
        Environment("prod", ("k8s/gitops/prod/**", "k8s/helm-values/*/prod-config.yaml"), protected=True),
        Environment("dev", ("k8s/gitops/dev/**", "k8s/helm-values/*/dev-config.yaml")),
    )
    assert team.names == (Name("Ann", (alice.recipient,)),)


def test_nobody_is_given_a_name_that_is_not_known(git: Git, bob: AgeTestKey) -> None:
    git.commit(TREE)
    carry_out(planned(git, NOBODY, (bob.recipient,)))
    assert load_team(str(git.folder)).names == ()
    assert f"  # - name:\n  #   recipients: [{bob.recipient}]\n" in (git.folder / ".sopskit.yaml").read_text()


def test_without_environments_there_is_one_rule_for_secrets(git: Git, ann: Owner, alice: AgeTestKey) -> None:
    carry_out(planned(git, ann))
    assert rules(git) == [
        {
            "path_regex": r"secrets?\.(yaml|yml|json)$",
            "encrypted_regex": "^(data|stringData)$",
            "age": alice.recipient,
        }
    ]
    assert planned(git, NOBODY).writes == ()


def test_a_pgp_key_may_read_beside_an_age_key(git: Git, bob: AgeTestKey) -> None:
    fingerprint = "836B1A9C90592A528EB95C86DE47E88C6AE55098"
    carry_out(planned(git, NOBODY, (bob.recipient,), (fingerprint,)))
    assert {key: value for key, value in rules(git)[0].items() if key in ("age", "pgp")} == {
        "age": bob.recipient,
        "pgp": fingerprint,
    }


def test_without_a_recipient_nothing_is_made_up(git: Git, bob: AgeTestKey) -> None:
    git.commit(TREE)
    with pytest.raises(UsageError) as caught:
        planned(git, NOBODY, (f"prod={bob.recipient}",))
    assert (caught.value.message, caught.value.hint) == (
        "it is not known who shall read dev: no recipient was named, and no age key of yours was found",
        "make a key with sopskit keys generate, or name recipients: sopskit init --age dev=age1...",
    )


def test_it_is_told_where_the_user_would_be_alone(git: Git, ann: Owner, bob: AgeTestKey) -> None:
    git.commit(TREE)
    (advice,) = planned(git, ann, (f"prod={bob.recipient}",)).advice
    assert advice.startswith("only you can read what is encrypted in dev: ")


# --- a repository that has something


def test_rules_are_only_added_for_environments_without_one(git: Git, ann: Owner, alice: AgeTestKey) -> None:
    existing = f"""\
# ours, do not touch
creation_rules:
    # production first
    - path_regex: 'prod/.*\\.yaml$'
      age: {alice.recipient}   # on call
    - path_regex: prod-config
      age: {alice.recipient}

# how files look
stores: {{yaml: {{indent: 2}}}}
"""
    git.commit({**TREE, ".sops.yaml": existing.encode()})
    carry_out(planned(git, ann))
    text = (git.folder / ".sops.yaml").read_text()
    head, tail = existing.split("\n# how files look")
    assert text.startswith(head)
    assert text.endswith("\n# how files look" + tail)
    assert [rule["path_regex"] for rule in rules(git)] == [
        "prod/.*\\.yaml$",
        "prod-config",
        r"^k8s/gitops/dev/.*\.(yaml|yml|json)$",
        r"^k8s/helm-values/[^/]+/dev-config\.yaml$",
    ]
    assert ".sops.yaml" not in shown(planned(git, NOBODY))


def test_sops_obeys_rules_that_were_added(
    git: Git, tool: Callable[[str], str], ann: Owner, alice: AgeTestKey, bob: AgeTestKey
) -> None:
    existing = f"creation_rules:\n- path_regex: ^k8s/gitops/prod/\n  age: {bob.recipient}\n# the end\n"
    git.commit({**TREE, ".sops.yaml": existing.encode()})
    carry_out(planned(git, ann))
    for environment in ("prod", "dev"):
        name = f"k8s/gitops/{environment}/service1/secrets.yaml"
        subprocess.run([tool("sops"), "encrypt", "-i", name], check=True, capture_output=True, cwd=git.folder)
    inventory = take_inventory(expand(["k8s/gitops"]), load_team(str(git.folder)), str(git.folder))
    assert [(file.environment, file.readers[0].id) for file in inventory.files] == [
        ("dev", alice.recipient),
        ("prod", bob.recipient),
    ]


@pytest.mark.parametrize("regex", ["", "path_regex: secrets, ", r"path_regex: '\.yaml$', "])
def test_a_rule_for_all_environments_is_enough(git: Git, alice: AgeTestKey, regex: str) -> None:
    files = {name: data for name, data in TREE.items() if b"gitops" in os.fsencode(name)}
    git.commit({**files, ".sops.yaml": f"creation_rules: [{{{regex}age: {alice.recipient}}}]\n".encode()})
    assert ".sops.yaml" not in shown(planned(git, NOBODY))


def test_the_rules_of_a_folder_count_for_it(git: Git, ann: Owner, alice: AgeTestKey) -> None:
    rule = f"creation_rules: [{{age: {alice.recipient}}}]\n".encode()
    git.commit({"k8s/gitops/dev/s.yaml": b"", "k8s/gitops/qa/s.yaml": b"", "k8s/gitops/qa/.sops.yaml": rule})
    carry_out(planned(git, ann))
    assert [rule["path_regex"] for rule in rules(git)] == [r"^k8s/gitops/dev/.*\.(yaml|yml|json)$"]


def test_folders_that_the_rules_leave_out_are_told(git: Git, alice: AgeTestKey) -> None:
    rule = f"creation_rules: [{{path_regex: ^a/, age: {alice.recipient}}}]\n".encode()
    files: dict[str | bytes, bytes] = {f"{name}/overlays/prod/s.yaml": b"" for name in "abcdefgh"}
    git.commit({**files, ".sops.yaml": rule})
    found = planned(git, NOBODY)
    assert ".sops.yaml" not in shown(found)
    folders = ", ".join(f"{name}/overlays/prod" for name in "bcdef")
    assert found.advice == (f"no rule of .sops.yaml means Secrets in {folders} and 2 more",)


def test_a_new_overlay_is_meant_by_the_rule_of_the_others(git: Git, ann: Owner) -> None:
    git.commit({"overlays/prod/s.yaml": b""})
    carry_out(planned(git, ann))
    git.write("apps/new/overlays/prod/s.yaml", b"")
    assert planned(git, NOBODY)[:3:2] == ((), ())


def test_a_file_without_a_place_for_rules_stays_and_the_rules_are_told(git: Git, ann: Owner) -> None:
    git.commit({**TREE, ".sops.yaml": b"creation_rules: []\n"})
    found = planned(git, ann)
    assert ".sops.yaml" not in shown(found)
    assert any(
        "add to creation_rules:\n  # prod: Secrets and ConfigMaps\n  - path_regex: " in line for line in found.advice
    )


def test_recipients_of_a_second_run_are_told_with_the_rules_that_lack_them(
    git: Git, ann: Owner, alice: AgeTestKey, bob: AgeTestKey
) -> None:
    git.commit(TREE)
    carry_out(planned(git, ann))
    lines = (git.folder / ".sops.yaml").read_text().splitlines()
    numbers = [number for number, line in enumerate(lines, 1) if "path_regex:" in line]
    (advice,) = planned(git, ann, (f"prod={bob.recipient}",)).advice
    assert advice == (
        ".sops.yaml has these rules already; edit them, then run sopskit updatekeys on the files:\n"
        f"  .sops.yaml:{numbers[0]} (prod): add {bob.recipient}\n"
        f"  .sops.yaml:{numbers[1]} (prod): add {bob.recipient}"
    )
    assert planned(git, ann, (alice.recipient,)).advice == (
        "the recipients named stand in the rules of .sops.yaml already",
    )


def test_a_team_file_stays_and_what_it_lacks_is_told(git: Git, ann: Owner) -> None:
    text = b"environments: [{name: p, paths: ['k8s/*/prod/**']}]\n"
    git.commit({"k8s/gitops/prod/s.yaml": b"", "k8s/gitops/dev/s.yaml": b"", ".sopskit.yaml": text})
    found = planned(git, ann)
    assert ".sopskit.yaml" not in shown(found)
    assert ".sopskit.yaml puts k8s/gitops/dev/** into no environment" in found.advice


@pytest.mark.parametrize("name", [".sops.yaml", ".sopskit.yaml"])
def test_a_broken_file_stops_it(git: Git, ann: Owner, name: str) -> None:
    git.commit({**TREE, name: b"a: [\n"})
    with pytest.raises(ConfigError, match=name):
        planned(git, ann)


def test_a_file_of_the_wrong_name_is_told(git: Git, ann: Owner) -> None:
    git.commit({".sops.yml": b""})
    assert ".sops.yml is read by nobody: the file must be called .sops.yaml" in planned(git, ann).advice


def test_what_somebody_wrote_meanwhile_stays(git: Git, ann: Owner) -> None:
    found = planned(git, ann)
    git.write(".sops.yaml", b"# theirs\n")
    with pytest.raises(FileChangedError):
        carry_out(found)
    assert (git.folder / ".sops.yaml").read_bytes() == b"# theirs\n"


def test_the_hook_alone(git: Git) -> None:
    git.commit(TREE)
    tree = WorkTree(git.folder, os.environ)
    found = plan(str(git.folder), tree, Chosen.read((), ()), NOBODY, hooks_only=True)
    assert (shown(found), found.there, found.advice) == ([".git/hooks/pre-commit"], (), ())


def test_a_repository_without_a_folder_of_hooks_gets_one(git: Git, ann: Owner) -> None:
    git("config", "core.hooksPath", ".githooks")
    carry_out(planned(git, ann))
    assert os.access(git.folder / ".githooks/pre-commit", os.X_OK)


# --- recipients by environment


def test_recipients_are_read_by_environment(alice: AgeTestKey, bob: AgeTestKey) -> None:
    ssh = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ/3oBeJmGKnOBRSTGZO4TxxHm1lXx2Gmk0LgNO3GSPl"
    chosen = Chosen.read((f"prod={alice.recipient}", bob.recipient, f"prod={ssh}", f"prod={alice.recipient}"), ())
    assert chosen.by_environment == {"prod": Readers((alice.recipient, ssh)), "": Readers((bob.recipient,))}
    assert [chosen.named(name) for name in ("prod", "dev")] == [
        Readers((alice.recipient, ssh)),
        Readers((bob.recipient,)),
    ]
    assert Chosen.read((f"prod={alice.recipient}",), ()).named("dev") is None


def test_an_environment_that_is_not_there_is_refused(git: Git, ann: Owner, bob: AgeTestKey) -> None:
    git.commit(TREE)
    with pytest.raises(UsageError) as caught:
        planned(git, ann, (f"prd={bob.recipient}",))
    assert (caught.value.message, caught.value.hint) == (
        "no folder of an environment prd was found",
        "did you mean: prod",
    )


@pytest.mark.parametrize("environment", ["", "prod="])
def test_a_private_key_is_refused_and_not_quoted(alice: AgeTestKey, environment: str) -> None:
    for age, pgp in (((environment + alice.identity,), ()), ((), (environment + alice.identity,))):
        with pytest.raises(RecipientError) as caught:
            Chosen.read(age, pgp)
        assert alice.identity[-20:] not in f"{caught.value}{caught.value.hint}"
