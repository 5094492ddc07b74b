"""Sources as they come from the API or a file; one that is not understood says which field it is."""

from __future__ import annotations

from typing import Any

import pytest

from sopskit.deploy.apply.policy import Entry, Policy
from sopskit.deploy.reconcile.source import REQUEST, BadSource, Channel, Check, Source, SourceId, read_source

SPEC = {
    "repository": "https://git.example.org/config.git",
    "path": "k8s/gitops/dev",
    "keys": {"secretRef": {"name": "sops"}},
}
ID = SourceId("team-a", "dev")


def content(**spec: Any) -> dict[str, Any]:
    metadata = {"namespace": "team-a", "name": "dev", "generation": 3, "uid": "u"}
    return {"metadata": metadata, "spec": SPEC | spec}


def test_what_is_left_out_has_its_default() -> None:
    assert read_source(content()) == Source(
        id=ID,
        repository="https://git.example.org/config.git",
        branch="main",
        path="k8s/gitops/dev",
        keys="sops",
        namespace="team-a",
        generation=3,
        uid="u",
    )


def test_every_field_is_read() -> None:
    found = read_source(
        content(
            branch="release/1.x",
            credentials={"secretRef": {"name": "git"}},
            serviceAccountName="deployer",
            targetNamespace="dev",
            interval="1m30s",
            retryInterval="10s",
            timeout="2m",
            wait="45s",
            prune=False,
            drift="report",
            helm=True,
            kubeVersion="1.36.3",
            suspend=True,
            signedBy=["ssh-ed25519 AAAA test"],
            policy=[
                {"kinds": ["Secret"], "namespaces": ["dev"], "clusterKinds": ["Namespace"], "names": ["dev", "app-*"]}
            ],
            checks=[
                {
                    "name": "web",
                    "http": {"url": "http://app.dev.svc/", "status": 204, "contains": "ok"},
                    "timeout": "1s",
                },
                {"name": "db", "tcp": {"address": "db.dev.svc:5432"}, "retries": 0, "every": "500ms"},
            ],
            notify=[{"type": "slack", "secretRef": {"name": "hook"}, "events": ["failed"]}],
        )
    )
    assert found == Source(
        id=ID,
        repository="https://git.example.org/config.git",
        branch="release/1.x",
        path="k8s/gitops/dev",
        keys="sops",
        credentials="git",
        account="deployer",
        namespace="dev",
        interval=90.0,
        retry=10.0,
        timeout=120.0,
        wait=45.0,
        prune=False,
        correct=False,
        helm=True,
        kube_version="1.36.3",
        suspended=True,
        signers=("ssh-ed25519 AAAA test",),
        policy=Policy(
            (Entry((), *(frozenset(words) for words in (["Secret"], ["dev"], ["Namespace"], ["dev", "app-*"]))),)
        ),
        checks=(
            Check("web", "http://app.dev.svc/", 204, "ok", timeout=1.0),
            Check("db", address="db.dev.svc:5432", retries=0, every=0.5),
        ),
        channels=(Channel("slack", "hook", frozenset(("failed",))),),
        generation=3,
        uid="u",
    )


BAD: list[tuple[dict[str, Any], str]] = [
    ({"repository": None}, "spec.repository is missing"),
    ({"repository": 5}, "spec.repository is not valid"),
    ({"repository": "https://git.example.org/\x1b[31m"}, "spec.repository is not valid"),
    ({"keys": None}, "spec.keys names no Secret"),
    ({"keys": {}}, "spec.keys names no Secret"),
    ({"keys": {"secretRef": {}}}, "spec.keys.secretRef.name is missing"),
    ({"keys": {"secretRef": {"name": "../other"}}}, "spec.keys.secretRef.name is not valid"),
    (
        {"keys": {"secretRef": {"name": "sops", "namespace": "other"}}},
        "spec.keys.secretRef has an unknown field namespace",
    ),
    ({"branch": "--upload-pack=x"}, "spec.branch is not valid"),
    ({"branch": "a..b"}, "spec.branch is not valid"),
    ({"branch": "a.lock"}, "spec.branch is not valid"),
    ({"branch": "refs/heads/"}, "spec.branch is not valid"),
    ({"path": "/etc"}, "spec.path leads out of the repository"),
    ({"path": "k8s/../../etc"}, "spec.path leads out of the repository"),
    ({"path": ".git"}, "spec.path leads out of the repository"),
    ({"interval": "soon"}, "spec.interval is no duration"),
    ({"interval": 60}, "spec.interval is no duration"),
    ({"interval": "-5s"}, "spec.interval is no duration"),
    ({"interval": "9999999h"}, "spec.interval is longer than a year"),
    ({"prune": "yes"}, "spec.prune is true or false"),
    ({"drift": "ignore"}, "spec.drift is one of correct, report"),
    ({"signedBy": "ssh-ed25519 AAAA"}, "spec.signedBy is no list of texts"),
    ({"serviceAccountName": "a:b"}, "spec.serviceAccountName is not valid"),
    ({"targetNamespace": "a/b"}, "spec.targetNamespace is not valid"),
    ({"policy": [{"kind": ["Secret"]}]}, "spec.policy[0] has an unknown field kind"),
    ({"policy": ["Secret"]}, "spec.policy[0] is no mapping"),
    ({"policy": [{"names": []}]}, "spec.policy[0].names are names, with * at the end of one only"),
    ({"policy": [{"names": ["*-dev"]}]}, "spec.policy[0].names are names, with * at the end of one only"),
    ({"checks": [{"name": "a"}]}, "spec.checks[0] needs one of http and tcp"),
    (
        {"checks": [{"name": "a", "tcp": {"address": "a:1"}, "retries": -1}]},
        "spec.checks[0].retries is a number from 0 to 1000",
    ),
    (
        {"notify": [{"type": "mail", "secretRef": {"name": "a"}}]},
        "spec.notify[0].type is one of webhook, slack, github, gitlab",
    ),
    ({"notify": [{"type": "slack"}]}, "spec.notify[0].secretRef names no Secret"),
    (
        {"notify": [{"type": "slack", "secretRef": {"name": "a"}, "events": ["all"]}]},
        "spec.notify[0].events knows applied, failed, drifted, recovered, rotated",
    ),
    ({"impersonate": "cluster-admin"}, "spec has an unknown field impersonate"),
]


