"""The first walk: shows everything, verifies it, leaves nothing behind."""

from __future__ import annotations

import io
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sopskit.cli.context import Context
from sopskit.cli.main import main
from sopskit.errors import IntegrityError
from sopskit.workflow import demo
from sopskit.workflow.demo_files import ENCRYPTED

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import World

VALUES = re.compile(rb"demo-[a-z0-9.@-]+")


@pytest.fixture
def temporary(world: World, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for temporary files, and a HOME, that are both watched."""
    folder = world.root / "tmp"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def run(path: str) -> tuple[int, str, str]:
    out, err = io.BytesIO(), io.StringIO()
    environ = {**os.environ, "PATH": path}
    code = main(["demo"], Context(stdin=io.BytesIO(), stdout=out, stderr=err, environ=environ))
    return code, out.getvalue().decode(), err.getvalue()


def path_with(tool: Callable[[str], str], *programs: str) -> str:
    return os.pathsep.join(str(Path(tool(program)).parent) for program in programs)


def test_it_shows_review_and_render_and_leaves_nothing_behind(
    tool: Callable[[str], str], temporary: Path, world: World
) -> None:
    code, out, err = run(path_with(tool, "git", "kustomize"))
    assert (code, err) == (0, "")
    for line in (
        "$ sopskit review-diff main...rotate-db",
        "~ stringData.DB_PASSWORD: changed (string, encrypted)",
        "~ data.LOG_LEVEL: changed (string, encrypted)",
        "+ recipient ben",
        "MEDIUM RCP11",
        "k8s/gitops/prod/service1/secrets.yaml:9: ENC01",
        "$ sopskit render k8s/gitops/dev",
        "DB_PASSWORD: <redacted>",
        "kind: HelmRelease",
    ):
        assert line in out
    for model in ("public key only", "a key per person", "a shared development key"):
        assert out.count(model) == 1
    assert list(temporary.iterdir()) == []
    assert list(world.home.rglob("*")) == []


def test_no_value_is_shown(tool: Callable[[str], str], temporary: Path) -> None:
    values = {value for data in ENCRYPTED.values() for value in VALUES.findall(data)}
    changed = {new for pair in demo.CHANGED.values() for part in pair for new in VALUES.findall(part)}
    assert len(values) > 12
    shown = run(path_with(tool, "git", "kustomize"))[1].encode()
    assert [value for value in values | changed if value in shown] == []


def test_without_kustomize_it_works_too(tool: Callable[[str], str], temporary: Path, tmp_path: Path) -> None:
    (tmp_path / "git").symlink_to(tool("git"))
    code, out, _ = run(str(tmp_path))
    assert code == 0
    assert "kustomize is not installed" in out
    assert "kind: HelmRelease" in out


def test_without_git_it_says_so(temporary: Path, tmp_path: Path) -> None:
    code, _, err = run(str(tmp_path))
    assert (code, err.splitlines()[0]) == (1, "sopskit: error: the git program was not found")
    assert list(temporary.iterdir()) == []


def test_what_is_off_is_told_and_leaves_nothing_behind(
    tool: Callable[[str], str], temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(demo.CHANGED, demo.SECRETS, (b"no such text", b"demo-x"))
    code, _, err = run(path_with(tool, "git", "kustomize"))
    assert code == 1
    assert "the demo found that something is off: review-diff: values" in err
    assert list(temporary.iterdir()) == []


def test_a_value_is_never_shown_even_if_something_is_off(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    said: list[str] = []
    walk = demo._Walk(tmp_path, said.append, {})
    with pytest.raises(IntegrityError, match="a value would have been shown"):
        walk._show("command", "password: demo-dev-token-b3d8")
    assert said == []
