"""What a private key adds to the review of a file: whether its MAC is right, and its plaintexts, in memory only."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sopskit.document import Leaf
from sopskit.errors import DataKeyError, FormatError, IntegrityError, MacMismatchError, SopskitError
from sopskit.review.compare import Keys
from sopskit.review.model import Sides
from sopskit.sops.crypt import SopsFile, open_values
from sopskit.sops.datakey import recover_data_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sopskit.document import Comment, Path, Plain
    from sopskit.review.compare import Place
    from sopskit.review.model import MacState
    from sopskit.review.sides import Side
    from sopskit.secret import DataKey
    from sopskit.sops.masterkeys import Keyring, MasterKey
    from sopskit.sops.metadata import Metadata


PGP = "pgp"


class OpenedSide(NamedTuple):
    """One side as a private key shows it. `problem` is why it could not be opened, free of any value.

    Without its data key nothing is known: the file may be for others. With it, a file that does not open is damaged.
    """

    data_key: DataKey | None = None
    plain: Mapping[Place, Plain] | None = None
    mac: MacState | None = None
    problem: str | None = None

    def __repr__(self) -> str:
        """No content."""
        return f"<opened side, mac {self.mac}>"


NOT_OPENED = OpenedSide()


class Opener:
    """Opens SOPS files with the private keys at hand. Files that nobody here can read stay closed, which is no error."""

    def __init__(self, keyring: Keyring) -> None:
        """Nothing is opened yet."""
        self._keyring = keyring
        self._data_keys: dict[object, DataKey | None] = {}
        self._gpg_keys: frozenset[str] | None = None

    def open(self, side: Side | None) -> OpenedSide:
        """Decrypt one side. Never raises for what is in the file."""
        if side is None or side.metadata is None or side.document is None:
            return NOT_OPENED
        data_key = self._data_key(side.metadata)
        if data_key is None:
            return NOT_OPENED
        file = SopsFile(side.document, side.metadata)
        try:
            opened, _ = open_values(file, data_key)
        except MacMismatchError:
            return self._without_mac(file, data_key)
        except (FormatError, IntegrityError) as error:
            return OpenedSide(data_key, mac="invalid", problem=str(error))
        return OpenedSide(data_key, _by_place(opened), "valid")

    def _without_mac(self, file: SopsFile, data_key: DataKey) -> OpenedSide:
        """What changed can be told all the same; that the MAC is wrong is told first."""
        try:
            opened, _ = open_values(file, data_key, verify_mac=False)
        except SopskitError as error:
            return OpenedSide(data_key, mac="invalid", problem=str(error))
        return OpenedSide(data_key, _by_place(opened), "invalid" if file.metadata.mac else "missing")

    def _data_key(self, metadata: Metadata) -> DataKey | None:
        """Opened once for the same wrapped keys: most commits leave them alone, and both sides have them."""
        groups = tuple(tuple(key.enc for key in group) for group in metadata.groups)
        wrapped = (groups, metadata.shamir_threshold, metadata.version)
        if wrapped not in self._data_keys:
            try:
                metadata.check_version()
                self._data_keys[wrapped] = recover_data_key(self._within_reach(metadata), self._keyring)
            except (DataKeyError, FormatError):
                self._data_keys[wrapped] = None
        return self._data_keys[wrapped]

    def _within_reach(self, metadata: Metadata) -> Metadata:
        """Without the PGP keys that gpg has no private half of: trying each would start gpg for every file."""
        groups = tuple(tuple(key for key in group if self._may_open(key)) for group in metadata.groups)
        return metadata if groups == metadata.groups else metadata.replace(groups=groups)

    def _may_open(self, key: MasterKey) -> bool:
        if key.kind != PGP:
            return True
        if self._gpg_keys is None:
            try:
                self._gpg_keys = self._keyring.gpg().secret_keys()
            except SopskitError:
                self._gpg_keys = frozenset()
        return key.id.replace(" ", "").upper() in self._gpg_keys


def _by_place(opened: list[tuple[Leaf | Comment, Plain]]) -> dict[Place, Plain]:
    return {(item.parent.document, item.path): plain for item, plain in opened if isinstance(item, Leaf)}


def keys_of(opened: Sides[OpenedSide], *, trusted: bool, told: bool) -> Keys:
    """What both sides together say, under the oracle guard.

    Whoever wrote a right MAC under the data key that base has could read that data key, and so base. Whoever brought
    another key, or no right MAC, may have written guesses, and would read from the answer whether they are right: then
    nothing is compared, unless the author is known to be a reader (`trusted`). `told`: the verdict on head's MAC may be said.
    """
    base, head = opened
    same = None
    if base.data_key is not None and head.data_key is not None:
        same = base.data_key == head.data_key
    by_reader = bool(same) and told and head.mac == "valid"
    return Keys(Sides(base.plain, head.plain), same, may_compare=by_reader or trusted)


def tells_nothing(sides: Sides[Side | None], opened: Sides[OpenedSide]) -> bool:
    """Whether the verdict on head's MAC answers no question of somebody without the data key.

    The MAC covers plain values and encrypted ones in one piece. Put in the place of a token, or at the end of a plain value
    before it, a guess would make an old MAC right if it is right. So the verdict is said only if all plain text that the
    MAC covers stood in base, under the same data key and a right MAC, and the rule is base's: what is left to change are
    tokens, which only a reader can make.
    """
    base, head = sides
    if opened.base.data_key is None or opened.base.data_key != opened.head.data_key or opened.base.mac != "valid":
        return False
    if base is None or head is None or base.metadata is None or head.metadata is None:
        return False
    old, new = base.metadata, head.metadata
    if (old.selection, old.mac_only_encrypted) != (new.selection, new.mac_only_encrypted):
        return False
    return _plain_leaves(head) <= _plain_leaves(base)


def _plain_leaves(side: Side) -> set[tuple[int, Path, bytes]]:
    leaves = side.document.leaves() if side.document else ()
    return {(leaf.parent.document, leaf.path, leaf.data) for leaf in leaves if leaf.data and side.token(leaf) is None}
