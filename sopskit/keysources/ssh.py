"""SSH private keys: SOPS_AGE_SSH_PRIVATE_KEY_FILE, ~/.ssh/id_ed25519 and ~/.ssh/id_rsa."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sopskit.errors import IdentityError
from sopskit.keysources.keyfile import KeyFile, read_private
from sopskit.keysources.source import Timing
from sopskit.keysources.text import passphrase_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sopskit.age import Identity

# bytes
SSH_SIZE_LIMIT = 16 * 1024
SSH_TIMING = Timing(late=True, stanza_prefix="ssh-", interactive=True)


class SshKeyFile(KeyFile):
    """An SSH key file; its passphrase is asked for only if the file is encrypted to this very key."""

    timing = SSH_TIMING

    def load(self, recipient: str) -> Sequence[Identity]:  # noqa: ARG002 the protocol's
        """The key. Raises `FileAccessError`, `LimitError`, `IdentityError`."""
        from sopskit.age import parse_ssh_identity

        data = read_private(self._path, SSH_SIZE_LIMIT, self._warn)
        question = passphrase_for(f"SSH key {self._path}", self._prompt)
        try:
            return [parse_ssh_identity(data, question, public_key=self._public_key())]
        except IdentityError as error:
            raise error.at(file=self._path) from None

    def _public_key(self) -> bytes | None:
        """The `.pub` file beside it: older encrypted keys do not tell their public half."""
        try:
            with open(f"{self._path}.pub", "rb") as file:
                return file.read(SSH_SIZE_LIMIT)
        except OSError:
            return None
