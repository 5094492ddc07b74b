"""RUL: creation rules that became weaker, or do not do what they seem to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.review.reviewing import Reviewer

if TYPE_CHECKING:
    from sopskit.review.model import Finding, ReviewDiff
    from tests.conftest import AgeTestKey
    from tests.review.conftest import Sops

SECRET = "apiVersion: v1\nkind: Secret\nmetadata:\n    name: x\nstringData:\n    password: canary\n"
REGEX = ("--encrypted-regex", "^(data|stringData)$")
FILE = "k8s/dev/secrets.yaml"
DATA = "^(data|stringData)$"


def found(report: ReviewDiff, policy: str) -> list[Finding]:
    return [finding for finding in report.findings if finding.id == policy]


class Rules:
    """Writes `.sops.yaml` files for alice."""

    def __init__(self, key: AgeTestKey) -> None:
        self.recipient = key.recipient

    def __call__(self, *rules: dict[str, str]) -> bytes:
        """One rule for each mapping, the first line of which stands in line 2, the next in line 2 + its size + 1."""
        lines = ["creation_rules:"]
        for rule in rules:
            fields = [*(f"{name}: '{value}'" for name, value in rule.items()), f"age: {self.recipient}"]
            lines += [f"  - {fields[0]}", *(f"    {field}" for field in fields[1:])]
        return "\n".join([*lines, ""]).encode()


@pytest.fixture
def rules(alice: AgeTestKey) -> Rules:
    return Rules(alice)


@pytest.fixture
def encrypted(sops: Sops) -> bytes:
    return sops.encrypted(SECRET, *REGEX)


# --- RUL01


@pytest.mark.parametrize(
    ("head", "line"),
    [
        ({"path_regex": "^k8s/", "encrypted_regex": "^data$"}, 2),
        ({"path_regex": "^k8s/", "encrypted_suffix": "_secret"}, 2),
        ({"path_regex": "^helm/", "encrypted_regex": DATA}, None),
        (None, None),
    ],
)
def test_a_weaker_rule_is_found_with_the_files_that_lose_by_it(
    review_of: Reviewer, rules: Rules, encrypted: bytes, head: dict[str, str] | None, line: int | None
) -> None:
    base = rules({"path_regex": "^k8s/", "encrypted_regex": DATA})
    files = {".sops.yaml": base, FILE: encrypted, "k8s/qa/secrets.yaml": encrypted, "k8s/a.yaml": b"a: 1\n"}
    report = review_of(files, {".sops.yaml": rules(head) if head else b"creation_rules: []\n"})
    (finding,) = found(report, "RUL01")
    assert (finding.severity, finding.path, finding.side, finding.line) == ("block", ".sops.yaml", "head", line)
    assert finding.args == {"count": 2, "example": FILE, "key": "stringData.password"}


def test_a_rule_file_that_goes_is_found_in_base(review_of: Reviewer, rules: Rules, encrypted: bytes) -> None:
    base = rules({"path_regex": "^k8s/", "encrypted_regex": DATA})
    (finding,) = found(review_of({".sops.yaml": base, FILE: encrypted}, {".sops.yaml": None}), "RUL01")
    assert (finding.path, finding.side, finding.line) == (".sops.yaml", "base", 2)


@pytest.mark.parametrize(
    "head",
    [
        {"path_regex": "^k8s/", "encrypted_regex": "^(data|stringData|more)$"},
        {"path_regex": "^k8s/dev/", "encrypted_regex": DATA},
        {"path_regex": "^k8s/"},
        {"encrypted_regex": DATA},
    ],
)
def test_another_rule_that_encrypts_as_much_is_none(
    review_of: Reviewer, rules: Rules, encrypted: bytes, head: dict[str, str]
) -> None:
    base = rules({"path_regex": "^k8s/", "encrypted_regex": DATA})
    assert found(review_of({".sops.yaml": base, FILE: encrypted}, {".sops.yaml": rules(head)}), "RUL01") == []


def test_a_weaker_rule_in_the_file_itself_is_found(review_of: Reviewer, encrypted: bytes) -> None:
    head = encrypted.replace(b"encrypted_regex: " + DATA.encode(), b"encrypted_regex: ^data$")
    other = encrypted.replace(b"encrypted_regex: " + DATA.encode(), b"encrypted_regex: ^(stringData|data)$")
    report = review_of({FILE: encrypted, "b.yaml": encrypted}, {FILE: head, "b.yaml": other})
    assert [(one.severity, one.path, one.args) for one in found(report, "RUL01")] == [
        ("block", FILE, {"key": "stringData.password"})
    ]


# --- RUL02


@pytest.mark.parametrize(
    ("rule", "name"),
    [
        ({"encrypted_regex": "data|stringData"}, "metadata"),
        ({"encrypted_regex": ".*"}, "apiVersion"),
        ({"encrypted_suffix": "data"}, "metadata"),
    ],
)
def test_a_pattern_that_fits_the_identity_too_is_found(
    review_of: Reviewer, rules: Rules, rule: dict[str, str], name: str
) -> None:
    (finding,) = found(review_of({}, {".sops.yaml": rules({"path_regex": "a"}, rule)}), "RUL02")
    assert (finding.severity, finding.line, finding.args["name"], finding.args["number"]) == ("low", 4, name, 2)


@pytest.mark.parametrize(
    "rule",
    [
        {"encrypted_regex": DATA},
        {"unencrypted_regex": "data"},
        {"path_regex": "a"},
        {"encrypted_regex": "^metadata$"},
        {"encrypted_suffix": "_secret"},
    ],
)
def test_a_pattern_that_fits_data_alone_is_none(review_of: Reviewer, rules: Rules, rule: dict[str, str]) -> None:
    assert found(review_of({}, {".sops.yaml": rules(rule)}), "RUL02") == []


# --- RUL03 and RUL04


def test_a_rule_that_is_put_before_others_is_found(review_of: Reviewer, rules: Rules, encrypted: bytes) -> None:
    dev, prod = {"path_regex": "^k8s/dev/"}, {"path_regex": "^k8s/prod/"}
    files = {FILE: encrypted, "k8s/prod/secrets.yaml": encrypted}
    head = rules({"path_regex": "^k8s/"}, dev, prod)
    report = review_of({".sops.yaml": rules(dev, prod), **files}, {".sops.yaml": head})
    assert [(one.severity, one.line, one.args) for one in found(report, "RUL03")] == [
        ("medium", 4, {"later": 4, "earlier": 2}),
        ("medium", 6, {"later": 6, "earlier": 2}),
    ]


def test_files_that_change_their_rule_are_found(review_of: Reviewer, rules: Rules, encrypted: bytes) -> None:
    k8s = {"path_regex": "^k8s/"}
    files = {FILE: encrypted, "k8s/prod/secrets.yaml": encrypted}
    head = rules({"path_regex": "/prod/"}, k8s)
    (finding,) = found(review_of({".sops.yaml": rules(k8s), **files}, {".sops.yaml": head}), "RUL03")
    assert (finding.line, finding.args) == (2, {"count": 1, "old": 4, "new": 2, "example": "k8s/prod/secrets.yaml"})


def test_an_encrypted_file_that_leaves_its_rule_is_found(review_of: Reviewer, rules: Rules, sops: Sops) -> None:
    before = sops.encrypted(SECRET, *REGEX)
    sops("rotate", "--in-place", "file.yaml")
    base = {".sops.yaml": rules({"path_regex": "^k8s/"}, {"path_regex": "^k3s/"}), FILE: before}
    for data in (before, sops.bytes()):  # Git sees a renamed file, and another one
        start = review_of.commit(base)
        away = review_of.commit({FILE: None, "other/secrets.yaml": data})
        (finding,) = found(review_of.between(start, away), "RUL03")
        assert (finding.severity, finding.path) == ("high", "other/secrets.yaml")
        assert finding.args == {"old": FILE, "rule": ".sops.yaml:2"}
        review_of.commit({"other/secrets.yaml": None, FILE: before})
        inside = review_of.commit({FILE: None, "k3s/secrets.yaml": data})
        assert found(review_of.between(start, inside), "RUL03") == []
        review_of.commit({"k3s/secrets.yaml": None})


def test_an_encrypted_file_that_moves_to_a_rule_with_more_recipients_is_found(
    review_of: Reviewer, rules: Rules, sops: Sops, bob: AgeTestKey
) -> None:
    config = rules({"path_regex": "^k8s/"}) + f"  - age: {rules.recipient},{bob.recipient}\n".encode()
    base = {".sops.yaml": config, FILE: sops.encrypted(SECRET, *REGEX)}
    (finding,) = found(review_of(base, {FILE: None, "other.yaml": base[FILE]}), "RUL03")
    assert (finding.severity, finding.path) == ("high", "other.yaml")
    assert finding.args == {"old": FILE, "rule": ".sops.yaml:2", "recipients": bob.recipient}


def test_a_rule_that_is_added_behind_is_none(review_of: Reviewer, rules: Rules, encrypted: bytes) -> None:
    k8s, helm = {"path_regex": "^k8s/"}, {"path_regex": "^helm/"}
    base = {".sops.yaml": rules(k8s), FILE: encrypted}
    report = review_of(base, {".sops.yaml": rules(k8s, helm), "helm/a.yaml": encrypted})
    assert found(report, "RUL03") + found(report, "RUL04") == []


def test_a_new_rule_that_fits_no_file_is_found(review_of: Reviewer, rules: Rules, encrypted: bytes) -> None:
    k8s, old, new = ({"path_regex": text} for text in ("^k8s/", "^old/", "^nwe/"))
    base = {".sops.yaml": rules(k8s, old), FILE: encrypted}
    report = review_of(base, {".sops.yaml": rules(k8s, old, new)})
    assert [(one.severity, one.line) for one in found(report, "RUL04")] == [("low", 6)]


def test_a_file_with_the_rule_for_everything_is_found_where_others_have_their_own(
    review_of: Reviewer, rules: Rules, encrypted: bytes
) -> None:
    config = rules({"path_regex": "^k8s/"}, {"encrypted_regex": DATA})
    report = review_of({".sops.yaml": config}, {FILE: encrypted, "other/secrets.yaml": encrypted})
    assert [(one.severity, one.path) for one in found(report, "RUL04")] == [("low", "other/secrets.yaml")]
    alone = review_of({".sops.yaml": rules({"encrypted_regex": DATA})}, {"third/secrets.yaml": encrypted})
    assert found(alone, "RUL04") == []


# --- RUL05


@pytest.mark.parametrize(
    ("rule", "fields"),
    [
        ({"encrypted_regex": "^data$"}, "encrypted_regex"),
        ({"path_regex": "^k8s/"}, "unencrypted_suffix"),
        ({"encrypted_regex": DATA, "mac_only_encrypted": "true"}, "mac_only_encrypted"),
    ],
)
def test_a_file_that_differs_from_its_rule_is_found(
    review_of: Reviewer, rules: Rules, encrypted: bytes, rule: dict[str, str], fields: str
) -> None:
    config = rules(rule).replace(b"'true'", b"true")
    (finding,) = found(review_of({".sops.yaml": config}, {FILE: encrypted}), "RUL05")
    assert (finding.severity, finding.args) == ("medium", {"rule": ".sops.yaml:2", "fields": fields})


def test_a_file_that_agrees_with_its_rule_is_none(
    review_of: Reviewer, rules: Rules, encrypted: bytes, sops: Sops
) -> None:
    config = rules({"path_regex": "^k8s/", "encrypted_regex": DATA}, {"path_regex": "^bin/"})
    files = {FILE: encrypted, "bin/token": sops.encrypted("canary", name="token")}
    assert found(review_of({".sops.yaml": config}, files), "RUL05") == []


def test_a_threshold_is_compared_where_there_are_groups(
    review_of: Reviewer, sops: Sops, alice: AgeTestKey, bob: AgeTestKey
) -> None:
    text = f"creation_rules:\n  - shamir_threshold: 2\n    key_groups: [{{age: [{alice.recipient}]}}, {{age: [{bob.recipient}]}}]\n"
    (sops.folder / ".sops.yaml").write_text(text)
    (sops.folder / "file.yaml").write_text("a: canary\n")
    sops("--encrypt", "--in-place", "file.yaml")
    one, two = sops.bytes(), sops.bytes().replace(b"shamir_threshold: 2", b"shamir_threshold: 1")
    report = review_of({".sops.yaml": text.encode()}, {"a.yaml": one, "b.yaml": two})
    assert [(hit.path, hit.args["fields"]) for hit in found(report, "RUL05")] == [("b.yaml", "shamir_threshold")]


# --- RUL06


def test_rules_and_values_changed_by_one_author_are_found(review_of: Reviewer, rules: Rules, sops: Sops) -> None:
    base = sops.encrypted(SECRET, *REGEX)
    sops("set", "file.yaml", '["stringData"]["password"]', '"other"')
    config = rules({"path_regex": "^k8s/", "encrypted_regex": DATA})
    start = {".sops.yaml": config, FILE: base}
    together = {".sops.yaml": config + b"# more\n", FILE: sops.bytes()}
    (finding,) = found(review_of(start, together), "RUL06")
    assert (finding.severity, finding.path, finding.args) == ("medium", ".sops.yaml", {"count": 1, "example": FILE})


def test_two_authors_or_a_first_rule_file_are_none(review_of: Reviewer, rules: Rules, sops: Sops) -> None:
    encrypted = sops.encrypted(SECRET, *REGEX)
    config = rules({"path_regex": "^k8s/", "encrypted_regex": DATA})
    assert found(review_of({"README.md": b"x"}, {".sops.yaml": config, FILE: encrypted}), "RUL06") == []
    sops("set", "file.yaml", '["stringData"]["password"]', '"other"')
    base = review_of.git("rev-parse", "HEAD")
    review_of.commit({".sops.yaml": config + b"# more\n"})
    review_of.commit({FILE: sops.bytes()})
    review_of.git("commit", "--quiet", "--amend", "--no-edit", "--author", "Else <else@example.com>")
    assert found(review_of.between(base, review_of.git("rev-parse", "HEAD")), "RUL06") == []
