"""Who signed a commit, for SSH signatures, without a program (OpenSSH's PROTOCOL.sshsig; gpg.format=ssh of git-config(1)).

A signature is taken apart without trust: whatever is malformed, unknown or out of date is no signature.
"""

from __future__ import annotations

import base64
import binascii
import struct
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.hazmat.primitives.hashes import HashAlgorithm

HEADERS = (b"gpgsig", b"gpgsig-sha256")
BEGIN, END = b"-----BEGIN SSH SIGNATURE-----", b"-----END SSH SIGNATURE-----"
MAGIC = b"SSHSIG"
VERSION = 1
NAMESPACE = b"git"
DIGESTS = (b"sha256", b"sha512")
SMALLEST_RSA_BITS = 2048
SECURITY_KEY = {
    b"sk-ssh-ed25519@openssh.com": b"ssh-ed25519",
    b"sk-ecdsa-sha2-nistp256@openssh.com": b"ecdsa-sha2-nistp256",
}
CURVES = {b"ecdsa-sha2-nistp256": 256, b"ecdsa-sha2-nistp384": 384, b"ecdsa-sha2-nistp521": 521}


class MalformedError(Exception):
    """The bytes are no signature of a kind that is known here."""


class Signature(NamedTuple):
    """The fields of an SSHSIG blob. `value` is the signature as the kind of key writes it."""

    public_key: bytes
    namespace: bytes
    reserved: bytes
    digest: bytes
    value: bytes

    def covered(self, message: bytes) -> bytes:
        """The bytes that the key signed for a message."""
        fields = (self.namespace, self.reserved, self.digest, _digest(self.digest, message))
        return MAGIC + b"".join(struct.pack(">I", len(field)) + field for field in fields)


def signer(commit_object: bytes, keys: Sequence[str]) -> str | None:
    """The one of `keys` that signed a commit; None if it is unsigned, signed by another key or in another way.

    `commit_object` is what `Repository.commit_object` gives. A key is a line of OpenSSH's: type, base64, comment. Taken
    are Ed25519, ECDSA, RSA of 2048 bits and more with SHA-2, and the first two on security keys; no certificates.
    Who reads the commit has to check what the key may sign, and when: a signature has no date.
    """
    try:
        message, armor = _parts(commit_object)
        signature = _parse(armor)
        line = next((line for line in keys if _key_of(line) == signature.public_key), None)
        if line is None or signature.namespace != NAMESPACE or signature.digest not in DIGESTS:
            return None
        return line if _is_valid(signature, signature.covered(message)) else None
    except MalformedError:
        return None


def _parts(commit_object: bytes) -> tuple[bytes, bytes]:
    """What is signed, and the signature: the one signing header, whose further lines begin with a blank.

    Git looks for parents up to the first other header only: a signature above them would hide them, and still cover them.
    """
    head, separator, message = commit_object.partition(b"\n\n")
    kept: list[bytes] = []
    armors: list[list[bytes]] = []
    inside = False
    for line in head.split(b"\n"):
        name, _, value = line.partition(b" ")
        if name in HEADERS:
            if not any(line.startswith(b"committer ") for line in kept):
                raise MalformedError
            armors.append([value])
            inside = True
        elif inside and line.startswith(b" "):
            armors[-1].append(value)
        else:
            kept.append(line)
            inside = False
    if len(armors) != 1:
        raise MalformedError
    return b"\n".join(kept) + separator + message, b"\n".join(armors[0])


def _parse(armor: bytes) -> Signature:
    lines = armor.strip(b"\n").split(b"\n")
    if len(lines) < 3 or lines[0] != BEGIN or lines[-1] != END:
        raise MalformedError
    reader = Reader(_base64(b"".join(lines[1:-1])))
    if reader.take(len(MAGIC)) != MAGIC or reader.number() != VERSION:
        raise MalformedError
    signature = Signature(reader.string(), reader.string(), reader.string(), reader.string(), reader.string())
    reader.end()
    return signature


def _base64(text: bytes) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise MalformedError from None


def _key_of(line: str) -> bytes | None:
    words = line.split()
    if len(words) < 2:
        return None
    try:
        return base64.b64decode(words[1], validate=True)
    except ValueError:
        return None


