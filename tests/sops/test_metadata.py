"""The sops block: files of the released sops read and written back the same, and what sops refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from sopskit.document.model import Block, Timestamp
from sopskit.errors import LimitError, MetadataError
from sopskit.sops.masterkeys import AgeKey, ForeignKey, PgpKey
from sopskit.sops.metadata import MAX_ENC, MAX_RECIPIENTS, Metadata
from sopskit.sops.selection import DEFAULT, NONE, Selection

WRITTEN = Path(__file__).parents[2] / "fixtures" / "sops" / "3.13.3"
TIME = "2026-01-02T03:04:05Z"
ALICE = {"enc": "-----A-----\n", "recipient": "age1alice"}
BASE: dict[str, Any] = {"age": [ALICE], "lastmodified": TIME, "mac": "ENC[...]", "version": "3.13.3"}
RULE: dict[str, Any] = {"unencrypted_suffix": "_unencrypted"}


def read(tree: Any, *, flat: bool = False) -> Metadata:
    return Metadata.from_block(Block(tree, flat, 7))


def nested_block(path: Path) -> dict[str, Any]:
    """The block of a YAML, JSON or binary file, by another reader."""
    text = path.read_text("utf-8")
    documents = [json.loads(text)] if text.startswith("{") else list(yaml.safe_load_all(text))
    return cast("dict[str, Any]", documents[0]["sops"])


def flat_block(path: Path) -> dict[str, Any]:
    """The block of a dotenv or INI file, by another reader."""
    block: dict[str, Any] = {}
    text = path.read_text("utf-8")
    prefix = "sops_" if path.suffix == ".env" else ""
    for line in text.partition("[sops]\n")[2].splitlines() or text.splitlines():
        name, mark, value = line.partition("=")
        if mark and name.startswith(prefix):
            block[name.strip().removeprefix(prefix)] = value.strip().replace("\\n", "\n")
    return block


def everything(value: Any) -> list[Any]:
    """A tree as a list, so that comparing it compares the order too."""
    if isinstance(value, dict):
        return [(name, everything(child)) for name, child in value.items()]
    return [everything(child) for child in value] if isinstance(value, list) else [value]


NESTED = [path for path in sorted(WRITTEN.iterdir()) if path.suffix in {".yaml", ".json", ".bin"}]
FLAT = [path for path in sorted(WRITTEN.iterdir()) if path.suffix in {".env", ".ini"}]


@pytest.mark.parametrize("path", NESTED, ids=lambda path: path.name)
def test_a_nested_block_of_sops_comes_back_as_it_stood_in_the_file(path: Path) -> None:
    block = nested_block(path)
    tree = read(block).to_tree()
    if path.suffix == ".bin":  # sops writes its default rule into a binary file only when it writes it again
        assert tree.pop("unencrypted_suffix") == "_unencrypted"
    assert everything(tree) == everything(block)


@pytest.mark.parametrize("path", FLAT, ids=lambda path: path.name)
def test_a_flat_block_of_sops_comes_back_as_it_stood_in_the_file(path: Path) -> None:
    block = flat_block(path)
    assert list(read(block, flat=True).to_flat().items()) == list(block.items())


def test_the_fields_of_a_file_of_sops() -> None:
    block = nested_block(WRITTEN / "key-groups.yaml")
    metadata = read(block)
    assert [[key.kind for key in group] for group in metadata.groups] == [["age"], ["age"], ["pgp", "age"]]
    assert metadata.shamir_threshold == block["shamir_threshold"]
    assert metadata.selection == DEFAULT
    assert metadata.mac_only_encrypted is False
    assert (metadata.lastmodified, metadata.mac) == (block["lastmodified"], block["mac"])
    assert metadata.version == "3.13.3"
    assert metadata.unknown == {}
    assert metadata.master_keys() == [key for group in metadata.groups for key in group]


FOREIGN: dict[str, Any] = {
    "azure_kv": [{"created_at": TIME, "enc": "z", "name": "n", "vault_url": "https://v", "version": "1"}],
    "gcp_kms": [{"created_at": TIME, "enc": "g", "resource_id": "projects/p"}],
    "hc_vault": [
        {"created_at": TIME, "enc": "h", "engine_path": "transit", "key_name": "k", "vault_address": "https://h"}
    ],
    "hckms": [{"created_at": TIME, "enc": "w", "key_id": "region:0a-1"}],
    "kms": [{"arn": "arn:a", "aws_profile": "", "created_at": TIME, "enc": "k"}],
    "pgp": [{"created_at": TIME, "enc": "p", "fp": "a short one"}],
}


def test_keys_of_all_kinds_are_read_in_the_order_of_sops_and_kept() -> None:
    tree = {**BASE, **FOREIGN, **RULE}
    metadata = read(tree)
    assert [(key.kind, key.id, key.enc) for key in metadata.master_keys()] == [
        ("kms", "arn:a", "k"),
        ("gcp_kms", "projects/p", "g"),
        ("hckms", "region:0a-1", "w"),
        ("azure_kv", "https://v/keys/n/1", "z"),
        ("hc_vault", "https://h/v1/transit/keys/k", "h"),
        ("pgp", "a short one", "p"),
        ("age", "age1alice", "-----A-----\n"),
    ]
    assert metadata.to_tree() == tree


def test_flat_lists_win_over_key_groups() -> None:
    metadata = read({**BASE, "key_groups": [{"pgp": [{"fp": "no time"}]}, {}]})
    assert metadata.groups == ((AgeKey("age1alice", "-----A-----\n"),),)


def test_groups_of_a_file_stay_apart_and_name_the_lists_that_sops_names() -> None:
    key_groups: list[Any] = [
        {"age": [ALICE], "hc_vault": []},
        {"age": [], "hc_vault": [], "pgp": [{"created_at": TIME, "enc": "p", "fp": "F"}]},
    ]
    tree = {**BASE, **RULE, "key_groups": key_groups}
    del tree["age"]
    metadata = read(tree)
    assert metadata.groups == ((AgeKey("age1alice", "-----A-----\n"),), (PgpKey("F", TIME, "p"),))
    assert metadata.to_tree() == tree


def test_a_single_group_is_written_in_flat_lists() -> None:
    tree = {**BASE, **RULE, "key_groups": [{"age": [ALICE]}]}
    del tree["age"]
    assert read(tree).to_tree() == {**BASE, **RULE}


def test_no_group_at_all_is_written_without_keys() -> None:
    metadata = Metadata((), 0, NONE, False, TIME, "m", "3.13.3")
    assert metadata.to_tree() == {"lastmodified": TIME, "mac": "m", "version": "3.13.3"}


def test_fields_that_are_not_sops_s_survive_in_the_block_and_in_entries() -> None:
    tree = {
        **BASE,
        **RULE,
        "age": [{**ALICE, "note": "hers"}],
        "pgp": [{"created_at": TIME, "enc": "p", "fp": "F", "list": [1, None]}],
        "team": {"b": [True, 1.5], "a": None},
        "words": ["x"],
    }
    metadata = read(tree)
    assert metadata.unknown == {"team": {"b": [True, 1.5], "a": None}, "words": ["x"]}
    assert metadata.to_tree() == tree
    assert list(cast("dict[str, Any]", metadata.to_tree()["team"])) == ["a", "b"]


def test_a_list_of_entries_with_enc_is_taken_for_keys_of_a_new_kind() -> None:
    tree = {**BASE, **RULE, "newkms": [{"enc": "n"}, {"enc": "m"}]}
    metadata = read(tree)
    assert metadata.master_keys()[1:] == [
        ForeignKey("newkms", {"enc": "n"}, "newkms[0]"),
        ForeignKey("newkms", {"enc": "m"}, "newkms[1]"),
    ]
    assert metadata.to_tree() == tree


def test_a_new_kind_of_key_in_a_group_stays_there() -> None:
    tree = {**BASE, **RULE, "key_groups": [{"age": [ALICE], "hc_vault": [], "newkms": [{"enc": "n"}]}] * 2}
    del tree["age"]
    metadata = read(tree)
    assert [key.kind for key in metadata.groups[1]] == ["age", "newkms"]
    assert metadata.to_tree() == tree


def test_a_file_without_a_rule_has_sops_s_default_one() -> None:
    assert read(BASE).selection == DEFAULT
    assert read({**BASE, "encrypted_regex": ""}).selection == DEFAULT


def test_normalised_metadata_has_a_rule() -> None:
    metadata = Metadata((), 0, NONE, False, TIME, "m", "3.13.3")
    assert metadata.normalised().selection == DEFAULT
    regex = metadata.replace(selection=Selection("encrypted_regex", "x"))
    assert regex.normalised() is regex


def test_two_rules_are_refused() -> None:
    with pytest.raises(MetadataError, match="not encrypted_regex and unencrypted_suffix"):
        read({**BASE, "encrypted_regex": "x", "unencrypted_suffix": "y"})


def test_names_in_other_letter_case_are_understood_and_written_as_usual() -> None:
    tree = {name.upper(): value for name, value in BASE.items()}
    assert read(tree).to_tree() == {**BASE, **RULE}


def test_the_exact_name_wins() -> None:
    metadata = read({"VERSION": "3.0.0", **BASE, **RULE})
    assert metadata.version == "3.13.3"
    assert metadata.unknown == {"VERSION": "3.0.0"}


def test_loose_types_are_converted_as_sops_does() -> None:
    metadata = read(
        {
            **BASE,
            "age": {**ALICE, "recipient": 5},
            "mac": True,
            "version": 3.7,
            "shamir_threshold": "0x2",
            "mac_only_encrypted": 1,
            "unencrypted_suffix": 10,
            "pgp": None,
            "kms": {},
        }
    )
    assert metadata.groups == ((AgeKey("5", "-----A-----\n"),),)
    assert (metadata.mac, metadata.version) == ("1", "3.7")
    assert (metadata.shamir_threshold, metadata.mac_only_encrypted) == (2, True)
    assert metadata.selection == Selection("unencrypted_suffix", "10")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lastmodified": Timestamp(TIME)}, 'line 7: ["sops"]["lastmodified"]: expected text, not a time'),
        (
            {"lastmodified": "yesterday"},
            'line 7: ["sops"]["lastmodified"]: expected a time such as 2006-01-02T15:04:05Z',
        ),
        ({"lastmodified": None}, 'line 7: ["sops"]["lastmodified"]: expected a time such as 2006-01-02T15:04:05Z'),
        ({"age": ["x"]}, 'line 7: ["sops"]["age"][0]: expected a mapping, not text'),
        ({"age": "x"}, 'line 7: ["sops"]["age"][0]: expected a mapping, not text'),
        ({"age": [{"enc": []}]}, 'line 7: ["sops"]["age"][0]["enc"]: expected text, not a list'),
        ({"age": []}, "line 7: no keys found in the file"),
        ({"age": [], "key_groups": [{}, {}]}, "line 7: no keys found in the file"),
        (
            {"pgp": [{"fp": "F"}]},
            'line 7: ["sops"]["pgp"][0]["created_at"]: expected a time such as 2006-01-02T15:04:05Z',
        ),
        (
            {"kms": [{"arn": "a"}]},
            'line 7: ["sops"]["kms"][0]["created_at"]: expected a time such as 2006-01-02T15:04:05Z',
        ),
        (
            {"hckms": [{"created_at": TIME, "key_id": "x"}]},
            'line 7: ["sops"]["hckms"][0]["key_id"]: expected region:uuid',
        ),
        ({"mac_only_encrypted": "yes"}, 'line 7: ["sops"]["mac_only_encrypted"]: expected true or false'),
        ({"shamir_threshold": "two"}, 'line 7: ["sops"]["shamir_threshold"]: expected an integer of 64 bits'),
        ({"shamir_threshold": [2]}, 'line 7: ["sops"]["shamir_threshold"]: expected an integer, not a list'),
        ({"age": None, "key_groups": [3]}, 'line 7: ["sops"]["key_groups"][0]: expected a mapping, not an integer'),
    ],
)
def test_what_sops_refuses_is_refused_with_its_place(change: dict[str, Any], message: str) -> None:
    with pytest.raises(MetadataError) as caught:
        read({**BASE, **change})
    assert str(caught.value) == message


@pytest.mark.parametrize("tree", [None, [], "text", 3])
def test_a_block_that_is_no_mapping_is_refused(tree: Any) -> None:
    with pytest.raises(MetadataError, match="the sops entry is not a mapping"):
        read(tree)


def test_a_flat_block_with_names_that_do_not_fit_is_refused_with_its_line() -> None:
    with pytest.raises(MetadataError, match=r"^line 7: a list has gaps"):
        read({"age__list_1__map_enc": "x"}, flat=True)


def test_too_many_recipients_are_refused() -> None:
    entries: list[Any] = [{"enc": "", "recipient": f"age1{number}"} for number in range(MAX_RECIPIENTS)]
    assert len(read({**BASE, "age": entries}).master_keys()) == MAX_RECIPIENTS
    with pytest.raises(LimitError, match="257 recipients, more than the limit of 256"):
        read({**BASE, "age": [*entries, ALICE]})


def test_a_wrapped_key_that_is_too_long_is_refused() -> None:
    with pytest.raises(LimitError, match="65537 characters, more than the limit of 65536"):
        read({**BASE, "age": [{"recipient": "age1", "enc": "x" * (MAX_ENC + 1)}]})


@pytest.mark.parametrize(
    ("text", "aad"),
    [
        (TIME, TIME),
        ("2020-01-01T00:00:00+00:00", "2020-01-01T00:00:00Z"),
        ("2020-01-01T00:00:00.5Z", "2020-01-01T00:00:00Z"),
        ("2020-01-01T00:00:00,25+05:30", "2020-01-01T00:00:00+05:30"),
        ("2020-01-01T7:00:00-01:00", "2020-01-01T07:00:00-01:00"),
    ],
)
def test_the_additional_data_of_the_mac_is_the_time_as_sops_formats_it(text: str, aad: str) -> None:
    metadata = read({**BASE, "lastmodified": text})
    assert metadata.aad == aad
    assert metadata.to_tree()["lastmodified"] == text


def test_metadata_that_was_never_written_has_no_additional_data() -> None:
    with pytest.raises(MetadataError):
        _ = Metadata((), 0, NONE, False, "", "", "").aad


@pytest.mark.parametrize(
    "version",
    ["3.13.3", "v3.7.0", "1.2", "1.", "3.13.3-rc1", "3.13.3-rc.1-x+build.01", "0.0.0", "3.0.0+5", "10.20.30"],
)
def test_versions_that_sops_opens_a_file_with(version: str) -> None:
    read({**BASE, "version": version}).check_version()


@pytest.mark.parametrize(
    "version",
    [
        "",
        "3.7",
        "3",
        "x",
        "3.7.x",
        "03.7.1",
        "3.7.01",
        "3.7.1-",
        "3.7.1-01",
        "3.7.1-a..b",
        "3.7.1+",
        "3.7.1.2",
        "3.7.-1",
        "3.7.1-é",
    ],
)
def test_versions_that_sops_opens_no_file_with(version: str) -> None:
    with pytest.raises(MetadataError, match="the version is no three-part version"):
        read({**BASE, "version": version}).check_version()
