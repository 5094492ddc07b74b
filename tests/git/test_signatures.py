"""Signatures made by git and ssh-keygen, and what an attacker makes of them."""

from __future__ import annotations

import base64
import struct
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from hypothesis import given
from hypothesis import strategies as st

from sopskit.git import open_repository
from sopskit.git.signatures import BEGIN, END, signer

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.repositories import Git

KINDS = [("ed25519",), ("ecdsa", "-b", "256"), ("ecdsa", "-b", "384"), ("ecdsa", "-b", "521"), ("rsa", "-b", "2048")]
UNSIGNED = b"tree " + b"0" * 40 + b"\nauthor A <a> 0 +0000\ncommitter A <a> 0 +0000\n\nmessage\n"


@pytest.fixture
def make_key(tool: Callable[[str], str], tmp_path: Path) -> Callable[..., tuple[Path, str]]:
    """`make_key(name, kind, *options)` gives the private file and the public line."""

    def make(name: str = "key", kind: str = "ed25519", *options: str) -> tuple[Path, str]:
        path = tmp_path / name
        command = [tool("ssh-keygen"), "-q", "-t", kind, *options, "-N", "", "-C", f"{name} test only", "-f", str(path)]
        subprocess.run(command, check=True)
        return path, path.with_suffix(".pub").read_text().strip()

    return make


def signed(git: Git, key: Path, message: str = "signed\n\nbody\n") -> bytes:
    """A commit that git signed with a key, as it is stored."""
    git("config", "gpg.format", "ssh")
    git("config", "user.signingKey", str(key))
    git("commit", "--quiet", "--allow-empty", "-S", "-m", message)
    repository = open_repository(git.folder)
    assert repository is not None
    with repository:
        return repository.commit_object(repository.resolve("HEAD"))


@pytest.mark.parametrize("options", KINDS, ids=" ".join)
def test_the_key_that_signed_is_named(git: Git, make_key: Callable[..., tuple[Path, str]], options: list[str]) -> None:
    key, line = make_key("key", *options)
    _, other = make_key("other")
    commit = signed(git, key)
    assert signer(commit, [other, line]) == line
    assert signer(commit, [other]) is None
    assert signer(commit, []) is None


def test_a_commit_named_by_sha256_is_read_too(
    make_git: Callable[..., Git], make_key: Callable[..., tuple[Path, str]]
) -> None:
    key, line = make_key()
    assert signer(signed(make_git("sha256", "--object-format=sha256"), key), [line]) == line


def test_an_unsigned_commit_has_no_signer(make_key: Callable[..., tuple[Path, str]]) -> None:
    _, line = make_key()
    assert signer(UNSIGNED, [line]) is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"body", b"BODY"),
        (b"Test <test@example.org>", b"Boss <boss@example.org>"),
        (b"tree ", b"tree\t"),
        (b"\n\nsigned", b"\n\n\nsigned"),
        (b"committer", b"encoding latin-1\ncommitter"),
        (b"gpgsig ", b"gpgsig-other "),
        (b"gpgsig ", b"gpgsig \n"),
        (b"gpgsig ", b"gpgsig-sha256 x\ngpgsig "),
        (b" U1NIU0lH", b" u1NIU0lH"),
        (END, b""),
    ],
)
def test_a_commit_that_was_tampered_with_has_no_signer(
    git: Git, make_key: Callable[..., tuple[Path, str]], old: bytes, new: bytes
) -> None:
    key, line = make_key()
    commit = signed(git, key)
    assert old in commit
    assert signer(commit.replace(old, new, 1), [line]) is None


def test_a_signature_of_another_commit_is_no_signature(git: Git, make_key: Callable[..., tuple[Path, str]]) -> None:
    key, line = make_key()
    first, second = signed(git, key, "one"), signed(git, key, "two")

    def header(commit: bytes) -> bytes:
        return commit[commit.index(b"gpgsig") : commit.index(b"\n\n")]

    assert signer(second.replace(header(second), header(first)), [line]) is None


def with_signature(armor: bytes, name: bytes = b"gpgsig") -> bytes:
    """`UNSIGNED` with a signature in its header."""
    head, _, message = UNSIGNED.partition(b"\n\n")
    return head + b"\n" + name + b" " + armor.strip().replace(b"\n", b"\n ") + b"\n\n" + message


@pytest.mark.parametrize(("namespace", "valid"), [("git", True), ("file", False), ("git2", False)])
def test_what_was_signed_for_another_purpose_counts_for_nothing(
    make_key: Callable[..., tuple[Path, str]], namespace: str, valid: bool
) -> None:
    key, line = make_key()
    command = ["ssh-keygen", "-Y", "sign", "-f", str(key), "-n", namespace]
    armor = subprocess.run(command, input=UNSIGNED, capture_output=True, check=True).stdout
    assert signer(with_signature(armor), [line]) == (line if valid else None)


@pytest.mark.parametrize("digest", ["sha256", "sha512"])
def test_both_digests_are_known(make_key: Callable[..., tuple[Path, str]], digest: str) -> None:
    key, line = make_key()
    command = ["ssh-keygen", "-Y", "sign", "-f", str(key), "-n", "git", "-O", f"hashalg={digest}"]
    armor = subprocess.run(command, input=UNSIGNED, capture_output=True, check=True).stdout
    assert signer(with_signature(armor), [line]) == line


