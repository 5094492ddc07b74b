"""`sopskit recipients`: who can read which files."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING

import click

from sopskit.cli.keys import SETTINGS, example
from sopskit.errors import GitError
from sopskit.redact import harmless

if TYPE_CHECKING:
    from sopskit.cli.context import Context
    from sopskit.git.worktree import WorkTree
    from sopskit.workflow.recipients import Inventory, Reader

NOT_READ = 1  # exit code: the picture is not whole


@click.group(
    context_settings=SETTINGS, epilog=example("sopskit recipients list", "sopskit recipients list k8s/gitops/prod")
)
def command() -> None:
    """Show who can read which files.

    Needs no key: every encrypted file says in the clear for whom its data key is wrapped. Names come from .sopskit.yaml.
    """


@command.command("list", epilog=example("sopskit recipients list", "sopskit recipients list --files k8s/gitops/prod"))
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option("--files", "every_file", is_flag=True, help="A row for every file, however many there are.")
@click.option("--format", "form", type=click.Choice(("text", "json")), default="text", help="How to print it.")
@click.option("--json", "form", flag_value="json", help="Short for --format json.")
@click.pass_obj
def list_recipients(context: Context, paths: tuple[str, ...], every_file: bool, form: str) -> int:
    """List the readers of encrypted files.

    Looks at the files named and those in the folders named, without any at all files that git tracks, as they are in
    the work tree. More than 30 files are grouped by folder: x says that somebody reads all of a folder's files, 3/12 that
    they read some, - that they read none.

    Needs no key. Exit code 1 if an encrypted file could not be read.
    """
    from sopskit.workflow import recipients

    tree = work_tree(context, paths[0] if paths else os.curdir, needed=not paths)
    root = None if tree is None else str(tree.root)
    team = recipients.load_team(root)
    inventory = recipients.take_inventory(recipients.find_files(paths, tree), team, root)
    if form == "json":
        context.say(json.dumps(_as_json(inventory), indent=2))
    else:
        _show(context, inventory, recipients.labels(inventory.readers), every_file=every_file)
    for problem in inventory.not_read:
        context.warn(f"{problem.path} could not be read: {problem.reason}")
    return NOT_READ if inventory.not_read else 0


def work_tree(context: Context, path: str, *, needed: bool) -> WorkTree | None:
    """The work tree that `path` is in, None if it is in none.

    Raises `GitError` if git refuses it and it is `needed`; otherwise names are done without, and that is told.
    """
    from sopskit.git import open_repository
    from sopskit.git.worktree import WorkTree

    try:
        repository = open_repository(path, context.environ)
        return None if repository is None else WorkTree(repository.root, context.environ)
    except GitError as error:
        if needed:
            raise
        context.warn(f"recipients have no names, since .sopskit.yaml is not read: {error}", error.hint)
        return None


def _show(context: Context, inventory: Inventory, called: dict[Reader, str], *, every_file: bool) -> None:
    from sopskit.cli import matrix

    if not inventory.files:
        context.note("no encrypted file was found")
        return
    if "stdout" in context.terminals:
        text = matrix.for_terminal(
            lambda most: matrix.build(inventory, called, every_file=every_file, most=most),
            shutil.get_terminal_size((100, 24)).columns,
            colour=not context.environ.get("NO_COLOR") and context.environ.get("TERM") != "dumb",
        )
    else:
        text = matrix.plain(matrix.build(inventory, called, every_file=every_file))
    context.write(text.encode("utf-8", "backslashreplace"))
    shared = sum(len(file.groups) > 1 for file in inventory.files)
    if shared:
        context.note(f"{shared} of the files have key groups: several readers have to come together to open them")
    for reader, name in called.items():
        if reader.name is None:
            long = "" if name == reader.id else f": {reader.id}"
            context.note(f"not named in .sopskit.yaml: {name}{long}")


def _as_json(inventory: Inventory) -> dict[str, object]:
    def row(reader: Reader, **more: int) -> dict[str, object]:
        return {"type": reader.type, "id": reader.id, "name": reader.name, **more}

    return {
        "recipients": [
            row(reader, files=sum(reader in file.readers for file in inventory.files)) for reader in inventory.readers
        ],
        "files": [
            {
                "path": path_text(file.path),
                "environment": file.environment,
                "threshold": file.threshold if len(file.groups) > 1 else None,
                "recipients": [
                    row(reader, group=number) for number, group in enumerate(file.groups) for reader in group
                ],
            }
            for file in inventory.files
        ],
        "not_read": [{"path": path_text(problem.path), "reason": problem.reason} for problem in inventory.not_read],
    }


def path_text(path: str) -> str:
    r"""A path as JSON can hold it: bytes that are no UTF-8 become `\xNN`."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return harmless(path)
    return path
