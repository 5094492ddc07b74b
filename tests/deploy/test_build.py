"""Folders become manifest streams, by the real kustomize where they have a kustomization."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from sopskit.deploy import build, kustomize
from sopskit.deploy.provider import DecryptionProvider
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


def rendered(
    tree: Tree, provider: DecryptionProvider, search_path: str = "/nonexistent", folder: str = ""
) -> build.Rendered:
    return build.render(tree.folder / folder, tree.folder, provider, search_path)


def documents(result: build.Rendered) -> list[dict[str, object]]:
    return [document for document in yaml.safe_load_all(result.stream) if document]


def names(result: build.Rendered) -> list[str]:
    return [document["metadata"]["name"] for document in documents(result)]  # type: ignore[index]


# --- plain folders


def test_a_plain_folder_is_its_files_one_after_another(tree: Tree, provider: DecryptionProvider) -> None:
    tree.encrypted("b/secret.yaml", SECRET, *DATA)
    tree.encrypted("a.yml", CONFIGMAP, *DATA)
    tree.plain("c.yaml", f"---\n{RELEASE}".rstrip("\n"))
    for name in (".hidden.yaml", ".folder/kustomization.yaml", "notes.txt"):
        tree.plain(f"b/{name}", "not: this\n")
    tree.plain("empty.yaml", "# only a comment\n---\n")
    result = rendered(tree, provider)
    assert result.stream.decode().replace("    ", "  ") == f"{CONFIGMAP}---\n{SECRET}---\n{RELEASE}"
    assert result.secrets == {"canary-41c7", "canary-info", "x"}


def test_nothing_is_handed_out_if_one_mac_is_wrong(tree: Tree, provider: DecryptionProvider) -> None:
    tree.encrypted("a.yaml", CONFIGMAP, *DATA)
    path = tree.encrypted("b.yaml", SECRET, *DATA)
    path.write_text(path.read_text().replace("namespace: dev", "namespace: prod"))
    with pytest.raises(MacMismatchError) as caught:
        rendered(tree, provider)
    assert caught.value.location is not None
    assert caught.value.location.file == str(path)


def test_a_folder_above_kustomizations_is_refused(tree: Tree, provider: DecryptionProvider) -> None:
    """Each one's namespace would be lost."""
    tree.plain("dev/kustomization.yaml", "namespace: dev\nresources: [release.yaml]\n")
    tree.plain("dev/release.yaml", RELEASE)
    tree.plain("q\x1ba/x/Kustomization", "resources: []\n")
    with pytest.raises(RefusedError, match=r"folders below it do, .*: dev, q\\x1ba/x$") as caught:
        rendered(tree, provider)
    assert caught.value.hint == "render one of them"
    for number in range(6):
        tree.plain(f"dev/{number}/kustomization.yml", "resources: []\n")
    with pytest.raises(RefusedError, match=r": dev/0, dev/1, dev/2, dev/3, dev/4 and 3 more$"):
        rendered(tree, provider)


def test_an_empty_folder_is_an_empty_stream(tree: Tree, provider: DecryptionProvider) -> None:
    assert rendered(tree, provider).stream == b""


def test_what_is_no_folder_is_an_error(tree: Tree, provider: DecryptionProvider) -> None:
    with pytest.raises(FileAccessError, match="is no folder"):
        rendered(tree, provider, folder="nowhere")


def test_ciphertext_never_reaches_the_cluster(tree: Tree, provider: DecryptionProvider) -> None:
    token = "ENC[AES256_GCM,data:x,iv:x,tag:x,type:str]"
    tree.plain("a.yaml", f"kind: Secret\ndata: {{a: '{token}'}}\n")
    with pytest.raises(BuildError, match="encrypted value is left"):
        rendered(tree, provider)
    tree.plain("a.yaml", f"# {token}\nkind: Secret\n")
    assert rendered(tree, provider).stream.startswith(b"# ENC[")
    tree.plain("a.yaml", f"'{token}': [\n")
    with pytest.raises(BuildError, match="what was built cannot be read"):
        rendered(tree, provider)


# --- kustomizations


def test_a_kustomization_is_built_from_plaintext(tree: Tree, provider: DecryptionProvider, search_path: str) -> None:
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
    result = rendered(tree, provider, search_path, "dev")
    assert sorted(names(result)) == ["dev-gen", "dev-one", "dev-three", "dev-two"]
    by_name = {document["metadata"]["name"]: document for document in documents(result)}  # type: ignore[index]
    assert by_name["dev-one"]["stringData"] == {"password": "canary-patched"}
    assert by_name["dev-gen"]["data"]["TOKEN"] == "Y2FuYXJ5LWVudg=="  # type: ignore[index]
    assert "canary-pem" not in build.masked(result)


