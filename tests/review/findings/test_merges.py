"""GIT01 to GIT03: what a merge left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sopskit.age import parse_identity
from sopskit.review.findings.merges import conflict_line
from sopskit.sops.masterkeys import FixedKeyring
from tests.review.reviewing import Reviewer

if TYPE_CHECKING:
    from sopskit.review.model import ReviewDiff
    from tests.conftest import AgeTestKey
    from tests.review.conftest import Sops

SECRET = "apiVersion: v1\nkind: Secret\nmetadata:\n    name: x\nstringData:\n    a: canary\n    b: canary\n"
REGEX = ("--encrypted-regex", "^(data|stringData)$")
CONFLICT = b"<<<<<<< HEAD\n%s\n=======\n%s\n>>>>>>> other\n"
FILE = "secrets.yaml"


def found(report: ReviewDiff, policy: str) -> list[tuple[str, str, int | None]]:
    return [(one.severity, one.path, one.line) for one in report.findings if one.id == policy]


# --- GIT01


def test_a_conflict_in_the_metadata_is_found(review_of: Reviewer, sops: Sops) -> None:
    base = sops.encrypted(SECRET, *REGEX)
    mac = next(line for line in base.split(b"\n") if b" mac: " in line)
    head = base.replace(mac + b"\n", CONFLICT % (mac, mac))
    line = head[: head.index(b"<<<<<<<")].count(b"\n") + 1
    assert found(review_of({FILE: base}, {FILE: head}), "GIT01") == [("block", FILE, line)]


@pytest.mark.parametrize("path", [".sops.yaml", "kustomization.yaml", "app.env", "app.ini", "a.json"])
def test_a_conflict_is_found_in_every_file_of_ours(review_of: Reviewer, path: str) -> None:
    assert found(review_of({}, {path: b"a=1\n" + CONFLICT % (b"b=1", b"b=2")}), "GIT01") == [("block", path, 2)]


def test_a_conflict_in_another_file_is_none_of_ours(review_of: Reviewer) -> None:
    assert found(review_of({}, {"README.md": CONFLICT % (b"a", b"b"), "a.rst": b"Title\n=======\n"}), "GIT01") == []


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (b"a\n" + CONFLICT % (b"b", b"c"), 2),
        (b"a\r\n" + (CONFLICT % (b"b", b"c")).replace(b"\n", b"\r\n"), 2),
        (b"a: |\n  <<<<<<< HEAD\n  x\n  =======\n  y\n  >>>>>>> b\n", 2),
        (b"<<<<<<< HEAD\nx\n||||||| base\ny\n=======\nz\n>>>>>>> b\n", 1),
        (b"a\nb\n>>>>>>> other\n", 3),
        (b"<<<<<<< HEAD\n", 1),
    ],
)
def test_marks_are_found_on_their_line(text: bytes, line: int) -> None:
    assert conflict_line(text) == line


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"a: |\n  Title\n  =======\n  text\n",
        b"a: |\n  <<<<<<< HEAD\n  begins a conflict\n",
        b"a: |\n  >>>>>>> b\n  =======\n  <<<<<<< a\n",
        b"# the marks are <<<<<<< a, ======= and >>>>>>> b\n",
        b"a: <<<<<<<<<<<< x\n",
    ],
)
def test_lines_that_are_no_conflict_are_none(text: bytes) -> None:
    assert conflict_line(text) is None


def test_a_conflict_inside_an_encrypted_value_is_found_with_a_key(
    review_of: Reviewer, sops: Sops, alice: AgeTestKey
) -> None:
    text = "a: |\n    <<<<<<< HEAD\n    x\n    =======\n    y\n    >>>>>>> other\nb: 1\n"
    head = sops.encrypted(text)
    assert found(review_of({}, {FILE: head}), "GIT01") == []
    report = review_of({}, {"with-key.yaml": head}, keyring=FixedKeyring((parse_identity(alice.identity),)))
    assert found(report, "GIT01") == [("block", "with-key.yaml", 1)]


# --- GIT02


def both_sides(review_of: Reviewer, sops: Sops) -> tuple[str, bytes, bytes]:
    """The common base's commit, and the file as each of two branches changed it."""
    base = sops.encrypted(SECRET, *REGEX)
    first = review_of.commit({FILE: base})
    sops("set", "file.yaml", '["stringData"]["a"]', '"ours"')
    ours = sops.bytes()
    (sops.folder / "file.yaml").write_bytes(base)
    sops("set", "file.yaml", '["stringData"]["b"]', '"theirs"')
    return first, ours, sops.bytes()


