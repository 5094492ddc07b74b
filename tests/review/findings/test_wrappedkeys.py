"""RCP07: recipients that stand there twice, and wrapped keys for somebody else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sopskit.age import Stanza, encrypt, parse_recipient
from sopskit.age.armor import armor
from sopskit.age.header import parse, serialise
from tests.review.findings.readers import (
    ALICE,
    BASE,
    BOB,
    CLUSTER,
    GROUPS,
    SOPS_FILES,
    WITH_BOB,
    WITHOUT_CLUSTER,
    found,
    named,
    state,
)

if TYPE_CHECKING:
    from pathlib import Path


SSH = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAII7JfqGvwcy67w8tVo8WOSCEP1tHpZSAuEpXfLvqNeu+"
OTHER_SSH = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFePROSediF3Wgw5gSQXV3CDo+lC4bOv/hYWsjk1RuHq"


def test_the_last_recipient_but_one_leaves() -> None:
    (finding,) = found(state(BASE), state(WITHOUT_CLUSTER), "RCP07")
    assert (finding.severity, "only one recipient" in finding.message) == ("low", True)
    assert found(state(BASE), state(WITH_BOB), "RCP07") == []


def test_a_new_file_for_one_reader_is_ordinary() -> None:
    assert found({}, state(WITHOUT_CLUSTER), "RCP07", named(protected=True)) == []


def entry(data: bytes, recipient: str) -> str:
    """A recipient and its wrapped key, as they stand in a file."""
    text = data.decode()
    end = text.index(recipient) + len(recipient) + 1
    return text[text.rindex("        - enc: |", 0, end) : end]


def test_a_recipient_that_stands_there_twice_is_told() -> None:
    one = entry(WITH_BOB, ALICE)
    twice = WITH_BOB.decode().replace(one, one + one).encode()
    (finding,) = found(state(BASE), state(twice), "RCP07")
    assert (finding.severity, finding.args) == ("low", {"recipient": ALICE})
    assert found(state(twice), state(twice.replace(b"tier", b"zone")), "RCP07") == []


def test_two_wrapped_keys_under_one_name_can_be_for_two_people() -> None:
    twice = WITH_BOB.replace(BOB.encode(), ALICE.encode())
    (finding,) = found(state(BASE), state(twice), "RCP07")
    assert (finding.severity, finding.args) == ("high", {"recipient": ALICE})
    assert found(state(twice), state(twice.replace(b"tier", b"zone")), "RCP07") == []
    thrice = twice.decode().replace(CLUSTER, ALICE).encode()
    assert [one.severity for one in found(state(twice), state(thrice), "RCP07")] == ["high", "low"]


def test_a_recipient_of_two_key_groups_weighs_more() -> None:
    (finding,) = found(state(GROUPS), state(GROUPS.replace(BOB.encode(), ALICE.encode())), "RCP07")
    assert (finding.severity, finding.args) == ("medium", {"recipient": ALICE})
    assert found({}, state(GROUPS), "RCP07") == []


def with_stanzas(recipient: str, *others: str, grease: bool = False) -> bytes:
    """A file in which the wrapped key of a recipient was made for others."""
    armored = encrypt(bytes(32), [parse_recipient(one) for one in others])
    if grease:
        header = parse(armored)
        armored = serialise([*header.stanzas, Stanza("x-grease", (), b"")]) + armored[len(header.authenticated) :]
    lines = armor(armored).decode().replace("\n", f"\n{'':12}").rstrip()
    one = entry(WITH_BOB, recipient)
    begin, end = one.index("-----BEGIN"), one.index("-----END AGE ENCRYPTED FILE-----") + 32
    return WITH_BOB.decode().replace(one, one[:begin] + lines + one[end:]).encode()


def test_a_wrapped_key_that_somebody_else_can_open_is_told() -> None:
    (finding,) = found(state(BASE), state(with_stanzas(BOB, BOB, CLUSTER)), "RCP07")
    assert (finding.severity, finding.args) == ("high", {"recipient": BOB})
    assert "can be opened by somebody else" in finding.message
    again = with_stanzas(BOB, BOB, CLUSTER)
    assert found(state(again), state(again.replace(b"tier", b"zone")), "RCP07") == []


def test_a_wrapped_key_of_another_kind_than_its_recipient_is_told() -> None:
    told = found(state(BASE), state(with_stanzas(BOB, SSH)), "RCP07")
    assert [(one.severity, one.args) for one in told] == [("high", {"recipient": BOB})]


@pytest.mark.parametrize("others", [(OTHER_SSH,), (SSH, OTHER_SSH), (BOB,)], ids=["another", "two", "age"])
def test_a_wrapped_key_of_an_ssh_recipient_is_for_its_key(others: tuple[str, ...]) -> None:
    head = with_stanzas(BOB, *others).replace(BOB.encode(), SSH.encode())
    told = found(state(BASE), state(head), "RCP07")
    assert [(one.severity, one.args) for one in told] == [("high", {"recipient": SSH})]


def test_wrapped_keys_as_age_and_rage_write_them_are_none() -> None:
    assert found(state(BASE), state(with_stanzas(BOB, BOB)), "RCP07") == []
    assert found(state(BASE), state(with_stanzas(BOB, BOB, grease=True)), "RCP07") == []
    ssh = with_stanzas(BOB, SSH).replace(BOB.encode(), SSH.encode())
    assert found(state(BASE), state(ssh), "RCP07") == []


@pytest.mark.parametrize("path", sorted(SOPS_FILES.glob("*.yaml")), ids=lambda path: path.stem)
def test_no_file_of_sops_has_a_wrapped_key_for_others(path: Path) -> None:
    assert [one.message for one in found({}, state(path.read_bytes()), "RCP07") if one.severity == "high"] == []


def test_a_text_that_is_no_recipient_is_told() -> None:
    broken = WITH_BOB.replace(BOB.encode(), BOB[:-1].encode())
    (finding,) = found(state(BASE), state(broken), "RCP07")
    assert finding.args == {"recipient": BOB[:-1]}
