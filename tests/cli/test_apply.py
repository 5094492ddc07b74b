"""apply on the command line, from encrypted files to a real API server."""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.canary.canaries import Canary, Scanner, token
from tests.canary.observing import Sinks, leaks_in_folders, observe
from tests.cli.applying import ENCRYPTED, Case, made_case, manifest
from tests.cluster.faults import FOREVER, Refuse
from tests.conftest import ROOT
from tests.deploy.apply.applying import config_map, data_of, names_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cluster.apiserver import Cluster
    from tests.cluster.proxy import Proxy
    from tests.conftest import AgeTestKey


@pytest.fixture
def case(tmp_path: Path, cluster: Cluster, namespace: str, tool: Callable[[str], str], alice: AgeTestKey) -> Case:
    return made_case(tmp_path, cluster, namespace, tool, alice)


def test_an_encrypted_folder_arrives_in_the_cluster(case: Case) -> None:
    assert case.lines() == ["+ Secret NS/app", "1 created"]
    assert data_of(case.cluster, case.namespace, "app") == {"password": base64.b64encode(case.canary.encode()).decode()}
    assert case.lines() == ["1 unchanged"]


def test_a_kustomization_is_built(case: Case) -> None:
    case.tree.plain("dev/kustomization.yaml", "namePrefix: dev-\nresources: [secret.yaml]\n")
    assert case.lines() == ["+ Secret NS/dev-app", "1 created"]


def test_a_dry_run_applies_nothing(case: Case) -> None:
    assert case.lines("--dry-run") == ["+ Secret NS/app", "1 to create; nothing was applied"]
    assert case.lines("--diff") == [
        "+ Secret NS/app",
        "    + data.password: <redacted>",
        "    + type: Opaque",
        "1 to create; nothing was applied",
    ]
    assert names_in(case.cluster, case.namespace) == []


def test_a_diff_of_a_changed_value_names_its_key(case: Case) -> None:
    case.apply()
    case.canary = token()
    case.tree.encrypted("dev/secret.yaml", manifest("app", password=case.canary), *ENCRYPTED)
    assert case.lines("--diff") == [
        "~ Secret NS/app",
        "    ~ data.password: <redacted>",
        "1 to change; nothing was applied",
    ]


def test_what_is_gone_from_the_folder_is_deleted_with_prune(case: Case) -> None:
    other = case.tree.encrypted("dev/other.yaml", manifest("other", a="b"), *ENCRYPTED)
    case.apply("--name", "dev")
    other.unlink()
    assert case.lines("--name", "dev", "--prune", "--dry-run") == [
        "- Secret NS/other",
        "1 unchanged, 1 to delete; nothing was applied",
    ]
    assert case.lines("--name", "dev", "--prune") == ["- Secret NS/other", "1 unchanged, 1 deleted"]
    assert names_in(case.cluster, case.namespace) == ["app"]


def test_what_is_gone_stays_without_prune_and_is_named(case: Case) -> None:
    other = case.tree.encrypted("dev/other.yaml", manifest("other", a="b"), *ENCRYPTED)
    case.apply("--name", "dev")
    other.unlink()
    done = case.apply("--name", "dev")
    assert done.err == (
        f"sopskit: warning: Secret {case.namespace}/other is in the inventory, not in the folder, and stays\n"
    )
    assert names_in(case.cluster, case.namespace) == ["app", "other"]


def test_prune_needs_a_name(case: Case) -> None:
    done = case.apply("--prune")
    assert (done.code, done.err.splitlines()[0]) == (1, "sopskit: error: --prune needs --name")


def test_a_conflict_names_the_other_owner(case: Case) -> None:
    path = f"/api/v1/namespaces/{case.namespace}/secrets/app"
    theirs = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "app"}, "data": {"password": "eA=="}}
    case.cluster.apply(path, theirs, manager="kubectl")
    done = case.apply()
    assert (done.code, done.out) == (1, b"")
    assert done.err.splitlines() == [
        f"sopskit: error: Secret {case.namespace}/app: kubectl owns fields of it: .data.password",
        "sopskit: error: 1 object is refused, so nothing was applied",
        "sopskit: hint: take the fields out of the manifest, or take over what kubectl or flux has applied with --adopt",
    ]


