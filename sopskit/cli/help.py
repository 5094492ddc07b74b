"""Help: the overview of all commands, and click's page for each of sops's."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    import click

    from sopskit.cli.declare import Option, Verb
    from sopskit.cli.main import Row

OVERVIEW = """\
Usage: sopskit COMMAND [OPTIONS] [FILE]...
       sopskit FILE                          edit a file

SOPS files for GitOps teams: encrypt without touching formatting, review without a key.

Commands:
{commands}

Options:
  --config FILE  use this configuration file instead of the .sops.yaml of this folder or above
  --version      print the version
  --help         print this, or the help of a command

First steps:
  sopskit demo                                see it work, in a folder of its own
  sopskit encrypt -i --age age1... FILE       encrypt; needs a public key only
  sopskit decrypt FILE                        print the plaintext; needs a private key
  sopskit init                                set this repository up: rules, settings, hook
  sopskit review-diff                         what does this branch change? no key needed

sops's older forms (sopskit -d FILE, -e, -r, --set) are understood as well.
"""


def overview(rows: Iterable[Row]) -> str:
    """The page that `sopskit --help` prints."""
    rows = list(rows)
    width = max(len(row.name) for row in rows)
    return OVERVIEW.format(commands="\n".join(f"  {row.name:{width}}  {row.summary}" for row in rows)).rstrip()


def click_command(verb: Verb) -> click.Command:
    """One of sops's commands as click sees it: for help and completion, never to be run."""
    import click

    class Page(click.Command):
        """Shows the example as it was written."""

        def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 click's
            with formatter.section("Keys"):
                formatter.write_text(verb.keys)
            with formatter.section("Example"):
                for line in verb.example.strip().splitlines():
                    formatter.write(f"{' ' * formatter.current_indent}{line}\n")

    parameters: list[click.Parameter] = [_click_option(option) for option in verb.options]
    parameters.append(click.Argument(["files"], nargs=-1, metavar=verb.arguments, type=click.Path()))
    return Page(verb.name, params=parameters, help=verb.summary)


def _click_option(option: Option) -> click.Option:
    import click

    names = [f"--{option.name}", *([f"-{option.short}"] if option.short else [])]
    kind = click.Path() if option.metavar in ("FILE", "NAME") else click.STRING
    if not option.metavar:
        return click.Option(names, is_flag=True, help=option.help)
    if option.refused:
        return click.Option(names, hidden=True)
    return click.Option(
        names,
        metavar=option.metavar,
        type=kind,
        multiple=option.many,
        help=option.help,
        envvar=option.env or None,
        show_envvar=bool(option.env),
    )
