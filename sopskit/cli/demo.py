"""`sopskit demo`: see it work."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from sopskit.cli.context import Context


@click.command(name="demo")
@click.pass_obj
def command(context: Context) -> int:
    """See it work: a Git repository in a temporary folder, encrypted, changed on a branch, reviewed, rendered.

    It makes its own keys, in memory, needs none of yours, verifies what it shows and leaves nothing behind.
    """
    from sopskit.workflow.demo import run

    run(context.say, context.environ)
    return 0
