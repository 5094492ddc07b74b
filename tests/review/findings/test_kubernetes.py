"""K8S: what a change of a Secret or ConfigMap means to those who use it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.review.reviewing import Reviewer

if TYPE_CHECKING:
    from sopskit.review.model import Finding, ReviewDiff
    from tests.review.conftest import Sops

FOLDER = "k8s/gitops/dev/service1"
FILE = f"{FOLDER}/configmap.yaml"
RELEASE = f"{FOLDER}/release.yaml"
WORKLOAD = """apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  annotations: {{{annotations}}}
spec:
  template:
    metadata:
      annotations: {{{template}}}
    spec:
      containers:
      - name: web
        {use}
"""
ENV_FROM = "envFrom: [{configMapRef: {name: settings}}]"


def config(name: str = "settings", more: str = "", **data: str) -> bytes:
    lines = "".join(f"  {key}: {value}\n" for key, value in data.items())
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n{more}data:\n{lines}".encode()


def workload(use: str = ENV_FROM, annotations: str = "", template: str = "", kind: str = "Deployment") -> bytes:
    text = WORKLOAD.format(use=use, annotations=annotations, template=template)
    return text.replace("Deployment", kind).encode()


def found(report: ReviewDiff, policy: str) -> list[Finding]:
    return [finding for finding in report.findings if finding.id == policy]


# --- K8S01


def test_another_name_is_found_with_those_who_refer_to_the_old_one(review_of: Reviewer) -> None:
    report = review_of({FILE: config(a="1"), RELEASE: workload()}, {FILE: config("renamed", a="1")})
    (finding,) = found(report, "K8S01")
    assert (finding.severity, finding.line, finding.key) == ("medium", 4, ("metadata", "name"))
    assert finding.args == {"old": "ConfigMap settings", "new": "ConfigMap renamed", "users": "Deployment web"}


def test_another_namespace_is_found(review_of: Reviewer) -> None:
    base, head = (config(more=f"  namespace: {name}\n", a="1") for name in ("one", "two"))
    (finding,) = found(review_of({FILE: base}, {FILE: head}), "K8S01")
    assert finding.args == {"old": "ConfigMap one/settings", "new": "ConfigMap two/settings"}
    assert finding.key == ("metadata", "namespace")


def test_another_type_of_an_encrypted_secret_is_found(review_of: Reviewer, sops: Sops) -> None:
    text = "apiVersion: v1\nkind: Secret\nmetadata:\n    name: x\ntype: Opaque\nstringData:\n    password: canary\n"
    base = sops.encrypted(text, "--encrypted-regex", "^(data|stringData)$")
    head = base.replace(b"type: Opaque", b"type: kubernetes.io/basic-auth")
    (finding,) = found(review_of({FILE: base}, {FILE: head}), "K8S01")
    assert (finding.line, finding.key, finding.args) == (5, ("type",), {"name": "x"})


def test_a_value_another_object_and_a_written_default_are_none(review_of: Reviewer) -> None:
    secret = b"apiVersion: v1\nkind: Secret\nmetadata: {name: x}\ndata: {}\n"
    base = {FILE: config(a="1"), "b.yaml": config("b", a="1"), "c.yaml": secret}
    head = {
        FILE: config(a="2"),
        "b.yaml": config("other", z="1"),
        "c.yaml": secret + b"type: Opaque\n",
        "d.yaml": config("d", a="1"),
    }
    assert found(review_of(base, head), "K8S01") == []


# --- K8S02


@pytest.mark.parametrize(
    "use",
    [
        ENV_FROM,
        "env: [{name: A, valueFrom: {configMapKeyRef: {name: settings, key: a}}}]",
        "volumes: [{name: v, configMap: {name: settings}}]",
        "volumes: [{name: v, projected: {sources: [{configMap: {name: settings}}]}}]",
    ],
)
def test_a_workload_that_keeps_the_old_values_is_found(review_of: Reviewer, use: str) -> None:
    report = review_of({FILE: config(a="1", b="1"), RELEASE: workload(use)}, {FILE: config(a="1", b="2")})
    (finding,) = found(report, "K8S02")
    assert (finding.severity, finding.path, finding.line, finding.key) == ("low", FILE, 7, ("data", "b"))
    assert finding.args == {"object": "ConfigMap settings", "users": "Deployment web"}


@pytest.mark.parametrize("use", ["envFrom: [{secretRef: {name: x}}]", "volumes: [{name: v, secret: {secretName: x}}]"])
def test_a_workload_in_another_folder_of_the_environment_is_found(review_of: Reviewer, sops: Sops, use: str) -> None:
    text = "apiVersion: v1\nkind: Secret\nmetadata:\n    name: x\nstringData:\n    password: canary\n"
    path = f"{FOLDER}/secrets.yaml"
    base = sops.encrypted(text, "--encrypted-regex", "^(data|stringData)$")
    sops("set", "file.yaml", '["stringData"]["password"]', '"other"')
    users = workload(use, kind="StatefulSet")
    files = {path: base, "k8s/gitops/dev/other/app.yaml": users, "k8s/gitops/qa/service1/app.yaml": users}
    report = review_of(files, {path: sops.bytes()})
    assert [one.args["users"] for one in found(report, "K8S02")] == ["StatefulSet web"]


def test_a_workload_beside_the_object_goes_before_one_of_another_service(review_of: Reviewer) -> None:
    other = workload().replace(b"name: web", b"name: other")
    files = {FILE: config(a="1"), RELEASE: workload(), "k8s/gitops/dev/service2/release.yaml": other}
    report = review_of(files, {FILE: config(a="2")})
    assert [one.args["users"] for one in found(report, "K8S02")] == ["Deployment web"]


@pytest.mark.parametrize(
    "user",
    [
        workload(template="checksum/config: abc"),
        workload(annotations='reloader.stakater.com/auto: "true"'),
        workload("envFrom: [{configMapRef: {name: other}}]"),
        workload("envFrom: [{secretRef: {name: settings}}]"),
        workload(kind="CronJob"),
    ],
)
def test_a_workload_that_follows_or_uses_another_object_is_none(review_of: Reviewer, user: bytes) -> None:
    assert found(review_of({FILE: config(a="1"), RELEASE: user}, {FILE: config(a="2")}), "K8S02") == []


def test_a_workload_whose_template_changes_as_well_is_none(review_of: Reviewer) -> None:
    base = {FILE: config(a="1"), RELEASE: workload(template="version: '1'")}
    assert found(review_of(base, {FILE: config(a="2"), RELEASE: workload(template="version: '2'")}), "K8S02") == []


def test_a_new_object_a_comment_and_a_label_are_none(review_of: Reviewer) -> None:
    base = {FILE: config(a="1"), RELEASE: workload()}
    head = {FILE: config(more="  labels: {x: y}\n", a="1") + b"# comment\n", f"{FOLDER}/new.yaml": config("new", a="1")}
    assert found(review_of(base, head), "K8S02") == []


# --- K8S03


@pytest.mark.parametrize(
    "head",
    [config(more="immutable: true\n", a="2"), config(more="immutable: true\n", a="1", b="1"), config(a="1")],
)
def test_a_change_of_an_immutable_object_is_found(review_of: Reviewer, head: bytes) -> None:
    report = review_of({FILE: config(more="immutable: true\n", a="1")}, {FILE: head})
    assert [(one.severity, one.args) for one in found(report, "K8S03")] == [("high", {"object": "ConfigMap settings"})]


def test_a_new_name_a_label_and_becoming_immutable_are_none(review_of: Reviewer) -> None:
    fixed = "immutable: true\n"
    base = {FILE: config(more=fixed, a="1"), "b.yaml": config("b", more=fixed, a="1"), "c.yaml": config("c", a="1")}
    head = {
        FILE: config("settings-2", more=fixed, a="2"),
        "b.yaml": config("b", more=f"  labels: {{x: y}}\n{fixed}", a="1"),
        "c.yaml": config("c", more=fixed, a="2"),
    }
    assert found(review_of(base, head), "K8S03") == []


def test_an_object_that_is_gone_and_still_asked_for_is_found(review_of: Reviewer) -> None:
    base = {FILE: config(a="1"), RELEASE: workload()}
    (finding,) = found(review_of(base, {FILE: None}), "K8S01")
    assert (finding.severity, finding.path, finding.side) == ("high", FILE, "base")
    assert finding.args["old"] == "ConfigMap settings"


def test_an_object_that_is_in_another_file_now_is_not_gone(review_of: Reviewer) -> None:
    base = {FILE: config(a="1"), RELEASE: workload()}
    assert found(review_of(base, {FILE: None, f"{FOLDER}/moved.yaml": config(a="1")}), "K8S01") == []


def test_an_object_that_nobody_asks_for_may_go(review_of: Reviewer) -> None:
    assert found(review_of({FILE: config(a="1")}, {FILE: None}), "K8S01") == []
