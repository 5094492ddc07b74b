"""One branch of a remote repository: which commit it is at, and that commit with all its files in a store of our own.

The question is asked in this process over HTTP, and by ssh alone over SSH; the fetch is git's, which is told everything:
no configuration of the user's or the system's, no hook, no submodule, no redirect, no proxy. A token reaches git through a
pipe when it asks for it, a private SSH key never leaves this process.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, NamedTuple

from sopskit.errors import GitError, LimitError
from sopskit.git.bounded import Program, running
from sopskit.git.credentials import SshKey, Token, credentials_from
from sopskit.git.programs import absolute_folders, find_program
from sopskit.git.remote import Reason, Remote, RemoteError, address_of
from sopskit.git.store import NOBODYS, REF, StorePlumbing, cached_tip, make_store, reading, remove_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sopskit.git.remote import Address

__all__ = ["Reason", "Remote", "RemoteError", "SshKey", "Token", "commit_object", "credentials_from", "fetch", "head"]

DEADLINE = 60.0  # seconds for each question and each fetch
MOST_BYTES = 1024**3  # of a pack
PREFIX = "sopskit-fetch-"
SETTINGS = {
    "protocol.version": "2",
    "http.followRedirects": "false",
    "http.proxy": "",
    "http.sslVerify": "true",
    "http.lowSpeedLimit": "1000",  # bytes a second
    "http.lowSpeedTime": "20",  # seconds
    "credential.helper": "",  # forget all that were named before
    "core.askPass": "",
    "core.hooksPath": "/dev/null",
    "fetch.unpackLimit": "1",  # a pack is one file, however many objects there are
    "fetch.recurseSubmodules": "false",
    "fetch.fsckObjects": "false",  # old repositories have small faults; `check_out` refuses what would do harm
    "gc.auto": "0",
    "maintenance.auto": "false",
    "pack.threads": "1",
}
WANTED = (
    "fetch",
    "--quiet",
    "--depth=1",
    "--no-tags",
    "--no-recurse-submodules",
    "--no-write-fetch-head",
    "--update-shallow",
)
COMPLAINTS = (
    (b"couldn't find remote ref", Reason.BRANCH),
    (b"Authentication failed for", Reason.CREDENTIALS),
    (b"could not read Username", Reason.CREDENTIALS),
    (b"could not read Password", Reason.CREDENTIALS),
    (b"The requested URL returned error: 403", Reason.CREDENTIALS),
    (b"' not found", Reason.REPOSITORY),
    (b"The requested URL returned error: 3", Reason.REDIRECT),
    (b"unable to update url base from redirection", Reason.REDIRECT),
    (b"certificate", Reason.CERTIFICATE),
    (b"unable to access", Reason.SILENCE),
    (b"RPC failed", Reason.SILENCE),
    (b"early EOF", Reason.SILENCE),
)
TOO_LARGE = b"File too large"  # EFBIG


def head(remote: Remote, search_path: str, *, seconds: float = DEADLINE) -> str:
    """The id of the commit that the branch is at now. Raises `RemoteError`; for ssh `GitError` if the key is none."""
    address = address_of(remote)
    if isinstance(remote.credentials, SshKey):
        from sopskit.git.ssh import ssh_tip

        tip = ssh_tip(remote, remote.credentials, address, search_path, seconds)
    else:
        from sopskit.git.smarthttp import http_tip

        tip = http_tip(remote, address, seconds)
    if tip is None:
        raise remote.no_branch()
    return tip


def fetch(
    remote: Remote, store: Path, search_path: str, *, seconds: float = DEADLINE, most_bytes: int = MOST_BYTES
) -> str:
    """Bring the branch's commit and all its files into the bare store, which is made if need be; the commit's id.

    Nothing of its history comes along, and what the store had before need not be an ancestor. A store that is damaged is
    made anew. No other fetch into the same store may run meanwhile; reading may. Raises `RemoteError`, `GitError`, and `LimitError` if the pack is larger than `most_bytes`.
    """
    find_program("git", search_path)
    tip = head(remote, search_path, seconds=seconds)
    if cached_tip(store) == tip:
        return tip
    object_format = "sha1" if len(tip) == 40 else "sha256"
    new = make_store(store, object_format, search_path)
    how = _Fetch(remote, store, search_path, seconds, most_bytes)
    try:
        return _fetched(how)
    except GitError as error:
        if new or (isinstance(error, RemoteError) and error.reason is not Reason.UNKNOWN):
            raise
    remove_store(store)  # a lock or half a file that a killed git left
    make_store(store, object_format, search_path)
    return _fetched(how)


def commit_object(store: Path, commit: str, search_path: str) -> bytes:
    """A commit's own bytes: headers, an empty line, the message. Raises `GitError`, also if they are not what it names."""
    with reading(store, commit), closing(StorePlumbing(store, search_path).objects()) as objects:
        return objects.commit(commit)


