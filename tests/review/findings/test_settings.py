"""SUP03: settings that ask for less."""

from __future__ import annotations

import pytest

from tests.review.findings.conftest import Reviewer

BASE = """version: 1
environments:
  - {name: prod, paths: ["prod/**"], protected: true}
  - {name: dev, paths: ["dev/**"]}
names:
  - {name: cluster, recipients: [age1x657fh6k60ykcuf9j708r96y6e0muvkmhmur9e6wmslsdt38mahqdynxkm], required_in: [prod], forbidden_in: [dev]}
policies:
  ENV01: high
"""
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"


def found(review_of: Reviewer, base: str, head: str) -> list[tuple[str, str]]:
    report = review_of({".sopskit.yaml": base.encode(), "x": b""}, {".sopskit.yaml": head.encode()})
    return [
        (finding.severity, finding.message.format_map(finding.args))
        for finding in report.findings
        if finding.id == "SUP03"
    ]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (", protected: true", "", "prod is no longer a protected environment"),
        ('["prod/**"]', '["production/**"]', "prod, which is protected, has other paths now"),
        (
            '["dev/**"]',
            '["dev/**"], writers: public-key',
            "files of dev may be replaced by people who cannot read them",
        ),
        ("ENV01: high", "ENV01: off", "ENV01 is switched off"),
        ("ENV01: high", "ENV01: high\n  RCP03: off", "RCP03 is switched off"),
        ("ENV01: high", "ENV01: low", "ENV01 weighs low, it was high"),
        (", required_in: [prod]", "", "cluster need no longer be able to read prod"),
        (", forbidden_in: [dev]", "", "cluster may read dev from now on"),
        (
            "required_in",
            f"signing_keys: ['{KEY}'], required_in",
            "commits signed with a new key count as those of cluster",
        ),
    ],
)
def test_what_asks_for_less_is_high(review_of: Reviewer, old: str, new: str, message: str) -> None:
    assert found(review_of, BASE, BASE.replace(old, new)) == [("high", message)]


def test_a_protected_environment_that_is_gone_is_high(review_of: Reviewer) -> None:
    base = BASE.replace("required_in: [prod], ", "")
    head = base.replace('  - {name: prod, paths: ["prod/**"], protected: true}\n', "")
    assert found(review_of, base, head) == [("high", "prod is no longer a protected environment")]


def test_settings_that_cannot_be_read_are_told(review_of: Reviewer) -> None:
    ((severity, message),) = found(review_of, BASE, "version: [")
    assert (severity, "cannot be read" in message) == ("high", True)


def test_a_new_waiver_is_told(review_of: Reviewer) -> None:
    waiver = 'waivers:\n  - {policy: ENC08, path: "dev/**", reason: public, owner: ann, expires: 2099-01-31}\n'
    message = "from now on a finding is waived: ENC08 in dev/**, by ann until 2099-01-31"
    assert found(review_of, BASE, BASE + waiver) == [("medium", message)]
    assert found(review_of, BASE + waiver, "# first\n" + BASE + waiver) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("ENV01: high", "ENV01: block"),
        ("version: 1\n", "version: 1\n# a comment\n"),
        ('["dev/**"]', '["dev/**"], protected: true'),
    ],
)
def test_what_asks_for_more_is_not(review_of: Reviewer, old: str, new: str) -> None:
    assert found(review_of, BASE, BASE.replace(old, new)) == []


def test_the_first_settings_are_not_but_for_what_they_switch_off(review_of: Reviewer) -> None:
    report = review_of({"x": b""}, {".sopskit.yaml": BASE.encode()})
    assert [finding.id for finding in report.findings] == ["SUP01"]
