"""`sopskit completion bash|zsh|fish`, and the answers to a shell that asks: both by click."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sopskit.cli import main

if TYPE_CHECKING:
    from sopskit.cli.context import Context

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


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_obj
def command(context: Context, shell: str) -> None:
    r"""Print a script that completes commands, options and file names in your shell.

    \b
    bash:  source <(sopskit completion bash)
    zsh:   source <(sopskit completion zsh)
    fish:  sopskit completion fish | source
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101 one of click's own
    context.say(kind(root, {}, "sopskit", main.COMPLETE).source())
