"""SOPS_AGE_KEY: identities in the environment itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sopskit.keysources.source import Timing
from sopskit.keysources.text import read_identities, recipients_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sopskit.age import Identity
    from sopskit.keysources.source import Prompt

VARIABLE = "SOPS_AGE_KEY"


class KeyVariable:
    """The variable's text: identities with any white space between them, and comment lines."""

    location = VARIABLE
    timing = Timing()

    def __init__(self, environ: Mapping[str, str], prompt: Prompt | None) -> None:
        """Read nothing yet."""
        self._environ = environ
        self._prompt = prompt

    def is_there(self) -> bool:
        """Whether the variable is set."""
        return VARIABLE in self._environ

    def load(self, recipient: str) -> Sequence[Identity]:  # noqa: ARG002 the protocol's
        """The identities in it."""
        from sopskit.age import identity_file_kind

        text = self._environ[VARIABLE]
        data = text.encode("utf-8", "surrogateescape")
        if identity_file_kind(data) != "encrypted":
            words = (line.split() for line in text.split("\n") if not line.startswith("#"))
            data = "\n".join(word for line in words for word in line).encode("utf-8", "surrogateescape")
        return read_identities(data, self.location, self._prompt)

    def recipients(self) -> Sequence[str]:
        """The public halves of what is in it."""
        return recipients_of(self.load(""), self.location)
