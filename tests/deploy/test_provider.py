"""Verified plaintext, or nothing."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import sopskit
from sopskit.deploy.opening import OpenedSource
from sopskit.deploy.provider import DecryptionProvider
from sopskit.errors import (
    BuildError,
    DataKeyError,
    DocumentSyntaxError,
    IntegrityError,
    LimitError,
    MacMismatchError,
    MetadataError,
    RefusedError,
    SopskitError,
)
from sopskit.keysources import mounted
from sopskit.sops.masterkeys import FixedKeyring
from tests.conftest import KEYS
from tests.deploy.conftest import Tree

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import AgeTestKey, World

SECRET = (
    "apiVersion: v1\nkind: Secret\nmetadata:\n  name: one\n  namespace: dev\nstringData:\n  password: canary-41c7\n"
)
DATA = ("--encrypted-regex", "^(data|stringData)$")


@pytest.mark.parametrize(
    ("name", "text", "secrets"),
    [
        ("a.yaml", "# note\nkey: value\n", {"value", " note"}),
        ("a.json", '{\n\t"key": "value"\n}\n', {"value"}),
        ("a.env", "KEY=value\n", {"value"}),
        ("a.ini", "[s]\nkey = value\n", {"value"}),
        ("a.pem", "binary\n", {"binary\n"}),
    ],
)
def test_every_format_is_opened(
    tree: Tree, provider: DecryptionProvider, name: str, text: str, secrets: set[str]
) -> None:
    path = tree.encrypted(name, text)
    opened = provider.open(path.read_bytes(), name)
    assert opened is not None
    assert opened.secrets == secrets
    assert opened.plaintext.decode() == text


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.yaml", b"a: 1\n"),
        ("a.yaml", b"about: sops\n"),
        ("README", b"about sops, and \xff"),
        ("x.py", b"'sops ENC['"),
    ],
)
def test_other_files_are_none(provider: DecryptionProvider, name: str, data: bytes) -> None:
    assert provider.open(data, name) is None


def test_a_broken_file_is_an_error_with_its_name(provider: DecryptionProvider) -> None:
    with pytest.raises(DocumentSyntaxError) as caught:
        provider.open(b"sops: [\n", "a.yaml")
    assert caught.value.location is not None
    assert caught.value.location.file == "a.yaml"


def test_the_mac_is_always_checked(tree: Tree, provider: DecryptionProvider) -> None:
    data = tree.encrypted("a.yaml", "a_unencrypted: 1\nb: 2\n").read_bytes()
    with pytest.raises(MacMismatchError):
        provider.open(data.replace(b"a_unencrypted: 1", b"a_unencrypted: 2"), "a.yaml")


def test_without_a_key_nothing_is_opened(tree: Tree) -> None:
    data = tree.encrypted("a.yaml", "a: 1\n").read_bytes()
    with pytest.raises(DataKeyError):
        DecryptionProvider(FixedKeyring()).open(data, "a.yaml")


def test_five_mebibytes_are_the_limit(provider: DecryptionProvider) -> None:
    with pytest.raises(LimitError):
        provider.open(b"sops: " + b"x" * (5 * 1024 * 1024), "a.yaml")


def test_the_limit_can_be_set(tree: Tree, keyring: FixedKeyring) -> None:
    data = tree.encrypted("a.yaml", "a: 1\n").read_bytes()
    assert DecryptionProvider(keyring, size_limit=len(data)).open(data, "a.yaml") is not None
    with pytest.raises(LimitError):
        DecryptionProvider(keyring, size_limit=len(data) - 1).open(data, "a.yaml")
    with pytest.raises(LimitError):
        DecryptionProvider(keyring, size_limit=len(data) - 1).render(tree.folder)


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        (".env.prod", "TOKEN=canary\n", "dotenv"),
        ("values.tpl", "a: canary\n", "yaml"),
        ("registry", '{\n\t"a": "canary"\n}\n', "json"),
        ("settings.cfg", "[a]\nb = canary\n", "ini"),
    ],
)
def test_where_the_name_tells_no_format_the_content_does(
    tree: Tree, provider: DecryptionProvider, name: str, text: str, kind: str
) -> None:
    path = tree.encrypted(name, text, "--input-type", kind, "--output-type", kind)
    opened = provider.open(path.read_bytes(), name)
    assert opened is not None
    assert opened == (text.encode(), frozenset({"canary"}))


def test_a_text_about_sops_is_none(tree: Tree, provider: DecryptionProvider) -> None:
    sealed = tree.encrypted("a.yaml", "a: canary\n").read_text()
    guide = f"# How to\n\nIt looks like this:\n\n    {sealed}\n".replace("\n", "\n    ").encode()
    assert provider.open(guide, "README.md") is None
    assert provider.open(f"Title:\n  a\n b: [\n{sealed}".encode(), "README.md") is None
    assert provider.open(b"{ ENC[AES256_GCM, sops", "README.md") is None


def test_what_is_to_stay_encrypted_is_none(tree: Tree, provider: DecryptionProvider) -> None:
    annotation = "  annotations: {kustomize.toolkit.fluxcd.io/decrypt: disabled}\n"
    path = tree.encrypted("a.yaml", SECRET.replace("  name: one", f"{annotation}  name: one"), *DATA)
    assert provider.open(path.read_bytes(), "a.yaml") is None
    assert provider.objects(path.read_bytes(), "a.yaml")[0].reveal()["stringData"]["password"].startswith("ENC[")
    both = tree.encrypted("b.yaml", SECRET.replace("  name: one", f"{annotation}  name: one") + "---\n" + SECRET, *DATA)
    assert provider.open(both.read_bytes(), "b.yaml") is not None


# --- objects and folders


def test_a_file_gives_its_objects(tree: Tree, provider: DecryptionProvider) -> None:
    path = tree.encrypted("a.yaml", SECRET + "---\n" + SECRET.replace("one", "two"), *DATA)
    found = provider.objects(path.read_bytes(), "a.yaml")
    assert [(str(obj.identity), obj.reveal()["stringData"]) for obj in found] == [
        ("Secret dev/one", {"password": "canary-41c7"}),
        ("Secret dev/two", {"password": "canary-41c7"}),
    ]
    assert "canary" not in repr(found)
    json = tree.encrypted("a.json", '{"apiVersion": "v1", "kind": "A", "metadata": {"name": "x"}, "a": "canary"}')
    with pytest.raises(BuildError, match="has no apiVersion or kind"):
        provider.objects(b"a: 1\n", "a.yaml")
    assert provider.objects(json.read_bytes(), "a.json")[0].reveal()["a"] == "canary"


def test_one_bad_file_yields_nothing_for_the_folder(tree: Tree, provider: DecryptionProvider, bob: AgeTestKey) -> None:
    for number in range(9):
        tree.encrypted(f"{number}.yaml", SECRET.replace("one", f"n{number}"), *DATA)
    good = tree.folder / "7.yaml"
    assert len(provider.render(tree.folder).objects()) == 9
    text = good.read_text()
    cases: dict[str, type[SopskitError]] = {
        text.replace("namespace: dev", "namespace: prod"): MacMismatchError,
        text.replace("GCM,data:", "GCM,data:AAAA", 1): IntegrityError,
        text.replace("sops:", "sops: ["): DocumentSyntaxError,
        text.replace("    version: ", "    version_: "): MetadataError,
    }
    for damaged, error in cases.items():
        good.write_text(damaged)
        with pytest.raises(error) as caught:
            provider.render(tree.folder)
        assert caught.value.location is not None
        assert caught.value.location.file == str(good)
        assert "canary" not in str(caught.value)
    good.unlink()
    Tree(tree.folder, tree.program, bob).encrypted("7.yaml", SECRET, *DATA)
    with pytest.raises(DataKeyError) as foreign:
        provider.render(tree.folder)
    assert foreign.value.location is not None
    assert foreign.value.location.file == str(good)


def test_each_tenant_has_a_keyring_and_opens_its_own_folder_only(
    tree: Tree, alice: AgeTestKey, bob: AgeTestKey
) -> None:
    tenants = {"a": alice, "b": bob}
    for name, key in tenants.items():
        Tree(tree.folder, tree.program, key).encrypted(f"{name}/secret.yaml", SECRET, *DATA)
    for name, key in tenants.items():
        with mounted.from_data({"one.agekey": key.identity.encode()}) as keyring:
            provider = DecryptionProvider(keyring)
            assert len(provider.render(tree.folder / name).objects()) == 1
            with pytest.raises(DataKeyError):
                provider.render(tree.folder / ("b" if name == "a" else "a"))


def test_no_key_of_the_user_is_fallen_back_to(
    tree: Tree, alice: AgeTestKey, bob: AgeTestKey, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.encrypted("a.yaml", SECRET, *DATA)
    monkeypatch.setenv("SOPS_AGE_KEY", alice.identity)
    (world.home / ".config/sops/age").mkdir(parents=True)
    (world.home / ".config/sops/age/keys.txt").write_text(alice.identity)
    with mounted.from_data({"bob.agekey": bob.identity.encode()}) as keyring, pytest.raises(DataKeyError):
        DecryptionProvider(keyring).render(tree.folder)


def test_the_users_gpg_is_not_fallen_back_to(tree: Tree, pgp_key: str, bob: AgeTestKey) -> None:
    """`pgp_key` is in the user's home, which gpg would find through GNUPGHOME."""
    path = tree.plain("a.yaml", SECRET)
    subprocess.run([tree.program, "--encrypt", "--in-place", "--pgp", pgp_key, str(path)], check=True)
    with mounted.from_data({"bob.agekey": bob.identity.encode()}) as keyring, pytest.raises(DataKeyError):
        DecryptionProvider(keyring).render(tree.folder)
    pgp = (KEYS / "test-only-pgp.asc").read_bytes()
    with mounted.from_data({"team.asc": pgp}) as keyring:
        assert len(DecryptionProvider(keyring).render(tree.folder).objects()) == 1


