"""From Git to the cluster, in success and in refusal: no secret is in an output, a log, a traceback or an object but its own.

The API server is a real one and quotes what it is sent, as API servers do; what it says is compared before the run
is judged, so that a story which has nothing to tell would fail.
"""

from __future__ import annotations

import base64
import io
import logging
import secrets
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.canary.canaries import Canary, Scanner, token
from tests.canary.stored import leaks_in_cluster
from tests.cli.running import Done, sopskit
from tests.cluster.apiserver import definition
from tests.cluster.faults import FOREVER, Refuse
from tests.conftest import ROOT
from tests.deploy.conftest import Tree
from tests.repositories import init

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.cluster.apiserver import Cluster
    from tests.cluster.proxy import Proxy
    from tests.conftest import AgeTestKey

POLICIES = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"
BINDINGS = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings"
WIDGET = definition("Gadget", "gadgets", group="canary.example.org")


class Setting(NamedTuple):
    """A repository, a namespace of a real cluster, and what is looked for."""

    tree: Tree
    cluster: Cluster
    namespace: str
    environ: dict[str, str]
    canaries: dict[str, Canary]
    logged: io.StringIO

    @property
    def scanner(self) -> Scanner:
        """Looks for all canaries."""
        return Scanner(list(self.canaries.values()))

    def text(self, slot: str = "value") -> str:
        """A canary's text."""
        return self.canaries[slot].text

    def encrypted(self, name: str, text: str, fields: str = "^(data|stringData)$") -> None:
        """Write an encrypted manifest."""
        self.tree.encrypted(f"dev/{name}", text, "--encrypted-regex", fields)

    def apply(self, *options: str) -> Done:
        """Run apply, and look at all that it says and logs, and at the cluster."""
        done = sopskit("apply", self.tree.folder / "dev", *options, environ=self.environ)
        said = done.out + done.err.encode() + self.logged.getvalue().encode()
        assert b"a bug in sopskit" not in said, done.err
        assert self.scanner.scan(said, "output and logs") | leaks_in_cluster(self.scanner, self.cluster) == set()
        return done

    def raw(self, path: str, body: dict[str, Any], manager: str = "canary") -> bytes:
        """What the API server itself says to an object, warnings included."""
        answer = self.cluster.apply(f"/api/v1/namespaces/{self.namespace}{path}", body, manager=manager)
        return "\n".join(answer.headers.get_all("Warning") or ()).encode() + answer.body


@pytest.fixture
def setting(
    tmp_path: Path, cluster: Cluster, namespace: str, tool: Callable[[str], str], alice: AgeTestKey
) -> Iterator[Setting]:
    """With everything that is logged, at the lowest level."""
    environ = {"KUBECONFIG": str(tmp_path / "kubeconfig"), "SOPS_AGE_KEY": alice.identity}
    cluster.kubeconfig(tmp_path / "kubeconfig", namespace=namespace)
    canaries = {slot: Canary(slot, token()) for slot in ("value", "older")}
    canaries["number"] = Canary("number", str(secrets.randbelow(9 * 10**17) + 10**17), windows=False)
    canaries["identity"] = Canary("identity", alice.identity.removeprefix("AGE-SECRET-KEY-"))
    tree = Tree(init(tmp_path / "repository").folder.resolve(), tool("sops"), alice)
    logged = io.StringIO()
    handler = logging.StreamHandler(logged)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield Setting(tree, cluster, namespace, environ, canaries, logged)
    root.removeHandler(handler)
    root.setLevel(level)


def manifest(kind: str, name: str, body: str, version: str = "v1") -> str:
    """A manifest whose body begins at the top level."""
    return f"apiVersion: {version}\nkind: {kind}\nmetadata:\n    name: {name}\n{body}"


def secret(name: str, value: str, more: str = "") -> str:
    """A Secret."""
    return manifest("Secret", name, f"stringData:\n    password: {value}\n{more}")


def test_the_log_of_the_connection_has_requests_and_no_bodies(setting: Setting) -> None:
    setting.encrypted("a.yaml", secret("a", setting.text()))
    done = setting.apply("--name", "dev")
    assert (done.code, done.err) == (0, "")
    assert "PATCH /api/v1/namespaces/" in setting.logged.getvalue()


# --- what the API server quotes


