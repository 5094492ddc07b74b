"""`sopskit review-diff`: what a branch changes, without a key."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sopskit.errors import SopskitError, UsageError

if TYPE_CHECKING:
    from sopskit.cli.context import Context
    from sopskit.review.model import ReviewDiff

UNDECIDED = 2
SEPARATOR = "--"


class ReviewCommand(click.Command):
    """Wrong usage ends with 2 as whatever else could not be decided: 1 stands for findings.

    What follows two dashes are paths; `separated` tells whether there are any (click drops them without a word).
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take the paths out, and read the rest."""
        separated = SEPARATOR in args
        end = args.index(SEPARATOR) if separated else len(args)
        rest = super().parse_args(ctx, args[:end])
        ctx.params.update(paths=tuple(args[end + 1 :]), separated=separated)
        return rest

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """The paths as well."""
        return [*super().collect_usage_pieces(ctx), "[-- PATH...]"]

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run the command."""
        obj: Context = extra["obj"]
        try:
            return super().main(*args, **extra)
        except click.ClickException as error:
            message = error.format_message().rstrip(".")
            return obj.fail(UsageError(f"review-diff: {message}", hint="sopskit review-diff --help"), UNDECIDED)
        except SopskitError as error:
            return obj.fail(error, UNDECIDED)


@click.command(cls=ReviewCommand, name="review-diff")
@click.argument("revisions", nargs=-1, metavar="[A..B | A...B | BASE [HEAD]]")
@click.option(
    "--format", "format_name", type=click.Choice(["terminal", "json"]), default="terminal", help="How to show it."
)
@click.option("--json", "format_name", flag_value="json", help="Short for --format json.")
@click.option(
    "--fail-on",
    type=click.Choice(["block", "high", "medium", "low"]),
    default="high",
    show_default=True,
    help="The least severity of a finding that makes the exit code 1.",
)
@click.pass_obj
def command(
    context: Context,
    revisions: tuple[str, ...],
    format_name: str,
    fail_on: Any,
    paths: tuple[str, ...],
    separated: bool,
) -> int:
    """Show what a branch changes in encrypted files: values masked, recipients, and what is dangerous.

    Needs no private key. Two revisions, or one and HEAD, are compared from their merge base on; A..B compares
    the two themselves. Without a revision the base is the upstream default branch. Nothing is checked out, and
    uncommitted changes play no part. Paths after two dashes limit it to what is at or below them.

    Exit code: 0 nothing found, 1 findings, 2 could not decide.
    """
    from sopskit.git import open_repository
    from sopskit.workflow import review

    if len(revisions) > 2:
        raise UsageError("more than two revisions", hint="sopskit review-diff BASE HEAD")
    folder = Path.cwd()
    repository = open_repository(folder, context.environ)
    if repository is None:
        raise review.missing_repository()
    with repository:
        ends = review.choose_ends(repository, revisions, folder, separated=separated)
        below = review.choose_paths(repository, paths, folder)
        result = review.review(repository, ends, paths=below, threshold=fail_on)
        if repository.has_uncommitted_changes(ends.head.commit):
            context.note("sopskit: uncommitted changes are not part of this review")
    context.write(_render(result, format_name, context).encode("utf-8", "backslashreplace"))
    return result.exit_code


def _render(result: ReviewDiff, format_name: str, context: Context) -> str:
    if format_name == "json":
        from sopskit.review.render import json

        return json.render(result)
    from sopskit.review.render import terminal

    return terminal.render(result, colour=_wants_colour(context))


def _wants_colour(context: Context) -> bool:
    """On a terminal that can, unless NO_COLOR (https://no-color.org) is set."""
    environ = context.environ
    return "stdout" in context.terminals and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
