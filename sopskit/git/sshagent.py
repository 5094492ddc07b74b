"""An SSH agent with one key, inside this process: ssh has it sign, and the key is in no file and no other process.

The protocol is that of draft-ietf-sshm-ssh-agent; a client can list the key and let it sign, nothing else.
"""

from __future__ import annotations

import os
import socket
import struct
from base64 import b64decode
from threading import Thread
from typing import TYPE_CHECKING, Self

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_ssh_private_key,
)

from sopskit.errors import GitError

if TYPE_CHECKING:
    from types import TracebackType

    from sopskit.git.credentials import SshKey

FAILURE, LIST, LISTED, SIGN, SIGNED = 5, 11, 12, 13, 14
SHA256, SHA512 = 2, 4  # flags of a request to sign with RSA (RFC 8332)
LARGEST_MESSAGE = 256 * 1024
OPENSSH = b"OPENSSH PRIVATE KEY"
MAGIC = b"openssh-key-v1\0"
LARGEST_KEY = 8 * 1024  # bytes; RSA of 8192 bits fits. A larger one takes minutes to be checked, and stops all threads
MOST_ROUNDS = 512  # of bcrypt, some seconds; ssh-keygen makes 24

PrivateKey = Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class Agent:
    """Answers at the socket `path` while its `with` block runs. The folder that the socket is in must be private."""

    __slots__ = ("_key", "_listener", "_thread", "path", "public_key")

    def __init__(self, key: SshKey, folder: str) -> None:
        """Read the key. Raises `GitError` if it is none, of an unknown kind, or its passphrase does not fit."""
        self._key = _read(key)
        self.public_key = self._key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
        self.path = os.path.join(folder, "agent")

    def __enter__(self) -> Self:
        """Listen."""
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._listener.bind(self.path)
            self._listener.listen()
        except OSError:
            self._listener.close()
            raise GitError(
                "no socket for an SSH agent can be made",
                hint="name a folder with a short path in TMPDIR, for `sopskit reconcile` also by --scratch",
            ) from None
        self._thread = Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop listening. Who is connected is answered until its own end."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection = self._listener.accept()[0]
            except OSError:  # it was shut down
                return
            Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rwb") as stream:
            try:
                while head := stream.read(4):
                    size = int.from_bytes(head)
                    if not 0 < size <= LARGEST_MESSAGE:
                        return
                    stream.write(_string(self._reply(stream.read(size))))
                    stream.flush()
            except (OSError, struct.error):
                return

    def _reply(self, message: bytes) -> bytes:
        mine = b64decode(self.public_key.split(b" ")[1])
        if message[0] == LIST:
            return struct.pack(">BI", LISTED, 1) + _string(mine) + _string(b"")
        if message[0] == SIGN:
            key, rest = _take(message[1:])
            data, rest = _take(rest)
            if key == mine:
                return bytes([SIGNED]) + _string(_sign(self._key, data, *struct.unpack(">I", rest[:4])))
        return bytes([FAILURE])


def _read(key: SshKey) -> PrivateKey:
    """The private key. What `cryptography` says of a bad one is dropped: it may quote it."""
    data = key.identity.reveal().strip() + b"\n"
    _check_effort(data, has_passphrase=key.passphrase is not None)
    passphrase = key.passphrase.reveal().encode() if key.passphrase else None
    loads = load_ssh_private_key if OPENSSH in data else load_pem_private_key
    try:
        private = loads(data, passphrase)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise GitError(
            "the private SSH key cannot be read, or is protected by another passphrase",
            hint="ssh-keygen -y -f FILE tells whether it is one",
        ) from None
    if not isinstance(private, Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise GitError("the private SSH key is of a kind that is not supported", hint="ssh-keygen -t ed25519 makes one")
    return private


def _check_effort(data: bytes, *, has_passphrase: bool) -> None:
    """Refuse a key whose reading would take minutes or hours: it may be a stranger's, and others wait."""
    if len(data) > LARGEST_KEY:
        raise GitError("the private SSH key is too large", hint="ssh-keygen -t ed25519 makes a small one")
    if not has_passphrase:
        return
    # nothing before it: what is read here must be what is opened later
    if not data.startswith(b"-----BEGIN " + OPENSSH) or data.count(b"-----BEGIN ") != 1:
        raise GitError("a private SSH key with a passphrase must be in OpenSSH's form", hint="ssh-keygen -p -f FILE")
    if _rounds(data) > MOST_ROUNDS:
        raise GitError(
            "the passphrase of the private SSH key takes too long to check", hint="ssh-keygen -p -a 24 -f FILE"
        )


def _rounds(data: bytes) -> int:
    """The rounds of bcrypt that lead from the passphrase to the key (OpenSSH, PROTOCOL.key). Raises `GitError`."""
    lines = [line for line in data.splitlines() if not line.startswith(b"-----")]
    try:
        content = b64decode(b"".join(lines))
        _, rest = _take(content.removeprefix(MAGIC))  # the cipher
        _, rest = _take(rest)  # the function's name
        options, _ = _take(rest)
        _, rounds = _take(options) if options else (b"", b"")  # the salt
        return int.from_bytes(rounds[:4])
    except (ValueError, struct.error):
        raise GitError(
            "the private SSH key cannot be read", hint="ssh-keygen -y -f FILE tells whether it is one"
        ) from None


def _sign(key: PrivateKey, data: bytes, flags: int) -> bytes:
    """A signature as RFC 4253, 5656, 8332 and 8709 spell it; never one with SHA-1."""
    if isinstance(key, Ed25519PrivateKey):
        return _string(b"ssh-ed25519") + _string(key.sign(data))
    if isinstance(key, rsa.RSAPrivateKey):
        if flags & SHA512 or not flags & SHA256:
            return _string(b"rsa-sha2-512") + _string(key.sign(data, padding.PKCS1v15(), hashes.SHA512()))
        return _string(b"rsa-sha2-256") + _string(key.sign(data, padding.PKCS1v15(), hashes.SHA256()))
    bits = key.curve.key_size
    digest = {256: hashes.SHA256(), 384: hashes.SHA384()}.get(bits, hashes.SHA512())
    pair = decode_dss_signature(key.sign(data, ec.ECDSA(digest)))
    return _string(b"ecdsa-sha2-nistp%d" % bits) + _string(b"".join(_string(_integer(number)) for number in pair))


def _string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def _integer(number: int) -> bytes:
    """An `mpint` (RFC 4251, section 5): a zero byte keeps it positive."""
    return number.to_bytes(number.bit_length() // 8 + 1)


def _take(data: bytes) -> tuple[bytes, bytes]:
    size = 4 + struct.unpack_from(">I", data)[0]
    return data[4:size], data[size:]