def merge(review_of: Reviewer, ours: bytes, theirs: bytes, merged: bytes) -> str:
    git = review_of.git
    git("checkout", "--quiet", "-b", "theirs")
    review_of.commit({FILE: theirs})
    git("checkout", "--quiet", "main")
    review_of.commit({FILE: ours})
    git("merge", "--quiet", "--no-ff", "--no-commit", "--strategy=ours", "theirs")
    return review_of.commit({FILE: merged})


@pytest.mark.parametrize("mac_of", ["ours", "theirs"])
def test_a_merge_with_the_mac_of_one_side_is_found(review_of: Reviewer, sops: Sops, mac_of: str) -> None:
    base, ours, theirs = both_sides(review_of, sops)
    value = {side: next(line for line in side.split(b"\n") if line.startswith(b"    b: ")) for side in (ours, theirs)}
    other = {side: next(line for line in side.split(b"\n") if line.startswith(b"    a: ")) for side in (ours, theirs)}
    merged = (
        ours.replace(value[ours], value[theirs]) if mac_of == "ours" else theirs.replace(other[theirs], other[ours])
    )
    head = merge(review_of, ours, theirs, merged)
    report = review_of.between(base, head)
    assert [(one.severity, one.path, one.commit) for one in report.findings if one.id == "GIT02"] == [
        ("block", FILE, head)
    ]


def test_a_merge_that_took_one_side_as_it_was_is_none(review_of: Reviewer, sops: Sops) -> None:
    base, ours, theirs = both_sides(review_of, sops)
    head = merge(review_of, ours, theirs, ours)
    assert found(review_of.between(base, head), "GIT02") == []


def test_a_merge_that_was_written_anew_is_none(review_of: Reviewer, sops: Sops) -> None:
    base, ours, theirs = both_sides(review_of, sops)
    sops("set", "file.yaml", '["stringData"]["a"]', '"ours"')
    head = merge(review_of, ours, theirs, sops.bytes())
    assert found(review_of.between(base, head), "GIT02") == []


# --- GIT03


@pytest.mark.parametrize(
    ("path", "text", "line"),
    [
        ("a.yaml", b"apiVersion: v1\nkind: ConfigMap\ndata: {a: 1}\ndata: {b: 1}\n", 4),
        ("a.json", b'{"apiVersion": "v1", "kind": "ConfigMap",\n"kind": "Secret"}', 2),
    ],
)
def test_a_key_that_stands_twice_is_found(review_of: Reviewer, path: str, text: bytes, line: int) -> None:
    assert found(review_of({}, {path: text}), "GIT03") == [("block", path, line)]


def test_a_key_that_stands_twice_in_an_encrypted_file_is_found(review_of: Reviewer, sops: Sops) -> None:
    dotenv = sops.encrypted("A=canary\n", name="a.env")
    yaml = sops.encrypted(SECRET, *REGEX)
    twice = yaml.replace(b"    b: ", b"    a: ")
    report = review_of({}, {"a.env": dotenv.split(b"\n")[0] + b"\n" + dotenv, "a.yaml": twice})
    assert found(report, "GIT03") == [("block", "a.env", 2), ("block", "a.yaml", 7)]


@pytest.mark.parametrize(("path", "end"), [("a.yaml", b"sops: {}\n"), ("a.ini", b"[sops]\nmac = x\n")])
def test_metadata_that_stands_twice_is_found(review_of: Reviewer, sops: Sops, path: str, end: bytes) -> None:
    text = "[s]\na = canary\n" if path == "a.ini" else "a: canary\n"
    assert len(found(review_of({}, {path: sops.encrypted(text, name=path) + end}), "GIT03")) == 1


def test_an_object_that_stands_twice_is_found(review_of: Reviewer) -> None:
    one = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, namespace: %s}\n"
    twice = one % b"a" + b"---\n" + one % b"a"
    different = one % b"a" + b"---\n" + one % b"b"
    report = review_of({"old.yaml": twice}, {"a.yaml": twice, "b.yaml": different, "old.yaml": twice + b"# more\n"})
    assert found(report, "GIT03") == [("block", "a.yaml", 6), ("medium", "old.yaml", 6)]


def test_a_key_that_stands_twice_in_another_file_is_none_of_ours(review_of: Reviewer) -> None:
    assert found(review_of({}, {"a.yaml": b"a: 1\na: 2\n", "b.yaml": b"a: [\n"}), "GIT03") == []
