"""The same files in several environments: which keys each has, and of what kind. Values are compared, never told."""

from __future__ import annotations

from base64 import b64decode
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from sopskit import manifest
from sopskit.config.sopskit_yaml import HELM_FOLDER
from sopskit.document import format_for_path
from sopskit.errors import FormatError
from sopskit.review.alignment import SHORTEST_TOLD
from sopskit.review.correspondence import ANY, corresponding_files
from sopskit.review.sides import is_empty, looks_encrypted, read_side
from sopskit.sops.values import PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sopskit.config.sopskit_yaml import TeamConfig
    from sopskit.document import Leaf, Plain
    from sopskit.review.compare import Place
    from sopskit.review.keyed import Opener
    from sopskit.review.sides import Side
    from sopskit.review.trees import Tree

# missing: an environment that has the file lacks the key. kind: two have it, as different things. protection: encrypted in
# one, readable in another. same, different: values that may be compared. present: all have it, no more is known
State: TypeAlias = Literal["missing", "kind", "protection", "same", "different", "present"]

KINDS = frozenset(("Secret", "ConfigMap"))
# kinds that a value of one and the same key may well have in turn
TEXTS = frozenset(("password", "text", "opaque"))


class Key(NamedTuple):
    """A key that environments should share: in an entry of an object its kind, name and key, else the mapping keys."""

    kind: str
    name: str
    path: tuple[str, ...]


class Cell(NamedTuple):
    """What an environment has under a key: the kind of value as far as it is known, and whether it is encrypted."""

    kind: str
    encrypted: bool


class KeyRow(NamedTuple):
    """A key in each environment, in their order; None where it is not. `equal` groups environments with one value."""

    key: Key
    cells: tuple[Cell | None, ...]
    state: State
    equal: tuple[tuple[int, ...], ...] = ()


class FileRow(NamedTuple):
    """A file in each environment; `label` is its path with `*` for the environment, `paths` None where it is not."""

    label: str
    paths: tuple[str | None, ...]
    keys: tuple[KeyRow, ...]


class NotRead(NamedTuple):
    """A file that should have been compared, and why it could not be."""

    path: str
    reason: str


class EnvDiff(NamedTuple):
    """The files of several environments side by side.

    `closed` are files that no private key at hand opens, `short` counts keys whose encrypted values could be compared and
    were not, since one of them has less than `SHORTEST_TOLD` bytes.
    """

    environments: tuple[str, ...]
    files: tuple[FileRow, ...]
    not_read: tuple[NotRead, ...] = ()
    closed: tuple[str, ...] = ()
    short: int = 0

    @property
    def missing(self) -> int:
        """How many keys some environment lacks; a file that one lacks counts as one more."""
        keys = sum(row.state == "missing" for file in self.files for row in file.keys)
        return keys + sum(None in file.paths for file in self.files)


class _Held(NamedTuple):
    """What stands under a key in one file. `content` is the value in effect, None if no key opened it."""

    leaf: Leaf
    encrypted: bool
    type: str
    kind: str | None
    content: bytes | None

    def __repr__(self) -> str:
        """Where, not what."""
        return f"_Held({self.leaf!r})"


def compare_environments(
    tree: Tree, team: TeamConfig, environments: Sequence[str], opener: Opener | None = None, *, equality: bool = False
) -> EnvDiff:
    """Put the files of environments side by side.

    With an `opener` kinds are those of the plaintexts. Only with `equality` it is told which encrypted values are equal,
    and only of values of some length: whoever may write one file could otherwise guess what is in another.
    """
    reader = _Reader(tree, opener)
    files: list[FileRow] = []
    short = 0
    for label, paths in sorted(corresponding_files(tree, team, environments).items()):
        if not any(path is not None and reader.is_interesting(path) for path in paths):
            continue
        held = [
            None if path is None else reader.held(path, name) for path, name in zip(paths, environments, strict=True)
        ]
        rows = tuple(
            _row(key, [None if one is None else one.get(key) for one in held], held, equality=equality)
            for key in _keys(held)
        )
        if rows:
            files.append(FileRow(label, tuple(paths), rows))
        short += sum(equality and row.state == "present" and _is_open(row.key, held) for row in rows)
    return EnvDiff(tuple(environments), tuple(files), tuple(reader.not_read), tuple(reader.closed), short)


# --- what is in them


class _Reader:
    """Reads files, opens them if keys are at hand, and keeps what could not be."""

    def __init__(self, tree: Tree, opener: Opener | None) -> None:
        self._tree = tree
        self._opener = opener
        self.not_read: list[NotRead] = []
        self.closed: list[str] = []

    def is_interesting(self, path: str) -> bool:
        """Whether it may be encrypted, hold a Secret or ConfigMap, or be values for Helm; told by its bytes."""
        data = self._data(path)
        if data is None:
            return False
        if looks_encrypted(data):
            return True
        if format_for_path(path).NAME == "binary":
            return False
        return b"Secret" in data or b"ConfigMap" in data or HELM_FOLDER in path.split("/")

    def _data(self, path: str) -> bytes | None:
        data = self._tree.data(path)
        problem = NotRead(path, "it cannot be read, or is too large")
        if data is None and problem not in self.not_read:
            self.not_read.append(problem)
        return data

    def held(self, path: str, environment: str) -> dict[Key, _Held]:
        """What stands under each key of a file."""
        data = self._data(path)
        try:
            side = None if data is None else read_side(path, data)
        except FormatError as error:
            self.not_read.append(NotRead(path, str(error)))
            return {}
        if side is None or side.document is None:
            return {}
        plain = self._open(path, side)
        return dict(_entries(side, plain, environment))

    def _open(self, path: str, side: Side) -> Mapping[Place, Plain]:
        if self._opener is None or side.metadata is None:
            return {}
        opened = self._opener.open(side)
        if opened.plain is None:
            self.closed.append(path)
        return opened.plain or {}


