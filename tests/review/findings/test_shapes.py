"""ENV04: one key, and values of two kinds."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, get_args

import pytest

from sopskit.age import parse_identity
from sopskit.git import open_repository
from sopskit.redact.kinds import Kind
from sopskit.review.findings import shapes
from sopskit.review.findings.shapes import ALIKE, WORDS, _differ
from sopskit.review.model import End
from sopskit.review.request import Options
from sopskit.sops.masterkeys import FixedKeyring
from sopskit.workflow.ends import Ends
from sopskit.workflow.review import review
from tests.redact.certificates import issue
from tests.redact.test_kinds import jwt
from tests.review.conftest import Sops
from tests.review.findings.keyed import PATH, KeyedReview, said, secret
from tests.review.reviewing import Reviewer

if TYPE_CHECKING:
    from collections.abc import Mapping

DEV, QA = PATH.replace("/prod/", "/dev/"), PATH.replace("/prod/", "/qa/")
MESSAGE = "ENV04 medium: stringData.{} holds {} in prod, and {} in {}"


@pytest.fixture
def found(sops: Sops, review_of: Reviewer) -> KeyedReview:
    return KeyedReview(sops, review_of, shapes.POLICIES)


def between(
    found: KeyedReview,
    value: object,
    other: object,
    *,
    key: str = "SETTING",
    trusted: bool = True,
    keyless: bool = False,
) -> list[str]:
    """What is said when production gets a value, and development has another."""
    base = found.encrypted(secret({"B": "b"}))
    others = {DEV: found.encrypted(secret({key: other, "B": "b"}))}
    return said(found(base, found.edited(base, {key: value}), trusted=trusted, keyless=keyless, others=others))


TELLING: Mapping[str, tuple[object, object, str, str]] = {
    "number and text": ("5432", "default", "a number", "text"),
    "a typed number and text": (5432, "default", "a number", "text"),
    "boolean and text": ("true", "on demand", "true or false", "text"),
    "URL and host": ("https://db.example.org/x", "db.example.org", "a URL", "text"),
    "JSON and text": ('{"a": 1}', "a", "JSON", "text"),
    "JWT and password": (jwt({"alg": "HS256"}, {"sub": "x"}).decode(), "kX9mQ2vLp8w3zR7tYb1n", "a JWT", "a password"),
    "certificate and text": (issue().pem.decode(), "/etc/tls.crt", "a certificate", "text"),
}


@pytest.mark.parametrize("case", TELLING)
def test_two_kinds_are_found(found: KeyedReview, case: str) -> None:
    value, other, one, two = TELLING[case]
    assert between(found, value, other) == [MESSAGE.format("SETTING", one, two, "dev")]
    assert between(found, other, value) == [MESSAGE.format("SETTING", two, one, "dev")]


@pytest.mark.parametrize(
    ("value", "other"),
    [
        ("5432", "5433"),
        (5432, "5432"),
        ("1", "true"),
        ("", "5432"),
        ("kX9mQ2vLp8w3zR7tYb1n", "default"),
        ("kX9mQ2vLp8w3zR7tYb1n", "https://example.org"),
        ("a: 1\nb: 2", "text"),
    ],
)
def test_values_that_may_stand_for_each_other_are_not(found: KeyedReview, value: object, other: object) -> None:
    assert between(found, value, other) == []


def test_without_somebody_who_answers_for_the_author_nothing_is_said(found: KeyedReview) -> None:
    assert between(found, "5432", "default", trusted=False) == []


def test_without_a_key_nothing_is_said(found: KeyedReview) -> None:
    assert between(found, "5432", "default", keyless=True) == []


def test_a_value_that_did_not_change_is_nothing_new(found: KeyedReview) -> None:
    base = found.encrypted(secret({"PORT": "5432", "B": "b"}))
    others = {DEV: found.encrypted(secret({"PORT": "default"}))}
    assert found(base, found.edited(base, {"B": "c"}), trusted=True, others=others) == []


def test_a_finding_names_each_environment_once_and_where_the_value_stands(found: KeyedReview) -> None:
    others = {
        DEV: found.encrypted(secret({"PORT": "http"})),
        QA: found.encrypted(secret({"PORT": "https://example.org"})),
    }
    (finding,) = found(None, found.encrypted(secret({"PORT": "80"})), trusted=True, others=others)
    assert said([finding]) == ["ENV04 medium: stringData.PORT holds a number in prod, and text in dev, a URL in qa"]
    assert (finding.key, finding.line, finding.needs_key) == (("stringData", "PORT"), 7, True)


def test_base64_is_undone_in_both(found: KeyedReview) -> None:
    encoded = secret({"PORT": b64encode(b"5432").decode()}, field="data")
    others = {DEV: found.encrypted(secret({"PORT": "default"})), QA: found.encrypted(secret({"PORT": "5433"}))}
    (finding,) = found(None, found.encrypted(encoded), trusted=True, others=others)
    assert said([finding]) == ["ENV04 medium: data.PORT holds a number in prod, and text in dev"]
    fewer: dict[str, bytes | None] = {DEV: found.encrypted(encoded), QA: None}
    assert said(found(None, found.encrypted(secret({"PORT": "default"})), trusted=True, others=fewer)) == [
        MESSAGE.format("PORT", "text", "a number", "dev")
    ]


def test_helm_values_are_compared_by_their_keys_and_lists_not_at_all(found: KeyedReview) -> None:
    dev, prod = (f"k8s/helm-values/service1/{name}-config.yaml" for name in ("dev", "prod"))
    others = {dev: found.sops.encrypted("db: {port: x}\nlist: [a, b]\n")}
    head = found.sops.encrypted("db: {port: 1}\nlist: [1, 2]\n")
    assert said(found(None, head, path=prod, trusted=True, others=others)) == [
        "ENV04 medium: db.port holds a number in prod, and text in dev"
    ]


def test_many_keys_are_counted(found: KeyedReview) -> None:
    names = [f"KEY_{number}" for number in range(12)]
    others = {DEV: found.encrypted(secret(dict.fromkeys(names, "text")))}
    findings = said(found(None, found.encrypted(secret(dict.fromkeys(names, "1"))), trusted=True, others=others))
    assert findings[9:] == [MESSAGE.format("KEY_9", "a number", "text", "dev"), "ENV04 medium: and 2 more keys"]


def test_a_key_that_changed_in_both_is_told_once(found: KeyedReview) -> None:
    base = {path: found.encrypted(secret({"PORT": "x"})) for path in (DEV, PATH)}
    first = found.review_of.commit(base)
    last = found.review_of.commit(
        {DEV: found.edited(base[DEV], {"PORT": "80"}), PATH: found.edited(base[PATH], {"PORT": "http"})}
    )
    options = Options(
        keyring=FixedKeyring((parse_identity(found.sops.key.identity),)), vouched=True, policies=shapes.POLICIES
    )
    repository = open_repository(found.review_of.git.folder)
    assert repository is not None
    with repository:
        report = review(repository, Ends(End("base", first), End("head", last)), options=options)
    assert [(one.path, one.args["others"]) for one in report.findings] == [(DEV, "text in prod")]


def test_every_kind_is_alike_to_itself_and_the_answer_does_not_depend_on_the_order() -> None:
    kinds: tuple[Kind, ...] = get_args(Kind)
    assert not any(_differ(kind, kind) for kind in kinds)
    assert all(_differ(one, other) == _differ(other, one) for one in kinds for other in kinds)
    assert ALIKE.keys() | set(ALIKE.values()) <= WORDS.keys() <= set(kinds)
    assert not any(_differ("empty", kind) or _differ("opaque", kind) or _differ("yaml", kind) for kind in kinds)
