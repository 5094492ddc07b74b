"""`sopskit check`: what should not be committed, before it is."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sopskit.cli import reports
from sopskit.errors import SopskitError, UsageError

if TYPE_CHECKING:
    from sopskit.cli.context import Context
    from sopskit.git import Repository
    from sopskit.review.model import Finding, ReviewDiff
    from sopskit.review.render.grouping import Entry
    from sopskit.review.request import Options

COLOURS = {"block": 31, "high": 31, "medium": 33, "low": 36}  # SGR parameters
FEW = 1  # more places of one cause that are named
FILE = re.compile(r"\bFILE\b")  # in a remedy: the file of the finding; FILES are others
EXAMPLES = """\b
Example:
  sopskit check
  sopskit check --staged
  sopskit check --range origin/main..HEAD
  sopskit check k8s/gitops/prod
"""


@click.command(cls=reports.ReportingCommand, name="check", epilog=EXAMPLES)
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option(
    "--staged", is_flag=True, help="Check what is staged for the next commit; with paths, these files of the index."
)
@click.option(
    "--range", "range_name", metavar="A..B", help="Check what B has changed since it left A, each commit of it."
)
@click.option(
    "--all", "everything", is_flag=True, help="Check all files of the work tree that git does not ignore (the default)."
)
@click.option("-v", "--verbose", is_flag=True, help="A line for each finding, also where many have one cause.")
@reports.report_options
@click.pass_obj
def command(
    context: Context,
    paths: tuple[str, ...],
    staged: bool,
    range_name: str | None,
    everything: bool,
    verbose: bool,
    format_name: str,
    written: tuple[str, ...],
    fail_on: Any,
    strict: bool,
    keyless: bool,
) -> int:
    """Find plain text where a rule asks for encryption, private keys, damage and unresolved conflicts.

    Looks at the files named and those in the folders named as they lie in the work tree, even outside of any repository.
    Needs no private key. With one at hand MACs are verified too. Severities and waivers are those of .sopskit.yaml in HEAD.

    Says nothing if there is nothing to say, and one line for findings with one cause. In a hook: exec sopskit check --staged

    Exit code: 0 nothing found, 1 findings, 2 could not decide.
    """
    from sopskit.review.request import Options

    if (staged, range_name is not None, everything).count(True) > 1:
        raise UsageError("--staged, --range and --all exclude each other")
    if everything and paths:
        raise UsageError("--all means all files, not those of a path", hint="name the paths without it")
    reports.check_targets(written)
    options = Options(keyring=None if keyless else context.quiet_keyring(), threshold=fail_on, strict=strict)
    try:
        result = _check(context, paths, options, staged=staged, range_name=range_name)
    except SopskitError:
        raise
    except Exception as error:  # whatever it is, nothing is known of the files
        if context.environ.get("SOPSKIT_DEBUG") == "1":
            raise
        raise SopskitError(f"a bug in sopskit: {type(error).__name__}", hint="SOPSKIT_DEBUG=1 shows where") from None
    text = _text(context, result, verbose=verbose) if format_name == "terminal" else None
    return reports.show(context, result, format_name, written, text)


def _check(
    context: Context, words: tuple[str, ...], options: Options, *, staged: bool, range_name: str | None
) -> ReviewDiff:
    from sopskit.git import open_repository

    folder = Path.cwd()
    index_file = context.environ.get("GIT_INDEX_FILE") if staged else None  # `git commit -a` gives a hook its own
    repository = open_repository(words[0] if words else folder, context.environ, index_file=index_file)
    if repository is not None:
        with repository:
            return _check_repository(context, repository, words, options, staged=staged, range_name=range_name)
    if staged or range_name is not None:
        raise UsageError("this folder is in no git repository", hint="sopskit check PATH checks files anywhere")
    from sopskit.workflow.checkfiles import check_files

    return check_files(words or [os.curdir], options)


def _check_repository(
    context: Context,
    repository: Repository,
    words: tuple[str, ...],
    options: Options,
    *,
    staged: bool,
    range_name: str | None,
) -> ReviewDiff:
    from sopskit.workflow import check
    from sopskit.workflow.ends import choose_paths

    paths = choose_paths(repository, words, Path.cwd())
    if staged:
        return check.check_staged(repository, paths, options)
    if range_name is not None:
        from sopskit.workflow.ends import choose_ends

        base, dots, head = range_name.partition("..")
        if not dots:
            raise UsageError("--range takes two revisions with two dots between them", hint="--range origin/main..HEAD")
        ends = choose_ends(repository, [f"{base}...{head.removeprefix('.')}"], Path.cwd(), separated=True)
        return check.check_range(repository, ends, paths, options)
    from sopskit.git.worktree import WorkTree

    return check.check_worktree(repository, WorkTree(repository.root, context.environ), paths, options)


# --- in a few lines, for the output of a hook


def _text(context: Context, result: ReviewDiff, *, verbose: bool) -> str:
    """A line for each cause, then the verdict; nothing, unless somebody looks at it, where all is well."""
    at_terminal = "stdout" in context.terminals
    # what nobody here has a key for is no news on every commit
    undecided = [item for item in result.not_checked if item.decisive or result.strict]
    if not result.findings and not undecided:
        return f"sopskit check: {_files(result)}, nothing found\n" if at_terminal else ""
    from sopskit.review.render import words
    from sopskit.review.render.grouping import Entry
    from sopskit.review.render.terminal import VOICE

    causes = [Entry((finding,)) for finding in result.findings] if verbose else _causes(result)
    lines = [_line(cause, colour=reports.wants_colour(context)) for cause in causes]
    lines += [f"not checked: {words.unreadable(item, VOICE)}" for item in undecided]
    return "".join(f"{line}\n" for line in (*lines, f"sopskit check: {_files(result)}; {words.verdict(result)}"))


def _files(result: ReviewDiff) -> str:
    return "1 file" if len(result.files) == 1 else f"{len(result.files)} files"


def _causes(result: ReviewDiff) -> list[Entry]:
    """The findings by their causes. Of which other policies tell of them as well is nothing said, and makes no difference."""
    from sopskit.review.render.grouping import Entry, entries

    found: dict[object, list[Finding]] = {}
    for entry in entries(result):
        one = entry.first
        cause = (one.id, one.severity, one.message, one.remedy, tuple(sorted(one.args.items())), one.waived)
        found.setdefault(cause, []).extend(entry.findings)
    return [Entry(tuple(findings)) for findings in found.values()]


def _line(cause: Entry, *, colour: bool) -> str:
    """`path:line: block ENC04: what it is (key); what to do`."""
    from sopskit.review.render import words
    from sopskit.review.render.terminal import VOICE

    finding = cause.first
    severity: str = "waived" if finding.waived else finding.severity
    if colour and not finding.waived:
        severity = f"\x1b[{COLOURS[finding.severity]}m{severity}\x1b[0m"
    key = f" ({words.key_path(finding.key, finding.document or 0, VOICE)})" if finding.key else ""
    said = f"{words.place(finding, VOICE)}: {severity} {finding.id}: {words.message(finding, VOICE)}{key}"
    return "; ".join(part for part in (said, _others(cause), _remedy(cause)) if part)


def _others(cause: Entry) -> str:
    """Where else it is: a few places by name, many by their number."""
    from sopskit.review.render import words
    from sopskit.review.render.terminal import VOICE

    others = cause.findings[1:]
    if len(others) > FEW:
        what = words.count(cause.files - 1, "more file") if cause.files > 1 else words.count(len(others), "more place")
        return f"and {what} (--verbose names them)"
    return f"also {', '.join(words.place(one, VOICE) for one in others)}" if others else ""


def _remedy(cause: Entry) -> str:
    """What to do, as a command that can be pasted as long as the files are few."""
    from shlex import quote

    from sopskit.review.render import words
    from sopskit.review.render.terminal import VOICE

    finding = cause.first
    if finding.waived:
        return ""
    paths = dict.fromkeys(one.path for one in cause.findings)
    remedy = finding.remedy
    if len(paths) <= FEW + 1 and "file" not in finding.args:  # that one names another file
        remedy = FILE.sub(" ".join(f"{{path{number}}}" for number in range(len(paths))), remedy)
    named = {f"path{number}": quote(_harmless_option(path)) for number, path in enumerate(paths)}
    return words.say(remedy, {**finding.args, **named}, VOICE)


def _harmless_option(path: str) -> str:
    """A path that no command takes for an option."""
    return f"./{path}" if path.startswith("-") else path
