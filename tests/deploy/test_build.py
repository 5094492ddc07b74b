"""Folders become manifest streams, by the real kustomize where they have a kustomization."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from sopskit.deploy import build, process
from sopskit.deploy.opening import SourceOpener
from sopskit.errors import BuildError, DocumentSyntaxError, FileAccessError, LimitError, MacMismatchError, RefusedError
from tests.deploy.conftest import Tree

if TYPE_CHECKING:
    from collections.abc import Callable

SECRET = (
    "apiVersion: v1\nkind: Secret\nmetadata:\n  name: one\n  namespace: dev\nstringData:\n  password: canary-41c7\n"
)
CONFIGMAP = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: two\ndata:\n  level: canary-info\n  other: x\n"
RELEASE = "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata:\n  name: three\nspec: {interval: 10m}\n"
DATA = ("--encrypted-regex", "^(data|stringData)$")


@pytest.fixture
def search_path(tool: Callable[[str], str]) -> str:
    """The folder in which kustomize is."""
    return str(Path(tool("kustomize")).parent)


def rendered(tree: Tree, opener: SourceOpener, search_path: str = "/nonexistent", folder: str = "") -> build.Rendered:
    return build.render(tree.folder / folder, tree.folder, opener, search_path)


def documents(result: build.Rendered) -> list[dict[str, object]]:
    return [document for document in yaml.safe_load_all(result.stream) if document]


def names(result: build.Rendered) -> list[str]:
    return [document["metadata"]["name"] for document in documents(result)]  # type: ignore[index]


# --- plain folders


def test_a_plain_folder_is_its_files_one_after_another(tree: Tree, opener: SourceOpener) -> None:
    tree.encrypted("b/secret.yaml", SECRET, *DATA)
    tree.encrypted("a.yml", CONFIGMAP, *DATA)
    tree.plain("c.yaml", f"---\n{RELEASE}".rstrip("\n"))
    for name in (".hidden.yaml", ".folder/kustomization.yaml", "notes.txt"):
        tree.plain(f"b/{name}", "not: this\n")
    tree.plain("empty.yaml", "# only a comment\n---\n")
    result = rendered(tree, opener)
    assert result.stream.decode().replace("    ", "  ") == f"{CONFIGMAP}---\n{SECRET}---\n{RELEASE}"
    assert result.secrets == {"canary-41c7", "canary-info", "x"}


def test_nothing_is_handed_out_if_one_mac_is_wrong(tree: Tree, opener: SourceOpener) -> None:
    tree.encrypted("a.yaml", CONFIGMAP, *DATA)
    path = tree.encrypted("b.yaml", SECRET, *DATA)
    path.write_text(path.read_text().replace("namespace: dev", "namespace: prod"))
    with pytest.raises(MacMismatchError) as caught:
        rendered(tree, opener)
    assert caught.value.location is not None
    assert caught.value.location.file == str(path)


def test_a_folder_above_kustomizations_is_refused(tree: Tree, opener: SourceOpener) -> None:
    """Each one's namespace would be lost."""
    tree.plain("dev/kustomization.yaml", "namespace: dev\nresources: [release.yaml]\n")
    tree.plain("dev/release.yaml", RELEASE)
    tree.plain("q\x1ba/x/Kustomization", "resources: []\n")
    with pytest.raises(RefusedError, match=r"folders below it do, .*: dev, q\\x1ba/x$") as caught:
        rendered(tree, opener)
    assert caught.value.hint == "render one of them"
    for number in range(6):
        tree.plain(f"dev/{number}/kustomization.yml", "resources: []\n")
    with pytest.raises(RefusedError, match=r": dev/0, dev/1, dev/2, dev/3, dev/4 and 3 more$"):
        rendered(tree, opener)


def test_an_empty_folder_is_an_empty_stream(tree: Tree, opener: SourceOpener) -> None:
    assert rendered(tree, opener).stream == b""


