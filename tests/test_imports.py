"""Start-up is a feature: which modules are absent after the shortest commands.

Deterministic, unlike a stopwatch: a fresh interpreter runs the command and prints what it has loaded
beyond a bare interpreter.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.source_tree import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tests.conftest import AgeTestKey

# never needed to encrypt or decrypt one file for age: each costs milliseconds, or starts something
HEAVY = {
    "asyncio",
    "concurrent.futures",
    "email",
    "git",
    "gnupg",
    "http",
    "importlib.metadata",
    "importlib.resources",
    "inspect",
    "jeepney",
    "keyring",
    "kubernetes",
    "logging",
    "multiprocessing",
    "numpy",
    "pdb",
    "pkg_resources",
    "rich",
    "ruamel",
    "secretstorage",
    "setuptools",
    "socket",
    "ssl",
    "unittest",
    "urllib",
    "urllib3",
    "xml",
}
NEVER_FOR_HELP = HEAVY | {
    "bcrypt",
    "cryptography",
    "dataclasses",
    "re2",
    "sopskit.age",
    "sopskit.document",
    "sopskit.pgp",
    "sopskit.sops",
    "yaml",
}
RUN = """
import json, sys
bare = set(sys.modules)
sys.path.insert(0, {root!r})
try:
    {statement}
finally:
    print(json.dumps(sorted(set(sys.modules) - bare)), file=sys.stderr)
"""
MAIN = "from sopskit.cli.main import main; assert main({argv!r}) == 0"


def loaded_by(statement: str) -> set[str]:
    """The modules that a fresh interpreter loads for a statement; fails if it fails."""
    program = RUN.format(root=str(ROOT), statement=statement)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    loaded = json.loads(done.stderr.splitlines()[-1])
    assert isinstance(loaded, list)
    return set(loaded)


def loaded_by_command(*argv: str) -> set[str]:
    """The modules that one run of the command line loads."""
    return loaded_by(MAIN.format(argv=list(argv)))


def among(loaded: set[str], unwanted: set[str]) -> list[str]:
    """Those of `unwanted`, or modules in them, that are loaded."""
    return sorted(name for name in loaded if any(name == root or name.startswith(root + ".") for root in unwanted))


def test_the_measure_sees_a_module_and_those_in_it() -> None:
    assert "email.message" in among(loaded_by("import email.message"), HEAVY)


def test_importing_the_package_loads_nothing_else() -> None:
    loaded = loaded_by("import sopskit")
    assert {name for name in loaded if name.startswith("sopskit.")} == set()
    assert among(loaded, NEVER_FOR_HELP) == []


@pytest.mark.parametrize("argv", [["--version"], ["--help"]])
def test_version_and_help_load_no_format_and_no_cryptography(argv: Sequence[str]) -> None:
    assert among(loaded_by_command(*argv), NEVER_FOR_HELP) == []


def test_decrypting_for_age_loads_nothing_heavy(
    tool: Callable[[str], str], tmp_path: Path, alice: AgeTestKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "secret.yaml"
    path.write_text("password: correct horse\n")
    subprocess.run([tool("sops"), "encrypt", "--age", alice.recipient, "-i", path], check=True, capture_output=True)
    monkeypatch.setenv("SOPS_AGE_KEY_FILE", str(alice.path))
    loaded = loaded_by_command("decrypt", str(path))
    assert among(loaded, HEAVY | {"re2", "bcrypt"}) == []
    assert "sopskit.pgp" not in loaded


def test_encrypting_for_age_loads_nothing_heavy(tmp_path: Path, alice: AgeTestKey) -> None:
    path = tmp_path / "secret.yaml"
    path.write_text("password: correct horse\n")
    loaded = loaded_by_command("encrypt", "--age", alice.recipient, str(path))
    assert among(loaded, HEAVY | {"re2", "bcrypt"}) == []
