"""What a policy outside of the repository lets a folder make."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sopskit.deploy.apply.policy import Policy, read_policy
from sopskit.deploy.apply.target import ObjectId
from sopskit.errors import ConfigError, RefusedError

if TYPE_CHECKING:
    from pathlib import Path

TEXT = """\
version: 1
apply:
  - paths: [k8s/gitops/dev/**]
    kinds: [Secret, Deployment, Widget.example.org]
    namespaces: [dev]
    clusterKinds: [Namespace]
  - paths: [k8s/gitops/prod/**]
    kinds: ["*"]
    namespaces: ["*"]
  - paths: [k8s/gitops/team/**]
    kinds: [Secret]
    namespaces: [shared]
    clusterKinds: [Namespace]
    names: [team, team-*]
"""


def policy(tmp_path: Path, folder: str, text: str = TEXT) -> Policy:
    (tmp_path / "repository").mkdir(exist_ok=True)
    (tmp_path / "policy.yaml").write_text(text)
    return read_policy(tmp_path / "policy.yaml", folder, tmp_path / "repository")


@pytest.mark.parametrize(
    ("folder", "id", "allowed"),
    [
        ("k8s/gitops/dev", ObjectId("", "Secret", "dev", "a"), True),
        ("k8s/gitops/dev/app", ObjectId("", "Secret", "dev", "a"), True),
        ("k8s/gitops/dev", ObjectId("apps", "Deployment", "dev", "a"), True),
        ("k8s/gitops/dev", ObjectId("example.org", "Widget", "dev", "a"), True),
        ("k8s/gitops/dev", ObjectId("", "Namespace", "", "dev"), True),
        ("k8s/gitops/dev", ObjectId("", "Secret", "prod", "a"), False),
        ("k8s/gitops/dev", ObjectId("", "ConfigMap", "dev", "a"), False),
        ("k8s/gitops/dev", ObjectId("example.org", "Secret", "dev", "a"), False),
        ("k8s/gitops/dev", ObjectId("other.org", "Widget", "dev", "a"), False),
        ("k8s/gitops/dev", ObjectId("rbac.authorization.k8s.io", "ClusterRole", "", "a"), False),
        ("k8s/gitops/prod", ObjectId("", "ConfigMap", "any", "a"), True),
        ("k8s/gitops/prod", ObjectId("", "Namespace", "", "a"), False),
        ("k8s/gitops/device", ObjectId("", "Secret", "dev", "a"), False),
        ("k8s/gitops/team", ObjectId("", "Secret", "shared", "team"), True),
        ("k8s/gitops/team", ObjectId("", "Secret", "shared", "team-a"), True),
        ("k8s/gitops/team", ObjectId("", "Secret", "shared", "team2"), False),
        ("k8s/gitops/team", ObjectId("", "Secret", "shared", "other"), False),
        ("k8s/gitops/team", ObjectId("", "Namespace", "", "team"), True),
        ("k8s/gitops/team", ObjectId("", "Namespace", "", "shared"), False),
        ("k8s/gitops/dev/../team", ObjectId("", "Secret", "shared", "team"), False),
        (".", ObjectId("", "Secret", "dev", "a"), False),
    ],
)
def test_an_object_is_allowed_where_an_entry_says_so(tmp_path: Path, folder: str, id: ObjectId, allowed: bool) -> None:
    assert policy(tmp_path, folder).allows(id) is allowed


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("version: 2\napply: []\n", "expected `version: 1`"),
        ("version: 1\n", "expected `version: 1`"),
        ("", "expected `version: 1`"),
        ("version: 1\napply: [{kinds: [Secret]}]\n", "an entry needs paths"),
        ("version: 1\napply: [{paths: [/abs]}]\n", "matches nothing"),
        ("version: 1\napply: [{paths: [a/**], names: []}]\n", "expected names"),
        ("version: 1\napply: [{paths: [a/**], names: ['a*b']}]\n", "expected names"),
        ("version: 1\napply: [{paths: [a/**], namespace: [x]}]\n", "the field namespace is unknown"),
    ],
)
def test_a_policy_that_is_not_understood_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        policy(tmp_path, "a", text)


def test_a_policy_inside_of_the_repository_is_refused(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(TEXT)
    with pytest.raises(RefusedError, match="lies in the repository"):
        read_policy(tmp_path / "policy.yaml", "a", tmp_path)
