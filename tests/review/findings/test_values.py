"""VAL01, VAL02, VAL05 and VAL06: values that are weak, damaged, out of date or the old ones."""

from __future__ import annotations

from base64 import b64encode

import pytest

from sopskit.review.findings import values
from tests.redact.test_kinds import jwt
from tests.review.conftest import Sops
from tests.review.findings.keyed import PATH, KeyedReview, said, secret
from tests.review.reviewing import Reviewer

WEAK = "VAL01 high: stringData.DB_PASSWORD has a value that is a default, a placeholder or easy to guess"
GOOD = {"DB_PASSWORD": "kX9-mQ2vLp8w", "LOG_LEVEL": "info"}
TEAM = b"""version: 1
environments:
  - name: prod
    paths: ["k8s/gitops/prod/**"]
    writers: public-key
"""


@pytest.fixture
def found(sops: Sops, review_of: Reviewer) -> KeyedReview:
    return KeyedReview(sops, review_of, values.POLICIES)


def test_a_weak_value_that_is_set_is_found(found: KeyedReview) -> None:
    base = found.encrypted(secret(GOOD))
    (finding,) = found(base, found.edited(base, {"DB_PASSWORD": "changeme"}))
    assert said([finding]) == [WEAK]
    assert (finding.key, finding.line, finding.needs_key) == (("stringData", "DB_PASSWORD"), 7, True)


def test_a_good_value_is_not(found: KeyedReview) -> None:
    base = found.encrypted(secret(GOOD))
    assert found(base, found.edited(base, {"DB_PASSWORD": "Lw3-zR7tYb1n", "LOG_LEVEL": "test"})) == []


def test_without_a_key_nothing_is_said_of_values(found: KeyedReview) -> None:
    base = found.encrypted(secret(GOOD))
    assert found(base, found.edited(base, {"DB_PASSWORD": "changeme\n"}), keyless=True) == []


def test_a_weak_value_that_did_not_change_is_nothing_new(found: KeyedReview) -> None:
    base = found.encrypted(secret({"DB_PASSWORD": "changeme", "LOG_LEVEL": "info"}))
    assert found(base, found.edited(base, {"LOG_LEVEL": "debug"})) == []


def test_a_weak_value_in_a_new_file_is_found(found: KeyedReview) -> None:
    assert said(found(None, found.encrypted(secret({"DB_PASSWORD": "changeme"})))) == [WEAK]


def test_a_weak_value_in_base64_is_found(found: KeyedReview) -> None:
    text = secret({"DB_PASSWORD": b64encode(b"changeme").decode()}, field="data")
    assert said(found(None, found.encrypted(text))) == [WEAK.replace("stringData", "data")]


def test_a_weak_password_in_a_url_is_found(found: KeyedReview) -> None:
    text = secret({"DATABASE_URL": "postgres://app:postgres@db/app"})
    assert said(found(None, found.encrypted(text))) == [WEAK.replace("DB_PASSWORD", "DATABASE_URL")]


def test_a_file_with_a_wrong_mac_says_nothing_of_values(found: KeyedReview) -> None:
    base = found.encrypted(secret({"DB_PASSWORD": "changeme"}))
    assert found(base, base.replace(b"name: service1", b"name: service2")) == []


def test_many_weak_values_are_counted(found: KeyedReview) -> None:
    text = secret({f"PASSWORD_{number}": "changeme" for number in range(25)})
    findings = said(found(None, found.encrypted(text)))
    assert (len(findings), findings[-1]) == (21, "VAL01 high: and 5 more values")


# --- the oracle guard: an author who cannot read base learns nothing about it


def test_a_right_and_a_wrong_guess_look_the_same(found: KeyedReview) -> None:
    base = found.encrypted(secret({"DB_PASSWORD": "hunter2", "PORT": "1"}))
    right = found(base, found.encrypted(secret({"DB_PASSWORD": "hunter2", "PORT": "1"})))
    wrong = found(base, found.encrypted(secret({"DB_PASSWORD": "letmein", "PORT": "1"})))
    assert said(right) == said(wrong) == [WEAK]


def test_a_right_guess_in_another_dress_looks_like_a_wrong_one(found: KeyedReview) -> None:
    base = found.encrypted(secret(GOOD))
    for guess in ("kX9-mQ2vLp8w", "Lw3-zR7tYb1n"):
        head = found.encrypted(secret({"DB_PASSWORD": b64encode(guess.encode()).decode(), "LOG_LEVEL": "info"}))
        assert found(base, head) == []


def test_a_reader_who_rotates_sees_only_what_is_new(found: KeyedReview) -> None:
    weak = secret({"DB_PASSWORD": "changeme", "API_TOKEN": "kX9-mQ2vLp8w"})
    base, head = found.encrypted(weak), found.encrypted(weak.replace("kX9-mQ2vLp8w", "admin"))
    assert said(found(base, head, trusted=True)) == [WEAK.replace("DB_PASSWORD", "API_TOKEN")]


def test_a_copy_of_a_file_says_nothing_of_its_values(found: KeyedReview) -> None:
    other = found.encrypted(secret({"DB_PASSWORD": "changeme"}))
    padded = b"".join(b"# comment %d\n" % number for number in range(500)) + other
    assert found(None, padded, others={"k8s/gitops/prod/other/secrets.yaml": other}) == []


