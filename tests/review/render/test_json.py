"""The review for programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from sopskit import __version__
from sopskit.review.model import Guard, Sides, Value
from sopskit.review.render.json import render
from tests.review.render import reports

if TYPE_CHECKING:
    from sopskit.review.model import ReviewDiff


def report(review: ReviewDiff) -> Any:
    return json.loads(render(review))


def test_the_head_of_a_report_says_what_was_looked_at_and_how_it_ended() -> None:
    found = report(reports.plain())
    del found["files"], found["findings"]
    assert found == {
        "schema": "sopskit.review/1",
        "tool": {"name": "sopskit", "version": __version__},
        "mode": "keyless",
        "base": {"ref": "main", "commit": reports.BASE},
        "head": {"ref": "rotate-db", "commit": reports.HEAD},
        "config": {"commit": reports.BASE, "source": ".sopskit.yaml"},
        "guard": {"equality": False, "why": "no key was used"},
        "threshold": "high",
        "exit_code": 1,
        "verdict": "findings",
        "summary": {"files": 3, "changes": 3, "findings": {"block": 2, "high": 0, "medium": 0, "low": 0}},
        "not_checked": [],
        "truncated": False,
        "environments": [{"name": name, "files": 1} for name in ("dev", "prod", "qa")],
    }


def test_a_file_is_told_as_the_contract_says() -> None:
    assert report(reports.clean())["files"] == [
        {
            "path": "k8s/gitops/dev/service1/secrets.yaml",
            "old_path": None,
            "status": "modified",
            "format": "yaml",
            "environment": "dev",
            "encrypted": {"base": True, "head": True},
            "operations": [
                {
                    "id": "edit",
                    "confidence": "consistent",
                    "explanation": "looks like an edit by a reader of the file",
                    "args": {"changed": 1, "values": 5},
                }
            ],
            "commits": [],
            "mac": {"base": "unchecked", "head": "unchecked"},
            "data_key": "same",
            "changes": [
                {
                    "document": 0,
                    "path": ["stringData", "DB_PASSWORD"],
                    "from": None,
                    "change": "changed",
                    "encrypted": {"base": True, "head": True},
                    "type": {"base": "str", "head": "str"},
                    "value": {"base": {"kind": "opaque"}, "head": {"kind": "opaque"}},
                    "range": {
                        "base": {"start": {"line": 8, "column": 5}, "end": {"line": 8, "column": 90}},
                        "head": {"start": {"line": 9, "column": 5}, "end": {"line": 9, "column": 90}},
                    },
                    "certain": True,
                }
            ],
            "recipients": {
                side: [{"type": "age", "id": reports.ANN.id, "name": "ann", "group": 0}] for side in ("base", "head")
            },
            "threshold": {"base": None, "head": None},
            "rules": {"base": {}, "head": {}, "matched": None},
            "objects": [
                {
                    "kind": "Secret",
                    "namespace": "dev",
                    "name": "service1",
                    "keys": [{"key": "DB_PASSWORD", "change": "changed", "from": "stringData"}],
                }
            ],
            "findings": [],
        }
    ]


def test_a_finding_has_its_place_its_words_and_its_waiver() -> None:
    found = report(reports.plain())
    assert [(one["id"], one["path"], one["waived"]) for one in found["findings"]] == [
        ("RCP03", "k8s/gitops/prod/service1/secrets.yaml", None),
        ("MAC02", "k8s/gitops/qa/service1/configmap.yaml", None),
        (
            "ENC08",
            "k8s/gitops/qa/service1/configmap.yaml",
            {"reason": "log level is public", "owner": "ann", "expires": "2027-01-31"},
        ),
    ]
    assert found["findings"][1] == {
        "id": "MAC02",
        "severity": "block",
        "title": "the MAC is older than the file",
        "message": "{key} changed, mac did not; a formatter or a bot may have written it; decrypting will fail",
        "remedy": "restore the file, and make the change with sopskit edit or set",
        "args": {"key": "data.LOG_LEVEL"},
        "path": "k8s/gitops/qa/service1/configmap.yaml",
        "side": "head",
        "document": 0,
        "line": 9,
        "key": ["data", "LOG_LEVEL"],
        "commit": None,
        "needs_key": False,
        "waived": None,
        "fingerprint": reports.plain().findings[1].fingerprint,
    }
    assert found["files"][2]["findings"] == found["findings"][1:]


def test_a_check_has_no_base_and_says_what_it_could_not_read() -> None:
    found = report(reports.check())
    assert (found["base"], found["head"]) == (None, {"ref": "staged", "commit": None})
    assert found["not_checked"] == [{"path": "b.yaml", "reason": "broken YAML on line 3"}]
    assert (found["verdict"], found["exit_code"]) == ("undecided", 2)


def test_with_a_key_kinds_facts_equality_and_parts_are_told() -> None:
    changes = report(reports.keyed())["files"][0]["changes"]
    assert changes[0]["value"]["head"] == {
        "kind": "certificate",
        "facts": {"subject": "CN=example.org", "not_after": "2027-01-31", "private_key_matches": True},
    }
    assert changes[1]["parts"] == ["host", "password"]
    assert changes[2]["value"] == {"base": None, "head": {"kind": "password", "same_as": 1}}
    assert changes[5]["from"] == ["data", "MOVED"]
    assert changes[6]["path"] == ["list", 0, "a b"]


def test_under_the_guard_no_equality_is_told_even_if_the_model_knows_it() -> None:
    assert '"same_as"' in render(reports.keyed())
    assert '"same_as"' not in render(reports.keyed()._replace(guard=Guard()))


def test_plain_text_and_the_bytes_of_a_name_stand_only_where_there_are_any() -> None:
    file = report(reports.hostile("x"))["files"][0]
    assert (file["path_bytes"], file["changes"][0]["value"]["head"]["text"]) == ("/w==", "x")
    edited = reports.change(("a",), value=Sides(Value("text"), Value("text", text="")))
    some = reports.clean().files[0]._replace(changes=(edited,))
    values = report(reports.clean()._replace(files=(some,)))["files"][0]["changes"][0]["value"]
    assert values == {"base": {"kind": "text"}, "head": {"kind": "text", "text": ""}}


def test_paths_are_told_only_where_the_review_was_limited() -> None:
    assert "paths" not in report(reports.plain())
    assert report(reports.plain()._replace(paths=("k8s",)))["paths"] == ["k8s"]


@pytest.mark.parametrize("attack", reports.ATTACKS)
def test_whatever_a_name_holds_the_report_is_ascii_and_strict_unicode(attack: str) -> None:
    text = render(reports.hostile(attack))
    assert text.isascii()
    assert all(char == "\n" or char.isprintable() for char in text)
    assert "##" not in text  # `##[` is a command to a CI runner
    json.dumps(json.loads(text), ensure_ascii=False).encode("utf-8")


def test_number_signs_are_kept_apart_and_read_as_they_were() -> None:
    assert report(reports.hostile("###[x]"))["config"]["source"] == "###[x]"


def test_bytes_that_are_no_utf8_and_half_pairs_are_spelled() -> None:
    def source(attack: str) -> Any:
        return report(reports.hostile(attack))["config"]["source"]

    assert [source(attack) for attack in ("a\udcff", "\ud83d", "\U0001f600\n")] == [
        "a\\xff",
        "\\u{d83d}",
        "\U0001f600\n",
    ]
