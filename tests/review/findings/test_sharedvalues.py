"""ENV02: one secret for two environments."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sopskit.age import parse_identity
from sopskit.sops.masterkeys import FixedKeyring
from tests.review.findings.conftest import Reviewer, ids

if TYPE_CHECKING:
    from tests.conftest import AgeTestKey
    from tests.review.conftest import Sops

DEV, PROD = "k8s/gitops/dev/app/secrets.yaml", "k8s/gitops/prod/app/secrets.yaml"
REGEX = ("--encrypted-regex", "^(data|stringData)$")
CONFIG = b"""version: 1
environments:
  - {name: prod, paths: ["k8s/gitops/prod/**"], protected: true}
  - {name: dev, paths: ["k8s/gitops/dev/**"]}
"""


def secret(password: str, user: str = "application-user") -> str:
    return f"apiVersion: v1\nkind: Secret\nmetadata: {{name: app}}\nstringData:\n  PASSWORD: {password}\n  USERNAME: {user}\n"


@pytest.fixture
def keyring(alice: AgeTestKey) -> FixedKeyring:
    return FixedKeyring((parse_identity(alice.identity),))


def found(
    review_of: Reviewer, sops: Sops, dev: str, prod: str, keyring: FixedKeyring | None, *, trusted: bool
) -> list[str]:
    base = {DEV: sops.encrypted(secret("yet-something-else"), *REGEX), PROD: sops.encrypted(secret(prod), *REGEX)}
    report = review_of(
        {".sopskit.yaml": CONFIG, **base}, {DEV: sops.encrypted(secret(dev), *REGEX)}, keyring=keyring, trusted=trusted
    )
    return [text for text in ids(report) if text.startswith("ENV02")]


def test_a_secret_of_production_in_development_is_found(review_of: Reviewer, sops: Sops, keyring: FixedKeyring) -> None:
    shared = "q7Rk-9sPd2-LmX4"
    assert found(review_of, sops, shared, shared, keyring, trusted=True) == [f"ENV02 high {DEV}"]


def test_two_secrets_are_not(review_of: Reviewer, sops: Sops, keyring: FixedKeyring) -> None:
    assert found(review_of, sops, "q7Rk-9sPd2-LmX4", "another-9sPd2-LmX4", keyring, trusted=True) == []


def test_nobody_learns_it_by_guessing(review_of: Reviewer, sops: Sops, keyring: FixedKeyring) -> None:
    shared = "q7Rk-9sPd2-LmX4"
    assert found(review_of, sops, shared, shared, keyring, trusted=False) == []


def test_without_a_key_nothing_is_said(review_of: Reviewer, sops: Sops) -> None:
    assert found(review_of, sops, "q7Rk-9sPd2-LmX4", "q7Rk-9sPd2-LmX4", None, trusted=True) == []
