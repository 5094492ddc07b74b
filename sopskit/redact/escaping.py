"""Hostile text made harmless for a terminal or a log.

Key names, paths, refs and comments come from a repository that anybody may have written. On a terminal an escape
sequence in one of them could hide a line or fill the clipboard, and a bidirectional control could show another name than the
one that is there.
"""

from __future__ import annotations

__all__ = ["escape", "escape_bytes", "escape_path", "is_harmless"]

# printable by category, yet drawn as nothing: fillers, joiners and variation selectors
INVISIBLE = frozenset(
    chr(code)
    for start, end in (
        (0x034F, 0x034F),
        (0x115F, 0x1160),
        (0x17B4, 0x17B5),
        (0x180B, 0x180F),
        (0x2800, 0x2800),
        (0x3164, 0x3164),
        (0xFE00, 0xFE0F),
        (0xFFA0, 0xFFA0),
        (0xE0100, 0xE01EF),
    )
    for code in range(start, end + 1)
)
NOTHING = "(empty)"
SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def is_harmless(char: str) -> bool:
    """Whether a character is drawn, in its place, and only drawn: no control, bidirectional, invisible or unassigned one."""
    return char.isprintable() and char not in INVISIBLE


def escape(text: str) -> str:
    r"""Text for a terminal or a log: one line, every harmful character spelled out.

    Control characters become `\xNN` or `\n`, others `\u{NNNN}`, bytes that were no UTF-8 (surrogate escapes) `\xNN`.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(char if is_harmless(char) else _spell(char) for char in text)


def _spell(char: str) -> str:
    code = ord(char)
    if char in SHORT:
        return SHORT[char]
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x80 else f"\\u{{{code:04x}}}"


def harmless(text: str) -> str:
    """A text out of the repository on one line, that speaks neither to a terminal nor to a CI runner; never nothing.

    Runners take commands from a log: GitHub Actions from lines that start with `::` or hold `##[` anywhere, Azure Pipelines
    from `##vso[`, TeamCity from `##teamcity[`.
    """
    safe = escape(text).replace("##", "#\\u{23}")
    if safe.lstrip().startswith(":"):
        safe = safe.replace(":", "\\u{3a}", 1)
    if safe.isspace():
        return safe.replace(" ", "\\x20")
    return safe or NOTHING


def escape_bytes(name: bytes) -> str:
    """A file name from Git, which need not be UTF-8."""
    return escape(name.decode("utf-8", "surrogateescape"))


def escape_path(path: tuple[str | int, ...]) -> str:
    """A key path for people: `stringData.DB_PASSWORD`, `list[0]`; keys that are not plain words are quoted."""
    pieces: list[str] = []
    for part in path:
        if isinstance(part, int):
            pieces.append(f"[{part}]")
        elif part and all((char.isalnum() and is_harmless(char)) or char in "_-/" for char in part):
            pieces.append(f".{part}" if pieces else part)
        else:
            quoted = escape(part.replace("\\", "\\\\").replace('"', '\\"'))
            pieces.append(f'["{quoted}"]')
    return "".join(pieces)
