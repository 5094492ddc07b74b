"""What opens a remote repository: a token for HTTPS, or a private SSH key with the host keys to expect."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sopskit.errors import GitError
from sopskit.secret import SecretBytes, SecretStr

if TYPE_CHECKING:
    from collections.abc import Mapping

ANY_USER = "git"  # forges look at the token only, and want a name that is not empty
LONGEST_TOKEN = 8 * 1024  # characters; four bytes each still fit into a pipe


class Token(NamedTuple):
    """A name and a password or token, for HTTP basic authentication; `ca` as in `Remote`."""

    username: str
    password: SecretStr
    ca: bytes = b""

    @property
    def is_plain(self) -> bool:
        """Whether both are one short line: only then can HTTP and git-credential(1) carry them."""
        return ":" not in self.username and _is_line(self.username) and _is_line(self.password.reveal())


class SshKey(NamedTuple):
    """A private key in OpenSSH's or PEM form, and known_hosts as in sshd(8): no other host key is accepted."""

    identity: SecretBytes
    known_hosts: bytes
    passphrase: SecretStr | None = None


def credentials_from(data: Mapping[str, bytes]) -> Token | SshKey | None:
    """The credentials in a Secret's data, under the names that Flux has for them; None if there is none but `ca.crt`.

    `identity` and `known_hosts` (and `password` for the key's passphrase), or `username`, `password` and `ca.crt`.
    Raises `GitError` if a part is missing or cannot be used.
    """
    if "identity" in data:
        return _ssh_key(data)
    if "password" in data:
        username = _line(data, "username") if "username" in data else ANY_USER
        return Token(username, SecretStr(_line(data, "password")), data.get("ca.crt", b""))
    if set(data) - {"ca.crt"}:
        raise GitError(
            "the credentials have neither a password nor an identity",
            hint="username and password for https, identity and known_hosts for ssh",
        )
    return None


def _ssh_key(data: Mapping[str, bytes]) -> SshKey:
    known_hosts = data.get("known_hosts", b"")
    if not any(line.strip() and not line.strip().startswith(b"#") for line in known_hosts.splitlines()):
        raise GitError(
            "the credentials have an SSH key, but no known_hosts: any server could pass for the right one",
            hint="put the server's published host keys there; ssh-keyscan gives the lines to compare",
        )
    passphrase = SecretStr(_line(data, "password")) if data.get("password") else None
    return SshKey(SecretBytes(data["identity"]), known_hosts, passphrase)


def _line(data: Mapping[str, bytes], name: str) -> str:
    """One line of text; the line feed that an editor leaves at its end is taken off."""
    try:
        text = data[name].decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise GitError(f"{name} of the credentials is no text") from None
    if not _is_line(text):
        raise GitError(f"{name} of the credentials is empty, has control characters, or is too long")
    return text


def _is_line(text: str) -> bool:
    return text.isprintable() and 0 < len(text) <= LONGEST_TOKEN
