"""What `render` writes, starts and leaves behind, as the kernel sees it, when it ends well and when it does not."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.deploy.checkouts import CHART, CHART_SLOTS, DATA, SLOTS, make_checkout, secret
from tests.deploy.tracing import program

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import AgeTestKey
    from tests.deploy.checkouts import Checkout

DEV = "k8s/gitops/dev"
# a builder that reads what it is given, says it on standard error and fails, or waits to be killed
TALKER = '/bin/cat "$2"/secret.yaml "$2"/key.pem >&2\n'
IMPATIENT = "process.DEADLINE = 0.5"
SPARING = "process.MOST_OUTPUT = 1_000_000"
FLOOD = "exec /bin/head -c 1100000 /dev/zero"


@pytest.fixture
def checkout(tmp_path: Path, tool: Callable[[str], str], alice: AgeTestKey) -> Checkout:
    return make_checkout(tmp_path, tool, alice)


@pytest.fixture
def with_release(tmp_path: Path, tool: Callable[[str], str], alice: AgeTestKey) -> Checkout:
    tool("helm")
    return make_checkout(tmp_path, tool, alice, release=True)


def test_no_plaintext_of_a_kustomization_meets_a_disk(checkout: Checkout, tool: Callable[[str], str]) -> None:
    traced = checkout.run(tool("strace"), "render", DEV)
    assert (traced.returncode, traced.stderr, traced.connections) == (0, b"", 0)
    assert {hit.slot for hit in checkout.scanner.scan(traced.stdout, "")} == set(SLOTS)
    assert traced.leaks(checkout.scanner) == set()
    assert len(traced.fifos) > 6
    served = [event for event in traced.events if event.path.removesuffix(" (deleted)") in traced.fifos]
    assert {hit.slot for event in served for hit in checkout.scanner.scan(event.data, "")} >= set(SLOTS) - {"nested"}
    assert checkout.left() == set()
    assert list(checkout.temporary.iterdir()) == []


def test_no_plaintext_of_a_chart_meets_a_disk(with_release: Checkout, tool: Callable[[str], str]) -> None:
    traced = with_release.run(tool("strace"), "render", "--helm", DEV)
    assert (traced.returncode, traced.stderr, traced.connections) == (0, b"", 0)
    assert {hit.slot for hit in with_release.scanner.scan(traced.stdout, "")} == {*SLOTS, *CHART_SLOTS}
    assert traced.leaks(with_release.scanner) == set()
    assert {hit.slot for hit in traced.served(with_release.scanner)} >= set(CHART_SLOTS)
    assert with_release.left() == set()
    assert list(with_release.temporary.iterdir()) == []


def test_no_plaintext_of_a_generator_meets_a_disk(checkout: Checkout, tool: Callable[[str], str]) -> None:
    config = {"apiVersion": "sopskit/v1", "kind": "SopsGenerator", "files": [f"{DEV}/secret.yaml"]}
    request = {"apiVersion": "config.kubernetes.io/v1", "kind": "ResourceList", "functionConfig": config}
    traced = checkout.run(tool("strace"), "krm", stdin=json.dumps(request).encode())
    assert (traced.returncode, traced.stderr) == (0, b"")
    assert {hit.slot for hit in checkout.scanner.scan(traced.stdout, "")} == {"resource"}
    assert traced.leaks(checkout.scanner) == set()
    assert checkout.left() == set()
    assert list(checkout.temporary.iterdir()) == []


# --- builds that fail


def damage_a_mac(checkout: Checkout) -> None:
    path = checkout.overlay / "key.pem"
    path.write_text(path.read_text().replace('"mac": "ENC[AES256_GCM,data:', '"mac": "ENC[AES256_GCM,data:AAAA'))


def lose_a_target(checkout: Checkout) -> None:
    checkout.plain("../base/secret.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: other}\n")


def repeat_a_name(checkout: Checkout) -> None:
    checkout.encrypted("secret.yaml", secret("one", resource=checkout.text("resource")), *DATA)


def patch_what_is_not_there(checkout: Checkout) -> None:
    text = checkout.text("patch")
    checkout.encrypted("patch.txt", f"- op: replace\n  path: /nowhere/below\n  value: {text}\n")
    path = checkout.overlay / "kustomization.yaml"
    path.write_text(path.read_text().replace("{path: patch.yaml}", "{path: patch.txt, target: {kind: Secret}}"))


def spoil_the_patch(checkout: Checkout) -> None:
    checkout.encrypted("patch.yaml", f"a: [{checkout.text('patch')}]\n")


def spoil_the_base64(checkout: Checkout) -> None:
    body = f"{secret('three')}data:\n  resource: '!{checkout.text('resource')}'\n"
    checkout.encrypted("secret.yaml", body, *DATA)


def assert_nothing_is_left(checkout: Checkout) -> None:
    assert checkout.left() == set()
    assert list(checkout.temporary.iterdir()) == []
    assert processes_in(checkout.temporary) == []


@pytest.mark.parametrize(
    "spoil",
    [damage_a_mac, lose_a_target, repeat_a_name, patch_what_is_not_there, spoil_the_patch, spoil_the_base64],
    ids=lambda function: function.__name__,
)
def test_a_build_that_fails_leaks_nothing(
    checkout: Checkout, tool: Callable[[str], str], spoil: Callable[[Checkout], None]
) -> None:
    spoil(checkout)
    traced = checkout.run(tool("strace"), "render", DEV)
    assert (traced.returncode != 0, traced.stdout) == (True, b""), traced.stderr.decode()
    assert b"Traceback" not in traced.stderr
    assert traced.leaks(checkout.scanner) == set()
    assert_nothing_is_left(checkout)


@pytest.mark.parametrize("end", ["exit 1", "kill -9 $$", "kill -9 0"])
def test_a_builder_that_tells_what_it_read_and_dies_is_not_quoted(
    checkout: Checkout, tool: Callable[[str], str], end: str
) -> None:
    path = checkout.stand_in("kustomize", TALKER + end)
    traced = checkout.run(tool("strace"), "render", DEV, path=path)
    assert (traced.returncode, traced.stdout) == (1, b"")
    assert traced.leaks(checkout.scanner) == set()
    assert traced.served(checkout.scanner) != set()
    assert_nothing_is_left(checkout)


@pytest.mark.parametrize(
    ("end", "told"),
    [
        ("/bin/sleep 60", "kustomize did not end within 0 seconds"),
        ('read x <"$2"/key.pem; /bin/sleep 60', "kustomize did not end within 0 seconds"),
        ("kill -9 $$", "kustomize build failed with exit status -9"),
        ('exec 3<"$2"/key.pem; read x <&3; kill -9 $$', "kustomize build failed with exit status -9"),
        (FLOOD, "kustomize gave more than 256 MiB"),
    ],
    ids=["hangs", "hangs in a FIFO", "dies", "dies in a FIFO", "floods"],
)
def test_a_builder_that_stops_midway(checkout: Checkout, tool: Callable[[str], str], end: str, told: str) -> None:
    limits = f"from sopskit.deploy import process; {SPARING}; {IMPATIENT if 'sleep' in end else ''}"
    path = checkout.stand_in("kustomize", TALKER + end)
    traced = checkout.run(tool("strace"), "render", DEV, path=path, change=limits)
    assert (traced.returncode, traced.stdout) == (1, b"")
    assert traced.stderr.decode().startswith(f"sopskit: error: {told}")
    assert traced.leaks(checkout.scanner) == set()
    assert_nothing_is_left(checkout)


# --- charts that fail


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{{ fail .Values.password }}", "a template of the chart refuses these values (templates/x.yaml:1)"),
        ("{{ required .Values.password .Values.missing }}", "a template of the chart refuses these values"),
        ("a: {{ .Values.password }}: {", "a template of the chart gives no valid YAML"),
        ("{{ include .Values.password . }}", "a template of the chart failed"),
        ("{{ tpl .Values.password . | fromYaml | toYaml | fail }}", "a template of the chart refuses these values"),
        ("{{ .Files.Get .Values.password | required .Values.host }}", "a template of the chart refuses these values"),
        ("{{ index .Values .Values.password }}: {{ .Values.host | int | div 1 }}", "a template of the chart failed"),
    ],
)
def test_a_chart_that_fails_after_it_had_the_values(
    with_release: Checkout, tool: Callable[[str], str], text: str, told: str
) -> None:
    with_release.tree.plain(f"{CHART}/templates/x.yaml", text)
    traced = with_release.run(tool("strace"), "render", "--helm", DEV)
    assert (traced.returncode, traced.stdout, told in traced.stderr.decode()) == (1, b"", True), traced.stderr.decode()
    assert traced.leaks(with_release.scanner) == set()
    assert_nothing_is_left(with_release)


def test_a_chart_cannot_tell_a_value_to_the_network(with_release: Checkout, tool: Callable[[str], str]) -> None:
    text = '{{ getHostByName (printf "%s.example.org" .Values.password) }}{{ lookup "v1" "Secret" .Values.host "x" }}'
    with_release.tree.plain(f"{CHART}/templates/x.yaml", f"{{{{/* */}}}}# {text}")
    traced = with_release.run(tool("strace"), "render", "--helm", DEV)
    assert traced.connections == 0
    assert traced.leaks(with_release.scanner) == set()
    assert_nothing_is_left(with_release)


@pytest.mark.parametrize(
    ("end", "told"),
    [
        ("exit 1", "helm failed with exit status 1"),
        ("kill -9 $$", "helm failed with exit status -9"),
        ("/bin/sleep 60", "helm did not end within 0 seconds"),
        (FLOOD, "helm gave more than 256 MiB"),
    ],
    ids=["fails", "dies", "hangs", "floods"],
)
def test_a_helm_that_stops_midway(with_release: Checkout, tool: Callable[[str], str], end: str, told: str) -> None:
    reads = 'IFS= read -r x; echo "Error: $x" >&2\n'
    path = with_release.stand_in("helm", reads + end)
    # only from then on: the real kustomize, which comes first, may take longer
    limited = f"from sopskit.deploy import charts, process\nrun = process.run\ndef impatient(*given):\n    {SPARING}; {IMPATIENT}"
    change = f"{limited}\n    return run(*given)\ncharts.run = impatient"
    patient = change.replace(IMPATIENT, "")
    traced = with_release.run(
        tool("strace"), "render", "--helm", DEV, path=path, change=change if "sleep" in end else patient
    )
    assert (traced.returncode, traced.stdout) == (1, b""), traced.stderr.decode()
    assert told in traced.stderr.decode()
    assert traced.leaks(with_release.scanner) == set()
    assert_nothing_is_left(with_release)


# --- runs that are killed


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
@pytest.mark.parametrize("command", ["render", "apply"])
def test_a_run_that_is_killed_leaves_no_plaintext(checkout: Checkout, command: str, number: signal.Signals) -> None:
    """What is left after SIGKILL is a folder of FIFOs that nobody serves."""
    path = checkout.stand_in("kustomize", f'{TALKER}: > "$HOME"/../waiting\n/bin/sleep 60')
    process = subprocess.Popen(
        [sys.executable, "-c", program(), command, DEV],
        cwd=checkout.tree.folder,
        env={**checkout.environ, "PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    deadline = time.monotonic() + 30
    while not list(checkout.temporary.glob("*/waiting")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    forgotten = processes_in(checkout.temporary)
    for builder in forgotten:
        os.kill(builder, signal.SIGKILL)
    assert (process.returncode != 0, out, checkout.scanner.scan(err, "")) == (True, b"", set())
    left = [entry for entry in checkout.temporary.rglob("*") if not entry.is_dir()]
    if number == signal.SIGKILL:
        assert any(stat.S_ISFIFO(entry.lstat().st_mode) for entry in left)
    else:
        assert (left, forgotten) == ([], [])
    for entry in left:
        if entry.is_file():
            assert checkout.scanner.scan(entry.read_bytes(), str(entry)) == set()


def processes_in(folder: Path) -> list[int]:
    """Who works in a folder of ours: a builder that was left behind, for nobody else does."""
    found: list[int] = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if str(folder) in os.readlink(entry / "cwd"):
                found.append(int(entry.name))
        except OSError:
            continue
    return found
