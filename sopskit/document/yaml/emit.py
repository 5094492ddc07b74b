"""Values without a text of their own, written as sops writes them: the `sops` entry, and what `set` and `extract` bring."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sopskit.document import golang
from sopskit.document.model import Timestamp
from sopskit.document.yaml import spell
from sopskit.document.yaml.layout import END, LIST, MAP

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sopskit.document.model import Raw

BINARY = "!!binary "
NOT_FINITE = {"+Inf": ".inf", "-Inf": "-.inf", "NaN": ".nan"}
KEY_LIMIT = 128  # bytes; a longer key is written with a question mark (SOPS section 7.1.5)


class Style:
    """Indentation and line end. `step` is sops's `--indent`."""

    __slots__ = ("blocks", "go_floats", "newline", "sort", "step")

    def __init__(
        self, step: int, newline: str = "\n", *, sort: bool = False, go_floats: bool = False, blocks: bool = True
    ) -> None:
        """1 and 10 or more count as 2, as in go-yaml.

        `go_floats`: floats as sops writes them (`1e+06`, `1` for `1.0`). `blocks`: strings of several lines may
        become literal blocks; else they are quoted, which is right wherever they stand.
        """
        self.go_floats = go_floats
        self.blocks = blocks
        self.step = step if 2 <= step <= 9 else 2
        self.newline = newline
        self.sort = sort

    def below(self, column: int) -> int:
        """The column of a collection in a mapping at `column`: the next multiple of the step (SOPS section 7.1.1)."""
        return self.step * ((column + self.step) // self.step)

    def items(self, mapping: Mapping[str, Raw]) -> list[tuple[str, Raw]]:
        """A mapping's items in the order to write."""
        return sorted(mapping.items()) if self.sort else list(mapping.items())


def scalar_text(value: Raw, *, go_floats: bool = False) -> str:
    """The text that YAML reads as a number, boolean, time or null."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return go_float(value) if go_floats else float_text(golang.format_float(value))
    return value.text if isinstance(value, Timestamp) else str(value)


def float_text(canonical: str) -> str:
    """A float's canonical form as YAML text that is a float again."""
    text = NOT_FINITE.get(canonical, canonical)
    return text if "." in text else text + ".0"


def go_float(value: float) -> str:
    """Go's shortest form with an exponent for large and small numbers (SOPS section 1.5)."""
    plain = golang.format_float(value)
    if plain in NOT_FINITE:
        return NOT_FINITE[plain]
    whole, _, fraction = plain.lstrip("-").partition(".")
    power = len(whole) - 1 if whole != "0" else -1 - len(fraction) + len(fraction.lstrip("0"))
    if value == 0 or -4 <= power < 6:
        return plain
    digits = (whole + fraction).strip("0")
    mantissa = digits[0] + ("." + digits[1:] if digits[1:] else "")
    return f"{'-' if value < 0 else ''}{mantissa}e{'-' if power < 0 else '+'}{abs(power):02d}"


def block_value(value: Raw, column: int, style: Style, *, in_list: bool) -> str:
    """What stands behind a key's colon or a dash at `column`, its leading blank or line end included; no final line end."""
    if isinstance(value, dict) and value:
        if in_list:
            return " " + block_mapping(value, column + 2, style)
        inner = style.below(column)
        return style.newline + " " * inner + block_mapping(value, inner, style)
    if isinstance(value, list) and value:
        inner = column + 2 if in_list else style.below(column)
        lead = " " if in_list else style.newline + " " * inner
        return lead + block_list(value, inner, style)
    return " " + _block_scalar(value, column + 2 if in_list else style.below(column), style)


def block_mapping(mapping: Mapping[str, Raw], column: int, style: Style) -> str:
    """A mapping whose keys stand at `column`; the first one's indentation is the caller's."""
    lead = style.newline + " " * column
    return lead.join(
        key_text(key, newline=lead) + block_value(value, column, style, in_list=False)
        for key, value in style.items(mapping)
    )


def block_list(values: list[Raw], column: int, style: Style) -> str:
    """A list whose dashes stand at `column`; the first one's indentation is the caller's."""
    lead = style.newline + " " * column
    return lead.join("-" + block_value(value, column, style, in_list=True) for value in values)


def _block_scalar(value: Raw, column: int, style: Style) -> str:
    if isinstance(value, dict):
        return "{}"
    if isinstance(value, list):
        return "[]"
    if not isinstance(value, str):
        return scalar_text(value, go_floats=style.go_floats)
    if "\n" not in value:
        return string_text(value)
    if not style.blocks or not spell.is_literal(value):
        return spell.double_quoted(value)
    lead = style.newline + " " * column
    lines = "".join(lead + line if line else style.newline for line in spell.block_lines(value))
    return "|" + spell.chomping(value) + lines


def string_text(value: str, *, flow: bool = False) -> str:
    """A string on one line; bytes that are no UTF-8 (as surrogate escapes) become `!!binary`."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return binary_text(value.encode("utf-8", "surrogateescape"))
    return spell.preferred(value, flow=flow)


def binary_text(data: bytes) -> str:
    """Bytes that are no UTF-8."""
    from binascii import b2a_base64

    return BINARY + b2a_base64(data, newline=False).decode("ascii")


def key_text(key: str, *, flow: bool = False, newline: str = "\n") -> str:
    """A mapping key with its colon. A long one is written with a question mark, its colon behind `newline`."""
    text = key if key == "<<" else spell.double_quoted(key) if "\n" in key else spell.preferred(key, flow=flow)
    if len(key.encode("utf-8", "surrogateescape")) > KEY_LIMIT and not flow:
        return f"? {text}{newline}:"
    return f"{text}:"


def flow_value(value: Raw, style: Style) -> str:
    """On one line, in flow style."""
    if isinstance(value, dict):
        return (
            "{"
            + ", ".join(f"{key_text(key, flow=True)} {flow_value(item, style)}" for key, item in style.items(value))
            + "}"
        )
    if isinstance(value, list):
        return "[" + ", ".join(flow_value(item, style) for item in value) + "]"
    if isinstance(value, str):
        return string_text(value, flow=True)
    return scalar_text(value)


def shape(value: Raw, style: Style) -> list[object]:
    """What reading a written value gives, to compare with."""
    if isinstance(value, dict):
        inner: list[object] = []
        for key, item in style.items(value):
            inner.append(key)
            inner += shape(item, style)
        return [MAP, *inner, END]
    if isinstance(value, list):
        return [LIST, *(part for item in value for part in shape(item, style)), END]
    if not isinstance(value, str):
        return [scalar_text(value)]
    text = string_text(value)
    return [text.removeprefix(BINARY) if text.startswith(BINARY) else value]
