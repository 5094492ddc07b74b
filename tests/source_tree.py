"""The package's own source as data: modules, their syntax trees, their imports."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "sopskit"


class Module(NamedTuple):
    """One source file: its dotted name, its path and its tree."""

    name: str
    path: Path
    tree: ast.Module

    @property
    def part(self) -> str:
        """The part of the package it belongs to: `sopskit.age.header` is in `age`; the root's own files are in `sopskit`."""
        names = self.name.split(".")
        return names[1] if len(names) > 1 and names[1] != "__main__" else names[0]


class Import(NamedTuple):
    """One imported module, wherever the statement stands: at the top, in a function, under TYPE_CHECKING."""

    module: Module
    target: str
    line: int

    def __str__(self) -> str:
        """`sopskit/age/header.py:3: sopskit.sops`."""
        return f"{self.module.path.relative_to(ROOT)}:{self.line}: {self.target}"


@cache
def modules() -> tuple[Module, ...]:
    """All modules of the package."""
    return tuple(_read(path) for path in sorted(PACKAGE.rglob("*.py")))


@cache
def imports() -> tuple[Import, ...]:
    """All imports of all modules, and the names given to `import_module` as a literal."""
    return tuple(found for module in modules() for found in _imports(module))


def _read(path: Path) -> Module:
    parts = list(path.relative_to(ROOT).with_suffix("").parts)
    if parts[-1] == "__init__":
        parts.pop()
    return Module(".".join(parts), path, ast.parse(path.read_bytes(), str(path)))


def _imports(module: Module) -> list[Import]:
    found: list[Import] = []
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            found += [Import(module, alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            origin = _origin(module, node)
            # `from sopskit import age` names a part, `from sopskit.age import Identity` is in one
            targets = [f"{origin}.{alias.name}" for alias in node.names] if origin == "sopskit" else [origin]
            found += [Import(module, target, node.lineno) for target in targets]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _is_module(node.value):
            found.append(Import(module, node.value, node.lineno))
    return found


def _origin(module: Module, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    package = module.name if module.path.name == "__init__.py" else module.name.rpartition(".")[0]
    for _ in range(node.level - 1):
        package = package.rpartition(".")[0]
    return f"{package}.{node.module}" if node.module else package


def _is_module(text: str) -> bool:
    """A text that names a module of ours, as in a table of what is loaded on demand."""
    return text.startswith("sopskit.") and all(part.isidentifier() for part in text.split("."))
