"""HelmReleases become the objects of their charts, by the real helm, and nothing leaks on the way."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sopskit.age import parse_identity
from sopskit.deploy import build, helm
from sopskit.deploy.objects import read_objects
from sopskit.deploy.opening import SourceOpener
from sopskit.errors import BuildError, FileAccessError, KeyAccessError, MacMismatchError, RefusedError, SopskitError
from sopskit.sops.masterkeys import FixedKeyring
from sopskit.workflow.render import render
from tests.canary.canaries import Canary, Scanner, token
from tests.canary.observing import leaks_in_folders, parse
from tests.conftest import ROOT
from tests.deploy.conftest import Tree

if TYPE_CHECKING:
    from collections.abc import Callable

DATA = ("--encrypted-regex", "^(data|stringData)$")
RELEASE = """apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata:
  name: web
  namespace: dev
spec:
  chart:
    spec: {{chart: k8s/helm-charts/web, sourceRef: {{kind: GitRepository, name: repository}}}}
  valuesFrom: [{{kind: Secret, name: web-values}}]
  values: {{{values}}}
{more}"""
SECRET = """apiVersion: v1
kind: Secret
metadata:
  name: web-values
  namespace: dev
stringData:
  values.yaml: |
    password: {password}
    level: secret
"""
TEMPLATE = """apiVersion: v1
kind: Secret
metadata:
  name: {{ .Release.Name }}
stringData:
  password: {{ .Values.password | quote }}
  level: {{ .Values.level }}
  host: {{ .Values.host | quote }}
  size: {{ .Values.size | quote }}