def _entries(side: Side, plain: Mapping[Place, Plain], environment: str) -> Iterator[tuple[Key, _Held]]:
    """The entries of Secrets and ConfigMaps; in a file without objects all leaves."""
    if side.document is None:
        return
    objects = manifest.objects(side.document)
    if not objects:
        for leaf in side.document.leaves():
            yield Key("", "", leaf.keys), _hold(side, plain, leaf, "", "")
        return
    kinds = [obj.identity.kind for obj in objects]
    for obj in objects:
        kind, name = obj.identity.kind, obj.identity.name.replace(environment, ANY)
        if kind not in KINDS:
            continue
        if kinds.count(kind) == 1 or name.startswith(PREFIX):
            name = ANY  # the only one corresponds to the only one, whatever it is called
        for key, entry in manifest.effective_data(obj).items():
            yield Key(kind, name, (key,)), _hold(side, plain, entry.leaf, kind, entry.field)


def _hold(side: Side, plain: Mapping[Place, Plain], leaf: Leaf, kind: str, field: str) -> _Held:
    token = side.token(leaf)
    if token is None:
        data, type = leaf.value.encode("utf-8", "surrogateescape"), leaf.kind
        return _Held(leaf, encrypted=False, type=type, kind=None, content=_in_effect(data, kind, field))
    opened = plain.get((leaf.parent.document, leaf.path))
    if opened is None:
        return _Held(leaf, encrypted=True, type=token.type, kind=None, content=None)
    return _Held(leaf, encrypted=True, type=opened.kind, kind=None, content=_in_effect(opened.data, kind, field))


def _in_effect(data: bytes, kind: str, field: str) -> bytes:
    """The value as a container sees it."""
    if (kind, field) not in manifest.BASE64_FIELDS:
        return data
    try:
        return b64decode(data.replace(b"\n", b""), validate=True)
    except ValueError:
        return data


# --- side by side


def _keys(held: Sequence[Mapping[Key, _Held] | None]) -> list[Key]:
    """All keys, in the order of the first file that has them."""
    return list(dict.fromkeys(key for one in held if one is not None for key in one))


def _row(
    key: Key, found: Sequence[_Held | None], files: Sequence[Mapping[Key, _Held] | None], *, equality: bool
) -> KeyRow:
    there = [one for one in found if one is not None]
    described = any(one.encrypted for one in there) and all(one.content is not None for one in there)
    cells = tuple(None if one is None else Cell(_kind(one, described=described), one.encrypted) for one in found)
    equal = _equal(found, equality=equality)
    lacking = any(one is None and file is not None for one, file in zip(found, files, strict=True))
    return KeyRow(key, cells, "missing" if lacking else _state(there, cells, equal, equality=equality), equal)


def _kind(held: _Held, *, described: bool) -> str:
    """The type; if all values of a row are known, what the plaintext is."""
    if is_empty(held.leaf):
        return "empty"
    if not described or held.content is None:
        return held.type
    from sopskit.redact import kinds

    return kinds.describe(held.content, key=str(held.leaf.key), type=held.type).kind


def _equal(found: Sequence[_Held | None], *, equality: bool) -> tuple[tuple[int, ...], ...]:
    """The environments that have the same value, in groups of two or more."""
    groups: dict[bytes, list[int]] = {}
    for index, one in enumerate(found):
        if one is not None and one.content is not None and _may_be_compared(one, equality=equality):
            groups.setdefault(one.content, []).append(index)
    return tuple(tuple(group) for group in groups.values() if len(group) > 1)


def _is_open(key: Key, files: Sequence[Mapping[Key, _Held] | None]) -> bool:
    """Whether a key has values to compare and all of them are known."""
    there = [file[key] for file in files if file is not None and key in file]
    return len(there) > 1 and all(one.content is not None for one in there)


def _may_be_compared(held: _Held, *, equality: bool) -> bool:
    """What anybody can read always; what is encrypted only if it was asked for, and not where it could be guessed."""
    if not held.encrypted:
        return True
    return equality and held.content is not None and len(held.content) >= SHORTEST_TOLD


def _state(
    there: Sequence[_Held], cells: Sequence[Cell | None], equal: Sequence[Sequence[int]], *, equality: bool
) -> State:
    kinds = {"text" if cell.kind in TEXTS else cell.kind for cell in cells if cell is not None}
    if len({one.encrypted for one in there if not is_empty(one.leaf)}) > 1:
        return "protection"
    if len(kinds) > 1:
        return "kind"
    if len(there) < 2 or not all(_may_be_compared(one, equality=equality) for one in there):
        return "present"
    return "same" if equal and len(equal[0]) == len(there) else "different"
