"""The review as a comment on a pull request: Markdown of GitHub, GitLab and Gitea.

Texts out of the repository stand in code spans only, where no forge makes links, mentions, emoji or HTML of them. The
comment fits a budget: what does not is said in counts, findings last of all, and the comment says so.
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import chain, islice
from typing import TYPE_CHECKING, NamedTuple

from sopskit.redact import harmless
from sopskit.review.render import grouping, words
from sopskit.review.render.fileline import file_line
from sopskit.review.render.rows import count_rows, rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sopskit.review.model import FileReview, Finding, ReviewDiff, Severity
    from sopskit.review.render.grouping import Entry
    from sopskit.review.render.words import Voice

BUDGET = 60_000  # GitHub refuses a comment of more than 65,536 characters
LIMIT = 160  # characters of one name or path
PLACES = 3  # of findings with one cause, in the table
SIGNS: dict[Severity, str] = {"block": "⛔", "high": "⚠️", "medium": "🔶", "low": "🔹"}
OPEN_ROWS = 12  # a review with more rows than this folds its tables
OPEN_FILES = 12  # and one with more files those without a finding
FEW = 10  # environments, unreadable files and remedies when space is short
REMEDIES = 20
ALL = 1_000_000
MARKUP = re.compile(r"([\\`*_\[\]<>&|~$])")
RUNS = re.compile("`+")
LONG_RUN = "`" * 8
SPELLED_RUN = "\\u{60}" * len(LONG_RUN)
BARS = re.compile(r"(\\*)\|")
HEX = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")
WHOLE = "`sopskit review-diff` shows all of it"


class Detail(NamedTuple):
    """How much is told: rows of each file's table, files (the others are counted by environment), findings, all the rest.

    As many places as rows are told of findings with one cause, at least three. `lost` is what a shorter comment says about itself.
    """

    rows: int = ALL
    files: int = ALL
    findings: int = ALL
    others: int = ALL
    lost: str = ""


ONLY_COUNTED = "what changed in a file is only counted"
MOST_FILES = "most files are only counted"
LEAST_FINDINGS = "files are only counted, the least findings as well"
# tried in this order until one fits: tables go first, findings last
DETAILS = (
    Detail(),
    Detail(rows=50, lost="at most 50 rows for each file"),
    Detail(rows=10, lost="at most 10 rows for each file"),
    Detail(rows=0, lost=ONLY_COUNTED),
    Detail(rows=0, files=150, lost=MOST_FILES),
    Detail(rows=0, files=40, lost=MOST_FILES),
    Detail(rows=0, files=0, others=FEW, lost="files are only counted"),
    Detail(rows=0, files=0, findings=100, others=FEW, lost=LEAST_FINDINGS),
    Detail(rows=0, files=0, findings=25, others=FEW, lost=LEAST_FINDINGS),
    Detail(rows=0, files=0, findings=5, others=FEW, lost=LEAST_FINDINGS),
    Detail(rows=0, files=0, findings=1, others=1, lost="nearly everything is only counted"),
)


def render(review: ReviewDiff, *, budget: int = BUDGET) -> str:
    """The comment, with a final line feed, not longer than `budget` in bytes of UTF-8 (and so in characters).

    Its first line is the hidden marker by which a bot finds its comment again. A budget of less than ten thousand may be
    exceeded: a table is never cut in two.
    """
    for detail in DETAILS:
        text = _fitted(_lines(review, detail), budget)
        if text is not None:
            return text
    return "".join(f"{line}\n" for line in _lines(review, DETAILS[-1]))


def _fitted(lines: Iterable[str], budget: int) -> str | None:
    """The lines as a text, or None as soon as they are too long."""
    kept = []
    for line in lines:
        budget -= len(line.encode()) + 1
        if budget < 0:
            return None
        kept.append(line)
    return "\n".join(kept) + "\n"


def own(text: str) -> str:
    """Our own words: what would be markup is not."""
    return MARKUP.sub(r"\\\1", text)


def code(text: str, limit: int = LIMIT) -> str:
    """A text out of the repository as a code span, its fence longer than any run of backticks in it.

    GitHub's parser knows no fence of more than 80 backticks, so that long runs are spelled out.
    """
    safe = harmless(text).replace("<!--", "<\\u{21}--").replace(LONG_RUN, SPELLED_RUN)
    safe = words.shorten(safe, limit)
    fence = "`" * (1 + max((len(run) for run in RUNS.findall(safe)), default=0))
    # a parser takes one space off both ends, if both have one and there is more than spaces
    inner = f" {safe} " if "`" in (safe[0], safe[-1]) or safe[0] == safe[-1] == " " else safe
    return f"{fence}{inner}{fence}"


def cell(text: str) -> str:
    r"""The same for a cell of a table, where even inside code a bar ends the cell, unless a backslash stands before it.

    Parsers differ over `\\|`, so that a bar behind a backslash is spelled out.
    """
    return BARS.sub(lambda found: found[1] + ("\\u{7c}" if found[1] else "\\|"), code(text))


VOICE = words.Voice(own=own, foreign=code, limit=LIMIT)
CELL = words.Voice(own=own, foreign=cell, limit=LIMIT)


def _lines(review: ReviewDiff, detail: Detail) -> Iterator[str]:
    yield marker(review)
    yield f"**sopskit {'review' if review.base else 'check'}** · {' · '.join(words.title(review, VOICE))}"
    yield from _alone(_verdict(review))
    if detail.lost:
        yield from _alone(f"**shortened to fit:** {detail.lost}; {WHOLE}")
    if review.paths:
        yield from _alone("only in " + _listed(map(code, review.paths), detail.others))
    yield from _findings(review, detail)
    yield from _unreadable(review, detail)
    files = words.told_files(review)
    yield from _files(files[: detail.files], detail)
    yield from _environments(files[detail.files :], detail)
    yield from _folded_findings(review, detail)
    for limit in words.limits(review):
        yield from _alone(f"<sub>{own(limit)}</sub>")
    if review.truncated:
        yield from _alone(f"<sub>{own(words.TRUNCATED)}</sub>")


def marker(review: ReviewDiff) -> str:
    """The hidden first line; it names the commit that was looked at, `-` where there is none."""
    commit = review.head.commit or ""
    return f"<!-- sopskit-review:v1 head={commit if HEX.fullmatch(commit) else '-'} -->"


def _alone(line: str) -> Iterator[str]:
    yield ""
    yield line


def _listed(items: Iterable[str], most: int) -> str:
    """`a, b and 3 more`."""
    shown = list(items)
    more = f" and {len(shown) - most} more" if len(shown) > most else ""
    return ", ".join(shown[:most]) + more


def _verdict(review: ReviewDiff) -> str:
    signed = [f"{SIGNS[severity]} {number} {severity}" for severity, number in review.counts.items() if number]
    if review.verdict == "undecided":
        undecided = sum(item.decisive or review.strict for item in review.not_checked)
        return " · ".join([f"❔ **undecided**: {words.count(undecided, 'file')} could not be checked", *signed])
    if signed:
        return " · ".join(signed)
    return "✅ nothing found" if review.files else "✅ nothing changed that sopskit looks at"


def _findings(review: ReviewDiff, detail: Detail) -> Iterator[str]:
    """The findings that count, worst first, in a table."""
    found = [entry for entry in grouping.entries(review) if entry.first.waived is None]
    if not found:
        return
    yield from ("", "| | finding | where |", "|---|---|---|")
    for entry in found[: detail.findings]:
        where = _listed((words.place(finding, CELL) for finding in entry.findings), PLACES)
        yield f"| {SIGNS[entry.first.severity]} | {_said(entry, CELL)} | {where} |"
    left = sum(len(entry.findings) for entry in found[detail.findings :])
    if left:
        yield from _alone(f"and {left} more {'finding' if left == 1 else 'findings'}")


def _said(entry: Entry, voice: Voice) -> str:
    return f"**{own(grouping.label(entry))}** {grouping.message(entry, voice)}"


def _unreadable(review: ReviewDiff, detail: Detail) -> Iterator[str]:
    """The files that could not be looked at."""
    if not review.not_checked:
        return
    yield from _alone("not checked:")
    yield ""
    lines = list(words.not_checked(review, VOICE, detail.others))
    yield from (f"- {line}" for line in lines[: detail.others])
    if len(lines) > detail.others:
        yield f"- and for {len(lines) - detail.others} more reasons"


def _files(files: Sequence[FileReview], detail: Detail) -> Iterator[str]:
    """The files, worst first. Of many, those without a finding are folded, and so are all tables."""
    fold_tables = sum(map(count_rows, files)) > OPEN_ROWS
    told = [_file(file, detail, fold_table=fold_tables) for file in files]
    worst = sum(any(finding.waived is None for finding in file.findings) for file in files)
    open_ones = len(files) if len(files) <= OPEN_FILES else max(worst, OPEN_FILES)
    yield from chain.from_iterable(told[:open_ones])
    if rest := told[open_ones:]:
        yield from _folded(words.count(len(rest), "more file"), islice(chain.from_iterable(rest), 1, None))


def _file(file: FileReview, detail: Detail, *, fold_table: bool) -> Iterator[str]:
    """One line for a file, and a table where there are rows."""
    environment = f"**{code(file.environment)}** " if file.environment is not None else ""
    yield from _alone(f"{environment}{code(file.path)}: {file_line(file, VOICE)}")
    number = count_rows(file)
    if not number or not detail.rows:
        return
    table = _table(file, number, detail)
    yield from _folded(words.count(number, "row"), table) if fold_table else chain(("",), table)


def _table(file: FileReview, number: int, detail: Detail) -> Iterator[str]:
    yield from ("| key | change | kind |", "|---|---|---|")
    for row in islice(rows(file, CELL), detail.rows):
        yield f"| {row.what} | {row.change} | {row.kind} |"
    if number > detail.rows:
        yield from _alone(f"and {number - detail.rows} more")


def _folded(summary: str, lines: Iterable[str]) -> Iterator[str]:
    """Lines that open with a click. Markdown inside needs the blank lines; the summary holds our own words only."""
    yield from ("", f"<details><summary>{summary}</summary>", "")
    yield from lines
    yield from ("", "</details>")


def _environments(left: Sequence[FileReview], detail: Detail) -> Iterator[str]:
    """How many of the files that are not told of changed, by environment."""
    if not left:
        return
    files: Counter[str | None] = Counter(file.environment for file in left)
    values: Counter[str | None] = Counter()
    for file in left:
        values[file.environment] += sum(change.change != "comment" for change in file.changes)
    if detail.files:
        yield from _alone(f"and {words.count(len(left), 'more file')}:")
    yield from ("", "| environment | files | values |", "|---|---|---|")
    for name, number in islice(files.items(), detail.others):
        yield f"| {'none' if name is None else cell(name)} | {number} | {values[name]} |"
    if len(files) > detail.others:
        yield from _alone(f"and {len(files) - detail.others} more environments")


def _folded_findings(review: ReviewDiff, detail: Detail) -> Iterator[str]:
    """All places of findings with many, what to do about the findings, and those that are waived."""
    entries = grouping.entries(review)
    shown = [entry for entry in entries if entry.first.waived is None][: detail.findings]
    waived = [entry for entry in entries if entry.first.waived is not None]
    crowded = [entry for entry in shown if len(entry.findings) > PLACES]
    if crowded and detail.rows:
        yield from _folded("all places", (_places(entry, detail) for entry in crowded))
    remedies = dict.fromkeys(_remedy(entry.first) for entry in shown)
    if remedies:
        yield from _folded("what to do", islice(remedies, min(detail.others, REMEDIES)))
    if waived:
        number = sum(len(entry.findings) for entry in waived)
        yield from _folded(words.count(number, "waived finding"), map(_waived, waived[: detail.others]))


def _places(entry: Entry, detail: Detail) -> str:
    return f"- {_said(entry, VOICE)}: {_listed((words.place(one, VOICE) for one in entry.findings), detail.rows)}"


def _remedy(finding: Finding) -> str:
    return f"- **{own(finding.id)}** {words.say(finding.remedy, finding.args, VOICE)}"


def _waived(entry: Entry) -> str:
    reason, owner, expires = map(code, entry.first.waived or ())
    where = _listed((words.place(finding, VOICE) for finding in entry.findings), FEW)
    return f"- {_said(entry, VOICE)}, {where}: {reason}, {owner}, until {expires}"
