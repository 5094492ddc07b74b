"""Setting and taking away one value changes the lines of that value and no others."""

from __future__ import annotations

import re
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sopskit.document import DEFAULT_LIMITS, Path, Raw
from sopskit.document.yaml.extraction import tree
from sopskit.document.yaml.outline import Outline
from sopskit.errors import PathNotFoundError, RefusedError, SopskitError
from tests.document.yaml.fakes import YAML, read
from tests.document.yaml.texts import Writer


def put(text: str, place: str, value: Raw) -> str:
    return YAML.assign(read(text), path(place), value).text


def take(text: str, place: str) -> str:
    return YAML.remove(read(text), path(place)).text


def path(place: str) -> Path:
    return tuple(int(part) if part.isdigit() else part for part in place.split("."))


@pytest.mark.parametrize(
    ("text", "place", "value", "changed"),
    [
        # scalars keep their quotes, tags that fit and comments
        ("a: x # c\n", "a", "z", "a: z # c\n"), ("a: 'x'\n", "a", "it's", "a: 'it''s'\n"), ('a: "x"\n', "a", "1", 'a: "1"\n'),
        ("a: x\n", "a", "1", 'a: "1"\n'), ("a: 'x'\n", "a", 1, "a: 1\n"), ("a: |\n  x\nb: v\n", "a", "z\n", "a: |\n  z\nb: v\n"),
        ("a: |  # c\n  x\nb: v\n", "a", 5, "a: 5  # c\nb: v\n"), ("a: &n !!str x\n", "a", 5, "a: &n 5\n"),
        ("a: x\n", "a", "v\nw\n", "a: |\n    v\n    w\n"), ("a: x", "a", "v\nw\n", "a: |\n    v\n    w\n"), ("a: x\n", "a", None, "a: null\n"),
        ("a: x\n", "a", 1.0, "a: 1.0\n"), ("a: x\n", "a", True, "a: true\n"), ("a: [x, z]\n", "a.1", "v, w", "a: [x, 'v, w']\n"),
        # empty values
        ("a:\n", "a", "x", "a: x\n"), ("a:  # c\n", "a", "x", "a: x  # c\n"), ("a: &n\n", "a", "x", "a: &n x\n"),
        ("a:\n", "a", {"b": 1}, "a:\n    b: 1\n"), ("l:\n-\n- x\n", "l.0", [1], "l:\n- - 1\n- x\n"),
        ("a: {b, c: , d}\n", "a.b", 1, "a: {b: 1, c: , d}\n"), ("a: {b, c: , d}\n", "a.c", 1, "a: {b, c: 1, d}\n"),
        ("a: {}\n", "a.b", 1, "a:\n    b: 1\n"), ("a: []  # c\n", "a.0", 1, "a:  # c\n    - 1\n"), ("a: [{}]\n", "a.0.b", 1, "a: [{b: 1}]\n"),
        ("a: ~\n", "a.b", 1, "a:\n    b: 1\n"), ("{}\n", "a", 1, "a: 1\n"), ("--- {} # c\n", "a", 1, "---  # c\na: 1\n"),
        ("---\n# c\n", "a", 1, "---\n# c\na: 1\n"), ("---", "a", 1, "---\na: 1\n"), ("--- ~\n", "a", 1, "--- \na: 1\n"),
        # collections for scalars and the other way round
        ("a: x # c\nb: v\n", "a", {"k": [1, {"m": "o"}]}, "a: # c\n    k:\n        - 1\n        - m: o\nb: v\n"),
        ("l:\n  - x # c\n", "l.0", {"k": 1, "m": 2}, "l:\n  - k: 1 # c\n    m: 2\n"), ("a: x\n", "a", {}, "a: {}\n"),
        ("a: # c\n  b: 1\n  # d\n  e: 2\nf: 3\n", "a", 5, "a: 5 # c\nf: 3\n"), ("a: &n # c\n  b: 1\n", "a", 5, "a: 5 # c\n"),
        ("a: # c\n  b: 1\nd: 2\n", "a", {"e": 1}, "a: # c\n  e: 1\nd: 2\n".replace("  e", "  e")),
        ("l:\n- b: 1\n  c: 2\n- d\n", "l.0", "x", "l:\n- x\n- d\n"), ("a: [1,\n  2] # c\n", "a", "x", "a: x # c\n"),
        ("a: {b: 1}\n", "a", {"c": "x"}, "a:\n    c: x\n"), ("a: |\n  x\nb: 1\n", "a", [1], "a:\n    - 1\nb: 1\n"),
        # additions
        ("a: 1\n", "b", 2, "a: 1\nb: 2\n"), ("a: 1", "b", 2, "a: 1\nb: 2"), ("a: 1 # c\n\n# d\n", "b", 2, "a: 1 # c\nb: 2\n\n# d\n"),
        ("a:\n  b: 1\nc: 2\n", "a.d.e", 3, "a:\n  b: 1\n  d:\n    e: 3\nc: 2\n"), ("l:\n- 1\n", "l.7", {"a": 1, "b": 2}, "l:\n- 1\n- a: 1\n  b: 2\n"),
        ("l: [1,]\n", "l.9", "x", "l: [1, x,]\n"), ("{a: 1}\n", "b c", [], "{a: 1, b c: []}\n"), ("a: {b: 1}\n", "a.c.d", 2, "a: {b: 1, c: {d: 2}}\n"),
        ("a: |\n  x", "b", 1, "a: |-\n  x\nb: 1"), ("a: |+\n  x\n\n", "b", 1, "a: |+\n  x\n\nb: 1\n"), ("a: x\n", "a.b.0", 1, "a:\n    b:\n        - 1\n"),
        ("a: 1\r\n", "b", {"c": 2}, "a: 1\r\nb:\r\n    c: 2\r\n"), ("a: 1\n---\nb: 2\n", "c", 3, "a: 1\nc: 3\n---\nb: 2\n"),
        ("a: 1\n", "k" * 129, 1, f"a: 1\n? {'k' * 129}\n: 1\n"), ("a: 1\n", "<<", {"b": 1}, "a: 1\n<<:\n    b: 1\n"),
        # what follows would become part of a block
        ("a:\n  b: x\n      # d\n", "a", {"b": "v\nw\n"}, 'a:\n  b: "v\\nw\\n"\n      # d\n'),
        ("a:\n  b: x\n      # d\n", "a.b", "v\nw\n", 'a:\n  b: "v\\nw\\n"\n      # d\n'),
        # keys without a colon
        ("? a\n", "a", {"b": 1}, "? a\n:\n    b: 1\n"), ("? a # c\nb: 1\n", "a", 1, "? a # c\n: 1\nb: 1\n"), ("{a: x, b}\n", "b", "y", '{a: x, b: "y"}\n'),
        ("a: {'b':}\n", "a.b", 1, "a: {'b': 1}\n"), ("a: {'b':, c: x}\n", "a.b", {"d": 1}, "a: {'b': {d: 1}, c: x}\n"),
        # aliases
        ("x: &x 1\na: *x\n", "a", 2, "x: &x 1\na: 2\n"), ("x: &x 1\na: *x\n", "x", 2, "x: &x 2\na: 1\n"),
        ("x: &x {b: 1}\na: *x\n", "a.b", 2, 'x: &x {b: 1}\na: {"b": 2}\n'), ("x: &x {}\na: *x\n", "x.b", 2, "x:\n    b: 2\na: {}\n"),
    ],
)  # fmt: skip
def test_set(text: str, place: str, value: Raw, changed: str) -> None:
    assert put(text, place, value) == changed


