"""Reading a command line as sops does (SOPS section 10), without its silences.

Where sops ignores an option or an argument, sopskit lets it take effect or refuses it: root options before a
subcommand count as the subcommand's own, a second file is a second file, a repeated key option adds up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sopskit.cli.declare import Given
from sopskit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sopskit.cli.declare import Option

# legacy form: the flag that stood where now a command's name stands
LEGACY = {"decrypt": "decrypt", "encrypt": "encrypt", "rotate": "rotate", "set": "set"}
SHORT = {
    "a": "age",
    "d": "decrypt",
    "e": "encrypt",
    "f": "file",
    "h": "help",
    "i": "in-place",
    "k": "kms",
    "p": "pgp",
    "r": "rotate",
    "s": "show-master-keys",
    "v": "version",
    "y": "yes",
}
SWITCHES = frozenset(
    (
        "check-for-updates",
        "decrypt",
        "disable-version-check",
        "enable-local-keyservice",
        "encrypt",
        "help",
        "idempotent",
        "ignore-mac",
        "in-place",
        "json",
        "mac-only-encrypted",
        "rotate",
        "show-master-keys",
        "value-file",
        "value-stdin",
        "verbose",
        "version",
        "yes",
    )
)
TRUE = frozenset(("1", "t", "T", "TRUE", "true", "True"))
FALSE = frozenset(("0", "f", "F", "FALSE", "false", "False"))


class Words(NamedTuple):
    """A command line taken apart: the command (None: legacy form), options in order, other arguments.

    `rest` is what follows the name of a command that is not sops's, untouched.
    """

    command: str | None
    options: list[tuple[str, str]]
    arguments: list[str]
    rest: list[str]


def split(argv: Sequence[str], sops_commands: Collection[str], own_commands: Collection[str]) -> Words:
    """Take a command line apart. Raises `UsageError` for a flag without its value."""
    words = Words(None, [], [], [])
    position = _options(argv, 0, words.options)
    if position == len(argv):
        return words
    first = argv[position]
    named = position == 0 or argv[position - 1] != "--"  # after two dashes a name is a file
    if first in own_commands and named:
        return words._replace(command=first, rest=list(argv[position + 1 :]))
    if first in sops_commands and named:
        return words._replace(command=first, arguments=_mixed(argv, position + 1, words.options))
    return words._replace(arguments=list(argv[position:]))


def _options(argv: Sequence[str], position: int, options: list[tuple[str, str]]) -> int:
    """Read flags until the first other argument; gives its position."""
    while position < len(argv):
        word = argv[position]
        if word == "--":
            return position + 1
        if not _is_flag(word):
            return position
        position = _flag(argv, position, options)
    return position


def _mixed(argv: Sequence[str], position: int, options: list[tuple[str, str]]) -> list[str]:
    """Read flags and arguments in any order."""
    arguments: list[str] = []
    while position < len(argv):
        position = _options(argv, position, options)
        if position and argv[position - 1] == "--" and position <= len(argv):
            return arguments + list(argv[position:])
        if position < len(argv):
            arguments.append(argv[position])
            position += 1
    return arguments


def _is_flag(word: str) -> bool:
    """`-` is a file, `-5` a value."""
    return len(word) > 1 and word[0] == "-" and not word[1].isdecimal()


def _flag(argv: Sequence[str], position: int, options: list[tuple[str, str]]) -> int:
    word = argv[position]
    name, equals, value = word[2 if word.startswith("--") else 1 :].partition("=")
    name = SHORT.get(name, name)
    if name in SWITCHES:
        if not equals or value in TRUE:
            options.append((name, ""))
        elif value not in FALSE:
            raise UsageError(f"--{name} is a switch and takes no value")
        elif name == "enable-local-keyservice":
            raise UsageError("sopskit has its own key access only, and cannot do without it")
        return position + 1
    if equals:
        options.append((name, value))
        return position + 1
    if position + 1 == len(argv):
        options.append((name, "\0"))  # judged when the command's options are known
        return position + 1
    options.append((name, argv[position + 1]))
    return position + 2


def legacy(words: Words) -> Words:
    """The same command line with the command that the legacy form means. Raises `UsageError`."""
    modes = [name for name, _ in words.options if name in LEGACY]
    if len(set(modes)) > 1:
        raise UsageError(
            "more than one of --encrypt, --decrypt, --rotate and --set: only one thing can be done at a time",
            hint="run them one after the other",
        )
    late = next((word for word in words.arguments if _is_flag(word)), None)
    if late is not None:
        raise UsageError(
            "in the form without a command, options must stand before the file",
            hint="move the option before the file, or name the command: sopskit decrypt, encrypt, edit, ...",
        )
    command = LEGACY[modes[0]] if modes else "edit"
    options = [(name, value) for name, value in words.options if name not in ("decrypt", "encrypt", "rotate", "set")]
    if command in ("edit", "set"):  # always in place
        options = [(name, value) for name, value in options if name != "in-place"]
    arguments = words.arguments
    if command == "set":
        expressions = [value for name, value in words.options if name == "set"]
        path, value = split_expression(expressions[-1])
        arguments = [*arguments[:1], path, value, *arguments[1:]]
    return words._replace(command=command, options=options, arguments=arguments)


def split_expression(expression: str) -> tuple[str, str]:
    """Cut the legacy `--set '["a"]["b"] JSON'` after the first bracket and blank."""
    path, found, value = expression.partition("] ")
    if not found:
        return expression, ""
    return f"{path}]", value


def match(words: Words, options: Mapping[str, Option], environ: Mapping[str, str]) -> Given:
    """Judge the options by a command's declaration. Raises `UsageError` for those it does not have."""
    values: dict[str, list[str]] = {}
    for name, value in words.options:
        option = options.get(name)
        if option is None:
            near = nearest(name, [known for known, option in options.items() if not option.refused])
            hint = f"did you mean: --{near}" if near else f"sopskit {words.command} --help lists them"
            raise UsageError(f"{words.command} has no option --{_shown(name)}", hint=hint)
        if option.metavar and value == "\0":
            raise UsageError(f"--{name} needs a value")
        if not option.metavar and name not in SWITCHES:
            raise AssertionError(f"--{name} is missing in SWITCHES")
        values.setdefault(name, []).append(value)
    for name, texts in values.items():
        if options[name].metavar and not options[name].many and len(set(texts)) > 1:
            raise UsageError(f"--{name} is given twice, with different values")
    given = Given(options, values, words.arguments, environ)
    for option in options.values():
        if option.refused and any(given.values(option.name)):
            variable = f", and {option.env} if it is set" if option.env else ""
            raise UsageError(f"--{option.name}: {option.refused}", hint=f"take away --{option.name}{variable}")
    return given


def nearest(word: str, known: Collection[str]) -> str | None:
    """The name that a mistyped one was most likely meant to be."""
    from difflib import get_close_matches

    return next(iter(get_close_matches(word, known, 1, 0.75)), None)


def _shown(name: str) -> str:
    """A name that may be a mistyped secret is not repeated whole."""
    return name if len(name) <= 40 and name.isascii() and name.isprintable() else "..."