def test_what_is_no_folder_is_an_error(tree: Tree, opener: SourceOpener) -> None:
    with pytest.raises(FileAccessError, match="is no folder"):
        rendered(tree, opener, folder="nowhere")


def test_ciphertext_never_reaches_the_cluster(tree: Tree, opener: SourceOpener) -> None:
    token = "ENC[AES256_GCM,data:x,iv:x,tag:x,type:str]"
    tree.plain("a.yaml", f"kind: Secret\ndata: {{a: '{token}'}}\n")
    with pytest.raises(BuildError, match="encrypted value is left"):
        rendered(tree, opener)
    tree.plain("a.yaml", f"# {token}\nkind: Secret\n")
    assert rendered(tree, opener).stream.startswith(b"# ENC[")
    tree.plain("a.yaml", f"'{token}': [\n")
    with pytest.raises(BuildError, match="what was built cannot be read"):
        rendered(tree, opener)


# --- kustomizations


def test_a_kustomization_is_built_from_plaintext(tree: Tree, opener: SourceOpener, search_path: str) -> None:
    tree.plain("base/kustomization.yaml", "resources: [secret.yaml]\n")
    tree.encrypted("base/secret.yaml", SECRET, *DATA)
    tree.plain(
        "dev/kustomization.yaml",
        "namePrefix: dev-\nresources: [../base, configmap.yaml, release.yaml]\n"
        "patches: [{path: patch.yaml}]\n"
        "secretGenerator:\n  - {name: gen, envs: [.secret.env], files: [key.pem], options: {disableNameSuffixHash: true}}\n",
    )
    tree.encrypted("dev/configmap.yaml", CONFIGMAP, *DATA)
    tree.plain("dev/release.yaml", RELEASE)
    tree.encrypted("dev/patch.yaml", SECRET.replace("canary-41c7", "canary-patched"), *DATA)
    tree.encrypted("dev/.secret.env", "TOKEN=canary-env\n")
    tree.encrypted("dev/key.pem", "canary-pem\n" * 20_000)
    result = rendered(tree, opener, search_path, "dev")
    assert sorted(names(result)) == ["dev-gen", "dev-one", "dev-three", "dev-two"]
    by_name = {document["metadata"]["name"]: document for document in documents(result)}  # type: ignore[index]
    assert by_name["dev-one"]["stringData"] == {"password": "canary-patched"}
    assert by_name["dev-gen"]["data"]["TOKEN"] == "Y2FuYXJ5LWVudg=="  # type: ignore[index]
    assert "canary-pem" not in build.masked(result)


