"""Objects as kubectl reads them."""

from __future__ import annotations

import copy
import json
import pickle
import subprocess
from typing import TYPE_CHECKING

import pytest

from sopskit.deploy.objects import load_documents, read_objects
from sopskit.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Callable

MANIFEST = "apiVersion: v1\nkind: Secret\nmetadata: {name: one, namespace: dev}\nstringData: {password: canary}\n"
SCALARS = [
    "y",
    "yes",
    "On",
    "TRUE",
    "false",
    "n",
    "No",
    "off",
    "True",
    "~",
    "null",
    "Null",
    "nULL",
    "0",
    "-0",
    "7",
    "+7",
    "-12",
    "0644",
    "0o644",
    "08",
    "0x1F",
    "0b101",
    "1_000",
    "-0x10",
    "9223372036854775807",
    "1.0",
    "1.5",
    "-1.5",
    ".5",
    "1e3",
    "1.10",
    "1e-3",
    "12e03",
    "1.",
    "1e400x",
    "1:30",
    "190:20:30",
    "2001-12-14",
    "2001-12-14T21:59:43Z",
    "1.2.3",
    "v1",
    "0.0.0.0",
    "1a",
    "=",
    "1,000",
    "0x",
    "0b2",
    "+",
    ".",
    "._",
    "-.5",
    "yes!",
    "'yes'",
    '"1"',
    "100m",
    "1Gi",
]


def test_an_object_says_which_it_is_and_shows_nothing() -> None:
    (obj,) = read_objects(MANIFEST.encode())
    assert (obj.api_version, obj.kind, obj.namespace, obj.name) == ("v1", "Secret", "dev", "one")
    assert (repr(obj), str(obj), f"{obj}") == ("<Secret dev/one>",) * 3
    assert obj.reveal()["stringData"] == {"password": "canary"}
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            attempt(obj)


def test_lists_are_taken_apart_and_empty_documents_left_out() -> None:
    items = "".join(f"- {{apiVersion: v1, kind: A, metadata: {{name: {name}}}}}\n" for name in "ab")
    stream = f"---\n# nothing\n---\napiVersion: v1\nkind: List\nitems:\n{items}---\napiVersion: v1\nkind: B\nmetadata: {{name: c}}\n"
    assert [str(obj.identity) for obj in read_objects(stream.encode())] == ["A a", "A b", "B c"]


@pytest.mark.parametrize(
    ("stream", "message"),
    [
        ("canary", "document 1 of what was built is no object"),
        ("- canary\n", "document 1 of what was built is no object"),
        ("{}\n---\n", "document 1 of what was built has no apiVersion or kind"),
        (f"{MANIFEST}---\nkind: canary\n", "document 2 of what was built has no apiVersion or kind"),
        ("apiVersion: v1\nkind: A\n", "the A in document 1 of what was built has no name"),
        ("apiVersion: v1\nkind: A\nmetadata: {name: 1}\n", "the A in document 1 of what was built has no name"),
        ("apiVersion: v1\nkind: A\nmetadata: {name: a, namespace: 1}\n", "the namespace of A a is no string"),
        ("a: canary\na: canary\n", "line 1: what was built cannot be read as YAML"),
        ("a: &canary [*canary]\n", "line 1: what was built cannot be read as YAML"),
        ("a:\n  b: !!binary canary\n", "line 2: what was built cannot be read as YAML"),
        ("a: !!int canary\n", "line 1: what was built cannot be read as YAML"),
        ("a: !canary {b: c}\n", "line 1: what was built cannot be read as YAML"),
        ("? [canary]\n: b\n", "line 1: what was built cannot be read as YAML"),
        ("a: 'canary\n", "line 2: what was built cannot be read as YAML"),
    ],
)
def test_what_is_no_object_is_refused_without_a_quote(stream: str, message: str) -> None:
    with pytest.raises(BuildError) as caught:
        read_objects(stream.encode())
    assert str(caught.value) == message
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_merge_keys_are_followed_and_keys_become_strings() -> None:
    text = b"a: &a {x: 1, y: 2}\nb: {<<: *a, x: 3}\nc: {1: a, yes: b, 0x10: c, ~: d}\n".replace(b", ~: d", b"")
    assert load_documents(text) == [
        {"a": {"x": 1, "true": 2}, "b": {"x": 3, "true": 2}, "c": {"1": "a", "true": "b", "16": "c"}}
    ]


def test_tags_that_say_what_is_there_are_taken() -> None:
    assert load_documents(b'a: !!str 1\nb: !!int "7"\nc: !!float 1\nd: !!bool yes\ne: !!null ""\n') == [
        {"a": "1", "b": 7, "c": 1, "d": True, "e": None}
    ]


def test_scalars_are_read_as_kubectl_reads_them(tool: Callable[[str], str], tmp_path: object) -> None:
    """`kubectl create --dry-run=client -o json` would need a server; `kubectl patch --local` reads YAML by the same library."""
    base = '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}'
    patch = "spec:\n" + "".join(f"  k{number}: {text}\n" for number, text in enumerate(SCALARS))
    done = subprocess.run(
        [tool("kubectl"), "patch", "--local", "-f", "-", "--type", "merge", "-p", patch, "-o", "json"],
        input=base.encode(),
        env={"HOME": str(tmp_path), "KUBECONFIG": "/dev/null", "PATH": ""},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    expected = json.loads(done.stdout)["spec"]
    (document,) = load_documents(patch.encode())
    assert isinstance(document, dict)
    found = document["spec"]
    assert isinstance(found, dict)
    differing = {
        SCALARS[int(key[1:])]: (repr(value), repr(expected.get(key)))
        for key, value in found.items()
        if repr(value) != repr(expected.get(key))
    }
    assert differing == {}
