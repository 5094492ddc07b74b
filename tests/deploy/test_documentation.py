"""The example in docs/deploying.md runs as it stands there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import ROOT
from tests.deploy.conftest import Tree

if TYPE_CHECKING:
    from tests.conftest import AgeTestKey

SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: one, namespace: dev}\nstringData: {password: canary}\n"


def example() -> str:
    text = (ROOT / "docs" / "deploying.md").read_text()
    (found,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    return str(found)


def run(source: str, folder: Path, keys: Path) -> list[object]:
    applied: list[object] = []
    program = source.replace("/etc/sops-keys", str(keys)).replace('"checkout', f'"{folder}')
    exec(program, {"apply": lambda *arguments: applied.append(arguments)})
    return applied


@pytest.fixture
def keys(tmp_path: Path, alice: AgeTestKey) -> Path:
    folder = tmp_path / "keys"
    folder.mkdir()
    (folder / "age.agekey").write_bytes(alice.path.read_bytes())
    return folder


def test_somebody_elses_program_applies_what_it_is_given(tree: Tree, keys: Path) -> None:
    assert len([line for line in example().splitlines() if line]) <= 10
    tree.encrypted("dev/secret.yaml", SECRET, "--encrypted-regex", "^(data|stringData)$")
    content = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "one", "namespace": "dev"},
        "stringData": {"password": "canary"},
    }
    assert run(example(), tree.folder, keys) == [("Secret", "dev", "one", content)]


def test_it_applies_nothing_of_a_folder_with_a_bad_file(tree: Tree, keys: Path, bob: AgeTestKey) -> None:
    tree.encrypted("dev/good.yaml", SECRET)
    Tree(tree.folder, tree.program, bob).encrypted("dev/foreign.yaml", SECRET)
    with pytest.raises(SystemExit) as caught:
        run(example(), tree.folder, keys)
    assert str(caught.value).startswith(f"nothing was applied: {tree.folder}/dev/foreign.yaml: ")
