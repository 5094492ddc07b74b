"""The review for people at a terminal: findings first, one line of plain language for each file, values masked.

On a terminal it is drawn with rich, in colour and folded; elsewhere it is plain text, stable and complete, for logs and
grep. What came out of the repository can neither control a terminal nor speak to a CI runner that reads the log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sopskit.redact import escape, harmless
from sopskit.review.render import grouping, words
from sopskit.review.render.condensed import objects
from sopskit.review.render.fileline import file_line, is_plain_and_alone
from sopskit.review.render.rows import keys_of, rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sopskit.review.model import FileReview, Finding, ReviewDiff
    from sopskit.review.render.grouping import Entry
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


VOICE = words.Voice(own=escape, foreign=foreign, arrow=" -> ", limit=LIMIT)


def _lines(review: ReviewDiff) -> Iterator[str]:
    yield headline(review, VOICE)
    yield from (f"only in {foreign(path)}" for path in review.paths)
    yield from environments(review, VOICE)
    for entry in grouping.entries(review):
        yield ""
        yield from entry_lines(entry, VOICE, len(entry.findings))
    for file in words.told_files(review):
        yield ""
        yield f"{file_name(file, VOICE)}: {file_line(file, VOICE)}"
        yield from (f"  {_row(row)}" for row in rows(file, VOICE))
        yield from (f"  {line}" for line in details(file, VOICE))
    yield ""
    yield from closing(review, VOICE, len(review.not_checked))


def headline(review: ReviewDiff, voice: Voice) -> str:
    """What is compared, and how much it is."""
    return f"sopskit {'review' if review.base else 'check'}: {', '.join(words.title(review, voice))}"


def environments(review: ReviewDiff, voice: Voice) -> Iterator[str]:
    """The environments that are touched, in a line; none if there are none."""
    if review.environments:
        named = (f"{voice.foreign(one.name)} ({words.count(one.files, 'file')})" for one in review.environments)
        yield f"environments: {', '.join(named)}"


def entry_lines(entry: Entry, voice: Voice, most: int) -> Iterator[str]:
    """Findings with one cause: title, at most so many places, what they say, what to do. Waived ones in fewer lines."""
    finding, name = entry.first, grouping.label(entry)
    if finding.waived:
        reason, owner, expires = map(voice.foreign, finding.waived)
        yield f"waived {name} {finding.title}: {reason} ({owner}, until {expires})"
    else:
        yield f"{finding.severity.upper()} {name} {finding.title}"
    yield from (f"  {_place(one, voice)}" for one in entry.findings[:most])
    if len(entry.findings) > most:
        yield f"  and {len(entry.findings) - most} more"
    if not finding.waived:
        yield f"  {grouping.message(entry, voice)}"
        yield f"  try: {words.say(finding.remedy, finding.args, voice)}"


def _place(finding: Finding, voice: Voice) -> str:
    key = f" {words.key_path(finding.key, finding.document or 0, voice)}" if finding.key else ""
    return words.place(finding, voice) + key


def file_name(file: FileReview, voice: Voice) -> str:
    """The path of a file, and its environment."""
    return voice.foreign(file.path) + (f" ({voice.foreign(file.environment)})" if file.environment is not None else "")


def _row(row: Row) -> str:
    return f"{row.sign} {row.what}: {row.change}" + (f" ({row.kind})" if row.kind else "")


def details(file: FileReview, voice: Voice) -> Iterator[str]:
    """What the cluster gets of a file, and what its commits did."""
    if not is_plain_and_alone(file) and not objects(file):
        yield from (f"{words.object_name(one, voice)}: {keys_of(one, voice)}" for one in file.objects)
    if len(file.commits) > 1:
        for one in file.commits:
            done = ", ".join(operation.id for operation in one.operations)
            yield f"commit {escape(one.commit[: words.SHORT_ID])}: {done}"


def closing(review: ReviewDiff, voice: Voice, most: int) -> Iterator[str]:
    """What was not checked, with at most so many files for each reason, and the verdict."""
    yield from (f"not checked: {line}" for line in words.not_checked(review, voice, most))
    yield from words.limits(review)
    if review.truncated:
        yield words.TRUNCATED
    yield words.verdict(review)