@pytest.mark.parametrize(
    ("text", "place", "changed"),
    [
        ("a: 1\nb: 2 # c\nd: 3\n", "b", "a: 1\nd: 3\n"), ("a: 1\nb: 2\n", "b", "a: 1\n"), ("a: 1\nb: 2", "b", "a: 1\n"),
        ("a: 1\n", "a", "{}\n"), ("a:\n  b: 1\nc: 2\n", "a.b", "a: {}\nc: 2\n"), ("a:\n- x\n", "a.0", "a: []\n"),
        ("l:\n- a: 1\n  b: 2\n", "l.0.a", "l:\n- b: 2\n"), ("l:\n- a: 1\n  b: 2\n", "l.0.b", "l:\n- a: 1\n"),
        ("l:\n- - a\n  - b\n", "l.0.0", "l:\n- - b\n"), ("a: [1, 2, 3]\n", "a.1", "a: [1, 3]\n"), ("a: [1, 2, 3 ]\n", "a.2", "a: [1, 2 ]\n"),
        ("a: [ 1, ]\n", "a.0", "a: []\n"), ("{a: 1, b: 2}\n", "a", "{b: 2}\n"), ("{a: 1}\n", "a", "{}\n"), ("a: [{b: 1}]\n", "a.0.b", "a: [{}]\n"),
        ("a: 1\n# c\nb: 2\n# d\ne: 3\n", "b", "a: 1\n# c\n# d\ne: 3\n"), ("a: |+\n  x\nb: 1\n\nc: 2\n", "b", "a: |+\n  x\nc: 2\n"),
        ("a: |\n  x\nb: |\n  z\n\n\nc: 1\n", "b", "a: |\n  x\n\n\nc: 1\n"), ("a:\n  b: |\n    x\n  c: 1\n     # d\ne: 2\n", "a.c", "a:\n  b: |\n    x\ne: 2\n"),
        ("x: &x 1\na: *x\nb: 2\n", "x", "a: 1\nb: 2\n"), ("a: 1\n---\na: 2\n", "a", "{}\n---\na: 2\n"), ("? a\n: 1\nb: 2\n", "a", "b: 2\n"),
        ("a: &n # c\n  b: 1\n", "a.b", "a: {} # c\n"), ("l:\n-\n- x\n", "l.0", "l:\n- x\n"), ("a: 1\nb:\n", "b", "a: 1\n"), ("a: |\n\nb: 1\n", "a", "b: 1\n"),
    ],
)  # fmt: skip
def test_unset(text: str, place: str, changed: str) -> None:
    assert take(text, place) == changed


