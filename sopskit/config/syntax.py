"""A YAML file of settings, read with positions: every error says file, line and column.

Scalars are taken by their text and not by YAML 1.1's types, so `yes` or `1:30` is what it looks like.
Types are checked where a field is used, as strictly as sops's own reader does (SOPS section 8.1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from sopskit.document.golang import parse_float
from sopskit.errors import ConfigError, FileAccessError, LimitError, Location

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

MAX_SIZE = 1024 * 1024  # bytes
MAX_NODES = 100_000  # entries looked at, so what aliases repeat counts again
MAX_DEPTH = 64  # merge keys that lead to merge keys
NULLS = frozenset({"", "~", "null", "Null", "NULL"})
TRUE = frozenset({"true", "True", "TRUE"})
FALSE = frozenset({"false", "False", "FALSE"})
# YAML 1.1's words, which sops takes where a boolean is wanted
TRUE_WORDS = frozenset({"y", "Y", "yes", "on"})
FALSE_WORDS = frozenset({"n", "N", "no", "off"})
MERGE = "<<"


class Reader:
    """One file being read. `unknown` collects line and name of fields that nobody asked for."""

    def __init__(self, file: str) -> None:
        """Read nothing yet; `file` is how errors name it."""
        self.file = file
        self.unknown: list[tuple[int, str]] = []
        self._budget = MAX_NODES

    def first_document(self, source: bytes) -> yaml.Node | None:
        """The root of the first document, None if there is none. Raises `ConfigError`."""
        try:
            loader = yaml.CBaseLoader(source.decode("utf-8-sig"))
            return loader.get_node() if loader.check_node() else None
        except UnicodeDecodeError as error:
            raise ConfigError(f"byte {error.start} is not UTF-8", location=Location(self.file)) from None
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark
            place = Location(self.file, mark.line + 1, mark.column + 1) if mark else Location(self.file)
            raise ConfigError(f"not valid YAML: {error.problem}", location=place) from None
        except yaml.YAMLError:
            raise ConfigError("not valid YAML: it has control characters", location=Location(self.file)) from None

    def error(self, node: yaml.Node, message: str, *, hint: str | None = None) -> ConfigError:
        """An error at the place of `node`."""
        mark = node.start_mark
        return ConfigError(message, hint=hint, location=Location(self.file, mark.line + 1, mark.column + 1))

    def fields(self, node: yaml.Node, known: Iterable[str] | None = None) -> dict[str, yaml.Node]:
        """The entries of a mapping, merge keys followed; null is an empty one. A key may stand there only once.

        With `known`, other keys are noted in `unknown`, and null values are left out.
        """
        found = self._merged(node, 0)
        if known is None:
            return found
        known = frozenset(known)
        self.unknown += [(value.start_mark.line + 1, key) for key, value in found.items() if key not in known]
        return {key: value for key, value in found.items() if key in known and not is_null(value)}

    def _merged(self, node: yaml.Node, depth: int) -> dict[str, yaml.Node]:
        if depth > MAX_DEPTH:
            raise self.error(node, "merge keys go in circles")
        if is_null(node):
            return {}
        if not isinstance(node, yaml.MappingNode):
            raise self.error(node, f"expected a mapping, not {kind(node)}")
        own: dict[str, yaml.Node] = {}
        inherited: dict[str, yaml.Node] = {}
        self._spend(node, len(node.value))
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise self.error(key, "expected text as a key")
            if key.value == MERGE and not key.style:
                for parent in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                    inherited = self._merged(parent, depth + 1) | inherited
                continue
            if key.value in own:
                raise self.error(key, f"the key {key.value} is there twice")
            own[key.value] = value
        return inherited | own

    def items(self, node: yaml.Node) -> list[yaml.Node]:
        """The elements of a list; null is an empty one."""
        if is_null(node):
            return []
        if not isinstance(node, yaml.SequenceNode):
            raise self.error(node, f"expected a list, not {kind(node)}")
        self._spend(node, len(node.value))
        found: list[yaml.Node] = node.value
        return found

    def is_list(self, node: yaml.Node) -> bool:
        """Whether `node` is a list."""
        return isinstance(node, yaml.SequenceNode)

    def _spend(self, node: yaml.Node, count: int) -> None:
        self._budget -= count + 1
        if self._budget < 0:
            raise LimitError("aliases make this file too large").at(file=self.file, line=node.start_mark.line + 1)

    def text(self, node: yaml.Node) -> str:
        """The text of a scalar of any type; null is the empty text."""
        if not isinstance(node, yaml.ScalarNode):
            raise self.error(node, f"expected text, not {kind(node)}")
        return "" if is_null(node) else str(node.value)

    def string(self, node: yaml.Node) -> str:
        """A scalar that YAML takes for text: a bare number is refused."""
        if kind(node) != "text":
            raise self.error(node, f"expected text, not {kind(node)}", hint="put it in quotes")
        return str(node.value)

    def integer(self, node: yaml.Node) -> int:
        """A number, not in quotes."""
        if is_null(node):
            return 0
        number = parse_float(node.value.replace("_", "")) if kind(node) == "a number" else None
        if number is None or not number.is_integer():
            raise self.error(node, f"expected an integer, not {kind(node)}")
        return int(number)

    def boolean(self, node: yaml.Node) -> bool:
        """A boolean, or one of YAML 1.1's words for it."""
        if is_null(node):
            return False
        if isinstance(node, yaml.ScalarNode):
            if node.value in TRUE_WORDS or (node.value in TRUE and not node.style):
                return True
            if node.value in FALSE_WORDS or (node.value in FALSE and not node.style):
                return False
        raise self.error(node, f"expected true or false, not {kind(node)}")


def is_null(node: yaml.Node) -> bool:
    """Whether a node is a bare null."""
    return isinstance(node, yaml.ScalarNode) and not node.style and node.value in NULLS


def kind(node: yaml.Node) -> str:
    """What YAML takes a node for, in words."""
    if not isinstance(node, yaml.ScalarNode):
        return "a mapping" if isinstance(node, yaml.MappingNode) else "a list"
    if node.style:
        return "text"
    if node.value in NULLS:
        return "null"
    if node.value in TRUE or node.value in FALSE:
        return "a boolean"
    return "a number" if _is_number(node.value) else "text"


def _is_number(text: str) -> bool:
    if not text[0].isascii() or text[0] not in "+-.0123456789":
        return False
    body = text.replace("_", "").lstrip("+-")
    return parse_float(body) is not None and body[:1] in "0123456789."


def read_file(path: str | os.PathLike[str]) -> bytes:
    """The bytes of a settings file. Raises `FileAccessError`, or `LimitError` above a mebibyte."""
    try:
        with open(path, "rb") as file:
            source = file.read(MAX_SIZE + 1)
    except OSError as error:
        raise FileAccessError(f"cannot read the file: {error.strerror}", location=Location(str(path))) from None
    if len(source) > MAX_SIZE:
        raise LimitError(f"more than {MAX_SIZE} bytes of settings").at(file=str(path))
    return source