def test_a_user_without_rights(case: Case) -> None:
    case.use(user="stranger")
    done = case.apply()
    assert (done.code, done.err.splitlines()[0]) == (
        1,
        (
            f"sopskit: error: Secret {case.namespace}/app: the API server forbids it (Forbidden): "
            f"stranger may not get secrets in {case.namespace}"
        ),
    )


def test_a_server_that_quotes_what_it_was_sent(case: Case, proxy: Proxy) -> None:
    case.use(server=proxy.url)
    proxy.inject(Refuse(422, f'Secret "app" is invalid: data: Invalid value: "{case.canary}"'), method="PATCH")
    done = case.apply()
    assert (done.code, done.err.splitlines()[0]) == (
        1,
        f"sopskit: error: Secret {case.namespace}/app: the API server finds it invalid (Invalid)",
    )


def test_a_server_that_is_away(case: Case) -> None:
    case.cluster.stop()
    done = case.apply("--retry-for", "0.3")
    assert (done.code, done.err.splitlines()[0]) == (
        1,
        f"sopskit: error: no answer from {case.cluster.url} within 0.3 seconds",
    )


def test_a_run_that_stops_midway_has_a_code_of_its_own(case: Case, proxy: Proxy) -> None:
    case.use(server=proxy.url)
    proxy.inject(Refuse(403), method="PATCH", path=r"/secrets/app\?(?!.*dryRun)", times=FOREVER)
    done = case.apply()
    assert (done.code, done.err.splitlines()[0]) == (
        3,
        (
            f"sopskit: error: Secret {case.namespace}/app: the API server forbids it (Forbidden); "
            "stopped after 0 objects of this run had been applied, nothing was deleted"
        ),
    )


@pytest.mark.parametrize("fault", ["no key", "one file broken", "folder gone", "kubeconfig gone"])
def test_without_everything_readable_the_cluster_is_asked_nothing(case: Case, proxy: Proxy, fault: str) -> None:
    case.use(server=proxy.url)
    if fault == "no key":
        case.environ["SOPS_AGE_KEY"] = ""
    elif fault == "one file broken":
        path = case.tree.encrypted("dev/zz.yaml", manifest("zz", a="b"), *ENCRYPTED)
        path.write_text(path.read_text().replace("name: zz", "name: zy"))
    elif fault == "folder gone":
        (case.tree.folder / "dev").rename(case.tree.folder / "elsewhere")
    else:
        Path(case.environ["KUBECONFIG"]).unlink()
    done = case.apply("--name", "dev", "--prune")
    assert (done.code != 0, done.out, proxy.exchanges) == (True, b"", ())


