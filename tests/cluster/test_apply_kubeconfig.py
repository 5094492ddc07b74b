"""Kubeconfig files: merged as kubectl does, errors without their content."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from sopskit.cluster.kubeconfig import read_kubeconfig
from sopskit.errors import ConfigError, FileAccessError

if TYPE_CHECKING:
    from pathlib import Path


def written(path: Path, name: str, **user: Any) -> str:
    content = {
        "current-context": name,
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "clusters": [{"name": name, "cluster": {"server": f"https://{name}.example", "certificate-authority": "ca"}}],
        "users": [{"name": name, "user": user}],
    }
    path.write_text(json.dumps(content))
    return str(path)


def test_the_first_file_says_which_context_is_current(tmp_path: Path) -> None:
    paths = [written(tmp_path / "a", "one"), str(tmp_path / "missing"), written(tmp_path / "b", "two")]
    found = read_kubeconfig(paths)
    assert (found.context, found.server, found.namespace) == ("one", "https://one.example", "default")
    assert read_kubeconfig(paths, "two").server == "https://two.example"


def test_files_are_found_from_everywhere(tmp_path: Path) -> None:
    content = read_kubeconfig([written(tmp_path / "a", "one")]).content
    assert content["clusters"][0]["cluster"]["certificate-authority"] == str(tmp_path / "ca")


@pytest.mark.parametrize("field", ["exec", "auth-provider", "tokenFile"])
def test_what_runs_programs_or_reads_files_is_named(tmp_path: Path, field: str) -> None:
    assert read_kubeconfig([written(tmp_path / "a", "one", **{field: "x"})]).programs() == (field,)


def test_a_token_is_not_printed(tmp_path: Path) -> None:
    assert repr(read_kubeconfig([written(tmp_path / "a", "one", token="canary")])) == "<kubeconfig context one>"


def test_no_file_at_all(tmp_path: Path) -> None:
    with pytest.raises(FileAccessError, match="there is no kubeconfig"):
        read_kubeconfig([str(tmp_path / "missing")])


@pytest.mark.parametrize(
    "text", ["token: {canary", "[canary]", "{}", '{"current-context": "x"}', '{"current-context": ["canary"]}']
)
def test_a_broken_file_is_not_quoted(tmp_path: Path, text: str) -> None:
    (tmp_path / "a").write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_kubeconfig([str(tmp_path / "a")])
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None
