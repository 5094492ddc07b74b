"""Operations that only the rest of the repository tells; those of two sides alone are in test_tables.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.review.conftest import Sops
from tests.review.reviewing import Reviewer

if TYPE_CHECKING:
    from sopskit.review.model import ReviewDiff

FILE = "k8s/gitops/dev/app/secrets.yaml"
TEXT = "kind: Secret\nstringData:\n  a: one\n  b: two\n  c: three\n"
REGEX = ("--encrypted-regex", "^(data|stringData)$")


def operations(report: ReviewDiff, path: str = FILE) -> list[str]:
    file = next(file for file in report.files if file.path == path)
    return [operation.id for operation in file.operations]


def test_an_older_content_is_a_revert_that_names_its_commit(review_of: Reviewer, sops: Sops) -> None:
    first = sops.encrypted(TEXT, *REGEX)
    old = review_of.commit({FILE: first})
    sops("set", "file.yaml", '["stringData"]["a"]', '"changed"')
    base = review_of.commit({FILE: sops.bytes()})
    report = review_of.between(base, review_of.commit({FILE: first}))
    (operation,) = report.files[0].operations
    assert (operation.id, operation.args) == ("revert", {"commit": old[:12]})


def test_what_stands_in_base_is_no_revert(review_of: Reviewer, sops: Sops) -> None:
    base = sops.encrypted(TEXT, *REGEX)
    sops("set", "file.yaml", '["stringData"]["a"]', '"changed"')
    assert operations(review_of({FILE: base}, {FILE: sops.bytes()})) == ["edit"]


def test_a_file_with_the_data_key_of_another_is_a_copy(review_of: Reviewer, sops: Sops) -> None:
    base = sops.encrypted(TEXT, *REGEX)
    sops("set", "file.yaml", '["stringData"]["a"]', '"changed"')
    other = FILE.replace("dev", "qa")
    report = review_of({FILE: base}, {other: sops.bytes()})
    (operation,) = report.files[0].operations
    assert (operation.id, operation.args) == ("copy", {"other": FILE})


def test_a_textual_merge_is_told_from_an_edit(review_of: Reviewer, sops: Sops) -> None:
    git = review_of.git
    base = review_of.commit({FILE: sops.encrypted(TEXT, *REGEX)})
    ours = {}
    for branch, key in (("left", "a"), ("right", "c")):
        git("checkout", "--quiet", "-B", branch, base)
        (sops.folder / "file.yaml").write_bytes((git.folder / FILE).read_bytes())
        sops("set", "file.yaml", f'["stringData"]["{key}"]', '"changed"')
        ours[branch] = sops.bytes()
        review_of.commit({FILE: sops.bytes()})
    lines = {branch: data.split(b"\n") for branch, data in ours.items()}
    mixed = [right if b" c: " in right else left for left, right in zip(lines["left"], lines["right"], strict=True)]
    git("checkout", "--quiet", "left")
    git("merge", "--quiet", "--strategy=ours", "--no-edit", "right")
    git.write(FILE, b"\n".join(mixed))
    git("commit", "--quiet", "--amend", "--no-edit", "--all")
    report = review_of.between(base, git("rev-parse", "HEAD"))
    assert operations(report) == ["merge"]


def test_each_commit_of_a_branch_is_told(review_of: Reviewer, sops: Sops) -> None:
    base = review_of.commit({FILE: sops.encrypted(TEXT, *REGEX)})
    sops("set", "file.yaml", '["stringData"]["a"]', '"changed"')
    first = review_of.commit({FILE: sops.bytes()})
    sops("rotate", "--in-place", "file.yaml")
    second = review_of.commit({FILE: sops.bytes()})
    report = review_of.between(base, second)
    assert [(commit, [one.id for one in found]) for commit, found in report.files[0].commits] == [
        (first, ["edit"]),
        (second, ["rotate"]),
    ]


def test_a_branch_of_one_commit_is_told_once(review_of: Reviewer, sops: Sops) -> None:
    report = review_of({"x": b""}, {FILE: sops.encrypted(TEXT, *REGEX)})
    assert report.files[0].commits == ()
