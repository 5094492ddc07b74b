"""Trees that a format can hold, and their texts, made by other libraries than ours."""

from __future__ import annotations

import json
from typing import Any

import yaml
from hypothesis import strategies as st

WORDS = st.sampled_from(
    [
        "a",
        "b",
        "password",
        "data",
        "stringData",
        "x_unencrypted",
        "y_enc",
        "with space",
        "k-1",
        "é",
        "yes",
        "1",
        "null",
        "a.b",
    ]
)
LINE = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"], exclude_characters="\ufeff\x85\xa0"),
    max_size=12,
)
TEXT = st.one_of(
    LINE,
    st.sampled_from(
        ["", " ", "x", "true", "yes", "~", "0x1f", "017", "1_000", "1.10", "2001-01-01", "- a", "a: b", "a #b", "#c", "|", "'", '"', "\\",
         "ENC[no token]", "<<", "=", "1:30", "{}", "[]", "&a", "*a", "!t", "%", "@", "`", "---", "...", "multi\nline", "multi\nline\n",
         "end\n\n", " lead\nx", "\ttab", "a\tb", "😀", "<a>&"]
    ),
    st.lists(LINE, min_size=2, max_size=4).map("\n".join),
)  # fmt: skip
NUMBERS = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False, width=32).map(lambda value: round(value, 6)),
    st.sampled_from([0, -1, 1.5, 1e21, 1e-7, 0.1, -0.0, 100000.0]),
)
SCALARS = st.one_of(TEXT, NUMBERS, st.booleans(), st.none())


def _containers(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.dictionaries(WORDS, children, max_size=4), st.lists(children, max_size=3))


VALUES = st.recursive(SCALARS, _containers, max_leaves=8)
TREES = st.dictionaries(WORDS, VALUES, min_size=1, max_size=5)
FLAT = st.dictionaries(st.sampled_from(["A", "B_C", "password", "x_unencrypted", "Z9"]), LINE, min_size=1, max_size=5)


def yaml_text(tree: Any, style: str | None, flow: bool | None, width: int) -> str:
    """A YAML text of the tree; quoted so that YAML 1.1 and go-yaml read the same."""
    return yaml.safe_dump(
        tree, default_style=style, default_flow_style=flow, width=width, allow_unicode=True, sort_keys=False
    )


def json_text(tree: Any, indent: int | None, ascii: bool) -> str:
    """A JSON text of the tree."""
    return json.dumps(tree, indent=indent, ensure_ascii=ascii, allow_nan=False) + "\n"


MARKER = "# sops:enc"
NOTES = st.lists(st.sampled_from([MARKER, "# note", "# another"]), max_size=2)
INLINE = st.sampled_from(["", "", f" {MARKER}", " # note"])
PLAIN = st.sampled_from(["x", "1", "true", "1.5", "two words", "''"])


@st.composite
def commented(draw: st.DrawFn, indent: int = 0) -> str:
    """A block mapping with comments before its keys and list elements and behind its values, at their own columns."""
    pad = " " * indent
    lines: list[str] = []
    for number in range(draw(st.integers(1, 3))):
        lines += [pad + note for note in draw(NOTES)]
        kind = draw(st.sampled_from(["value", "value", "map", "list", "empty"] if indent < 8 else ["value"]))
        if kind == "value":
            lines.append(f"{pad}k{number}: {draw(PLAIN)}{draw(INLINE)}")
        elif kind == "empty":
            lines.append(f"{pad}k{number}: {draw(st.sampled_from(['{}', '[]', 'null']))}")
        elif kind == "map":
            lines += [f"{pad}k{number}:", draw(commented(indent=indent + 4))]
        else:
            lines.append(f"{pad}k{number}:")
            for _ in range(draw(st.integers(1, 3))):
                lines += [f"{pad}    {note}" for note in draw(NOTES)]
                lines.append(f"{pad}    - {draw(PLAIN)}{draw(INLINE)}")
    return "\n".join(lines)