"""
CONFIGMAP = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: plain\n  namespace: dev\n"
CLUSTER_ROLE = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: web}\n"
DEFINITION = """apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: wides.example.org}
spec: {scope: Cluster, names: {kind: Wide}}
"""
JOB = "apiVersion: batch/v1\nkind: Job\nmetadata: {{name: job, annotations: {{helm.sh/hook: {hook}}}}}\n"
CHART = "k8s/helm-charts/web"
FOLDER = "k8s/gitops/dev/web"
VALUES = "k8s/helm-values/web/dev-config.yaml"


class Repository:
    """A repository with a service whose release takes its values from a Secret and from a file of values."""

    def __init__(self, tree: Tree, search_path: str) -> None:
        self.tree = tree
        self.search_path = search_path

    def fill(self, password: str = "canary-41c7", host: str = "canary-host") -> Repository:
        """Write everything."""
        self.tree.encrypted(f"{FOLDER}/secret.yaml", SECRET.format(password=password), *DATA)
        self.tree.encrypted(VALUES, f"host: {host}\nlevel: file\nsize: 1\n", "--encrypted-regex", "^host$")
        self.release()
        self.tree.plain(f"{FOLDER}/zz.yaml", CONFIGMAP)
        self.tree.plain(f"{CHART}/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.2.3\n")
        self.tree.plain(f"{CHART}/values.yaml", "password: default\nhost: default\nsize: 0\n")
        self.tree.plain(f"{CHART}/templates/secret.yaml", TEMPLATE)
        return self

    def release(self, values: str = "size: 2", more: str = "") -> None:
        """Write the release."""
        self.tree.plain(f"{FOLDER}/release.yaml", RELEASE.format(values=values, more=more))

    def render(self, opener: SourceOpener, **options: str) -> build.Rendered:
        """Render the service."""
        folder, root = self.tree.folder / FOLDER, self.tree.folder
        rendered = build.render(folder, root, opener, "/nonexistent")
        return helm.render_releases(rendered, folder, root, opener, self.search_path, **options)


@pytest.fixture
def repository(tree: Tree, tool: Callable[[str], str]) -> Repository:
    return Repository(tree, str(Path(tool("helm")).parent)).fill()


def contents(rendered: build.Rendered) -> list[dict[str, Any]]:
    return [obj.reveal() for obj in rendered.objects()]


def identities(rendered: build.Rendered) -> list[str]:
    return [str(obj.identity) for obj in rendered.objects()]


# --- what comes out


def test_the_objects_of_the_chart_come_in_the_place_of_the_release(
    repository: Repository, opener: SourceOpener
) -> None:
    rendered = repository.render(opener)
    assert identities(rendered) == ["Secret dev/web", "Secret dev/web-values", "ConfigMap dev/plain"]
    assert contents(rendered)[0] == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "web", "namespace": "dev"},
        "stringData": {"password": "canary-41c7", "level": "secret", "host": "canary-host", "size": "2"},
    }
    assert "canary-host" in rendered.secrets


def test_values_of_another_environment_are_not_taken(repository: Repository, opener: SourceOpener) -> None:
    repository.tree.folder.joinpath(VALUES).rename(repository.tree.folder / VALUES.replace("dev-", "qa-"))
    assert contents(repository.render(opener))[0]["stringData"]["host"] == "default"


def test_a_stream_without_a_release_is_left_alone_and_needs_no_helm(tree: Tree, opener: SourceOpener) -> None:
    tree.plain("dev/a.yaml", f"# HelmRelease\n{CONFIGMAP}")
    rendered = build.render(tree.folder / "dev", tree.folder, opener, "/nonexistent")
    assert helm.render_releases(rendered, tree.folder / "dev", tree.folder, opener, "/nonexistent") is rendered


def test_a_release_in_a_list_is_replaced(repository: Repository, opener: SourceOpener) -> None:
    path = repository.tree.folder / FOLDER / "release.yaml"
    items = "".join(f"- {text.strip().replace(chr(10), f'{chr(10)}  ')}\n" for text in (CONFIGMAP, path.read_text()))
    path.write_text(f"apiVersion: v1\nkind: List\nitems:\n{items}")
    assert identities(repository.render(opener))[:2] == ["ConfigMap dev/plain", "Secret dev/web"]


def test_objects_get_the_namespace_of_the_release_if_they_have_one(
    repository: Repository, opener: SourceOpener
) -> None:
    repository.release(more="  targetNamespace: web-dev\n  releaseName: web\n")
    repository.tree.plain(f"{CHART}/crds/wide.yaml", DEFINITION)
    wide = "apiVersion: example.org/v1\nkind: Wide\nmetadata: {name: wide}\n"
    own = CONFIGMAP.replace("dev", "own")
    repository.tree.plain(f"{CHART}/templates/more.yaml", f"{CLUSTER_ROLE}---\n{wide}---\n{own}")
    assert sorted(identities(repository.render(opener))[:-2]) == [
        "ClusterRole web",
        "ConfigMap own/plain",
        "CustomResourceDefinition wides.example.org",
        "Secret web-dev/web",
        "Wide wide",
    ]


def test_definitions_can_be_skipped(repository: Repository, opener: SourceOpener) -> None:
    repository.tree.plain(f"{CHART}/crds/wide.yaml", DEFINITION)
    repository.release(more="  install: {crds: Skip}\n")
    assert "CustomResourceDefinition wides.example.org" not in identities(repository.render(opener))


def test_a_packaged_chart_is_taken_from_the_folder_of_charts(repository: Repository, opener: SourceOpener) -> None:
    path = repository.tree.folder / FOLDER / "release.yaml"
    text = path.read_text().replace("k8s/helm-charts/web", "web, version: 1.2.3").replace("GitRepo", "HelmRepo")
    path.write_text(text)
    assert identities(repository.render(opener))[0] == "Secret dev/web"
    path.write_text(text.replace("1.2.3", "1.2.4"))
    with pytest.raises(RefusedError, match=r"Chart.yaml: HelmRelease dev/web: .* is not of the version 1.2.4"):
        repository.render(opener)


def test_a_vendored_dependency_is_rendered(repository: Repository, opener: SourceOpener) -> None:
    with (repository.tree.folder / CHART / "Chart.yaml").open("a") as file:
        file.write("dependencies: [{name: part, version: 1.x, repository: https://example.org/charts}]\n")
    with pytest.raises(BuildError, match="a dependency of the chart is not in its folder charts"):
        repository.render(opener)
    repository.tree.plain(f"{CHART}/charts/part/Chart.yaml", "apiVersion: v2\nname: part\nversion: 1.0.0\n")
    repository.tree.plain(f"{CHART}/charts/part/templates/c.yaml", CONFIGMAP.replace("plain", "part"))
    assert "ConfigMap dev/part" in identities(repository.render(opener))


def test_other_files_stand_for_the_chart_s_default_values(repository: Repository, opener: SourceOpener) -> None:
    repository.tree.plain("k8s/values/plain.yaml", "extra: plain\nlevel: lowest\n")
    repository.tree.encrypted("k8s/values/secret.yaml", "extra: canary-extra\n")
    repository.tree.plain(f"{CHART}/templates/c.yaml", f"{CONFIGMAP}data: {{{{ .Values | toJson }}}}\n")
    path = repository.tree.folder / FOLDER / "release.yaml"
    text = path.read_text()
    names = "k8s/values/plain.yaml, k8s/values/none.yaml, ./k8s/values/secret.yaml"
    more = f"valuesFiles: [{names}], ignoreMissingValuesFiles: true, sourceRef"
    path.write_text(text.replace("sourceRef", more))
    (values,) = (c["data"] for c in contents(repository.render(opener)) if "extra" in c.get("data", {}))
    assert values == {
        "extra": "canary-extra",
        "host": "canary-host",
        "level": "secret",
        "password": "canary-41c7",
        "size": 2,
    }
    path.write_text(text.replace("sourceRef", f"valuesFiles: [{names}], sourceRef"))
    with pytest.raises(FileAccessError, match=r"k8s/values/none.yaml: cannot be read"):
        repository.render(opener)
    path.write_text(text.replace("sourceRef", "valuesFiles: [../../values.yaml], sourceRef"))
    with pytest.raises(RefusedError, match="its valuesFiles lead out of the repository"):
        repository.render(opener)


def test_the_version_of_kubernetes_can_be_told(repository: Repository, opener: SourceOpener) -> None:
    text = CONFIGMAP.replace("plain", "v{{ .Capabilities.KubeVersion.Minor }}")
    repository.tree.plain(f"{CHART}/templates/v.yaml", text)
    assert "ConfigMap dev/v33" in identities(repository.render(opener, kube_version="1.33.0"))


@pytest.mark.parametrize(
    ("folder", "places"),
    [
        ("k8s/gitops/dev", ("k8s/helm-charts", "k8s/helm-values", "dev")),
        ("team/k8s/gitops/dev/web", ("team/k8s/helm-charts", "team/k8s/helm-values", "dev")),
        ("overlays/qa/web", ("helm-charts", "helm-values", "qa")),
        (".", ("k8s/helm-charts", "k8s/helm-values", "")),
    ],
)
def test_charts_and_values_are_found_by_the_layout(folder: str, places: tuple[str, str, str]) -> None:
    assert helm.folders_of_layout(folder) == places


def test_the_chart_that_helm_makes_is_rendered_as_helm_renders_it(
    repository: Repository, opener: SourceOpener, tool: Callable[[str], str], tmp_path: Path
) -> None:
    """Real templates, with a hook that is a test, whitespace control, and objects of many kinds."""
    charts = repository.tree.folder / "k8s/helm-charts"
    subprocess.run([tool("helm"), "create", str(charts / "full")], check=True, capture_output=True)
    values = "ingress: {enabled: true}, autoscaling: {enabled: true}, replicaCount: 3, podAnnotations: {a: 'yes'}"
    repository.release(values)
    path = repository.tree.folder / FOLDER / "release.yaml"
    path.write_text(path.read_text().replace("k8s/helm-charts/web", "./k8s/helm-charts/full"))
    given = tmp_path / "values.yaml"
    given.write_text(f"{{password: canary-41c7, level: secret, host: canary-host, {values}}}")
    argv = ["template", "web", str(charts / "full"), "--namespace=dev", "--skip-tests", f"--values={given}"]
    done = subprocess.run([tool("helm"), *argv], check=True, capture_output=True)
    expected = [obj.reveal() for obj in read_objects(done.stdout)]
    for content in expected:
        content["metadata"]["namespace"] = "dev"
    made = contents(repository.render(opener))[: len(expected)]
    assert (len(expected), made) == (5, expected)


def test_encrypted_values_of_the_release_itself_are_given_to_helm(repository: Repository, opener: SourceOpener) -> None:
    repository.release("host: canary-own")
    path = repository.tree.folder / FOLDER / "release.yaml"
    repository.tree.encrypted(f"{FOLDER}/release.yaml", path.read_text(), "--encrypted-regex", "^values$")
    assert contents(repository.render(opener))[0]["stringData"]["host"] == "canary-own"


# --- hooks


def test_tests_of_a_chart_are_left_out(repository: Repository, opener: SourceOpener) -> None:
    repository.tree.plain(f"{CHART}/templates/tests/t.yaml", JOB.format(hook="test"))
    assert "Job dev/job" not in identities(repository.render(opener))


def test_a_hook_is_refused_unless_the_release_leaves_hooks_out(repository: Repository, opener: SourceOpener) -> None:
    repository.tree.plain(f"{CHART}/templates/h.yaml", JOB.format(hook="pre-install"))
    with pytest.raises(RefusedError, match=r"HelmRelease dev/web: the chart has a hook \(Job\)"):
        repository.render(opener)
    repository.release(more="  install: {disableHooks: true}\n")
    assert "Job dev/job" not in identities(repository.render(opener))


# --- what is refused


def test_without_helm_there_is_a_hint(repository: Repository, opener: SourceOpener) -> None:
    repository.search_path = "bin:/nonexistent"
    with pytest.raises(BuildError, match="helm program was not found"):
        repository.render(opener)


def test_a_file_of_values_with_a_wrong_mac_is_refused(repository: Repository, opener: SourceOpener) -> None:
    path = repository.tree.folder / VALUES
    path.write_text(path.read_text().replace("level: file", "level: other"))
    with pytest.raises(MacMismatchError, match=re.escape(VALUES)):
        repository.render(opener)


def test_a_file_of_values_for_others_is_refused(repository: Repository, opener: SourceOpener) -> None:
    with pytest.raises(KeyAccessError):
        helm.render_releases(
            build.Rendered((repository.tree.folder / FOLDER / "release.yaml").read_bytes(), frozenset()),
            repository.tree.folder / FOLDER,
            repository.tree.folder,
            SourceOpener(FixedKeyring(())),
            repository.search_path,
        )


@pytest.mark.parametrize("chart", ["../outside", "k8s/../../outside"])
def test_a_chart_outside_is_refused(repository: Repository, opener: SourceOpener, chart: str) -> None:
    outside = repository.tree.folder.parent / "outside"
    outside.mkdir()
    (outside / "Chart.yaml").write_text("apiVersion: v2\nname: outside\nversion: 1.0.0\n")
    path = repository.tree.folder / FOLDER / "release.yaml"
    path.write_text(path.read_text().replace("chart: k8s/helm-charts/web", f"chart: {chart}"))
    with pytest.raises(RefusedError, match="its chart leads out of the repository"):
        repository.render(opener)


@pytest.mark.parametrize("name", ["templates/out.yaml", "files", "values.yaml"])
def test_a_link_out_of_the_repository_is_refused(repository: Repository, opener: SourceOpener, name: str) -> None:
    outside = repository.tree.folder.parent / "outside"
    outside.mkdir()
    (outside / "secret").write_text("canary")
    link = repository.tree.folder / CHART / name
    link.unlink(missing_ok=True)
    link.symlink_to(outside if name == "files" else outside / "secret")
    with pytest.raises(RefusedError, match="leads out of the tree"):
        repository.render(opener)


def test_an_encrypted_file_in_a_chart_is_refused(repository: Repository, opener: SourceOpener) -> None:
    repository.tree.encrypted(f"{CHART}/values.yaml", "password: x\n")
    with pytest.raises(RefusedError, match=rf"{CHART}/values.yaml: .*a chart with an encrypted file"):
        repository.render(opener)


def test_a_chart_that_is_nowhere_is_refused(repository: Repository, opener: SourceOpener) -> None:
    (repository.tree.folder / CHART / "Chart.yaml").unlink()
    with pytest.raises(RefusedError, match="there is no chart k8s/helm-charts/web in the repository"):
        repository.render(opener)


def test_a_release_whose_name_is_encrypted_is_refused(repository: Repository, opener: SourceOpener) -> None:
    path = repository.tree.folder / FOLDER / "release.yaml"
    repository.tree.encrypted(f"{FOLDER}/release.yaml", path.read_text())
    with pytest.raises(RefusedError, match="the name of a HelmRelease is encrypted"):
        repository.render(opener)


def test_what_a_chart_leaves_encrypted_is_refused(repository: Repository, opener: SourceOpener) -> None:
    text = f"{CONFIGMAP}data: {{a: 'ENC[AES256_GCM,data:x,iv:x,tag:x,type:str]'}}\n"
    repository.tree.plain(f"{CHART}/templates/c.yaml", text)
    with pytest.raises(BuildError, match="an encrypted value is left"):
        repository.render(opener)


# --- failures leak nothing


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("templates/x.yaml", "{{ fail .Values.password }}", "a template of the chart refuses these values (templates/x.yaml:1)"),
        ("templates/x.yaml", "a: {{ .Values.password }}: {", "a template of the chart gives no valid YAML with these values"),
        ("templates/x.yaml", "{{ .Values.password.x }}", "a template of the chart failed (templates/x.yaml:1)"),
        ("templates/x.yaml", "{{ if }}", "a template of the chart cannot be parsed"),
        ("templates/x.yaml", "{{ .Values.password }}", ""),
        ("templates/x.yaml", "kind: {{ .Values.password }}\napiVersion: v1\nmetadata: {}", "something that is no object"),
        ("values.schema.json", '{"properties": {"password": {"type": "integer"}}}', "do not fit the chart's values.schema.json"),
        ("values.schema.json", '{"$ref": "https://example.org/canary-schema.json"}', ""),
    ],
)  # fmt: skip
def test_helm_s_own_words_are_not_passed_on(
    repository: Repository, opener: SourceOpener, name: str, text: str, message: str
) -> None:
    repository.tree.plain(f"{CHART}/{name}", text)
    with pytest.raises(SopskitError) as caught:
        repository.render(opener)
    assert message in str(caught.value)
    assert ("canary" in str(caught.value), caught.value.__cause__) == (False, None)


RUN = """
import sys
sys.path.insert(0, {root!r})
from pathlib import Path
from sopskit.age import parse_identity
from sopskit.errors import SopskitError
from sopskit.sops.masterkeys import FixedKeyring
from sopskit.workflow.render import render
keyring = FixedKeyring((parse_identity(open({key!r}).read().splitlines()[-1]),))
environ = {{"PATH": {path!r}}}
try:
    done = render(Path({folder!r}), keyring, environ, helm=True)
