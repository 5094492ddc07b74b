"""Where events come from: only a part of PyYAML is loaded, and its own parser stands in for libyaml's."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import pytest

from sopskit.document.yaml import events
from sopskit.document.yaml.verify import signature
from sopskit.errors import DocumentSyntaxError, LimitError
from tests.document.yaml.fakes import read, round_trip, values

TEXT = "# c\na: &x 'it''s' # d\nb: [1, \"q\", {c: |-\n  x}]\n".replace("{c: |-\n  x}", "{c: z}") + "d: |\n  e\nf: *x\n"


def run(code: str) -> str:
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_the_rest_of_pyyaml_is_not_loaded() -> None:
    loaded = run(
        "import sys, sopskit.document.yaml.reader\n"
        "print(*sorted(name for name in sys.modules if name.split('.')[0] == 'yaml'))"
    )
    assert loaded.split() == ["yaml._yaml", "yaml.error", "yaml.events", "yaml.nodes", "yaml.tokens"]


def test_pyyaml_imported_later_is_whole() -> None:
    code = """
import sopskit.document.yaml.events as ours
import yaml
assert yaml.load("a: [1, {b: 2}]", Loader=yaml.CSafeLoader) == {"a": [1, {"b": 2}]}
assert yaml.dump({"a": [1]}, Dumper=yaml.CSafeDumper) == "a:\\n- 1\\n"
assert yaml.ScalarEvent is ours.ScalarEvent and yaml.cyaml.CParser is ours.Parser
kinds = {"a: [": yaml.parser.ParserError, "a: @": yaml.scanner.ScannerError, "\\x01": yaml.reader.ReaderError, "*x": yaml.composer.ComposerError}
for text, kind in kinds.items():
    try:
        yaml.load(text, Loader=yaml.CSafeLoader)
    except kind:
        continue
    raise SystemExit(text)
"""
    run(code)


def test_pyyaml_imported_before_is_used() -> None:
    run("import yaml, sopskit.document.yaml.events as ours; assert yaml.cyaml.CParser is ours.Parser")


def test_the_extension_is_loaded_once() -> None:
    assert events._load_extension()[0] is events.Parser


def test_no_pyyaml_no_extension(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "yaml")
    monkeypatch.setattr(events, "PathFinder", SimpleNamespace(find_spec=lambda _: None))
    with pytest.raises(ImportError, match="PyYAML"):
        events._load_extension()


def test_pyyaml_missing_is_told() -> None:
    code = """
import sys
from types import SimpleNamespace
sys.path = [entry for entry in sys.path if "site-packages" not in entry]
try:
    import sopskit.document.yaml.events
except ImportError:
    print("told")
"""
    assert run(f"import sys; sys.path.insert(0, '.')\n{code}") == "told\n"


@pytest.fixture
def pure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "Parser", events._load_pure()[0])


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


def test_the_extension_missing_means_the_pure_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise ImportError

    monkeypatch.setattr(events, "_load_extension", missing)
    assert events._load()[0].__name__ == "PureParser"


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
    import yaml

    mark = yaml.Mark("", 0, 0, 0, None, 0)
    error = events.syntax_error("", yaml.MarkedYAMLError(problem="found 'secret'", problem_mark=mark))
    assert "secret" not in str(error)
    assert str(events.syntax_error("fine", yaml.YAMLError("secret"))) != "secret"
