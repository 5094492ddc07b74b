"""What a round does and says: from a pushed branch to a real API server, in this process."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.cluster.apiserver import MERGE
from tests.cluster.environments import pgp_reader
from tests.cluster.faults import FOREVER, Cut, Refuse
from tests.deploy.notify.receivers import Reply, serving
from tests.deploy.reconcile.rounds import BEFORE, Told

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import AgeTestKey
    from tests.deploy.reconcile.rounds import Rounds

ALL_DONE = {"s0": "before", "s1": "after", "s2": "before"}
CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {level: info}\n"
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: registry.example.org/web}]}
"""
RELEASE = """\
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: web, namespace: NAMESPACE}
spec:
  chart: {spec: {chart: charts/web, sourceRef: {kind: GitRepository, name: repository}}}
"""
CHART = "apiVersion: v2\nname: web\nversion: 1.2.3\n"
JOB = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: migrate, annotations: {helm.sh/hook: pre-install}}\n"


def edit(rounds: Rounds, name: str, value: str) -> None:
    """Change a Secret as a person does with kubectl."""
    path = f"/api/v1/namespaces/{rounds.namespace}/secrets/{name}?fieldManager=kubectl-edit"
    body = {"data": {"a": base64.b64encode(value.encode()).decode()}}
    assert rounds.cluster.request("PATCH", path, body, content_type=MERGE).status == 200


# --- what is in Git comes into the cluster


def test_what_has_changed_is_applied_and_what_is_gone_is_deleted(rounds: Rounds) -> None:
    rounds.write("s1", a="after")
    (rounds.dev / "s3.yaml").unlink()
    rounds.push()
    lines = ("~ Secret NS/s1", "- Secret NS/s3")
    assert rounds.told() == Told("applied", "Applied", "1 changed, 1 deleted from COMMIT", lines)
    assert rounds.values() == ALL_DONE


def test_deleting_comes_after_all_else(rounds: Rounds) -> None:
    rounds.write("s1", a="after")
    rounds.write("s9", a="new")
    (rounds.dev / "s3.yaml").unlink()
    rounds.push()
    rounds.run()
    secrets = f"/api/v1/namespaces/{rounds.namespace}/secrets"
    written = rounds.written()
    assert set(written[1:3]) == {f"PATCH {secrets}/s1", f"PATCH {secrets}/s9"}
    assert written[3] == f"DELETE {secrets}/s3"
    assert [item.rpartition("/")[0].rpartition("/")[2] for item in (written[0], written[4])] == ["configmaps"] * 2


def test_without_prune_what_is_gone_stays(rounds: Rounds) -> None:
    (rounds.dev / "s3.yaml").unlink()
    rounds.push()
    found = rounds.told(rounds.source(prune=False))
    assert (found.outcome, found.lines, rounds.values()) == ("unchanged", (), BEFORE)


def test_a_second_round_writes_nothing(rounds: Rounds) -> None:
    assert rounds.told() == Told("unchanged", "Applied", "4 objects as in COMMIT")
    assert rounds.written() == []


# --- rollback


def test_a_revert_to_a_file_for_a_retired_key_writes_nothing_and_names_the_key(rounds: Rounds, bob: AgeTestKey) -> None:
    rounds.write("s1", key=bob, a="long ago")
    rounds.push("before the rotation of keys")
    rounds.write("s1", a="now")
    (rounds.dev / "s3.yaml").unlink()
    rounds.push("after it")
    assert rounds.told().outcome == "applied"
    rounds.proxy.clear()
    rounds.git("revert", "--no-edit", "HEAD")
    rounds.push("a rollback")
    message = f"dev/s1.yaml: no private key at hand opens this file; encrypted for {bob.recipient}"
    assert rounds.told() == Told("failed", "KeyMissing", message)
    assert rounds.written() == []
    assert rounds.values() == {"s0": "before", "s1": "now", "s2": "before"}

    # the retired key is given back, as an operator may
    both = {"now.agekey": rounds.key.identity, "retired.agekey": bob.identity}
    rounds.secret("keys", both)
    assert rounds.told().lines == ("~ Secret NS/s1", "+ Secret NS/s3")
    assert rounds.values() == BEFORE | {"s1": "long ago"}


def test_a_revert_to_a_file_for_a_retired_pgp_key_names_its_fingerprint(rounds: Rounds, pgp_key: str) -> None:
    rounds.write("s1", pgp=pgp_key, a="long ago")
    rounds.push()
    message = f"dev/s1.yaml: no private key at hand opens this file; encrypted for {pgp_key}"
    assert rounds.told() == Told("failed", "KeyMissing", message)
    assert (rounds.written(), rounds.values()) == ([], BEFORE)
    rounds.secret("keys", {"now.agekey": rounds.key.identity, **pgp_reader(pgp_key).private})
    assert rounds.told().lines == ("~ Secret NS/s1",)