def test_one_provider_serves_many_folders_in_many_threads(
    tree: Tree, keyring: FixedKeyring, tool: Callable[[str], str]
) -> None:
    for number in range(8):
        tree.encrypted(f"{number}/secret.yaml", SECRET.replace("canary-41c7", f"canary-{number}"), *DATA)
        if number % 2:
            tree.plain(f"{number}/kustomization.yaml", f"namespace: n{number}\nresources: [secret.yaml]\n")
    provider = DecryptionProvider(keyring, search_path=str(Path(tool("kustomize")).parent))

    def passwords(number: int) -> list[str]:
        objects = provider.render(tree.folder / str(number % 8)).objects()
        return [obj.reveal()["stringData"]["password"] for obj in objects]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(passwords, range(24))) == [[f"canary-{number % 8}"] for number in range(24)]


def test_nothing_leads_out_of_the_folder_unless_a_root_is_given(
    tree: Tree, keyring: FixedKeyring, tool: Callable[[str], str]
) -> None:
    tree.encrypted("base/secret.yaml", SECRET, *DATA)
    tree.plain("base/kustomization.yaml", "resources: [secret.yaml]\n")
    tree.plain("dev/kustomization.yaml", "resources: [../base]\n")
    provider = DecryptionProvider(keyring, search_path=str(Path(tool("kustomize")).parent))
    with pytest.raises(RefusedError, match="leads out"):
        provider.render(str(tree.folder / "dev"))
    assert len(provider.render(str(tree.folder / "dev"), root=str(tree.folder)).objects()) == 1
    with pytest.raises(RefusedError, match="not within"):
        provider.render(tree.folder / "dev", root=tree.folder / "base")


def test_the_public_names_are_there() -> None:
    assert sopskit.DecryptionProvider is DecryptionProvider
    assert sorted(name for name in sopskit.__all__ if getattr(sopskit, name) is not None) == sorted(sopskit.__all__)
    with pytest.raises(AttributeError):
        _ = sopskit.nothing  # type: ignore[attr-defined]


def test_what_was_opened_shows_no_content() -> None:
    assert repr(OpenedSource(b"canary", frozenset({"canary"}))) == "<opened source>"
