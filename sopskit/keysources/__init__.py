"""Where private keys come from: one source per file, gathered in a keyring.

`environment_keyring(environ)` is the entry. It reads what sops reads (SOPS section 9.2) and the keyring of the
operating system, and it reads as little as it can: key files first, then SSH keys, commands and the OS keyring if
those did not match, and last of all whatever has to ask for a passphrase.
"""

from __future__ import annotations

from sopskit.keysources.environment import EnvironmentKeyring, environment_keyring, environment_sources

__all__ = ["EnvironmentKeyring", "environment_keyring", "environment_sources"]
