"""Recipients that a command line names, each for one environment or for all."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sopskit.errors import UsageError
from sopskit.sops.masterkeys import parse_age_key, parse_pgp_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

EVERYWHERE = ""  # stands for all environments, and for a repository that has none


class Readers(NamedTuple):
    """Who is to read an environment, by kind of key."""

    age: tuple[str, ...] = ()
    pgp: tuple[str, ...] = ()

    def plus(self, other: Readers) -> Readers:
        """Both, without repetition."""
        return Readers(tuple(dict.fromkeys(self.age + other.age)), tuple(dict.fromkeys(self.pgp + other.pgp)))


class Owner(NamedTuple):
    """The user: the name that commits carry, and the public half of their own age key; None where there is none."""

    name: str | None
    recipient: str | None


class Chosen(NamedTuple):
    """The recipients that the command line names, by environment; those under `EVERYWHERE` are for all others."""

    by_environment: dict[str, Readers]

    @classmethod
    def read(cls, age: Iterable[str], pgp: Iterable[str]) -> Chosen:
        """Read `ENV=RECIPIENT` and `RECIPIENT`. Raises `RecipientError`; the text may be a private key, and is not quoted."""
        found: dict[str, Readers] = {}
        for field, texts in (("age", age), ("pgp", pgp)):
            for text in texts:
                environment, key = _split(text)
                key = parse_age_key(key).recipient if field == "age" else parse_pgp_key(key, "").fingerprint
                found[environment] = found.get(environment, Readers()).plus(Readers(**{field: (key,)}))
        return cls(found)

    def check(self, environments: Sequence[str]) -> None:
        """Raise `UsageError` for an environment that is not there."""
        from difflib import get_close_matches

        for name in self.by_environment:
            if name != EVERYWHERE and name not in environments:
                near = get_close_matches(name, environments, 1)
                there = ", ".join(environments) or "none"
                hint = f"did you mean: {near[0]}" if near else f"the folders of environments here: {there}"
                raise UsageError(f"no folder of an environment {name} was found", hint=hint)

    def named(self, environment: str) -> Readers | None:
        """Those named for an environment, else for all others; None if nobody was."""
        return self.by_environment.get(environment) or self.by_environment.get(EVERYWHERE)


def _split(text: str) -> tuple[str, str]:
    """Environment and recipient; an SSH key may hold an equals sign itself."""
    environment, found, recipient = text.partition("=")
    if not found or not recipient or " " in environment:
        return EVERYWHERE, text
    return environment, recipient
