"""The keyring of the operating system (Secret Service, KWallet, Keychain) through the package `keyring`.

Asking it costs more than a second where nobody answers, so a list of the recipients stored there is kept in a file
beside our configuration, and the package is loaded only if that list has one.
"""

# pathlib would cost a tenth of the start-up time

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

from sopskit.errors import FileAccessError, IdentityError, KeyAccessError, RefusedError
from sopskit.keysources.source import Timing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sopskit.age import Identity

SERVICE = "sopskit"
INDEX_VERSION = 1
# They keep nothing, or keep it readable: the null one accepts and loses, those of keyrings.alt write to files.
REFUSED_MODULES = ("keyring.backends.null", "keyring.backends.fail", "keyrings.alt")


class StoredKey(NamedTuple):
    """A line of the index: the public half of what is in the keyring. `created` is RFC 3339, UTC."""

    recipient: str
    created: str


class OsKeyring:
    """The identities that the index lists."""

    timing = Timing(late=True)

    def __init__(self, index: str) -> None:
        """`index` is the path of the list."""
        self.location = "OS keyring"
        self._index = index

    def is_there(self) -> bool:
        """Whether there is a list."""
        return os.path.exists(self._index)

    def load(self, recipient: str) -> Sequence[Identity]:  # noqa: ARG002 the protocol's
        """The identities. Raises `KeyAccessError` if the keyring does not answer, `FileAccessError`, `IdentityError`."""
        from sopskit.age import parse_identity

        stored = (fetch(key.recipient) for key in read_index(self._index))
        return [parse_identity(text) for text in stored if text is not None]

    def recipients(self) -> Sequence[str]:
        """What the index lists; the keyring is not asked."""
        return [key.recipient for key in read_index(self._index)]


def read_index(path: str) -> tuple[StoredKey, ...]:
    """The list; empty if there is none. Raises `FileAccessError`, and `IdentityError` for another kind of file."""
    import json

    try:
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
        if content["version"] != INDEX_VERSION:
            raise IdentityError("written by a newer sopskit").at(file=path)
        return tuple(StoredKey(str(key["recipient"]), str(key["created"])) for key in content["keys"])
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise FileAccessError(f"cannot be read: {(error.strerror or 'input/output error').lower()}").at(
            file=path
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise IdentityError("not a list of keys in the OS keyring", hint="move the file away").at(file=path) from None


def index_text(keys: Sequence[StoredKey]) -> bytes:
    """The list as a file."""
    import json

    entries = [{"recipient": key.recipient, "created": key.created} for key in keys]
    return (json.dumps({"version": INDEX_VERSION, "keys": entries}, indent=2) + "\n").encode()


def fetch(recipient: str) -> str | None:
    """The identity's text, None if it is not there. Raises `KeyAccessError` if the keyring does not answer."""
    text: str | None = _call("get_password", SERVICE, recipient)
    return text


def store(recipient: str, identity: str) -> None:
    """Store an identity, and read it back. Raises `RefusedError`, and `KeyAccessError` if it cannot be kept."""
    check_backend()
    _call("set_password", SERVICE, recipient, identity)
    if fetch(recipient) != identity:
        raise KeyAccessError(
            "the OS keyring took the key, but does not give it back", hint="store it in a file: --store file"
        )


def forget(recipient: str) -> None:
    """Remove an identity. Raises `KeyAccessError`; what is not there is removed already."""
    if fetch(recipient) is not None:
        _call("delete_password", SERVICE, recipient)


def check_backend() -> None:
    """Raise `RefusedError` if the keyring in use keeps nothing, or keeps it readable."""
    for backend in _members(_backend()):
        name = f"{type(backend).__module__}.{type(backend).__name__}"
        if name.startswith(REFUSED_MODULES):
            raise RefusedError(
                f"there is no safe OS keyring here: {name} is in use",
                hint="start a Secret Service (gnome-keyring, KWallet), or store the key in a file: --store file",
            )


def _backend() -> Any:
    try:
        import keyring

        return keyring.get_keyring()
    except Exception as error:  # noqa: BLE001 backends are plug-ins and raise what they like
        raise KeyAccessError(f"the OS keyring cannot be loaded ({type(error).__name__})") from None


def _members(backend: Any) -> Iterator[Any]:
    """The backend, and those that it hands a call on to."""
    yield backend
    for member in getattr(backend, "backends", ()):
        yield from _members(member)


def _call(method: str, *arguments: str) -> Any:
    backend = _backend()
    try:
        return getattr(backend, method)(*arguments)
    except Exception as error:  # noqa: BLE001 as above; its text may quote what was stored
        raise KeyAccessError(
            f"the OS keyring does not answer ({type(error).__name__})", hint="unlock it, or check that it runs"
        ) from None
