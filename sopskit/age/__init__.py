"""age v1 files: encrypt bytes to recipients, decrypt them with identities. Knows nothing of SOPS.

The public names are loaded on first use: a program that decrypts a file for an X25519 identity never
loads the modules of the other kinds of keys.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sopskit.age.file import decrypt, encrypt
    from sopskit.age.header import HEADER_LIMIT, Header, Stanza, Wrapped
    from sopskit.age.hybrid import generate_hybrid
    from sopskit.age.identityfile import EncryptedIdentities
    from sopskit.age.parse import (
        identity_file_kind,
        parse_identities,
        parse_identity,
        parse_recipient,
        parse_recipients,
    )
    from sopskit.age.protocols import Identity, KeyIdentity, Recipient
    from sopskit.age.scrypt import ScryptIdentity, ScryptRecipient
    from sopskit.age.sshkeyfile import parse_ssh_identity
    from sopskit.age.x25519 import generate_x25519
else:
    _HOMES = {
        "HEADER_LIMIT": "header",
        "EncryptedIdentities": "identityfile",
        "Header": "header",
        "Identity": "protocols",
        "KeyIdentity": "protocols",
        "Recipient": "protocols",
        "ScryptIdentity": "scrypt",
        "ScryptRecipient": "scrypt",
        "Stanza": "header",
        "Wrapped": "header",
        "decrypt": "file",
        "encrypt": "file",
        "generate_hybrid": "hybrid",
        "generate_x25519": "x25519",
        "identity_file_kind": "parse",
        "parse_identities": "parse",
        "parse_identity": "parse",
        "parse_recipient": "parse",
        "parse_recipients": "parse",
        "parse_ssh_identity": "sshkeyfile",
    }

    def __getattr__(name: str) -> object:
        """Load the module that holds a public name; the name then stays here."""
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        """The public names."""
        return sorted(_HOMES)


__all__ = [
    "HEADER_LIMIT",
    "EncryptedIdentities",
    "Header",
    "Identity",
    "KeyIdentity",
    "Recipient",
    "ScryptIdentity",
    "ScryptRecipient",
    "Stanza",
    "Wrapped",
    "decrypt",
    "encrypt",
    "generate_hybrid",
    "generate_x25519",
    "identity_file_kind",
    "parse_identities",
    "parse_identity",
    "parse_recipient",
    "parse_recipients",
    "parse_ssh_identity",
]
