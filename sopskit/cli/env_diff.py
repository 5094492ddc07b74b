"""`sopskit env-diff`: which keys each environment has."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import click

from sopskit.cli import reports
from sopskit.errors import UsageError
from sopskit.review.alignment import SHORTEST_TOLD

if TYPE_CHECKING:
    from sopskit.cli.context import Context
    from sopskit.review.envdiff import EnvDiff, KeyRow

SCHEMA = "sopskit.env-diff/1"
MISSING = 1
EXAMPLES = """\b
Example:
  sopskit env-diff
  sopskit env-diff dev prod --missing-only
  sopskit env-diff dev qa prod --ref origin/main --exit-code
"""


@click.command(cls=reports.ReportingCommand, name="env-diff", epilog=EXAMPLES)
@click.argument("environments", nargs=-1, metavar="[ENV]...")
@click.option("--ref", metavar="REVISION", help="Compare the files of a commit, not those of the work tree.")
@click.option("--missing-only", is_flag=True, help="Show only what an environment lacks.")
@click.option("--all", "everything", is_flag=True, help="Show the keys that all environments have alike as well.")
@click.option(
    "--equality",
    is_flag=True,
    help="Say which encrypted values are equal; not where others read it who may write one of the files.",
)
@click.option(
    "--exit-code", is_flag=True, help="Exit with 1 if an environment lacks something, 2 if a file cannot be read."
)
@click.option("--keyless", is_flag=True, help="Do not look for private keys.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@click.pass_obj
def command(
    context: Context,
    environments: tuple[str, ...],
    ref: str | None,
    missing_only: bool,
    everything: bool,
    equality: bool,
    exit_code: bool,
    keyless: bool,
    as_json: bool,
) -> int:
    """Compare the keys of environments, service by service: missing, of another kind, not encrypted everywhere.

    No value is shown, and of the keys that all environments have alike only their number; --all names them, and --json has
    them in any case. Environments are those of .sopskit.yaml, else the folders below k8s/gitops/, overlays/ or environments/. Files belong
    together whose paths differ in the environment's name only. Without names all environments are compared, else those named
    in the order in which they are named.

    Needs no private key. With one at hand the kinds of values are those of what is encrypted, and --equality tells where
    two environments share a value. Readable values are always compared; --all shows them.

    Exit code: 0, unless --exit-code is given; 2 for wrong usage.
    """
    if missing_only and everything:
        raise UsageError("--missing-only and --all exclude each other")
    result = _compare(context, environments, ref, keyless=keyless, equality=equality)
    if as_json:
        context.say(json.dumps(_as_json(result, ref, missing_only=missing_only), indent=2))
    else:
        from sopskit.cli import env_table

        shown: env_table.Shown = "missing" if missing_only else "all" if everything else "differences"
        context.write(env_table.text(context, result, shown).encode("utf-8", "backslashreplace"))
    for problem in result.not_read:
        context.warn(f"{problem.path} could not be compared: {problem.reason}")
    if result.closed and equality:
        context.warn(f"no private key at hand opens {len(result.closed)} of the files: their values are not compared")
    if result.short:
        keys = "1 key" if result.short == 1 else f"{result.short} keys"
        context.note(
            f"sopskit: note: {keys} not compared: an encrypted value of less than {SHORTEST_TOLD} bytes is equal by chance"
        )
    if not exit_code:
        return 0
    return reports.UNDECIDED if result.not_read else MISSING if result.missing else 0


def _compare(
    context: Context, environments: tuple[str, ...], ref: str | None, *, keyless: bool, equality: bool
) -> EnvDiff:
    from sopskit.git import open_repository
    from sopskit.git.worktree import WorkTree
    from sopskit.workflow.envdiff import Wanted, diff_commit, diff_worktree

    if keyless and equality:
        raise UsageError("--equality needs private keys, and --keyless forbids to look for any")
    repository = open_repository(os.curdir, context.environ)
    if repository is None:
        raise UsageError("this folder is in no git repository", hint="run sopskit env-diff inside a work tree")
    wanted = Wanted(environments, None if keyless else context.quiet_keyring(), equality=equality)
    with repository:
        if ref is not None:
            return diff_commit(repository, repository.resolve(ref), wanted)
        return diff_worktree(repository, WorkTree(repository.root, context.environ), wanted)


def _as_json(result: EnvDiff, ref: str | None, *, missing_only: bool) -> dict[str, object]:
    return {
        "schema": SCHEMA,
        "ref": ref,
        "environments": list(result.environments),
        "missing": result.missing,
        "files": [
            {
                "file": file.label,
                "paths": dict(zip(result.environments, file.paths, strict=True)),
                "keys": [_row(row, result) for row in file.keys if not missing_only or row.state == "missing"],
            }
            for file in result.files
        ],
        "not_read": [{"path": problem.path, "reason": problem.reason} for problem in result.not_read],
        "not_opened": list(result.closed),
    }


def _row(row: KeyRow, result: EnvDiff) -> dict[str, object]:
    cells = (cell and {"kind": cell.kind, "encrypted": cell.encrypted} for cell in row.cells)
    return {
        "object": {"kind": row.key.kind, "name": row.key.name} if row.key.kind else None,
        "key": list(row.key.path),
        "state": row.state,
        "environments": dict(zip(result.environments, cells, strict=True)),
        "equal": [[result.environments[index] for index in group] for group in row.equal],
    }
