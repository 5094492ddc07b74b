"""Makes YAML texts, tame and hostile, from a source of randomness (hypothesis hands in its own)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

WORDS = [
    "alpha",
    "b",
    "charlie delta",
    "x-y",
    "postgres://u:p@h/db",
    "a:b",
    "ünïcode",
    "emoji \U0001f600",
    "it's",
    "%x"[1:],
]
NUMBERS = [
    "0",
    "1",
    "-7",
    "1.10",
    "1e3",
    "0777",
    "08",
    "0x1F",
    "1_000",
    ".5",
    "+5",
    "-0.0",
    ".inf",
    "18446744073709551616",
    "1.",
    "2001-01-02T03:04:05Z",
]
SPECIAL = [
    "true",
    "False",
    "TRUE",
    "null",
    "~",
    "",
    "2024-01-01",
    "12:30",
    "yes",
    "n",
    "=",
    "a#b",
    "-x",
    "?x",
    "1.2.3",
    "1e400",
    "1:70",
]
QUOTED = ["", "x", " lead", "trail ", "a: b", "# no", "true", "1", "- a", "é", "tab\there", "{[,]}", "'", "---"]
KEYS = [
    "a",
    "b",
    "name",
    "key with blank",
    "x-y",
    "ключ",
    "token",
    "yes",
    "a.b",
    "k8s/io",
    "data",
    "Null x",
    "x_unencrypted",
]
COMMENTS = ["# comment", "#tight", "#", "#  spaced  ", "# with 'quotes' \" and: things", "# ünï", "## double #hash"]
PRIVATE_TAGS = ["!vault", "!!str", "!"]


class Writer:
    """One text. `hostile` adds what only machines and mischief write."""

    def __init__(self, random: Random, *, hostile: bool = False, exact: bool = False) -> None:
        """`exact` leaves out what encryption is known not to give back byte for byte."""
        self.random = random
        self.hostile = hostile
        self.exact = exact
        self.anchors: list[str] = []
        self.step = random.choice([2, 2, 4, 3])

    def chance(self, probability: float) -> bool:
        """True that often."""
        return self.random.random() < probability

    def text(self) -> str:
        """A whole file."""
        newline = "\r\n" if self.hostile and self.chance(0.1) else "\n"
        parts = []
        count = self.random.choice([1, 1, 1, 2, 3]) if self.hostile else 1
        for number in range(count):
            self.anchors.clear()
            if number or self.chance(0.2):
                parts.append("---" + self.random.choice(["", "", " # start"]) + "\n")
            parts.append(self.document())
            if self.hostile and self.chance(0.1):
                parts.append("...\n" + self.random.choice(["", "# after\n"]))
                if number + 1 == count:
                    break
        text = "".join(parts)
        if self.chance(0.1):
            text = text.rstrip("\n") or text
        return text.replace("\n", newline)

    def document(self) -> str:
        """One YAML document."""
        if self.hostile and self.chance(0.08):
            return self.flow_map(0, self.random.choice(["", "\n "])) + self.inline_comment() + "\n"
        indent = 1 if self.hostile and self.chance(0.03) else 0
        return self.block_map(indent, 0) + self.random.choice(["", "", "\n", "# the end\n"])

    def comment_lines(self, indent: int) -> str:
        """Blank lines and comments."""
        out = ""
        while self.chance(0.2):
            out += self.random.choice(["\n", " " * indent + self.random.choice(COMMENTS) + "\n"])
        if self.hostile and self.chance(0.03):
            out += " " * self.random.randint(0, 6) + self.random.choice(COMMENTS) + "\n"
        return out

    def inline_comment(self) -> str:
        """Perhaps a comment behind a value."""
        return " " * self.random.randint(1, 3) + self.random.choice(COMMENTS) if self.chance(0.12) else ""

    def block_map(self, indent: int, depth: int, *, first_inline: bool = False) -> str:
        """A block mapping; with `first_inline` its first line's indentation is there already."""
        out = ""
        keys = self.random.sample(KEYS, self.random.randint(1, 5))
        for number, key in enumerate(keys):
            if not (first_inline and number == 0):
                out += self.comment_lines(indent) + " " * indent
            explicit = self.hostile and self.chance(0.03)
            head = f"? {self.key(key)}\n{' ' * indent}" if explicit else self.key(key)
            out += head + ":" + self.block_value(indent, depth, in_map=True)
        return out

    def key(self, key: str) -> str:
        """A key as written."""
        if self.chance(0.1):
            return f'"{key}"'
        if self.chance(0.1):
            return f"'{key}'"
        return key

    def block_list(self, indent: int, depth: int, *, first_inline: bool = False) -> str:
        """A block list."""
        out = ""
        for number in range(self.random.randint(1, 4)):
            if not (first_inline and number == 0):
                out += self.comment_lines(indent) + " " * indent
            out += "-" + self.block_value(indent, depth, in_map=False)
        return out

    def block_value(self, indent: int, depth: int, *, in_map: bool) -> str:
        """What stands behind a colon or dash at `indent`, to the end of its last line."""
        kind = self.random.random()
        if depth < 4 and kind < 0.16:
            inner = indent + self.step
            if not in_map and self.chance(0.7):
                return " " + self.block_map(indent + 2, depth + 1, first_inline=True)
            return self.anchored(lambda: "\n" + self.block_map(inner, depth + 1))
        if depth < 4 and kind < 0.28:
            if not in_map and self.chance(0.5):
                return " " + self.block_list(indent + 2, depth + 1, first_inline=True)
            inner = indent if in_map and self.chance(0.3) else indent + self.step
            return self.anchored(lambda: "\n" + self.block_list(inner, depth + 1))
        if kind < 0.38:
            return " " + self.block_scalar(indent)
        if kind < 0.46:
            return self.anchored(lambda: " " + self.flow(depth, indent), behind=True) + "\n"
        if kind < 0.50 and self.anchors and not self.exact:
            return " *" + self.random.choice(self.anchors) + self.inline_comment() + "\n"
        if kind < 0.53:
            return self.inline_comment() + "\n"
        return " " + self.properties() + self.scalar(indent) + self.inline_comment() + "\n"

    def anchored(self, write: Callable[[], str], *, behind: bool = False) -> str:
        """A collection with a comment before or behind it, sometimes with an anchor, for aliases after it."""
        name = f"n{self.random.randint(0, 5)}" if self.hostile and self.chance(0.15) else ""
        head = f" &{name}" if name else ""
        body = head + write() + self.inline_comment() if behind else head + self.inline_comment() + write()
        if name:
            self.anchors.append(name)
        return body

    def properties(self) -> str:
        """Tag and anchor of a scalar."""
        if not self.hostile or self.chance(0.9):
            return ""
        name = f"s{self.random.randint(0, 5)}"
        if self.chance(0.5):
            self.anchors.append(name)
            return f"&{name} "
        return self.random.choice(PRIVATE_TAGS) + " "

    def scalar(self, indent: int, *, flow: bool = False) -> str:
        """A plain or quoted scalar."""
        kind = self.random.random()
        if kind < 0.45:
            return self.random.choice(WORDS)
        if kind < 0.65:
            numbers = NUMBERS[:5] if self.exact else NUMBERS
            return self.random.choice(numbers)
        if kind < 0.72 and not self.exact:
            special = self.random.choice(SPECIAL)
            return special if not flow or not special.startswith(("?", "-")) else "x"
        if kind < 0.86:
            value = self.random.choice(QUOTED)
            return "'" + value.replace("'", "''") + "'"
        if self.hostile and not self.exact and kind < 0.9:
            pad = "\n" + " " * (indent + self.step)
            quote = self.random.choice(["", '"', "'"])
            return quote + "several" + pad + "lines here" + self.random.choice(["", pad + "and more"]) + quote
        value = self.random.choice(QUOTED)
        if self.hostile and self.chance(0.2) and not self.exact:
            return self.random.choice(['"\\x41"', '"a\\nb"', '"\\u2028x"', '"\\e[0m"', '"\\tq\\""', '"\\\\"'])
        return '"' + value.replace("\\", "\\\\").replace("\t", "\\t") + '"'

    def block_scalar(self, indent: int) -> str:
        """A literal or folded block with its line end."""
        style = "|" if self.exact or self.chance(0.7) else ">"
        inner = indent + self.step
        digit = str(self.step) if self.hostile and self.chance(0.15) else ""
        chomp = self.random.choice(["", "", "-", "+"])
        lines = [
            self.random.choice(["line", "key: value", "# no comment", "x" * 30, "é \U0001f600", "-----BEGIN-----"])
            for _ in range(self.random.randint(1, 4))
        ]
        if self.hostile:
            for index in range(1, len(lines)):
                if self.chance(0.2):
                    lines[index] = self.random.choice(["", "  deeper", "\ttab", "trailing  "])
            if digit and self.chance(0.5):
                lines[0] = "  " + lines[0]
            if not lines[-1].strip():
                lines.append("last")
        if chomp == "+" and self.exact:
            lines += [""]
        header = style + (digit + chomp if self.chance(0.5) else chomp + digit)
        out = header + self.inline_comment() + "\n"
        out += "".join(" " * inner + line + "\n" if line else "\n" for line in lines)
        if self.chance(0.15) and not (chomp == "+" and self.exact):
            out += "\n"
        return out

    def flow(self, depth: int, indent: int) -> str:
        """A flow collection."""
        gap = "\n" + " " * (indent + self.step) if self.hostile and self.chance(0.15) else ""
        return self.flow_map(depth, gap) if self.chance(0.5) else self.flow_list(depth, gap)

    def flow_item(self, depth: int) -> str:
        """A value inside a flow collection."""
        if depth < 4 and self.chance(0.2):
            return self.flow(depth + 1, 0).replace("\n", " ")
        if self.exact:
            return self.random.choice(["1", "x", "a b", '"q"', "3.5", "true"])
        text = self.scalar(0, flow=True)
        return text.replace("\n", " ")

    def flow_list(self, depth: int, gap: str) -> str:
        """`[a, b]`."""
        items = [self.flow_item(depth) or "x" for _ in range(self.random.randint(0, 3))]
        tail = "," if items and self.hostile and self.chance(0.1) else ""
        return "[" + gap + ("," + (gap or " ")).join(items) + tail + gap + "]"

    def flow_map(self, depth: int, gap: str) -> str:
        """`{a: b}`."""
        keys = self.random.sample(KEYS, self.random.randint(0, 3))
        items = [f"{self.key(key)}: {self.flow_item(depth)}" for key in keys]
        tail = "," if items and self.hostile and self.chance(0.1) else ""
        return "{" + gap + ("," + (gap or " ")).join(items) + tail + gap + "}"


# what a careless hand or a broken tool leaves in a text
FRAGMENTS = [
    "\n", " ", "  ", ":", ": ", "- ", "-", "#", " #", "&x ", "*x", "!!int ", "!t ", "'", '"', "|", ">", "{", "}", "[", "]", ",",
    "?", "? ", "---\n", "...\n", "\t", "\r", "\r\n", "\u2028", "\x85", "\ufeff", "%YAML 1.1\n", "<<: ", "\x00", "\x0b", "é", "~",
    "|2\n", "&", "*", "!", "%", "@", "`", "\ud7ff", "!<tag:yaml.org,2002:int> ", "\\",
]  # fmt: skip
