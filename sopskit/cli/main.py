"""The command line's entry: takes it apart, loads the one command that is called, shows errors, gives the exit code."""

from __future__ import annotations

import gc
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple, cast

from sopskit.cli import arguments, exitcodes
from sopskit.cli.context import Context, Exit
from sopskit.errors import SopskitError, UsageError
from sopskit.workflow.files import reason

if TYPE_CHECKING:
    from collections.abc import Sequence

    import click

    from sopskit.cli.declare import Verb


class Row(NamedTuple):
    """A command: its line in the help, its module, and the name in it.

    `sops` tells sops's commands, whose modules hold a `Verb` called VERB, from sopskit's own: click commands.
    """

    name: str
    summary: str
    module: str
    sops: bool = False


COMMANDS = {
    row.name: row
    for row in (
        Row("encrypt", "Encrypt files", "sopskit.cli.encrypt", sops=True),
        Row("decrypt", "Decrypt files, or one value of a file", "sopskit.cli.decrypt", sops=True),
        Row("edit", "Edit an encrypted file in your editor", "sopskit.cli.edit", sops=True),
        Row("set", "Set one value of an encrypted file", "sopskit.cli.set", sops=True),
        Row("unset", "Remove one value of an encrypted file", "sopskit.cli.unset", sops=True),
        Row("rotate", "Give files a new data key; add or remove recipients", "sopskit.cli.rotate", sops=True),
        Row("updatekeys", "Give files the recipients of .sops.yaml", "sopskit.cli.updatekeys", sops=True),
        Row("filestatus", "Say whether a file is encrypted", "sopskit.cli.filestatus", sops=True),
        Row("keys", "Make, list and find private keys", "sopskit.cli.keys"),
        Row("review-diff", "Show what a branch changes in encrypted files", "sopskit.cli.review_diff"),
        Row("check", "Find plain text, keys and damage before a commit", "sopskit.cli.check"),
        Row("log", "Show when each value of a file changed, values masked", "sopskit.cli.log"),
        Row("env-diff", "Compare the keys of environments", "sopskit.cli.env_diff"),
        Row("recipients", "Show who can read which files", "sopskit.cli.recipients"),
        Row("policies", "List and explain what reviews look for", "sopskit.cli.policies"),
        Row("rules", "Explain which creation rule a file gets", "sopskit.cli.rules"),
        Row("init", "Set a repository up for encrypted files", "sopskit.cli.init"),
        Row("render", "Build a folder's manifests with its secrets decrypted in memory", "sopskit.cli.render"),
        Row("apply", "Apply a folder to a cluster, decrypted in memory", "sopskit.cli.apply"),
        Row("reconcile", "Keep a cluster as Git says, decrypted in memory", "sopskit.cli.reconcile"),
        Row("krm", "Generate manifests for kustomize from SOPS files", "sopskit.cli.krm"),
        Row("demo", "See it work, in a folder of its own", "sopskit.cli.demo"),
        Row("completion", "Print the completion script of a shell", "sopskit.cli.completion"),
    )
}
SOPS = frozenset(name for name, row in COMMANDS.items() if row.sops)
OWN = frozenset(COMMANDS) - SOPS
COMPLETE = "_SOPSKIT_COMPLETE"


def main(argv: Sequence[str] | None = None, context: Context | None = None) -> int:
    """Run one command line; gives the exit code. Never raises, but for a bug when SOPSKIT_DEBUG is 1."""
    context = context or Context.of_process()
    try:
        code = _run(sys.argv[1:] if argv is None else argv, context)
    except SopskitError as error:
        context.show_error(error)
        code = exitcodes.code_for(error)
    except Exit as exit:
        code = exit.code
    except KeyboardInterrupt:
        code = exitcodes.INTERRUPTED
    except BrokenPipeError:
        code = exitcodes.BROKEN_PIPE
    except Exception as error:  # noqa: BLE001 its text may hold a value and must not be shown
        code = _bug(error, context)
    return _close(context, code)


def run() -> None:
    """The console script: `main`, and out. Taking the interpreter apart would cost as much as decrypting ten files.

    A run is short and a large document holds no cycles: the cyclic collector would only walk it again and again,
    which costs a tenth of the time for 20,000 values.
    """
    gc.disable()
    os._exit(main())


