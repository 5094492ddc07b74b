"""Which gpg is run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sopskit.errors import GpgError
from sopskit.pgp import Gpg, unwrap

if TYPE_CHECKING:
    from collections.abc import Callable


def plant(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\nexit 0\n")
    path.chmod(0o755)
    return str(path)


def test_an_absolute_program_is_taken_as_it_is(tmp_path: Path) -> None:
    program = plant(tmp_path / "my-gpg")
    assert Gpg(program, None).locate() == program


def test_a_name_is_found_in_the_absolute_entries_of_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(tmp_path / "work" / "gpg2")
    program = plant(tmp_path / "bin" / "gpg2")
    monkeypatch.chdir(tmp_path / "work")
    gpg = Gpg("gpg2", None, environment={"PATH": f":.:work:{tmp_path / 'bin'}"})
    assert gpg.locate() == program


def test_a_gpg_planted_in_the_working_folder_is_not_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(tmp_path / "gpg")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(GpgError, match="the gpg program was not found: gpg"):
        Gpg(None, None, environment={"PATH": ":."}).locate()


def test_a_relative_program_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(tmp_path / "bin" / "gpg")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(GpgError, match="named by a relative path: bin/gpg"):
        Gpg("bin/gpg", None).locate()


@pytest.mark.parametrize("kind", ["folder", "not_executable", "missing"])
def test_what_cannot_be_run_is_not_found(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "gpg"
    if kind == "folder":
        path.mkdir()
    elif kind == "not_executable":
        path.write_text("")
    with pytest.raises(GpgError, match="was not found") as caught:
        unwrap("message", Gpg(str(path), None))
    assert "SOPS_GPG_EXEC" in str(caught.value.hint)


def test_a_home_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GpgError, match=f"the gpg home is not a folder: {tmp_path / 'no'}"):
        unwrap("message", Gpg(None, str(tmp_path / "no")))


def test_the_home_reaches_gpg() -> None:
    assert Gpg(None, "/home/alice/.gnupg").child_environment() == {
        "GNUPGHOME": "/home/alice/.gnupg",
        "LC_ALL": "C",
        "PATH": os.defpath,
    }


def test_the_environment_is_not_shown() -> None:
    assert repr(Gpg("gpg", "/h", environment={"HOME": "secret"})) == "Gpg('gpg', '/h', timeout=60)"


def test_an_agent_that_cannot_start_is_named(gnupg_home: Path, tool: Callable[[str], str], pgp_key: str) -> None:
    from sopskit.pgp import wrap

    gpg = Gpg(tool("gpg"), str(gnupg_home), environment=dict(os.environ))
    message = wrap(bytes(32), pgp_key, gpg)
    subprocess.run(["gpgconf", "--homedir", str(gnupg_home), "--kill", "gpg-agent"], check=True)
    (gnupg_home / "gpg.conf").write_text("agent-program /nonexistent/gpg-agent\n")
    with pytest.raises(GpgError, match="gpg cannot reach its agent"):
        unwrap(message, gpg)


def test_python_gnupg_is_not_loaded_before_a_key_is_met() -> None:
    code = (
        "import sys, sopskit.pgp as p; p.Gpg(None, None); p.is_fingerprint('0' * 40); "
        "print([m for m in ('gnupg', 'subprocess') if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, cwd=Path(__file__).parents[2])
    assert shown.stdout.strip() == b"[]"
