"""Generated INI text: what people write, and what only tests write."""

from __future__ import annotations

from hypothesis import strategies as st

VALUES = st.sampled_from(
    [
        "v",
        "a b",
        'x"y',
        '"q"',
        "'s'",
        "`t`",
        '"""u"""',
        "a;b",
        "a # c",
        '"a;b"',
        "`a # b` ; c",
        '"""l1\nl2""" ; t',
        "`m1\n m2`",
        "``",
        "",
        "a=b",
        '" p "',
        "é",
        '"a',
        "%(x)s",
        '"""a""" # z',
        "x ;",
        "'a\"b'",
        "[z]",
    ]
)
KEYS = st.sampled_from(["k", "k2", "k 3", '"q=k"', "`b k`", '"""t"k"""', "a.b", "é", "x_unencrypted", "y_unencrypted"])
COMMENTS = st.sampled_from(["# c", "; d", "#", "##  e f ", "; # g", "#\th", ";i ]", "  # ind  ", '# "x"', ";;"])
SECTIONS = st.sampled_from(
    ["[s]", "[ t ] ; tail", "[a]b]", "[u]#  x ", "[DEFAULT]", "[s]", "  [v]  ", "[sec_unencrypted] ;;y"]
)
BEHIND = st.sampled_from(["", "", "", "  ", " ; ic", "#ic2"])
DELIMITERS = st.sampled_from([" = ", "=", ": ", " =", "\t=\t"])


@st.composite
def texts(draw: st.DrawFn) -> str:
    """A file; keys do not repeat in a section."""
    lines: list[str] = []
    used: set[str] = set()
    for _ in range(draw(st.integers(0, 8))):
        what = draw(st.sampled_from(["comment", "section", "blank", "key", "key", "key"]))
        if what == "comment":
            lines.append(draw(COMMENTS))
        elif what == "section":
            lines.append(draw(SECTIONS))
            used = set()
        elif what == "blank":
            lines.append(draw(st.sampled_from(["", " ", "\t"])))
        else:
            key = draw(KEYS)
            if key not in used:
                used.add(key)
                lines.append(draw(st.sampled_from(["", "  "])) + key + draw(DELIMITERS) + draw(VALUES) + draw(BEHIND))
    text = "\n".join(lines) + draw(st.sampled_from(["", "\n", "\n\n"]))
    return text.replace("\n", "\r\n") if draw(st.integers(0, 5)) == 0 else text
