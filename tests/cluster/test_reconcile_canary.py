"""The tests of the reconciler's trace would fail: one that leaks in many ways at once is caught, each at its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.cluster.watched import planted, watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.cluster.apiserver import Cluster
    from tests.cluster.watched import Watched
    from tests.conftest import AgeTestKey

# each file of the source whose values go where they should not, and how; a round opens every file once
LEAKING = """
import base64, hashlib, json, subprocess, sys, tempfile
from dataclasses import replace
from sopskit.cluster import Connection
from sopskit.deploy.opening import SourceOpener
from sopskit.deploy.reconcile import metrics, report, round, telling
from sopskit.keysources import mounted

told, kept = [], []
ways = {
    "base/secret.yaml": lambda value: tempfile.TemporaryFile("w", buffering=1).write(value + "\\n"),
    "app.env": lambda value: subprocess.run(["/bin/true", value]),
    "settings.yaml": lambda value: subprocess.run(["/bin/true"], env={"VALUE": value}),
    "key.pem": lambda value: os.write(os.memfd_create("x"), value.encode()),
    "dev/values.yaml": lambda value: print("opened", value, file=sys.stderr, flush=True),
    "dev/patch.yaml": told.append,
}

opened_by = SourceOpener.open
def opened(self, source, path):
    found = opened_by(self, source, path)
    for name, leak in ways.items():
        if found is not None and str(path).endswith(name):
            leak(max(found.secrets, key=len).strip().rpartition(" ")[2].partition("\\n")[0])
    return found
SourceOpener.open = opened

harmless_by = report.Report.harmless
report.Report.harmless = lambda self: harmless_by(replace(self, message=self.message + "".join(told)))

applied_by = Connection.apply
def applied(self, path, body, **options):
    content = json.loads(body)
    value = base64.b64decode(content.get("data", {}).get("host", ""))
    if value:
        content["metadata"].setdefault("annotations", {})["note"] = hashlib.sha256(value).hexdigest()
    return applied_by(self, path, json.dumps(content).encode(), **options)
Connection.apply = applied

read_by = mounted.from_data
def read(data, **options):
    subprocess.run(["/bin/true"], input=b"".join(data.values()))
    return read_by(data, **options)
mounted.from_data = read

measured_by, shown_by = metrics.Metrics.round, metrics.Metrics.text
def measured(self, id, report, seconds):
    kept.append(report.message)
    return measured_by(self, id, report, seconds)
metrics.Metrics.round = measured
metrics.Metrics.text = lambda self: shown_by(self) + "".join(kept).encode()

finished_by = telling.Teller.finished
def finished(self, source, report, before, seconds):
    from sopskit.deploy.reconcile.access import secret_of
    kept.append(secret_of(self._connection, source.id.namespace, source.keys)[0]["test-only.agekey"].decode())
    return finished_by(self, source, report, before, seconds)
telling.Teller.finished = finished
"""


class Leak(NamedTuple):
    """What leaks, where it is found, and what its place begins with."""

    slot: str
    where: str
    place: str


LEAKS = {
    "temporary file": Leak("resource", "written", "write to /"),
    "argument": Leak("variable", "written", "execve"),
    "environment": Leak("ConfigMap", "written", "execve"),
    "file in memory": Leak("file", "written", "write to /memfd:"),
    "words of a child": Leak("chart value", "told", "log"),
    "log file": Leak("chart value", "stored", "/"),
    "report": Leak("patch", "written", "report"),
    "line of the log": Leak("patch", "told", "log"),
    "status": Leak("patch", "stored", "SopsSource whole"),
    "event": Leak("patch", "stored", "Event whole-"),
    "notice": Leak("patch", "told", "body to /"),
    "metrics": Leak("patch", "told", "metrics"),
    "digest in an annotation": Leak("values file", "stored", "Secret "),
    "key in a pipe": Leak("age key", "written", "pipe"),
    "metrics with a key": Leak("age key", "told", "metrics"),
}


@pytest.fixture(scope="module")
def watched(
    started_cluster: Cluster, short_folder: Path, tool: Callable[[str], str], alice: AgeTestKey
) -> Iterator[Watched]:
    with planted(started_cluster, short_folder, tool, alice) as ground:
        yield watch(ground, ["whole"], tool("strace"), LEAKING)


@pytest.mark.parametrize("name", LEAKS)
def test_a_reconciler_that_leaks_is_caught(name: str, watched: Watched) -> None:
    leak = LEAKS[name]
    found = {"written": watched.written, "told": watched.told, "stored": watched.stored}[leak.where]
    assert [place for slot, place in found if slot == leak.slot and place.startswith(leak.place)]


def test_a_supervisor_that_has_seen_keys_and_values_is_caught(watched: Watched) -> None:
    assert {"age key", "patch"} <= watched.remembered[0]
