"""Which items a rule encrypts: by keys, by comments, and exactly what the released sops does."""

from __future__ import annotations

import random
import subprocess
from typing import TYPE_CHECKING, NamedTuple

import pytest

from sopskit.document.model import Comment, Container, Leaf
from sopskit.errors import ConfigError
from sopskit.sops.selection import DEFAULT, NONE, Selection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path
    from typing import TypeAlias

    from tests.conftest import AgeTestKey

Tree: TypeAlias = "Sequence[tuple[str, str | list[str] | Tree]]"


def leaf(parent: Container, key: str | int, value: str = "v") -> Leaf:
    return Leaf(0, 0, value, "str", value.encode(), parent, key, "", None)


def comment(parent: Container, text: str) -> Comment:
    return Comment(0, 0, text, parent, inline=False, marker=0)


def items(tree: Tree, parent: Container) -> Iterator[Leaf | Comment]:
    """Items of a tree of pairs; the key `#` makes a comment."""
    for key, value in tree:
        if key == "#":
            yield comment(parent, str(value))
        elif isinstance(value, str):
            yield leaf(parent, key, value)
        elif value and isinstance(value[0], tuple):
            yield from items(value, Container(parent, key, is_map=True))  # type: ignore[arg-type]
        else:
            inner = Container(parent, key, is_map=False)
            yield from (leaf(inner, index, str(text)) for index, text in enumerate(value))


def selected(rule: Selection, tree: Tree, *, lenient: bool = False) -> list[str]:
    """What is encrypted: paths of leaves, texts of comments."""
    encrypts = rule.walk(lenient=lenient).encrypts
    root = Container(None, None, is_map=True)
    return [
        item.value if isinstance(item, Comment) else ".".join(map(str, item.path))
        for item in items(tree, root)
        if encrypts(item)
    ]


SECRET: Tree = [
    ("#", "head"),
    ("kind", "Secret"),
    ("data", [("#", "inside"), ("password", "x"), ("user_unencrypted", "y")]),
    ("list_unencrypted", ["a", "b"]),
    ("list", ["a", "b"]),
    ("deep", [("data", [("x", [("y", "1")])]), ("z", "2")]),
]
ALL = [
    "head",
    "kind",
    "inside",
    "data.password",
    "data.user_unencrypted",
    "list_unencrypted.0",
    "list_unencrypted.1",
    "list.0",
    "list.1",
    "deep.data.x.y",
    "deep.z",
]
DATA = ["inside", "data.password", "data.user_unencrypted", "deep.data.x.y"]


def without(names: list[str]) -> list[str]:
    return [name for name in ALL if name not in names]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (NONE, ALL),
        (DEFAULT, without(["data.user_unencrypted", "list_unencrypted.0", "list_unencrypted.1"])),
        (Selection("encrypted_suffix", "ata"), DATA),
        (Selection("encrypted_regex", "^data$"), DATA),
        (Selection("encrypted_regex", "at"), DATA),
        (Selection("unencrypted_regex", "^data$"), without(DATA)),
        (Selection("unencrypted_suffix", "ata"), without(DATA)),
        (Selection("encrypted_comment_regex", "nothing"), []),
        (Selection("unencrypted_comment_regex", "nothing"), ALL),
    ],
    ids=str,
)
def test_a_rule_selects_what_stands_below_a_matching_key(rule: Selection, expected: list[str]) -> None:
    assert selected(rule, SECRET) == expected


def test_keys_are_matched_one_by_one_and_not_as_a_path() -> None:
    assert selected(Selection("encrypted_regex", "a.*b"), [("a", [("b", "1")])]) == []


COMMENTS: Tree = [
    ("#", "sops:mark"),
    ("#", "more"),
    ("c", [("d", "1"), ("#", "inner"), ("e", "2")]),
    ("f", "3"),
    ("g", [("#", "sops:mark"), ("h", [("i", "4")]), ("j", "5")]),
    ("k", "6"),
    ("#", "before"),
    ("#", "sops:mark"),
    ("l", ["7", "8"]),
    ("m", "9"),
]


def test_a_comment_switches_encryption_on_for_the_next_item_and_all_below() -> None:
    rule = Selection("encrypted_comment_regex", "^sops:mark$")
    assert selected(rule, COMMENTS) == ["more", "c.d", "inner", "c.e", "g.h.i", "l.0", "l.1"]


def test_a_comment_switches_encryption_off_and_stays_readable_itself() -> None:
    rule = Selection("unencrypted_comment_regex", "^sops:mark$")
    assert selected(rule, COMMENTS) == ["f", "g.j", "k", "before", "m"]


def test_a_list_between_comment_and_value_takes_the_comment() -> None:
    rule = Selection("encrypted_comment_regex", "mark")
    root = Container(None, None, is_map=True)
    outer = Container(root, "l", is_map=False)
    inner = Container(outer, 0, is_map=False)
    walk = rule.walk()
    found = [
        walk.encrypts(item)
        for item in (comment(outer, "mark"), leaf(inner, 0), leaf(inner, 1), leaf(outer, 1), leaf(root, "x"))
    ]
    assert found == [False, True, True, False, False]


