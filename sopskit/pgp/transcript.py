"""What gpg answered, and whether that is an answer. Status lines: GnuPG's doc/DETAILS.

The exit code alone will not do: `gpg --decrypt` exits 0 and prints the content of a message that was never
encrypted, and says DECRYPTION_OKAY of a message with two contents (there the exit code is 2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sopskit.errors import GpgError, KeyAccessError, RecipientError

if TYPE_CHECKING:
    from collections.abc import Collection

    from sopskit.errors import SopskitError

# The status words that tell how a decryption went. A good one has exactly `DECRYPTED`, in this order.
DECRYPTION_WORDS = frozenset(
    {
        "BADMDC",
        "BEGIN_DECRYPTION",
        "DECRYPTION_FAILED",
        "DECRYPTION_OKAY",
        "END_DECRYPTION",
        "FAILURE",
        "NODATA",
        "PLAINTEXT",
        "UNEXPECTED",
    }
)
DECRYPTED = ("BEGIN_DECRYPTION", "PLAINTEXT", "DECRYPTION_OKAY", "END_DECRYPTION")
ENCRYPTION_WORDS = frozenset({"BEGIN_ENCRYPTION", "END_ENCRYPTION", "FAILURE", "INV_RECP"})
ENCRYPTED = ("BEGIN_ENCRYPTION", "END_ENCRYPTION")


class Transcript(NamedTuple):
    """One call of gpg. `accepted` is python-gnupg's verdict, `statuses` are keyword and arguments."""

    exit_code: int
    accepted: bool
    statuses: tuple[tuple[str, str], ...]
    output: bytes
    messages: bytes

    def __repr__(self) -> str:
        """Without output and messages: the one is the secret, the other may quote anything."""
        return f"Transcript(exit_code={self.exit_code}, words={[word for word, _ in self.statuses]})"

    def words(self, known: Collection[str]) -> tuple[str, ...]:
        """The status keywords that are in `known`, in order."""
        return tuple(word for word, _ in self.statuses if word in known)

    def arguments(self, word: str) -> list[str]:
        """The arguments of every status line with this keyword."""
        return [arguments for name, arguments in self.statuses if name == word]


def decrypted_key(transcript: Transcript, lengths: Collection[int]) -> bytes:
    """The plaintext, if gpg really decrypted and it is as long as a key. Raises `KeyAccessError`, `GpgError`."""
    sequence = transcript.words(DECRYPTION_WORDS)
    if not (transcript.exit_code == 0 and transcript.accepted and sequence == DECRYPTED):
        raise _decryption_failure(transcript)
    if len(transcript.output) not in lengths:
        expected = " or ".join(str(length) for length in sorted(lengths))
        raise GpgError(f"the PGP message holds {len(transcript.output)} bytes, and a data key has {expected}")
    return transcript.output


def encrypted_message(transcript: Transcript, fingerprint: str) -> str:
    """The armored message, stripped, if gpg really encrypted. Raises `RecipientError`, `GpgError`."""
    sequence = transcript.words(ENCRYPTION_WORDS)
    message = transcript.output.strip()
    good = transcript.exit_code == 0 and transcript.accepted and sequence == ENCRYPTED
    if not good:
        raise _encryption_failure(transcript, fingerprint)
    if not (message.isascii() and message.startswith(b"-----BEGIN PGP MESSAGE-----")):
        raise GpgError("gpg says that it encrypted, but its output is not an armored PGP message")
    return message.decode("ascii")


def _decryption_failure(transcript: Transcript) -> SopskitError:
    words = {word for word, _ in transcript.statuses}
    if trouble := _key_trouble(transcript):
        return trouble
    if "NO_SECKEY" in words:
        keys = ", ".join(sorted({text for text in transcript.arguments("NO_SECKEY") if text.isalnum()}))
        return KeyAccessError(
            f"gpg has no secret key for this message (encryption key {keys})",
            hint="gpg --list-secret-keys shows which there are; GNUPGHOME says where gpg looks",
        )
    if "BEGIN_DECRYPTION" not in words and "PLAINTEXT" in words:
        return GpgError(
            "the PGP message is not encrypted: anybody can have written it",
            hint="the entry was tampered with, or damaged; take the file's earlier version from Git",
        )
    if "NODATA" in words or "BEGIN_DECRYPTION" not in words:
        return GpgError("gpg found nothing to decrypt in the entry", hint="the armored text is damaged or cut off")
    return GpgError(
        f"gpg did not decrypt the PGP message (exit code {transcript.exit_code})",
        hint="try the entry's enc text with gpg --decrypt to see gpg's own messages",
    )


# libgpg-error codes, without the part that names their source
PINENTRY_HINT = "run `export GPG_TTY=$(tty)`, or unlock the key in gpg-agent beforehand"
KEY_TROUBLE = {
    11: ("gpg says that the passphrase is wrong", None),
    62: ("nobody entered the passphrase in time", PINENTRY_HINT),
    77: ("gpg-agent is not running", "start it with gpgconf --launch gpg-agent"),
    78: ("gpg-agent failed", "restart it with gpgconf --kill gpg-agent"),
    85: ("gpg-agent found no pinentry program to ask for the passphrase", "install pinentry, or check gpg-agent.conf"),
    86: ("the pinentry program failed", PINENTRY_HINT),
    87: ("the card says that the PIN is wrong", None),
    99: ("the passphrase prompt was cancelled", None),
    112: ("the card with the secret key is not there", "insert it; gpg --card-status shows it"),
    198: ("the passphrase prompt was cancelled", None),
    0x8066: ("gpg-agent has no terminal to ask for the passphrase", PINENTRY_HINT),
}
AGENT_MESSAGES = (b"no gpg-agent running", b"connect to the agent", b"start gpg-agent", b"start the agent")


def _key_trouble(transcript: Transcript) -> GpgError | None:
    """The reason why a secret key that is there could not be used, if gpg told one."""
    for arguments in transcript.arguments("ERROR"):
        operation, _, code = arguments.partition(" ")
        if operation == "pkdecrypt_failed" and code.isdecimal():
            known = KEY_TROUBLE.get(int(code) & 0xFFFF)
            if known:
                return GpgError(known[0], hint=known[1])
    # Without an agent gpg reports NO_SECKEY and nothing else; its messages are in English (LC_ALL=C).
    if any(text in transcript.messages for text in AGENT_MESSAGES):
        return GpgError("gpg cannot reach its agent", hint="gpgconf --launch gpg-agent says why")
    return None


def _encryption_failure(transcript: Transcript, fingerprint: str) -> SopskitError:
    refused = transcript.arguments("INV_RECP")
    if not refused:
        return GpgError(f"gpg did not encrypt for {fingerprint} (exit code {transcript.exit_code})")
    if refused[0].startswith("1 "):
        return RecipientError(
            f"gpg has no public key {fingerprint}", hint="gpg --import takes the owner's public key from a file"
        )
    words = {word for word, _ in transcript.statuses}
    reason = "has expired" if "KEYEXPIRED" in words else "is revoked, or cannot encrypt"
    return RecipientError(f"the PGP key {fingerprint} {reason}", hint="ask its owner for the renewed public key")
