"""Values that did not change keep their ciphertext, so that a Git diff shows what changed and nothing else.

sops remembers a nonce under the value, its type and its path (SOPS section 4.3). So do we, with two differences that
its readers do not see: equal elements of one list keep each its own token, and what is compared is the text of the
plaintext document as well, so that a number spelled anew (`5.0`, then `5.00`) is sealed anew.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from sopskit.document import Leaf
from sopskit.sops import values

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    from sopskit.document import Comment, Document, Path
    from sopskit.sops.crypt import Opened

Key = tuple[str, str, bytes]  # additional data, kind, canonical bytes


class _Sealed(NamedTuple):
    token: str
    spelling: bytes


class Reuse:
    """The tokens of an older version, each handed out once.

    Under the same data key a token is given as it is: the same IV must never meet another plaintext. Under
    another data key the same plaintext is sealed anew under its old IV, as `rotate` does, unless the older version
    has that IV at another value as well: its writer, who need not be a friend, chose the IVs.
    """

    __slots__ = ("_ivs", "_kinds", "_like", "_same_key", "_sealed", "_spelled")

    def __init__(self, like: Opened, *, same_key: bool) -> None:
        """Index the older version's tokens by path, kind and value."""
        self._like = like
        self._same_key = same_key
        # sops up to 3.13.1 sealed every JSON number as a float; its text tells no difference, so neither do we
        self._kinds = {"float": "int"} if like.plain.format.NAME == "json" else {}
        self._sealed: dict[Key, deque[_Sealed]] = {}
        for item, plain in like.opened:
            key = (item.aad, self._kinds.get(plain.kind, plain.kind), plain.data)
            self._sealed.setdefault(key, deque()).append(_Sealed(item.value, plain.spelling))
        self._spelled: frozenset[tuple[str, str, str]] | None = None
        self._ivs: dict[bytes, tuple[str, bytes]] = {}

    def token(self, item: Leaf | Comment, kind: str, cipher: AESGCM) -> str | None:
        """The token for an unchanged value, or None."""
        data = item.data if item.__class__ is Leaf else item.value.encode("utf-8", "surrogateescape")
        queue = self._sealed.get((item.aad, self._kinds.get(kind, kind), data))
        if not queue:
            return None
        sealed = queue[0]
        if sealed.spelling != values.plaintext(item) and not self._was_spelled(item, kind):
            return None
        queue.popleft()
        if self._same_key:
            return sealed.token
        value = values.EncryptedValue.parse(sealed.token)
        if len(value.iv) != values.IV_SIZE or not self._is_new(value.iv, item.aad, sealed.spelling):
            return None
        return values.seal(cipher, sealed.spelling, kind, item.aad.encode("utf-8", "surrogateescape"), value.iv)

    def _is_new(self, iv: bytes, aad: str, spelling: bytes) -> bool:
        """Whether no other plaintext or path was sealed under this IV: two of them would give the cipher's hash key away."""
        return self._ivs.setdefault(iv, (aad, spelling)) == (aad, spelling)

    def _was_spelled(self, item: Leaf | Comment, kind: str) -> bool:
        """Whether the older plaintext spelled this value just so: sops writes `True` inside, we show `true`."""
        if self._spelled is None:
            self._spelled = frozenset((leaf.aad, leaf.kind, leaf.value) for leaf in self._like.plain.leaves())
        return (item.aad, kind, item.value) in self._spelled

    def one_line(self, plain: Document) -> frozenset[tuple[int, Path]]:
        """Which values stood as bare tokens in the older file though their plaintext does not stand bare.

        sops writes so; a leaf whose source text is the same as in the older plaintext shall again.
        """
        encrypted = {(leaf.parent.document, leaf.path) for leaf in self._like.file.document.leaves() if not leaf.style}
        before = self._like.plain
        spelled = {
            (leaf.parent.document, leaf.path): before.text[leaf.start : leaf.end]
            for leaf in before.leaves()
            if leaf.style
        }
        return frozenset(
            place
            for leaf in plain.leaves()
            if leaf.style
            and (place := (leaf.parent.document, leaf.path)) in encrypted
            and spelled.get(place) == plain.text[leaf.start : leaf.end]
        )
