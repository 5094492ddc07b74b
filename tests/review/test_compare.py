"""Files changed by the released sops, and by hand, compared without a key."""

from __future__ import annotations

import re

from sopskit.review.compare import Comparison, State, Tokens, compare
from sopskit.review.model import Point, Range, Sides, Value
from sopskit.review.operations import classify
from sopskit.review.sides import Side, read_side
from tests.conftest import AgeTestKey
from tests.review.conftest import Sops

TEXT = """\
kind: Secret
data:
  one: first
  two: 2
  list:
    - x
    - y
"""
REGEX = ("--encrypted-regex", "^data$")


def sides(base: bytes, head: bytes) -> Sides[Side]:
    return Sides(read_side("file.yaml", base), read_side("file.yaml", head))


def told(comparison: Comparison) -> list[tuple[str, str]]:
    return [(".".join(map(str, change.path)), change.change) for change in comparison.changes]


def operations(base: bytes, head: bytes) -> list[tuple[str, str]]:
    both = sides(base, head)
    return [(one.id, one.confidence) for one in classify(*both, compare(*both))]


def test_set_is_an_edit_of_one_value(sops: Sops) -> None:
    base = sops.encrypted(TEXT, *REGEX)
    sops("set", "file.yaml", '["data"]["one"]', '"second"')
    comparison = compare(*sides(base, sops.bytes()))
    assert (told(comparison), comparison.data_key, comparison.stale) == ([("data.one", "changed")], "same", False)
    assert comparison.tokens == Tokens(identical=3, new_iv=1)
    assert operations(base, sops.bytes()) == [("edit", "consistent")]
    (change,) = comparison.changes
    assert (change.encrypted, change.type, change.value) == (
        (True, True),
        ("str", "str"),
        (Value("opaque"), Value("opaque")),
    )
    assert isinstance(change.range.base, Range)
    assert change.range.base.start == Point(3, 10)
    assert change.certain


def test_another_type_is_told(sops: Sops) -> None:
    base = sops.encrypted(TEXT, *REGEX)
    sops("set", "file.yaml", '["data"]["two"]', '"2"')
    comparison = compare(*sides(base, sops.bytes()))
    assert told(comparison) == [("data.two", "retyped")]
    assert comparison.changes[0].type == ("int", "str")


def test_added_and_removed_keys_are_told(sops: Sops) -> None:
    base = sops.encrypted(TEXT, *REGEX)
    sops("set", "file.yaml", '["data"]["new"]', '"value"')
    sops("unset", "file.yaml", '["data"]["one"]')
    assert told(compare(*sides(base, sops.bytes()))) == [("data.one", "removed"), ("data.new", "added")]


def test_an_emptied_value_changed_though_it_is_no_longer_encrypted(sops: Sops) -> None:
    base = sops.encrypted(TEXT, *REGEX)
    sops("set", "file.yaml", '["data"]["one"]', '""')
    comparison = compare(*sides(base, sops.bytes()))
    assert told(comparison) == [("data.one", "changed")]
    assert comparison.changes[0].value == (Value("opaque"), Value("empty"))


def test_rotation_looks_unchanged_under_a_new_data_key(sops: Sops) -> None:
    base = sops.encrypted(TEXT, *REGEX)
    sops("rotate", "--in-place", "file.yaml")
    comparison = compare(*sides(base, sops.bytes()))
    assert (told(comparison), comparison.data_key, comparison.tokens) == ([], "new", Tokens(same_iv=4))
    assert operations(base, sops.bytes()) == [("rotate", "ambiguous")]


def test_a_value_with_a_new_iv_in_a_rotation_is_named_without_certainty(sops: Sops) -> None:
    base = sops.encrypted(TEXT, *REGEX)
    sops("set", "file.yaml", '["data"]["one"]', '"second"')
    sops("rotate", "--in-place", "file.yaml")
    comparison = compare(*sides(base, sops.bytes()))
    assert told(comparison) == [("data.one", "changed")]
    assert not comparison.changes[0].certain


def test_decrypted_and_encrypted_again_everything_is_new(sops: Sops) -> None:
    base, head = sops.encrypted(TEXT, *REGEX), sops.encrypted(TEXT, *REGEX)
    comparison = compare(*sides(base, head))
    assert {change for _, change in told(comparison)} == {"reencrypted"}
    assert operations(base, head) == [("reencrypt", "ambiguous")]


def test_updatekeys_changes_no_value(sops: Sops, alice: AgeTestKey, bob: AgeTestKey) -> None:
    base = sops.encrypted(TEXT, *REGEX)
    rule = f"creation_rules:\n  - age: {alice.recipient},{bob.recipient}\n"
    (sops.folder / ".sops.yaml").write_text(rule)
    sops("updatekeys", "--yes", "file.yaml")
    comparison = compare(*sides(base, sops.bytes()))
    assert (told(comparison), comparison.data_key, comparison.stale) == ([], "same", False)
    assert operations(base, sops.bytes()) == [("updatekeys", "consistent")]
    updated = sops.bytes()
    sops("set", "file.yaml", '["data"]["one"]', '"second"')
    assert operations(base, sops.bytes()) == [("updatekeys", "consistent"), ("edit", "consistent")]
    assert operations(base, updated.replace(b"kind: Secret", b"kind: Other")) == [
        ("updatekeys", "consistent"),
        ("hand-edit", "consistent"),
    ]


