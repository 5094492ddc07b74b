"""What render and krm say: masks on a terminal, refusals, and what the programs that they start are told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.canary.canaries import Canary, Scanner
from tests.cli.running import Done, sopskit
from tests.deploy.checkouts import CHART, DATA, make_checkout, secret

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.conftest import AgeTestKey
    from tests.deploy.checkouts import Checkout

DEV = "k8s/gitops/dev"


@pytest.fixture
def checkout(
    tmp_path: Path, tool: Callable[[str], str], alice: AgeTestKey, monkeypatch: pytest.MonkeyPatch
) -> Checkout:
    tool("helm")
    checkout = make_checkout(tmp_path, tool, alice, release=True)
    checkout.tree.folder.joinpath("outside").mkdir()
    monkeypatch.chdir(checkout.tree.folder)
    return checkout


def run(checkout: Checkout, *words: str, terminals: str = "", stdin: bytes = b"") -> Done:
    """Run a command line in this process; what it says on standard error is looked at."""
    done = sopskit(*words, environ=checkout.environ, terminals=terminals, stdin=stdin)
    assert checkout.scanner.scan(done.err.encode(), "standard error") == set()
    assert "a bug in sopskit" not in done.err, done.err
    return done


# --- on a terminal


def component(checkout: Checkout) -> None:
    checkout.encrypted("../part/extra.yaml", secret("extra", more=checkout.text("patch")), *DATA)
    head = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n"
    generator = "secretGenerator: [{name: made, literals: [a=b], files: [all.txt]}]\n"
    checkout.encrypted("../part/all.txt", f"{checkout.text('variable')}\n")
    checkout.plain("../part/kustomization.yaml", f"{head}resources: [extra.yaml]\n{generator}")
    add(checkout, "components: [../part]\n")


def replacement(checkout: Checkout) -> None:
    """A value of a Secret is copied to where Secrets' rules do not reach: into an annotation of a ConfigMap."""
    source = "source: {kind: Secret, name: one, fieldPath: stringData.resource}"
    target = "{select: {kind: ConfigMap}, fieldPaths: [metadata.annotations.copied], options: {create: true}}"
    add(checkout, f"replacements: [{{{source}, targets: [{target}]}}]\n")


def json_patch(checkout: Checkout) -> None:
    checkout.encrypted("operations.txt", f"- op: add\n  path: /data/extra\n  value: {checkout.text('patch')}\n")
    add(checkout, "patchesJson6902: [{path: operations.txt, target: {version: v1, kind: ConfigMap, name: config}}]\n")


def add(checkout: Checkout, text: str) -> None:
    path = checkout.overlay / "kustomization.yaml"
    path.write_text(path.read_text() + text)


def nothing(checkout: Checkout) -> None:
    """The overlay as it is."""


@pytest.mark.parametrize("more", [nothing, component, replacement, json_patch], ids=lambda function: function.__name__)
@pytest.mark.parametrize("options", [(), ("--helm",)], ids=["", "helm"])
def test_a_terminal_shows_no_value(
    checkout: Checkout, more: Callable[[Checkout], None], options: tuple[str, ...]
) -> None:
    more(checkout)
    piped = run(checkout, "render", DEV, *options)
    assert piped.code == 0, piped.err
    assert checkout.scanner.scan(piped.out, "pipe") != set()
    done = run(checkout, "render", DEV, *options, terminals="stdout stderr")
    assert (done.code, checkout.scanner.scan(done.out, "terminal")) == (0, set())
    assert b"kind: Secret" in done.out


# --- krm


def resource_list(files: Sequence[str], items: Sequence[Any] = (), **more: Any) -> bytes:
    """What kustomize hands to a function."""
    config = {"apiVersion": "sopskit/v1", "kind": "SopsGenerator", "metadata": {"name": "x"}, "files": files, **more}
    version = "config.kubernetes.io/v1"
    request = {"apiVersion": version, "kind": "ResourceList", "functionConfig": config, "items": list(items)}
    return json.dumps(request).encode()