SPELLINGS = {
    "a resource": "resources: [release.yaml, wrong.yaml]\n",
    "a component": "resources: [release.yaml]\ncomponents: [component]\n",
    "a patch": "resources: [release.yaml]\npatches: [{path: wrong.yaml}]\n",
    "a strategic merge patch": "resources: [release.yaml]\npatchesStrategicMerge: [wrong.yaml]\n",
    "a JSON patch": "resources: [release.yaml]\npatchesJson6902: [{target: {kind: HelmRelease, name: three}, path: wrong.yaml}]\n",
    "a Secret's file": "secretGenerator: [{name: a, files: [key=wrong.yaml]}]\n",
    "a Secret's variables": "secretGenerator: [{name: a, envs: [wrong.yaml]}]\n",
    "a Secret's variables, as they were": "secretGenerator: [{name: a, env: wrong.yaml}]\n",
    "a ConfigMap's file": "configMapGenerator: [{name: a, files: [./wrong.yaml]}]\n",
    "a replacement": "resources: [release.yaml]\nreplacements: [{path: wrong.yaml}]\n",
    "a configuration": "resources: [release.yaml]\nconfigurations: [wrong.yaml]\n",
    "a transformer": "resources: [release.yaml]\ntransformers: [wrong.yaml]\n",
    "a generator's own file": "generators: [generator.yaml]\n",
    "a generator in place": "generators:\n- |-\n  apiVersion: builtin\n  kind: SecretGenerator\n  metadata: {name: a}\n  files: [wrong.yaml]\n",
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_the_mac_of_every_file_is_checked_before_the_builder_is_started(
    tree: Tree, opener: SourceOpener, tmp_path: Path, spelling: str
) -> None:
    fake = tmp_path / "bin" / "kustomize"
    fake.parent.mkdir()
    fake.write_text(f"#!/bin/sh\n: > {tmp_path}/started\n")
    fake.chmod(0o755)
    tree.plain("kustomization.yaml", SPELLINGS[spelling])
    tree.plain("component/kustomization.yaml", "resources: [../wrong.yaml]\n")
    tree.plain(
        "generator.yaml", "apiVersion: builtin\nkind: SecretGenerator\nmetadata: {name: a}\nfiles: [k=wrong.yaml]\n"
    )
    tree.plain("release.yaml", RELEASE)
    path = tree.encrypted("wrong.yaml", SECRET, *DATA)
    path.write_text(path.read_text().replace("namespace: dev", "namespace: prod"))
    with pytest.raises(MacMismatchError) as caught:
        rendered(tree, opener, str(fake.parent))
    assert caught.value.location is not None
    assert caught.value.location.file == str(path)
    assert not (tmp_path / "started").exists()


def test_a_file_that_is_not_built_from_is_not_opened(tree: Tree, opener: SourceOpener, search_path: str) -> None:
    tree.plain("kustomization.yaml", "resources: [release.yaml]\n")
    tree.plain("release.yaml", RELEASE)
    path = tree.encrypted("unused.yaml", SECRET, *DATA)
    path.write_text(path.read_text().replace("namespace: dev", "namespace: prod"))
    (tree.folder / "large").write_bytes(b"x" * (5 * 1024 * 1024 + 1))
    assert names(rendered(tree, opener, search_path)) == ["three"]


def test_a_missing_kustomize_is_told_with_the_way_out(tree: Tree, opener: SourceOpener) -> None:
    tree.plain("kustomization.yaml", "resources: []\n")
    with pytest.raises(BuildError, match="kustomize program was not found") as caught:
        rendered(tree, opener)
    assert caught.value.hint is not None


@pytest.mark.parametrize("entry", [".", "", "bin"])
def test_a_kustomize_program_in_the_current_folder_is_not_started(
    tree: Tree, opener: SourceOpener, search_path: str, monkeypatch: pytest.MonkeyPatch, entry: str
) -> None:
    for name in ("kustomize", "bin/kustomize"):
        tree.plain(name, "#!/bin/sh\necho 'started: 1'\n").chmod(0o755)
    tree.plain("app/kustomization.yaml", "resources: []\n")
    monkeypatch.chdir(tree.folder)
    assert rendered(tree, opener, f"{entry}:{search_path}", "app").stream == b""
    with pytest.raises(BuildError, match="kustomize program was not found"):
        rendered(tree, opener, entry, "app")


@pytest.mark.parametrize(
    "base", ["https://example.org/base.yaml", "github.com/org/repo//base?ref=v1", "git@host:org/repo", "nothing.yaml"]
)
def test_remote_bases_are_refused(tree: Tree, opener: SourceOpener, search_path: str, base: str) -> None:
    tree.plain("kustomization.yaml", f"resources: ['{base}']\n")
    with pytest.raises(RefusedError, match="remote bases are refused") as caught:
        rendered(tree, opener, search_path)
    assert caught.value.location is not None
    assert caught.value.location.key == ("resources", 0)


@pytest.mark.parametrize(
    ("entry", "shown"),
    [
        ("gone.yaml", "'gone.yaml'"),
        ("gone\\e.yaml", "'gone\\x1b.yaml'"),
        ("https://user:canary@example.org/base", "an entry"),
        ("kind: Secret\\nvalue: canary", "an entry"),
        ("x" * 201, "an entry"),
    ],
)
def test_an_entry_that_is_not_there_is_named(
    tree: Tree, opener: SourceOpener, search_path: str, entry: str, shown: str
) -> None:
    tree.plain("kustomization.yaml", f'resources: ["{entry}"]\n')
    with pytest.raises(RefusedError) as caught:
        rendered(tree, opener, search_path)
    assert caught.value.message == f"{shown} is no file or folder here; remote bases are refused"


def test_an_entry_that_was_encrypted_is_not_named(tree: Tree, opener: SourceOpener, search_path: str) -> None:
    tree.encrypted("kustomization.yaml", "resources: [canary.yaml]\n")
    with pytest.raises(RefusedError) as caught:
        rendered(tree, opener, search_path)
    assert caught.value.message == "an entry is no file or folder here; remote bases are refused"


def test_other_remote_files_are_not_fetched(tree: Tree, opener: SourceOpener, search_path: str) -> None:
    tree.plain("kustomization.yaml", "resources: [release.yaml]\npatches: [{path: 'http://127.0.0.1:9/x'}]\n")
    tree.plain("release.yaml", RELEASE)
    with pytest.raises(BuildError):
        rendered(tree, opener, search_path)


def test_a_base_outside_of_the_root_is_refused(tree: Tree, opener: SourceOpener, search_path: str) -> None:
    tree.plain("inner/kustomization.yaml", "resources: [../outer]\n")
    tree.plain("outer/kustomization.yaml", "resources: []\n")
    with pytest.raises(RefusedError, match="leads out"):
        build.render(tree.folder / "inner", tree.folder / "inner", opener, search_path)


def test_bases_that_refer_to_each_other_end(tree: Tree, opener: SourceOpener, search_path: str) -> None:
    tree.plain("a/kustomization.yaml", "resources: [../b]\n")
    tree.plain("b/kustomization.yaml", "resources: [../a]\n")
    with pytest.raises(BuildError):
        rendered(tree, opener, search_path, "a")


def test_a_single_file_may_be_referred_to(tree: Tree, opener: SourceOpener, search_path: str) -> None:
    tree.plain("kustomization.yaml", "resources: [release.yaml]\nother: 1\n")
    tree.plain("release.yaml", RELEASE)
    with pytest.raises(BuildError) as caught:  # kustomize knows no such field, and no secret is in the tree
        rendered(tree, opener, search_path)
    assert "other" in str(caught.value)
    tree.plain("base/release.yaml", RELEASE)
    tree.plain("app/kustomization.yaml", "resources: [../base/release.yaml]\n")
    with pytest.raises(BuildError):  # kustomize's own restriction stays in force
        rendered(tree, opener, search_path, "app")


def test_a_kustomization_that_is_no_yaml_is_an_error(tree: Tree, opener: SourceOpener, search_path: str) -> None:
    tree.plain("kustomization.yaml", "resources: [\n")
    with pytest.raises(DocumentSyntaxError):
        rendered(tree, opener, search_path)


FAILURES = {
    "a name that is missing": ("resources: [secret.yaml]", "apiVersion: v1\nkind: Secret\nvalue: canary-41c7\n", "a manifest has no name"),
    "a name that is taken": ("resources: [secret.yaml]", f"{SECRET}---\n{SECRET}", "two resources have the same kind and name"),
    "no manifest": ("resources: [secret.yaml]", "a: canary-41c7\n", "a file is no manifest: it has no kind or metadata"),
    "a patch": ("resources: [release.yaml]\npatches: [{path: secret.yaml}]", SECRET, "a patch fits no resource"),
    "a JSON patch": (
        "resources: [release.yaml]\npatches: [{path: secret.yaml, target: {kind: HelmRelease}}]",
        '[{"op": "replace", "path": "/canary/41c7", "value": "canary"}]',
        "a JSON patch does not fit its resource",
    ),
    "a key that is there twice": (
        "secretGenerator: [{name: a, files: [k=secret.yaml, k=release.yaml]}]", SECRET, "a generator has a key twice"
    ),
    "nothing to merge with": (
        "secretGenerator: [{name: a, behavior: merge, files: [secret.yaml]}]", SECRET, "a generator merges into something that is not there"
    ),
    "the network": (
        "resources: [secret.yaml]\npatches: [{path: 'https://example.org/x'}]", SECRET, "something in the network is named, and that is refused"
    ),
    "a program": ("resources: [secret.yaml]\ngenerators: [plugin.yaml]", SECRET, "a generator or transformer is a program, and none is started; encrypted files belong under resources"),
    "a chart": ("resources: [secret.yaml]\nhelmCharts: [{name: x}]", SECRET, "it has a Helm chart, and charts are not built by kustomize here"),
    "a circle": ("resources: [secret.yaml, circle]", SECRET, "kustomizations refer to each other in a circle"),
    "a field": ("resources: [secret.yaml]\nfield: 1", SECRET, "the kustomization file is not valid"),
    "what has no words of ours": ("resources: [secret.yaml]\nimages: [{name: '['}]\ngenerators: [odd.yaml]", SECRET, "its message may quote a secret and is not shown"),
}  # fmt: skip


@pytest.mark.parametrize("case", FAILURES)
def test_kustomizes_own_words_are_not_passed_on(tree: Tree, opener: SourceOpener, search_path: str, case: str) -> None:
    fields, secret, cause = FAILURES[case]
    tree.plain("kustomization.yaml", f"{fields}\n")
    tree.plain("release.yaml", RELEASE)
    tree.plain(
        "plugin.yaml",
        "apiVersion: viaduct.ai/v1\nkind: ksops\nmetadata:\n  name: a\n  annotations:\n"
        "    config.kubernetes.io/function: |\n      exec: {path: ksops}\n",
    )
    tree.plain("odd.yaml", "apiVersion: builtin\nkind: Odd\nmetadata: {name: a}\n")
    tree.plain("circle/kustomization.yaml", "resources: [..]\n")
    if secret.startswith("["):
        tree.encrypted("secret.txt", secret)
        tree.plain("kustomization.yaml", f"{fields}\n".replace("secret.yaml", "secret.txt"))
    else:
        tree.encrypted("secret.yaml", secret)
    with pytest.raises(BuildError) as caught:
        rendered(tree, opener, search_path)
    assert str(caught.value) == f"kustomize build failed with exit status 1: {cause}"
    assert "canary" not in f"{caught.value} {caught.value.__context__!r}"


def test_what_kustomize_says_is_shown_without_control_characters(
    tree: Tree, opener: SourceOpener, search_path: str
) -> None:
    tree.plain("kustomization.yaml", '"\\e[31m": 1\n')
    with pytest.raises(BuildError, match=r"u001b|\\x1b") as caught:
        rendered(tree, opener, search_path)
    assert "\x1b" not in str(caught.value)


def test_a_build_that_does_not_end_is_ended(
    tree: Tree, opener: SourceOpener, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake = tmp_path / "bin" / "kustomize"
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\n/bin/sleep 60 &\nwait\n")
    fake.chmod(0o755)
    monkeypatch.setattr(process, "DEADLINE", 0.3)
    tree.plain("kustomization.yaml", "resources: []\n")
    with pytest.raises(BuildError, match="did not end"):
        rendered(tree, opener, str(fake.parent))


def test_an_interrupted_build_is_ended_and_leaves_nothing(
    tree: Tree, opener: SourceOpener, tmp_path: Path, temporary: Path
) -> None:
    fake = tmp_path / "bin" / "kustomize"
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\nkill -INT $PPID\nPATH=/bin:/usr/bin sleep 60\n")
    fake.chmod(0o755)
    tree.plain("kustomization.yaml", "resources: []\n")
    with pytest.raises(KeyboardInterrupt):
        rendered(tree, opener, str(fake.parent))
    assert list(temporary.iterdir()) == []


def test_an_output_above_the_limit_is_refused(
    tree: Tree, opener: SourceOpener, search_path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "MOST_OUTPUT", 10)
    tree.plain("kustomization.yaml", "resources: [release.yaml]\n")
    tree.plain("release.yaml", RELEASE)
    with pytest.raises(LimitError):
        rendered(tree, opener, search_path)


def test_no_plaintext_meets_the_disk(
    tree: Tree,
    opener: SourceOpener,
    tool: Callable[[str], str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    temporary: Path,
) -> None:
    """A kustomize that looks around sees FIFOs and plain files, and nothing is left of them."""
    fake = tmp_path / "bin" / "kustomize"
    fake.parent.mkdir()
    fake.write_text(
        f"#!/bin/sh\n/usr/bin/find {temporary} -printf '%y %m %f\\n' > {tmp_path}/seen\n/usr/bin/env > {tmp_path}/env\n"
    )
    fake.chmod(0o755)
    monkeypatch.setenv("SOPS_AGE_KEY", "canary-key")
    tree.plain("kustomization.yaml", "resources: [secret.yaml]\n")
    tree.encrypted("secret.yaml", SECRET, *DATA)
    assert rendered(tree, opener, str(fake.parent)).stream == b""
    seen = (tmp_path / "seen").read_text().split("\n")
    assert "p 600 secret.yaml" in seen
    assert any(line.startswith("d 700 sopskit-render-") for line in seen)
    assert "canary" not in (tmp_path / "env").read_text()
    assert list(temporary.iterdir()) == []


# --- on the screen


def test_a_screen_shows_masks_for_secrets_and_for_what_was_encrypted(tree: Tree, opener: SourceOpener) -> None:
    tree.encrypted("a.yaml", CONFIGMAP.replace("other: x", "other: in canary-info or so\n  plain_unencrypted: here"))
    tree.plain(
        "b.yaml",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: one}\ndata: {a: eA==, b: |\n    eA==\n  }\n".replace(
            ", b: |\n    eA==\n  }", "}"
        ),
    )
    tree.plain(
        "c.yaml",
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: two # note\nstringData:\n  block: |\n    canary\n    more\n  next: [1, {a: 2}]\ntype: Opaque\n",
    )
    text = build.masked(rendered(tree, opener))
    assert "plain_unencrypted: here" in text
    assert "canary" not in text
    assert "kind: Secret\nmetadata: {name: one}\ndata: {a: <redacted>}\n" in text
    assert (
        "name: two # note\nstringData:\n  block: <redacted>\n  next: [<redacted>, {a: <redacted>}]\ntype: Opaque\n"
        in text
    )


def test_an_alias_is_masked_once(tree: Tree, opener: SourceOpener) -> None:
    tree.plain("a.yaml", "apiVersion: v1\nkind: Secret\nstringData:\n  a: &x canary\n  b: *x\n")
    assert "canary" not in build.masked(rendered(tree, opener))


def test_a_rendered_stream_shows_its_size_only() -> None:
    assert repr(build.Rendered(b"canary", frozenset({"canary"}))) == "<rendered stream of 6 bytes>"


def test_kubectl_reads_the_stream_of_a_kustomization(tree: Tree, opener: SourceOpener, search_path: str) -> None:
    """What kustomize gives for the plaintext tree is what we give for the encrypted one, byte for byte."""
    tree.plain("kustomization.yaml", "resources: [a.yaml, b.yaml]\nnamePrefix: x-\n")
    for name, text in (("a.yaml", SECRET), ("b.yaml", CONFIGMAP)):
        tree.plain(name, text)
    expected = subprocess.run(
        [f"{search_path}/kustomize", "build", str(tree.folder)], capture_output=True, check=True
    ).stdout
    for name, text in (("a.yaml", SECRET), ("b.yaml", CONFIGMAP)):
        tree.encrypted(name, text, *DATA)
    assert rendered(tree, opener, search_path).stream == expected
