"""`sopskit review-diff`: what a branch changes, with or without a key."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sopskit.cli import reports
from sopskit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from sopskit.cli.context import Context
    from sopskit.review.model import ReviewDiff
    from sopskit.review.request import Options

EXAMPLES = """\b
Example:
  sopskit review-diff main...rotate-db
  sopskit review-diff --staged
  sopskit review-diff origin/main --write markdown:comment.md --write sarif:sopskit.sarif"""
# below this many files a bar would only flicker
FILES_FOR_A_BAR = 200


@click.command(cls=reports.SeparatedCommand, name="review-diff", epilog=EXAMPLES)
@click.argument("revisions", nargs=-1, metavar="[A..B | A...B | BASE [HEAD]]")
@click.option("--staged", is_flag=True, help="Review what is staged for the next commit.")
@click.option("--worktree", is_flag=True, help="Review the files as they lie in the work tree.")
@click.option("--files", nargs=2, type=click.Path(path_type=Path), metavar="OLD NEW", help="Review two files.")
@click.option(
    "--trusted-author",
    is_flag=True,
    help="The author can read all these files: say which values are equal (CI must know it).",
)
@reports.report_options
@click.option("--json-schema", is_flag=True, help="Print the JSON Schema of --format json.")
@click.pass_obj
def command(
    context: Context,
    revisions: tuple[str, ...],
    staged: bool,
    worktree: bool,
    files: tuple[Path, Path] | None,
    trusted_author: bool,
    format_name: str,
    written: tuple[str, ...],
    fail_on: Any,
    strict: bool,
    keyless: bool,
    json_schema: bool,
    paths: tuple[str, ...],
    separated: bool,
) -> int:
    """Show what a branch changes in encrypted files: values masked, recipients, and what is dangerous.

    Needs no private key. With one at hand MACs are verified and kinds of values are told, but no value is ever shown.

    Two revisions, or one and HEAD, are compared from their merge base on; A..B compares the two themselves. Without a
    revision the base is the upstream default branch. Nothing is checked out and no filter of the repository is run.
    Paths after two dashes limit it to what is at or below them. Severities, names and waivers are those of
    .sopskit.yaml in the branch that the change goes into.

    Exit code: 0 nothing found, 1 findings, 2 could not decide.
    """
    from sopskit.review.request import Options

    if json_schema:
        from sopskit.review.render import schema

        context.write(schema.load().encode())
        return 0
    if (staged, worktree, bool(files)).count(True) > 1:
        raise UsageError("--staged, --worktree and --files exclude each other")
    reports.check_targets(written)
    with _progress(context) as progress:
        options = Options(
            keyring=None if keyless else context.quiet_keyring(),
            vouched=trusted_author,
            threshold=fail_on,
            strict=strict,
            progress=progress,
        )
        if files:
            result = _review_files(files, revisions, options)
        else:
            state = "staged" if staged else "worktree" if worktree else None
            result = _review_repository(context, revisions, paths, separated, state, options)
    context.warn_of_sources()
    return reports.show(context, result, format_name, written)


def _review_files(files: tuple[Path, Path], revisions: tuple[str, ...], options: Options) -> ReviewDiff:
    from sopskit.workflow.review import review_files

    if revisions:
        raise UsageError("--files compares two files, no revisions")
    return review_files(*files, options)


def _review_repository(
    context: Context, revisions: tuple[str, ...], paths: tuple[str, ...], separated: bool, state: Any, options: Options
) -> ReviewDiff:
    from sopskit.git import open_repository
    from sopskit.workflow import ends as which
    from sopskit.workflow import review

    if len(revisions) > 2:
        raise UsageError("more than two revisions", hint="sopskit review-diff BASE HEAD")
    folder = Path.cwd()
    repository = open_repository(folder, context.environ, index_file=_index_of_hook(context, state))
    if repository is None:
        raise review.missing_repository()
    with repository:
        below = which.choose_paths(repository, paths, folder)
        if state is not None:
            base = which.base_of_uncommitted(repository, revisions, folder, separated=separated)
            return review.review_uncommitted(repository, base, state, paths=below, options=options)
        ends = which.choose_ends(repository, revisions, folder, separated=separated)
        result = review.review(repository, ends, paths=below, options=options)
        if ends.head.commit is not None and repository.has_uncommitted_changes(ends.head.commit):
            context.note("sopskit: uncommitted changes are not part of this review; --worktree reviews them")
        return result


def _index_of_hook(context: Context, state: Any) -> str | None:
    """`git commit FILE` and `git commit -a` give a hook an index of their own."""
    return context.environ.get("GIT_INDEX_FILE") if state == "staged" else None


def _progress(context: Context) -> AbstractContextManager[Callable[[int, int], None] | None]:
    """A bar for reviews of many files at a terminal."""
    if "stderr" not in context.terminals or not reports.wants_colour(context):
        return nullcontext()
    from sopskit.cli.progress import LateBar

    return LateBar(context.stderr, "files", FILES_FOR_A_BAR)