def _run(argv: Sequence[str], context: Context) -> int:
    if COMPLETE in context.environ:
        from sopskit.cli.completion import complete

        return complete(context)
    words = arguments.split(argv, SOPS, OWN)
    given = {name for name, _ in words.options}
    if "version" in given:
        context.say(f"sopskit {version()}")
        return exitcodes.OK
    if words.command is None and words.arguments[:1] in (["help"], ["h"]):
        return _run([*words.arguments[1:2], "--help"], context)
    if words.command is None and "help" in given:
        from sopskit.cli.help import overview

        context.say(overview(COMMANDS.values()))
        return exitcodes.OK
    if words.command in OWN:
        return _run_own(words, context)
    if words.command is None:
        if "--" not in argv:
            _refuse_mistyped(words)
        words = arguments.legacy(words)
    return _run_verb(words, context)


def _refuse_mistyped(words: arguments.Words) -> None:
    """A first word that is almost a command, and no file, is not a new file to edit."""
    word = words.arguments[0] if words.arguments else ""
    if not word.replace("-", "").isalpha() or os.path.lexists(word):
        return
    near = arguments.nearest(word, COMMANDS)
    if near is not None:
        raise UsageError(f"there is no command {word}", hint=f"did you mean: sopskit {near}")
    if len(words.arguments) > 1 and not words.options:
        raise UsageError(f"there is no command {word}, and no such file", hint="sopskit --help lists the commands")


def _run_verb(words: arguments.Words, context: Context) -> int:
    name = cast("str", words.command)
    verb = load_verb(name)
    if "help" in {option for option, _ in words.options}:
        from sopskit.cli.help import click_command

        return _run_click(click_command(verb), name, ["--help"], context)
    given = arguments.match(words, verb.by_name(), context.environ)
    context.config = given.value("config")
    return verb.run(context, given)


def _run_own(words: arguments.Words, context: Context) -> int:
    name = cast("str", words.command)
    for option, value in words.options:
        if option != "config":
            raise UsageError(
                f"--{option} does not stand before {name}", hint=f"sopskit {name} --help lists its options"
            )
        context.config = value
    return _run_click(load_click(COMMANDS[name]), name, words.rest, context)


def _run_click(command: click.Command, name: str, words: Sequence[str], context: Context) -> int:
    import click

    try:
        code = command.main(list(words), prog_name=f"sopskit {name}", obj=context, standalone_mode=False)
    except click.ClickException as error:
        raise UsageError(f"{name}: {error.format_message().rstrip('.')}", hint=f"sopskit {name} --help") from None
    except click.Abort:
        return exitcodes.INTERRUPTED
    return code if isinstance(code, int) else exitcodes.OK


def load_verb(name: str) -> Verb:
    """The declaration of one of sops's commands."""
    return cast("Verb", import_module(COMMANDS[name].module).VERB)


def load_click(row: Row) -> click.Command:
    """Any command, as click sees it."""
    if row.sops:
        from sopskit.cli.help import click_command

        return click_command(load_verb(row.name))
    return cast("click.Command", import_module(row.module).command)


def version() -> str:
    """Which release of sopskit runs."""
    from sopskit import __version__

    return __version__


def _bug(error: Exception, context: Context) -> int:
    """An exception that is none of ours. Its text may hold a value, so only its class and place are shown."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = f" at {os.path.basename(place.tb_frame.f_code.co_filename)}:{place.tb_lineno}" if place else ""
    context.note(f"sopskit: error: a bug in sopskit: {type(error).__name__}{where}")
    if context.environ.get("SOPSKIT_DEBUG") == "1":
        import traceback

        for line in "".join(traceback.format_tb(error.__traceback__)).splitlines():
            context.note(line)
    else:
        context.note("sopskit: hint: SOPSKIT_DEBUG=1 shows where; please report it, without the file")
    return exitcodes.BUG


def _close(context: Context, code: int) -> int:
    """Flush; what cannot be delivered is an error, and a reader that has gone is not worth a word."""
    try:
        context.stdout.flush()
        context.stderr.flush()
    except BrokenPipeError:
        code = exitcodes.BROKEN_PIPE
    except OSError as error:
        context.note(f"sopskit: error: standard output cannot be written: {reason(error)}")
        code = code or exitcodes.GENERAL
    return code
