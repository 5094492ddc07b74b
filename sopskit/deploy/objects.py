"""Kubernetes objects in plain text, read from a manifest stream as kubectl reads it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NoReturn

import yaml

from sopskit.errors import BuildError
from sopskit.manifest import Identity

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeAlias

    Plain: TypeAlias = dict[str, "Plain"] | list["Plain"] | str | int | float | bool | None

BOOLEANS = {
    **dict.fromkeys(["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"], True),
    **dict.fromkeys(["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"], False),
}
DECIMAL = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
INTEGER = re.compile(r"[-+]?(?:0[bB][01]+|0[xX][0-9a-fA-F]+|0[oO]?[0-7]+|[1-9][0-9]*|0)\Z")
RANGE = range(-(2**63), 2**63)  # a number beyond is a float
KINDS = {"str": str, "int": int, "float": float, "bool": bool, "null": type(None)}
UNTAGGED = "!untagged"
TAG = "tag:yaml.org,2002:"


class PlainObject:
    """A Kubernetes object with its secrets in plain text. Its text forms say which object it is, not what it holds."""

    __slots__ = ("_content", "api_version", "identity")

    def __init__(self, content: dict[str, Any], api_version: str, identity: Identity) -> None:
        """Made by `read_objects`."""
        self._content = content
        self.api_version = api_version
        self.identity = identity

    @property
    def kind(self) -> str:
        """Such as `Secret`."""
        return self.identity.kind

    @property
    def namespace(self) -> str:
        """Empty if the manifest does not say."""
        return self.identity.namespace

    @property
    def name(self) -> str:
        """`metadata.name`."""
        return self.identity.name

    def reveal(self) -> dict[str, Any]:
        """The object, as a client of the API takes it. The same one each time: change a copy."""
        return self._content

    def __repr__(self) -> str:
        """Which object."""
        return f"<{self.identity}>"

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        """Refuse pickle and copy."""
        raise TypeError("a plain object cannot be pickled")


def read_objects(stream: bytes) -> tuple[PlainObject, ...]:
    """The objects of a stream, in its order; the items of a `List` in its place.

    Raises `BuildError` for a document that is no object, or has no `apiVersion`, `kind` or name.
    """
    return tuple(obj for number, document in enumerate(load_documents(stream)) for obj in _objects(document, number))


def _objects(document: Plain, number: int) -> Iterator[PlainObject]:
    if document is None:
        return
    if not isinstance(document, dict):
        raise BuildError(f"document {number + 1} of what was built is no object")
    kind, version, metadata = document.get("kind"), document.get("apiVersion"), document.get("metadata")
    if not (isinstance(kind, str) and kind and isinstance(version, str) and version):
        raise BuildError(f"document {number + 1} of what was built has no apiVersion or kind")
    items = document.get("items")
    if kind.endswith("List") and isinstance(items, list):
        for item in items:
            yield from _objects(item, number)
        return
    name = metadata.get("name") if isinstance(metadata, dict) else None
    if not isinstance(metadata, dict) or not isinstance(name, str) or not name:
        raise BuildError(f"the {kind} in document {number + 1} of what was built has no name")
    namespace = metadata.get("namespace") or ""
    if not isinstance(namespace, str):
        raise BuildError(f"the namespace of {kind} {name} is no string", hint="put it in quotes")
    yield PlainObject(document, version, Identity(kind, namespace, name))


def load_documents(text: bytes) -> list[Plain]:
    """YAML as kubectl reads it: `yes` is true, `0644` is 420, a time is a string, `1.0` is 1.

    Raises `BuildError`, whose message quotes nothing.
    """
    try:
        return list(yaml.load_all(text, Loader=_Loader))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise BuildError("what was built cannot be read as YAML").at(line=line) from None
    except (yaml.YAMLError, RecursionError):
        raise BuildError("what was built cannot be read as YAML") from None


class _Loader(yaml.CSafeLoader):
    """Reads plain scalars by the rules of sigs.k8s.io/yaml (goyaml.v2, resolve.go), and no tags but the usual ones."""

    yaml_implicit_resolvers = {"<": [(f"{TAG}merge", re.compile(r"<<\Z"))]}  # noqa: RUF012 PyYAML's own name
    yaml_constructors = {}  # noqa: RUF012
    DEFAULT_SCALAR_TAG = UNTAGGED  # type: ignore[misc]

    def construct_plain(self, node: yaml.ScalarNode) -> Plain:
        """A scalar without a tag; one in quotes is text."""
        return str(node.value) if node.style else resolve(node.value)

    def construct_tagged(self, node: yaml.Node) -> Plain:
        """A scalar with a tag that is written there. Its value must be of that type."""
        name = node.tag.removeprefix(TAG)
        if not isinstance(node, yaml.ScalarNode) or name not in KINDS:
            raise _unusual(node)
        value: Plain = str(node.value) if name == "str" else resolve(node.value)
        if not isinstance(value, KINDS[name]) and not (name == "float" and isinstance(value, int)):
            raise _unusual(node)
        return value

    def construct_items(self, node: yaml.Node) -> list[Plain]:
        """A list."""
        if not isinstance(node, yaml.SequenceNode):
            raise _unusual(node)
        return [self.construct_object(item, deep=True) for item in node.value]

    def construct_entries(self, node: yaml.Node) -> dict[str, Plain]:
        """A mapping; keys become strings, as in JSON. A key that is there twice is an error."""
        if not isinstance(node, yaml.MappingNode):
            raise _unusual(node)
        own = [_spell(self.construct_object(key, deep=True), key) for key, _ in node.value if key.tag != f"{TAG}merge"]
        if len(set(own)) != len(own):
            raise yaml.MarkedYAMLError(problem="a key is there twice", problem_mark=node.start_mark)
        if len(own) == len(node.value):
            values = [value for _, value in node.value]
            return {key: self.construct_object(value, deep=True) for key, value in zip(own, values, strict=True)}
        self.flatten_mapping(node)
        return {
            _spell(self.construct_object(key, deep=True), key): self.construct_object(value, deep=True)
            for key, value in node.value
        }


_Loader.add_constructor(UNTAGGED, _Loader.construct_plain)
_Loader.add_constructor(f"{TAG}seq", _Loader.construct_items)
_Loader.add_constructor(f"{TAG}map", _Loader.construct_entries)
_Loader.add_constructor(None, _Loader.construct_tagged)


def _unusual(node: yaml.Node) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem="a tag that no manifest has", problem_mark=node.start_mark)


def _spell(key: Plain, node: yaml.Node) -> str:
    if isinstance(key, bool):
        return "true" if key else "false"
    if isinstance(key, str | int):
        return str(key)
    raise _unusual(node)


def resolve(text: str) -> Plain:
    """The value of a plain scalar."""
    if text in BOOLEANS:
        return BOOLEANS[text]
    if text in ("", "~", "null", "Null", "NULL"):
        return None
    if text[0] not in "+-.0123456789":
        return text
    plain = text.replace("_", "")
    if INTEGER.match(plain):
        number = _integer(plain)
        if number in RANGE:
            return number
    if not DECIMAL.match(plain):
        return text
    value = float(plain)
    return int(value) if value.is_integer() and abs(value) < 1e21 else value


def _integer(text: str) -> int:
    digits = text.lstrip("+-")
    octal = digits[0] == "0" and digits[1:].isdigit()
    number = int(digits, 8) if octal else int(digits, 0)
    return -number if text.startswith("-") else number
