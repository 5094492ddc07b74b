"""Status lines judged without a gpg."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sopskit.errors import GpgError, KeyAccessError, RecipientError, SopskitError
from sopskit.pgp.transcript import DECRYPTED, DECRYPTION_WORDS, Transcript, decrypted_key, encrypted_message

KEY = bytes(32)


def transcript(*lines: str, exit_code: int = 2, accepted: bool = False, messages: bytes = b"") -> Transcript:
    statuses = [line.partition(" ") for line in lines]
    return Transcript(exit_code, accepted, tuple((word, rest) for word, _, rest in statuses), KEY, messages)


def failure(*lines: str, messages: bytes = b"") -> SopskitError:
    with pytest.raises(SopskitError) as caught:
        decrypted_key(transcript(*lines, messages=messages), (32,))
    return caught.value


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (67108875, "the passphrase is wrong"),
        (67108949, "no pinentry program"),
        (67108963, "prompt was cancelled"),
        (83918950, "no terminal to ask"),
        (100663408, "the card with the secret key is not there"),
        (100663383, "the PIN is wrong"),
        (67108926, "in time"),
    ],
)
def test_why_a_secret_key_could_not_be_used(code: int, message: str) -> None:
    error = failure(f"ERROR pkdecrypt_failed {code}", "BEGIN_DECRYPTION", "DECRYPTION_FAILED", "END_DECRYPTION")
    assert (type(error), message in error.message) == (GpgError, True)


@pytest.mark.parametrize("line", ["ERROR pkdecrypt_failed 1", "ERROR pkdecrypt_failed x", "ERROR other 11", "ERROR"])
def test_an_error_that_is_not_known_is_told_by_the_exit_code(line: str) -> None:
    error = failure(line, "BEGIN_DECRYPTION", "DECRYPTION_FAILED", "END_DECRYPTION")
    assert error.message == "gpg did not decrypt the PGP message (exit code 2)"


def test_a_missing_secret_key_names_the_key() -> None:
    error = failure("NO_SECKEY 00AA", "NO_SECKEY 00BB", "NO_SECKEY odd text", "BEGIN_DECRYPTION", "DECRYPTION_FAILED")
    assert isinstance(error, KeyAccessError)
    assert error.message == "gpg has no secret key for this message (encryption key 00AA, 00BB)"


def test_a_dead_agent_is_not_a_missing_key() -> None:
    error = failure("NO_SECKEY 00AA", "BEGIN_DECRYPTION", messages=b"gpg: can't connect to the agent: IPC error")
    assert error.message == "gpg cannot reach its agent"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["KEYEXPIRED 0", "INV_RECP 0 F"], "the PGP key F has expired"),
        (["INV_RECP 0 F"], "the PGP key F is revoked, or cannot encrypt"),
        (["INV_RECP 1 F"], "gpg has no public key F"),
    ],
)
def test_why_a_recipient_was_refused(lines: list[str], message: str) -> None:
    with pytest.raises(RecipientError) as caught:
        encrypted_message(transcript(*lines), "F")
    assert caught.value.message == message


def test_output_and_messages_are_not_shown() -> None:
    shown = repr(transcript("A b", messages=b"text"))
    assert shown == "Transcript(exit_code=2, words=['A'])"


WORDS = st.lists(st.sampled_from(sorted(DECRYPTION_WORDS)), max_size=7)


@given(WORDS, st.integers(-9, 2), st.booleans())
def test_only_the_one_sequence_is_a_decryption(words: list[str], exit_code: int, accepted: bool) -> None:
    told = transcript(*words, exit_code=exit_code, accepted=accepted)
    if tuple(words) == DECRYPTED and exit_code == 0 and accepted:
        assert decrypted_key(told, (32,)) == KEY
    else:
        with pytest.raises(SopskitError):
            decrypted_key(told, (32,))


def test_the_one_sequence_is_a_decryption() -> None:
    assert decrypted_key(transcript(*DECRYPTED, exit_code=0, accepted=True), (32,)) == KEY
