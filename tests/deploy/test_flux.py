"""Flux's own test tree builds what Flux's tests expect of it, with the keys from a folder as its Secret would hold them."""

from __future__ import annotations

import base64
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sopskit.deploy.provider import DecryptionProvider
from sopskit.errors import DataKeyError, RefusedError
from sopskit.keysources import mounted
from tests.conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sopskit.deploy.objects import PlainObject

FLUX = ROOT / "fixtures" / "flux"
KEYS = {"age.agekey": "age.txt", "age-pq.agekey": "age-pq.txt", "pgp.asc": "pgp.asc"}
GLOBAL = {"global.agekey": "age-global.txt"}


def key_data(names: Mapping[str, str]) -> dict[str, bytes]:
    return {name: (FLUX / "keys" / file).read_bytes() for name, file in names.items()}


def effective(obj: PlainObject) -> dict[str, bytes]:
    """The data that a container sees."""
    content = obj.reveal()
    if obj.kind == "ConfigMap":
        return {key: value.encode() for key, value in content["data"].items()}
    data = {key: base64.b64decode(value) for key, value in content.get("data", {}).items()}
    return data | {key: value.encode() for key, value in content.get("stringData", {}).items()}


@pytest.fixture
def search_path(tool: Callable[[str], str]) -> str:
    return str(Path(tool("kustomize")).parent)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The tree without the one entry that needs the network."""
    tree = tmp_path / "flux"
    shutil.copytree(FLUX, tree, ignore=shutil.ignore_patterns("keys"))
    path = tree / "kustomization.yaml"
    path.write_text(path.read_text().replace("  - remote\n", ""))
    return tree


@pytest.fixture
def provider(search_path: str, tool: Callable[[str], str]) -> Iterator[DecryptionProvider]:
    gpg = str(Path(tool("gpg")).parent)
    with mounted.from_data(key_data(KEYS), search_path=gpg) as keyring:
        yield DecryptionProvider(keyring, search_path=search_path)


def test_the_tree_builds_what_flux_builds(tree: Path, provider: DecryptionProvider) -> None:
    found = {str(obj.identity): effective(obj) for obj in provider.render(tree).objects()}
    value = {"key": b"value"}
    secrets = ("algo-age", "algo-age-pq", "algo-pgp", "algo-vault", "component", "envs-secret", "files-secret")
    assert found == {
        **{f"Secret sops-{name}": value for name in (*secrets, "inside-secret")},
        **{f"ConfigMap sops-{name}-configmap": value for name in ("envs", "files")},
        "Secret sops-patches-secret": {"key": b"merge1", "merge2": b"merge2"},
    }


def test_its_base_in_the_network_is_refused(provider: DecryptionProvider) -> None:
    with pytest.raises(RefusedError, match="remote bases are refused") as caught:
        provider.render(FLUX)
    assert caught.value.location is not None
    assert caught.value.location.file == str(FLUX / "remote" / "kustomization.yaml")


def test_the_global_key_opens_its_own_file_and_no_other(tree: Path, search_path: str) -> None:
    with mounted.from_data(key_data(GLOBAL)) as keyring:
        provider = DecryptionProvider(keyring, search_path=search_path)
        (secret,) = provider.render(tree / "global").objects()
        assert (str(secret.identity), effective(secret)) == (
            "Secret default/global-age-secret",
            {"key": b"global-value"},
        )
        with pytest.raises(DataKeyError) as caught:
            provider.render(tree)
    assert caught.value.location is not None
    assert str(caught.value.location.file).startswith(str(tree))
