"""Values at a path follow the rules of `helm --set`, which the real helm confirms."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from sopskit.deploy.targetpath import assign
from sopskit.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SAME = [
    ("a", "x"),
    ("a.b.c", "x"),
    ("list[1].name", "x"),
    ("list[0][1]", "x"),
    (r"a\.b.c", "x"),
    ("a", "true"),
    ("a", "False"),
    ("a", "null"),
    ("a", "0"),
    ("a", "007"),
    ("a", "-12"),
    ("a", "+5"),
    ("a", "1.5"),
    ("a", "99999999999999999999"),
    ("a", ""),
    ("a", r"x\,y\\z"),
    ("a", "two\nlines"),
    ("a", "a=b"),
    ("a", "x{y}"),
    ("known.new", "x"),
    ("known", "x"),
]


def assigned(path: str, text: str, **options: bool) -> dict[str, Any]:
    values: dict[str, Any] = {"known": {"old": 1}}
    assign(values, path, text, **options)
    return values


@pytest.mark.parametrize(("path", "text"), SAME)
def test_helm_puts_the_same_value_there(tool: Callable[[str], str], tmp_path: Path, path: str, text: str) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "Chart.yaml").write_text("apiVersion: v2\nname: x\nversion: 1.0.0\n")
    (tmp_path / "templates" / "x.yaml").write_text("{{ .Values | toJson }}\n")
    argv = [tool("helm"), "template", "x", str(tmp_path), "--values=-", "--set", f"{path}={text}"]
    given = json.dumps({"known": {"old": 1}}).encode()
    done = subprocess.run(argv, input=given, capture_output=True, check=True)
    assert assigned(path, text) == json.loads(done.stdout.partition(b"x.yaml\n")[2])


@pytest.mark.parametrize(("text", "value"), [("'12'", "12"), ('"true"', "true"), ("'12", "'12"), ("''", "")])
def test_quotes_make_a_string(text: str, value: str) -> None:
    assert assigned("a", text)["a"] == value


def test_a_literal_value_is_taken_as_it_is() -> None:
    text = "{a,b},\\c='1'"
    assert assigned("a.b", text, literal=True)["a"] == {"b": text}


@pytest.mark.parametrize("text", ["a,b=c", "{a,b}", "{", "x,"])
def test_what_is_a_list_or_a_second_assignment_is_refused_and_not_quoted(text: str) -> None:
    with pytest.raises(RefusedError) as caught:
        assigned("a", f"{text}canary" if text != "x," else text)
    assert caught.value.message == "the value cannot be put at a targetPath as it is"


@pytest.mark.parametrize("path", ["", ".", "a..b", "a[", "a[x]", "[0]", "a[0]b", "a,b", "a=b", "a[999999]"])
def test_a_path_that_is_none_is_refused(path: str) -> None:
    with pytest.raises(RefusedError, match="is no path of keys"):
        assigned(path, "x")


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("known.old.x", "leads through"),
        ("known[0]", "leads through"),
        ("a[70000]", "index above 65536"),
        ("a" + ".a" * 5000, "more than 30 steps"),
    ],
)
def test_a_path_that_leads_nowhere_is_refused(path: str, reason: str) -> None:
    with pytest.raises(RefusedError, match=reason):
        assigned(path, "x")
