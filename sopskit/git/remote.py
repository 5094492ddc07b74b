"""One branch of a repository elsewhere: where it is, what opens it, and why it did not answer."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NamedTuple

from sopskit.errors import GitError
from sopskit.git.credentials import SshKey, Token

# host and path in plain ASCII, no query, no fragment, no step upwards, no control character in disguise: nothing that a
# shell, ssh or a log could take for something else, and that two programs could read in two ways
ADDRESS = re.compile(
    r"(?!.*/\.\.?(/|\Z))(?!.*%(?![2-9A-Fa-f][0-9A-Fa-f]))(?!.*%7[Ff])"
    r"(?P<scheme>https?|ssh)://(?:(?P<user>[A-Za-z0-9_][A-Za-z0-9._-]*)@)?"
    r"(?P<host>[A-Za-z0-9][A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>(?:/[A-Za-z0-9._~%+@:,=()!-]+)+)/?\Z"
)
# git-check-ref-format(1), and no start that a program could take for an option
BRANCH = re.compile(r"(?!.*(\.\.|//|/\.|@\{|\.lock(/|\Z)))[^\W-][^\x00-\x20\x7f-\xa0~^:?*\[\\]{0,243}(?<![./])\Z")
LOOPBACK = re.compile(r"localhost|127(\.[0-9]{1,3}){3}|\[::1\]")
PORTS = {"https": 443, "http": 80, "ssh": 22}
SSH_USER = "git"  # what every forge calls it


class Reason(StrEnum):
    """Why a remote gave nothing."""

    ADDRESS = "address"
    BRANCH = "branch"
    REPOSITORY = "repository"
    CREDENTIALS = "credentials"
    HOST_KEY = "host key"
    CERTIFICATE = "certificate"
    REDIRECT = "redirect"
    SILENCE = "silence"
    UNKNOWN = "unknown"


# what is said of each, and the advice; nothing of what the server said: it may quote the credentials
TOLD = {
    Reason.REPOSITORY: (
        "no Git repository is there, or the credentials may not see it",
        "check the address, and that the token or deploy key may read this repository",
    ),
    Reason.CREDENTIALS: (
        "the credentials were refused, or there are none",
        "check that the token or key has not expired and may read this repository",
    ),
    Reason.HOST_KEY: (
        "the server's host key is none of those in known_hosts",
        "compare the server's keys with those it publishes; ssh-keyscan gives the lines for known_hosts",
    ),
    Reason.CERTIFICATE: (
        "the server's certificate is not trusted",
        "give the certificate of the authority that signed it as ca.crt beside the credentials",
    ),
    Reason.REDIRECT: (
        "the server names another address, and no redirect is followed: credentials would go along",
        "give the address that the server redirects to",
    ),
    Reason.SILENCE: ("the server cannot be reached", "check the address, the network and the server"),
    Reason.UNKNOWN: ("git could not fetch the branch", "git fetch --depth 1 by hand tells more"),
}


class RemoteError(GitError):
    """A remote gave nothing; `reason` tells why to programs. What the server said is never in the message."""

    def __init__(self, message: str, reason: Reason, *, hint: str | None = None) -> None:
        """Keep the reason beside the message."""
        super().__init__(message, hint=hint)
        self.reason = reason


class Remote(NamedTuple):
    """One branch of one repository. `ca` has PEM certificates; with any, only what they signed is trusted."""

    url: str
    branch: str
    credentials: Token | SshKey | None = None
    ca: bytes = b""

    @property
    def trusted(self) -> bytes:
        """The certificates to trust, those beside the token included; empty for the system's."""
        beside = self.credentials.ca if isinstance(self.credentials, Token) else b""
        return b"\n".join(pem for pem in dict.fromkeys((self.ca, beside)) if pem)

    @property
    def ref(self) -> str:
        """The branch's full name."""
        return f"refs/heads/{self.branch}"

    def error(self, reason: Reason, message: str = "", hint: str | None = None) -> RemoteError:
        """An error that says where; without a message, what is always said of the reason."""
        told, advice = (message, hint) if message else TOLD[reason]
        error = RemoteError(told, reason, hint=advice)
        error.at(file=self.url)
        return error

    def no_branch(self) -> RemoteError:
        """The branch is not there."""
        name = "".join(char if char.isprintable() else "?" for char in self.branch)
        return self.error(Reason.BRANCH, f"there is no branch '{name}'", "it was deleted, renamed or never pushed")

    def no_answer(self, seconds: float) -> RemoteError:
        """It took too long."""
        return self.error(Reason.SILENCE, f"no answer within {seconds:g} seconds", "check the network and the server")


class Address(NamedTuple):
    """The parts of a URL. The host of an IPv6 address has no brackets."""

    scheme: str
    user: str
    host: str
    port: int
    path: str


def address_of(remote: Remote) -> Address:
    """The parts of the URL, if it may be asked with these credentials. Raises `RemoteError`, which never quotes the URL."""
    found = ADDRESS.match(remote.url)
    if found is None:
        raise _refused(
            "the repository's address is none that is fetched from",
            "https://HOST/PATH or ssh://git@HOST/PATH, without password, query or fragment",
        )
    scheme, user, host, port, path = found.group("scheme", "user", "host", "port", "path")
    if scheme != "ssh" and user is not None:
        raise _refused("a user stands in the repository's address", "username and password belong into the credentials")
    if scheme == "http" and not LOOPBACK.fullmatch(host):
        raise _refused("http would show everything to the network", "give the repository's https or ssh address")
    _check_credentials(scheme, remote.credentials)
    if not BRANCH.match(remote.branch):
        raise _refused("the branch's name is none that git allows", "git check-ref-format --branch NAME tells")
    return Address(scheme, user or SSH_USER, host.strip("[]"), int(port or PORTS[scheme]), path)


def _check_credentials(scheme: str, credentials: Token | SshKey | None) -> None:
    if scheme == "ssh" and not isinstance(credentials, SshKey):
        raise _refused("an ssh address needs a private SSH key", "give identity and known_hosts in the credentials")
    if scheme != "ssh" and isinstance(credentials, SshKey):
        raise _refused("an http address takes no SSH key", "give username and password in the credentials")
    if isinstance(credentials, Token) and not credentials.is_plain:
        raise _refused("the token or its username is empty, has control characters, or is too long", "one line each")


def _refused(message: str, hint: str) -> RemoteError:
    return RemoteError(message, Reason.ADDRESS, hint=hint)
