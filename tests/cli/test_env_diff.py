"""`sopskit env-diff` on the command line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.cli.running import Done, sopskit
from tests.repositories import Git, init

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import AgeTestKey

CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: app\ndata:\n"
PATH = "k8s/gitops/{}/app/configmap.yaml"


@pytest.fixture
def git(tmp_path: Path, tool: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> Git:
    """A repository with a ConfigMap in dev and in prod; the current folder."""
    tool("git")
    git = init(tmp_path / "work")
    git.commit(
        {
            PATH.format("dev"): f"{CONFIG}  level: debug\n  host: one\n  extra: x\n".encode(),
            PATH.format("prod"): f"{CONFIG}  level: info\n  host: one\n".encode(),
        }
    )
    monkeypatch.chdir(git.folder)
    return git


MISSING = b"""\
k8s/gitops/*/app/configmap.yaml extra: missing in prod; dev str (readable)
dev, prod: 1 file, 3 keys, 1 missing"""
TEXT = b"""\
k8s/gitops/*/app/configmap.yaml level: different values; dev str (readable), prod str (readable)
k8s/gitops/*/app/configmap.yaml host: same value; dev str (readable), prod str (readable)
k8s/gitops/*/app/configmap.yaml extra: missing in prod; dev str (readable)
dev, prod: 1 file, 3 keys, 1 missing
"""


@pytest.mark.usefixtures("git")
def test_a_pipe_gets_a_line_for_each_difference() -> None:
    text = MISSING + b"; --all shows 2 more keys\n"
    assert sopskit("env-diff", "dev", "prod") == Done(0, text, "")
    assert sopskit("env-diff") == Done(0, text, "")


@pytest.mark.usefixtures("git")
def test_all_keys() -> None:
    assert sopskit("env-diff", "--all") == Done(0, TEXT, "")


@pytest.mark.usefixtures("git")
def test_environments_stand_in_the_order_in_which_they_were_named() -> None:
    lines = sopskit("env-diff", "prod", "dev", "--all").out.decode().splitlines()
    assert lines[0].endswith(" level: different values; prod str (readable), dev str (readable)")
    assert lines[-1] == "prod, dev: 1 file, 3 keys, 1 missing"
    table = sopskit("env-diff", "prod", "dev", terminals="stdout", environ={"NO_COLOR": "1", "COLUMNS": "80"})
    assert table.out.decode().splitlines()[1].split() == ["key", "prod", "dev"]


@pytest.mark.usefixtures("git")
def test_only_what_is_missing() -> None:
    assert sopskit("env-diff", "--missing-only").out == MISSING + b"\n"


@pytest.mark.usefixtures("git")
def test_a_terminal_gets_a_table() -> None:
    done = sopskit("env-diff", "--all", terminals="stdout", environ={"NO_COLOR": "1", "COLUMNS": "80"})
    assert done.out.decode().splitlines() == [
        "k8s/gitops/*/app/configmap.yaml",
        "  key     dev              prod",
        "─" * 60,
        "  level   str (readable)   str (readable)   different values",
        "  host    str (readable)   str (readable)   same value",
        "  extra   str (readable)   missing",
        "",
        "dev, prod: 1 file, 3 keys, 1 missing",
    ]


def test_on_a_terminal_too_only_differences_are_shown(git: Git) -> None:
    many = "".join(f"  k{number}: {{}}{number}\n" for number in range(80))
    git.write(PATH.format("dev"), (CONFIG + many.replace("{}", "a")).encode())
    git.write(PATH.format("prod"), (CONFIG + many.replace("{}", "b") + "  last: x\n").encode())
    lines = (
        sopskit("env-diff", terminals="stdout", environ={"NO_COLOR": "1", "COLUMNS": "80"}).out.decode().splitlines()
    )
    assert lines[3:] == [
        "  last   missing   str (readable)",
        "",
        "dev, prod: 1 file, 81 keys, 1 missing; --all shows 80 more keys",
    ]


@pytest.mark.usefixtures("git")
def test_the_exit_code_tells_of_missing_keys_only_on_request() -> None:
    assert sopskit("env-diff").code == 0
    assert sopskit("env-diff", "--exit-code").code == 1
    assert sopskit("env-diff", "dev", "dev").code == 2


def test_a_commit_is_compared_instead_of_the_work_tree(git: Git) -> None:
    git.write(PATH.format("prod"), f"{CONFIG}  level: info\n  host: one\n  extra: x\n".encode())
    assert sopskit("env-diff", "--exit-code").code == 0
    assert sopskit("env-diff", "--exit-code", "--ref", "HEAD").code == 1


@pytest.mark.usefixtures("git")
def test_the_json_form() -> None:
    report = json.loads(sopskit("env-diff", "--json", "--missing-only").out)
    assert report == {
        "schema": "sopskit.env-diff/1",
        "ref": None,
        "environments": ["dev", "prod"],
        "missing": 1,
        "files": [
            {
                "file": "k8s/gitops/*/app/configmap.yaml",
                "paths": {"dev": PATH.format("dev"), "prod": PATH.format("prod")},
                "keys": [
                    {
                        "object": {"kind": "ConfigMap", "name": "*"},
                        "key": ["extra"],
                        "state": "missing",
                        "environments": {"dev": {"kind": "str", "encrypted": False}, "prod": None},
                        "equal": [],
                    }
                ],
            }
        ],
        "not_read": [],
        "not_opened": [],
    }


@pytest.mark.usefixtures("git")
@pytest.mark.parametrize(
    "words",
    [("dev", "nosuch"), ("dev",), ("--keyless", "--equality"), ("--ref", "nosuch"), ("--all", "--missing-only")],
)
def test_wrong_usage(words: tuple[str, ...]) -> None:
    done = sopskit("env-diff", *words)
    assert (done.code, done.out) == (2, b"")


def test_hostile_names_are_spelled_out(git: Git) -> None:
    text = f'{CONFIG}  "\\e[2Jkey\\n::error": x\n'.encode()
    git.write("k8s/gitops/dev/\x1b[31mapp/configmap.yaml", text)
    for terminal in ("", "stdout"):
        out = sopskit("env-diff", terminals=terminal, environ={"NO_COLOR": "1", "COLUMNS": "200"}).out
        assert b"\x1b[31m" not in out
        assert b"\x1b[2J" not in out
        assert b"\n::error" not in out


def test_a_file_that_an_environment_lacks_is_told_once(git: Git) -> None:
    git("rm", "--quiet", PATH.format("prod"))
    git.write("k8s/gitops/prod/other.yaml", b"a: 1\n")
    out = sopskit("env-diff").out.decode().splitlines()
    assert out[0] == "k8s/gitops/*/app/configmap.yaml: no such file in prod"
    assert out[-1] == "dev, prod: 1 file, 3 keys, 1 missing; --all shows 3 more keys"


SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData:\n"


def test_under_equality_shared_values_are_shown_and_short_ones_are_told_once(
    git: Git, alice: AgeTestKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    for environment in ("dev", "prod"):
        name = f"k8s/gitops/{environment}/app/secrets.yaml"
        own = f"  OWN: canary-of-{environment}\n  SHARED: canary-of-both\n  LEVEL: abc\n  RATE: xyz\n"
        git.write(name, (SECRET + own).encode())
        assert sopskit("encrypt", "-i", "--age", alice.recipient, "--encrypted-regex", "^stringData$", name).code == 0
    monkeypatch.setenv("SOPS_AGE_KEY_FILE", str(alice.path))
    done = sopskit("env-diff", "--equality")
    assert done.out.decode().splitlines()[1:] == [
        "k8s/gitops/*/app/secrets.yaml SHARED: same value; dev text, prod text",
        "dev, prod: 2 files, 7 keys, 1 missing; --all shows 5 more keys",
    ]
    assert done.err == (
        "sopskit: note: 2 keys not compared: an encrypted value of less than 8 bytes is equal by chance\n"
    )
    assert sopskit("env-diff").err == ""
