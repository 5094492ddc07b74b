"""What a source of private keys is, and how it is put off until it is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from sopskit.errors import (
    CommandError,
    FileAccessError,
    IdentityError,
    KeyAccessError,
    LimitError,
    RecipientError,
    RefusedError,
    UsageError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeAlias

    from sopskit.age import Identity, Stanza
    from sopskit.secret import FileKey

    Prompt: TypeAlias = Callable[[str], str]
    Warn: TypeAlias = Callable[[str], None]

# A source may fail in these ways without harm to the others. A broken file or stanza is not among them.
# `UsageError` is a question without a terminal, `RecipientError` an SSH key too small to be one.
SOURCE_ERRORS = (
    CommandError,
    FileAccessError,
    IdentityError,
    KeyAccessError,
    LimitError,
    RecipientError,
    RefusedError,
    UsageError,
)
# bytes; more is no list of keys (SOPS section 9.2 has the same limit for encrypted ones)
SIZE_LIMIT = 16 * 1024 * 1024


class Timing(NamedTuple):
    """When a source is opened.

    A `late` one is opened only if no other identity matched; `stanza_prefix` leaves it closed unless the file has a
    stanza of such a type; an `interactive` one may ask somebody, and comes last. What one gives may depend on the
    recipient.
    """

    late: bool = False
    stanza_prefix: str = ""
    interactive: bool = False
    per_recipient: bool = False


class Source(Protocol):
    """One place where private keys may be."""

    @property
    def location(self) -> str:
        """The place, as the user knows it: a variable's name or a path."""
        ...

    @property
    def timing(self) -> Timing:
        """When to open it."""
        ...

    def is_there(self) -> bool:
        """Whether there is something to load; costs next to nothing."""
        ...

    def load(self, recipient: str) -> Sequence[Identity]:
        """The identities, for a file with this recipient. Raises one of `SOURCE_ERRORS`."""
        ...

    def recipients(self) -> Sequence[str]:
        """The public halves, as far as nothing has to be run or asked for them. Raises one of `SOURCE_ERRORS`."""
        ...


class Deferred:
    """Identities that are loaded at their first use. What fails while doing so is noted, and is then no match."""

    __slots__ = ("_load", "_note", "_timing")

    def __init__(
        self, load: Callable[[], Sequence[Identity]], note: Callable[[Exception], None], timing: Timing
    ) -> None:
        """`load` gives the identities; `note` takes what went wrong."""
        self._load = load
        self._note = note
        self._timing = timing

    @property
    def interactive(self) -> bool:
        """Whether somebody may be asked."""
        return self._timing.interactive

    def unwrap(self, stanzas: Sequence[Stanza]) -> FileKey | None:
        """What the first matching identity gives. Raises `HeaderError` for a malformed stanza."""
        prefix = self._timing.stanza_prefix
        if prefix and not any(stanza.type.startswith(prefix) for stanza in stanzas):
            return None
        try:
            for identity in self._load():
                file_key = identity.unwrap(stanzas)
                if file_key is not None:
                    return file_key
        except SOURCE_ERRORS as error:
            self._note(error)
        return None
