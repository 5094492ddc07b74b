"""The `sops` block of a file: who can open it, what is encrypted, when it was written, and its MAC (SOPS section 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sopskit.document.golang import canonical_time
from sopskit.errors import LimitError, MetadataError
from sopskit.sops import decoding, selection
from sopskit.sops.flattening import flatten, unflatten
from sopskit.sops.foreignkeys import FIELDS as FOREIGN_FIELDS
from sopskit.sops.foreignkeys import read_foreign_key, read_unknown_key
from sopskit.sops.masterkeys import AgeKey, PgpKey
from sopskit.sops.selection import Selection

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sopskit.document.model import Block, Raw
    from sopskit.sops.masterkeys import KeyGroup, MasterKey

# lists of keys, in the order in which sops puts the keys of a group when it reads a file (SOPS section 6.2)
KINDS = ("kms", "gcp_kms", "hckms", "azure_kv", "hc_vault", "pgp", "age")
# a group in `key_groups` has these even when they are empty
NEVER_OMITTED = ("age", "hc_vault")
SCALARS = ("lastmodified", "mac", "mac_only_encrypted", "shamir_threshold", "version")
MAX_RECIPIENTS = 256
MAX_ENC = 64 * 1024  # characters


class Metadata(NamedTuple):
    """What stands in the `sops` block. Texts are as in the file; `unknown` holds fields that are not SOPS's.

    `shamir_threshold` is 0 where none is written. `lastmodified` is RFC 3339, `mac` a token, both empty
    in metadata that was never written.
    """

    groups: tuple[KeyGroup, ...]
    shamir_threshold: int = 0
    selection: Selection = selection.DEFAULT
    mac_only_encrypted: bool = False
    lastmodified: str = ""
    mac: str = ""
    version: str = ""
    unknown: Mapping[str, Raw] = {}

    @classmethod
    def from_block(cls, block: Block) -> Metadata:
        """Read a block as sops does. Raises `MetadataError`, or `LimitError` for more than sane files hold."""
        try:
            return _read(block)
        except (MetadataError, LimitError) as error:
            raise error.at(line=block.line) from None

    def replace(self, **changes: Any) -> Metadata:
        """A copy with other fields."""
        return self._replace(**changes)

    def master_keys(self) -> list[MasterKey]:
        """All keys, group after group."""
        return [key for group in self.groups for key in group]

    @property
    def aad(self) -> str:
        """The additional data of the MAC: `lastmodified` in whole seconds, as sops formats it (SOPS section 5.2)."""
        time = canonical_time(self.lastmodified)
        if time is None:
            raise MetadataError("expected a time such as 2006-01-02T15:04:05Z").at(key=("sops", "lastmodified"))
        seconds = len("2006-01-02T15:04:05")
        return time[:seconds] + time[seconds:].lstrip(".0123456789")

    def check_version(self) -> None:
        """Refuse a `version` that sops does not open a file with: it wants a semantic version (SOPS section 6.3)."""
        if not (self.version.startswith("1.") or _is_semantic_version(self.version.removeprefix("v"))):
            raise MetadataError(
                "the version is no three-part version such as 3.13.3",
                hint="restore the line from the file's history: sops refuses the file as well",
            ).at(key=("sops", "version"))

    def normalised(self) -> Metadata:
        """Without a rule, sops's default one: a name that ends in `_unencrypted` stays plaintext."""
        return self if self.selection.field else self._replace(selection=selection.DEFAULT)

    def to_tree(self) -> dict[str, Raw]:
        """The block, nested and sorted by name at every level; what sops leaves out is left out (SOPS section 6.1)."""
        tree: dict[str, Raw] = dict(self.unknown)
        if len(self.groups) == 1:
            tree |= _lists(self.groups[0])
        elif self.groups:
            tree["key_groups"] = [_lists(group, always=NEVER_OMITTED) for group in self.groups]
        if self.shamir_threshold:
            tree["shamir_threshold"] = self.shamir_threshold
        if self.mac_only_encrypted:
            tree["mac_only_encrypted"] = True
        if self.selection.field:
            tree[self.selection.field] = self.selection.pattern
        tree |= {"lastmodified": self.lastmodified, "mac": self.mac, "version": self.version}
        return _sorted_tree(tree)

    def to_flat(self) -> dict[str, str]:
        """The block in its flat form, without the prefix or section (SOPS section 6.6)."""
        return flatten(self.to_tree())


def _lists(group: KeyGroup, always: Iterable[str] = ()) -> dict[str, Raw]:
    lists: dict[str, list[Raw]] = {name: [] for name in always}
    for key in group:
        lists.setdefault(key.kind, []).append(key.fields())
    return dict(lists)


def _sorted_tree(tree: Mapping[str, Raw]) -> dict[str, Raw]:
    return {name: _sorted(tree[name]) for name in sorted(tree)}


def _sorted(value: Raw) -> Raw:
    if isinstance(value, dict):
        return _sorted_tree(value)
    return [_sorted(entry) for entry in value] if isinstance(value, list) else value


