"""What people who may write to a repository, or to objects of a namespace, try; and what comes of it."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from itertools import chain, repeat
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from sopskit.deploy.reconcile.source import BadSource, read_source
from sopskit.errors import GitError
from sopskit.git.credentials import SshKey
from sopskit.git.pktline import ProtocolError, branch_tip
from sopskit.git.sshagent import Agent
from sopskit.secret import SecretBytes, SecretStr
from tests.deploy.reconcile.rounds import BEFORE, Told

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import AgeTestKey
    from tests.deploy.reconcile.rounds import Rounds

UGLY = "\x1b[31m\n2024-02-29T00:00:00Z other/source: applied"


# --- what a repository says


def test_a_folder_that_becomes_a_submodule_deletes_nothing(rounds: Rounds) -> None:
    for name in ("s2", "s3"):
        (rounds.dev / f"{name}.yaml").unlink()
    rounds.git("add", "--all")
    rounds.git("update-index", "--add", "--cacheinfo", f"160000,{rounds.first},dev/more")
    rounds.git("commit", "-qm", "a submodule")
    rounds.git("push", "-q", "--force", str(rounds.remote), "HEAD:refs/heads/main")
    assert rounds.told() == Told("failed", "SourceRefused", "dev/more is a submodule, and submodules are not fetched")
    assert rounds.values() == BEFORE


@pytest.mark.parametrize("target", ["../gone", "more"])
def test_a_folder_that_becomes_a_link_to_nowhere_deletes_nothing(rounds: Rounds, target: str) -> None:
    for name in ("s2", "s3"):
        (rounds.dev / f"{name}.yaml").unlink()
    (rounds.dev / "more").symlink_to(target)
    rounds.push()
    assert rounds.told() == Told("failed", "SourceRefused", "dev/more: is a link that leads nowhere")
    assert rounds.values() == BEFORE


def test_names_out_of_a_repository_are_told_on_one_line_and_not_at_length(rounds: Rounds, bob: AgeTestKey) -> None:
    path = rounds.write("s0", key=bob, a="other")
    text = path.read_text().replace(bob.recipient, json.dumps(UGLY + "x" * 100_000))
    path.unlink()
    (rounds.dev / f"{UGLY.replace('/', '_')}.yaml").write_text(text)
    rounds.push()
    report = rounds.run()
    assert report.reason == "KeyMissing"
    texts = (report.message, report.hint, *report.lines, *report.drifted)
    assert all(text.isprintable() and len(text) < 3000 for text in texts)


def test_an_inventory_does_not_come_out_of_git(rounds: Rounds) -> None:
    name = f"sopskit-inventory-{rounds.source('other').owner}"
    rounds.plain(
        "dev/x.yaml", f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{objects: '[]'}}\n"
    )
    rounds.push()
    told = rounds.told()
    assert (told.outcome, told.reason) == ("failed", "ApplyRefused")
    assert told.lines[0].endswith(": has the name of an inventory, which no manifest may have")


# --- what a server says


def test_capabilities_without_end_are_not_collected() -> None:
    lines = chain([b"version 2"], repeat(b"x"))
    with pytest.raises(ProtocolError):
        branch_tip(lines, "refs/heads/main", lambda request: iter([]))


# --- what a neighbour writes


@pytest.mark.parametrize("form", [PrivateFormat.OpenSSH, PrivateFormat.PKCS8])
def test_a_passphrase_that_takes_hours_to_check_is_refused(form: PrivateFormat, tmp_path: Path) -> None:
    plain = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, form, BestAvailableEncryption(b"test-only"))
    first, *middle, last = plain.split(b"\n")[:-1]
    content = b64decode(b"".join(middle))
    if form is PrivateFormat.OpenSSH:
        rounds = content.index(b"bcrypt") + len(b"bcrypt") + 4 + 4 + 16
        content = content[:rounds] + b"\x7f\xff\xff\xff" + content[rounds + 4 :]
    lines = (first, b64encode(content), last)
    identity = SecretBytes(b"\n".join(lines))
    with pytest.raises(GitError, match=r"takes too long to check|must be in OpenSSH's form"):
        Agent(SshKey(identity, b"host ssh-ed25519 AAAA", SecretStr("test-only")), str(tmp_path))


def test_a_forged_inventory_deletes_nothing_that_is_not_ours(rounds: Rounds) -> None:
    cluster, owner = rounds.cluster, rounds.source().owner
    theirs = cluster.namespace()
    for namespace in (rounds.namespace, theirs):
        for name, labels in (("unlabelled", {}), ("foreign", {"sopskit/inventory": "another"})):
            content = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "labels": labels}}
            path = f"/api/v1/namespaces/{namespace}/secrets/{name}"
            assert cluster.apply(path, content, manager="test").status == 201
    forged = [["", "Secret", place, name] for place in (rounds.namespace, theirs) for name in ("unlabelled", "foreign")]
    forge(rounds, [*forged, ["", "Namespace", "", theirs], ["", "ConfigMap", "kube-system", "kube-root-ca.crt"]])
    rounds.proxy.clear()
    assert rounds.told() == Told("applied", "Applied", "nothing to change from COMMIT")
    inventory = f"/api/v1/namespaces/{rounds.namespace}/configmaps/sopskit-inventory-{owner}"
    assert rounds.written() == [f"PATCH {inventory}"]


def forge(rounds: Rounds, more: list[list[str]]) -> None:
    path = f"/api/v1/namespaces/{rounds.namespace}/configmaps/sopskit-inventory-{rounds.source().owner}"
    content = rounds.cluster.request("GET", path).json
    del content["metadata"]["managedFields"]
    content["data"]["objects"] = json.dumps([*json.loads(content["data"]["objects"]), *more])
    assert rounds.cluster.request("PUT", path, content).status == 200


def test_an_inventory_that_names_itself_is_not_deleted(rounds: Rounds) -> None:
    name = f"sopskit-inventory-{rounds.source().owner}"
    forge(rounds, [["", "ConfigMap", rounds.namespace, name]])
    assert rounds.told() == Told(
        "failed", "ApplyRefused", f"the inventory {name} in NS cannot be read".replace(rounds.namespace, "NS")
    )
    path = f"/api/v1/namespaces/{rounds.namespace}/configmaps/{name}"
    assert rounds.cluster.request("DELETE", path).status == 200
    assert rounds.told().outcome == "applied"
    assert rounds.values() == BEFORE


def test_a_field_of_another_is_not_taken_because_we_applied_the_object_once(rounds: Rounds) -> None:
    path = f"/api/v1/namespaces/{rounds.namespace}/configmaps/settings"
    for manager, data in (("sopskit", {"a": "one"}), ("somebody", {"b": "theirs"})):
        content = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": data}
        assert rounds.cluster.apply(path, content, manager=manager).status in {200, 201}
    rounds.plain(
        "dev/settings.yaml", "{apiVersion: v1, kind: ConfigMap, metadata: {name: settings}, data: {b: ours}}\n"
    )
    rounds.push()
    told = rounds.told()
    assert (told.outcome, told.reason, "somebody owns fields of it" in told.message) == ("failed", "ApplyRefused", True)


@pytest.mark.parametrize("name", ["team-b:deployer", "../default", "system:masters", "a%2Fb", "a\nb"])
def test_an_account_of_another_namespace_cannot_be_named(name: str) -> None:
    spec = {"repository": "https://git.example.org/a.git", "keys": {"secretRef": {"name": "k"}}}
    found = read_source({"metadata": {"namespace": "team-a", "name": "x"}, "spec": spec | {"serviceAccountName": name}})
    assert isinstance(found, BadSource)


@pytest.mark.parametrize("field", ["policy", "signedBy"])
def test_an_empty_list_of_what_is_allowed_is_not_taken_for_everything(field: str) -> None:
    spec = {"repository": "https://git.example.org/a.git", "keys": {"secretRef": {"name": "k"}}, field: []}
    found = read_source({"metadata": {"namespace": "a", "name": "x"}, "spec": spec})
    assert isinstance(found, BadSource)
    assert found.message.startswith(f"spec.{field} is empty")
