"""ENC07: plain text that is gone from the files and stays in the history."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sopskit.git import open_repository
from sopskit.review.model import End
from sopskit.workflow.check import check_range
from sopskit.workflow.ends import Ends
from tests.review.reviewing import Reviewer

if TYPE_CHECKING:
    from sopskit.review.model import Finding, ReviewDiff
    from tests.conftest import AgeTestKey
    from tests.review.conftest import Sops

SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: x}\nstringData:\n  password: canary\n"
REGEX = ("--encrypted-regex", "^(data|stringData)$")
FILE = "k8s/dev/secrets.yaml"
START = {"README.md": b"x"}


def found(report: ReviewDiff) -> list[Finding]:
    return [finding for finding in report.findings if finding.id == "ENC07"]


def test_plain_text_that_a_later_commit_encrypts_is_found_with_its_commit(review_of: Reviewer, sops: Sops) -> None:
    base = review_of.commit(START)
    plain = review_of.commit({FILE: SECRET.encode()})
    head = review_of.commit({FILE: sops.encrypted(SECRET, *REGEX)})
    (finding,) = found(review_of.between(base, head))
    assert (finding.severity, finding.path, finding.commit) == ("high", FILE, plain)
    assert finding.args == {"commit": plain[:12], "what": "the data of a Secret"}


def test_a_key_file_that_a_later_commit_deletes_is_found(review_of: Reviewer, alice: AgeTestKey) -> None:
    report = review_of(START, {"keys.txt": alice.identity.encode()}, {"keys.txt": None})
    assert [(one.path, one.args["what"]) for one in found(report)] == [("keys.txt", "a private key")]
    assert alice.identity[-10:] not in repr(report)


def test_a_plain_value_of_an_encrypted_file_that_went_again_is_found(review_of: Reviewer, sops: Sops) -> None:
    base = sops.encrypted(SECRET, *REGEX)
    opened = base.replace(b"stringData:\n", b"stringData:\n    new: canary\n")
    report = review_of({FILE: base}, {FILE: opened}, {FILE: base})
    assert [one.args["what"] for one in found(report)] == ["values that its rule covers"]


def test_what_a_rule_names_is_found_in_every_commit(review_of: Reviewer, alice: AgeTestKey) -> None:
    rules = f"creation_rules:\n  - path_regex: ^k8s/\n    age: {alice.recipient}\n".encode()
    report = review_of({".sops.yaml": rules}, {"k8s/a.yaml": b"a: canary\n"}, {"k8s/a.yaml": None})
    assert [one.args["what"] for one in found(report)] == ["values that a creation rule covers"]


def test_plain_text_that_is_still_there_is_a_matter_of_the_file(review_of: Reviewer) -> None:
    report = review_of(START, {"a.yaml": SECRET.encode()}, {"a.yaml": SECRET.encode() + b"# more\n"})
    assert found(report) == []
    assert [one.id for one in report.findings] == ["ENC04"]


@pytest.mark.parametrize("text", [b"a: 1\n", b"apiVersion: v1\nkind: ConfigMap\ndata: {a: b}\n", b"\x89PNG", b"a: ["])
def test_other_files_that_come_and_go_are_none(review_of: Reviewer, text: bytes) -> None:
    assert found(review_of(START, {"a.yaml": text}, {"a.yaml": None})) == []


def test_a_file_that_was_plain_in_base_is_a_lesser_finding_with_the_commit_that_left_it(
    review_of: Reviewer, sops: Sops
) -> None:
    plain = review_of.commit({FILE: SECRET.encode()})
    base = review_of.commit({"other": b"x"})
    head = review_of.commit({FILE: sops.encrypted(SECRET, *REGEX)})
    (finding,) = found(review_of.between(base, head))
    assert (finding.severity, finding.path, finding.side, finding.commit) == ("medium", FILE, "base", plain)


def test_a_plain_secret_that_is_deleted_is_a_lesser_finding(review_of: Reviewer) -> None:
    report = review_of({"a.yaml": SECRET.encode(), "b.yaml": b"a: 1\n"}, {"a.yaml": None, "b.yaml": None})
    assert [(one.severity, one.path) for one in found(report)] == [("medium", "a.yaml")]


@pytest.mark.parametrize(
    "text",
    [SECRET.encode("utf-16"), f"{SECRET}other: [\n".encode(), SECRET.replace("x}", "{{ .x }}}").encode()],
    ids=["utf-16", "broken", "template"],
)
def test_a_secret_that_could_not_be_read_in_a_commit_is_found(review_of: Reviewer, text: bytes) -> None:
    report = review_of(START, {"a.yaml": text}, {"a.yaml": None})
    assert [one.args["what"] for one in found(report)] == ["the data of a Secret"]


def test_a_check_of_a_range_looks_at_each_commit(review_of: Reviewer) -> None:
    base = review_of.commit(START)
    plain = review_of.commit({FILE: SECRET.encode()})
    head = review_of.commit({FILE: None})
    repository = open_repository(review_of.git.folder)
    assert repository is not None
    with repository:
        report = check_range(repository, Ends(End("base", base), End("head", head)))
    assert [(one.severity, one.commit) for one in found(report)] == [("high", plain)]