def test_every_mac_of_the_tree_is_checked_before_anything_is_built(
    tree: Tree, provider: DecryptionProvider, search_path: str
) -> None:
    tree.plain("kustomization.yaml", "resources: [release.yaml]\n")
    tree.plain("release.yaml", RELEASE)
    path = tree.encrypted("unused.yaml", SECRET, *DATA)
    path.write_text(path.read_text().replace("namespace: dev", "namespace: prod"))
    with pytest.raises(MacMismatchError):
        rendered(tree, provider, search_path)


def test_a_missing_kustomize_is_told_with_the_way_out(tree: Tree, provider: DecryptionProvider) -> None:
    tree.plain("kustomization.yaml", "resources: []\n")
    with pytest.raises(BuildError, match="kustomize program was not found") as caught:
        rendered(tree, provider)
    assert caught.value.hint is not None


@pytest.mark.parametrize("entry", [".", "", "bin"])
def test_a_kustomize_program_in_the_current_folder_is_not_started(
    tree: Tree, provider: DecryptionProvider, search_path: str, monkeypatch: pytest.MonkeyPatch, entry: str
) -> None:
    for name in ("kustomize", "bin/kustomize"):
        tree.plain(name, "#!/bin/sh\necho 'started: 1'\n").chmod(0o755)
    tree.plain("app/kustomization.yaml", "resources: []\n")
    monkeypatch.chdir(tree.folder)
    assert rendered(tree, provider, f"{entry}:{search_path}", "app").stream == b""
    with pytest.raises(BuildError, match="kustomize program was not found"):
        rendered(tree, provider, entry, "app")


@pytest.mark.parametrize(
    "base", ["https://example.org/base.yaml", "github.com/org/repo//base?ref=v1", "git@host:org/repo", "nothing.yaml"]
)
def test_remote_bases_are_refused(tree: Tree, provider: DecryptionProvider, search_path: str, base: str) -> None:
    tree.plain("kustomization.yaml", f"resources: ['{base}']\n")
    with pytest.raises(RefusedError, match="remote bases are refused") as caught:
        rendered(tree, provider, search_path)
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
    tree: Tree, provider: DecryptionProvider, search_path: str, entry: str, shown: str
) -> None:
    tree.plain("kustomization.yaml", f'resources: ["{entry}"]\n')
    with pytest.raises(RefusedError) as caught:
        rendered(tree, provider, search_path)
    assert caught.value.message == f"{shown} is no file or folder here; remote bases are refused"


def test_an_entry_that_was_encrypted_is_not_named(tree: Tree, provider: DecryptionProvider, search_path: str) -> None:
    tree.encrypted("kustomization.yaml", "resources: [canary.yaml]\n")
    with pytest.raises(RefusedError) as caught:
        rendered(tree, provider, search_path)
    assert caught.value.message == "an entry is no file or folder here; remote bases are refused"


def test_other_remote_files_are_not_fetched(tree: Tree, provider: DecryptionProvider, search_path: str) -> None:
    tree.plain("kustomization.yaml", "resources: [release.yaml]\npatches: [{path: 'http://127.0.0.1:9/x'}]\n")
    tree.plain("release.yaml", RELEASE)
    with pytest.raises(BuildError):
        rendered(tree, provider, search_path)


def test_a_base_outside_of_the_root_is_refused(tree: Tree, provider: DecryptionProvider, search_path: str) -> None:
    tree.plain("inner/kustomization.yaml", "resources: [../outer]\n")
    tree.plain("outer/kustomization.yaml", "resources: []\n")
    with pytest.raises(RefusedError, match="leads out"):
        build.render(tree.folder / "inner", tree.folder / "inner", provider, search_path)


def test_bases_that_refer_to_each_other_end(tree: Tree, provider: DecryptionProvider, search_path: str) -> None:
    tree.plain("a/kustomization.yaml", "resources: [../b]\n")
    tree.plain("b/kustomization.yaml", "resources: [../a]\n")
    with pytest.raises(BuildError):
        rendered(tree, provider, search_path, "a")


def test_a_single_file_may_be_referred_to(tree: Tree, provider: DecryptionProvider, search_path: str) -> None:
    tree.plain("kustomization.yaml", "resources: [release.yaml]\nother: 1\n")
    tree.plain("release.yaml", RELEASE)
    with pytest.raises(BuildError) as caught:  # kustomize knows no such field, and no secret is in the tree
        rendered(tree, provider, search_path)
    assert "other" in str(caught.value)
    tree.plain("base/release.yaml", RELEASE)
    tree.plain("app/kustomization.yaml", "resources: [../base/release.yaml]\n")
    with pytest.raises(BuildError):  # kustomize's own restriction stays in force
        rendered(tree, provider, search_path, "app")


def test_a_kustomization_that_is_no_yaml_is_an_error(
    tree: Tree, provider: DecryptionProvider, search_path: str
) -> None:
    tree.plain("kustomization.yaml", "resources: [\n")
    with pytest.raises(DocumentSyntaxError):
        rendered(tree, provider, search_path)


