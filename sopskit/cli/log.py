"""`sopskit log`: when did each value of a file change, and by whom."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from sopskit.cli.keys import example
from sopskit.cli.reports import wants_colour

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sopskit.cli.context import Context
    from sopskit.git import CommitInfo
    from sopskit.review.history import Entry, KeyAge
    from sopskit.review.model import Change, Operation
    from sopskit.workflow.log import Ages, FileLog

SCHEMA = "sopskit.log/1"
ON_A_TERMINAL = 50  # commits
FOLDED = 12  # keys of one commit that a terminal shows
CLAIMS = "authors and dates are what the commits claim"


@click.command(
    "log",
    epilog=example(
        "sopskit log k8s/dev/secrets.yaml",
        "sopskit log k8s/dev/secrets.yaml stringData.DB_PASSWORD",
        "sopskit log --summary k8s/dev/secrets.yaml",
    ),
)
@click.argument("file")
@click.argument("key", required=False)
@click.option("--summary", is_flag=True, help="One line for each key: when its value last changed, oldest first.")
@click.option(
    "-n", "--limit", type=click.IntRange(1), help="Show at most so many commits (50 on a terminal, else all)."
)
@click.option("--revision", default="HEAD", show_default=True, metavar="REV", help="Begin at this commit or branch.")
@click.option("--format", "form", type=click.Choice(("text", "json")), default="text", help="How to print it.")
@click.option("--json", "form", flag_value="json", help="Short for --format json.")
@click.pass_obj
def command(
    context: Context, file: str, key: str | None, summary: bool, limit: int | None, revision: str, form: str
) -> None:
    """Show when each value of a file changed, newest commit first. No value is ever shown.

    Needs no key: a value that keeps its ciphertext is unchanged, and one that only got a new data key (rotate) looks
    unchanged. Renames are followed. KEY is a path such as stringData.DB_PASSWORD or ["stringData"]["DB_PASSWORD"];
    a path of a map shows what is below it.

    Authors and dates are what the commits claim.
    """
    from sopskit.git import open_repository
    from sopskit.workflow import log

    repository = open_repository(file, context.environ)
    if repository is None:
        raise log.missing_repository()
    with repository:
        if summary:
            found = log.read_ages(repository, file, revision, key=key)
            _show(context, _ages_json(found) if form == "json" else _ages_text(found))
            return
        if limit is None and form == "text" and "stdout" in context.terminals:
            limit = ON_A_TERMINAL
        entries = log.read_log(repository, file, revision, key=key, limit=limit)
        _show(context, _log_json(entries) if form == "json" else _log_text(context, entries))


def _show(context: Context, lines: Iterator[str] | dict[str, Any]) -> None:
    if isinstance(lines, dict):
        context.say(json.dumps(lines, indent=2))
        return
    for line in lines:
        context.say(line)


# --- text


def _log_text(context: Context, log: FileLog) -> Iterator[str]:
    folds = "stdout" in context.terminals
    for entry in log.entries:
        heading = f"{_short(entry.commit)} {_date(entry.commit)} {_author(entry.commit)}"
        yield click.style(heading, bold=True) if wants_colour(context) else heading
        yield from (f"  {line}" for line in _entry_lines(entry, log.path, folds=folds))
        yield ""
    if not log.entries:
        yield "no change was found"
    if not log.complete:
        yield "there are older commits: --limit shows more, git fetch --unshallow completes a shallow clone"
    yield CLAIMS


def _entry_lines(entry: Entry, path: str, *, folds: bool) -> Iterator[str]:
    if entry.path != path:
        yield f"at {_foreign(entry.path)}"
    if entry.problem is not None:
        yield f"this version could not be read: {_foreign(entry.problem)}"
    if entry.cut_off:
        yield "the shallow clone ends here: what the file held before is not known"
    if entry.compared_with is not None:
        yield f"compared with {entry.compared_with[:7]}: what is between could not be read"
    yield from (_operation(operation) for operation in entry.operations)
    last = FOLDED if folds and len(entry.changes) > FOLDED + 1 else None
    yield from (f"  {_change(change)}" for change in entry.changes[:last])
    if last is not None:
        yield f"  and {len(entry.changes) - last} more"


def _operation(operation: Operation) -> str:
    from sopskit.review.render import words
    from sopskit.review.render.terminal import VOICE

    template = words.OPERATIONS.get((operation.id, operation.confidence), operation.explanation)
    return words.say(template, operation.args, VOICE)


def _change(change: Change) -> str:
    from sopskit.review.render import words
    from sopskit.review.render.terminal import VOICE

    said = words.WORDS.get(change.change, change.change)
    if change.change == "comment":
        said = "comments changed"
    elif change.origin is not None:
        said = f"moved from {words.key_path(change.origin, 0, VOICE)}"
    elif change.change == "reencrypted":
        said += ", the value may be another"
    elif not change.certain:
        said = f"looks {said}"
    return f"{words.key_path(change.path, change.document, VOICE)}: {said}"


def _ages_text(ages: Ages) -> Iterator[str]:
    from sopskit.review.render import words
    from sopskit.review.render.terminal import VOICE

    shown = [one for one in ages.keys if one.encrypted] or list(ages.keys)
    names = [words.key_path(one.path, one.document, VOICE) for one in shown]
    width = min(max(map(len, names), default=0), 60)
    for name, one in zip(names, shown, strict=True):
        yield f"{_age(one)}  {name:<{width}}  {_who(one)}".rstrip()
    if len(shown) < len(ages.keys):
        yield f"not listed: {words.count(len(ages.keys) - len(shown), 'key')} in plain text"
    if not shown:
        yield "the file has no keys"
    yield CLAIMS


def _age(age: KeyAge) -> str:
    return f"{_day(age.last.commit)} {_short(age.last.commit)}" if age.last else f"{'before':10} {'':7}"


def _who(age: KeyAge) -> str:
    who = _author(age.last.commit) if age.last else "older than what could be looked at"
    if age.was_plain:
        who += "; stands in plain text in the history"
    if age.perhaps is None:
        return who
    return f"{who}; may have changed on {_day(age.perhaps.commit)} in {_short(age.perhaps.commit)}"


def _foreign(text: str) -> str:
    from sopskit.review.render.terminal import foreign

    return foreign(text)


def _author(commit: CommitInfo) -> str:
    return f"{_foreign(commit.author)} <{_foreign(commit.email)}>"


def _short(commit: CommitInfo) -> str:
    return commit.id[:7]


def _time(commit: CommitInfo) -> datetime | None:
    try:
        return datetime.fromtimestamp(commit.time, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def _date(commit: CommitInfo) -> str:
    time = _time(commit)
    return f"{time:%Y-%m-%d %H:%M} UTC" if time else "at no date"


def _day(commit: CommitInfo) -> str:
    time = _time(commit)
    return f"{time:%Y-%m-%d}" if time else "????-??-??"


# --- JSON


def _log_json(log: FileLog) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "path": log.path,
        "commit": log.commit,
        "complete": log.complete,
        "entries": [_entry_json(entry) for entry in log.entries],
    }


def _entry_json(entry: Entry) -> dict[str, Any]:
    return {
        **_commit_json(entry.commit),
        "path": entry.path,
        "operations": [
            {"id": one.id, "confidence": one.confidence, "explanation": one.explanation, "args": dict(one.args)}
            for one in entry.operations
        ],
        "changes": [
            {
                "document": change.document,
                "path": list(change.path),
                "from": None if change.origin is None else list(change.origin),
                "change": change.change,
                "encrypted": change.encrypted._asdict(),
                "certain": change.certain,
            }
            for change in entry.changes
        ],
        "problem": entry.problem,
        "compared_with": entry.compared_with,
        "shallow": entry.cut_off,
    }


def _commit_json(commit: CommitInfo) -> dict[str, Any]:
    time = _time(commit)
    return {
        "commit": commit.id,
        "date": time.isoformat() if time else None,
        "author": {"name": _unicode(commit.author), "email": _unicode(commit.email)},
    }


def _unicode(text: str) -> str:
    r"""Bytes that were no UTF-8 as `\xNN`: JSON has no surrogates."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _ages_json(ages: Ages) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "path": ages.path,
        "commit": ages.commit,
        "keys": [
            {
                "document": one.document,
                "path": list(one.path),
                "encrypted": one.encrypted,
                "last_changed": _commit_json(one.last.commit) if one.last else None,
                "perhaps_changed": _commit_json(one.perhaps.commit) if one.perhaps else None,
                "was_plain": one.was_plain,
            }
            for one in ages.keys
        ],
    }