def test_a_policy_outside_of_the_repository(case: Case, tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(json.dumps({"version": 1, "apply": [{"paths": ["dev/**"], "kinds": ["ConfigMap"]}]}))
    done = case.apply("--policy", policy)
    assert (done.code, done.err.splitlines()[0]) == (
        1,
        f"sopskit: error: Secret {case.namespace}/app: the policy does not allow this kind in this place",
    )
    allowed = {"paths": ["dev/**"], "kinds": ["Secret"], "namespaces": [case.namespace]}
    policy.write_text(json.dumps({"version": 1, "apply": [allowed]}))
    assert case.lines("--policy", policy) == ["+ Secret NS/app", "1 created"]


def test_waiting_for_what_does_not_get_ready(case: Case) -> None:
    service = (
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\nspec:\n  type: LoadBalancer\n  ports: [{port: 80}]\n"
    )
    case.tree.plain("dev/service.yaml", service)
    done = case.apply("--wait", "0.3")
    assert (done.code, done.err) == (
        4,
        f"sopskit: error: Service {case.namespace}/web: not ready yet (it has no address yet)\n",
    )


def test_no_canary_reaches_the_cluster_but_in_data(case: Case, proxy: Proxy) -> None:
    case.use(server=proxy.url)
    proxy.watch_for(Scanner([Canary("password", case.canary)]))
    case.apply("--name", "dev")
    assert len(proxy.hits(data=True)) > 0
    assert proxy.hits() == set()


def test_other_kinds_go_along(case: Case) -> None:
    case.tree.plain("dev/map.yaml", json.dumps(config_map("settings", a="b")))
    assert case.lines() == ["+ Secret NS/app", "+ ConfigMap NS/settings", "2 created"]


# --- what is protected


PROTECTED = "version: 1\nenvironments: [{name: dev, paths: ['dev/**'], protected: true}]\n"


def test_a_protected_environment_is_confirmed_by_its_name(case: Case) -> None:
    case.tree.plain(".sopskit.yaml", PROTECTED)
    question = f"dev is protected (context testbed, {case.cluster.url})"
    done = case.apply()
    assert (done.code, done.err.splitlines()) == (
        1,
        [
            f"sopskit: error: {question}, and nobody is there to confirm",
            "sopskit: hint: confirm beforehand with --yes",
        ],
    )
    done = case.apply(stdin=b"yes\n", terminals="stdin")
    assert (done.code, done.err) == (1, "sopskit: error: not confirmed, so nothing was applied\n")
    assert names_in(case.cluster, case.namespace) == []
    done = case.apply(stdin=b"dev\n", terminals="stdin")
    assert (done.code, done.err, f"{question}. Type its name to apply this: " in done.out.decode()) == (0, "", True)
    assert names_in(case.cluster, case.namespace) == ["app"]


def test_a_protected_context_is_confirmed(case: Case) -> None:
    path = Path(case.environ["KUBECONFIG"])
    case.cluster.kubeconfig(path, namespace=case.namespace, context="eu-prod")
    assert case.apply("--dry-run").code == 0
    assert "eu-prod is protected" in case.apply().err
    assert case.lines("--yes") == ["+ Secret NS/app", "1 created"]
    assert case.lines() == ["1 unchanged"]  # nothing to do is nothing to confirm


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("insecure-skip-tls-verify", True, "the server's certificate is not checked"),
        ("server", "http://cluster.example", "the connection is not encrypted"),
    ],
)
def test_secrets_are_not_sent_where_others_can_read_them(case: Case, field: str, value: object, told: str) -> None:
    path = Path(case.environ["KUBECONFIG"])
    content = json.loads(path.read_text())
    content["clusters"][0]["cluster"][field] = value
    path.write_text(json.dumps(content))
    done = case.apply()
    assert (done.code, done.err.splitlines()[0]) == (
        1,
        f"sopskit: error: secrets are not sent in the context testbed: {told}",
    )


# --- as the kernel sees it

RUN = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from sopskit.cli.main import main; sys.exit(main())"


@pytest.mark.parametrize("built", [False, True], ids=["plain folder", "kustomization"])
def test_no_plaintext_leaves_the_process_but_through_tls(
    case: Case, tmp_path: Path, tool: Callable[[str], str], built: bool
) -> None:
    if built:
        case.tree.plain("dev/kustomization.yaml", "resources: [secret.yaml]\n")
    config = Path(case.environ["KUBECONFIG"])
    case.cluster.kubeconfig(config, namespace=case.namespace, certificate=True)
    key = json.loads(config.read_text())["users"][0]["user"]["client-key-data"]
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    observed = observe(
        tool("strace"),
        [sys.executable, "-c", RUN, "apply", str(case.tree.folder / "dev"), "--name", "dev"],
        cwd=tmp_path,
        environ={**case.environ, "HOME": str(tmp_path), "TMPDIR": str(temporary)},
        trace=tmp_path / "trace",
    )
    assert (observed.returncode, observed.stderr) == (0, b"")
    scanner = Scanner([Canary("password", case.canary)])
    shadows = Sinks(memory=True, pipes=True)  # kustomize is given plaintext in pipes
    assert observed.leaks(scanner, shadows if built else Sinks()) == set()
    private = Scanner([Canary("client key", base64.b64decode(key).decode().splitlines()[1], windows=False)])
    written = [event for event in observed.events if not event.path.startswith(("/memfd:", "memfd:"))]
    assert {hit for event in written for hit in private.scan(event.data, event.place)} == set()
    assert leaks_in_folders(scanner, [temporary, case.tree.folder]) == set()
    assert list(temporary.iterdir()) == []
