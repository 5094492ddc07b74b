"""Every exception of sopskit. One root, so that one `except SopskitError` is enough.

    SopskitError
      FormatError            the text is not what it should be
        DocumentSyntaxError    YAML, JSON, dotenv or INI that cannot be read
        LimitError             larger, deeper or more aliased than allowed
        MetadataError          the `sops` block
        EncryptedValueError    an `ENC[...]` token
        ConfigError            `.sops.yaml`, `.sopskit.yaml`
        PathNotFoundError      a key path leads nowhere
        RecipientError         a public key's text
        IdentityError          a private key's text or file
        HeaderError            an age header, or a stanza in it
        ArmorError             age ASCII armor
      StateError             right command, wrong state of the file
        AlreadyEncryptedError  NotEncryptedError  NoMatchingRuleError  EmptyFileError
        FileChangedError       somebody else wrote the file meanwhile
        UnchangedError         the editor changed nothing
      KeyAccessError         no private key at hand opens it
        NoIdentityMatchError   age: header fine, none of the identities opens a stanza
        DataKeyError           no master key, or too few key groups, gave the data key
        ForeignKeyError        would have to wrap for a key service that sopskit does not operate
      IntegrityError         opened, but not what was written
        MacMismatchError       ValueTamperedError
        HeaderMacError         PayloadError (both age)
      ToolError              a program we started failed
        GpgError  GitError  EditorError  CommandError  BuildError
        RemoteError (of `git`: a GitError with the reason why a remote gave nothing)
      ClusterError           the API server cannot be reached, or refuses
        UnreachableError       no answer for as long as was waited
        RefusalError           an answer that refuses one request
        RefusedPlanError  StoppedError  ForeignError  ForbiddenError (of `deploy.apply`: they carry its types)
      FileAccessError        a file cannot be read or written
      RefusedError           we could, but will not
      UsageError             options that exclude each other, a missing argument

Messages start in lower case, have no full stop, and never hold a value. `hint` says what to try.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence


class Location:
    """Where an error is: any of file, line and column (1-based, code points), and key path."""

    __slots__ = ("column", "file", "key", "line")

    def __init__(
        self,
        file: str | None = None,
        line: int | None = None,
        column: int | None = None,
        key: Sequence[str | int] | None = None,
    ) -> None:
        """Store the parts; each may be missing."""
        self.file = file
        self.line = line
        self.column = column
        self.key = tuple(key) if key is not None else None

    def __str__(self) -> str:
        """`file:line:column: key.path`, as far as known."""
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)
        if self.file is None and place:
            place = f"line {place}"
        if self.key is None:
            return place
        path = format_path(self.key)
        return f"{place}: {path}" if place else path


def format_path(path: Sequence[str | int]) -> str:
    """Spell a key path in sops's own notation: `["data"]["list"][0]`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f'["{part}"]' for part in path)


class SopskitError(Exception):
    """Root of all. `message` and `hint` are for people, the class is for programs."""

    def __init__(self, message: str, *, location: Location | None = None, hint: str | None = None) -> None:
        """Keep message, place and advice apart."""
        super().__init__(message)
        self.message = message
        self.location = location
        self.hint = hint

    def at(
        self,
        *,
        file: str | None = None,
        line: int | None = None,
        column: int | None = None,
        key: Sequence[str | int] | None = None,
    ) -> SopskitError:
        """Fill in parts of the location that are not known yet; returns self for `raise`."""
        old = self.location or Location()
        self.location = Location(
            old.file or file,
            old.line if old.line is not None else line,
            old.column if old.column is not None else column,
            old.key if old.key is not None else key,
        )
        return self

    def __str__(self) -> str:
        """Place, then message; the hint stays apart."""
        place = str(self.location) if self.location else ""
        return f"{place}: {self.message}" if place else self.message


class FormatError(SopskitError):
    """The text is not what it should be."""


class DocumentSyntaxError(FormatError):
    """YAML, JSON, dotenv or INI that cannot be read."""


class LimitError(FormatError):
    """Larger, deeper or more aliased than allowed."""


class MetadataError(FormatError):
    """The `sops` block is broken."""


class EncryptedValueError(FormatError):
    """An `ENC[...]` token is broken, or plain text stands where a token must be."""