class Reader:
    """Takes the fields of OpenSSH's binary format (RFC 4251, section 5) off the front of some bytes."""

    __slots__ = ("_data", "_offset")

    def __init__(self, data: bytes) -> None:
        """Begin at the front."""
        self._data = data
        self._offset = 0

    def take(self, size: int) -> bytes:
        """The next `size` bytes. Raises `MalformedError` if there are fewer; so do the others."""
        taken = self._data[self._offset : self._offset + size]
        if len(taken) != size:
            raise MalformedError
        self._offset += size
        return taken

    def number(self) -> int:
        """A `uint32`."""
        return int.from_bytes(self.take(4))

    def string(self) -> bytes:
        """A `string`."""
        return self.take(self.number())

    def integer(self) -> int:
        """An `mpint` that is not negative."""
        data = self.string()
        if data[:1] > b"\x7f":
            raise MalformedError
        return int.from_bytes(data)

    def end(self) -> None:
        """Nothing may follow."""
        if self._offset != len(self._data):
            raise MalformedError


def _is_valid(signature: Signature, covered: bytes) -> bool:
    """Whether the key of a signature made it over these bytes (RFC 8709, 5656, 8332; PROTOCOL.u2f)."""
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

    key, value = Reader(signature.public_key), Reader(signature.value)
    key_type, algorithm = key.string(), value.string()
    try:
        if key_type == b"ssh-rsa":
            _verify_rsa(key, algorithm, value, covered)
        elif algorithm != key_type:
            return False
        elif key_type in SECURITY_KEY:
            _verify_on_security_key(key_type, key, value, covered)
        else:
            point = _read_point(key_type, key)
            blob = value.string()
            key.end()
            value.end()
            _verify_curve(key_type, point, blob, covered)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True


def _read_point(key_type: bytes, key: Reader) -> bytes:
    if key_type == b"ssh-ed25519":
        return key.string()
    if key_type not in CURVES or key.string() != b"nistp%d" % CURVES[key_type]:
        raise MalformedError
    return key.string()


def _verify_on_security_key(key_type: bytes, key: Reader, value: Reader, covered: bytes) -> None:
    """A security key signs the application, whether it was touched, its counter, and a digest of the message."""
    plain_type = SECURITY_KEY[key_type]
    point, application = _read_point(plain_type, key), key.string()
    blob, state = value.string(), value.take(5)
    key.end()
    value.end()
    _verify_curve(plain_type, point, blob, _digest(b"sha256", application) + state + _digest(b"sha256", covered))


def _verify_curve(key_type: bytes, point: bytes, blob: bytes, covered: bytes) -> None:
    if key_type == b"ssh-ed25519":
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        Ed25519PublicKey.from_public_bytes(point).verify(blob, covered)
        return
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, utils

    curve, digest = {
        256: (ec.SECP256R1(), hashes.SHA256()),
        384: (ec.SECP384R1(), hashes.SHA384()),
        521: (ec.SECP521R1(), hashes.SHA512()),
    }[CURVES[key_type]]
    reader = Reader(blob)
    der = utils.encode_dss_signature(reader.integer(), reader.integer())
    reader.end()
    ec.EllipticCurvePublicKey.from_encoded_point(curve, point).verify(der, covered, ec.ECDSA(digest))


def _verify_rsa(key: Reader, algorithm: bytes, value: Reader, covered: bytes) -> None:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    digests: dict[bytes, HashAlgorithm] = {b"rsa-sha2-256": hashes.SHA256(), b"rsa-sha2-512": hashes.SHA512()}
    exponent, modulus = key.integer(), key.integer()
    blob = value.string()
    key.end()
    value.end()
    if algorithm not in digests or modulus.bit_length() < SMALLEST_RSA_BITS:
        raise MalformedError
    public_key = rsa.RSAPublicNumbers(exponent, modulus).public_key()
    public_key.verify(blob, covered, padding.PKCS1v15(), digests[algorithm])


def _digest(name: bytes, data: bytes) -> bytes:
    from cryptography.hazmat.primitives import hashes

    digest = hashes.Hash(hashes.SHA256() if name == b"sha256" else hashes.SHA512())
    digest.update(data)
    return digest.finalize()