def test_a_cleartext_value_changed_by_hand_makes_the_mac_stale(sops: Sops) -> None:
    base = sops.encrypted(TEXT, *REGEX)
    head = base.replace(b"kind: Secret", b"kind: ConfigMap")
    comparison = compare(*sides(base, head))
    assert (told(comparison), comparison.stale) == ([("kind", "changed")], True)
    assert operations(base, head) == [("hand-edit", "consistent")]


def test_with_mac_only_encrypted_cleartext_is_not_covered(sops: Sops) -> None:
    base = sops.encrypted(TEXT, *REGEX, "--mac-only-encrypted")
    head = base.replace(b"kind: Secret", b"kind: ConfigMap")
    assert not compare(*sides(base, head)).stale
    tampered = re.sub(rb"(one: ENC\[AES256_GCM,data:)....", rb"\1AAAA", head)
    assert compare(*sides(base, tampered)).stale


def test_an_empty_key_added_by_hand_leaves_the_mac_right(sops: Sops) -> None:
    base = sops.encrypted(TEXT, *REGEX)
    comparison = compare(*sides(base, base.replace(b"data:\n", b'data:\n    extra: ""\n', 1)))
    assert (told(comparison), comparison.stale) == ([("data.extra", "added")], False)


def test_another_layout_is_no_change(sops: Sops) -> None:
    base = sops.encrypted(TEXT, *REGEX)
    head = base.replace(b"kind: Secret", b'"kind":   "Secret"')
    assert told(compare(*sides(base, head))) == []
    assert operations(base, head) == [("format-only", "consistent")]


def test_comments_are_compared_by_container(sops: Sops) -> None:
    base = sops.encrypted("# top\ndata:\n  # inner\n  one: x\n", *REGEX)
    head = base.replace(b"# top", b"# other")
    comparison = compare(*sides(base, head))
    assert [(change.path, change.change, change.encrypted) for change in comparison.changes] == [
        ((), "comment", (False, False))
    ]
    assert operations(base, head) == [("hand-edit", "consistent")]
    sops("rotate", "--in-place", "file.yaml")
    assert told(compare(*sides(base, sops.bytes()))) == []


def test_a_rule_changed_by_hand_is_a_hand_edit(sops: Sops) -> None:
    base = sops.encrypted(TEXT, *REGEX)
    assert operations(base, base.replace(b"encrypted_regex: ^data$", b"encrypted_regex: ^dat")) == [
        ("hand-edit", "consistent")
    ]


def test_encrypting_and_decrypting_are_told(sops: Sops) -> None:
    head = sops.encrypted(TEXT, *REGEX)
    plain = TEXT.encode()
    encrypted = compare(*sides(plain, head))
    assert told(encrypted)[0] == ("data.one", "encrypted")
    assert operations(plain, head) == [("encrypt", "consistent")]
    assert told(compare(*sides(head, plain)))[0] == ("data.one", "decrypted")
    assert operations(head, plain) == [("decrypt", "consistent")]
    assert operations(plain, plain) == [("plain-edit", "consistent")]


def test_new_and_deleted_files_have_one_side(sops: Sops) -> None:
    side = read_side("file.yaml", sops.encrypted(TEXT, *REGEX))
    plain = read_side("file.yaml", TEXT.encode())
    assert {change for _, change in told(compare(None, side))} == {"added"}
    assert {change for _, change in told(compare(side, None))} == {"removed"}
    pairs = (Sides(None, side), Sides(side, None), Sides(None, plain))
    names = [classify(pair.base, pair.head, compare(*pair))[0].id for pair in pairs]
    assert names == ["create", "delete", "create"]
    assert classify(None, None, compare(None, None)) == ()


def test_a_file_without_encrypted_values_in_common_gives_no_verdict(sops: Sops) -> None:
    base = sops.encrypted("a_unencrypted: 1\n")
    head = sops.encrypted("a_unencrypted: 2\n")
    assert compare(*sides(base, head)).data_key == "unknown"
    assert operations(base, head) == [("unknown", "ambiguous")]


def test_a_plain_value_that_looks_like_a_token_and_is_none_counts_as_plain(sops: Sops) -> None:
    base = sops.encrypted(TEXT, *REGEX)
    head = re.sub(rb"one: ENC\[.*\]", b"one: ENC[AES256_GCM,data:x]", base)
    assert told(compare(*sides(base, head))) == [("data.one", "decrypted")]


def test_documents_of_one_file_are_told_apart(sops: Sops) -> None:
    base = sops.encrypted("a: x\n---\na: y\n")
    sops("rotate", "--in-place", "file.yaml")
    head = sops.encrypted("a: x\n---\nb: y\n")
    assert [(change.document, change.path, change.change) for change in compare(*sides(base, head)).changes] == [
        (0, ("a",), "reencrypted"),
        (1, ("a",), "removed"),
        (1, ("b",), "added"),
    ]


def test_a_state_shows_no_value() -> None:
    document = read_side("file.yaml", b"a: canary\n").document
    assert document is not None
    assert "canary" not in repr(State(document.leaves()[0], None))