def test_a_generator_that_fails_gives_results_without_a_value(checkout: Checkout) -> None:
    path = checkout.overlay / "secret.yaml"
    path.write_text(path.read_text().replace("kind: Secret", "kind: Secret\nimmutable: true"))
    checkout.encrypted("list.yaml", f"stringData: [{checkout.text('resource')}]\nkind: Secret\n", *DATA)
    checkout.encrypted("scalar.yaml", secret("four", resource=f"{checkout.text('resource')}\n---\nx: y"), *DATA)
    for name in ("secret.yaml", "list.yaml", "scalar.yaml", "key.pem", "app.env", "settings.yaml", "nowhere.yaml"):
        done = run(checkout, "krm", stdin=resource_list([f"{DEV}/values.yaml", f"{DEV}/{name}"]))
        assert (done.code != 0, b"results" in done.out) == (True, True), name
        assert checkout.scanner.scan(done.out, name) == set()


def test_what_is_given_to_be_transformed_is_refused_and_not_quoted(checkout: Checkout) -> None:
    text = checkout.text("resource")
    item = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, "stringData": {"a": text}}
    for request in (
        resource_list([f"{DEV}/secret.yaml"], [item]),
        resource_list([f"{DEV}/secret.yaml"], [text]),
        resource_list([f"{DEV}/secret.yaml"], [item])[:-5],
        json.dumps(item).encode(),
        b"items: [" + text.encode() + b"\n\t{",
    ):
        done = run(checkout, "krm", stdin=request)
        assert (done.code != 0, checkout.scanner.scan(done.out, "results")) == (True, set())


# --- what is said of a chart


@pytest.mark.parametrize(
    "text",
    [
        "{{ .Values.password }}: {{ .Values.host }}\n",
        "- {{ .Values.password }}\n",
        "apiVersion: v1\nkind: [{{ .Values.password }}]\nmetadata: {name: x}\n",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: [{{ .Values.password }}]}\n",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Values.host }}, annotations: {helm.sh/hook: pre-install, a: {{ .Values.password }}}}\n",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {a: 'ENC[AES256_GCM,data:{{ .Values.password }},type:str]'}\n",
        "a: &a [{{ .Values.password }}]\nb: *{{ .Values.host }}\n",
        "a: !{{ .Values.password }} x\n",
        "%YAML {{ .Values.password }}\n---\na: b\n",
    ],
)
def test_what_a_chart_makes_of_a_value_is_refused_without_it(checkout: Checkout, text: str) -> None:
    checkout.tree.plain(f"{CHART}/templates/x.yaml", text)
    done = run(checkout, "render", DEV, "--helm", terminals="stdout")
    assert (done.code, done.out) == (1, b"")


@pytest.mark.parametrize(
    "text",
    [
        "kind: Secret\nmetadata: {name: x}\nstringData: {a: [{{ .Values.password }}]}\ndata: {b: {{ .Values.host }}}\n",
        "kind: ConfigMap\nmetadata: {name: x}\ndata: {a: {{ .Values.password }}, b: 'url://{{ .Values.host }}@x'}\n",
        "kind: ConfigMap\nmetadata: {name: x, labels: {a: {{ .Values.host }}}}\ndata: 'ENC[{{ .Values.password }}]'\n",
        "kind: ConfigMap\nmetadata: {name: x, annotations: {a: 'x {{ .Values.password }}'}} # {{ .Values.host }}\n",
        "kind: ConfigMap\nmetadata: {name: x}\ndata:\n  a: |\n    b: {{ .Values.password }}\n    c: {{ .Values.host }}\n",
    ],
)
def test_what_a_chart_makes_of_a_value_is_masked_on_a_terminal(checkout: Checkout, text: str) -> None:
    checkout.tree.plain(f"{CHART}/templates/x.yaml", f"apiVersion: v1\n{text}")
    done = run(checkout, "render", DEV, "--helm", terminals="stdout")
    assert (done.code, checkout.scanner.scan(done.out, "terminal")) == (0, set()), done.err


# --- what children are told


def test_the_programs_that_are_started_are_not_told_the_key(
    checkout: Checkout, tool: Callable[[str], str], alice: AgeTestKey
) -> None:
    del checkout.environ["SOPS_AGE_KEY_FILE"]
    checkout.environ["SOPS_AGE_KEY"] = alice.identity
    traced = checkout.run(tool("strace"), "render", DEV, "--helm")
    assert traced.returncode == 0, traced.stderr.decode()
    started = [event for event in traced.events if event.call == "execve"]
    identity = Scanner([Canary("identity", alice.identity.removeprefix("AGE-SECRET-KEY-"))])
    assert len(started) == 3
    assert identity.scan(started[0].data, "our own start") != set()
    assert {hit for event in started[1:] for hit in identity.scan(event.data, event.place)} == set()