@pytest.mark.parametrize("place", ["z", "a.z", "l.9", "l.x", "a.0", "s.x", "l.0.x", "sops", "sops.mac"])
def test_unset_of_nothing(place: str) -> None:
    with pytest.raises(PathNotFoundError):
        take("a: {b: 1}\nl: [x]\ns: y\n", place)


def test_a_position_in_a_mapping_and_a_key_in_a_list_are_refused() -> None:
    for place in ("a.0", "l.x", "l.x.y"):
        with pytest.raises(PathNotFoundError) as caught:
            put("a: {b: 1}\nl: [x]\n", place, 1)
        assert caught.value.location is not None


@pytest.mark.parametrize("text", ["---\n", "{}\n", "a: 1\n"])
def test_a_root_has_no_positions(text: str) -> None:
    with pytest.raises(PathNotFoundError):
        put(text, "0", 1)


@pytest.mark.parametrize("place", ["sops", "sops.mac"])
def test_the_entry_cannot_be_set(place: str) -> None:
    with pytest.raises(RefusedError):
        put("a: 1\n", place, 1)


def test_the_document_itself_cannot_be_set_or_taken_away() -> None:
    with pytest.raises(RefusedError):
        YAML.assign(read("a: 1\n"), (), {})
    with pytest.raises(PathNotFoundError):
        YAML.remove(read("a: 1\n"), ())


def test_a_file_without_a_document_has_no_places() -> None:
    with pytest.raises(PathNotFoundError):
        put("# c\n", "a", 1)


@pytest.mark.parametrize("value", ["\ud800", {"\ud800": 1}, [["\udfff"]]])
def test_half_characters_are_refused(value: Raw) -> None:
    with pytest.raises(RefusedError, match="half"):
        put("a: 1\n", "a", value)


VALUES: list[Raw] = ["x", "a: b", "two\nlines\n", "two\nlines", "", 5, 1.5, True, None, {}, [], {"k": "v"}, {"k": {"z": [1, "t\nu\n"]}, "m": "l\n"}, [{"a": 1, "b": []}, [3, ["x\ny"]]], " lead\nx", "true"]  # fmt: skip


@given(st.integers(0, 2**32), st.booleans())
def test_changes_of_any_text_do_what_they_say(seed: int, hostile: bool) -> None:
    random = Random(seed)
    text = Writer(random, hostile=hostile).text()
    try:
        document = YAML.parse(text.encode(), encrypted=False, limits=DEFAULT_LIMITS)
    except SopskitError:
        return
    trees = [tree(root) for root in Outline(text).roots]
    places = [place for place in _places(trees[0]) if place] if trees else []
    if not places:
        return
    place, value = random.choice(places), random.choice(VALUES)
    if random.random() < 0.3:
        changed, meant = YAML.remove(document, place), _without(trees[0], place)
    else:
        place += random.choice([(), (), ("new",), ("new", "er")])
        try:
            meant = _with(trees[0], place, value)
        except KeyError:
            with pytest.raises(PathNotFoundError):
                YAML.assign(document, place, value)
            return
        changed = YAML.assign(document, place, value)
    assert repr([tree(root) for root in Outline(changed.text).roots]) == repr([meant, *trees[1:]]) or _has_times(text)


def _has_times(text: str) -> bool:
    return re.search(r"\d{4}-\d\d-\d\d", text) is not None


def _places(value: Raw, place: Path = ()) -> list[Path]:
    found = [place]
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        found += _places(item, (*place, key))
    return found


def _with(old: Raw, place: Path, value: Raw) -> Raw:
    if not place:
        return value
    key, rest = place[0], place[1:]
    if isinstance(old, dict) and isinstance(key, str):
        return {**old, key: _with(old.get(key) if key in old else None, rest, value)}
    if isinstance(old, list) and isinstance(key, int):
        return [_with(item, rest, value) if index == key else item for index, item in enumerate(old)]
    if isinstance(old, (dict, list)):
        raise KeyError(key)
    return {key: _with(None, rest, value)} if isinstance(key, str) else [_with(None, rest, value)]


def _without(old: Raw, place: Path) -> Raw:
    key, rest = place[0], place[1:]
    if isinstance(old, dict):
        return {k: _without(v, rest) if k == key and rest else v for k, v in old.items() if k != key or rest}
    assert isinstance(old, list)
    return [_without(v, rest) if k == key and rest else v for k, v in enumerate(old) if k != key or rest]
