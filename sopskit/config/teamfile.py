"""Reading `.sopskit.yaml`: every field is checked, and what is not known is an error."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import TYPE_CHECKING, cast

import yaml

from sopskit.config import globs
from sopskit.config.sopskit_yaml import DEFAULT, VERSION, Environment, Name, TeamConfig, Waiver, canonical
from sopskit.config.syntax import MAX_SIZE, Reader, is_null, kind
from sopskit.errors import ConfigError, LimitError
from sopskit.redact import escape

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from sopskit.config.sopskit_yaml import FileReader, Severity, Writers
    from sopskit.document import Path

TOP = ("version", "environments", "names", "names_file", "policies", "waivers")
ENVIRONMENT = ("name", "paths", "protected", "writers")
NAME = ("name", "recipients", "required_in", "forbidden_in", "signing_keys")
WAIVER = ("policy", "path", "key", "reason", "owner", "expires")
SEVERITIES = ("block", "high", "medium", "low", "off")
WRITERS = ("key", "public-key")
MOST_PATTERNS = 1000  # of one file; each is compared with every path
# how texts begin that must never stand in a file that everybody reads
PRIVATE = ("AGE-SECRET-KEY-", "AGE-PLUGIN-", "-----BEGIN")
LONGEST_SHOWN = 60  # of what was mistyped


class TeamFile:
    """One `.sopskit.yaml` being read."""

    def __init__(self, file: str, read_file: FileReader) -> None:
        """Read nothing yet."""
        self._reader = Reader(file)
        self._read_file = read_file
        self._patterns = 0

    def read(self, source: bytes) -> TeamConfig:
        """The whole file. Raises `ConfigError` and `LimitError`."""
        reader = self._reader
        root = self._only_document(source)
        if root is None:
            return DEFAULT._replace(source=reader.file)
        top = self._fields(root, TOP)
        if "version" in top and reader.integer(top["version"]) != VERSION:
            raise reader.error(top["version"], f"only version {VERSION} of this file is known")
        environments = self._environments(top.get("environments"))
        known = [environment.name for environment in environments]
        names = self._names(top.get("names"), known) + self._names_file(top.get("names_file"), known)
        self._check_names(names, root)
        return TeamConfig(
            environments,
            names,
            self._policies(top.get("policies")),
            tuple(self._waiver(node) for node in self._items(top.get("waivers"))),
            reader.file,
        )

    def _only_document(self, source: bytes) -> yaml.Node | None:
        """The root. What stood in a second document would be said and not heard."""
        if len(source) > MAX_SIZE:
            raise LimitError(f"more than {MAX_SIZE} bytes of settings").at(file=self._reader.file)
        root = self._reader.first_document(source)
        loader = yaml.CBaseLoader(source.decode("utf-8-sig"))
        try:
            loader.get_single_node()
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            line = mark.line + 1 if mark else None
            raise ConfigError("more than one document, or one that is not valid").at(
                file=self._reader.file, line=line
            ) from None
        return root

    # --- sections

    def _environments(self, node: yaml.Node | None) -> tuple[Environment, ...]:
        found: dict[str, Environment] = {}
        for item in self._items(node):
            environment = self._environment(item)
            if environment.name in found:
                raise self._reader.error(item, f"the environment {_shown(environment.name)} is there twice")
            found[environment.name] = environment
        return tuple(found.values())

    def _environment(self, node: yaml.Node) -> Environment:
        fields = self._fields(node, ENVIRONMENT, required=("name", "paths"))
        writers = cast("Writers", self._choice(fields["writers"], WRITERS)) if "writers" in fields else "key"
        return Environment(
            self._word(fields["name"]),
            tuple(self._pattern(item) for item in self._filled_list(fields["paths"])),
            self._reader.boolean(fields["protected"]) if "protected" in fields else False,
            writers,
        )

    def _names(self, node: yaml.Node | None, environments: Sequence[str]) -> tuple[Name, ...]:
        return tuple(self._name(item, environments) for item in self._items(node))

    def _name(self, node: yaml.Node, environments: Sequence[str]) -> Name:
        fields = self._fields(node, NAME, required=("name",))

        def places(field: str) -> tuple[str, ...]:
            items = self._items(fields.get(field))
            return tuple(self._choice(item, environments) if environments else self._word(item) for item in items)

        recipients, signing = (
            tuple(self._public_key(item) for item in self._items(fields.get(field)))
            for field in ("recipients", "signing_keys")
        )
        name = Name(self._word(fields["name"]), recipients, places("required_in"), places("forbidden_in"), signing)
        both = set(name.required_in) & set(name.forbidden_in)
        if both:
            raise self._reader.error(
                fields["forbidden_in"], f"{escape(min(both))} is in required_in and in forbidden_in"
            )
        return name

    def _names_file(self, node: yaml.Node | None, environments: Sequence[str]) -> tuple[Name, ...]:
        """The names that stand in a file of their own, in a list or below `names`."""
        if node is None:
            return ()
        path = self._word(node)
        if path.startswith("/") or ".." in path.split("/"):
            raise self._reader.error(
                node,
                "names_file lies in the repository: neither an absolute path nor one with ..",
                hint="it is relative to the repository's root",
            )
        source = self._read_file(path)
        if source is None:
            raise self._reader.error(node, f"there is no file {escape(path)}")
        other = TeamFile(path, self._read_file)
        root = other._only_document(source)
        if root is not None and not other._reader.is_list(root):
            root = other._fields(root, ("names",)).get("names")
        return other._names(root, environments)

    def _check_names(self, names: Sequence[Name], root: yaml.Node) -> None:
        """Each name and each recipient may stand in one place only, or it would depend on the order who can read."""
        owners: dict[str, str] = {}
        for entry in names:
            for recipient in entry.recipients:
                other = owners.setdefault(recipient, entry.name)
                if other != entry.name:
                    raise self._reader.error(
                        root,
                        f"{_shown(other)} and {_shown(entry.name)} have the same recipient {_shown(recipient)}",
                        hint="a key that several people have gets a name of its own",
                    )
        twice = next((name for name, count in Counter(entry.name for entry in names).items() if count > 1), None)
        if twice is not None:
            raise self._reader.error(root, f"the name {_shown(twice)} is there twice")

    def _policies(self, node: yaml.Node | None) -> dict[str, Severity]:
        entries = {} if node is None else self._reader.fields(node)
        return {key: cast("Severity", self._choice(value, SEVERITIES)) for key, value in entries.items()}

    def _waiver(self, node: yaml.Node) -> Waiver:
        fields = self._fields(node, WAIVER, required=("policy", "path", "reason", "owner", "expires"))
        return Waiver(
            self._word(fields["policy"]),
            self._pattern(fields["path"]),
            self._key(fields["key"]) if "key" in fields else None,
            self._word(fields["reason"]),
            self._word(fields["owner"]),
            self._date(fields["expires"]),
            node.start_mark.line + 1,
        )

    # --- values

    def _key(self, node: yaml.Node) -> Path:
        """A key path; a bare number is a position in a list."""
        reader = self._reader
        items = self._filled_list(node)
        return tuple(reader.integer(item) if kind(item) == "a number" else reader.text(item) for item in items)

    def _date(self, node: yaml.Node) -> date:
        text = self._reader.text(node)
        try:
            day = date.fromisoformat(text)
        except ValueError:
            day = None
        if day is None or day.isoformat() != text:
            raise self._reader.error(node, "expected a date", hint="write it as 2027-01-31")
        return day

    def _pattern(self, node: yaml.Node) -> str:
        self._patterns += 1
        if self._patterns > MOST_PATTERNS:
            raise self._reader.error(node, f"more than {MOST_PATTERNS} path patterns")
        text = self._word(node)
        try:
            globs.check(text)
        except ConfigError as error:
            raise self._reader.error(node, error.message, hint=error.hint) from None
        return text

    def _public_key(self, node: yaml.Node) -> str:
        text = self._word(node)
        if text.lstrip().upper().startswith(PRIVATE):
            raise self._reader.error(
                node,
                "this is a private key, or an armored one: only public keys stand here, one line each",
                hint="if it was committed, everything encrypted for it can be read by whoever sees the repository",
            )
        return canonical(text)

    def _choice(self, node: yaml.Node, choices: Sequence[str]) -> str:
        text = self._reader.text(node)
        if text not in choices:
            raise self._reader.error(node, f"expected one of {_listed(choices)}", hint=_nearest(text, choices))
        return text

    def _word(self, node: yaml.Node) -> str:
        """Text of any YAML type, not empty."""
        text = self._reader.text(node)
        if not text.strip():
            raise self._reader.error(node, "expected text, not an empty one")
        return text

    # --- structure

    def _fields(self, node: yaml.Node, known: Sequence[str], *, required: Iterable[str] = ()) -> dict[str, yaml.Node]:
        """The entries of a mapping, those that are null left out. Raises `ConfigError` for one that is not known."""
        found = self._reader.fields(node)
        for key, value in found.items():
            if key not in known:
                raise self._reader.error(
                    value,
                    f"there is no field {_shown(key)} here",
                    hint=_nearest(key, known) or f"known: {_listed(known)}",
                )
        found = {key: value for key, value in found.items() if not is_null(value)}
        for key in required:
            if key not in found:
                raise self._reader.error(node, f"{key} is missing")
        return found

    def _items(self, node: yaml.Node | None) -> list[yaml.Node]:
        return [] if node is None else self._reader.items(node)

    def _filled_list(self, node: yaml.Node) -> list[yaml.Node]:
        items = self._reader.items(node)
        if not items:
            raise self._reader.error(node, "expected a list that is not empty")
        return items


def _nearest(word: str, known: Collection[str]) -> str | None:
    from difflib import get_close_matches

    found = get_close_matches(word[:LONGEST_SHOWN], known, 1, 0.6)
    return f"did you mean: {escape(found[0])}" if found else None


def _listed(words: Sequence[str]) -> str:
    return ", ".join(escape(word) for word in words)


def _shown(word: str) -> str:
    return escape(word[:LONGEST_SHOWN])
