"""Git over the ssh program, which is told everything: no configuration, no key, no agent of the user's."""

from __future__ import annotations

import os
import pwd
import re
import shlex
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote_to_bytes

from sopskit.errors import GitError
from sopskit.git.bounded import Program, running
from sopskit.git.pktline import FLUSH, VERSION, ProtocolError, branch_tip, packets
from sopskit.git.programs import find_program
from sopskit.git.remote import Reason
from sopskit.git.sshagent import Agent
from sopskit.memory import SHARED_MEMORY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO

    from sopskit.git.credentials import SshKey
    from sopskit.git.remote import Address, Remote

PREFIX = "sopskit-ssh-"
LONGEST_PLACE = 64  # characters: with the agent's socket in it a path must stay below 108 (unix(7))
SHORT_PLACES = (SHARED_MEMORY, "/tmp")  # noqa: S108 our folder in it has a random name and mode 0700
FIXED = {
    "BatchMode": "yes",
    "StrictHostKeyChecking": "yes",
    "GlobalKnownHostsFile": "none",
    "UpdateHostKeys": "no",
    "VerifyHostKeyDNS": "no",
    "CheckHostIP": "no",
    "IdentitiesOnly": "yes",
    "PreferredAuthentications": "publickey",
    "PKCS11Provider": "none",
    "AddKeysToAgent": "no",
    "ForwardAgent": "no",
    "ForwardX11": "no",
    "ClearAllForwardings": "yes",
    "PermitLocalCommand": "no",
    "ProxyCommand": "none",
    "ControlMaster": "no",
    "ControlPath": "none",
    "RequestTTY": "no",
    "EscapeChar": "none",
    "SendEnv": "GIT_PROTOCOL",
    "LogLevel": "ERROR",
    "ServerAliveInterval": "10",
    "ServerAliveCountMax": "3",
}
NOT_FOUND = re.compile(
    rb"not found|does not appear to be a git|not a git repository|could not be found|no such", re.IGNORECASE
)
SIGNS = (
    (re.compile(rb"Host key verification failed|HOST IDENTIFICATION HAS CHANGED"), Reason.HOST_KEY),
    (re.compile(rb"Permission denied \(|Too many authentication failures"), Reason.CREDENTIALS),
    (
        re.compile(rb"^ssh: |Connection (refused|reset|closed|timed out)|kex_exchange|Timeout, server", re.MULTILINE),
        Reason.SILENCE,
    ),
    (NOT_FOUND, Reason.REPOSITORY),
)


class Login(NamedTuple):
    """How ssh is started: the program and its options, without the host."""

    command: list[str]
    port: list[str]
    environ: dict[str, str]

    @property
    def for_git(self) -> dict[str, str]:
        """The environment in which git starts the same; git adds the port itself."""
        return {**self.environ, "GIT_SSH_COMMAND": shlex.join(self.command), "GIT_SSH_VARIANT": "ssh"}


@contextmanager
def login(key: SshKey, address: Address, search_path: str) -> Iterator[Login]:
    """What is needed to log in with this key, while the block runs.

    Its folder has the public key, the host keys and the agent's socket: nothing secret. Raises `GitError`.
    """
    program = find_program("ssh", search_path)
    _check_user(os.getuid())
    with tempfile.TemporaryDirectory(prefix=PREFIX, dir=_place()) as folder, Agent(key, folder) as agent:
        identity, known_hosts = os.path.join(folder, "identity.pub"), os.path.join(folder, "known_hosts")
        _write(identity, agent.public_key + b"\n")
        _write(known_hosts, key.known_hosts)
        options = {
            **FIXED,
            "IdentityFile": _option(identity),
            "IdentityAgent": _option(agent.path),
            "UserKnownHostsFile": _option(known_hosts),
        }
        words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        environ = {"PATH": search_path, "HOME": folder, "LC_ALL": "C"}
        yield Login([program, "-F", "none", "-T", *words], ["-p", str(address.port)], environ)


def _option(path: str) -> str:
    """A path in ssh's configuration: blanks would end it, and per cent signs stand for something (ssh_config(5))."""
    return '"' + path.replace("%", "%%") + '"'


def _place() -> str | None:
    """Where the folder is made: among temporary files, or in a place with a short name if theirs is too long for a socket."""
    if len(tempfile.gettempdir()) <= LONGEST_PLACE:
        return None
    return next((place for place in SHORT_PLACES if os.access(place, os.W_OK)), None)


def _check_user(number: int) -> None:
    """Ssh looks itself up, and refuses to run as a number without a name."""
    try:
        pwd.getpwuid(number)
    except KeyError:
        raise GitError(
            f"ssh refuses to run: the user {number} has no name here",
            hint="run as a user that stands in /etc/passwd of the image",
        ) from None


def _write(path: str, data: bytes) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)


def ssh_tip(remote: Remote, key: SshKey, address: Address, search_path: str, seconds: float) -> str | None:
    """The commit that the branch is at, None if it is not there. Raises `RemoteError`."""
    with login(key, address, search_path) as how:
        words = [*how.command, *how.port, f"{address.user}@{address.host}", f"git-upload-pack {_quoted(address.path)}"]
        program = Program(words, {**how.environ, "GIT_PROTOCOL": VERSION}, talks=True)
        with running(program, seconds) as ssh:
            try:
                tip = _ask(remote, ssh.input, ssh.output)
            except (OSError, ProtocolError):
                complaint = ssh.complaint()
                if ssh.late:
                    raise remote.no_answer(seconds) from None
                raise remote.error(known_reason(complaint) or Reason.REPOSITORY) from None
            ssh.complaint()  # until the server has ended, too
            return tip


def _ask(remote: Remote, input: IO[bytes], output: IO[bytes]) -> str | None:
    def listing(request: bytes) -> Iterator[bytes | None]:
        input.write(request)
        input.flush()
        return packets(output.read)

    tip = branch_tip(packets(output.read), remote.ref, listing)
    input.write(FLUSH)
    input.close()
    return tip


def known_reason(complaint: bytes) -> Reason | None:
    """Why ssh gave nothing, from what it and the server said, of which nothing is kept; None if that tells nothing."""
    return next((reason for sign, reason in SIGNS if sign.search(complaint)), None)


def _quoted(path: str) -> str:
    """The path as the server's shell shall read it; a home's is relative (git-upload-pack(1), git-clone(1))."""
    path = os.fsdecode(unquote_to_bytes(path))
    return shlex.quote(path[1:] if path.startswith("/~") else path)
