"""Keys of services that sopskit does not operate: references, and how they are parsed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sopskit.errors import MetadataError, RecipientError
from sopskit.sops.foreignkeys import new_foreign_key, parse_foreign_key

if TYPE_CHECKING:
    from sopskit.document.model import Raw


@pytest.mark.parametrize(
    ("entry", "reference"),
    [
        ({"arn": "A"}, "A"),
        ({"arn": "A", "role": "R"}, "A+R"),
        ({"arn": "A", "context": {"b": "2", "a": "1"}}, "A|a:1,b:2"),
        ({"arn": "A", "role": "R", "context": {"a": "1"}, "aws_profile": "p"}, "A+R|a:1|p"),
        ({"arn": "A", "aws_profile": "p"}, "A||p"),
        ({"arn": "A", "context": [{"b": 2}, {"a": True}]}, "A|a:1,b:2"),
        ({"arn": "A", "context": []}, "A"),
    ],
    ids=str,
)
def test_the_reference_of_a_kms_key(entry: dict[str, Raw], reference: str) -> None:
    assert new_foreign_key("kms", entry).reference == reference


def test_fields_of_the_wrong_type_are_refused() -> None:
    with pytest.raises(MetadataError):
        new_foreign_key("kms", {"arn": "A", "context": "a:1"})


@pytest.mark.parametrize(
    ("kind", "text", "entry", "reference"),
    [
        ("kms", "arn:aws:kms:r:1:key/k", {"arn": "arn:aws:kms:r:1:key/k", "aws_profile": ""}, "arn:aws:kms:r:1:key/k"),
        ("kms", "arn:k + arn:r", {"arn": "arn:k", "role": "arn:r", "aws_profile": ""}, "arn:k+arn:r"),
        ("gcp_kms", "projects/p /x", {"resource_id": "projects/p/x"}, "projects/p/x"),
        ("hckms", "r:0-a", {"key_id": "r:0-a"}, "r:0-a"),
        (
            "azure_kv",
            "https://v.net/keys/n/abc",
            {"vault_url": "https://v.net", "name": "n", "version": "abc"},
            "https://v.net/keys/n/abc",
        ),
        (
            "azure_kv",
            "https://v.net/keys/n",
            {"vault_url": "https://v.net", "name": "n", "version": ""},
            "https://v.net/keys/n/",
        ),
        (
            "hc_vault",
            "https://h:8200/v1/a/b/keys/k/",
            {"vault_address": "https://h:8200", "engine_path": "a/b", "key_name": "k"},
            "https://h:8200/v1/a/b/keys/k",
        ),
    ],
)
def test_a_reference_becomes_the_fields_of_an_entry(
    kind: str, text: str, entry: dict[str, Raw], reference: str
) -> None:
    key = parse_foreign_key(kind, text)
    assert (key.kind, key.entry, key.reference) == (kind, entry, reference)


def test_a_profile_goes_to_the_kms_key() -> None:
    assert parse_foreign_key("kms", "arn:k", "prod").reference == "arn:k||prod"


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("hckms", "x"),
        ("hckms", ":0"),
        ("hckms", "r:"),
        ("azure_kv", "foo"),
        ("azure_kv", "http://v/keys/n"),
        ("azure_kv", "https://v/secrets/n"),
        ("azure_kv", "https://v/keys/"),
        ("azure_kv", "https:///keys/n"),
        ("hc_vault", "foo"),
        ("hc_vault", "h/v1/transit/keys/k"),
        ("hc_vault", "https://h/prefix/v1/transit/keys/k"),
        ("hc_vault", "https://h/v1/keys/k"),
        ("hc_vault", "https://h/v1/transit/k"),
    ],
)
def test_a_malformed_reference_is_refused(kind: str, text: str) -> None:
    with pytest.raises(RecipientError):
        parse_foreign_key(kind, text)
