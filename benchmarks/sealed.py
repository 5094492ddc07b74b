"""SOPS files made by sopskit's own library, as its commands make them, for the published test keys."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from sopskit import age
from sopskit.document import format_for_path, parse
from sopskit.pgp import Gpg
from sopskit.sops import crypt, datakey
from sopskit.sops.masterkeys import AgeKey, FixedKeyring
from sopskit.sops.metadata import Metadata
from sopskit.sops.selection import DEFAULT as EVERYTHING
from sopskit.sops.selection import Selection
from sopskit.workflow.rotate import rotate
from sopskit.workflow.set import set_value, unset_value
from sopskit.workflow.updatekeys import update_keys

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sopskit.age.x25519 import X25519Identity
    from sopskit.document import Leaf
    from sopskit.document import Path as KeyPath
    from sopskit.sops.crypt import Opened
    from sopskit.sops.masterkeys import MasterKey

KEYS = Path(__file__).resolve().parent.parent / "fixtures" / "keys-test-only"
NO_GPG = Gpg(None, None)
MANIFEST = Selection("encrypted_regex", "^(data|stringData)$")


class Person(NamedTuple):
    """Somebody with a published test key."""

    identity: X25519Identity
    recipient: str

    @classmethod
    def read(cls, name: str) -> Person:
        """The owner of a file in fixtures/keys-test-only."""
        text = (KEYS / f"test-only-{name}.agekey").read_text()
        identity = age.parse_identity(text.splitlines()[-1])
        return cls(identity, text.split("# public key: ")[1].split("\n")[0])  # type: ignore[arg-type]


class Sealer:
    """Reads and writes SOPS files at a time that the caller sets."""

    def __init__(self, people: Sequence[Person], now: datetime) -> None:
        """Open with the keys of `people`."""
        self.keyring = FixedKeyring(tuple(person.identity for person in people), NO_GPG)
        self.now = now

    def seal(self, path: str, text: bytes, recipients: Sequence[str]) -> bytes:
        """`encrypt`: a new data key. Of YAML, only the data of manifests is encrypted."""
        format = format_for_path(path)
        data_key = datakey.generate()
        metadata = Metadata((_keys(recipients),), selection=MANIFEST if format.NAME == "yaml" else EVERYTHING)
        metadata = datakey.wrap_data_key(metadata, data_key, NO_GPG)
        return crypt.seal_file(parse(text, format), metadata, data_key, now=self.now).document.to_bytes()

    def open(self, path: str, sealed: bytes) -> Opened:
        """What a private key makes of a file."""
        return crypt.open_file(crypt.load(sealed, format_for_path(path)), self.keyring)

    def secrets(self, path: str, sealed: bytes) -> list[Leaf]:
        """The leaves whose values are encrypted."""
        opened = self.open(path, sealed)
        places = {item.path for item, _ in opened.opened if hasattr(item, "key")}  # type: ignore[union-attr]
        return [leaf for leaf in opened.plain.leaves() if leaf.path in places]

    def set(self, path: str, sealed: bytes, key: KeyPath, value: str) -> bytes:
        """`set`."""
        changed = set_value(self.open(path, sealed), key, value, now=self.now, idempotent=False, indent=None)
        return changed if changed is not None else sealed

    def unset(self, path: str, sealed: bytes, key: KeyPath) -> bytes:
        """`unset`."""
        changed = unset_value(self.open(path, sealed), key, now=self.now, idempotent=False, indent=None)
        return changed if changed is not None else sealed

    def update_keys(self, path: str, sealed: bytes, recipients: Sequence[str]) -> bytes:
        """`updatekeys`."""
        file = crypt.load(sealed, format_for_path(path))
        return update_keys(file, (_keys(recipients),), 0, self.keyring)

    def rotate(self, path: str, sealed: bytes) -> bytes:
        """`rotate`."""
        return rotate(self.open(path, sealed), gpg=NO_GPG, now=self.now).data

    def plaintext(self, path: str, sealed: bytes) -> bytes:
        """`decrypt`."""
        return self.open(path, sealed).plain.to_bytes()


def _keys(recipients: Sequence[str]) -> tuple[MasterKey, ...]:
    return tuple(AgeKey(recipient) for recipient in recipients)
