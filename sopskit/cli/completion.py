"""`sopskit completion bash|zsh|fish`, and the answers to a shell that asks: both by click."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sopskit.cli import main
from sopskit.errors import UsageError

if TYPE_CHECKING:
    from sopskit.cli.context import Context

# \b keeps click from joining the lines
HELP = """Print a script that completes commands, options and file names in your shell.

\b
bash:  source <(sopskit completion bash)
zsh:   source <(sopskit completion zsh)
fish:  sopskit completion fish | source
"""
SHELLS = ("bash", "zsh", "fish")


class Root(click.Group):
    """All commands, each loaded when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 click's
        """Names in the order of the help."""
        return list(main.COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 click's
        """Load one command."""
        row = main.COMMANDS.get(cmd_name)
        return None if row is None else main.load_click(row)


root = Root("sopskit")


def complete(context: Context) -> int:
    """Answer a shell, or print its script: `_SOPSKIT_COMPLETE` says which."""
    from click.shell_completion import shell_complete

    return shell_complete(root, {}, "sopskit", main.COMPLETE, context.environ[main.COMPLETE])


@click.command(help=HELP)
@click.argument("shell", type=click.Choice(SHELLS), required=False, metavar="SHELL")
@click.pass_obj
def command(context: Context, shell: str | None) -> None:
    """Print a shell's script. Raises `UsageError` if none is named."""
    if shell is None:
        raise UsageError("completion needs the name of your shell", hint=f"shells are {', '.join(SHELLS)}")
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101 one of click's own
    context.say(kind(root, {}, "sopskit", main.COMPLETE).source())
