"""Where events come from: libyaml, and PyYAML's own parser where it is missing."""

from __future__ import annotations

import subprocess
import sys

import pytest
import yaml

from sopskit.document.yaml import events
from sopskit.document.yaml.verify import signature
from sopskit.errors import DocumentSyntaxError, LimitError
from tests.document.yaml.fakes import read, round_trip, values

TEXT = "# c\na: &x 'it''s' # d\nb: [1, \"q\", {c: |-\n  x}]\n".replace("{c: |-\n  x}", "{c: z}") + "d: |\n  e\nf: *x\n"


def run(code: str) -> str:
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_libyaml_is_used_where_it_is() -> None:
    assert events.Parser.__module__ == "yaml._yaml"


def test_a_pyyaml_without_libyaml_means_its_own_parser() -> None:
    code = """
import sys
sys.modules["yaml._yaml"] = None
from sopskit.document.yaml import events
print(events.Parser.__name__)
"""
    assert run(code) == "PureParser\n"


@pytest.fixture
def pure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "Parser", events.pure_parser())


def test_both_parsers_read_the_same(pure: None) -> None:
    here = signature(TEXT), [(*item[:3],) for item in read(TEXT).items], values(read(TEXT))
    assert round_trip("a: x # c\nb: |\n  z\n") == "a: x # c\nb: |\n  z\n"
    pytest.MonkeyPatch().undo()
    assert here[0] == signature(TEXT)


@pytest.mark.usefixtures("pure")
@pytest.mark.parametrize(
    "text", ['a: "\\ud800"\n', "a: @secret\n", "a: b: secret\n", 'a: "\\q secret"\n', "a: \x01secret\n", "a: [secret\n"]
)
def test_the_pure_parsers_messages_quote_nothing(text: str) -> None:
    with pytest.raises(DocumentSyntaxError) as caught:
        read(text)
    assert "secret" not in str(caught.value)
    assert caught.value.__context__ is None or caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("text", "line", "column", "problem"),
    [
        ("a: x\nb: [\n", 3, 1, "did not find expected node content"), ("a: x\n  b: z\n", 2, 4, "mapping values are not allowed"),
        ("a: @x\n", 1, 4, "cannot start any token"), ("a: x\x07\n", 1, 5, "not allowed"), ("%YAML 2.0\n---\na: x\n", 1, 1, "incompatible"),
    ],
)  # fmt: skip
def test_broken_text_is_refused_with_its_place(text: str, line: int, column: int, problem: str) -> None:
    with pytest.raises(DocumentSyntaxError, match=problem) as caught:
        read(text)
    location = caught.value.location
    assert location is not None
    assert (location.line, location.column) == (line, column)


def test_text_deeper_than_the_parser_goes_is_over_the_limit() -> None:
    with pytest.raises(LimitError):
        read("[" * 20_000)


def test_a_problem_unknown_to_us_is_not_repeated() -> None:
    mark = yaml.Mark("", 0, 0, 0, None, 0)
    error = events.syntax_error("", yaml.MarkedYAMLError(problem="found 'secret'", problem_mark=mark))
    assert "secret" not in str(error)
    assert str(events.syntax_error("fine", yaml.YAMLError("secret"))) != "secret"


def test_a_tab_is_called_a_tab() -> None:
    with pytest.raises(DocumentSyntaxError, match="a tab where YAML wants blanks"):
        read("a:\n\tb: x\n")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("<<<<<<< HEAD\na: 1\n=======\na: 2\n>>>>>>> x\n", 1),
        ("b: 1\n<<<<<<< HEAD\na: 1\n=======\na: 2\n>>>>>>> x\n", 2),
    ],
)
def test_an_unresolved_conflict_is_named(text: str, line: int) -> None:
    with pytest.raises(DocumentSyntaxError, match="a merge conflict is not resolved") as caught:
        read(text)
    assert caught.value.location is not None
    assert caught.value.location.line == line
