"""Master keys from creation rules and options."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sopskit.config.recipients import RuleKeys, groups_from_options
from sopskit.config.sops_yaml import RULE_FIELDS
from sopskit.config.syntax import Reader
from sopskit.errors import ConfigError, RecipientError, SopskitError
from sopskit.sops.masterkeys import AgeKey, ForeignKey, KeyGroup, PgpKey

if TYPE_CHECKING:
    from tests.conftest import AgeTestKey

NOW = "2026-01-02T03:04:05Z"
FINGERPRINT = "836B1A9C90592A528EB95C86DE47E88C6AE55098"


def groups(text: str) -> tuple[KeyGroup, ...]:
    reader = Reader("f.yaml")
    root = reader.first_document(text.encode())
    assert root is not None
    return RuleKeys(reader, NOW).groups(reader.fields(root, RULE_FIELDS))


def named(group: KeyGroup) -> list[tuple[str, str]]:
    return [(key.kind, key.id) for key in group]


@pytest.mark.parametrize(
    "text",
    [
        "age: {a},{b}",
        "age: ' {a} ,, {b}, '",
        "age: [{a}, {b}]",
        "age: ['{a},{b}']",
        "age: >-\n  {a},\n  {b}",
        "age: '{a},{b},{a}'",
        "key_groups: [{{age: [{a}, {b}]}}]",
        "key_groups: [{{age: ['{a}, {b}', {a}]}}]",
        "key_groups: [{{merge: [{{age: [{a}]}}], age: [{b}, {a}]}}]",
        "age: x\nkey_groups: [{{age: [{a}, {b}]}}]",
        "age: [{a}, {b}]\nkey_groups: []",
    ],
)
def test_ways_to_write_two_recipients(alice: AgeTestKey, bob: AgeTestKey, text: str) -> None:
    found = groups(text.format(a=alice.recipient, b=bob.recipient))
    assert found == ((AgeKey(alice.recipient), AgeKey(bob.recipient)),)


def test_a_flat_rule_gives_one_group_in_sops_s_order(alice: AgeTestKey) -> None:
    found = groups(
        f"""
        hc_vault_transit_uri: https://h/v1/t/keys/k
        azure_keyvault: [https://v/keys/n/1]
        hckms: ['r:0a']
        gcp_kms: projects/p
        kms: arn:k+arn:r
        aws_profile: prod
        pgp: 836B 1A9C 9059 2A52 8EB9  5C86 DE47 E88C 6AE5 5098
        age: {alice.recipient}
        """
    )
    assert [named(group) for group in found] == [
        [
            ("age", alice.recipient),
            ("pgp", FINGERPRINT),
            ("kms", "arn:k+arn:r||prod"),
            ("gcp_kms", "projects/p"),
            ("hckms", "r:0a"),
            ("azure_kv", "https://v/keys/n/1"),
            ("hc_vault", "https://h/v1/t/keys/k"),
        ]
    ]
    assert found[0][1] == PgpKey(FINGERPRINT, NOW)


def test_key_groups_name_keys_of_all_kinds(alice: AgeTestKey) -> None:
    found = groups(
        f"""
        key_groups:
          - hc_vault: [https://h/v1/t/keys/k]
            azure_keyvault: [{{vaultUrl: https://v, key: n, version: 1}}]
            hckms: [{{key_id: 'r:0a'}}]
            gcp_kms: [{{resource_id: projects/p}}]
            kms: [{{arn: arn:k, role: arn:r, context: {{b: 2, a: x}}, aws_profile: prod}}]
          - pgp: [{FINGERPRINT}]
            merge:
              - age: [{alice.recipient}]
                merge: [{{pgp: [{FINGERPRINT}]}}]
        """
    )
    assert [named(group) for group in found] == [
        [
            ("kms", "arn:k+arn:r|a:x,b:2|prod"),
            ("gcp_kms", "projects/p"),
            ("hckms", "r:0a"),
            ("azure_kv", "https://v/keys/n/1"),
            ("hc_vault", "https://h/v1/t/keys/k"),
        ],
        [("pgp", FINGERPRINT), ("age", alice.recipient)],
    ]
    assert found[0][0] == ForeignKey(
        "kms",
        {"arn": "arn:k", "role": "arn:r", "context": {"b": "2", "a": "x"}, "aws_profile": "prod"},
        "arn:k+arn:r|a:x,b:2|prod",
    )


@pytest.mark.parametrize("text", ["path_regex: x", "age: ''", "age: []", "age: ~", "key_groups: ~"])
def test_a_rule_without_keys_has_no_group(text: str) -> None:
    assert groups(text) == ()


def test_an_empty_group_stays_a_group(alice: AgeTestKey) -> None:
    assert groups(f"key_groups: [{{}}, {{age: [{alice.recipient}]}}]") == ((), (AgeKey(alice.recipient),))


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("age: 5", "f.yaml:1:6", "expected text, not a number"),
        ("pgp: 1234567890123456789012345678901234567890", "f.yaml:1:6", "expected text, not a number"),
        ("age:\n  - 5", "f.yaml:2:5", "expected text, not a number"),
        ("age: [~]", "f.yaml:1:7", "expected text, not null"),
        ("age: {a: b}", "f.yaml:1:6", "expected text, not a mapping"),
        ("hckms: 'r:0a'", "f.yaml:1:8", "expected a list, not text"),
        ("age: nobody", "f.yaml:1:6", "not an age recipient"),
        ("kms: x\nage:\n  - nobody", "f.yaml:3:5", "not an age recipient"),
        ("pgp: 6AE55098", "f.yaml:1:6", "a PGP key is named by its full fingerprint of 40 or 64 hexadecimal digits"),
        (
            "pgp: alice@example.org",
            "f.yaml:1:6",
            "a PGP key is named by its full fingerprint of 40 or 64 hexadecimal digits",
        ),
        ("azure_keyvault: x", "f.yaml:1:17", "an Azure key is named https://VAULT/keys/NAME/VERSION"),
        ("key_groups: [{age: x}]", "f.yaml:1:20", "expected a list, not text"),
        ("key_groups: [{kms: [x]}]", "f.yaml:1:21", "expected a mapping, not text"),
        ("key_groups: [{hckms: [{key_id: x}]}]", "f.yaml:1:23", "a HuaweiCloud key is named region:uuid"),
        ("key_groups: [&a {merge: [*a]}]", "f.yaml:1:14", "groups are merged more than 32 levels deep"),
    ],
)
def test_keys_that_are_refused_with_their_place(text: str, place: str, message: str) -> None:
    with pytest.raises(SopskitError) as caught:
        groups(text)
    assert isinstance(caught.value, (ConfigError, RecipientError))
    assert (str(caught.value.location), caught.value.message) == (place, message)


def test_an_identity_in_the_place_of_a_recipient_is_not_quoted(alice: AgeTestKey) -> None:
    with pytest.raises(RecipientError) as caught:
        groups(f"age: {alice.identity}")
    assert "SECRET-KEY" not in str(caught.value)


def test_options_add_up_in_the_order_of_sops(alice: AgeTestKey, bob: AgeTestKey) -> None:
    found = groups_from_options(
        created_at=NOW,
        age=[alice.recipient, f" {bob.recipient}, {alice.recipient},"],
        hc_vault=["https://h/v1/t/keys/k"],
        pgp=[FINGERPRINT],
        azure_kv=["https://v/keys/n/1"],
        hckms=["r:0a"],
        gcp_kms=["projects/p"],
        kms=["arn:k"],
        aws_profile="prod",
    )
    assert [named(group) for group in found] == [
        [
            ("kms", "arn:k||prod"),
            ("gcp_kms", "projects/p"),
            ("hckms", "r:0a"),
            ("azure_kv", "https://v/keys/n/1"),
            ("pgp", FINGERPRINT),
            ("hc_vault", "https://h/v1/t/keys/k"),
            ("age", alice.recipient),
            ("age", bob.recipient),
        ]
    ]


def test_no_option_gives_no_group() -> None:
    assert groups_from_options(created_at=NOW, age=[""]) == ()


def test_an_option_that_names_no_recipient_is_refused() -> None:
    with pytest.raises(RecipientError):
        groups_from_options(created_at=NOW, age=["nobody"])