class ConfigError(FormatError):
    """`.sops.yaml` or `.sopskit.yaml` cannot be used."""


class PathNotFoundError(FormatError):
    """A key path leads nowhere, or through a scalar."""


class RecipientError(FormatError):
    """A public key's text is not one."""


class IdentityError(FormatError):
    """A private key's text or file is not one. The text is never quoted."""


class HeaderError(FormatError):
    """An age header, or a stanza of a type in use, is malformed or refused."""


class ArmorError(FormatError):
    """Age ASCII armor is malformed."""


class StateError(SopskitError):
    """Right command, wrong state of the file."""


class AlreadyEncryptedError(StateError):
    """The file has a `sops` entry."""


class NotEncryptedError(StateError):
    """The file has no `sops` metadata."""


class NoMatchingRuleError(StateError):
    """No creation rule fits the path, or there is none and no key was named."""


class EmptyFileError(StateError):
    """A file without a document cannot be encrypted."""


class FileChangedError(StateError):
    """Somebody else wrote the file between our read and our write."""


class UnchangedError(StateError):
    """The editor changed nothing."""


class KeyAccessError(SopskitError):
    """No private key at hand opens it."""


class NoIdentityMatchError(KeyAccessError):
    """The age header is fine, but no identity opens a stanza (a wrong passphrase included)."""


class GroupReport(NamedTuple):
    """How one key group fared: `keys` pairs each key tried with what went wrong (empty: it opened)."""

    opened: bool
    keys: tuple[tuple[str, str], ...]


class DataKeyError(KeyAccessError):
    """No master key, or too few key groups, gave the data key. `groups` tells what was tried, in file order."""

    def __init__(
        self, message: str, groups: Sequence[GroupReport], *, threshold: int = 0, hint: str | None = None
    ) -> None:
        """Keep the report beside the message; `threshold` is that of Shamir's scheme, 0 without."""
        super().__init__(message, hint=hint)
        self.groups = tuple(groups)
        self.threshold = threshold


class ForeignKeyError(KeyAccessError):
    """An operation would have to wrap the data key for a key service that sopskit does not operate."""


class IntegrityError(SopskitError):
    """Opened, but not what was written."""


class MacMismatchError(IntegrityError):
    """The MAC of the file does not fit its values."""


class ValueTamperedError(IntegrityError):
    """One value does not open under its path. Names the path, never the value."""


class HeaderMacError(IntegrityError):
    """A file key was found, but the MAC of the age header is wrong."""


class PayloadError(IntegrityError):
    """The payload of an age file is damaged or cut off."""


class ToolError(SopskitError):
    """A program we started failed."""


class GpgError(ToolError):
    """The gpg program failed, was not found, or did not do what its status lines must say."""


class GitError(ToolError):
    """The git program failed, or an object is not there."""


class EditorError(ToolError):
    """The editor could not be started, or failed."""


class CommandError(ToolError):
    """A command named in an environment variable failed."""


class BuildError(ToolError):
    """A manifest builder (kustomize, helm) failed."""


class ClusterError(SopskitError):
    """The API server cannot be reached, or refuses."""


class UnreachableError(ClusterError):
    """No answer, or one that asks to come back later, for as long as was waited."""


class RefusalError(ClusterError):
    """A request was answered with a refusal. Made by `cluster.refusals.refusal`, which lets no text of the answer in."""

    def __init__(
        self,
        message: str,
        *,
        status: int,
        reason: str = "",
        fields: Sequence[str] = (),
        managers: Sequence[str] = (),
        webhook: str = "",
        hint: str | None = None,
    ) -> None:
        """`status` is HTTP's, `reason` Kubernetes'; the fields and their managers if it is a conflict; the webhook."""
        super().__init__(message, hint=hint)
        self.status = status
        self.reason = reason
        self.fields = tuple(fields)
        self.managers = tuple(managers)
        self.webhook = webhook

    @property
    def is_conflict(self) -> bool:
        """Whether other field managers own what was to be applied."""
        return bool(self.managers)


class FileAccessError(SopskitError):
    """A file or folder cannot be read or written."""


class RefusedError(SopskitError):
    """We could, but will not: it would leak or lose something."""


class UsageError(SopskitError):
    """Options that exclude each other, or a missing argument."""
