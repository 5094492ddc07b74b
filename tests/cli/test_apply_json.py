"""apply --json: one object for programs, however a run ends."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from sopskit.cluster.refusals import FORBIDDEN_HINT
from tests.cli.applying import ENCRYPTED, Case, made_case, manifest
from tests.cluster.faults import FOREVER, Cut, Refuse

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cluster.apiserver import Cluster
    from tests.cluster.proxy import Proxy
    from tests.conftest import AgeTestKey

NO_KEY = 128
SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web"},
    "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]},
}


@pytest.fixture
def case(tmp_path: Path, cluster: Cluster, namespace: str, tool: Callable[[str], str], alice: AgeTestKey) -> Case:
    return made_case(tmp_path, cluster, namespace, tool, alice)


def report(case: Case, *options: str | Path, code: int = 0) -> Any:
    """The JSON object of a run."""
    done = case.apply("--json", *options)
    assert done.code == code, done.err
    return json.loads(done.out.replace(case.namespace.encode(), b"NS"))


APP = {"group": "", "kind": "Secret", "namespace": "NS", "name": "app"}


def test_a_plan_as_json(case: Case) -> None:
    found = report(case, "--dry-run")
    changes = found["objects"][0].pop("changes")
    assert [(change["action"], change["path"], change["new"]) for change in changes] == [
        ("create", "data.password", "<redacted>"),
        ("create", "type", "Opaque"),
    ]
    assert found == {
        "version": 1,
        "applied": False,
        "objects": [{**APP, "action": "create"}],
        "deleted": [],
        "kept": [],
        "counts": {"create": 1},
    }


def test_a_run_as_json(case: Case) -> None:
    other = case.tree.encrypted("dev/other.yaml", manifest("other", a="b"), *ENCRYPTED)
    report(case, "--name", "dev")
    other.unlink()
    found = report(case, "--name", "dev", "--prune")
    assert (found["applied"], found["deleted"], found["counts"], found["unready"]) == (
        True,
        [{**APP, "name": "other"}],
        {"same": 1, "delete": 1},
        [],
    )


def test_what_is_not_ready_as_json(case: Case) -> None:
    case.tree.plain("dev/service.yaml", json.dumps(SERVICE))
    found = report(case, "--wait", "0.3", code=4)
    assert [(item["kind"], item["name"], item["why"]) for item in found["unready"]] == [
        ("Service", "web", "not ready yet (it has no address yet)")
    ]


def test_a_refused_plan_as_json(case: Case) -> None:
    case.use(user="stranger")
    why = "the API server forbids it (Forbidden): stranger may not get secrets in NS"
    assert report(case, code=1) == {
        "version": 1,
        "applied": False,
        "refused": [{**APP, "why": why, "hint": FORBIDDEN_HINT}],
        "error": "1 object is refused, so nothing was applied",
        "hint": FORBIDDEN_HINT,
    }


def test_a_file_that_does_not_open_as_json(case: Case) -> None:
    case.environ["SOPS_AGE_KEY"] = ""
    found = report(case, code=NO_KEY)
    assert (found["applied"], case.canary in found["error"], "secret.yaml: " in found["error"]) == (False, False, True)


def test_a_run_that_stops_midway_as_json(case: Case, proxy: Proxy) -> None:
    case.use(server=proxy.url)
    proxy.inject(Refuse(403), method="PATCH", path=r"/secrets/app\?(?!.*dryRun)", times=FOREVER)
    found = report(case, code=3)
    assert (found["version"], found["applied"], "stopped after 0 objects" in found["error"]) == (1, None, True)


def test_a_server_that_is_lost_while_waiting_is_one_that_is_not_ready(case: Case, proxy: Proxy) -> None:
    case.use(server=proxy.url)
    case.tree.plain("dev/service.yaml", json.dumps(SERVICE))
    proxy.inject(Cut.BEFORE, method="GET", path="/services/web$", skip=1, times=FOREVER)
    found = report(case, "--wait", "2", "--retry-for", "0.2", code=4)
    assert (found["applied"], found["error"].startswith("no answer from")) == (True, True)


def test_nobody_is_asked_with_json(case: Case) -> None:
    case.tree.plain(".sopskit.yaml", "version: 1\nenvironments: [{name: dev, paths: ['dev/**'], protected: true}]\n")
    done = case.apply("--json", stdin=b"dev\n", terminals="stdin")
    assert (done.code, json.loads(done.out)["applied"], "with --json nobody is asked" in done.err) == (1, False, True)
    assert report(case, "--yes")["counts"] == {"create": 1}