# --- who may ask for what


def test_a_tip_that_is_not_signed_is_refused_and_a_signed_one_is_applied(
    rounds: Rounds, tool: Callable[[str], str], tmp_path: Path
) -> None:
    lines: dict[str, str] = {}
    for name in ("trusted", "other"):
        command = [tool("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-C", "test only", "-f", str(tmp_path / name)]
        subprocess.run(command, check=True)
        lines[name] = (tmp_path / f"{name}.pub").read_text().strip()
    source = rounds.source(signedBy=[lines["trusted"]])
    rounds.write("s1", a="after")
    refused = Told("failed", "FetchFailed", "the commit COMMIT is not signed by any of the keys in signedBy")
    rounds.push("unsigned")
    assert rounds.told(source) == refused
    rounds.push("signed by another", signing_key=tmp_path / "other")
    assert rounds.told(source) == refused
    assert (rounds.written(), rounds.values()) == ([], BEFORE)
    rounds.push("signed", signing_key=tmp_path / "trusted")
    assert rounds.told(source) == Told("applied", "Applied", "1 changed from COMMIT", ("~ Secret NS/s1",))


@pytest.mark.parametrize(
    ("policy", "refused"),
    [
        ({"kinds": ["ConfigMap"], "namespaces": ["NS"]}, "4 of 4 objects are refused"),
        ({"kinds": ["Secret"], "namespaces": ["elsewhere"]}, "4 of 4 objects are refused"),
        ({"clusterKinds": ["Secret"]}, "4 of 4 objects are refused"),
    ],
    ids=str,
)
def test_what_the_policy_does_not_allow_is_refused_before_the_api_server_is_asked_to_try(
    rounds: Rounds, policy: dict[str, list[str]], refused: str
) -> None:
    rounds.write("s1", a="after")
    rounds.push()
    entry = json.loads(json.dumps(policy).replace("NS", rounds.namespace))
    found = rounds.told(rounds.source(policy=[entry]))
    why = "Secret NS/s0: the policy does not allow this kind in this place"
    assert found[:3] == ("failed", "ApplyRefused", f"{refused}, so nothing was applied: {why}")
    assert rounds.proxy.requests("PATCH") == []
    assert rounds.values() == BEFORE


def test_what_the_policy_allows_is_applied_and_nothing_else_is_deleted(rounds: Rounds) -> None:
    rounds.plain("dev/settings.yaml", CONFIG_MAP)
    rounds.push()
    assert rounds.told().lines == ("+ ConfigMap NS/settings",)
    rounds.back()
    secrets_only = rounds.source(policy=[{"kinds": ["Secret"], "namespaces": [rounds.namespace]}])
    rounds.write("s1", a="after")
    rounds.push()
    assert rounds.told(secrets_only).lines == ("~ Secret NS/s1",)
    assert rounds.told().lines == ("- ConfigMap NS/settings",)


def test_of_two_sources_of_the_same_object_the_second_is_refused(rounds: Rounds) -> None:
    shutil.copytree(rounds.dev, rounds.git.folder / "twin")
    rounds.write("s4", a="mine")
    rounds.push()
    first = rounds.source()
    twin = rounds.source("twin", path="twin")
    found = rounds.told(twin)
    why = f"Secret NS/s0: is in the inventory {first.owner}"
    assert found[:2] == ("failed", "ApplyRefused")
    assert found.message == f"4 of 4 objects are refused, so nothing was applied: {why}".replace(rounds.namespace, "NS")
    assert (rounds.written(), rounds.values()) == ([], BEFORE)
    assert rounds.told(first).lines == ("+ Secret NS/s4",)


def test_a_hook_of_a_chart_is_refused_by_name(rounds: Rounds) -> None:
    rounds.plain("dev/release.yaml", RELEASE.replace("NAMESPACE", rounds.namespace))
    rounds.plain("charts/web/Chart.yaml", CHART)
    rounds.plain("charts/web/templates/settings.yaml", CONFIG_MAP)
    rounds.push()
    source = rounds.source(helm=True)
    assert rounds.told(source).lines == ("+ ConfigMap NS/settings",)
    rounds.proxy.clear()
    rounds.plain("charts/web/templates/hook.yaml", JOB)
    rounds.push()
    found = rounds.told(source)
    assert found[:2] == ("failed", "SourceRefused")
    assert "HelmRelease NS/web: the chart has a hook (Job)" in found.message
    assert rounds.written() == []


# --- drift


def test_drift_is_put_right_and_told(rounds: Rounds) -> None:
    rounds.run()
    edit(rounds, "s0", "by hand")
    rounds.cluster.request("DELETE", f"/api/v1/namespaces/{rounds.namespace}/secrets/s1")
    report = rounds.run()
    assert (report.outcome.value, report.drifted) == ("applied", report.lines)
    assert report.drifted == (f"~ Secret {rounds.namespace}/s0", f"+ Secret {rounds.namespace}/s1")
    assert rounds.values() == BEFORE


def test_drift_is_left_and_told_where_it_shall_only_be_reported(rounds: Rounds) -> None:
    source = rounds.source(drift="report")
    rounds.run(source)
    edit(rounds, "s0", "by hand")
    rounds.cluster.request("DELETE", f"/api/v1/namespaces/{rounds.namespace}/secrets/s1")
    rounds.proxy.clear()
    report = rounds.run(source)
    assert (report.outcome.value, report.reason, report.applied) == ("drifted", "Drifted", False)
    assert report.message == f"2 objects not as in Git, and left so: ~ Secret {rounds.namespace}/s0"
    assert report.drifted == (f"~ Secret {rounds.namespace}/s0", f"+ Secret {rounds.namespace}/s1")
    assert rounds.written() == []
    assert rounds.values() == {"s0": "by hand", "s2": "before", "s3": "before"}


def test_a_new_commit_does_not_pass_over_what_was_changed_by_hand_where_drift_is_only_reported(rounds: Rounds) -> None:
    source = rounds.source(drift="report")
    rounds.run(source)
    edit(rounds, "s0", "by hand")
    rounds.proxy.clear()
    rounds.write("s0", a="after")
    rounds.push()
    found = rounds.told(source)
    why = "Secret NS/s0: kubectl-edit owns fields of it: .data.a"
    assert found[:3] == ("failed", "ApplyRefused", f"1 object is refused, so nothing was applied: {why}")
    assert rounds.run(source).hint == (
        "with `drift: report` nothing of others is overwritten: have the same in Git, undo it, or ask for `correct`"
    )
    assert rounds.written() == []

    # the same value in Git ends it
    rounds.write("s0", a="by hand")
    rounds.push()
    assert rounds.told(source).outcome in {"applied", "unchanged"}
    assert rounds.values() == BEFORE | {"s0": "by hand"}


# --- losses in the middle


@pytest.mark.parametrize(
    ("fault", "method", "path", "done"),
    [
        (Cut.BEFORE, "PATCH", r"inventory-[^?]*(\?(?!.*dryRun)|$)", ALL_DONE),
        (Cut.BEFORE, "PATCH", r"/s1\?(?!.*dryRun)", BEFORE),
        (Refuse(401), "PATCH", r"/s1\?(?!.*dryRun)", BEFORE),
        (Cut.BEFORE, "DELETE", r"/s3$", BEFORE | {"s1": "after"}),
        (Refuse(403), "DELETE", r"/s3$", BEFORE | {"s1": "after"}),
    ],
    ids=["inventory", "apply", "apply with an unknown token", "delete", "delete without the right"],
)
def test_a_round_that_is_stopped_in_its_middle_is_ended_by_the_next(
    rounds: Rounds, fault: Cut | Refuse, method: str, path: str, done: dict[str, str]
) -> None:
    rounds.write("s1", a="after")
    (rounds.dev / "s3.yaml").unlink()
    rounds.push()
    rounds.proxy.inject(fault, method=method, path=path, times=FOREVER)
    found = rounds.told()
    assert (found.outcome, found.reason, rounds.values()) == ("failed", "StoppedMidway", done)
    rounds.proxy.clear()
    assert rounds.told().outcome == "applied"
    assert rounds.values() == ALL_DONE
    assert rounds.told().outcome == "unchanged"


# --- after the deployment


def test_what_is_not_ready_in_time_fails_and_stays(rounds: Rounds) -> None:
    rounds.plain("dev/web.yaml", DEPLOYMENT)
    rounds.push()
    report = rounds.run(rounds.source(wait="300ms"))
    assert (report.outcome.value, report.reason, report.applied) == ("failed", "NotReady", True)
    assert report.message.startswith(f"1 object not ready within 0.3 seconds: Deployment {rounds.namespace}/web: ")
    assert rounds.run().outcome.value == "unchanged"


def test_a_check_that_fails_makes_the_round_fail_until_it_succeeds(rounds: Rounds) -> None:
    check = {"name": "answers", "timeout": "1s", "retries": 1, "every": "100ms"}
    with serving(Reply(503), Reply(503), Reply(200)) as server:
        source = rounds.source(checks=[check | {"http": {"url": server.url()}}])
        report = rounds.run(source)
        message = "after the deployment: answers: HTTP status 503, not 200, 2 times in a row"
        assert (report.outcome.value, report.reason, report.message) == ("failed", "CheckFailed", message)
        assert (report.applied, rounds.values()) == (True, BEFORE)
        assert rounds.told(source) == Told("unchanged", "Applied", "4 objects as in COMMIT")
