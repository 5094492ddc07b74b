"""From the bytes of a source to identities: plain lines, or an encrypted identity file."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from sopskit.errors import IdentityError, KeyAccessError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import NoReturn

    from sopskit.age import Identity, KeyIdentity, Stanza
    from sopskit.keysources.source import Prompt


PLUGIN_PREFIX = "AGE-PLUGIN-"


class PluginIdentity:
    """An identity that only a plugin could use. The keys beside it in the same file are none the worse for it."""

    interactive: ClassVar[bool] = True

    def unwrap(self, stanzas: Sequence[Stanza]) -> NoReturn:  # noqa: ARG002 the protocol's
        """Say why it is no help."""
        raise IdentityError("an identity of an age plugin, and plugins are not supported yet")


def read_identities(data: bytes, location: str, prompt: Prompt | None) -> Sequence[Identity]:
    """The identities in `data`; none if there are only comments. Raises `IdentityError`, which never quotes."""
    from sopskit.age import identity_file_kind, parse_identities

    if identity_file_kind(data) == "encrypted":
        from sopskit.age import EncryptedIdentities

        return [EncryptedIdentities(data, passphrase_for(f"identity file {location}", prompt))]
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise IdentityError("the text is not UTF-8").at(file=location) from None
    lines = ["" if line.startswith("#") else line.removesuffix("\r") for line in text.split("\n")]
    plugins = [PluginIdentity() for line in lines if line.startswith(PLUGIN_PREFIX)]
    lines = ["" if line.startswith(PLUGIN_PREFIX) else line for line in lines]
    if not any(lines):
        return plugins
    try:
        return [*parse_identities("\n".join(lines)), *plugins]
    except IdentityError as error:
        raise error.at(file=location) from None


def recipients_of(identities: Sequence[Identity], location: str) -> list[str]:
    """The public halves of identities. Raises `KeyAccessError` for an encrypted file, which is not opened for this."""
    from sopskit.age import EncryptedIdentities

    recipients: list[str] = []
    for identity in identities:
        if isinstance(identity, EncryptedIdentities):
            raise KeyAccessError("encrypted with a passphrase, so its recipients are not known").at(file=location)
        if not isinstance(identity, PluginIdentity):
            recipients.append(str(cast("KeyIdentity", identity).recipient()))
    return recipients


def passphrase_for(what: str, prompt: Prompt | None) -> Callable[[], str]:
    """A question that is put when the passphrase is needed. Raises `KeyAccessError` if nobody can be asked."""

    def ask() -> str:
        if prompt is None:
            raise KeyAccessError(
                f"the {what} needs a passphrase, and there is no terminal to ask for it",
                hint="run the command in a terminal",
            )
        return prompt(f"passphrase for the {what}: ")

    return ask
