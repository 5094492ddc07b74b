"""Rules added to a `.sops.yaml`: every byte that was there stays, and every rule keeps its files."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sopskit.config.new_rules import HEADER, NewRule, append, new_file, scalar
from sopskit.config.sops_yaml import SopsConfig
from sopskit.errors import ConfigError, RecipientError
from sopskit.sops.selection import Selection

FILE = ".sops.yaml"
KEY = "age159g9kejgd4f7agw4fe8yz59gmzl4q33lgnng6pmvyn4q7ushku3qyjmxvg"
OTHER = "age157cnldncgeaqxlqw2ker6ztehwfmc7lpttmznmy9mazm4g5v0u5qfp828l"
PGP = "836B1A9C90592A528EB95C86DE47E88C6AE55098"
RULE = NewRule("dev: manifests", "^dev/", Selection("encrypted_regex", "^(data|stringData)$"), (KEY,))
TEXT = f"""\
# dev: manifests
- path_regex: ^dev/
  encrypted_regex: ^(data|stringData)$
  age: {KEY}
"""


def indented(count: int, end: str = "\n") -> str:
    return "".join(f"{' ' * count}{line}{end}" for line in TEXT.splitlines())


def test_a_new_file() -> None:
    rule = NewRule("both", "^both/", Selection("encrypted_regex", "^data$"), (KEY, OTHER), (PGP,))
    assert new_file([RULE, rule]).decode() == (
        f"{HEADER}creation_rules:\n{indented(2)}"
        "  # both\n"
        "  - path_regex: ^both/\n"
        "    encrypted_regex: ^data$\n"
        f"    age: >-\n      {KEY},\n      {OTHER}\n"
        f'    pgp: "{PGP}"\n'
    )


def test_a_new_file_reads_as_it_was_meant() -> None:
    rule = NewRule("both", "^both/", Selection("encrypted_regex", "^data$"), (KEY, OTHER), (PGP,))
    (read,) = SopsConfig(FILE, new_file([rule])).rules()
    keys = [(key.kind, key.id) for group in read.groups for key in group]
    assert (read.path_regex, tuple(read.selection)) == ("^both/", ("encrypted_regex", "^data$"))
    assert keys == [("age", KEY), ("age", OTHER), ("pgp", PGP)]


@pytest.mark.parametrize(
    ("before", "after", "indent"),
    [
        (
            f"creation_rules:\n  - path_regex: a\n    age: {KEY}  # hers\n",
            "\n# tail\nstores:\n  yaml: {indent: 2}\n",
            2,
        ),
        (f"creation_rules:\n- age: >-\n    {KEY}\n  path_regex: a\n", "# tail", 0),
        (f"creation_rules:\n- path_regex: a\n  age: >-\n    {KEY}\n", "\n\n# tail\n", 0),
        (f"creation_rules:\n    - path_regex: a\n      key_groups:\n      - age:\n        - {KEY}\n", "  # odd\n", 4),
        (f"x: &k {KEY}\ncreation_rules:\n  - path_regex: a\n    age: *k\n", "", 2),
        (f"---\ncreation_rules:\n  - path_regex: a\n    age: {KEY}\n", "...\n", 2),
        (f"---\ncreation_rules:\n  - path_regex: a\n    age: {KEY}\n", "---\nother: document\n", 2),
        (f"creation_rules:\n  - path_regex: a\n    age: [{KEY},\n      {OTHER}]\n", "destination_rules: []\n", 2),
        ("creation_rules:\n", "stores: {}\n", 2),
    ],
)
def test_rules_are_added_after_the_last_one(before: str, after: str, indent: int) -> None:
    changed = append(FILE, (before + after).encode(), [RULE])
    assert changed is not None
    assert changed.decode() == before + indented(indent) + after


@pytest.mark.parametrize("text", ["# nothing\n", "", "stores: {}\n", "\n\n", "---\n"])
def test_a_file_without_the_list_gets_one(text: str) -> None:
    changed = append(FILE, text.encode(), [RULE])
    assert changed is not None
    assert changed.decode() == f"{text}creation_rules:\n{indented(2)}"


def test_a_last_line_without_an_end_gets_one() -> None:
    text = f"creation_rules:\n  - path_regex: a\n    age: {KEY}"
    changed = append(FILE, text.encode(), [RULE])
    assert changed == f"{text}\n{indented(2)}".encode()


def test_line_ends_and_byte_order_mark_stay() -> None:
    text = f"\ufeffcreation_rules:\r\n  - path_regex: a\r\n    age: {KEY}\r\n# é\r\n"
    changed = append(FILE, text.encode(), [RULE])
    assert changed is not None
    assert changed.decode() == text.removesuffix("# é\r\n") + indented(2, "\r\n") + "# é\r\n"


@pytest.mark.parametrize(
    "text",
    [
        "creation_rules: []\n",
        "creation_rules: ~\n",
        f"creation_rules: [{{path_regex: a, age: {KEY}}}]\n",
        "{creation_rules: []}\n",
        "stores: {}\n...\n",
        "stores: {}\n---\na: 1\n",
        f"x: &x\n  - {{path_regex: a, age: {KEY}}}\ny: 1\ncreation_rules: *x\nz:\n  - a\n",
    ],
)
def test_where_there_is_no_place_nothing_is_changed(text: str) -> None:
    changed = append(FILE, text.encode(), [RULE])
    assert changed is None or SopsConfig(FILE, changed).rules()[-1].path_regex == "^dev/"


@pytest.mark.parametrize("text", ["a: [\n", "creation_rules: x\n", "creation_rules:\n- path_regex: a\n  age: age1x\n"])
def test_a_file_that_cannot_be_used_is_refused(text: str) -> None:
    with pytest.raises((ConfigError, RecipientError)):
        append(FILE, text.encode(), [RULE])


@given(st.text(st.characters(codec="utf-8"), min_size=1))
def test_a_scalar_reads_as_itself(text: str) -> None:
    source = f"a: {scalar(text)}\n"
    assert yaml.safe_load(source) == {"a": text}


@pytest.mark.parametrize(
    "text", ["true", "No", "1", "1e3", "a: b", "a #b", "- a", "*a", "~", "null", "", "'", '"', "\\"]
)
def test_a_scalar_that_yaml_would_take_for_something_else_is_quoted(text: str) -> None:
    assert yaml.safe_load(f"a: {scalar(text)}\n") == {"a": text}