# --- signatures that ssh-keygen does not make


def string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def mpint(number: int) -> bytes:
    return string(number.to_bytes(number.bit_length() // 8 + 1))


def digest_of(data: bytes) -> bytes:
    digest = hashes.Hash(hashes.SHA256())
    digest.update(data)
    return digest.finalize()


def blob(
    public_key: bytes, make_value: Callable[[bytes], bytes], *, version: int = 1, hashed: bytes = b"sha256"
) -> bytes:
    """An SSHSIG blob over `UNSIGNED`; `make_value` signs the bytes it is given."""
    fields = string(b"git") + string(b"") + string(hashed)
    value = make_value(b"SSHSIG" + fields + string(digest_of(UNSIGNED)))
    return b"SSHSIG" + struct.pack(">I", version) + string(public_key) + fields + string(value)


def commit_with(data: bytes) -> bytes:
    return with_signature(BEGIN + b"\n" + base64.b64encode(data) + b"\n" + END)


def line_of(public_key: bytes) -> str:
    return f"kind {base64.b64encode(public_key).decode()} comment"


SEED = ed25519.Ed25519PrivateKey.from_private_bytes(b"\1" * 32)
POINT = SEED.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
PLAIN = string(b"ssh-ed25519") + string(POINT)


def plain_value(covered: bytes) -> bytes:
    return string(b"ssh-ed25519") + string(SEED.sign(covered))


def test_a_blob_made_by_hand_is_read_unless_a_field_is_off() -> None:
    good = blob(PLAIN, plain_value)
    assert signer(commit_with(good), [line_of(PLAIN)]) == line_of(PLAIN)
    for bad in (
        blob(PLAIN, plain_value, version=2),
        blob(PLAIN, plain_value, hashed=b"sha1"),
        good + b"x",
        good[:-1],
        blob(PLAIN, lambda covered: plain_value(covered) + b"x"),
        blob(PLAIN, lambda covered: string(b"rsa-sha2-256") + string(SEED.sign(covered))),
    ):
        assert signer(commit_with(bad), [line_of(PLAIN)]) is None


def test_a_security_key_with_ed25519_signs() -> None:
    public_key = string(b"sk-ssh-ed25519@openssh.com") + string(POINT) + string(b"ssh:")

    def value(covered: bytes) -> bytes:
        state = b"\1\0\0\0\7"
        made = SEED.sign(digest_of(b"ssh:") + state + digest_of(covered))
        return string(b"sk-ssh-ed25519@openssh.com") + string(made) + state

    good = blob(public_key, value)
    assert signer(commit_with(good), [line_of(public_key)]) == line_of(public_key)
    assert signer(commit_with(good[:-1] + b"\x08"), [line_of(public_key)]) is None


def test_a_security_key_with_ecdsa_signs() -> None:
    key = ec.derive_private_key(7, ec.SECP256R1())
    point = key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    kind = b"sk-ecdsa-sha2-nistp256@openssh.com"
    public_key = string(kind) + string(b"nistp256") + string(point) + string(b"ssh:")

    def value(covered: bytes) -> bytes:
        state = b"\1\0\0\0\7"
        der = key.sign(digest_of(b"ssh:") + state + digest_of(covered), ec.ECDSA(hashes.SHA256()))
        r, s = utils.decode_dss_signature(der)
        return string(kind) + string(mpint(r) + mpint(s)) + state

    assert signer(commit_with(blob(public_key, value)), [line_of(public_key)]) == line_of(public_key)


def test_rsa_with_sha1_or_a_short_key_counts_for_nothing() -> None:
    def check(bits: int, algorithm: bytes, digest: hashes.HashAlgorithm) -> bool:
        key = rsa.generate_private_key(65537, bits)
        numbers = key.public_key().public_numbers()
        public_key = string(b"ssh-rsa") + mpint(numbers.e) + mpint(numbers.n)

        def value(covered: bytes) -> bytes:
            return string(algorithm) + string(key.sign(covered, padding.PKCS1v15(), digest))

        return signer(commit_with(blob(public_key, value)), [line_of(public_key)]) is not None

    assert check(2048, b"rsa-sha2-256", hashes.SHA256())
    assert not check(2048, b"ssh-rsa", hashes.SHA1())
    assert not check(1024, b"rsa-sha2-256", hashes.SHA256())


def test_lines_that_are_no_keys_are_passed_over() -> None:
    lines = ["", "# comment", "ssh-ed25519", "ssh-ed25519 ???", "ssh-ed25519 é", "a@b ssh-ed25519 AAAA"]
    assert signer(commit_with(blob(PLAIN, plain_value)), [*lines, line_of(PLAIN)]) == line_of(PLAIN)


@given(data=st.binary(max_size=200), where=st.integers(0, 400), put=st.binary(max_size=4))
def test_nothing_malformed_raises(data: bytes, where: int, put: bytes) -> None:
    good = blob(PLAIN, plain_value)
    damaged = good[:where] + put + good[where + len(put) :]
    for commit in (data, commit_with(data), commit_with(b"SSHSIG\0\0\0\1" + data), commit_with(good)[:where]):
        assert signer(commit, [line_of(PLAIN)]) is None
    assert signer(commit_with(damaged), [line_of(PLAIN)]) in ((None,) if damaged != good else (line_of(PLAIN),))
