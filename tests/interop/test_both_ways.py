"""Generated files, encrypted by one program and decrypted by the other: same trees, and the MAC verifies on both sides."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from sopskit.sops.selection import Selection
from tests.interop import trees

if TYPE_CHECKING:
    from tests.interop.conftest import Ours, Released

# every example starts at least one process of the released sops: 20 ms
INTEROP = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
RULES = [
    Selection("unencrypted_suffix", "_unencrypted"),
    Selection("encrypted_suffix", "_enc"),
    Selection("unencrypted_regex", "^(a|b)$"),
    Selection("encrypted_regex", "(?i)^(DATA|stringData|password)$"),
]
STYLES = st.tuples(
    st.sampled_from([None, '"', "'", "|"]), st.sampled_from([None, True, False]), st.sampled_from([20, 1000])
)


def same(left: Any, right: Any) -> bool:
    """Equal as SOPS sees it: 1 and 1.0 are, 1 and true are not."""
    if isinstance(left, dict) and isinstance(right, dict):
        return list(left) == list(right) and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, float) and isinstance(right, (int, float)):
        return math.isclose(left, right, rel_tol=1e-15)
    return bool(left == right)


def options(rule: Selection) -> list[str]:
    assert rule.field is not None
    return [f"--{rule.field.replace('_', '-')}", rule.pattern]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule.field))
@INTEROP
@given(tree=trees.TREES, style=STYLES)
def test_released_sops_reads_our_yaml(released: Released, ours: Ours, rule: Selection, tree: Any, style: Any) -> None:
    text = trees.yaml_text(tree, *style).encode()
    encrypted = ours.encrypt(text, "yaml", rule)
    assert same(yaml.safe_load(text), released.decrypt_to_tree(encrypted, "yaml"))
    assert same(tree, yaml.safe_load(ours.decrypt(encrypted, "yaml")))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule.field))
@INTEROP
@given(tree=trees.TREES, style=STYLES)
def test_we_read_the_yaml_of_released_sops(
    released: Released, ours: Ours, rule: Selection, tree: Any, style: Any
) -> None:
    encrypted = released.encrypt(trees.yaml_text(tree, *style).encode(), "yaml", *options(rule))
    assume(released.reads(encrypted, "yaml"))
    assert same(tree, released.tree_of(ours.decrypt(encrypted, "yaml")))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule.field))
@INTEROP
@given(tree=trees.TREES, indent=st.sampled_from([None, 0, 2, 4]), ascii=st.booleans())
def test_released_sops_reads_our_json(
    released: Released, ours: Ours, rule: Selection, tree: Any, indent: int | None, ascii: bool
) -> None:
    text = trees.json_text(tree, indent, ascii).encode()
    encrypted = ours.encrypt(text, "json", rule)
    assert same(tree, released.decrypt_to_tree(encrypted, "json"))
    assert same(tree, json.loads(ours.decrypt(encrypted, "json")))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule.field))
@INTEROP
@given(tree=trees.TREES)
def test_we_read_the_json_of_released_sops(released: Released, ours: Ours, rule: Selection, tree: Any) -> None:
    encrypted = released.encrypt(trees.json_text(tree, 2, ascii=False).encode(), "json", *options(rule))
    assume(released.reads(encrypted, "json"))
    assert same(tree, json.loads(ours.decrypt(encrypted, "json")))


@INTEROP
@given(tree=trees.FLAT)
def test_dotenv_goes_both_ways(released: Released, ours: Ours, tree: dict[str, str]) -> None:
    text = "".join(f"{key}={value}\n" for key, value in tree.items()).encode()
    encrypted = ours.encrypt(text, "dotenv")
    assert released.decrypt(encrypted, "dotenv") == text
    assert ours.decrypt(encrypted, "dotenv") == text
    assert ours.decrypt(released.encrypt(text, "dotenv"), "dotenv") == text


INI_VALUE = st.text(
    st.characters(codec="ascii", categories=["L", "N"], include_characters=" ._-/:=@"), max_size=12
).map(str.strip)


@INTEROP
@given(
    tree=st.dictionaries(
        st.sampled_from(["one", "two", "three"]),
        st.dictionaries(st.sampled_from(["a", "b", "x_unencrypted"]), INI_VALUE, min_size=1),
        min_size=1,
    )
)
def test_ini_goes_both_ways(released: Released, ours: Ours, tree: dict[str, dict[str, str]]) -> None:
    text = "\n".join(
        "".join([f"[{name}]\n", *(f"{key} = {value}\n" for key, value in items.items())])
        for name, items in tree.items()
    ).encode()
    encrypted = ours.encrypt(text, "ini")
    expected = {"DEFAULT": {}, **tree}
    assert released.decrypt_to_tree(encrypted, "ini") == expected
    assert ours.decrypt(encrypted, "ini") == text
    theirs = ours.decrypt(released.encrypt(text, "ini"), "ini")
    assert released.decrypt_to_tree(ours.encrypt(theirs, "ini"), "ini") == expected


@INTEROP
@given(content=st.binary(min_size=1, max_size=200))
def test_binary_goes_both_ways(released: Released, ours: Ours, content: bytes) -> None:
    encrypted = ours.encrypt(content, "binary", Selection(None, ""))
    assert released.decrypt(encrypted, "binary") == content
    assert ours.decrypt(encrypted, "binary") == content
    assert ours.decrypt(released.encrypt(content, "binary"), "binary") == content


COMMENTED = b"""# top
a: 1
# sops:enc
# more
c: {d: 1}
f: 3   # inline
l:
    - x
    # sops:enc
    - yy
    - zz # sops:enc
