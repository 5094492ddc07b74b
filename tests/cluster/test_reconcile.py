"""From a push to the cluster, through the real reconciler, Git over HTTP and SSH, and a real API server."""

from __future__ import annotations

import base64
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sopskit.deploy.reconcile.source import REQUEST
from tests.cluster.apiserver import MERGE
from tests.cluster.reconciler import condition, until
from tests.cluster.walking import names, password
from tests.conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cluster.apiserver import Object
    from tests.cluster.reconciler import Reconciler
    from tests.cluster.walking import Walk
    from tests.git.servers import HttpServer


@pytest.mark.usefixtures("accounts")
@pytest.mark.parametrize("transport", ["http", "ssh"])
def test_three_environments_go_from_a_push_to_the_cluster_and_follow_it(
    walk: Walk, transport: str, reconciler: Reconciler, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue(transport).url("config.git")
    with reconciler:
        first = walk.git("rev-parse", "HEAD")
        ids = {name: walk.source(name, url, helm=True) for name in ("dev", "qa", "prod")}
        for name, id in ids.items():
            walk.sources.wait_ready(id, first)
            assert password(walk, name) == f"test-only-password-of-{name}"
            assert {"service1", "service2", "service1-web", "front-web"} <= names(walk, name)

        # changed by a merged branch
        walk.git("checkout", "-q", "-b", "rotate")
        walk.tree.change("dev", walk.tree.values["dev"]._replace(password="test-only-changed"))
        walk.git("checkout", "-q", "main")
        walk.git("merge", "-q", "--no-ff", "-m", "Merge rotate", "rotate")
        walk.push()
        merged = walk.git("rev-parse", "HEAD")
        walk.sources.wait_ready(ids["dev"], merged)
        assert password(walk, "dev") == "test-only-changed"

        # drifted by hand: another value, a deleted object
        namespace = walk.tree.namespace("dev")
        value = base64.b64encode(b"by hand").decode()
        path = f"/api/v1/namespaces/{namespace}/secrets/service1"
        assert walk.cluster.request("PATCH", path, {"data": {"DB_PASSWORD": value}}, content_type=MERGE).status == 200
        until(lambda: password(walk, "dev"), lambda found: found == "test-only-changed", "drift put right")
        assert walk.cluster.request("DELETE", f"/api/v1/namespaces/{namespace}/configmaps/service1").status == 200
        until(lambda: names(walk, "dev", "configmaps"), lambda found: "service1" in found, "deleted object back")

        # reverted
        walk.git("revert", "--no-edit", "-m", "1", "HEAD")
        walk.push()
        walk.sources.wait_ready(ids["dev"], walk.git("rev-parse", "HEAD"))
        assert password(walk, "dev") == "test-only-password-of-dev"

        # pruned
        kustomization = walk.tree.folder("qa") / "kustomization.yaml"
        kustomization.write_text(kustomization.read_text().replace(", service2]", "]"))
        walk.git("commit", "-qam", "service2 leaves qa")
        walk.push()
        walk.sources.wait_ready(ids["qa"], walk.git("rev-parse", "HEAD"))
        assert not {name for name in names(walk, "qa") if name.startswith("service2")}
        assert {"service1", "service1-web"} <= names(walk, "qa")
        assert any(name.startswith("service2") for name in names(walk, "prod"))
    assert reconciler.said().count("\n") < 40


@pytest.mark.usefixtures("accounts")
def test_whoever_annotates_a_source_need_not_wait_for_its_interval(
    walk: Walk, http: HttpServer, reconciler: Reconciler
) -> None:
    with reconciler:
        id = walk.source("dev", http.url("config.git"), helm=True, interval="1h")
        walk.sources.wait_ready(id, walk.git("rev-parse", "HEAD"))
        walk.tree.change("dev", walk.tree.values["dev"]._replace(password="test-only-changed"))
        walk.push()
        for asked in ("now", "once more"):
            wanted = {"metadata": {"annotations": {REQUEST: asked}}}
            assert walk.cluster.request("PATCH", id.path, wanted, content_type=MERGE).status == 200
            status = walk.sources.wait(id, partial(has_handled, asked), asked)
            assert status["lastAppliedRevision"] == walk.git("rev-parse", "HEAD")
        assert password(walk, "dev") == "test-only-changed"


@pytest.mark.usefixtures("accounts")
def test_kubectl_waits_for_the_round_of_a_changed_source(
    walk: Walk, http: HttpServer, reconciler: Reconciler, tmp_path: Path, tool: Callable[[str], str]
) -> None:
    config = walk.cluster.kubeconfig(tmp_path / "kubectl.kubeconfig", namespace=walk.sources.namespace)
    wait = [tool("kubectl"), f"--kubeconfig={config}", "wait", "sopssource/dev"]
    with reconciler:
        id = walk.source("dev", http.url("config.git"), helm=True)
        walk.sources.wait_ready(id, walk.git("rev-parse", "HEAD"))
        wrong = {"spec": {"path": "k8s/nowhere"}}
        assert walk.cluster.request("PATCH", id.path, wrong, content_type=MERGE).status == 200
        # what was said of the source before it was changed is no answer
        waited = subprocess.run([*wait, "--for=condition=Ready", "--timeout=5s"], check=False, capture_output=True)
        assert b"timed out" in waited.stderr
        subprocess.run([*wait, "--for=condition=Ready=false", "--timeout=60s"], check=True, capture_output=True)
        ready = condition(walk.sources.status(id))
        assert (ready["reason"], ready["observedGeneration"]) == ("SourceRefused", 2)


@pytest.mark.usefixtures("accounts")
def test_what_a_source_would_do_is_told_as_the_page_says(
    walk: Walk, http: HttpServer, reconciler: Reconciler, tmp_path: Path, tool: Callable[[str], str], builders: str
) -> None:
    with reconciler:
        id = walk.source("dev", http.url("config.git"), helm=True)
        walk.sources.wait_ready(id, walk.git("rev-parse", "HEAD"))
    walk.tree.change("dev", walk.tree.values["dev"]._replace(password="test-only-changed"))
    owner, command = page_lines("OWNER=$(", "sopskit apply ")
    owner = owner.replace("team-a", walk.tree.namespace("dev"))
    command = command.replace("team-a", walk.sources.namespace).replace("sops-keys", "keys-dev")
    python = f"{sys.executable} -m sopskit"
    script = f"{owner}\n{command.replace('sopskit', python, 1).replace('--diff', '--helm --diff')}"
    config = walk.cluster.kubeconfig(tmp_path / "kubectl.kubeconfig")
    environ = {"PATH": f"{Path(tool('kubectl')).parent}:{builders}", "KUBECONFIG": str(config), "HOME": str(tmp_path)}
    told = subprocess.run(
        ["bash", "-euc", script],
        env=environ | {"PYTHONPATH": str(ROOT)},
        cwd=walk.tree.git.folder,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert f"~ Secret {walk.tree.namespace('dev')}/service1\n    ~ data.DB_PASSWORD: <redacted>\n" in told
    assert "nothing was applied" in told


@pytest.mark.usefixtures("accounts")
def test_a_source_is_renamed_as_the_page_says(
    walk: Walk, http: HttpServer, reconciler: Reconciler, tmp_path: Path, tool: Callable[[str], str]
) -> None:
    namespace = walk.tree.namespace("dev")
    config = walk.cluster.kubeconfig(tmp_path / "kubectl.kubeconfig")
    commit = walk.git("rev-parse", "HEAD")
    with reconciler:
        old = walk.source("dev", http.url("config.git"), helm=True)
        walk.sources.wait_ready(old, commit)
        assert walk.cluster.request("DELETE", old.path).status == 200
        new = walk.source("dev", http.url("config.git"), name="other", helm=True)
        assert "is in the inventory" in walk.sources.wait_failed(new, "ApplyRefused")
        script = "\n".join(page_lines("OWNER=$(", "kubectl -n team-a delete configmap", "kubectl -n team-a label"))
        # the objects of this tree have a namespace of their own, the inventory is beside the source
        script = script.replace("-n team-a delete", f"-n {walk.sources.namespace} delete").replace("team-a", namespace)
        script = script.replace("secret,configmap,deployment", "secret,configmap,deployment,service,namespace")
        environ = {"PATH": f"{Path(tool('kubectl')).parent}:/usr/bin:/bin", "KUBECONFIG": str(config)}
        subprocess.run(["bash", "-euc", script], env=environ, check=True, capture_output=True)
        walk.sources.wait_ready(new, commit)


def page_lines(*starts: str) -> list[str]:
    """The lines of the reconciler's page that begin so; where there are several, the first."""
    lines = (ROOT / "docs" / "reconciling.md").read_text().splitlines()
    return [next(line for line in lines if line.startswith(start)) for start in starts]


def has_handled(request: str, status: Object) -> bool:
    """Whether a round was made that somebody has asked for."""
    return bool(status.get("lastHandledRequest") == request)