def test_an_older_version_of_a_file_says_nothing_of_its_values(found: KeyedReview) -> None:
    old = found.encrypted(secret({"DB_PASSWORD": "changeme"}))
    found.review_of.commit({PATH: old})
    new = found.encrypted(secret({"DB_PASSWORD": "kX9-mQ2vLp8w"}))
    assert found(new, b"# a comment\n" + old) == []


def test_where_all_write_with_public_keys_weak_values_weigh_less(found: KeyedReview) -> None:
    head = found.encrypted(secret({"DB_PASSWORD": "changeme"}))
    assert said(found(None, head, others={".sopskit.yaml": TEAM})) == [WEAK.replace("high", "medium")]


# --- VAL02


@pytest.mark.parametrize(
    ("value", "reasons"),
    [
        ("Lw3-zR7tYb1n\n", "trailing newline"),
        (' "Lw3-zR7tYb1n" ', "surrounding blanks"),
        ("'Lw3-zR7tYb1n'", "quotes around"),
        ("one\r\ntwo\r\n", "CRLF"),
        ("\ufeffLw3-zR7tYb1n", "byte order mark"),
        ("grÃ¶ÃŸe Lw3-zR7tYb1n", "mojibake"),
        (b64encode(b64encode(b"correct horse")).decode(), "base64 of base64"),
        ("-----BEGIN CERTIFICATE-----\nTm8h\n-----END CERTIFICATE-----\n", "a certificate that cannot be read"),
    ],
)
def test_a_damaged_value_is_found(found: KeyedReview, value: str, reasons: str) -> None:
    base = found.encrypted(secret(GOOD))
    head = found.edited(base, {"DB_PASSWORD": value})
    assert said(found(base, head)) == [f"VAL02 high: stringData.DB_PASSWORD: {reasons}"]


def test_base64_of_base64_is_found_in_data(found: KeyedReview) -> None:
    twice = b64encode(b64encode(b"correct horse")).decode()
    once = b64encode(b"correct horse").decode()
    head = found.encrypted(secret({"TWICE": twice, "ONCE": once}, field="data"))
    assert said(found(None, head)) == ["VAL02 high: data.TWICE: base64 of base64"]


def test_the_line_feed_behind_base64_of_echo_is_found(found: KeyedReview) -> None:
    head = found.encrypted(secret({"DB_PASSWORD": b64encode(b"kX9-mQ2vLp8w\n").decode()}, field="data"))
    assert said(found(None, head)) == ["VAL02 high: data.DB_PASSWORD: trailing newline"]


def test_files_and_ordinary_values_are_not_damaged(found: KeyedReview) -> None:
    text = secret(
        {"app.ini": "[a]\nb=c\n", "config.json": '{"a": 1}\n', "PORT": 5432, "NAME": "größe", "auth": "a:$apr1$b$c\n"}
    )
    assert found(None, found.encrypted(text)) == []


# --- VAL05


def test_a_token_that_expired_is_found(found: KeyedReview) -> None:
    head = found.encrypted(secret({"A": jwt({"alg": "RS256"}, {"exp": 1767225600}).decode()}))
    assert said(found(None, head)) == ["VAL05 medium: the token in stringData.A expired on 2026-01-01"]


def test_a_token_that_is_still_valid_is_not(found: KeyedReview) -> None:
    tokens = [jwt({"alg": "RS256"}, claims).decode() for claims in ({"exp": 1893456000}, {}, {"exp": "x"})]
    assert found(None, found.encrypted(secret(dict(zip("ABC", tokens, strict=True))))) == []


# --- VAL06


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (b64encode(b"kX9-mQ2vLp8w").decode(), "is the old value encoded in base64"),
        ("kX9-mQ2vLp8w ", "is the old value with other blanks, quotes or line feeds around it"),
        ('"kX9-mQ2vLp8w"', "is the old value with other blanks, quotes or line feeds around it"),
    ],
)
def test_the_old_value_in_another_dress_is_found(found: KeyedReview, value: str, what: str) -> None:
    base = found.encrypted(secret(GOOD))
    findings = said(found(base, found.edited(base, {"DB_PASSWORD": value})))
    assert f"VAL06 medium: stringData.DB_PASSWORD {what}" in findings


def test_a_value_that_lost_its_base64_is_found(found: KeyedReview) -> None:
    base = found.encrypted(secret({"DB_PASSWORD": b64encode(b"kX9-mQ2vLp8w").decode()}))
    head = found.edited(base, {"DB_PASSWORD": "kX9-mQ2vLp8w"})
    assert said(found(base, head)) == [
        "VAL06 medium: stringData.DB_PASSWORD is the old value with its base64 taken off"
    ]


def test_base64_that_was_moved_to_string_data_is_found(found: KeyedReview) -> None:
    text = secret({"DB_PASSWORD": b64encode(b"kX9-mQ2vLp8w").decode()}, field="data")
    base, head = found.encrypted(text), found.encrypted(text.replace("\ndata:", "\nstringData:"))
    findings = said(found(base, head, trusted=True))
    assert findings == ["VAL06 medium: stringData.DB_PASSWORD is the old value encoded in base64"]


def test_another_value_is_no_dress(found: KeyedReview) -> None:
    base = found.encrypted(secret(GOOD))
    assert found(base, found.edited(base, {"DB_PASSWORD": b64encode(b"Lw3-zR7tYb1n").decode()})) == []
