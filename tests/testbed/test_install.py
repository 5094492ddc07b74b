"""The testbed's installer: once, whole or not at all, and clear about what is missing."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.testbed import install
from tests.testbed.install import InstallError, Tool

if TYPE_CHECKING:
    from collections.abc import Mapping

TOOLS = (
    Tool({"one": "one", "two": "server"}, ("example.org/one", "example.org/two"), "v1.0.0"),
    Tool({"three": "three"}),
)
# stands in for Go's own: notes each call, writes two binaries where it is told to
GO = """#!/bin/sh
echo "$@" >> "$HOME/calls"
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
    assert calls(environ) == ["install example.org/one@v1.0.0 example.org/two@v1.0.0"]
    assert sorted(path.name for path in folder.iterdir()) == ["one", "two"]


def test_a_build_that_fails_leaves_nothing_behind(environ: dict[str, str]) -> None:
    with pytest.raises(InstallError, match="no such version"):
        install.install(["one"], {**environ, "BREAK": "1"}, TOOLS)
    folder = install.bin_folder(environ, TOOLS)
    assert list(folder.iterdir()) == []
    assert sorted(path.name for path in folder.parent.iterdir()) == ["bin", "lock"]


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


def test_two_at_a_time_build_once(environ: dict[str, str]) -> None:
    program = (
        "from tests.testbed import install\n"
        "from tests.testbed.test_install import TOOLS\n"
        "import os; install.install(['one'], os.environ, TOOLS)"
    )
    import sys

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
