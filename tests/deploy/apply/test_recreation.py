"""Immutable Secrets and ConfigMaps: deleted and created anew if that is asked for, and if all of it can work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sopskit.deploy.apply.carry_out import StoppedError
from sopskit.deploy.apply.diff import Action
from sopskit.deploy.apply.plan import RefusedPlanError
from tests.cluster.apiserver import MERGE
from tests.cluster.faults import FOREVER, Refuse
from tests.deploy.apply.applying import Applier, config_map, data_of, names_in, secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cluster.apiserver import Cluster
    from tests.cluster.proxy import Proxy


def immutable(content: dict[str, Any]) -> dict[str, Any]:
    return {**content, "immutable": True}


def uid(cluster: Cluster, namespace: str, name: str) -> str:
    found = cluster.request("GET", f"/api/v1/namespaces/{namespace}/secrets/{name}").json["metadata"]["uid"]
    return str(found)


def writes(proxy: Proxy) -> list[str]:
    """What was asked to be written, trials left out."""
    asked = [item for item in proxy.exchanges if item.method != "GET" and "dryRun" not in item.path]
    return [f"{item.method} {item.path.partition('?')[0]}" for item in asked if "accessreviews" not in item.path]


@pytest.fixture
def anew(applier: Applier) -> Applier:
    """May recreate."""
    applier.recreate = True
    return applier


@pytest.mark.parametrize(("make", "kind"), [(secret, "secrets"), (config_map, "configmaps")])
def test_a_changed_immutable_object_is_made_anew(
    anew: Applier, cluster: Cluster, namespace: str, make: Callable[..., dict[str, Any]], kind: str
) -> None:
    anew.apply(immutable(make("app", a="one")))
    before = data_of(cluster, namespace, "app", kind)
    done = anew.apply(immutable(make("app", a="two")))
    assert [step.action for step in done.steps] == [Action.RECREATE]
    after = data_of(cluster, namespace, "app", kind)
    assert (set(after), after != before) == ({"a"}, True)
    assert [step.action for step in anew.plan(immutable(make("app", a="two"))).steps] == [Action.SAME]


def test_a_plan_says_that_it_is_made_anew_and_changes_nothing(anew: Applier, cluster: Cluster, namespace: str) -> None:
    anew.apply(immutable(secret("app", a="canary-one")), name="mine")
    before = uid(cluster, namespace, "app")
    (step,) = anew.plan(immutable(secret("app", a="canary-two", b="canary-three")), name="mine").steps
    assert (step.action, step.uid) == (Action.RECREATE, before)
    assert [str(change) for change in step.changes] == ["~ data.a: <redacted>", "+ data.b: <redacted>"]
    assert (names_in(cluster, namespace), uid(cluster, namespace, "app")) == (["app"], before)


def test_a_secret_whose_type_changes_is_made_anew(anew: Applier, cluster: Cluster, namespace: str) -> None:
    anew.apply(secret("app", username="a", password="b"))
    typed = {**secret("app", username="a", password="b"), "type": "kubernetes.io/basic-auth"}
    assert [step.action for step in anew.apply(typed).steps] == [Action.RECREATE]
    live = cluster.request("GET", f"/api/v1/namespaces/{namespace}/secrets/app").json
    assert live["type"] == "kubernetes.io/basic-auth"


def test_an_immutable_object_that_does_not_change_stays(anew: Applier, cluster: Cluster, namespace: str) -> None:
    anew.apply(immutable(secret("app", a="b")))
    before = uid(cluster, namespace, "app")
    anew.apply(immutable(secret("app", a="b")), secret("other", a="b"))
    assert uid(cluster, namespace, "app") == before


def test_labels_of_an_immutable_object_change_without_making_it_anew(
    anew: Applier, cluster: Cluster, namespace: str
) -> None:
    content = immutable(secret("app", a="b"))
    anew.apply(content)
    before = uid(cluster, namespace, "app")
    done = anew.apply({**content, "metadata": {"name": "app", "labels": {"team": "one"}}})
    assert [step.action for step in done.steps] == [Action.CHANGE]
    assert uid(cluster, namespace, "app") == before


def test_an_immutable_object_that_we_have_not_applied_is_not_deleted(
    anew: Applier, cluster: Cluster, namespace: str
) -> None:
    theirs = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "app"}, "immutable": True}
    cluster.request("POST", f"/api/v1/namespaces/{namespace}/secrets", theirs)
    with pytest.raises(RefusedPlanError) as caught:
        anew.plan(secret("app", a="b"))
    ((_, error),) = caught.value.refusals
    assert error.message == "cannot be changed, and sopskit has not applied it, so it is not deleted"


def test_an_immutable_object_that_finalizers_hold_is_not_deleted(
    anew: Applier, cluster: Cluster, namespace: str
) -> None:
    anew.apply(immutable(secret("app", a="one")))
    path = f"/api/v1/namespaces/{namespace}/secrets/app"
    cluster.request("PATCH", path, {"metadata": {"finalizers": ["example.org/held"]}}, content_type=MERGE)
    with pytest.raises(RefusedPlanError) as caught:
        anew.plan(immutable(secret("app", a="two")))
    cluster.request("PATCH", path, {"metadata": {"finalizers": []}}, content_type=MERGE)
    ((_, error),) = caught.value.refusals
    assert error.message == "cannot be changed, and finalizers keep it from being deleted at once"


def test_new_content_that_would_be_refused_deletes_nothing(anew: Applier, cluster: Cluster, namespace: str) -> None:
    anew.apply(immutable(secret("app", a="one")))
    before = uid(cluster, namespace, "app")
    with pytest.raises(RefusedPlanError):
        anew.apply(immutable(secret("app", **{"no key": "two"})))
    assert uid(cluster, namespace, "app") == before


@pytest.mark.parametrize(
    ("verbs", "told"),
    [
        (
            ["get", "list", "patch", "create"],
            "the API server forbids it (Forbidden): deployer may not delete secrets in NS",
        ),
        (["get", "list", "patch", "delete"], "the API server forbids to create it"),
    ],
    ids=["delete", "create"],
)
def test_a_right_that_is_missing_deletes_nothing(
    as_user: Callable[[str], Applier], anew: Applier, cluster: Cluster, namespace: str, verbs: list[str], told: str
) -> None:
    anew.apply(immutable(secret("app", a="one")))
    before = uid(cluster, namespace, "app")
    cluster.allow("deployer", namespace, ["secrets"], verbs)
    deployer = as_user("deployer")
    deployer.recreate = True
    with pytest.raises(RefusedPlanError) as caught:
        deployer.apply(immutable(secret("app", a="two")))
    assert [error.message.replace(namespace, "NS") for _, error in caught.value.refusals] == [told]
    assert uid(cluster, namespace, "app") == before


def test_a_creation_that_fails_after_the_deletion_is_told_and_the_next_run_creates(
    through_proxy: Applier, cluster: Cluster, proxy: Proxy, namespace: str
) -> None:
    through_proxy.recreate = True
    through_proxy.apply(immutable(secret("app", a="one")), name="mine")
    proxy.clear()
    proxy.inject(Refuse(403), method="PATCH", path=r"/secrets/app\?(?!.*dryRun)", times=FOREVER)
    with pytest.raises(StoppedError) as caught:
        through_proxy.apply(immutable(secret("app", a="two")), name="mine")
    assert str(caught.value) == (
        f"Secret {namespace}/app: was deleted and could not be created anew, so it is missing: the API server forbids it "
        "(Forbidden); stopped after 0 objects of this run had been applied, 1 object deleted"
    )
    proxy.clear()
    done = through_proxy.apply(immutable(secret("app", a="two")), name="mine")
    assert [step.action for step in done.steps] == [Action.CREATE]
    assert data_of(cluster, namespace, "app") == {"a": "dHdv"}


def test_each_object_is_deleted_just_before_it_is_created(through_proxy: Applier, proxy: Proxy, namespace: str) -> None:
    through_proxy.recreate = True
    through_proxy.apply(immutable(secret("app", a="one")))
    proxy.clear()
    through_proxy.apply(immutable(secret("app", a="two")))
    path = f"/api/v1/namespaces/{namespace}/secrets/app"
    assert writes(proxy) == [f"DELETE {path}", f"PATCH {path}"]


def test_an_object_made_anew_by_somebody_else_meanwhile_is_not_deleted(
    anew: Applier, cluster: Cluster, namespace: str
) -> None:
    anew.apply(immutable(secret("app", a="one")))
    go_on = anew.begin(immutable(secret("app", a="two")))
    path = f"/api/v1/namespaces/{namespace}/secrets/app"
    cluster.request("DELETE", path)
    cluster.apply(path, {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "app"}}, manager="someone")
    before = uid(cluster, namespace, "app")
    with pytest.raises(StoppedError, match="is not the object any more that was to be deleted"):
        go_on()
    assert uid(cluster, namespace, "app") == before
