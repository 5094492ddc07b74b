"""The released sops reads what the engine writes, and the engine what sops writes, MAC included."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest

from sopskit.document import Comment, parse
from sopskit.errors import SopskitError
from sopskit.sops.selection import Selection
from tests.document.yaml.fakes import YAML, read
from tests.document.yaml.test_resolve import STRINGS, TABLE
from tests.document.yaml.texts import Writer
from tests.interop.conftest import Ours, Released

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sopskit.document import Document
    from tests.conftest import AgeTestKey

CLEAR = Selection("encrypted_regex", "^nothing$")


@pytest.fixture
def released(tool: Callable[[str], str], tmp_path: Path, alice: AgeTestKey) -> Released:
    return Released(tool("sops"), tmp_path, alice)


@pytest.fixture
def ours(alice: AgeTestKey) -> Ours:
    return Ours(alice)


def hashed(document: Document) -> list[tuple[tuple[str, ...], bytes]]:
    """What the MAC covers; `-0.0` comes out of sops as `-0`, which it reads as an integer."""
    return [(leaf.keys, b"0" if leaf.data == b"-0" else leaf.data) for leaf in document.leaves() if leaf.data]


def scalars() -> str:
    """Every scalar of the tables, plain. Without `-0.0`, which sops itself cannot verify, and integers above 64 bits."""
    texts = [text for text, kind, _ in TABLE if kind != "uint64" and text != "-0.0"] + [
        text for text in STRINGS if text != "-"
    ]
    return "".join(f"k{number}: {text}\n" for number, text in enumerate(texts))


def test_scalars_are_hashed_as_sops_hashes_them(released: Released, ours: Ours) -> None:
    text = scalars().encode()
    encrypted = released.encrypt(text, "yaml", "--encrypted-regex", CLEAR.pattern)
    assert ours.open(encrypted, "yaml").file.document.block is not None
    assert hashed(parse(released.decrypt(ours.encrypt(text, "yaml", CLEAR), "yaml"), YAML)) == hashed(read(scalars()))


def test_scalars_are_encrypted_as_sops_encrypts_them(released: Released, ours: Ours) -> None:
    text = scalars().encode()
    assert hashed(ours.open(released.encrypt(text, "yaml"), "yaml").plain) == hashed(read(scalars()))
    assert hashed(parse(released.decrypt(ours.encrypt(text, "yaml"), "yaml"), YAML)) == hashed(read(scalars()))


@pytest.mark.parametrize("seed", range(25))
def test_hostile_files_go_both_ways(released: Released, ours: Ours, seed: int) -> None:
    text = Writer(Random(seed), hostile=True).text()
    try:
        document = read(text)
    except SopskitError:
        return
    encrypted = ours.encrypt(text.encode(), "yaml")
    back = released.decrypt(encrypted, "yaml")
    # sops writes text that nothing can read for strings that begin with a blank (SOPS 11.40)
    if not any(leaf.data[:1] in {b" ", b"\t", b"\n"} for leaf in document.leaves()):
        assert hashed(parse(back, YAML)) == hashed(document)
    theirs = released.encrypt(text.encode(), "yaml")
    if released.reads(theirs, "yaml"):
        assert hashed(ours.open(theirs, "yaml").plain) == hashed(document)


@pytest.mark.parametrize(
    "text",
    [
        "# a\na: 1 # b\nc: # d\n  e: 2\n  # f\ng: [1, 2] # h\n", "l:\n  - a # b\n  # c\n  - d: 1 # e\n    # f\n    g: 2\n",
        "a:\n  # b\n  [1]\nc: {\n  d: 1, # e\n  f: 2\n  # g\n}\n", "a: |  # b\n  c\nd: !!str # e\n  f\n", "a:\n- b\n# c\nd: 1\n# e\n",
        "x: &x {k: 1}\na: *x # c\nb: [*x] # d\n", "--- # a\nb: 1\n---\n# c\nd: 1\n",
    ],
)  # fmt: skip
def test_comments_are_found_under_the_paths_that_sops_gives_them(released: Released, ours: Ours, text: str) -> None:
    plain = released.decrypt(ours.encrypt(text.encode(), "yaml"), "yaml").decode()
    for item in read(text).items:
        if isinstance(item, Comment):
            assert f"#{item.value}" in plain
    opened = ours.open(released.encrypt(text.encode(), "yaml"), "yaml")
    assert opened.unreadable == []


@pytest.mark.parametrize("step", [2, 3, 4, 8])
def test_files_of_sops_come_back_as_sops_decrypts_them(released: Released, ours: Ours, step: int) -> None:
    text = b"a:\n  b:\n    - c: x\n      d: |\n        two\n        lines\n    - it's\n    - 'a: b'\n    - \"yes\"\n  e: 1.5\n# f\ng: [h]\n"
    as_yaml = ("--input-type", "yaml", "--output-type", "yaml", "/dev/stdin")
    indent = ("--indent", str(step))
    encrypted = released.run(*indent, "encrypt", "--age", released.recipient, *as_yaml, source=text).stdout
    decrypted = released.run(*indent, "decrypt", *as_yaml, source=encrypted).stdout
    assert ours.decrypt(encrypted, "yaml") == decrypted
