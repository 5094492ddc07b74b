"""The floors of docs/architecture.md: a module imports only from floors below its own."""

from __future__ import annotations

import ast

import pytest

from tests.source_tree import PACKAGE, Import, Module, imports, modules

FLOORS = {
    "errors": 0,
    "memory": 0,
    "secret": 0,
    "signals": 0,
    "age": 1,
    "pgp": 1,
    "shamir": 1,
    "document": 1,
    "git": 1,
    "cluster": 1,
    "sops": 2,
    "manifest": 2,
    "redact": 2,
    "config": 3,
    "keysources": 3,
    "review": 4,
    "deploy": 4,
    "workflow": 5,
    "cli": 6,
    "sopskit": 7,  # the root's own files, which only name what is below
}
READS_ENVIRONMENT = {"keysources", "cli"}
HOMES = {
    "click": {"cli"},
    "rich": {"cli", "review"},
    "gnupg": {"pgp"},
    "keyring": {"keysources"},
    "kubernetes": {"cluster"},
    "re2": {"sops", "config"},
}


def part_of(target: str) -> str:
    """The part that `sopskit.part.module` is in."""
    names = target.split(".")
    return names[1] if len(names) > 1 and names[1] in FLOORS else "sopskit"


def is_allowed(found: Import) -> bool:
    """Downwards, or inside one part. Everybody may ask the root for `__version__`."""
    here, there = found.module.part, part_of(found.target)
    return here == there or FLOORS[there] < FLOORS[here] or found.target in ("sopskit", "sopskit.__version__")


def test_every_part_has_a_floor() -> None:
    assert {module.part for module in modules()} - set(FLOORS) == set()


def test_imports_go_down_only() -> None:
    ours = [found for found in imports() if found.target.split(".")[0] == "sopskit"]
    assert [str(found) for found in ours if not is_allowed(found)] == []


def test_no_relative_import_hides_an_arrow() -> None:
    relative = [
        f"{module.name}:{node.lineno}"
        for module in modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert relative == []


@pytest.mark.parametrize("library", sorted(HOMES))
def test_a_library_is_imported_only_in_its_home(library: str) -> None:
    strangers = [
        str(found)
        for found in imports()
        if found.target.split(".")[0] == library and found.module.part not in HOMES[library]
    ]
    assert strangers == []


def environment_uses(module: Module) -> list[str]:
    """Where a module reads or writes the environment of the process."""
    names = {"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv", "expanduser", "expandvars"}
    return [
        f"{module.name}:{node.lineno}"
        for node in ast.walk(module.tree)
        if (isinstance(node, ast.Attribute) and node.attr in names and _is_os(node.value))
        or (isinstance(node, ast.ImportFrom) and node.module == "os" and names & {alias.name for alias in node.names})
    ]


def _is_os(node: ast.expr) -> bool:
    return ast.unparse(node) in ("os", "os.path")


def test_only_keysources_and_cli_read_the_environment() -> None:
    assert [
        use for module in modules() if module.part not in READS_ENVIRONMENT for use in environment_uses(module)
    ] == []


@pytest.mark.parametrize(
    ("source", "arrows"),
    [
        ("from sopskit.sops import crypt", 1),
        ("def f():\n    import sopskit.sops.crypt", 1),
        ("if TYPE_CHECKING:\n    from sopskit.pgp import Gpg", 1),
        ("from sopskit import pgp", 1),
        ("FORMATS = {'x': 'sopskit.document.yaml'}", 1),
        ("from sopskit.errors import HeaderError\nfrom sopskit.age.stanza import Stanza", 0),
        ("from sopskit import __version__, secret", 0),
    ],
)
def test_the_walk_sees_an_arrow_wherever_it_stands(source: str, arrows: int) -> None:
    from tests import source_tree

    module = Module("sopskit.age.header", PACKAGE / "age" / "header.py", ast.parse(source))
    found = [one for one in source_tree._imports(module) if one.target.startswith("sopskit")]
    assert sum(not is_allowed(one) for one in found) == arrows


@pytest.mark.parametrize(
    "source",
    ["import os\nos.environ['A']", "import os\nos.getenv('A')", "from os import environ", "os.path.expanduser(p)"],
)
def test_the_walk_sees_the_environment_wherever_it_is_read(source: str) -> None:
    assert len(environment_uses(Module("sopskit.age.header", PACKAGE, ast.parse(source)))) == 1
