"""The JSON Schema that ships with the package, held against every example report."""

from __future__ import annotations

import ast
import copy
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import pytest
from jsonschema import Draft202012Validator

from sopskit.redact.kinds import Kind
from sopskit.review import model
from sopskit.review.render import json as renderer
from sopskit.review.render import schema
from tests.review.render import reports

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sopskit.review.model import ReviewDiff

SCHEMA = json.loads(schema.load())


def closed(part: Any) -> Any:
    """The schema with no property allowed but those it names: what a report of this version may hold."""
    if isinstance(part, list):
        return [closed(entry) for entry in part]
    if not isinstance(part, dict):
        return part
    inner = {name: closed(entry) for name, entry in part.items()}
    return inner | {"additionalProperties": False} if isinstance(part.get("properties"), dict) else inner


VALIDATOR = Draft202012Validator(SCHEMA)
CLOSED = Draft202012Validator(closed(SCHEMA))


def report(review: ReviewDiff) -> Any:
    return json.loads(renderer.render(review))


def test_it_is_a_schema_of_draft_2020_12() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["title"] == model.SCHEMA


@pytest.mark.parametrize(("name", "review"), list(reports.everything()))
def test_every_report_fits_and_has_nothing_that_is_not_described(name: str, review: ReviewDiff) -> None:
    assert [error.json_path + ": " + error.message for error in CLOSED.iter_errors(report(review))] == []


def test_additions_of_later_programs_are_allowed() -> None:
    VALIDATOR.validate(report(reports.plain()) | {"later": 1})


def _drop(name: str) -> Callable[[Any], None]:
    return lambda found: found.pop(name)


def _put(*place: Any) -> Callable[[Any], None]:
    *way, last, value = place

    def mutate(found: Any) -> None:
        for step in way:
            found = found[step]
        found[last] = value

    return mutate


@pytest.mark.parametrize(
    "mutate",
    [
        *(_drop(name) for name in SCHEMA["required"]),
        _put("schema", "sopskit.review/2"),
        _put("mode", "trusted"),
        _put("exit_code", 3),
        _put("head", "commit", "main"),
        _put("summary", "findings", "high", -1),
        _put("files", 0, "status", "new"),
        _put("files", 0, "operations", 0, "id", "approved"),
        _put("files", 0, "changes", 0, "path", "stringData.DB_PASSWORD"),
        _put("files", 0, "changes", 0, "certain", "yes"),
        _put("files", 0, "changes", 0, "value", "head", "kind", "secret"),
        _put("files", 0, "changes", 0, "range", "head", "start", "line", 0),
        _put("files", 0, "recipients", "head", 0, "group", None),
        _put("files", 0, "mac", "head", "good"),
        _put("findings", 0, "severity", "critical"),
        _put("findings", 0, "line", 0),
        _put("findings", 0, "fingerprint", "short"),
    ],
)
def test_a_mutated_report_does_not_fit(mutate: Callable[[Any], None]) -> None:
    found = report(reports.plain())
    before = copy.deepcopy(found)
    mutate(found)
    assert found != before
    assert not VALIDATOR.is_valid(found)


def test_the_words_of_the_schema_are_those_of_the_model() -> None:
    defined = SCHEMA["$defs"]
    assert set(defined["operation"]["properties"]["id"]["enum"]) == set(get_args(model_type("OperationId")))
    assert set(defined["change"]["properties"]["change"]["enum"]) == set(get_args(model_type("ChangeKind")))
    assert set(defined["file"]["properties"]["status"]["enum"]) == set(get_args(model_type("FileStatus")))
    assert set(defined["mac"]["enum"]) == {*get_args(model_type("MacState")), None}
    assert set(defined["severity"]["enum"]) == set(model.SEVERITIES)
    assert set(defined["value"]["properties"]["kind"]["enum"]) == set(get_args(Kind))


def model_type(name: str) -> Any:
    """A type alias of the model, which only a type checker sees."""
    source = ast.parse(Path(model.__file__).read_text())
    for node in ast.walk(source):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == name:
            assert node.value is not None
            return eval(ast.unparse(node.value), {"Literal": Literal})
    raise AssertionError(name)


# --- what is hostile text is marked


ATTACK = "a hostile text that nothing else says"


def untrusted(part: Any, value: Any) -> Iterator[tuple[bool, str]]:
    """For each string of a report: whether the schema marks it, and the string."""
    if "$ref" in part:
        part = SCHEMA["$defs"][part["$ref"].rpartition("/")[2]]
    for choice in part.get("anyOf", ()):
        inner = SCHEMA["$defs"][choice["$ref"].rpartition("/")[2]] if "$ref" in choice else choice
        if Draft202012Validator({"$defs": SCHEMA["$defs"], **inner}).is_valid(value):
            yield from untrusted(inner, value)
            return
    if isinstance(value, str):
        yield part.get("x-untrusted", False), value
    elif isinstance(value, list):
        for entry in value:
            yield from untrusted(part["items"], entry)
    elif isinstance(value, dict):
        for name, entry in value.items():
            yield from untrusted(part.get("properties", {}).get(name) or part["additionalProperties"], entry)


def test_every_text_of_the_repository_is_marked_as_untrusted_and_our_own_words_are_not() -> None:
    texts = set(untrusted(SCHEMA, report(reports.hostile(ATTACK))))
    assert {marked for marked, text in texts if ATTACK in text} == {True}
    assert {text for marked, text in texts if marked and ATTACK not in text} <= {"age", "str", "stringData", "/w=="}
    assert (False, "{recipient} can read this file") in texts
