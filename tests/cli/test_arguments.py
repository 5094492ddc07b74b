"""Command lines are read as Go's flag package and sops's command line library read them."""

from __future__ import annotations

import pytest

from sopskit.cli import arguments, main
from sopskit.cli.arguments import SHORT, SWITCHES, Words, legacy, match, split, split_expression
from sopskit.cli.declare import Given, Option
from sopskit.errors import UsageError

OPTIONS = {
    option.name: option
    for option in (
        Option("age", "", "KEYS", "a", "AGE", many=True),
        Option("in-place", "", short="i"),
        Option("output", "", "FILE"),
        Option("indent", "", "N"),
        Option("kms", "", "KEYS", env="KMS", refused="not operated"),
    )
}


def words(*argv: str) -> Words:
    return split(argv, {"encrypt", "decrypt"}, {"keys"})


@pytest.mark.parametrize(
    ("argv", "options", "files"),
    [
        (["encrypt", "f"], [], ["f"]),
        (["encrypt", "-i", "f"], [("in-place", "")], ["f"]),
        (["encrypt", "--i", "f"], [("in-place", "")], ["f"]),
        (["encrypt", "-in-place", "f"], [("in-place", "")], ["f"]),
        (["encrypt", "f", "-i"], [("in-place", "")], ["f"]),
        (["-i", "encrypt", "f"], [("in-place", "")], ["f"]),
        (["encrypt", "-age", "A", "f"], [("age", "A")], ["f"]),
        (["encrypt", "-a=A", "f"], [("age", "A")], ["f"]),
        (["encrypt", "--age=A=B", "f"], [("age", "A=B")], ["f"]),
        (["--age", "A", "encrypt", "f"], [("age", "A")], ["f"]),
        (["encrypt", "--age", "-i", "f"], [("age", "-i")], ["f"]),
        (["encrypt", "--in-place=true", "f"], [("in-place", "")], ["f"]),
        (["encrypt", "--in-place=0", "f"], [], ["f"]),
        (["encrypt", "-i", "--", "-i"], [("in-place", "")], ["-i"]),
        (["encrypt", "a", "--", "--b", "--"], [], ["a", "--b", "--"]),
        (["encrypt", "f", "-"], [], ["f", "-"]),
        (["encrypt", "f", "-5"], [], ["f", "-5"]),
        (["encrypt"], [], []),
        (["encrypt", "--"], [], []),
    ],
)
def test_a_command_line_is_taken_apart(argv: list[str], options: list[tuple[str, str]], files: list[str]) -> None:
    assert words(*argv) == Words("encrypt", options, files, [])


def test_a_command_of_our_own_gets_its_words_untouched() -> None:
    assert words("--config", "c", "keys", "-x", "--", "y") == Words("keys", [("config", "c")], [], ["-x", "--", "y"])


def test_after_two_dashes_a_name_is_a_file_and_no_command() -> None:
    assert words("--", "encrypt", "x") == Words(None, [], ["encrypt", "x"], [])


def test_a_switch_with_a_strange_value_is_refused() -> None:
    with pytest.raises(UsageError, match="takes no value"):
        words("encrypt", "-i=perhaps")


@pytest.mark.parametrize(
    ("argv", "command", "options", "files"),
    [
        (["-d", "f"], "decrypt", [], ["f"]),
        (["--encrypt", "-i", "f"], "encrypt", [("in-place", "")], ["f"]),
        (["-r", "f"], "rotate", [], ["f"]),
        (["f"], "edit", [], ["f"]),
        (["-i", "f"], "edit", [], ["f"]),
        ([], "edit", [], []),
        (["-d", "-d", "f"], "decrypt", [], ["f"]),
        (["--set", '["a"]["b"] {"c": 1}', "f"], "set", [], ["f", '["a"]["b"]', '{"c": 1}']),
        (["-i", "-set=[0] 1", "f"], "set", [], ["f", "[0]", "1"]),
    ],
)
def test_the_form_without_a_command_means_one(
    argv: list[str], command: str, options: list[tuple[str, str]], files: list[str]
) -> None:
    assert legacy(words(*argv)) == Words(command, options, files, [])


@pytest.mark.parametrize(
    "argv", [["-d", "-e", "f"], ["-r", "--set", "x", "f"], ["-d", "f", "-i"], ["f", "--output", "x"]]
)
def test_what_sops_would_ignore_in_that_form_is_refused(argv: list[str]) -> None:
    with pytest.raises(UsageError):
        legacy(words(*argv))


@pytest.mark.parametrize(
    ("text", "parts"),
    [('["a"] 1', ('["a"]', "1")), ('["a"]["] "] 1', ('["a"]["]', '"] 1')), ('["a"]', ('["a"]', "")), ("", ("", ""))],
)
def test_a_set_expression_is_cut_after_the_first_bracket_and_blank(text: str, parts: tuple[str, str]) -> None:
    assert split_expression(text) == parts


def given(*argv: str, environ: dict[str, str] | None = None) -> Given:
    return match(words("encrypt", *argv), OPTIONS, environ or {})


def test_values_switches_and_numbers_are_asked_by_name() -> None:
    found = given("-i", "--indent", "2", "--age", "A", "--age", "B", "f")
    assert (found.has("in-place"), found.number("indent"), found.values("age"), found.files) == (
        True,
        2,
        ["A", "B"],
        ["f"],
    )
    assert (given().has("in-place"), given().number("indent"), given().value("output")) == (False, None, None)
    assert ("age" in found, "nosuch" in found) == (True, False)


def test_an_option_replaces_its_variable_and_an_empty_one_counts_as_absent() -> None:
    assert given(environ={"AGE": "E"}).values("age") == ["E"]
    assert given("--age", "A", environ={"AGE": "E"}).values("age") == ["A"]
    assert given("--age=", environ={"AGE": "E"}).values("age") == ["E"]
    assert given(environ={"AGE": ""}).values("age") == []


@pytest.mark.parametrize(
    "argv", [["--nosuch"], ["--age"], ["--output", "a", "--output", "b"], ["--kms", "x"], ["--nosuch=" + "s" * 50]]
)
def test_what_a_command_cannot_take_is_refused(argv: list[str]) -> None:
    with pytest.raises(UsageError):
        given(*argv)


def test_a_refused_variable_is_refused_as_well() -> None:
    with pytest.raises(UsageError, match="not operated"):
        given(environ={"KMS": "x"})


def test_a_mistyped_option_that_could_hold_a_secret_is_not_repeated() -> None:
    with pytest.raises(UsageError) as caught:
        given("--" + "s" * 50)
    assert "sss" not in str(caught.value)


def test_a_number_that_is_none_is_refused_without_repeating_it() -> None:
    with pytest.raises(UsageError) as caught:
        given("--indent", "s3cret").number("indent")
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("name", sorted(main.SOPS))
def test_the_parser_knows_every_switch_and_short_option_of_a_command(name: str) -> None:
    for option in main.load_verb(name).options:
        assert (option.name in SWITCHES) == (not option.metavar), option.name
        assert not option.short or SHORT[option.short] == option.name
        assert bool(option.help) != bool(option.refused), option.name


def test_no_command_is_declared_twice_with_the_same_option() -> None:
    for name in main.SOPS:
        verb = main.load_verb(name)
        assert len(verb.by_name()) == len(verb.options)
    assert arguments.LEGACY.keys() <= {"decrypt", "encrypt", "rotate", "set"}