@pytest.mark.parametrize(("spec", "message"), BAD)
def test_a_bad_field_is_named(spec: dict[str, Any], message: str) -> None:
    assert read_source(content(**spec)) == BadSource(ID, 3, message, "u")


@pytest.mark.parametrize(
    "broken", [{}, {"metadata": {"name": "dev", "namespace": "team-a"}}, {"metadata": 5, "spec": 5}]
)
def test_an_object_that_is_none_is_a_bad_source(broken: dict[str, Any]) -> None:
    assert isinstance(read_source(broken), BadSource)


def test_intervals_have_a_least_length() -> None:
    found = read_source(content(interval="1ms", retryInterval="0s"))
    assert isinstance(found, Source)
    assert (found.interval, found.retry) == (5.0, 5.0)


def test_two_sources_never_own_the_same() -> None:
    names = [("a", "b-c"), ("a-b", "c"), ("a", "b.c"), ("a" * 63, "b" * 200), ("a" * 63, "b" * 199)]
    owners = {Source(SourceId(*name), "u", "main", ".", "k").owner for name in names}
    assert len(owners) == len(names)
    assert all(len(owner) <= 63 and owner[0].isalnum() and owner[-1].isalnum() for owner in owners)


@pytest.mark.parametrize(
    ("annotations", "wanted"),
    [
        ({REQUEST: "2026-11-25T12:00:00Z"}, "2026-11-25T12:00:00Z"),
        ({REQUEST: "x" * 300}, "x" * 256),
        ({REQUEST: "two\nlines"}, "two\\nlines"),
        ({REQUEST: 5}, ""),
        ({"other": "x"}, ""),
        ([], ""),
    ],
    ids=["a time", "long", "lines", "a number", "another", "no mapping"],
)
def test_whoever_asks_for_a_round_makes_it_another_source(annotations: Any, wanted: str) -> None:
    asked = content()
    asked["metadata"]["annotations"] = annotations
    found = read_source(asked)
    assert isinstance(found, Source)
    assert (found.request, found == read_source(content())) == (wanted, not wanted)


@pytest.mark.parametrize(
    ("spec", "same"),
    [
        ({"interval": "5m", "retryInterval": "5m", "timeout": "5m", "wait": "5m"}, True),
        ({"drift": "report", "suspend": True}, True),
        ({"notify": [{"type": "slack", "secretRef": {"name": "hook"}}]}, True),
        ({"checks": [{"name": "db", "tcp": {"address": "db:5432"}}]}, True),
        ({"path": "k8s/gitops/qa"}, False),
        ({"prune": False}, False),
        ({"policy": [{"kinds": ["Secret"]}]}, False),
        ({"serviceAccountName": "other"}, False),
        ({"targetNamespace": "other"}, False),
    ],
    ids=["times", "drift", "notify", "checks", "path", "prune", "policy", "account", "namespace"],
)
def test_what_makes_a_source_apply_something_else(spec: dict[str, Any], same: bool) -> None:
    changed, before = read_source(content(**spec)), read_source(content())
    assert isinstance(changed, Source)
    assert isinstance(before, Source)
    assert changed.applies_as(before) is same
