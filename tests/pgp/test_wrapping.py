"""Keys through the real gpg."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pexpect
import pytest

from sopskit.errors import GpgError, KeyAccessError, RecipientError
from sopskit.pgp import Gpg, is_fingerprint, unwrap, wrap
from tests.pgp.conftest import CURVE, CURVE_SUBKEY, EXPIRED, FIXTURES, LOCKED, Liar

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KEY = bytes(range(32))
SHARE = bytes(range(33))

NO_FINGERPRINTS = [
    "",
    "a",
    "*",
    "!",
    "-r",
    "--output=/tmp/x",
    "alice@example.org",
    "<alice@example.org>",
    "=Alice",
    "0x" + CURVE,
    CURVE[-8:],
    CURVE[-16:],
    CURVE + "!!",
    CURVE + "\n",
    " " + CURVE,
    CURVE[:-1] + "g",
    CURVE[:-1] + "\N{FULLWIDTH DIGIT ONE}",
    CURVE + ",",
    CURVE[:39],
    CURVE + "0",
    "&" + CURVE[1:],
]


@pytest.mark.parametrize("text", [CURVE, CURVE.lower(), CURVE + "!", "0" * 64, "0" * 64 + "!"])
def test_a_full_fingerprint_is_one(text: str) -> None:
    assert is_fingerprint(text)


@pytest.mark.parametrize("text", NO_FINGERPRINTS)
def test_a_search_is_refused_before_gpg_starts(text: str, liar: Callable[..., Liar]) -> None:
    program = liar("sys.exit(0)")
    with pytest.raises(RecipientError):
        wrap(KEY, text, program.gpg())
    assert program.calls() == []


@pytest.mark.parametrize("key", [KEY, SHARE])
def test_a_key_comes_back(key: bytes, gpg: Gpg, imported: Callable[[str], None]) -> None:
    imported("curve")
    assert unwrap(wrap(key, CURVE, gpg), gpg) == key


@pytest.mark.parametrize("fingerprint", [CURVE.lower(), CURVE + "!", CURVE_SUBKEY, CURVE_SUBKEY + "!"])
def test_spellings_of_a_fingerprint_that_gpg_accepts(
    fingerprint: str, gpg: Gpg, imported: Callable[[str], None]
) -> None:
    imported("curve")
    if fingerprint == CURVE + "!":
        with pytest.raises(RecipientError, match="cannot encrypt"):  # exactly the primary key, which only signs
            wrap(KEY, fingerprint, gpg)
    else:
        assert unwrap(wrap(KEY, fingerprint, gpg), gpg) == KEY


def test_the_message_is_armored_and_stripped(gpg: Gpg, imported: Callable[[str], None]) -> None:
    imported("curve")
    lines = wrap(KEY, CURVE, gpg).split("\n")
    assert (lines[0], lines[1], lines[-1]) == ("-----BEGIN PGP MESSAGE-----", "", "-----END PGP MESSAGE-----")


def test_a_message_may_end_with_a_line_feed(gpg: Gpg, imported: Callable[[str], None]) -> None:
    imported("curve")
    assert unwrap(wrap(KEY, CURVE, gpg) + "\n", gpg) == KEY


def test_gpg_conf_cannot_add_or_swap_recipients(
    gpg: Gpg, imported: Callable[[str], None], run_gpg: Callable[..., bytes], gnupg_home: Path
) -> None:
    imported("curve")
    imported("locked")
    conf = f"encrypt-to {LOCKED}\ndefault-recipient {LOCKED}\ngroup {CURVE}={LOCKED}\nverbose\n"
    (gnupg_home / "gpg.conf").write_text(conf)
    message = wrap(KEY, CURVE, gpg)
    packets = run_gpg("--list-packets", "--list-only", data=message.encode()).decode()
    assert [line.split()[-1] for line in packets.splitlines() if "keyid" in line] == [CURVE_SUBKEY[-16:]]


def test_a_missing_public_key_is_named(gpg: Gpg) -> None:
    with pytest.raises(RecipientError, match=f"gpg has no public key {CURVE}") as caught:
        wrap(KEY, CURVE, gpg)
    assert "gpg --import" in str(caught.value.hint)


def test_an_expired_key_is_refused(gpg: Gpg, imported: Callable[[str], None]) -> None:
    imported("expired-public")
    with pytest.raises(RecipientError, match=f"the PGP key {EXPIRED} has expired"):
        wrap(KEY, EXPIRED, gpg)


def test_a_missing_secret_key_is_a_missing_key(
    gpg: Gpg, imported: Callable[[str], None], run_gpg: Callable[..., bytes]
) -> None:
    imported("curve")
    message = wrap(KEY, CURVE, gpg)
    run_gpg("--yes", "--delete-secret-keys", CURVE)
    with pytest.raises(KeyAccessError, match=f"no secret key for this message .encryption key {CURVE_SUBKEY[-16:]}"):
        unwrap(message, gpg)


@pytest.mark.parametrize("content", [KEY, b"", b"x" * 4000])
def test_a_literal_message_is_refused(content: bytes, gpg: Gpg, run_gpg: Callable[..., bytes]) -> None:
    message = run_gpg("--armor", "--store", data=content).decode()
    with pytest.raises(GpgError, match="not encrypted"):
        unwrap(message, gpg)


def test_a_signed_message_is_refused(gpg: Gpg, imported: Callable[[str], None], run_gpg: Callable[..., bytes]) -> None:
    imported("curve")
    message = run_gpg("--armor", "--sign", "-u", CURVE, data=KEY).decode()
    with pytest.raises(GpgError, match="not encrypted"):
        unwrap(message, gpg)


def test_a_message_that_is_signed_and_encrypted_is_read(
    gpg: Gpg, imported: Callable[[str], None], run_gpg: Callable[..., bytes]
) -> None:
    imported("curve")
    options = ("--trust-model", "always", "-r", CURVE, "-u", CURVE)
    message = run_gpg("--armor", "--sign", "--encrypt", *options, data=KEY).decode()
    assert unwrap(message, gpg) == KEY


def test_two_messages_in_one_are_refused(
    gpg: Gpg, imported: Callable[[str], None], run_gpg: Callable[..., bytes]
) -> None:
    imported("curve")
    binary = run_gpg("--dearmor", data=wrap(KEY, CURVE, gpg).encode())
    twice = run_gpg("--enarmor", data=binary + binary).decode().replace("ARMORED FILE", "MESSAGE")
    with pytest.raises(GpgError):
        unwrap(twice, gpg)


def test_a_message_of_another_length_is_refused(
    gpg: Gpg, imported: Callable[[str], None], run_gpg: Callable[..., bytes]
) -> None:
    imported("curve")
    message = run_gpg("--armor", "--encrypt", "--trust-model", "always", "-r", CURVE, data=b"k" * 31).decode()
    with pytest.raises(GpgError, match="holds 31 bytes, and a data key has 32 or 33"):
        unwrap(message, gpg)


def test_the_caller_says_which_lengths_will_do(gpg: Gpg, imported: Callable[[str], None]) -> None:
    imported("curve")
    with pytest.raises(GpgError, match=r"holds 33 bytes, and a data key has 32$"):
        unwrap(wrap(SHARE, CURVE, gpg), gpg, lengths=(32,))


def test_a_small_message_that_inflates_is_cut_off(
    gpg: Gpg, imported: Callable[[str], None], run_gpg: Callable[..., bytes]
) -> None:
    imported("curve")
    options = ("--compress-algo", "zlib", "--trust-model", "always", "-r", CURVE)
    message = run_gpg("--armor", "--encrypt", *options, data=bytes(30_000_000)).decode()
    with pytest.raises(GpgError, match="more than 4096 bytes"):
        unwrap(message, gpg)


@pytest.mark.parametrize(
    "text", ["", "no armor", "-----BEGIN PGP MESSAGE-----\n\nAAAA\n-----END PGP MESSAGE-----", "\udc80"]
)
def test_damaged_text_is_refused(text: str, gpg: Gpg) -> None:
    with pytest.raises(GpgError, match=r"nothing to decrypt|did not decrypt"):
        unwrap(text, gpg)


def test_a_bit_flipped_in_the_message_is_noticed(
    gpg: Gpg, imported: Callable[[str], None], run_gpg: Callable[..., bytes]
) -> None:
    imported("curve")
    binary = bytearray(run_gpg("--dearmor", data=wrap(KEY, CURVE, gpg).encode()))
    binary[-30] ^= 1
    flipped = run_gpg("--enarmor", data=bytes(binary)).decode().replace("ARMORED FILE", "MESSAGE")
    with pytest.raises(GpgError):
        unwrap(flipped, gpg)


def test_a_long_message_never_reaches_gpg(liar: Callable[..., Liar]) -> None:
    program = liar("sys.exit(0)")
    with pytest.raises(GpgError, match="65537 bytes, more than the limit of 65536"):
        unwrap("x" * 65537, program.gpg())
    assert program.calls() == []


def test_a_locked_key_without_a_terminal_says_so(gpg: Gpg, imported: Callable[[str], None], gnupg_home: Path) -> None:
    (gnupg_home / "gpg-agent.conf").write_text("pinentry-program /nonexistent/pinentry\n")
    import_protected(gnupg_home, "locked", gpg)
    message = wrap(KEY, LOCKED, gpg)
    with pytest.raises(GpgError, match="gpg-agent found no pinentry program"):
        unwrap(message, gpg)


def test_a_locked_key_opens_when_the_agent_knows_the_passphrase(
    gpg: Gpg, gnupg_home: Path, tool: Callable[[str], str]
) -> None:
    (gnupg_home / "gpg-agent.conf").write_text("allow-loopback-pinentry\n")
    import_protected(gnupg_home, "locked", gpg)
    message = wrap(KEY, LOCKED, gpg)
    by_hand = [tool("gpg"), "--homedir", str(gnupg_home), "--batch", "--pinentry-mode", "loopback"]
    by_hand += ["--passphrase", "test-only", "--decrypt"]
    subprocess.run(by_hand, input=message.encode(), check=True, capture_output=True)
    assert unwrap(message, gpg) == KEY


def import_protected(home: Path, name: str, gpg: Gpg) -> None:
    """Import a protected key; its passphrase is not asked for, only kept with it."""
    command = [gpg.locate(), "--homedir", str(home), "--batch", "--quiet"]
    command += ["--import", str(FIXTURES / f"test-only-{name}.asc")]
    subprocess.run(command, check=True, capture_output=True)


def test_sops_reads_what_is_wrapped(gpg: Gpg, pgp_key: str, tool: Callable[[str], str], tmp_path: Path) -> None:
    """The released sops opens a file whose `enc` is replaced by ours."""
    plain = tmp_path / "plain.json"
    plain.write_text('{"a": "b"}')
    sops = [tool("sops"), "--pgp", pgp_key]
    encrypted = json.loads(subprocess.run([*sops, "-e", str(plain)], check=True, capture_output=True).stdout)
    entry = encrypted["sops"]["pgp"][0]
    entry["enc"] = wrap(unwrap(entry["enc"], gpg), pgp_key, gpg)
    plain.write_text(json.dumps(encrypted))
    opened = subprocess.run([tool("sops"), "-d", str(plain)], check=True, capture_output=True, env=dict(os.environ))
    assert json.loads(opened.stdout) == {"a": "b"}


@pytest.mark.tool("pinentry-curses")
def test_a_passphrase_can_be_typed_at_the_terminal(
    gpg: Gpg, gnupg_home: Path, tool: Callable[[str], str], tmp_path: Path
) -> None:
    """gpg runs in a process group of its own, and pinentry must get the terminal all the same."""
    (gnupg_home / "gpg-agent.conf").write_text(f"pinentry-program {tool('pinentry-curses')}\n")
    import_protected(gnupg_home, "locked", gpg)
    (tmp_path / "message").write_text(wrap(KEY, LOCKED, gpg))
    code = (
        "import sys; from sopskit.keysources import environment_keyring as k; from sopskit.pgp import unwrap; "
        f"key = unwrap(open({str(tmp_path / 'message')!r}).read(), k().gpg()); print('key of', len(key))"
    )
    environ = os.environ | {"TERM": "xterm", "PYTHONPATH": str(FIXTURES.parents[1])}
    child = pexpect.spawn(sys.executable, ["-c", code], env=environ, timeout=30, dimensions=(40, 120))
    child.expect("Passphrase:")
    child.send("test-only\r")
    child.expect("key of 32")
    child.close()
