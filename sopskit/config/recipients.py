"""The master keys of a new file: from a creation rule, or from options (SOPS sections 8.4 and 8.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sopskit.errors import RecipientError
from sopskit.sops.foreignkeys import new_foreign_key, parse_foreign_key
from sopskit.sops.masterkeys import parse_age_key, parse_pgp_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import yaml

    from sopskit.config.syntax import Reader
    from sopskit.document.model import Raw
    from sopskit.sops.masterkeys import KeyGroup, MasterKey

# the fields of a rule that name keys, in sops's order, and the lists in which these keys stand in a file
FLAT_FIELDS: Mapping[str, str] = {
    "age": "age",
    "pgp": "pgp",
    "kms": "kms",
    "gcp_kms": "gcp_kms",
    "hckms": "hckms",
    "azure_keyvault": "azure_kv",
    "hc_vault_transit_uri": "hc_vault",
}
GROUP_FIELDS: Mapping[str, str] = {
    "age": "age",
    "pgp": "pgp",
    "kms": "kms",
    "gcp_kms": "gcp_kms",
    "hckms": "hckms",
    "azure_keyvault": "azure_kv",
    "hc_vault": "hc_vault",
}
# how the entries of a group that are mappings name what a file's entry calls otherwise
ENTRY_FIELDS: Mapping[str, Mapping[str, str]] = {
    "azure_kv": {"vaultUrl": "vault_url", "key": "name", "version": "version"},
    "gcp_kms": {"resource_id": "resource_id"},
    "hckms": {"key_id": "key_id"},
    "kms": {"arn": "arn", "role": "role", "context": "context", "aws_profile": "aws_profile"},
}
MAX_MERGES = 32  # groups that merge groups


class KeyParser:
    """Makes master keys from texts. `created_at` is RFC 3339, UTC, seconds."""

    def __init__(self, created_at: str, aws_profile: str = "") -> None:
        """`aws_profile` goes to the KMS keys."""
        self._created_at = created_at
        self._aws_profile = aws_profile

    def parse(self, kind: str, text: str) -> MasterKey:
        """One key. Raises `RecipientError`."""
        if kind == "age":
            return parse_age_key(text)
        if kind == "pgp":
            return parse_pgp_key(text, self._created_at)
        return parse_foreign_key(kind, text, self._aws_profile)


def groups_from_options(
    *,
    created_at: str,
    kms: Sequence[str] = (),
    gcp_kms: Sequence[str] = (),
    hckms: Sequence[str] = (),
    azure_kv: Sequence[str] = (),
    pgp: Sequence[str] = (),
    hc_vault: Sequence[str] = (),
    age: Sequence[str] = (),
    aws_profile: str = "",
) -> tuple[KeyGroup, ...]:
    """One group of the keys named by options, in sops's order; no group if there are none.

    Each value may hold several keys with commas between. A repeated option adds to the ones before
    (with sops only the last one counts). Raises `RecipientError`.
    """
    parser = KeyParser(created_at, aws_profile)
    options = {
        "kms": kms,
        "gcp_kms": gcp_kms,
        "hckms": hckms,
        "azure_kv": azure_kv,
        "pgp": pgp,
        "hc_vault": hc_vault,
        "age": age,
    }
    keys = [parser.parse(kind, text) for kind, values in options.items() for text in split_list(values)]
    return (without_duplicates(keys),) if keys else ()


def split_list(values: Iterable[str]) -> list[str]:
    """The parts between commas, without blanks around them; empty parts are dropped."""
    return [part for value in values for text in value.split(",") if (part := text.strip())]


def without_duplicates(keys: Iterable[MasterKey]) -> KeyGroup:
    """The keys without those of the same kind and name as an earlier one."""
    unique: dict[tuple[str, str], MasterKey] = {}
    for key in keys:
        unique.setdefault((key.kind, key.id), key)
    return tuple(unique.values())


class RuleKeys:
    """Reads the keys of one creation rule. Errors are `ConfigError`s and `RecipientError`s with file and line."""

    def __init__(self, reader: Reader, created_at: str) -> None:
        """Read nothing yet."""
        self._reader = reader
        self._created_at = created_at

    def groups(self, fields: Mapping[str, yaml.Node]) -> tuple[KeyGroup, ...]:
        """The groups of `key_groups`, else one of the flat fields, else none."""
        reader = self._reader
        nested = reader.items(fields["key_groups"]) if "key_groups" in fields else []
        if nested:
            return tuple(without_duplicates(self._group(node, 0)) for node in nested)
        profile = reader.text(fields["aws_profile"]) if "aws_profile" in fields else ""
        parser = KeyParser(self._created_at, profile)
        keys = [
            self._parse(parser, kind, text, node)
            for field, kind in FLAT_FIELDS.items()
            if field in fields
            for text, node in self._flat_texts(field, fields[field])
        ]
        return (without_duplicates(keys),) if keys else ()

    def _flat_texts(self, field: str, node: yaml.Node) -> list[tuple[str, yaml.Node]]:
        """The keys in a text or a list of texts, each with commas between; only `hckms` must be a list."""
        reader = self._reader
        listed = field == "hckms" or reader.is_list(node)
        nodes = reader.items(node) if listed else [node]
        return [(text, item) for item in nodes for text in split_list([reader.string(item)])]

    def _group(self, node: yaml.Node, depth: int) -> list[MasterKey]:
        """The keys of a group: those of merged groups first."""
        reader = self._reader
        if depth > MAX_MERGES:
            raise reader.error(node, f"groups are merged more than {MAX_MERGES} levels deep")
        fields = reader.fields(node, ("merge", *GROUP_FIELDS))
        merged = reader.items(fields["merge"]) if "merge" in fields else []
        keys = [key for member in merged for key in self._group(member, depth + 1)]
        for field, kind in GROUP_FIELDS.items():
            for entry in reader.items(fields[field]) if field in fields else ():
                keys += self._entry(kind, entry)
        return keys

    def _entry(self, kind: str, node: yaml.Node) -> list[MasterKey]:
        reader = self._reader
        if kind in ENTRY_FIELDS:
            return [self._foreign(kind, node)]
        parser = KeyParser(self._created_at)
        texts = split_list([reader.text(node)]) if kind == "age" else [reader.text(node)]
        return [self._parse(parser, kind, text, node) for text in texts]

    def _foreign(self, kind: str, node: yaml.Node) -> MasterKey:
        reader = self._reader
        entry: dict[str, Raw] = {}
        for name, value in reader.fields(node, ENTRY_FIELDS[kind]).items():
            target = ENTRY_FIELDS[kind][name]
            if name == "context":
                entry[target] = {key: reader.text(text) for key, text in reader.fields(value).items()}
            else:
                entry[target] = reader.text(value)
        try:
            return new_foreign_key(kind, entry)
        except RecipientError as error:
            raise self._at(error, node) from None

    def _parse(self, parser: KeyParser, kind: str, text: str, node: yaml.Node) -> MasterKey:
        try:
            return parser.parse(kind, text)
        except RecipientError as error:
            raise self._at(error, node) from None

    def _at(self, error: RecipientError, node: yaml.Node) -> RecipientError:
        mark = node.start_mark
        error.at(file=self._reader.file, line=mark.line + 1, column=mark.column + 1)
        return error
