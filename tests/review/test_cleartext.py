"""Which texts a report may quote."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.review.conftest import Sops
from tests.review.reviewing import Reviewer

if TYPE_CHECKING:
    from sopskit.review.model import ReviewDiff

FILE = "k8s/gitops/dev/app/configmap.yaml"


def texts(report: ReviewDiff) -> list[tuple[object, str | None, str | None]]:
    (file,) = report.files
    shown = [[value.text if value is not None else None for value in change.value] for change in file.changes]
    return [(change.path[-1], base, head) for change, (base, head) in zip(file.changes, shown, strict=True)]


def config_map(value: str, key: str = "LOG_LEVEL", kind: str = "ConfigMap", field: str = "data") -> bytes:
    return f"apiVersion: v1\nkind: {kind}\nmetadata: {{name: app}}\n{field}:\n  {key}: {value}\n".encode()


def test_a_public_setting_is_quoted(review_of: Reviewer) -> None:
    report = review_of({FILE: config_map("info")}, {FILE: config_map("debug")})
    assert texts(report) == [("LOG_LEVEL", "info", "debug")]


@pytest.mark.parametrize("field", ["data", "stringData"])
def test_the_data_of_a_secret_is_not(review_of: Reviewer, field: str) -> None:
    report = review_of(
        {FILE: config_map("one", kind="Secret", field=field)}, {FILE: config_map("two", kind="Secret", field=field)}
    )
    assert texts(report) == [("LOG_LEVEL", None, None)]


def test_what_was_a_secret_on_one_side_is_not(review_of: Reviewer) -> None:
    report = review_of({FILE: config_map("one", kind="Secret")}, {FILE: config_map("two")})
    assert ("LOG_LEVEL", None, None) in texts(report)


def test_what_was_encrypted_in_between_is_not(review_of: Reviewer, sops: Sops) -> None:
    between = sops.encrypted(config_map("between").decode(), "--encrypted-regex", "^data$")
    report = review_of({FILE: config_map("one")}, {FILE: between}, {FILE: config_map("two")})
    assert texts(report) == [("LOG_LEVEL", None, None)]


def test_what_an_unreadable_commit_may_have_held_is_not(review_of: Reviewer) -> None:
    report = review_of({FILE: config_map("one")}, {FILE: b"{ broken"}, {FILE: config_map("two")})
    assert texts(report) == [("LOG_LEVEL", None, None)]


def test_a_long_text_is_not(review_of: Reviewer) -> None:
    report = review_of({FILE: config_map("x" * 201)}, {FILE: config_map("y" * 201)})
    assert texts(report) == [("LOG_LEVEL", None, None)]


@pytest.mark.parametrize("key", ["DB_PASSWORD", "apiKey", "TOKEN"])
def test_what_is_named_like_a_secret_is_not(review_of: Reviewer, key: str) -> None:
    report = review_of({FILE: config_map("one", key)}, {FILE: config_map("two", key)})
    assert texts(report) == [(key, None, None)]


def test_an_added_text_is_not(review_of: Reviewer) -> None:
    report = review_of({FILE: config_map("one")}, {FILE: config_map("one") + b"  NEW: text\n"})
    assert texts(report) == [("NEW", None, None)]


def test_a_file_that_a_rule_encrypts_is_quoted_nowhere(review_of: Reviewer, sops: Sops) -> None:
    rules = f"creation_rules:\n  - path_regex: configmap\n    age: {sops.key.recipient}\n".encode()
    report = review_of({FILE: config_map("one"), ".sops.yaml": rules}, {FILE: config_map("two")})
    assert texts(report) == [("LOG_LEVEL", None, None)]


def test_the_plain_part_of_an_encrypted_file_is_quoted(review_of: Reviewer, sops: Sops) -> None:
    base = sops.encrypted(config_map("one").decode() + "other: plain\n", "--encrypted-regex", "^data$")
    sops("set", "file.yaml", '["other"]', '"changed"')
    report = review_of({FILE: base}, {FILE: sops.bytes()})
    assert texts(report) == [("other", "plain", "changed")]
