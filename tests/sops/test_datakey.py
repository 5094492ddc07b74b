"""The data key: wrapped for every master key, recovered from one of each group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from sopskit import age
from sopskit.errors import DataKeyError, ForeignKeyError, GroupReport, KeyAccessError, NoMatchingRuleError
from sopskit.pgp import Gpg
from sopskit.secret import DataKey
from sopskit.sops import datakey
from sopskit.sops.masterkeys import AgeKey, FixedKeyring, ForeignKey, KeyGroup, parse_age_key, parse_pgp_key
from sopskit.sops.metadata import Metadata
from sopskit.sops.selection import Selection

if TYPE_CHECKING:
    from tests.conftest import AgeTestKey

GPG = Gpg(None, None)
VAULT = ForeignKey("hc_vault", {"enc": "vault:v1:x", "vault_address": "https://vault"}, "https://vault/v1/t/keys/k")


def metadata(*groups: KeyGroup, threshold: int = 0) -> Metadata:
    return Metadata(
        groups=groups, shamir_threshold=threshold, selection=Selection("unencrypted_suffix", "_unencrypted")
    )


def keyring(*keys: AgeTestKey) -> FixedKeyring:
    return FixedKeyring(tuple(age.parse_identity(key.identity) for key in keys))


def test_one_group_any_of_its_keys_opens(alice: AgeTestKey, bob: AgeTestKey, cluster_key: AgeTestKey) -> None:
    key = datakey.generate()
    wrapped = datakey.wrap_data_key(metadata((AgeKey(alice.recipient), AgeKey(bob.recipient))), key, GPG)
    assert datakey.recover_data_key(wrapped, keyring(alice)) == key
    assert datakey.recover_data_key(wrapped, keyring(bob)) == key
    with pytest.raises(DataKeyError) as caught:
        datakey.recover_data_key(wrapped, keyring(cluster_key))
    (report,) = caught.value.groups
    assert [name for name, _ in report.keys] == [alice.recipient, bob.recipient]
    assert not report.opened


def test_several_groups_need_their_threshold(alice: AgeTestKey, bob: AgeTestKey, cluster_key: AgeTestKey) -> None:
    key = datakey.generate()
    groups = tuple((AgeKey(who.recipient),) for who in (alice, bob, cluster_key))
    wrapped = datakey.wrap_data_key(metadata(*groups, threshold=2), key, GPG)
    assert datakey.recover_data_key(wrapped, keyring(alice, cluster_key)) == key
    assert datakey.recover_data_key(wrapped, keyring(alice, bob, cluster_key)) == key
    with pytest.raises(DataKeyError) as caught:
        datakey.recover_data_key(wrapped, keyring(bob))
    assert caught.value.threshold == 2
    assert [report.opened for report in caught.value.groups] == [False, True, False]


def test_the_threshold_defaults_to_all_groups(alice: AgeTestKey, bob: AgeTestKey) -> None:
    groups = ((AgeKey(alice.recipient),), (AgeKey(bob.recipient),))
    assert datakey.wrap_data_key(metadata(*groups), datakey.generate(), GPG).shamir_threshold == 2


def test_shares_of_different_files_do_not_combine(alice: AgeTestKey, bob: AgeTestKey) -> None:
    groups = ((AgeKey(alice.recipient),), (AgeKey(bob.recipient),))
    one = datakey.wrap_data_key(metadata(*groups), datakey.generate(), GPG)
    twice = one.replace(groups=(one.groups[0], (one.groups[0][0],)))
    with pytest.raises(DataKeyError, match="do not fit together"):
        datakey.recover_data_key(twice, keyring(alice))


@pytest.mark.parametrize("groups", [(), ((),), ((AgeKey("x"),), ())])
def test_an_empty_group_is_refused(groups: tuple[KeyGroup, ...]) -> None:
    with pytest.raises(NoMatchingRuleError, match="no recipients"):
        datakey.wrap_data_key(metadata(*groups), datakey.generate(), GPG)


def test_a_key_of_a_foreign_service_is_named_and_refused(alice: AgeTestKey) -> None:
    with pytest.raises(ForeignKeyError, match="hc_vault key https://vault/v1/t/keys/k"):
        datakey.wrap_data_key(metadata((AgeKey(alice.recipient), VAULT)), datakey.generate(), GPG)
    with pytest.raises(KeyAccessError):
        VAULT.unwrap(keyring(alice))
    assert VAULT.enc == "vault:v1:x"
    assert VAULT.fields() == VAULT.entry


@pytest.mark.parametrize("size", [0, 16, 24, 31, 33])
def test_a_wrapped_key_of_another_length_is_refused(alice: AgeTestKey, size: int) -> None:
    entry = AgeKey(alice.recipient).wrap(bytes(size), GPG)
    with pytest.raises(DataKeyError, match="32-byte"):
        datakey.recover_data_key(metadata((entry,)), keyring(alice))


@dataclass(frozen=True, slots=True)
class Counting:
    """A master key that tells when it was asked."""

    id: str
    asked: list[str]
    enc: str = ""
    kind: str = "pgp"

    def wrap(self, key: bytes, gpg: Gpg) -> Counting:
        return self

    def unwrap(self, keyring: object) -> bytes:
        self.asked.append(self.id)
        return bytes(32)

    def fields(self) -> dict[str, object]:
        return {}


def test_age_is_tried_first_and_gpg_not_started_when_it_opens(alice: AgeTestKey) -> None:
    asked: list[str] = []
    key = DataKey(b"\1" * 32)
    group = (Counting("one", asked), AgeKey(alice.recipient).wrap(key.reveal(), GPG))
    assert datakey.recover_data_key(metadata(group), keyring(alice)) == key  # type: ignore[arg-type]
    assert asked == []
    assert datakey.recover_data_key(metadata(group), keyring(alice), order=("pgp",)) == DataKey(bytes(32))  # type: ignore[arg-type]
    assert asked == ["one"]


def test_without_any_identity_the_reason_says_so(alice: AgeTestKey) -> None:
    wrapped = datakey.wrap_data_key(metadata((AgeKey(alice.recipient),)), datakey.generate(), GPG)
    with pytest.raises(DataKeyError) as caught:
        datakey.recover_data_key(wrapped, FixedKeyring())
    assert caught.value.groups == (GroupReport(opened=False, keys=((alice.recipient, "no age identity is at hand"),)),)


def test_recipients_are_checked_before_they_are_used(alice: AgeTestKey) -> None:
    from sopskit.errors import RecipientError

    assert parse_age_key(f" {alice.recipient} ").id == alice.recipient
    assert (
        parse_pgp_key("836B 1A9C 9059 2A52 8EB9  5C86 DE47 E88C 6AE5 5098", "").id
        == "836B1A9C90592A528EB95C86DE47E88C6AE55098"
    )
    for wrong in ("age1what", "somebody", ""):
        with pytest.raises(RecipientError):
            parse_age_key(wrong)
    for wrong in ("a", "*", "me@example.org", "DE47E88C6AE55098", "-r", ""):
        with pytest.raises(RecipientError):
            parse_pgp_key(wrong, "")


def test_a_keyring_without_gpg_says_so() -> None:
    with pytest.raises(KeyAccessError, match="gpg"):
        FixedKeyring().gpg()
    assert FixedKeyring(pgp=GPG).gpg() is GPG
    assert FixedKeyring().report()[0].found == 0