class _Fetch(NamedTuple):
    remote: Remote
    store: Path
    search_path: str
    seconds: float
    most_bytes: int


def _fetched(how: _Fetch) -> str:
    plumbing = StorePlumbing(how.store, how.search_path)
    try:
        _run(how)
        return plumbing.tip()
    finally:
        plumbing.tidy()


def _run(how: _Fetch) -> None:
    address = address_of(how.remote)
    with tempfile.TemporaryDirectory(prefix=PREFIX) as scratch, _access(how, address, scratch) as access:
        words = [word for name, value in access.settings for word in ("-c", f"{name}={value}")]
        argv = [find_program("git", how.search_path), *words, f"--git-dir={how.store}", *WANTED]
        argv += ["--end-of-options", how.remote.url, f"+{how.remote.ref}:{REF}"]
        program = Program(argv, access.environ, descriptors=access.descriptors, largest_file=how.most_bytes)
        with running(program, how.seconds) as git:
            complaint, status = git.complaint(), git.status()
            if git.late:
                raise how.remote.no_answer(how.seconds)
    if status:
        raise _failed(how, complaint)


class _Access(NamedTuple):
    """With what git reaches the remote: settings, environment, and descriptors that it inherits."""

    settings: list[tuple[str, str]]
    environ: dict[str, str]
    descriptors: tuple[int, ...] = ()


@contextmanager
def _access(how: _Fetch, address: Address, scratch: str) -> Iterator[_Access]:
    environ = {
        **NOBODYS,
        "PATH": absolute_folders(how.search_path),
        "HOME": scratch,  # curl reads .netrc there
        "LC_ALL": "C",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": address.scheme,
        "GIT_NO_REPLACE_OBJECTS": "1",
    }
    settings = list(SETTINGS.items())
    credentials, trusted = how.remote.credentials, how.remote.trusted
    if isinstance(credentials, SshKey):
        from sopskit.git.ssh import login

        with login(credentials, address, how.search_path) as ssh:
            yield _Access(settings, {**environ, **ssh.for_git})
        return
    if trusted:
        settings += _trust(trusted, scratch)
    if credentials is None:
        yield _Access(settings, environ)
        return
    end = _pipe_of(credentials)
    try:
        # the shell that git starts for this leaves the operation's name in a comment
        settings.append(("credential.helper", f"!cat /dev/fd/{end} #"))
        yield _Access(settings, environ, (end,))
    finally:
        os.close(end)


def _trust(trusted: bytes, scratch: str) -> list[tuple[str, str]]:
    """Settings that trust these certificates alone; the folder is named so that the system's is not looked into."""
    path = os.path.join(scratch, "ca.crt")
    with open(path, "wb") as file:
        file.write(trusted)
    return [("http.sslCAInfo", path), ("http.sslCAPath", scratch)]


def _pipe_of(token: Token) -> int:
    """The end to read of a pipe with the token, as git-credential(1) wants it. It can be read once; a pipe is no file."""
    reading, writing = os.pipe()
    try:
        os.write(writing, f"username={token.username}\npassword={token.password.reveal()}\n".encode())
    finally:
        os.close(writing)
    return reading


def _failed(how: _Fetch, complaint: bytes) -> GitError | LimitError:
    if TOO_LARGE in complaint:
        return LimitError(f"the branch is larger than {how.most_bytes} bytes")
    reason = next((reason for sign, reason in COMPLAINTS if sign in complaint), None)
    if reason is None and isinstance(how.remote.credentials, SshKey):
        from sopskit.git.ssh import known_reason

        reason = known_reason(complaint)
    return how.remote.no_branch() if reason is Reason.BRANCH else how.remote.error(reason or Reason.UNKNOWN)