@pytest.mark.parametrize(("action", "code"), [("Deny", 1), ("Warn", 0)])
def test_a_policy_of_the_cluster_that_quotes_a_value_is_not_passed_on(setting: Setting, action: str, code: int) -> None:
    """A denial is told in our words; a warning, which comes in a header, is not told at all."""
    name = f"quoting-{setting.namespace}"
    spec = {
        "matchConstraints": {
            "resourceRules": [
                {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["secrets"]}
            ]
        },
        "validations": [{"expression": "false", "messageExpression": "'not this: ' + object.data.password"}],
    }
    selector = {"matchLabels": {"kubernetes.io/metadata.name": setting.namespace}}
    binding = {
        "policyName": name,
        "validationActions": [action],
        "matchResources": {"namespaceSelector": selector},
    }
    for path, body in ((POLICIES, spec), (BINDINGS, binding)):
        made = setting.cluster.request("POST", path, {"metadata": {"name": name}, "spec": body})
        assert made.status == 201, made.body
    try:
        probe = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "probe"}, "data": {"password": "cHJvYmU="}}
        deadline = time.monotonic() + 20
        while b"not this: cHJvYmU=" not in setting.raw("/secrets/probe", probe):
            assert time.monotonic() < deadline, "the policy is not in force"
            time.sleep(0.1)
        setting.encrypted("a.yaml", secret("a", setting.text()))
        done = setting.apply()
    finally:
        for path in (BINDINGS, POLICIES):
            setting.cluster.request("DELETE", f"{path}/{name}")
    assert (done.code, "(Invalid)" in done.err) == (code, action == "Deny")


def test_a_value_of_a_wrong_type_is_not_quoted(setting: Setting) -> None:
    container = {"name": "c", "image": "i", "env": [{"name": "PASSWORD", "value": 41_520_377}]}
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": {"containers": [container]}}
    assert b"41520377" in setting.raw("/pods/web", body)
    number = setting.text("number")
    text = "spec:\n    containers:\n      - name: c\n        image: i\n        env:\n          - name: PASSWORD\n"
    setting.encrypted("a.yaml", manifest("Pod", "web", f"{text}            value: {number}\n"), "^env$")
    done = sopskit("apply", setting.tree.folder / "dev", environ=setting.environ)
    # the API server's own log does quote it, whoever sends it
    said = done.out + done.err.encode() + setting.logged.getvalue().encode()
    assert setting.scanner.scan(said, "output and logs") == set()
    assert (done.code, done.out, "does not fit the schema of its kind" in done.err) == (1, b"", True)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ("^labels$", "metadata:\n    labels:\n        a: not a label {value}\n"),
        ("^type$", "type: '{value} '\nimmutable: maybe\n"),
        ("^finalizers$", "metadata:\n    finalizers: ['not one {value}']\n"),
        ("^ownerReferences$", "metadata:\n    ownerReferences: [{{name: '{value}'}}]\n"),
        ("^password$", "password: {value}\n"),
    ],
)
def test_an_invalid_field_is_named_and_not_quoted(setting: Setting, fields: str, text: str) -> None:
    body = text.format(value=setting.text()).removeprefix("metadata:\n")
    metadata = text.startswith("metadata")
    head = f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n    name: a\n{body if metadata else ''}"
    setting.encrypted("a.yaml", head + ("" if metadata else body), fields)
    done = setting.apply()
    assert (done.code, done.out) == (1, b""), done.err


def test_a_registry_login_that_is_none_is_not_quoted(setting: Setting) -> None:
    login = base64.b64encode(setting.text().encode()).decode()
    body = f"type: kubernetes.io/dockerconfigjson\ndata:\n    .dockerconfigjson: {login}\n"
    setting.encrypted("a.yaml", manifest("Secret", "a", body))
    done = setting.apply()
    assert (done.code, done.out, "data[.dockerconfigjson]" in done.err) == (1, b"", True)


@pytest.mark.parametrize(
    ("status", "options"),
    [(403, ()), (404, ()), (409, ()), (422, ("--diff",)), (422, ("--json",)), (429, ()), (500, ()), (503, ())],
)
def test_a_refusal_that_echoes_the_request_is_not_quoted(
    setting: Setting, proxy: Proxy, tmp_path: Path, status: int, options: tuple[str, ...]
) -> None:
    setting.cluster.kubeconfig(tmp_path / "kubeconfig", namespace=setting.namespace, server=proxy.url)
    setting.encrypted("a.yaml", secret("a", setting.text()))
    told = f'admission webhook "quoting.example.org" denied the request: {setting.text()} {setting.text("identity")}'
    message = told if status == 403 else f'conflict with "{setting.text()}": Invalid value: "{setting.text()}"'
    proxy.inject(Refuse(status, message), method="PATCH", times=FOREVER)
    done = setting.apply("--retry-for", "0.2", *options)
    assert (done.code, bool(done.out)) == (1, "--json" in options), done.err


