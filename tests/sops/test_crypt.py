"""Whole files: what is sealed, what is refused, and what nobody gets to see before the MAC fits."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from sopskit import age
from sopskit.document import Document, format_for_name, parse
from sopskit.errors import (
    AlreadyEncryptedError,
    ConfigError,
    DataKeyError,
    EncryptedValueError,
    MacMismatchError,
    MetadataError,
    NotEncryptedError,
    RefusedError,
    SopskitError,
    ValueTamperedError,
)
from sopskit.pgp import Gpg
from sopskit.sops import crypt, datakey
from sopskit.sops.masterkeys import AgeKey, FixedKeyring
from sopskit.sops.metadata import Metadata
from sopskit.sops.selection import Selection

if TYPE_CHECKING:
    from tests.conftest import AgeTestKey

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LATER = datetime(2026, 1, 3, 3, 4, 5, tzinfo=UTC)
CANARY = "hunter2-canary"


def metadata(key: AgeTestKey, rule: Selection | None = None, **more: object) -> tuple[Metadata, object]:
    data_key = datakey.generate()
    plain = Metadata(groups=((AgeKey(key.recipient),),), **more)  # type: ignore[arg-type]
    if rule is not None:
        plain = plain.replace(selection=rule)
    return datakey.wrap_data_key(plain, data_key, Gpg(None, None)), data_key


def document(text: str, name: str = "yaml", *, encrypted: bool = False) -> Document:
    return parse(text.encode(), format_for_name(name), encrypted=encrypted)


def sealed(key: AgeTestKey, text: str, name: str = "yaml", rule: Selection | None = None, **more: object) -> str:
    described, data_key = metadata(key, rule, **more)
    return crypt.seal_file(document(text, name), described, data_key, now=NOW).document.to_bytes().decode()  # type: ignore[arg-type]


def opened(key: AgeTestKey, text: str, name: str = "yaml", *, verify_mac: bool = True) -> crypt.Opened:
    keyring = FixedKeyring((age.parse_identity(key.identity),))
    return crypt.open_file(crypt.load(text.encode(), format_for_name(name)), keyring, verify_mac=verify_mac)


def again(old: crypt.Opened, text: str, name: str = "yaml") -> str:
    """Seal a changed plaintext like the older version, under the same data key."""
    file = crypt.seal_file(document(text, name), old.file.metadata, old.data_key, now=LATER, like=old)
    return file.document.to_bytes().decode()


def changed_lines(before: str, after: str) -> list[str]:
    """Lines of the newer text that the older does not have, but for those that every write changes."""
    old = set(before.split("\n"))
    return [
        line for line in after.split("\n") if line not in old and not line.strip().startswith(("mac:", "lastmodified:"))
    ]


# --- refusals


def test_a_plain_file_is_not_opened(alice: AgeTestKey) -> None:
    with pytest.raises(NotEncryptedError):
        opened(alice, "a: 1\n")


@pytest.mark.parametrize("block", ["sops:\n", "sops: []\n", "sops: {}\n", "sops: text\n"])
def test_a_broken_sops_block_is_refused(alice: AgeTestKey, block: str) -> None:
    with pytest.raises(MetadataError):
        opened(alice, f"a: 1\n{block}")


def test_two_sops_blocks_are_refused(alice: AgeTestKey) -> None:
    text = sealed(alice, "a: 1\n")
    with pytest.raises(SopskitError, match="sops"):
        opened(alice, text + text[text.index("sops:") :])


def test_an_encrypted_file_is_not_encrypted_again(alice: AgeTestKey) -> None:
    described, data_key = metadata(alice)
    with pytest.raises(AlreadyEncryptedError):
        crypt.seal_file(document(sealed(alice, "a: 1\n"), encrypted=True), described, data_key, now=NOW)  # type: ignore[arg-type]


def test_the_wrong_key_opens_nothing(alice: AgeTestKey, bob: AgeTestKey) -> None:
    with pytest.raises(DataKeyError):
        opened(bob, sealed(alice, "a: 1\n"))


def test_a_plain_value_where_a_token_must_be_is_refused_without_quoting_it(alice: AgeTestKey) -> None:
    text = sealed(alice, "a: x\nb: y\n")
    line = next(line for line in text.split("\n") if line.startswith("b:"))
    with pytest.raises(EncryptedValueError) as caught:
        opened(alice, text.replace(line, f"b: {CANARY}"))
    assert str(caught.value.location) == 'line 2:4: ["b"]'
    assert CANARY not in str(caught.value)
    with pytest.raises(EncryptedValueError, match="plain text"):
        opened(alice, text.replace(line, "b: 5"))


def test_a_moved_value_is_refused_with_its_place(alice: AgeTestKey) -> None:
    with pytest.raises(ValueTamperedError) as caught:
        opened(alice, sealed(alice, "a: x\nb: y\n").replace("a: ENC", "c: ENC"))
    assert caught.value.location is not None
    assert caught.value.location.key == ("c",)


def test_the_mac_can_be_left_unchecked_on_demand(alice: AgeTestKey) -> None:
    text = sealed(alice, "a: x\nn_unencrypted: 1\n").replace("n_unencrypted: 1", "n_unencrypted: 2")
    with pytest.raises(MacMismatchError):
        opened(alice, text)
    assert opened(alice, text, verify_mac=False).plain.to_bytes() == b"a: x\nn_unencrypted: 2\n"


@pytest.mark.parametrize("version", ["''", "3.7"])
def test_a_version_that_sops_refuses_is_refused(alice: AgeTestKey, version: str) -> None:
    text = sealed(alice, "a: x\n").replace(f"version: {crypt.FORMAT_VERSION}", f"version: {version}")
    with pytest.raises(MetadataError, match="version"):
        opened(alice, text)


def test_an_integer_beyond_64_bits_is_refused_both_ways(alice: AgeTestKey) -> None:
    with pytest.raises(RefusedError, match="64 bits"):
        sealed(alice, "a: 18446744073709551615\n")
    text = sealed(alice, "a: x\nn_unencrypted: 1\n").replace("n_unencrypted: 1", "n_unencrypted: 18446744073709551615")
    with pytest.raises(RefusedError, match="64 bits"):
        opened(alice, text)


def test_keys_whose_paths_sops_cannot_tell_apart_are_refused(alice: AgeTestKey) -> None:
    with pytest.raises(RefusedError, match="colon"):
        sealed(alice, '"a:b": x\na:\n  b: y\n')
    assert "ENC" in sealed(alice, '"a:b": x\nc:\n  b: y\n')


def test_a_pattern_that_does_not_compile_is_refused_before_anything_is_written(alice: AgeTestKey) -> None:
    for pattern in ("(", "(?=a)", "["):
        with pytest.raises(ConfigError):
            sealed(alice, "a: 1\n", rule=Selection("encrypted_regex", pattern))


def test_an_encrypted_comment_that_matches_the_comment_rule_is_refused(alice: AgeTestKey) -> None:
    with pytest.raises(ConfigError, match="unencrypted_comment_regex"):
        sealed(alice, "# note\na: 1\n", rule=Selection("unencrypted_comment_regex", "ENC"))


# --- what is sealed


def test_null_and_empty_strings_stay_as_they_are(alice: AgeTestKey) -> None:
    text = sealed(alice, 'a: null\nb: ""\nc: x\nd:\n')
    assert text.startswith('a: null\nb: ""\nc: ENC[')
    assert "\nd:\n" in text


def test_types_stand_in_the_token(alice: AgeTestKey) -> None:
    text = sealed(alice, "s: x\ni: 1\nf: 1.5\nb: true\nt: 2001-01-01\n")
    for key, kind in {"s": "str", "i": "int", "f": "float", "b": "bool", "t": "time"}.items():
        line = next(line for line in text.split("\n") if line.startswith(f"{key}: "))
        assert line.endswith(f",type:{kind}]")


def test_repr_shows_nothing(alice: AgeTestKey) -> None:
    old = opened(alice, sealed(alice, f"a: {CANARY}\n"))
    for value in (old, old.plain, old.plain.items, old.opened, old.data_key, old.file):
        assert CANARY not in repr(value)


def test_a_comment_that_opens_nowhere_is_kept(alice: AgeTestKey) -> None:
    text = sealed(alice, "# note\na: x\n")
    token = text.split("\n")[0]
    broken = token.replace("data:", "data:AAAA")
    old = opened(alice, text.replace(token, broken))
    assert old.plain.to_bytes().decode() == f"{broken}\na: x\n"
    assert len(old.unreadable) == 1


def test_a_comment_authenticated_for_another_container_opens(alice: AgeTestKey) -> None:
    lines = sealed(alice, "# note\na:\n    b: x\n").split("\n")
    moved = "\n".join([lines[1], "    " + lines[0], *lines[2:]])
    assert opened(alice, moved).plain.to_bytes() == b"a:\n    # note\n    b: x\n"


# --- unchanged values keep their ciphertext


MANIFEST = """# the database
stringData:
    USER: app # not secret
    PASSWORD: "hunter2"
    PORT: 5432
    RATIO: 1.10
    ON: TRUE
    LIST:
        - same
        - same
        - other
    PEM: |
        line one
        line two
