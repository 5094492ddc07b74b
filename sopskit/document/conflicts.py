"""Text in which git left a merge half done."""

from __future__ import annotations

from sopskit.errors import DocumentSyntaxError

# what git writes at the start of a line: ours, the middle, theirs
MARKS = ("<<<<<<< ", "=======", ">>>>>>> ")


def unresolved_conflict(text: str) -> DocumentSyntaxError | None:
    """An error at the first conflict: a line with each of the three marks, in order; None without one."""
    if MARKS[0] not in text:
        return None
    first = position = 0
    for number, line in enumerate(text.split("\n"), 1):
        if line.startswith(MARKS[position]):
            first = first if position else number
            position += 1
        if position == len(MARKS):
            error = DocumentSyntaxError(
                "a merge conflict is not resolved", hint="it stands between <<<<<<< and >>>>>>>"
            )
            error.at(line=first)
            return error
    return None