def _read(block: Block) -> Metadata:
    tree = block.tree
    if not isinstance(tree, dict):
        raise MetadataError("the sops entry is not a mapping")
    if block.flat:
        tree = unflatten({name: decoding.text(value, ("sops", name)) for name, value in tree.items()})
    found, rest = decoding.pick(tree, (*SCALARS, *selection.FIELDS, *KINDS, "key_groups"))
    groups, unknown = _read_groups(found, rest)
    return Metadata(
        groups=groups,
        shamir_threshold=decoding.integer(found.get("shamir_threshold"), ("sops", "shamir_threshold")),
        selection=_read_selection(found),
        mac_only_encrypted=decoding.boolean(found.get("mac_only_encrypted"), ("sops", "mac_only_encrypted")),
        lastmodified=decoding.time(found.get("lastmodified"), ("sops", "lastmodified")),
        mac=decoding.text(found.get("mac"), ("sops", "mac")),
        version=decoding.text(found.get("version"), ("sops", "version")),
        unknown=unknown,
    )


def _read_selection(found: Mapping[str, Raw]) -> Selection:
    rules = [
        Selection(field, pattern)
        for field in selection.FIELDS
        if (pattern := decoding.text(found.get(field), ("sops", field)))
    ]
    if len(rules) > 1:
        names = " and ".join(rule.field or "" for rule in rules)
        raise MetadataError(f"only one rule may say what is encrypted, not {names}")
    return rules[0] if rules else selection.DEFAULT


def _read_groups(found: Mapping[str, Raw], rest: dict[str, Raw]) -> tuple[tuple[KeyGroup, ...], dict[str, Raw]]:
    """The key groups, and the fields that are not SOPS's. Flat lists win over `key_groups` (SOPS section 6.2)."""
    flat = _read_group(found, ("sops",))
    nested = () if flat else decoding.mappings(found.get("key_groups"), ("sops", "key_groups"))
    groups: tuple[KeyGroup, ...]
    if nested:
        groups = tuple(_read_nested_group(entry, ("sops", "key_groups", index)) for index, entry in enumerate(nested))
        unknown = rest
    else:
        others, unknown = _split_unknown_keys(rest)
        groups = ((*flat, *others),)
    if not any(groups):
        raise MetadataError("no keys found in the file")
    count = sum(map(len, groups))
    if count > MAX_RECIPIENTS:
        raise LimitError(f"the file has {count} recipients, more than the limit of {MAX_RECIPIENTS}")
    return groups, unknown


def _read_nested_group(entry: Mapping[str, Raw], place: decoding.Place) -> KeyGroup:
    found, rest = decoding.pick(entry, KINDS)
    others, _ = _split_unknown_keys(rest)
    return (*_read_group(found, place), *others)


def _read_group(found: Mapping[str, Raw], place: decoding.Place) -> KeyGroup:
    keys: list[MasterKey] = []
    for kind in KINDS:
        entries = decoding.mappings(found.get(kind), (*place, kind))
        keys += [_read_key(kind, entry, (*place, kind, index)) for index, entry in enumerate(entries)]
    return tuple(keys)


def _read_key(kind: str, entry: Mapping[str, Raw], place: decoding.Place) -> MasterKey:
    key = _key(kind, entry, place)
    if len(key.enc) > MAX_ENC:
        raise LimitError(f"an entry holds {len(key.enc)} characters, more than the limit of {MAX_ENC}").at(
            key=(*place, "enc")
        )
    return key


def _key(kind: str, entry: Mapping[str, Raw], place: decoding.Place) -> MasterKey:
    if kind in FOREIGN_FIELDS:
        return read_foreign_key(kind, entry, place)
    label = "recipient" if kind == "age" else "fp"
    found, extra = decoding.pick(entry, ("enc", label) if kind == "age" else ("created_at", "enc", label))
    name = decoding.text(found.get(label), (*place, label))
    enc = decoding.text(found.get("enc"), (*place, "enc"))
    if kind == "age":
        return AgeKey(name, enc, extra)
    return PgpKey(name, decoding.time(found.get("created_at"), (*place, "created_at")), enc, extra)


def _split_unknown_keys(rest: Mapping[str, Raw]) -> tuple[list[MasterKey], dict[str, Raw]]:
    """Lists of entries with an `enc` are keys of a kind newer than sops 3.13; a new data key would have to reach them too."""
    keys: list[MasterKey] = []
    unknown: dict[str, Raw] = {}
    for name, value in rest.items():
        if isinstance(value, list) and value and all(isinstance(entry, dict) and "enc" in entry for entry in value):
            keys += [
                read_unknown_key(name, entry, index) for index, entry in enumerate(value) if isinstance(entry, dict)
            ]
        else:
            unknown[name] = value
    return keys, unknown


def _is_semantic_version(text: str) -> bool:
    core, plus, build = text.partition("+")
    core, dash, prerelease = core.partition("-")
    numbers = core.split(".")
    if len(numbers) != 3 or not all(map(_is_version_number, numbers)):
        return False
    if dash and not _are_identifiers(prerelease, numeric=True):
        return False
    return not plus or _are_identifiers(build, numeric=False)


def _is_version_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and (text == "0" or text[0] != "0")


def _are_identifiers(text: str, *, numeric: bool) -> bool:
    """Whether these are dot-separated identifiers; with `numeric`, numbers among them have no leading zeros."""
    for part in text.split("."):
        if not part.isascii() or not part.replace("-", "a").isalnum():
            return False
        if numeric and part.isdigit() and not _is_version_number(part):
            return False
    return True
