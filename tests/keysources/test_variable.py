"""SOPS_AGE_KEY."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.keysources.conftest import Sources, encrypted

if TYPE_CHECKING:
    from tests.conftest import AgeTestKey


def test_keys_may_be_separated_by_any_white_space(sources: Sources, alice: AgeTestKey, bob: AgeTestKey) -> None:
    sources.environ["SOPS_AGE_KEY"] = f"  {alice.identity}\t{bob.identity}\r\n# a comment\n\n"
    assert (sources.opens(alice.recipient), sources.opens(bob.recipient)) == (True, True)


def test_a_commented_key_is_none(sources: Sources, alice: AgeTestKey) -> None:
    sources.environ["SOPS_AGE_KEY"] = f"# {alice.identity}\n"
    assert sources.problems(alice.recipient) == {}


def test_an_empty_variable_holds_no_key(sources: Sources, alice: AgeTestKey) -> None:
    sources.environ["SOPS_AGE_KEY"] = ""
    assert sources.keyring().identities(alice.recipient) == []


def test_a_variable_may_hold_an_encrypted_file(sources: Sources, alice: AgeTestKey) -> None:
    sources.environ["SOPS_AGE_KEY"] = encrypted(alice.identity, "secret").decode()
    sources.answer = "secret"
    assert sources.opens(alice.recipient)
    assert sources.asked == ["passphrase for the identity file SOPS_AGE_KEY: "]


def test_bytes_that_are_no_text_are_a_problem_of_their_own(sources: Sources, alice: AgeTestKey) -> None:
    sources.environ["SOPS_AGE_KEY"] = "\udcff"
    assert sources.problems(alice.recipient) == {"SOPS_AGE_KEY": "SOPS_AGE_KEY: the text is not UTF-8"}