# --- what is shown of what is there


def test_a_diff_shows_neither_the_new_value_nor_the_one_before_its_rotation(setting: Setting) -> None:
    setting.cluster.define(WIDGET)
    for slot in ("older", "value"):
        text = f"spec:\n    type: {setting.text(slot)}\n    image: x-{setting.text(slot)}\n"
        version = "canary.example.org/v1"
        setting.tree.encrypted("dev/a.yaml", manifest("Gadget", "a", text, version), "--encrypted-regex", "^spec$")
        shown = sopskit("apply", setting.tree.folder / "dev", "--diff", environ=setting.environ)
        assert (shown.code, setting.scanner.scan(shown.out + shown.err.encode(), "diff")) == (0, set())
        assert sopskit("apply", setting.tree.folder / "dev", environ=setting.environ).code == 0
    # the object holds it in its spec, where other tests would take it for a leak
    path = f"/apis/canary.example.org/v1/namespaces/{setting.namespace}/gadgets/a"
    assert setting.cluster.request("DELETE", path).status == 200


def test_an_annotation_with_the_whole_manifest_is_adopted_away_and_not_shown(setting: Setting) -> None:
    whole = {"kubectl.kubernetes.io/last-applied-configuration": f'{{"data":{{"password":"{setting.text("older")}"}}}}'}
    theirs = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "a", "annotations": whole},
        "data": {"password": base64.b64encode(setting.text("older").encode()).decode()},
    }
    setting.raw("/secrets/a", theirs, "kubectl")
    setting.encrypted("a.yaml", secret("a", setting.text()))
    shown = sopskit("apply", setting.tree.folder / "dev", "--adopt", "kubectl", "--diff", environ=setting.environ)
    assert (shown.code, setting.scanner.scan(shown.out + shown.err.encode(), "diff")) == (0, set())
    done = setting.apply("--adopt", "kubectl")
    assert (done.code, done.err) == (0, "")


def test_an_annotation_with_the_whole_manifest_is_not_sent(setting: Setting) -> None:
    whole = f"        kubectl.kubernetes.io/last-applied-configuration: '{setting.text()}'\n"
    text = secret("a", setting.text()).replace("name: a\n", f"name: a\n    annotations:\n{whole}")
    setting.encrypted("a.yaml", text, "^(annotations|stringData)$")
    done = setting.apply("--name", "dev")
    assert (done.code, done.err) == (0, "")


def test_an_immutable_secret_that_has_changed_is_refused_or_made_anew_without_a_value(setting: Setting) -> None:
    for slot, code in (("older", 0), ("value", 1)):
        setting.encrypted("a.yaml", secret("a", setting.text(slot), "immutable: true\n"))
        assert setting.apply("--name", "dev").code == code
    for options in (("--diff",), ()):
        done = setting.apply("--name", "dev", "--recreate", *options)
        assert (done.code, done.err) == (0, "")


@pytest.mark.parametrize("options", [("--diff",), ("--dry-run",), ()], ids=["diff", "dry run", "apply"])
def test_a_report_in_json_has_no_value(setting: Setting, options: tuple[str, ...]) -> None:
    for slot in ("older", "value"):
        setting.encrypted("a.yaml", secret("a", setting.text(slot)))
        setting.encrypted("b.yaml", secret(f"b-{slot}", setting.text(slot)))
        done = setting.apply("--json", "--name", "dev", "--prune", *options)
        assert (done.code, done.err, done.out[:1]) == (0, "", b"{")


def test_a_refusal_in_json_has_no_value(setting: Setting) -> None:
    login = base64.b64encode(setting.text().encode()).decode()
    body = f"type: kubernetes.io/dockerconfigjson\ndata:\n    .dockerconfigjson: {login}\n"
    setting.encrypted("a.yaml", manifest("Secret", "a", body))
    done = setting.apply("--json")
    assert (done.code, b"data[.dockerconfigjson]" in done.out) == (1, True)


