"""The review as SARIF, held against the schema of the standard."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes, urlsplit

import pytest
from jsonschema import Draft7Validator

from sopskit import __version__
from sopskit.review.findings.policy import FilePolicy
from sopskit.review.model import Finding, NotChecked
from sopskit.review.render.sarif import MOST_RESULTS, render
from tests.conftest import ROOT
from tests.review.render import reports

if TYPE_CHECKING:
    from sopskit.review.model import ReviewDiff, Severity

SEVERITY: dict[str, Severity] = {"MAC02": "block", "ENC08": "medium", "RCP03": "high", "GIT05": "low"}
POLICIES = tuple(
    FilePolicy(
        name, severity, f"title of {name}", f"why {name} matters", f"what to do about {name}", lambda _: iter(())
    )
    for name, severity in SEVERITY.items()
)


def standard() -> Draft7Validator:
    """The schema of the standard."""
    schema = json.loads((ROOT / "fixtures" / "sarif" / "sarif-2.1.0.schema.json").read_text("utf-8"))
    return Draft7Validator(schema, format_checker=Draft7Validator.FORMAT_CHECKER)


STANDARD = standard()


def run(review: ReviewDiff) -> Any:
    log = json.loads(render(review, POLICIES))
    return log["runs"][0]


@pytest.mark.parametrize(("name", "review"), list(reports.everything()))
def test_every_report_is_sarif(name: str, review: ReviewDiff) -> None:
    log = json.loads(render(review, POLICIES))
    assert [error.json_path + ": " + error.message for error in STANDARD.iter_errors(log)] == []


def test_the_standard_refuses_what_is_no_sarif() -> None:
    log = json.loads(render(reports.plain(), POLICIES))
    log["runs"][0]["results"][0]["level"] = "blocker"
    assert not STANDARD.is_valid(log)


def test_the_rules_are_the_policies_found_or_not() -> None:
    driver = run(reports.empty())["tool"]["driver"]
    assert (driver["name"], driver["version"]) == ("sopskit", __version__)
    assert [(rule["id"], rule["defaultConfiguration"]["level"]) for rule in driver["rules"]] == [
        ("MAC02", "error"),
        ("ENC08", "warning"),
        ("RCP03", "error"),
        ("GIT05", "note"),
    ]
    assert driver["rules"][0] == {
        "id": "MAC02",
        "shortDescription": {"text": "title of MAC02"},
        "fullDescription": {"text": "why MAC02 matters"},
        "help": {"text": "why MAC02 matters\n\nWhat to do: what to do about MAC02"},
        "defaultConfiguration": {"level": "error"},
        "properties": {"tags": ["security", "sops"], "security-severity": "9.5"},
    }


def test_a_finding_is_a_result_at_its_place() -> None:
    fingerprint = f"{reports.plain().findings[1].fingerprint}:1"
    assert run(reports.plain())["results"][1] == {
        "ruleId": "MAC02",
        "ruleIndex": 0,
        "level": "error",
        "message": {
            "text": "data.LOG_LEVEL changed, mac did not; a formatter or a bot may have written it; decrypting will fail."
            " Restore the file, and make the change with sopskit edit or set"
        },
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": "k8s/gitops/qa/service1/configmap.yaml", "uriBaseId": "%SRCROOT%"},
                    "region": {"startLine": 9},
                },
                "logicalLocations": [{"fullyQualifiedName": "data.LOG_LEVEL", "kind": "member"}],
            }
        ],
        "partialFingerprints": {"primaryLocationLineHash": fingerprint, "sopskit/v1": fingerprint},
        "suppressions": [],
    }


def test_a_waived_finding_is_a_suppressed_result() -> None:
    assert [result["suppressions"] for result in run(reports.plain())["results"]] == [
        [],
        [],
        [{"kind": "external", "status": "accepted", "justification": "log level is public (ann, until 2027-01-31)"}],
    ]


def test_a_policy_that_is_not_handed_in_is_named_without_a_number() -> None:
    first = run(reports.keyed())["results"][0]
    assert first["ruleId"] == "X03"
    assert "ruleIndex" not in first


def test_an_undecided_review_has_not_succeeded_and_says_why() -> None:
    assert run(reports.check())["invocations"] == [
        {
            "executionSuccessful": False,
            "exitCode": 2,
            "toolExecutionNotifications": [
                {"level": "error", "message": {"text": "not checked: b.yaml: broken YAML on line 3"}}
            ],
        }
    ]
    minor = reports.empty()._replace(not_checked=(NotChecked("a", "too large", decisive=False),))
    assert run(minor)["invocations"][0]["executionSuccessful"] is True


def test_the_worst_5000_are_kept_and_the_rest_is_counted() -> None:
    def some(severity: Severity, count: int) -> tuple[Finding, ...]:
        return tuple(Finding("ENC08", severity, "t", "m", "r", f"{severity}/{number}") for number in range(count))

    found = run(reports.empty()._replace(other_findings=some("low", MOST_RESULTS) + some("block", 3)))
    assert len(found["results"]) == MOST_RESULTS
    assert [result["level"] for result in found["results"][:4]] == ["error", "error", "error", "note"]
    (note,) = found["invocations"][0]["toolExecutionNotifications"]
    assert note["message"]["text"].startswith("3 more findings are left out")


# --- hostile names


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("a b/ä#?.yaml", "a%20b/%C3%A4%23%3F.yaml"),
        ("javascript:alert(1)", "javascript%3Aalert%281%29"),
        ("100%41.yaml", "100%2541.yaml"),
        ("a\\b", "a%5Cb"),
    ],
)
def test_paths_are_relative_percent_encoded_uris(path: str, uri: str) -> None:
    review = reports.empty()._replace(other_findings=(Finding("A1", "low", "t", "m", "r", path),))
    place = run(review)["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == uri
    assert urlsplit(uri)[:2] == ("", "")
    assert unquote_to_bytes(uri) == path.encode()


def test_the_uri_of_a_name_that_is_no_utf8_is_made_of_its_bytes() -> None:
    name = b"dir/\xff\\xff.yaml"
    path = name.decode("utf-8", "backslashreplace")
    file = (
        reports.clean()
        .files[0]
        ._replace(
            path=path,
            path_bytes=name,
            findings=(Finding("A1", "low", "t", "m", "r", path),),
        )
    )
    place = run(reports.clean()._replace(files=(file,)))["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "dir/%FF%5Cxff.yaml"


@pytest.mark.parametrize("attack", reports.ATTACKS)
def test_whatever_a_name_holds_it_is_harmless_text(attack: str) -> None:
    text = render(reports.hostile(attack), POLICIES)
    assert text.isascii()
    assert "##" not in text
    for result in json.loads(text)["runs"][0]["results"]:
        message = result["message"]["text"]
        assert message.isprintable()
        assert len(message) < 5000
        assert "[click](" not in message


def test_brackets_and_braces_of_names_are_no_links_and_no_placeholders() -> None:
    finding = Finding("A1", "low", "t", "{key}", "do {key}", "a", {"key": "[a](https://evil.example) {0} \\"})
    (result,) = run(reports.empty()._replace(other_findings=(finding,)))["results"]
    spelled = "\\[a\\](https://evil.example) {{0}} \\\\"
    assert result["message"]["text"] == f"{spelled}. Do {spelled}"


def test_sentences_have_a_capital_and_names_keep_their_own() -> None:
    finding = Finding("A1", "low", "t", "seen {key}", "{key} goes", "a", {"key": "data.key"})
    (result,) = run(reports.empty()._replace(other_findings=(finding,)))["results"]
    assert result["message"]["text"] == "Seen data.key. data.key goes"


@pytest.mark.parametrize(
    ("remedy", "said"),
    [
        ("sopskit encrypt -i FILE", "sopskit encrypt -i FILE"),
        ("git rm FILE", "git rm FILE"),
        ("restore it", "Restore it"),
    ],
)
def test_a_command_keeps_its_small_letter(remedy: str, said: str) -> None:
    found = Finding("X", "high", "title", "it is plain", remedy, "a")
    report = reports.empty()._replace(other_findings=(found,))
    message = json.loads(render(report))["runs"][0]["results"][0]["message"]["text"]
    assert message == f"It is plain. {said}"
