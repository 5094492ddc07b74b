"""Private keys from a Kubernetes Secret that is read through the API; data keys are named as in `mounted`."""

from __future__ import annotations

import re
from binascii import a2b_base64
from typing import TYPE_CHECKING, Any

from sopskit.errors import ClusterError, ConfigError, KeyAccessError
from sopskit.keysources import mounted

if TYPE_CHECKING:
    from sopskit.cluster import Connection
    from sopskit.keysources.mounted import SecretKeyring

# names of Kubernetes objects: RFC 1123 labels, of which a Secret's name may have several
LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
NAMESPACE = re.compile(LABEL)
NAME = re.compile(rf"{LABEL}(\.{LABEL})*")
LONGEST_NAME, LONGEST_NAMESPACE = 253, 63  # characters


def load(connection: Connection, namespace: str, name: str, *, search_path: str | None = None) -> SecretKeyring:
    """The keys of one Secret. It is read once: load it again to see another version.

    `search_path` is where gpg is looked for (None: this process's PATH). Raises `KeyAccessError` if there is no such
    Secret or no private key in it, `ConfigError` for what is no name, `ClusterError` if the API server cannot be
    reached or refuses, and what `mounted.from_data` raises.
    """
    return mounted.from_data(read(connection, namespace, name), place=place(namespace, name), search_path=search_path)


def read(connection: Connection, namespace: str, name: str) -> dict[str, bytes]:
    """The data keys with private keys, decoded. Raises as `load` does."""
    content = _get(connection, namespace, name)
    data = content.get("data")
    entries = data.items() if isinstance(data, dict) else ()
    return {key: _decoded(key, text, place(namespace, name)) for key, text in entries if mounted.is_key_name(key)}


def place(namespace: str, name: str) -> str:
    """What messages call a Secret."""
    return f"Secret {namespace}/{name}"


def _get(connection: Connection, namespace: str, name: str) -> dict[str, Any]:
    if len(namespace) > LONGEST_NAMESPACE or not NAMESPACE.fullmatch(namespace):
        raise ConfigError("the namespace of the Secret with keys is no name of a namespace")
    if len(name) > LONGEST_NAME or not NAME.fullmatch(name):
        raise ConfigError("the name of the Secret with keys is no name of a Secret")
    try:
        content = connection.get(f"/api/v1/namespaces/{namespace}/secrets/{name}")
    except ClusterError as error:
        raise error.at(file=place(namespace, name)) from None
    if content is None:
        raise KeyAccessError(
            "there is no such Secret in the cluster", hint="it holds the private keys that open the files"
        ).at(file=place(namespace, name))
    return content


def _decoded(key: str, text: object, place: str) -> bytes:
    try:
        return a2b_base64(text, strict_mode=True) if isinstance(text, str) else b""
    except ValueError:
        raise KeyAccessError("the data key holds no base64").at(file=f"{place}/{key}") from None
