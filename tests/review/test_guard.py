"""The oracle guard: nobody reads from a review whether a guess is right."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from sopskit.age import parse_identity
from sopskit.review.render.json import render as as_json
from sopskit.sops.masterkeys import FixedKeyring
from tests.repositories import Git
from tests.review.reviewing import Reviewer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sopskit.review.model import FileReview, ReviewDiff
    from tests.conftest import AgeTestKey
    from tests.review.conftest import Sops

FILE = "k8s/gitops/prod/app/secrets.yaml"
REGEX = ("--encrypted-regex", "^(data|stringData)$")
RIGHT, WRONG = "Zk3-vQ9p-LmT7x", "Hs8-wR2d-NbY4c"


def secret(password: str, url: str = "https://app:pw@db.example.org/x") -> str:
    return f"apiVersion: v1\nkind: Secret\nmetadata: {{name: app}}\nstringData:\n  PASSWORD: {password}\n  URL: {url}\n"


@pytest.fixture
def keyring(alice: AgeTestKey) -> FixedKeyring:
    return FixedKeyring((parse_identity(alice.identity),))


def the_file(report: ReviewDiff) -> FileReview:
    (file,) = report.files
    return file


def kinds(report: ReviewDiff) -> list[tuple[object, str]]:
    return [(change.path[-1], change.change) for change in the_file(report).changes]


def test_a_right_and_a_wrong_guess_under_a_new_data_key_look_the_same(
    review_of: Reviewer, sops: Sops, keyring: FixedKeyring
) -> None:
    base = review_of.commit({FILE: sops.encrypted(secret(RIGHT), *REGEX)})
    texts = []
    for guess in (RIGHT, WRONG):
        review_of.git("checkout", "--quiet", "-B", "guess", base)
        head = review_of.commit({FILE: sops.encrypted(secret(guess), *REGEX)})
        report = review_of.between(base, head, keyring=keyring)
        assert report.mode == "keyed"
        assert not report.guard.equality
        texts.append(as_json(report).replace(head, "HEAD"))
    assert texts[0] == texts[1]
    assert '"same_as"' not in texts[0]


def test_a_guess_for_another_file_is_not_answered(review_of: Reviewer, sops: Sops, keyring: FixedKeyring) -> None:
    dev = FILE.replace("prod", "dev")
    base = review_of.commit(
        {FILE: sops.encrypted(secret(RIGHT), *REGEX), dev: sops.encrypted(secret("Pq5-tG7k-RzB2w"), *REGEX)}
    )
    texts = []
    for guess in (RIGHT, WRONG):
        review_of.git("checkout", "--quiet", "-B", "guess", base)
        sops.encrypted(secret("Pq5-tG7k-RzB2w"), *REGEX)
        (sops.folder / "file.yaml").write_bytes((review_of.git.folder / dev).read_bytes())
        sops("set", "file.yaml", '["stringData"]["PASSWORD"]', f'"{guess}"')
        head = review_of.commit({dev: sops.bytes()})
        report = review_of.between(base, head, keyring=keyring)
        assert kinds(report) == [("PASSWORD", "changed")]
        texts.append(as_json(report).replace(head, "HEAD"))
    assert texts[0] == texts[1]


def test_under_the_old_data_key_what_is_equal_is_told(review_of: Reviewer, sops: Sops, keyring: FixedKeyring) -> None:
    base = sops.encrypted(secret(RIGHT), *REGEX)
    sops("set", "file.yaml", '["stringData"]["SAME"]', f'"{RIGHT}"')
    sops("set", "file.yaml", '["stringData"]["URL"]', '"https://app:pw@db2.example.org/x"')
    report = review_of({FILE: base}, {FILE: sops.bytes()}, keyring=keyring)
    assert [(change.path[-1], change.change, change.parts) for change in the_file(report).changes] == [
        ("URL", "changed", ("host",)),
        ("SAME", "added", ()),
    ]
    assert the_file(report).mac == ("valid", "valid")


def test_a_vouched_author_is_told_what_stayed_under_a_new_data_key(
    review_of: Reviewer, sops: Sops, keyring: FixedKeyring
) -> None:
    base, head = (sops.encrypted(secret(password), *REGEX) for password in (RIGHT, WRONG))
    report = review_of({FILE: base}, {FILE: head}, keyring=keyring, trusted=True)
    assert report.guard.equality
    assert kinds(report) == [("PASSWORD", "changed"), ("URL", "reencrypted")]
    assert all(change.certain for change in the_file(report).changes)


# --- signatures


@pytest.fixture
def signing_key(tmp_path: Path, tool: Callable[[str], str]) -> tuple[Path, str]:
    """An SSH key to sign with, and its public half."""
    path = tmp_path / "signing"
    subprocess.run([tool("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    return path, " ".join(path.with_suffix(".pub").read_text().split()[:2])


def signed_review(
    review_of: Reviewer, sops: Sops, keyring: FixedKeyring, signing_key: tuple[Path, str], names: str, *, sign: bool
) -> ReviewDiff:
    git: Git = review_of.git
    base = review_of.commit({FILE: sops.encrypted(secret(RIGHT), *REGEX), ".sopskit.yaml": names.encode()})
    git("config", "gpg.format", "ssh")
    git("config", "user.signingKey", str(signing_key[0]))
    git("config", "commit.gpgSign", "true" if sign else "false")
    head = review_of.commit({FILE: sops.encrypted(secret(WRONG), *REGEX)})
    return review_of.between(base, head, keyring=keyring)


def names(recipient: str, signing_key: str) -> str:
    return f"version: 1\nnames:\n  - name: ann\n    recipients: [{recipient}]\n    signing_keys: [{signing_key!r}]\n"


def test_a_commit_signed_by_a_reader_is_trusted(
    review_of: Reviewer, sops: Sops, keyring: FixedKeyring, signing_key: tuple[Path, str], alice: AgeTestKey
) -> None:
    report = signed_review(review_of, sops, keyring, signing_key, names(alice.recipient, signing_key[1]), sign=True)
    assert report.guard.equality
    assert kinds(report) == [("PASSWORD", "changed"), ("URL", "reencrypted")]


def test_an_unsigned_commit_is_not_trusted(
    review_of: Reviewer, sops: Sops, keyring: FixedKeyring, signing_key: tuple[Path, str], alice: AgeTestKey
) -> None:
    report = signed_review(review_of, sops, keyring, signing_key, names(alice.recipient, signing_key[1]), sign=False)
    assert not report.guard.equality


def test_a_signature_of_somebody_who_cannot_read_the_file_is_not_trusted(
    review_of: Reviewer, sops: Sops, keyring: FixedKeyring, signing_key: tuple[Path, str], bob: AgeTestKey
) -> None:
    report = signed_review(review_of, sops, keyring, signing_key, names(bob.recipient, signing_key[1]), sign=True)
    assert not report.guard.equality


def test_names_that_the_change_itself_brings_are_not_believed(
    review_of: Reviewer, sops: Sops, keyring: FixedKeyring, signing_key: tuple[Path, str], alice: AgeTestKey
) -> None:
    git = review_of.git
    base = review_of.commit({FILE: sops.encrypted(secret(RIGHT), *REGEX)})
    git("config", "gpg.format", "ssh")
    git("config", "user.signingKey", str(signing_key[0]))
    git("config", "commit.gpgSign", "true")
    own = names(alice.recipient, signing_key[1]).encode()
    head = review_of.commit({FILE: sops.encrypted(secret(WRONG), *REGEX), ".sopskit.yaml": own})
    assert not review_of.between(base, head, keyring=keyring).guard.equality
