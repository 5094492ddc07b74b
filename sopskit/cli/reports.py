"""Showing a review: `--format`, `--write`, and the words on usage that its commands share."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from sopskit.errors import FileAccessError, SopskitError, UsageError
from sopskit.workflow.files import reason

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeAlias

    from sopskit.cli.context import Context
    from sopskit.review.model import ReviewDiff

    Decorator: TypeAlias = Callable[[Callable[..., Any]], Callable[..., Any]]

UNDECIDED = 2
SEPARATOR = "--"
FORMATS = ("terminal", "markdown", "html", "json", "sarif", "gitlab")
SEVERITIES = ("block", "high", "medium", "low")


class ReportingCommand(click.Command):
    """Wrong usage ends with 2 as whatever else could not be decided: 1 stands for findings."""

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run the command."""
        obj: Context = extra["obj"]
        try:
            return super().main(*args, **extra)
        except click.ClickException as error:
            message = error.format_message().rstrip(".")
            return obj.fail(UsageError(f"{self.name}: {message}", hint=f"sopskit {self.name} --help"), UNDECIDED)
        except SopskitError as error:
            return obj.fail(error, UNDECIDED)


class SeparatedCommand(ReportingCommand):
    """What follows two dashes are paths; `separated` tells whether there are any (click drops them without a word)."""

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


def report_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--format`, `--json`, `--write`, `--fail-on`, `--strict`, `--keyless`."""
    for option in reversed(
        (
            click.option(
                "--format", "format_name", type=click.Choice(FORMATS), default="terminal", help="How to show it."
            ),
            click.option("--json", "format_name", flag_value="json", help="Short for --format json."),
            click.option(
                "--write",
                "written",
                multiple=True,
                metavar="FORMAT:FILE",
                help="Write it to a file as well, such as markdown:comment.md; may be repeated.",
            ),
            click.option(
                "--fail-on",
                type=click.Choice(SEVERITIES),
                default="high",
                show_default=True,
                help="The least severity of a finding that makes the exit code 1.",
            ),
            click.option("--strict", is_flag=True, help="Exit with 2 if anything could not be checked."),
            click.option("--keyless", is_flag=True, help="Do not look for private keys."),
        )
    ):
        command = option(command)
    return command


def show(
    context: Context, result: ReviewDiff, format_name: str, written: Sequence[str], text: str | None = None
) -> int:
    """Print a review, write it to the files that were asked for, and give its exit code.

    `text` is what a command of its own style prints in the place of the terminal's form.
    """
    for format, path in [_target(word) for word in written]:
        _write_file(path, render(result, format, context).encode("utf-8", "backslashreplace"))
    if text is None or format_name != "terminal":
        text = render(result, format_name, context, terminal=True)
    context.write(text.encode("utf-8", "backslashreplace"))
    return result.exit_code


def check_targets(written: Sequence[str]) -> None:
    """Refuse a wrong `--write` before the work is done. Raises `UsageError`."""
    for word in written:
        _target(word)


def _target(word: str) -> tuple[str, str]:
    format, colon, path = word.partition(":")
    if not colon or format not in FORMATS or not path:
        raise UsageError(
            "--write takes a format, a colon and a file",
            hint=f"formats are {', '.join(FORMATS)}; --write sarif:review.sarif",
        )
    return format, path


def _write_file(path: str, data: bytes) -> None:
    try:  # in a checkout somebody else may have put a symbolic link there
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        with open(os.open(path, flags, 0o666), "wb") as file:
            file.write(data)
    except OSError as error:
        raise FileAccessError(f"the report cannot be written: {reason(error)}").at(file=path) from error


def render(result: ReviewDiff, format: str, context: Context, *, terminal: bool = False) -> str:
    """A review in a format. Only on a terminal there is colour."""
    if format == "terminal":
        from sopskit.review.render.terminal import render as as_text

        colour = terminal and wants_colour(context)
        return as_text(result, colour=colour, width=_width() if colour else None)
    if format == "sarif":
        from sopskit.review.findings import POLICIES
        from sopskit.review.render.sarif import render as as_sarif

        return as_sarif(result, POLICIES)
    from importlib import import_module

    text: str = import_module(f"sopskit.review.render.{format}").render(result)
    return text


def wants_colour(context: Context) -> bool:
    """On a terminal that can, unless NO_COLOR (https://no-color.org) is set."""
    environ = context.environ
    return "stdout" in context.terminals and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"


def _width() -> int:
    try:
        return os.get_terminal_size(1).columns or 80
    except OSError:
        return 80
