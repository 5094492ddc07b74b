"""HTML that is safe by construction: whatever is no `Markup` is escaped when it is put in."""

from __future__ import annotations

from html import escape as escape_html
from typing import TYPE_CHECKING, TypeAlias

from sopskit.redact import escape, harmless
from sopskit.review.render.placeholders import capital
from sopskit.review.render.words import Voice, say, shorten

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LONGEST = 400  # code points of a name
EMPTY_ELEMENTS = frozenset(("input", "br", "meta"))


class Markup(str):
    """Finished HTML. Made by the functions of this module, or from words of this package."""

    __slots__ = ()


Child: TypeAlias = "str | int | Iterable[Child] | None"


def tag(name: str, *children: Child, **attributes: str | int | bool | None) -> Markup:
    """An element. Attributes lose a final underscore and have hyphens for others; None and False leave one out."""
    written = "".join(_attribute(key, value) for key, value in attributes.items() if value is not None)
    end = "" if name in EMPTY_ELEMENTS else f"</{name}>"
    return Markup(f"<{name}{written}>{join(children)}{end}")


def join(children: Child) -> Markup:
    """Pieces one after the other, escaped where they are not finished; None is nothing."""
    if isinstance(children, Markup):
        return children
    if children is None:
        return Markup()
    if isinstance(children, (str, int)):
        return plain(str(children))
    return Markup("".join([join(child) for child in children]))


def plain(text: str) -> Markup:
    """Text as it is seen: harmful characters spelled out, then HTML's own escaped. It speaks to no runner of a CI."""
    return Markup(escape_html(escape(text)).replace("##", "#&#35;"))


def code(text: str, **attributes: str | None) -> Markup:
    """A name out of the repository, at most so long that a page can show it, and isolated from the text around it."""
    return tag("code", harmless(shorten(text, LONGEST)), **attributes)


def sentence(template: str, args: Mapping[str, int | str]) -> Markup:
    """One of our sentences, its first letter a capital; what fills its placeholders stands in `code`."""
    return Markup(say(capital(template), args, VOICE))


def _attribute(key: str, value: str | int | bool) -> str:
    name = key.rstrip("_").replace("_", "-")
    if value is False:
        return ""
    return f" {name}" if value is True else f' {name}="{plain(str(value))}"'


# both give finished HTML: what is said with this voice is finished as well
VOICE = Voice(own=plain, foreign=code, limit=LONGEST)