def test_every_document_starts_without_active_comments() -> None:
    rule = Selection("encrypted_comment_regex", "mark")
    first = Container(None, None, is_map=True)
    second = Container(None, None, is_map=True, document=1)
    encrypts = rule.walk().encrypts
    assert [encrypts(item) for item in (comment(first, "mark"), leaf(second, "a"))] == [False, False]


@pytest.mark.parametrize("field", ["encrypted_regex", "unencrypted_regex", "encrypted_comment_regex"])
def test_a_pattern_that_does_not_compile_is_refused_on_write(field: str) -> None:
    with pytest.raises(ConfigError, match=f"{field} is not a usable regular expression"):
        Selection(field, "(?=a)").walk()
    with pytest.raises(ConfigError):
        Selection(field, "(").check()


def test_a_stored_pattern_that_does_not_compile_matches_nothing_as_in_sops() -> None:
    assert selected(Selection("encrypted_regex", "("), SECRET, lenient=True) == []
    assert selected(Selection("unencrypted_regex", "("), SECRET, lenient=True) == ALL


@pytest.mark.parametrize(
    ("rule", "keys", "expected"),
    [
        (NONE, ("a",), True),
        (DEFAULT, ("a_unencrypted", "b"), False),
        (DEFAULT, ("a", "b"), True),
        (Selection("encrypted_regex", "^b$"), ("a", "b"), True),
        (Selection("encrypted_regex", "^b$"), ("a",), False),
        (Selection("encrypted_comment_regex", "b"), ("b",), False),
        (Selection("unencrypted_comment_regex", "b"), ("b",), True),
        (DEFAULT, (), True),
    ],
    ids=str,
)
def test_single_questions_about_keys(rule: Selection, keys: tuple[str, ...], expected: bool) -> None:
    assert rule.selects_keys(keys) is expected


def test_an_encrypted_comment_that_matches_the_rule_is_refused() -> None:
    walk = Selection("unencrypted_comment_regex", "AES").walk()
    with pytest.raises(ConfigError, match="an encrypted comment matches unencrypted_comment_regex 'AES'"):
        walk.check_token("ENC[AES256_GCM,data:...]")


@pytest.mark.parametrize(
    "rule", [NONE, Selection("unencrypted_comment_regex", "^sops:"), Selection("encrypted_comment_regex", "AES")]
)
def test_other_encrypted_comments_are_fine(rule: Selection) -> None:
    rule.walk().check_token("ENC[AES256_GCM,data:...]")


# --- against the released sops


class Line(NamedTuple):
    """A line of block YAML, and the item on it."""

    text: str
    item: Leaf | Comment | None


def block_lines(chance: random.Random, parent: Container, depth: int = 0) -> Iterator[Line]:
    """Random block YAML as sops writes it itself, so that its output has the same lines."""
    pad = "    " * depth
    for number in range(chance.randint(1, 4)):
        for _ in range(chance.choice([0, 0, 1, 2])):
            text = chance.choice([" mark", " sops:off", " note", " secret_unencrypted"])
            yield Line(f"{pad}#{text}", comment(parent, text))
        key = chance.choice(["a", "b_unencrypted", "data", "secret", "x_encrypted"]) + str(number)
        shape = chance.choice(["leaf", "leaf", "map", "list"] if depth < 3 else ["leaf"])
        if shape == "leaf":
            yield Line(f"{pad}{key}: v", leaf(parent, key))
            continue
        yield Line(f"{pad}{key}:", None)
        if shape == "map":
            yield from block_lines(chance, Container(parent, key, is_map=True), depth + 1)
        else:
            inner = Container(parent, key, is_map=False)
            for index in range(2):
                yield Line(f"{pad}    - v", leaf(inner, index))


RULES = {
    "encrypted_comment_regex": "mark",
    "encrypted_regex": "^(data|secret)[0-9]",
    "encrypted_suffix": "1",
    "unencrypted_comment_regex": "sops:off",
    "unencrypted_regex": "(?i)^SECRET",
    "unencrypted_suffix": "2",
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("field", "pattern"), RULES.items())
def test_sops_encrypts_and_decrypts_the_same_items(
    tool: Callable[[str], str], alice: AgeTestKey, tmp_path: Path, field: str, pattern: str, seed: int
) -> None:
    chance = random.Random(f"{field}{seed}")
    lines = [
        Line("first0: v", leaf(root := Container(None, None, is_map=True), "first0")),
        *block_lines(chance, root),
    ]
    (tmp_path / "f.yaml").write_text("".join(f"{line.text}\n" for line in lines))
    # some of the rules have no option
    (tmp_path / ".sops.yaml").write_text(f"creation_rules: [{{age: {alice.recipient}, {field}: '{pattern}'}}]")
    result = subprocess.run(
        [tool("sops"), "encrypt", "f.yaml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    output = result.stdout.partition("\nsops:\n")[0].split("\n")
    assert len(output) == len(lines)
    by_sops = ["ENC[" in text for text in output]

    encrypts = Selection(field, pattern).walk().encrypts
    assert [line.item is not None and encrypts(line.item) for line in lines] == by_sops

    reads = Selection(field, pattern).walk(lenient=True).encrypts
    stored = [
        comment(line.item.parent, text.partition("#")[2]) if isinstance(line.item, Comment) else line.item
        for line, text in zip(lines, output, strict=True)
    ]
    assert [item is not None and reads(item) for item in stored] == by_sops
