"""How a command of sops's is declared: its options once, for the parser, the help and the shell completion.

sops's command line is Go's: one dash or two, `--flag=value`, flags and files mixed. And the commands that a
script calls a hundred times must not wait for a library to load. So these commands are read by `arguments`,
and click is built from the same declaration when help or a completion is asked for. sopskit's own commands
are plain click commands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sopskit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sopskit.cli.context import Context


class Option(NamedTuple):
    """A flag. Without `metavar` it is a switch; with `many` a repeated one adds up (sops keeps the last: trap 11.78).

    `env` is the variable that stands in if the flag is not given; an empty one counts as absent. `refused` says why
    an option of sops's is known but not taken.
    """

    name: str
    help: str
    metavar: str = ""
    short: str = ""
    env: str = ""
    many: bool = False
    refused: str = ""


class Given:
    """What a command line says: options by name, and the positional arguments."""

    __slots__ = ("_environ", "_options", "_values", "files")

    def __init__(
        self,
        options: Mapping[str, Option],
        values: Mapping[str, list[str]],
        files: list[str],
        environ: Mapping[str, str],
    ) -> None:
        """Hold what was parsed; `values` has an empty text for every time a switch was given."""
        self._options = options
        self._values = values
        self._environ = environ
        self.files = files

    def __contains__(self, name: str) -> bool:
        """Whether the command has such an option."""
        return name in self._options

    def has(self, name: str) -> bool:
        """Whether a switch is on."""
        return bool(self.values(name))

    def is_explicit(self, name: str) -> bool:
        """Whether an option stands on the command line itself."""
        return any(self._values.get(name, [])) or (name in self._values and not self._options[name].metavar)

    def value(self, name: str) -> str | None:
        """The last value given, or None; an empty one counts as absent."""
        values = self.values(name)
        return values[-1] or None if values else None

    def values(self, name: str) -> list[str]:
        """All values given, those of the environment if there are none. KeyError for an undeclared name."""
        option = self._options[name]
        given = self._values.get(name, [])
        if not any(given) and option.metavar and option.env:
            text = self._environ.get(option.env, "")
            return [text] if text else []
        return given

    def number(self, name: str) -> int | None:
        """A whole number. Raises `UsageError`."""
        text = self.value(name)
        if text is None:
            return None
        try:
            return int(text)
        except ValueError:
            raise UsageError(f"--{name} takes a whole number") from None

    def with_files(self, files: list[str]) -> Given:
        """The same options for other files."""
        return Given(self._options, self._values, files, self._environ)


class Verb(NamedTuple):
    """One of sops's commands. `keys` says what it can do with public keys alone; `example` lines stand in the help."""

    name: str
    summary: str
    arguments: str
    keys: str
    example: str
    options: tuple[Option, ...]
    run: Callable[[Context, Given], int]

    def by_name(self) -> dict[str, Option]:
        """The options under their long names."""
        return {option.name: option for option in self.options}
