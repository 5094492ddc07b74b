"""Each policy on files that break it, and on files that do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sopskit.review.compare import compare
from sopskit.review.files import review_file
from sopskit.review.findings import find
from sopskit.review.findings.subject import Rule, Subject
from sopskit.review.model import Sides
from sopskit.review.operations import classify
from sopskit.review.sides import Side, read_side
from sopskit.sops.selection import Selection
from tests.conftest import AgeTestKey
from tests.review.conftest import Sops

if TYPE_CHECKING:
    from sopskit.review.model import FileStatus

SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: x}\nstringData:\n  password: canary\n"
REGEX = ("--encrypted-regex", "^(data|stringData)$")
DATA = Selection("encrypted_regex", "^(data|stringData)$")


def subject(
    base: bytes | None,
    head: bytes | None,
    old: Rule | None = None,
    new: Rule | None = None,
    status: FileStatus = "modified",
) -> Subject:
    sides = Sides(*(None if data is None else read_side("file.yaml", data) for data in (base, head)))
    comparison = compare(*sides)
    return Subject(
        "file.yaml", status, sides, comparison, classify(*sides, comparison), Sides(old, new), Sides(base, head)
    )


def ids(*arguments: bytes | Rule | None) -> list[str]:
    return [finding.id for finding in find(subject(*arguments))]  # type: ignore[arg-type]


def test_a_plain_secret_is_a_finding_at_its_first_value() -> None:
    (finding,) = find(subject(None, SECRET.encode()))
    assert (finding.id, finding.severity, finding.line, finding.key) == (
        "ENC04",
        "block",
        5,
        ("stringData", "password"),
    )


def test_the_keys_of_a_plain_secret_are_named() -> None:
    text = "apiVersion: v1\nkind: Secret\ndata: {a: x, empty: ''}\nstringData: {\"b\\e\": x, a: y}\n"
    (finding,) = find(subject(None, text.encode()))
    assert finding.args == {"count": 2, "keys": 'stringData.a, stringData["b\\x1b"]'}
    many = "apiVersion: v1\nkind: Secret\nstringData:\n" + "".join(f"  k{n}: x\n" for n in range(12))
    (finding,) = find(subject(None, many.encode()))
    assert str(finding.args["keys"]).endswith("stringData.k9 and 2 more")


def test_what_to_do_depends_on_whether_a_rule_fits() -> None:
    named = Rule(frozenset(), DATA, by_path=True)
    direct = "sopskit encrypt -i FILE, and change the values: they stand in the history"
    first = f"add a creation rule that fits this file to .sops.yaml, then {direct}"
    for old, new, remedy in ((None, named, direct), (named, None, first)):
        found = find(subject(None, SECRET.encode(), old, new))
        assert [(one.id, one.remedy) for one in found] == [("ENC01", remedy), ("ENC04", remedy)]
    assert [one.remedy for one in find(subject(None, SECRET.encode()))] == [first]


def test_every_plain_secret_of_a_file_is_one() -> None:
    assert ids(None, f"{SECRET}---\n{SECRET}".encode()) == ["ENC04", "ENC04"]


def test_what_holds_no_secret_data_is_none() -> None:
    for text in (
        "a: 1\n",
        "apiVersion: v1\nkind: ConfigMap\ndata: {a: b}\n",
        "apiVersion: v1\nkind: Secret\ndata: {a: ''}\n",
    ):
        assert ids(None, text.encode()) == []
    assert ids(SECRET.encode(), None) == []


def test_an_encrypted_secret_is_none(sops: Sops) -> None:
    assert ids(None, sops.encrypted(SECRET, *REGEX)) == []


def test_a_plain_file_that_a_rule_names_is_a_finding() -> None:
    named = Rule(frozenset(), DATA, by_path=True)
    plain = b"other: x\ndata: {a: secret, b: ''}\n"
    (finding,) = find(subject(None, plain, None, named))
    assert (finding.id, finding.key, finding.line) == ("ENC01", ("data", "a"), 2)
    assert ids(None, plain, named, None) == ["ENC01"]
    assert ids(None, plain, None, Rule(frozenset(), DATA, by_path=False)) == []
    assert ids(None, b"other: x\n", None, named) == []
    steering = subject(None, plain, None, named)._replace(path="k8s/kustomization.yaml")
    assert find(steering) == ()


def test_a_plain_value_in_an_encrypted_file_is_a_finding(sops: Sops) -> None:
    base = sops.encrypted(SECRET, *REGEX)
    head = base.replace(b"stringData:\n", b"stringData:\n    new: plain\n")
    found = find(subject(base, head))
    assert [(finding.id, finding.key) for finding in found] == [("ENC02", ("stringData", "new")), ("MAC02", None)]


def test_a_removed_recipient_still_knows_the_data_key(sops: Sops, alice: AgeTestKey, bob: AgeTestKey) -> None:
    base = sops.encrypted(SECRET, *REGEX, "--age", f"{alice.recipient},{bob.recipient}")
    (sops.folder / ".sops.yaml").write_text(f"creation_rules:\n  - age: {alice.recipient}\n")
    sops("updatekeys", "--yes", "file.yaml")
    (finding,) = find(subject(base, sops.bytes()))
    assert (finding.id, finding.severity, finding.args) == ("RCP01", "medium", {"recipient": bob.recipient})
    sops("rotate", "--in-place", "file.yaml")
    assert ids(base, sops.bytes()) == ["CRY02"]


def test_an_added_recipient_is_judged_by_who_lists_it(sops: Sops, alice: AgeTestKey, bob: AgeTestKey) -> None:
    base = sops.encrypted(SECRET, *REGEX)
    (sops.folder / ".sops.yaml").write_text(f"creation_rules:\n  - age: {alice.recipient},{bob.recipient}\n")
    sops("updatekeys", "--yes", "file.yaml")
    head = sops.bytes()
    alone = Rule(frozenset({alice.recipient}), DATA, by_path=True)
    both = Rule(frozenset({alice.recipient, bob.recipient}), DATA, by_path=True)
    assert ids(base, head, alone, alone) == ["RCP03"]
    assert ids(base, head, alone, both) == ["RCP11"]
    assert ids(base, head, both, both) == []
    assert ids(base, head, None, both) == []
    assert ids(base, head, both, None) == []
    assert ids(None, head, alone, alone) == ["RCP03"]


def test_a_missing_mac_is_a_finding(sops: Sops) -> None:
    base = sops.encrypted(SECRET, *REGEX)
    lines = [line for line in base.splitlines(keepends=True) if not line.lstrip().startswith(b"mac:")]
    assert ids(base, b"".join(lines)) == ["MAC03"]
    sides: Sides[Side | None] = Sides(read_side("file.yaml", base), read_side("file.yaml", b"".join(lines)))
    file = review_file(b"file.yaml", None, "modified", sides, Sides(None, None), Sides(base, b"".join(lines)))
    assert file.mac == ("unchecked", "missing")


def test_an_encrypted_file_that_became_a_link_is_a_finding(sops: Sops) -> None:
    base = sops.encrypted(SECRET, *REGEX)
    assert [finding.id for finding in find(subject(base, None, status="type-changed"))] == ["GIT04"]
    assert find(subject(b"a: 1\n", None, status="type-changed")) == ()


def test_no_finding_holds_a_value() -> None:
    named = Rule(frozenset(), DATA, by_path=True)
    assert "canary" not in repr(find(subject(None, SECRET.encode(), None, named)))