@pytest.mark.parametrize(
    ("secret", "cause"),
    [
        ("apiVersion: v1\nkind: Secret\nvalue: canary-41c7\n", "a manifest has no name"),
        (f"{SECRET}---\n{SECRET}", "two resources have the same kind and name"),
    ],
)
def test_kustomizes_own_words_are_not_passed_on(
    tree: Tree, provider: DecryptionProvider, search_path: str, secret: str, cause: str
) -> None:
    tree.plain("kustomization.yaml", "resources: [secret.yaml]\n")
    tree.encrypted("secret.yaml", secret)
    with pytest.raises(BuildError) as caught:
        rendered(tree, provider, search_path)
    assert str(caught.value) == f"kustomize build failed with exit status 1: {cause}"
    assert "canary" not in f"{caught.value} {caught.value.__context__!r}"


def test_a_build_that_does_not_end_is_ended(
    tree: Tree, provider: DecryptionProvider, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake = tmp_path / "bin" / "kustomize"
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\n/bin/sleep 60 &\nwait\n")
    fake.chmod(0o755)
    monkeypatch.setattr(kustomize, "DEADLINE", 0.3)
    tree.plain("kustomization.yaml", "resources: []\n")
    with pytest.raises(BuildError, match="did not end"):
        rendered(tree, provider, str(fake.parent))


def test_an_interrupted_build_is_ended_and_leaves_nothing(
    tree: Tree, provider: DecryptionProvider, search_path: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    monkeypatch.setattr(subprocess.Popen, "communicate", interrupt)
    tree.plain("kustomization.yaml", "resources: []\n")
    with pytest.raises(KeyboardInterrupt):
        rendered(tree, provider, search_path)
    assert list(temporary.iterdir()) == []


def test_an_output_above_the_limit_is_refused(
    tree: Tree, provider: DecryptionProvider, search_path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kustomize, "MOST_OUTPUT", 10)
    tree.plain("kustomization.yaml", "resources: [release.yaml]\n")
    tree.plain("release.yaml", RELEASE)
    with pytest.raises(LimitError):
        rendered(tree, provider, search_path)


def test_no_plaintext_meets_the_disk(
    tree: Tree,
    provider: DecryptionProvider,
    tool: Callable[[str], str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """A kustomize that looks around sees FIFOs and plain files, and nothing is left of them."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    fake = tmp_path / "bin" / "kustomize"
    fake.parent.mkdir()
    fake.write_text(
        f"#!/bin/sh\n/usr/bin/find {temporary} -printf '%y %m %f\\n' > {tmp_path}/seen\n/usr/bin/env > {tmp_path}/env\n"
    )
    fake.chmod(0o755)
    monkeypatch.setenv("SOPS_AGE_KEY", "canary-key")
    tree.plain("kustomization.yaml", "resources: [secret.yaml]\n")
    tree.encrypted("secret.yaml", SECRET, *DATA)
    assert rendered(tree, provider, str(fake.parent)).stream == b""
    seen = (tmp_path / "seen").read_text().split("\n")
    assert "p 600 secret.yaml" in seen
    assert any(line.startswith("d 700 sopskit-render-") for line in seen)
    assert "canary" not in (tmp_path / "env").read_text()
    assert list(temporary.iterdir()) == []


# --- on the screen


def test_a_screen_shows_masks_for_secrets_and_for_what_was_encrypted(tree: Tree, provider: DecryptionProvider) -> None:
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
    text = build.masked(rendered(tree, provider))
    assert "plain_unencrypted: here" in text
    assert "canary" not in text
    assert "kind: Secret\nmetadata: {name: one}\ndata: {a: <redacted>}\n" in text
    assert (
        "name: two # note\nstringData:\n  block: <redacted>\n  next: [<redacted>, {a: <redacted>}]\ntype: Opaque\n"
        in text
    )


def test_an_alias_is_masked_once(tree: Tree, provider: DecryptionProvider) -> None:
    tree.plain("a.yaml", "apiVersion: v1\nkind: Secret\nstringData:\n  a: &x canary\n  b: *x\n")
    assert "canary" not in build.masked(rendered(tree, provider))


def test_a_rendered_stream_shows_its_size_only() -> None:
    assert repr(build.Rendered(b"canary", frozenset({"canary"}))) == "<rendered stream of 6 bytes>"


def test_kubectl_reads_the_stream_of_a_kustomization(
    tree: Tree, provider: DecryptionProvider, search_path: str
) -> None:
    """What kustomize gives for the plaintext tree is what we give for the encrypted one, byte for byte."""
    tree.plain("kustomization.yaml", "resources: [a.yaml, b.yaml]\nnamePrefix: x-\n")
    for name, text in (("a.yaml", SECRET), ("b.yaml", CONFIGMAP)):
        tree.plain(name, text)
    expected = subprocess.run(
        [f"{search_path}/kustomize", "build", str(tree.folder)], capture_output=True, check=True
    ).stdout
    for name, text in (("a.yaml", SECRET), ("b.yaml", CONFIGMAP)):
        tree.encrypted(name, text, *DATA)
    assert rendered(tree, provider, search_path).stream == expected
