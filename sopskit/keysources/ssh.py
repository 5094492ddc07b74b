"""SSH private keys: SOPS_AGE_SSH_PRIVATE_KEY_FILE, ~/.ssh/id_ed25519 and ~/.ssh/id_rsa."""

# pathlib would cost a tenth of the start-up time

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sopskit.errors import IdentityError
from sopskit.keysources.keyfile import read_private
from sopskit.keysources.source import Timing
from sopskit.keysources.text import passphrase_for, recipients_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sopskit.age import Identity
    from sopskit.keysources.source import Prompt, Warn

# bytes
SSH_SIZE_LIMIT = 16 * 1024
SSH_TIMING = Timing(late=True, stanza_prefix="ssh-", interactive=True)


class SshKeyFile:
    """An SSH key file; its passphrase is asked for only if the file is encrypted to this very key."""

    timing = SSH_TIMING

    def __init__(self, path: str, prompt: Prompt | None, warn: Warn | None, *, variable: str | None = None) -> None:
        """`variable` is the environment variable that names the file, if one does."""
        self.location = f"{variable}={path}" if variable else path
        self._path = path
        self._prompt = prompt
        self._warn = warn
        self._named = variable is not None

    def is_there(self) -> bool:
        """Whether it is to be read."""
        return self._named or os.path.exists(self._path)

    def load(self, recipient: str) -> Sequence[Identity]:  # noqa: ARG002 the protocol's
        """The key. Raises `FileAccessError`, `LimitError`, `IdentityError`."""
        from sopskit.age import parse_ssh_identity

        data = read_private(self._path, SSH_SIZE_LIMIT, self._warn)
        question = passphrase_for(f"SSH key {self._path}", self._prompt)
        try:
            return [parse_ssh_identity(data, question, public_key=self._public_key())]
        except IdentityError as error:
            raise error.at(file=self._path) from None

    def recipients(self) -> Sequence[str]:
        """The public halves of what is in it."""
        return recipients_of(self.load(""), self._path)

    def _public_key(self) -> bytes | None:
        """The `.pub` file beside it: older encrypted keys do not tell their public half."""
        try:
            with open(f"{self._path}.pub", "rb") as file:
                return file.read(SSH_SIZE_LIMIT)
        except OSError:
            return None
