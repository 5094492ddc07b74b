"""VAL07 and VAL08: secrets that lost what they need, or that Kubernetes refuses."""

from __future__ import annotations

from base64 import b64encode

import pytest

from sopskit.review.findings import secrettypes
from tests.review.conftest import Sops
from tests.review.findings.keyed import KeyedReview, said, secret
from tests.review.reviewing import Reviewer

VALUES = {"DB_PASSWORD": "kX9-mQ2vLp8w", "PORT": "5432"}
TLS = {"tls.crt": "a certificate", "tls.key": "a key"}


@pytest.fixture
def found(sops: Sops, review_of: Reviewer) -> KeyedReview:
    return KeyedReview(sops, review_of, secrettypes.POLICIES)


@pytest.mark.parametrize("keyless", [False, True])
def test_an_emptied_value_is_found(found: KeyedReview, keyless: bool) -> None:
    base = found.encrypted(secret(VALUES))
    head = found.edited(base, {"DB_PASSWORD": ""})
    assert said(found(base, head, keyless=keyless)) == ["VAL07 high: stringData.DB_PASSWORD was emptied"]


def test_with_a_key_blanks_are_empty_too(found: KeyedReview) -> None:
    base = found.encrypted(secret(VALUES))
    head = found.edited(base, {"DB_PASSWORD": " \n"})
    assert said(found(base, head)) == ["VAL07 high: stringData.DB_PASSWORD was emptied"]
    assert found(base, head, keyless=True) == []


@pytest.mark.parametrize("keyless", [False, True])
def test_a_number_in_the_place_of_text_is_found(found: KeyedReview, keyless: bool) -> None:
    base = found.encrypted(secret(VALUES))
    assert said(found(base, found.edited(base, {"PORT": 5433}), keyless=keyless)) == [
        "VAL08 block: stringData.PORT is a number, and Kubernetes takes only text there: put it in quotes",
        "VAL07 high: stringData.PORT was text and is a number now",
    ]


def test_a_changed_and_a_removed_value_are_no_finding(found: KeyedReview) -> None:
    base = found.encrypted(secret(VALUES))
    head = found.edited(base, {"DB_PASSWORD": "Lw3-zR7tYb1n"})
    assert found(base, head) == []
    found.sops("unset", "file.yaml", '["stringData"]["PORT"]')
    assert found(base, found.sops.bytes()) == []


def test_a_key_that_the_type_demands_and_that_was_deleted_is_found(found: KeyedReview) -> None:
    base = found.encrypted(secret(TLS, type="kubernetes.io/tls"))
    (found.sops.folder / "file.yaml").write_bytes(base)
    found.sops("unset", "file.yaml", '["stringData"]["tls.key"]')
    message = "VAL07 high: tls.key was deleted, and a Secret of type kubernetes.io/tls needs it"
    (finding,) = found(base, found.sops.bytes(), keyless=True)
    assert (said([finding]), finding.line) == ([message], 2)


# --- VAL08


@pytest.mark.parametrize(
    ("type", "values", "keys"),
    [
        ("kubernetes.io/tls", {"tls.crt": "x"}, "tls.key"),
        ("kubernetes.io/dockerconfigjson", {"config.json": "{}"}, ".dockerconfigjson"),
        ("kubernetes.io/ssh-auth", {"id_rsa": "x"}, "ssh-privatekey"),
        ("kubernetes.io/basic-auth", {"user": "x"}, "username or password"),
    ],
)
def test_a_secret_without_what_its_type_demands_is_found(
    found: KeyedReview, type: str, values: dict[str, str], keys: str
) -> None:
    head = found.encrypted(secret(values, type=type))
    assert said(found(None, head, keyless=True)) == [f"VAL08 block: a Secret of type {type} needs {keys}"]


def test_a_secret_with_what_its_type_demands_is_not(found: KeyedReview) -> None:
    good = [
        secret(TLS, type="kubernetes.io/tls"),
        secret({"password": "x"}, type="kubernetes.io/basic-auth"),
        secret({".dockerconfigjson": '{"auths": {}}'}, type="kubernetes.io/dockerconfigjson"),
        secret({"x": "y"}, type="example.com/own"),
        "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ntype: kubernetes.io/tls\n",
    ]
    assert [found(None, found.encrypted(text), path=f"{number}.yaml") for number, text in enumerate(good)] == [[]] * 5


def test_what_is_no_base64_is_found_with_a_key(found: KeyedReview) -> None:
    good, bad = {"A": b64encode(b"x").decode()}, {"A": "no base64!"}
    message = "VAL08 block: data.A is no base64, as data has to be: use stringData for plain text"
    assert found(None, found.encrypted(secret(good, field="data"))) == []
    assert said(found(None, found.encrypted(secret(bad, field="data")), path="bad.yaml")) == [message]
    assert found(None, found.encrypted(secret(bad, field="data")), path="closed.yaml", keyless=True) == []


def test_a_placeholder_of_flux_is_no_wrong_base64(found: KeyedReview) -> None:
    text = secret({"A": "${PASSWORD}", "B": "!"}, field="data")
    assert [finding.key for finding in found(None, text.encode())] == [("data", "B")]


def test_credentials_that_are_no_json_are_found(found: KeyedReview) -> None:
    head = found.encrypted(secret({".dockerconfigjson": "{"}, type="kubernetes.io/dockerconfigjson"))
    message = 'VAL08 block: stringData[".dockerconfigjson"] is no JSON, as an entry of this name has to be'
    assert said(found(None, head)) == [message]


@pytest.mark.parametrize("name", ["a b", "größe", "a/b", "..", "x" * 254, "\u202eevil"])
def test_a_name_that_no_entry_may_have_is_found(found: KeyedReview, name: str) -> None:
    (finding,) = found(None, secret({name: "x"}).encode())
    assert (finding.id, "\u202e" in said([finding])[0]) == ("VAL08", False)


def test_an_object_that_the_change_does_not_touch_is_left_alone(found: KeyedReview) -> None:
    bad, good = secret({"a b": "x"}), secret(VALUES).replace("service1", "service2")
    base = found.encrypted(f"{bad}---\n{good}")
    head = found.sops.encrypted(f"{bad}---\n{good}", "--encrypted-regex", "^(data|stringData)$")
    assert [finding.key for finding in found(None, head)] == [("stringData", "a b")]
    (found.sops.folder / "file.yaml").write_bytes(base)
    found.sops("set", "file.yaml", '["stringData"]["c"]', '"d"')
    assert found(base, found.sops.bytes()) == []