"""


def test_writing_the_same_plaintext_again_changes_only_mac_and_time(alice: AgeTestKey) -> None:
    text = sealed(alice, MANIFEST)
    old = opened(alice, text)
    assert old.plain.to_bytes().decode() == MANIFEST
    assert changed_lines(text, again(old, MANIFEST)) == []


def test_one_changed_value_changes_one_line(alice: AgeTestKey) -> None:
    text = sealed(alice, MANIFEST)
    new = again(opened(alice, text), MANIFEST.replace("hunter2", "correct horse"))
    (line,) = changed_lines(text, new)
    assert line.startswith('    PASSWORD: "ENC[')
    assert opened(alice, new).plain.to_bytes().decode() == MANIFEST.replace("hunter2", "correct horse")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("PORT: 5432", 'PORT: "5432"'),
        ("RATIO: 1.10", "RATIO: 1.1"),
        ("ON: TRUE", "ON: 1"),
        ("ON: TRUE", 'ON: "True"'),
        ("- other", "- same"),
    ],
)
def test_a_changed_type_or_spelling_never_meets_an_old_iv_under_the_same_key(
    alice: AgeTestKey, before: str, after: str
) -> None:
    text = sealed(alice, MANIFEST)
    new = again(opened(alice, text), MANIFEST.replace(before, after))
    (line,) = changed_lines(text, new)
    iv = line.partition("iv:")[2].partition(",")[0]
    assert iv not in text
    assert opened(alice, new).plain.to_bytes().decode() == MANIFEST.replace(before, after)


def test_equal_list_elements_keep_each_its_own_token(alice: AgeTestKey) -> None:
    text = sealed(alice, MANIFEST)
    tokens = [line for line in text.split("\n") if line.strip().startswith("- ENC")]
    assert len(set(tokens)) == 3
    new = again(opened(alice, text), MANIFEST)
    assert [line for line in new.split("\n") if line.strip().startswith("- ENC")] == tokens


def test_under_another_data_key_unchanged_values_keep_their_iv(alice: AgeTestKey) -> None:
    old = opened(alice, sealed(alice, MANIFEST))
    described, data_key = metadata(alice)
    changed = MANIFEST.replace("app #", "root #")
    file = crypt.seal_file(document(changed), described, data_key, now=LATER, like=old)  # type: ignore[arg-type]

    def ivs(text: str) -> dict[str, str]:
        return {
            line.split(":")[0].strip(): line.partition("iv:")[2].partition(",")[0]
            for line in text.split("\n")
            if "ENC[" in line
        }

    before, after = ivs(old.file.document.text), ivs(file.document.text)
    assert {key for key in before if before[key] != after[key]} == {"USER", "mac"}
    assert opened(alice, file.document.text).plain.to_bytes().decode() == changed


def test_a_duplicate_of_an_old_value_gets_an_iv_of_its_own(alice: AgeTestKey) -> None:
    text = sealed(alice, "l:\n    - a\n")
    new = again(opened(alice, text), "l:\n    - a\n    - a\n")
    tokens = [line for line in new.split("\n") if line.strip().startswith("- ENC")]
    assert len(set(tokens)) == 2
    assert tokens[0] in text


def test_integers_that_an_older_sops_sealed_as_floats_keep_their_token_in_json(alice: AgeTestKey) -> None:
    described, data_key = metadata(alice)
    plain = document('{"port": 8080, "x": "y"}\n', "json")
    floats = [item._replace(kind="float") if item.value == "8080" else item for item in plain.leaves()]
    plain.items = list(floats)
    text = crypt.seal_file(plain, described, data_key, now=NOW).document.to_bytes().decode()  # type: ignore[arg-type]
    assert "type:float" in text
    new = again(opened(alice, text, "json"), '{"port": 8080, "x": "z"}\n', "json")
    assert [line for line in new.split(",") if "type:float" in line] == [
        line for line in text.split(",") if "type:float" in line
    ]
    assert opened(alice, new, "json").plain.to_bytes() == b'{"port": 8080, "x": "z"}\n'


def test_a_rule_by_comments_is_refused_where_aliases_repeat_values(alice: AgeTestKey) -> None:
    text = "base: &b\n    # secret\n    a: x\ncopy: *b\n"
    with pytest.raises(RefusedError, match="aliases"):
        sealed(alice, text, rule=Selection("encrypted_comment_regex", "secret"))
    assert "ENC[" in sealed(alice, text, rule=Selection("encrypted_regex", "a"))


@pytest.mark.parametrize("empty", ["{}", "[]"])
def test_an_empty_collection_uses_up_the_comment_before_it(alice: AgeTestKey, empty: str) -> None:
    text = f"# secret\na: {empty}\nb: 1\n# secret\nc: 2\n"
    encrypted = sealed(alice, text, rule=Selection("encrypted_comment_regex", "secret"))
    assert f"\na: {empty}\nb: 1\n# secret\nc: ENC[" in encrypted
    assert opened(alice, encrypted).plain.to_bytes().decode() == text