except SopskitError as error:
    sys.exit(str(error))
sys.stdout.buffer.write(done.stream)
"""
CALLS = (
    "execve,write,pwrite64,writev,open,openat,creat,connect,socket,mkdir,mkdirat,symlink,symlinkat,rename,memfd_create"
)


@pytest.mark.parametrize("spoiled", [False, True])
def test_no_value_meets_a_disk_an_argument_or_the_environment(
    tree: Tree, tool: Callable[[str], str], tmp_path: Path, spoiled: bool
) -> None:
    canaries = [Canary("Secret", token()), Canary("file", token())]
    path = str(Path(tool("helm")).parent)
    repository = Repository(tree, path).fill(canaries[0].text, canaries[1].text)
    (tree.folder / ".git").mkdir()
    if spoiled:
        tree.plain(f"{CHART}/templates/x.yaml", "{{ fail (print .Values.password .Values.host) }}")
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    record = tmp_path / "trace"
    program = RUN.format(root=str(ROOT), key=str(tree.key.path), path=path, folder=str(tree.folder / FOLDER))
    watch = [tool("strace"), "-f", "-qq", "-y", "-v", "-xx", "-s", "1048576", "-e", f"trace={CALLS}", "-o", str(record)]
    done = subprocess.run(
        [*watch, "--", sys.executable, "-c", program],
        env={"TMPDIR": str(temporary), "HOME": "/nonexistent", "HELM_PLUGINS": str(tmp_path), "PATH": os.defpath},
        capture_output=True,
        check=False,
        timeout=120,
    )
    scanner = Scanner(canaries)
    assert (done.returncode, scanner.scan(done.stderr, "")) == (int(spoiled), set()), done.stderr.decode()
    assert {hit.slot for hit in scanner.scan(done.stdout, "")} == (set() if spoiled else {"Secret", "file"})
    events = parse(record.read_bytes())
    pipes = [event for event in events if event.path.startswith("pipe:")]
    assert {hit.slot for event in pipes for hit in scanner.scan(event.data, "")} == {"Secret", "file"}
    assert [hit for event in events if event not in pipes for hit in scanner.scan(event.data, event.place)] == []
    started = [event for event in events if event.call == "execve" and b"template" in event.data]
    assert len(started) == 1
    assert b"HELM_PLUGINS=" + bytes(tmp_path) + b"\0" not in started[0].data
    assert b"AF_INET" not in record.read_bytes()
    assert leaks_in_folders(scanner, [temporary, tree.folder]) == set()
    assert list(temporary.iterdir()) == []
    assert repository.search_path == path


def test_a_generated_name_is_followed_through_kustomize(repository: Repository, tool: Callable[[str], str]) -> None:
    """With the whole way of `render --helm`: kustomize adds the hash to the name, in the release too."""
    tree = repository.tree
    (tree.folder / ".git").mkdir()
    tree.encrypted(f"{FOLDER}/values.yaml", "password: canary-gen\nlevel: generated\n")
    tree.plain(
        f"{FOLDER}/kustomization.yaml",
        "resources: [release.yaml]\nconfigurations: [names.yaml]\nnamespace: dev\n"
        "secretGenerator: [{name: web-values, files: [values.yaml]}]\n",
    )
    tree.plain(
        f"{FOLDER}/names.yaml",
        "nameReference:\n- kind: Secret\n  version: v1\n"
        "  fieldSpecs: [{path: spec/valuesFrom/name, kind: HelmRelease}]\n",
    )
    environ = {"PATH": f"{repository.search_path}:{Path(tool('kustomize')).parent}"}
    keyring = FixedKeyring((parse_identity(tree.key.identity),))
    folder = tree.folder / FOLDER
    rendered = render(folder, keyring, environ, helm=True)
    secrets = [content for content in contents(rendered) if content["metadata"]["name"] == "web"]
    assert [secret["stringData"]["password"] for secret in secrets] == ["canary-gen"]
    assert len(rendered.objects()) == 2
    assert "canary" not in build.masked(rendered)