# sops:enc
empty: {}
after: 1
m:
    # sops:enc
    n:
        o: p
    q: r
"""


@pytest.mark.parametrize("field", ["encrypted_comment_regex", "unencrypted_comment_regex"])
def test_comment_rules_go_both_ways(released: Released, ours: Ours, field: str) -> None:
    rule = Selection(field, "sops:enc")
    (released.folder / ".sops.yaml").write_text(
        f"creation_rules:\n  - {field}: 'sops:enc'\n    age: {released.recipient}\n"
    )
    (released.folder / "plain.yaml").write_bytes(COMMENTED)
    theirs = released.run("encrypt", "plain.yaml").stdout
    assert yaml.safe_load(ours.decrypt(theirs, "yaml")) == yaml.safe_load(COMMENTED)
    encrypted = ours.encrypt(COMMENTED, "yaml", rule)
    assert released.decrypt_to_tree(encrypted, "yaml") == yaml.safe_load(COMMENTED)
    assert ours.decrypt(encrypted, "yaml") == COMMENTED


COMMENT_RULES = ["encrypted_comment_regex", "unencrypted_comment_regex"]


@pytest.mark.parametrize("field", COMMENT_RULES)
@INTEROP
@given(text=trees.commented())
def test_released_sops_reads_our_generated_comments(released: Released, ours: Ours, field: str, text: str) -> None:
    source = f"{text}\n".encode()
    encrypted = ours.encrypt(source, "yaml", Selection(field, "sops:enc"))
    assert same(yaml.safe_load(source), released.decrypt_to_tree(encrypted, "yaml"))
    assert ours.decrypt(encrypted, "yaml") == source


@pytest.mark.parametrize("field", COMMENT_RULES)
@INTEROP
@given(text=trees.commented())
def test_we_read_the_generated_comments_of_released_sops(released: Released, ours: Ours, field: str, text: str) -> None:
    source = f"{text}\n".encode()
    config = f"creation_rules:\n  - {field}: 'sops:enc'\n    age: {released.recipient}\n"
    (released.folder / ".sops.yaml").write_text(config)
    (released.folder / "plain.yaml").write_bytes(source)
    theirs = released.run("encrypt", "plain.yaml").stdout
    # an encrypted comment between marker and value in a list is a file that sops itself refuses (SOPS section 3.4)
    assume(released.reads(theirs, "yaml"))
    assert same(yaml.safe_load(source), yaml.safe_load(ours.decrypt(theirs, "yaml")))


@pytest.mark.parametrize("mac_only", [False, True])
def test_a_mac_over_encrypted_values_only_goes_both_ways(released: Released, ours: Ours, mac_only: bool) -> None:
    text = b"a: 1\nb_unencrypted: 0777\nc: [x, true]\n"
    encrypted = ours.encrypt(text, "yaml", mac_only_encrypted=mac_only)
    assert released.decrypt_to_tree(encrypted, "yaml") == {"a": 1, "b_unencrypted": 511, "c": ["x", True]}
    flags = ["--mac-only-encrypted"] if mac_only else []
    (released.folder / "plain.yaml").write_bytes(text)
    theirs = released.run(*flags, "encrypt", "--age", released.recipient, "plain.yaml").stdout
    assert (b"mac_only_encrypted: true" in theirs) is mac_only
    assert yaml.safe_load(ours.decrypt(theirs, "yaml")) == {"a": 1, "b_unencrypted": 511, "c": ["x", True]}
