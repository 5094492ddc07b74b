"""Edits that need no key and leave the MAC valid, found by what they are."""

from __future__ import annotations

import pytest

from sopskit.document import Leaf
from sopskit.review.blind import BlindEdit, blind_edits, shadows
from sopskit.review.compare import compare
from sopskit.review.model import Sides
from sopskit.review.sides import Side, read_side
from tests.conftest import read_age_key
from tests.review.states import FIXTURES, fixture

BASE = fixture("set", "base")
DEFAULT_SUFFIX = ".yaml"


def edits(base: bytes, head: bytes, suffix: str = DEFAULT_SUFFIX) -> list[BlindEdit]:
    sides: Sides[Side | None] = Sides(read_side(f"x{suffix}", base), read_side(f"x{suffix}", head))
    return blind_edits(sides, compare(*sides))


def told(found: list[BlindEdit]) -> list[tuple[str, str, list[str]]]:
    return [(edit.kind, edit.side, [place(item) for item in edit.items]) for edit in found]


def place(item: object) -> str:
    return ".".join(map(str, item.path)) if isinstance(item, Leaf) else "#"


def replaced(*pairs: tuple[str, str]) -> bytes:
    text = BASE.decode()
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return text.encode()


@pytest.mark.parametrize(
    ("case", "suffix", "expected"),
    [
        ("blind-rename", ".yaml", [("renamed", "head", ["metadata.labels.zone"])]),
        ("blind-rename-dotenv", ".env", [("renamed", "head", ["TIER_unencrypted"])]),
        ("blind-boundary", ".yaml", [("shifted", "head", ["metadata.name", "metadata.namespace"])]),
        ("blind-boundary-dotenv", ".env", [("shifted", "head", ["REGION_unencrypted", "ZONE_unencrypted"])]),
        ("blind-empty-key", ".yaml", [("emptied", "head", ["metadata.labels.team"])]),
        ("blind-empty-covered-key", ".yaml", [("emptied", "head", ["stringData.EXTRA"])]),
        ("blind-shadow", ".yaml", [("emptied", "head", ["stringData.token"])]),
        ("blind-relabel", ".yaml", [("relabelled", "head", ["stringData.DB_PIN"])]),
        ("blind-comment-added", ".yaml", [("comment-added", "head", ["#"])]),
        ("blind-comment-removed", ".yaml", [("comment-removed", "base", ["#"])]),
        ("blind-comment-replaced", ".yaml", [("secret-comment-replaced", "head", ["#"])]),
        ("blind-selection", ".yaml", [("selection", "head", [])]),
        ("blind-mac-only", ".yaml", [("uncovered", "head", ["metadata.namespace"])]),
        ("blind-recipients-reordered", ".yaml", [("recipients-reordered", "head", [])]),
    ],
)
def test_each_edit_is_found(case: str, suffix: str, expected: list[tuple[str, str, list[str]]]) -> None:
    assert told(edits(fixture(case, "base", suffix), fixture(case, "head", suffix), suffix)) == expected


@pytest.mark.parametrize("case", sorted(path.name for path in FIXTURES.glob("caught-*")))
def test_what_the_mac_catches_is_not_among_them(case: str) -> None:
    assert edits(fixture(case, "base"), fixture(case)) == []


@pytest.mark.parametrize(
    "case", ["set", "set-new", "unset", "edit-nothing-secret", "updatekeys-added", "rotate", "reencrypt", "format-only"]
)
def test_what_sops_writes_and_another_layout_are_not_among_them(case: str) -> None:
    assert edits(fixture(case, "base"), fixture(case)) == []


def test_an_empty_key_that_goes_is_told_where_it_was() -> None:
    assert told(edits(fixture("blind-empty-key"), fixture("blind-empty-key", "base"))) == [
        ("emptied", "base", ["metadata.labels.team"])
    ]


def test_maps_of_empty_values_and_nulls_leave_no_trace_either() -> None:
    head = replaced(("type: Opaque\n", 'type: Opaque\nimmutable:\nannotations:\n    a: ""\n    b: {}\n'))
    assert told(edits(BASE, head)) == [("emptied", "head", ["immutable", "annotations.a", "annotations.b"])]


def test_equal_values_under_other_keys_are_renamed_not_shifted() -> None:
    base = replaced(("tier: backend", "tier: db\n        role: db"))
    head = base.replace(b"tier: db", b"zone: db").replace(b"role: db", b"line: db")
    assert told(edits(base, head)) == [("renamed", "head", ["metadata.labels.zone", "metadata.labels.line"])]


def test_another_type_of_a_plain_value_is_a_relabelling() -> None:
    base = replaced(("tier: backend", 'tier: "1"'))
    assert told(edits(base, base.replace(b'"1"', b"1"))) == [("relabelled", "head", ["metadata.labels.tier"])]


def test_a_comment_that_is_reworded_is_told_once() -> None:
    head = replaced(("# owner: payments", "# owner: nobody"))
    assert told(edits(BASE, head)) == [("comment-added", "head", ["#"])]


def test_an_encrypted_comment_that_is_taken_away_is_told() -> None:
    lines = [line for line in BASE.splitlines(keepends=True) if not line.strip().startswith(b"#ENC[")]
    assert told(edits(BASE, b"".join(lines))) == [("secret-comment-removed", "base", ["#"])]


def test_a_comment_that_only_moves_is_none() -> None:
    head = replaced(("# owner: payments\n", ""), ("type: Opaque\n", "# owner: payments\ntype: Opaque\n"))
    assert edits(BASE, head) == []


def test_a_wrapped_key_under_another_name_is_told() -> None:
    cluster, bob = (read_age_key(name).recipient for name in ("cluster", "bob"))
    (edit,) = edits(BASE, replaced((cluster, bob)))
    assert (edit.kind, edit.recipients) == ("recipient-relabelled", (bob,))


def test_several_edits_are_told_each_by_its_kind() -> None:
    head = replaced(("tier:", "zone:"), ("# owner: payments\n", ""), ("^(data|stringData)$", "^(stringData|data)$"))
    assert [edit.kind for edit in edits(BASE, head)] == ["renamed", "comment-removed", "selection"]


def test_no_content_is_in_the_text_form() -> None:
    (edit,) = edits(fixture("blind-boundary", "base"), fixture("blind-boundary"))
    assert "rod" not in repr(edit)


def shadowed(text: str) -> list[str]:
    document = read_side("x.yaml", text.encode()).document
    assert document is not None
    return [place(shadow.empty) for shadow in shadows(document)]


def test_an_empty_entry_of_string_data_hides_one_of_data() -> None:
    start = "apiVersion: v1\nkind: Secret\ndata: {a: eA==, b: '', c: eA==}\n"
    assert shadowed(start + "stringData: {a: '', b: '', d: ''}\n") == ["stringData.a"]
    assert shadowed(start + "stringData: {a: null}\n") == ["stringData.a"]
    assert shadowed(start + "stringData: {a: x}\n") == []
    assert shadowed(start.replace("Secret", "ConfigMap") + "stringData: {a: ''}\n") == []


def test_it_does_so_in_every_document_and_item() -> None:
    item = "{apiVersion: v1, kind: Secret, data: {a: eA==}, stringData: {a: ''}}"
    assert shadowed(f"--- {item}\n--- {item}\n") == ["stringData.a", "stringData.a"]
    assert shadowed(f"apiVersion: v1\nkind: List\nitems:\n  - {item}\n") == ["items.0.stringData.a"]
