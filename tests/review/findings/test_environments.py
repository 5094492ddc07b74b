"""ENV: the keys that environments share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.review.reviewing import Reviewer

if TYPE_CHECKING:
    from sopskit.review.model import ReviewDiff
    from tests.review.conftest import Sops

FILE = "k8s/gitops/{}/service1/configmap.yaml"


def config(**data: str) -> bytes:
    lines = "".join(f"  {key}: {value}\n" for key, value in data.items())
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: service1}}\ndata:\n{lines}".encode()


def found(report: ReviewDiff) -> list[tuple[str, str, object, object]]:
    return [
        (one.severity, one.path, one.args.get("key"), one.args.get("others"))
        for one in report.findings
        if one.id == "ENV01"
    ]


def test_a_key_that_is_new_in_one_environment_is_a_small_finding(review_of: Reviewer) -> None:
    dev, qa, prod = (FILE.format(name) for name in ("dev", "qa", "prod"))
    report = review_of({dev: config(a="1"), qa: config(a="1"), prod: config(a="1")}, {dev: config(a="1", b="2")})
    assert found(report) == [("low", dev, "data.b", "prod, qa")]
    assert report.exit_code == 0
    (finding,) = report.findings
    assert (finding.line, finding.key) == (6, ("data", "b"))


def test_a_key_that_was_missing_before_is_a_greater_one(review_of: Reviewer) -> None:
    dev, prod = FILE.format("dev"), FILE.format("prod")
    report = review_of({dev: config(a="1", b="1"), prod: config(a="1")}, {dev: config(a="1", b="2")})
    assert found(report) == [("medium", dev, "data.b", "prod")]


def test_a_key_that_was_removed_from_one_environment_is_found(review_of: Reviewer) -> None:
    dev, prod = FILE.format("dev"), FILE.format("prod")
    report = review_of({dev: config(a="1", b="1"), prod: config(a="1", b="1")}, {dev: config(a="1")})
    assert found(report) == [("medium", dev, "data.b", "prod")]


def test_a_key_that_is_added_everywhere_is_none(review_of: Reviewer) -> None:
    dev, prod = FILE.format("dev"), FILE.format("prod")
    more = config(a="1", b="2")
    assert found(review_of({dev: config(a="1"), prod: config(a="1")}, {dev: more, prod: more})) == []


def test_a_service_of_one_environment_alone_is_none(review_of: Reviewer) -> None:
    report = review_of({FILE.format("prod"): config(a="1")}, {"k8s/gitops/dev/service2/configmap.yaml": config(b="1")})
    assert found(report) == []


def test_other_manifests_may_differ(review_of: Reviewer) -> None:
    dev, prod = "k8s/gitops/dev/a/release.yaml", "k8s/gitops/prod/a/release.yaml"
    manifest = b"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {replicas: 3}\n"
    report = review_of({dev: manifest, prod: manifest}, {dev: manifest + b"  paused: true\n".replace(b"  ", b"")})
    assert found(report) == []


def test_encrypted_helm_values_are_compared_by_their_keys(review_of: Reviewer, sops: Sops) -> None:
    dev, prod = (f"k8s/helm-values/service1/{name}-config.yaml" for name in ("dev", "prod"))
    old, new = "db: {user: x}\nhosts: [a]\n", "db: {user: x, password: y}\nhosts: [a, b]\n"
    report = review_of({dev: sops.encrypted(old), prod: sops.encrypted(old)}, {dev: sops.encrypted(new)})
    assert found(report) == [("low", dev, "db.password", "prod")]


def test_the_environments_of_the_teams_file_count(review_of: Reviewer, sops: Sops) -> None:
    team = (
        b"version: 1\nenvironments:\n- {name: live, paths: ['apps/live/**']}\n- {name: test, paths: ['apps/test/**']}\n"
    )
    base = {".sopskit.yaml": team, "apps/live/a.yaml": config(a="1"), "apps/test/a.yaml": config(a="1")}
    report = review_of(base, {"apps/test/a.yaml": config(a="1", b="1")})
    assert found(report) == [("low", "apps/test/a.yaml", "data.b", "live")]


def test_objects_that_are_named_for_their_environment_correspond(review_of: Reviewer) -> None:
    dev, prod = FILE.format("dev"), FILE.format("prod")
    texts = {
        name: b"\n---\n".join(config(a="1").replace(b"service1", f"{name}-{part}".encode()) for part in ("x", "y"))
        for name in ("dev", "prod")
    }
    report = review_of({dev: texts["dev"], prod: texts["prod"]}, {dev: texts["dev"] + b"  b: 2\n"})
    assert found(report) == [("low", dev, "data.b", "prod")]