def test_what_is_pruned_and_what_is_adopted_is_named_without_a_value(setting: Setting) -> None:
    setting.encrypted("a.yaml", secret("a", setting.text()))
    setting.encrypted("b.yaml", secret("b", setting.text("older")))
    assert setting.apply("--name", "dev").code == 0
    (setting.tree.folder / "dev" / "b.yaml").unlink()
    for options in (("--dry-run",), ("--diff",), ()):
        done = setting.apply("--name", "dev", "--prune", *options)
        assert (done.code, f"- Secret {setting.namespace}/b" in done.out.decode()) == (0, True)


# --- in somebody else's program

PROGRAM = """
import logging, sys, traceback
sys.path.insert(0, {root!r})
logging.basicConfig(level=logging.DEBUG)
from pathlib import Path
from sopskit import DecryptionProvider
from sopskit.age import parse_identity
from sopskit.cluster import Connection, Patience
from sopskit.cluster.kubeconfig import read_kubeconfig
from sopskit.deploy.apply.carry_out import carry_out
from sopskit.deploy.apply.plan import make_plan
from sopskit.deploy.apply.trial import Settings
from sopskit.sops.masterkeys import FixedKeyring
keyring = FixedKeyring((parse_identity(open({key!r}).read().splitlines()[-1]),))
provider = DecryptionProvider(keyring, search_path={path!r})
connection = Connection(read_kubeconfig([{config!r}]), patience=Patience(total=0.2))
seen = [keyring, provider, connection, connection.access]
try:
    rendered = provider.render(Path({folder!r}), root=Path({folder!r}).parent)
    objects = rendered.objects()
    seen += [rendered, *objects]
    plan = make_plan(connection, objects, Settings({namespace!r}, secrets=rendered.secrets))
    seen += [plan, *plan.steps, *(step.target for step in plan.steps)]
    done = carry_out(connection, plan, Settings({namespace!r}, secrets=rendered.secrets))
    seen += [done]
except Exception as error:
    logging.exception("it failed")
    cause = error
    while cause is not None:
        seen += [cause, cause.args, getattr(cause, "refusals", ())]
        print("".join(traceback.format_exception(cause, chain=True)))
        cause = cause.__cause__ or cause.__context__
for thing in seen:
    print(repr(thing), str(thing), f"{{thing}}")
    logging.info("%s %r", thing, thing)
"""


@pytest.mark.parametrize(
    "fault",
    ["none", "refused in the trial", "refused in the run", "busy", "build fails", "wrong MAC", "name twice"],
)
def test_a_program_that_prints_and_logs_all_it_has_tells_no_value(
    setting: Setting, proxy: Proxy, tool: Callable[[str], str], tmp_path: Path, fault: str
) -> None:
    setting.cluster.kubeconfig(tmp_path / "kubeconfig", namespace=setting.namespace, server=proxy.url)
    setting.encrypted("a.yaml", secret("a", setting.text()))
    quoting = Refuse(500 if fault == "busy" else 422, f'Invalid value: "{setting.text()}"')
    if fault in ("refused in the trial", "busy"):
        proxy.inject(quoting, method="PATCH", times=FOREVER)
    elif fault == "refused in the run":
        proxy.inject(quoting, method="PATCH", path=r"/secrets/a\?(?!.*dryRun)", times=FOREVER)
    elif fault == "build fails":
        setting.tree.plain("dev/kustomization.yaml", "resources: [a.yaml, b.yaml]\n")
        setting.tree.encrypted("dev/b.yaml", f"kind: Secret\nstringData: [{setting.text()}]\n")
    elif fault == "wrong MAC":
        path = setting.tree.folder / "dev" / "a.yaml"
        path.write_text(path.read_text().replace("kind: Secret", "kind: Secret\nimmutable: false"))
    elif fault == "name twice":
        setting.encrypted("b.yaml", secret("a", setting.text()))
    program = PROGRAM.format(
        root=str(ROOT),
        key=str(setting.tree.key.path),
        path=tool("kustomize").rpartition("/")[0],
        config=str(tmp_path / "kubeconfig"),
        folder=str(setting.tree.folder / "dev"),
        namespace=setting.namespace,
    )
    done = subprocess.run([sys.executable, "-X", "dev", "-c", program], capture_output=True, check=False, timeout=60)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said.decode()
    assert (b"it failed" in said) == (fault != "none")
    assert setting.scanner.scan(said, "output and logs") == set()
    token = setting.cluster.tokens["admin"]
    assert Scanner([Canary("token", token)]).scan(said, "output and logs") == set()
