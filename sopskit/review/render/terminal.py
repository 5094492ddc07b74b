"""The review for people at a terminal: findings first, one line of plain language for each file, values masked.

On a terminal it is drawn with rich, in colour and folded; elsewhere it is plain text, stable and complete, for logs and
grep. What came out of the repository can neither control a terminal nor speak to a CI runner that reads the log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sopskit.redact import escape, harmless
from sopskit.review.render import words
from sopskit.review.render.rows import rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sopskit.review.model import FileReview, Finding, ReviewDiff
    from sopskit.review.render.rows import Row
    from sopskit.review.render.words import Voice

LIMIT = 1_000  # characters of one name or path
DEFAULT_WIDTH = 100


def render(review: ReviewDiff, *, colour: bool = False, width: int | None = None) -> str:
    """The whole review, with a final line feed.

    With `colour` for a terminal of `width` columns; without, plain text with no escape sequence in it, whatever the width.
    """
    if colour:
        from sopskit.review.render.console import draw

        return draw(review, width or DEFAULT_WIDTH)
    return "\n".join(_lines(review)) + "\n"


def foreign(text: str, limit: int = LIMIT) -> str:
    """A text out of the repository, harmless to terminals and to CI runners that read the log."""
    return words.shorten(harmless(text), limit)


VOICE = words.Voice(own=escape, foreign=foreign, arrow=" -> ")


def _lines(review: ReviewDiff) -> Iterator[str]:
    yield headline(review, VOICE)
    yield from (f"only in {foreign(path)}" for path in review.paths)
    yield from environments(review, VOICE)
    for finding in review.findings:
        yield ""
        yield from finding_lines(finding, VOICE)
    for file in words.worst_first(review):
        yield ""
        yield f"{file_name(file, VOICE)}: {words.file_line(file, VOICE)}"
        yield from (f"  {_row(row)}" for row in rows(file, VOICE))
        yield from (f"  {line}" for line in details(file, VOICE))
    yield ""
    yield from closing(review, VOICE)


def headline(review: ReviewDiff, voice: Voice) -> str:
    """What is compared, and how much it is."""
    return f"sopskit {'review' if review.base else 'check'}: {', '.join(words.title(review, voice))}"


def environments(review: ReviewDiff, voice: Voice) -> Iterator[str]:
    """The environments that are touched, in a line; none if there are none."""
    if review.environments:
        named = (f"{voice.foreign(one.name)} ({words.count(one.files, 'file')})" for one in review.environments)
        yield f"environments: {', '.join(named)}"


def finding_lines(finding: Finding, voice: Voice) -> Iterator[str]:
    """A finding: its title, its place, what it says, what to do. A waived one is told in two lines."""
    key = f" {words.key_path(finding.key, finding.document or 0, voice)}" if finding.key else ""
    where = f"  {words.place(finding, voice)}{key}"
    if finding.waived:
        reason, owner, expires = map(voice.foreign, finding.waived)
        yield f"waived {finding.id} {finding.title}: {reason} ({owner}, until {expires})"
        yield where
        return
    yield f"{finding.severity.upper()} {finding.id} {finding.title}"
    yield where
    yield f"  {words.message(finding, voice)}"
    yield f"  try: {words.say(finding.remedy, finding.args, voice)}"


def file_name(file: FileReview, voice: Voice) -> str:
    """The path of a file, and its environment."""
    return voice.foreign(file.path) + (f" ({voice.foreign(file.environment)})" if file.environment is not None else "")


def _row(row: Row) -> str:
    return f"{row.sign} {row.what}: {row.change}" + (f" ({row.kind})" if row.kind else "")


def details(file: FileReview, voice: Voice) -> Iterator[str]:
    """What the cluster gets of a file, and what its commits did."""
    for object in file.objects:
        name = "/".join(voice.foreign(part) for part in (object.namespace, object.name) if part)
        keys = ", ".join(f"{voice.foreign(one.key)} {words.WORDS.get(one.change, one.change)}" for one in object.keys)
        yield f"{voice.foreign(object.kind)} {name}: {keys}"
    if len(file.commits) > 1:
        for one in file.commits:
            done = ", ".join(operation.id for operation in one.operations)
            yield f"commit {escape(one.commit[: words.SHORT_ID])}: {done}"


def closing(review: ReviewDiff, voice: Voice) -> Iterator[str]:
    """What was not checked, and the verdict."""
    yield from (f"not checked: {words.unreadable(item, voice)}" for item in review.not_checked)
    yield from words.limits(review)
    if review.truncated:
        yield words.TRUNCATED
    yield words.verdict(review)
