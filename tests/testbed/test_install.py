"""The testbed's installer: once, whole or not at all, and clear about what is missing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.testbed import install
from tests.testbed.install import InstallError, ModuleFiles, Tool

if TYPE_CHECKING:
    from collections.abc import Mapping

TOOLS = (
    Tool({"one": "one", "two": "server"}, ("example.org/one", "example.org/two"), "v1.0.0"),
    Tool({"three": "three"}),
)
FILES = ModuleFiles("example.org/files", "v1.0.0", "h1:pinned", ("config/one.yaml",))
WITH_FILES = (TOOLS[0]._replace(files=(FILES,)),)
# stands in for Go's own: notes each call and its niceness, writes two binaries where it is told to
GO = """#!/bin/sh
echo "$@" >> "$HOME/calls"
if [ "$1" = mod ]; then cat "$HOME/downloaded"; exit 0; fi
nice > "$HOME/niceness"
echo '#!/bin/sh' > "$GOBIN/one"
chmod +x "$GOBIN/one"
if [ -n "$BREAK" ]; then echo "no such version"; exit 1; fi
cp "$GOBIN/one" "$GOBIN/server"
"""


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """A PATH whose `go` is the stand-in, and an empty cache."""
    go = tmp_path / "path" / "go"
    go.parent.mkdir()
    go.write_text(GO)
    go.chmod(0o755)
    return {"PATH": f"{go.parent}:/usr/bin:/bin", "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}


def calls(environ: Mapping[str, str]) -> list[str]:
    """The arguments of every call of `go`."""
    path = Path(environ["HOME"], "calls")
    return path.read_text().splitlines() if path.exists() else []


def test_programs_are_built_once_and_renamed_to_the_names_that_tests_use(environ: dict[str, str]) -> None:
    folder = install.install(["one", "two"], environ, TOOLS)
    assert install.install(["one", "two"], environ, TOOLS) == folder
    assert calls(environ) == ["install -p=2 example.org/one@v1.0.0 example.org/two@v1.0.0"]
    assert sorted(path.name for path in folder.iterdir()) == ["one", "two"]


def test_a_build_that_fails_leaves_nothing_behind(environ: dict[str, str]) -> None:
    with pytest.raises(InstallError, match="no such version"):
        install.install(["one"], {**environ, "BREAK": "1"}, TOOLS)
    folder = install.bin_folder(environ, TOOLS)
    assert list(folder.iterdir()) == []
    assert [path.name for path in folder.parent.iterdir()] == ["bin"]


def test_a_build_is_niced(environ: dict[str, str]) -> None:
    install.install(["one"], environ, TOOLS)
    assert int(Path(environ["HOME"], "niceness").read_text()) >= 15


def test_the_error_is_the_end_of_what_go_said(environ: dict[str, str]) -> None:
    with pytest.raises(InstallError, match=r"^one, two: nice -n 15 .*/go install -p=2 .* failed\nno such version\n$"):
        install.install(["one"], {**environ, "BREAK": "1"}, TOOLS)


def test_files_of_a_module_come_with_the_program(environ: dict[str, str]) -> None:
    published(environ, "h1:pinned")
    install.install(["one"], environ, WITH_FILES)
    folder = install.files_folder(environ, WITH_FILES)
    assert [(path.name, path.read_text()) for path in folder.iterdir()] == [("one.yaml", "kind: One\n")]
    assert calls(environ)[1:] == ["mod download -json example.org/files@v1.0.0"]


def test_a_module_that_is_not_the_pinned_one_is_refused(environ: dict[str, str]) -> None:
    published(environ, "h1:other")
    with pytest.raises(InstallError, match=r"one, two: example\.org/files@v1\.0\.0 has the checksum h1:other"):
        install.install(["one"], environ, WITH_FILES)
    assert install.installed("one", environ, WITH_FILES) is None


def published(environ: Mapping[str, str], checksum: str) -> None:
    """What `go mod download -json` of the stand-in tells: a module with one file."""
    module = Path(environ["HOME"], "module")
    (module / "config").mkdir(parents=True)
    (module / "config" / "one.yaml").write_text("kind: One\n")
    Path(environ["HOME"], "downloaded").write_text(json.dumps({"Dir": str(module), "Sum": checksum}))


def test_a_machine_without_go_is_told_so(environ: dict[str, str]) -> None:
    with pytest.raises(InstallError, match="one: building needs Go"):
        install.install(["one"], {**environ, "PATH": "/nonexistent"}, TOOLS)


def test_an_unknown_program_is_refused_with_the_known_ones(environ: dict[str, str]) -> None:
    with pytest.raises(InstallError, match="four is not a program of the testbed: one, two, three"):
        install.install(["four"], environ, TOOLS)


def test_any_change_of_a_pin_is_another_folder(tmp_path: Path) -> None:
    other = (TOOLS[0]._replace(version="v1.0.1"), TOOLS[1])
    assert install.pins_hash(TOOLS) != install.pins_hash(other)
    assert install.pins_hash(TOOLS) == install.pins_hash(tuple(TOOLS))


def test_a_change_of_a_folders_modules_is_another_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(install, "HERE", tmp_path)
    tools = (Tool({"one": "one"}, folder="modules"),)
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "go.mod").write_text("module one\n")
    (tmp_path / "modules" / "go.sum").write_text("")
    before = install.pins_hash(tools)
    (tmp_path / "modules" / "go.sum").write_text("example.org/one v1.0.0 h1:other\n")
    assert install.pins_hash(tools) != before


def test_the_version_that_the_linker_writes_is_the_pinned_one() -> None:
    modules = Path(install.HERE, "kubernetes", "go.mod").read_text()
    assert f"\nrequire k8s.io/kubernetes {install.KUBERNETES} // indirect\n" in modules


def test_the_custom_resources_are_those_of_the_pinned_controller() -> None:
    controller = next(tool for tool in install.TOOLS if "kustomize-controller" in tool.programs)
    modules = Path(install.HERE, "flux", "go.mod").read_text()
    named = {
        f"{files.module}{'/api' if 'source' in files.module else ''} {files.version}" for files in controller.files
    }
    assert {pin for pin in named if f"\t{pin} // indirect\n" in modules} == named


def test_two_at_a_time_build_once(environ: dict[str, str]) -> None:
    program = (
        "from tests.testbed import install\n"
        "from tests.testbed.test_install import TOOLS\n"
        "import os; install.install(['one'], os.environ, TOOLS)"
    )
    root = Path(__file__).resolve().parent.parent.parent
    both = [subprocess.Popen([sys.executable, "-c", program], cwd=root, env=environ) for _ in range(2)]
    assert [process.wait(60) for process in both] == [0, 0]
    assert len(calls(environ)) == 1


def test_the_script_prints_the_folder() -> None:
    shown = subprocess.run(
        ["python3", install.__file__, "--help"], capture_output=True, text=True, check=False, env=os.environ
    )
    assert (shown.returncode, shown.stdout) == (1, "")
    assert shown.stderr.startswith("testbed: --help is not a program of the testbed: sops, age,")
