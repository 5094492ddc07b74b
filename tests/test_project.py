"""What holds for the repository as a whole."""

from __future__ import annotations

import ast
import re
import subprocess
from functools import cache
from typing import TYPE_CHECKING

import pytest

from tests.source_tree import PACKAGE, ROOT, Module, modules

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FORBIDDEN_NAMES = {"utils", "util", "core", "common", "helpers", "helper", "manager", "misc", "base"}
LONGEST_MODULE = 400
LONG_MODULES: dict[str, str] = {}  # path -> why it is one module all the same
LONGEST_FUNCTION = 60
LONG_FUNCTIONS = {
    # module.function -> why it is one function all the same
    "sopskit.document.yaml.reader.run": "the hot loop of the reader: a call per event would cost a fifth more",
}
PRIVATE_KEY = re.compile(rb"AGE-SECRET-KEY-(PQ-)?1[0-9A-Z]{40}")
PRIVATE_BLOCK = re.compile(rb"^-----BEGIN (PGP|OPENSSH|RSA|EC|ENCRYPTED)? ?PRIVATE KEY( BLOCK)?-----$", re.MULTILINE)
# folders of the machines it was written on; one letter in brackets, so that this file passes its own test
OUTSIDE = re.compile(rb"(?<![\w.-])/[w]ork/|/tmp/(?:[h]|[t]b|[v]env)/|\b[s]hared/(?:design|specs|reference|vectors)")


@cache
def tracked_files() -> tuple[Path, ...]:
    """What Git has, or would have after `git add -A`."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout
    paths = [ROOT / name.decode() for name in listed.split(b"\0") if name]
    return tuple(path for path in paths if path.is_file())


@pytest.fixture(autouse=True)
def in_a_checkout() -> None:
    """An unpacked source package has no Git: nothing to look at."""
    if not (ROOT / ".git").exists():
        pytest.skip("needs a Git checkout")


def relative(path: Path) -> str:
    """The path from the root of the checkout."""
    return path.relative_to(ROOT).as_posix()


# --- modules


def test_every_module_has_a_docstring() -> None:
    assert [module.name for module in modules() if not ast.get_docstring(module.tree)] == []


def test_no_module_is_named_for_nothing() -> None:
    assert [module.name for module in modules() if module.path.stem.strip("_") in FORBIDDEN_NAMES] == []
    assert [module.name for module in modules() if module.path.parent.name in FORBIDDEN_NAMES] == []


def test_no_module_is_too_long() -> None:
    lengths = {relative(module.path): len(module.path.read_text().splitlines()) for module in modules()}
    assert {path: n for path, n in lengths.items() if n > LONGEST_MODULE and path not in LONG_MODULES} == {}
    assert [path for path in LONG_MODULES if lengths[path] <= LONGEST_MODULE] == []


def functions(module: Module) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Every function of a module, with its dotted name."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{module.name}.{node.name}", node


def code_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its decorators and docstring."""
    doc = function.body[0]
    has_doc = isinstance(doc, ast.Expr) and isinstance(doc.value, ast.Constant) and isinstance(doc.value.value, str)
    documented = (doc.end_lineno or 0) - doc.lineno + 1 if has_doc else 0
    return (function.end_lineno or 0) - function.lineno + 1 - documented


def test_no_function_is_too_long() -> None:
    lengths = {name: code_lines(function) for module in modules() for name, function in functions(module)}
    assert {name: n for name, n in lengths.items() if n > LONGEST_FUNCTION and name not in LONG_FUNCTIONS} == {}
    assert [name for name in LONG_FUNCTIONS if lengths[name] <= LONGEST_FUNCTION] == []


def test_public_names_are_documented() -> None:
    bare = [
        f"{module.name}.{node.name}"
        for module in modules()
        for node in module.tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
    ]
    assert bare == []


# --- files


def test_every_file_ends_with_a_newline_and_has_no_trailing_blanks() -> None:
    texts = [
        path for path in tracked_files() if path.suffix in (".py", ".md", ".toml") and "fixtures" not in path.parts
    ]
    assert [relative(path) for path in texts if path.stat().st_size and not path.read_bytes().endswith(b"\n")] == []
    assert [relative(path) for path in texts if re.search(rb"[ \t]$", path.read_bytes(), re.MULTILINE)] == []


def test_no_file_names_a_folder_of_the_machine_it_was_written_on() -> None:
    assert [relative(path) for path in tracked_files() if OUTSIDE.search(path.read_bytes())] == []


# --- keys


def test_private_keys_are_in_fixtures_only() -> None:
    holders = [path for path in tracked_files() if _has_private_key(path.read_bytes())]
    assert [relative(path) for path in holders if path.relative_to(ROOT).parts[0] != "fixtures"] == []


def test_our_test_keys_say_so_in_name_and_content() -> None:
    keys = sorted((ROOT / "fixtures" / "keys-test-only").iterdir())
    assert [path.name for path in keys if path.name != "README.md" and not path.name.startswith("test-only-")] == []
    assert [path.name for path in keys if b"TEST ONLY" not in path.read_bytes()] == []


def _has_private_key(data: bytes) -> bool:
    return bool(PRIVATE_KEY.search(data) or PRIVATE_BLOCK.search(data))


# --- fixtures


def test_every_folder_of_fixtures_is_told_of_in_its_readme() -> None:
    readme = (ROOT / "fixtures" / "README.md").read_text()
    folders = [path.name for path in sorted((ROOT / "fixtures").iterdir()) if path.is_dir()]
    assert [name for name in folders if f"`{name}/`" not in readme] == []


def test_every_folder_of_fixtures_has_its_provenance() -> None:
    folders = [path for path in sorted((ROOT / "fixtures").iterdir()) if path.is_dir()]
    assert [path.name for path in folders if not (path / "README.md").is_file()] == []


def test_fixtures_are_kept_byte_for_byte() -> None:
    assert "fixtures/** -text" in (ROOT / ".gitattributes").read_text().splitlines()


# --- the way in


def test_readme_has_one_test_command_and_ci_runs_it() -> None:
    readme = (ROOT / "README.md").read_text()
    commands = [line.strip() for line in readme.splitlines() if line.strip().endswith(".venv/bin/pytest")]
    assert commands == ["python3 -m venv .venv && .venv/bin/pip install -q -e '.[dev]' && .venv/bin/pytest"]
    assert "README.md" in (ROOT / ".ci" / "run").read_text()


def test_version_is_in_the_changelog() -> None:
    import sopskit

    assert f"## {sopskit.__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_package_holds_no_stray_files() -> None:
    kinds = {path.suffix for path in tracked_files() if PACKAGE in path.parents}
    assert kinds <= {".py", ".typed", ".yaml", ".json", ".html", ".css", ".js", ""}
