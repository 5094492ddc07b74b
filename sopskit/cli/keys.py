"""`sopskit keys`: the private keys of this user."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from sopskit.errors import RefusedError, UsageError
from sopskit.keysources.locations import index_file, keys_file
from sopskit.workflow import files, keys

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, TypeAlias

    from sopskit.age import KeyIdentity
    from sopskit.cli.context import Context

    Decorator: TypeAlias = Callable[[Callable[..., Any]], Callable[..., Any]]

# bytes; a list of keys has a few hundred
IMPORT_LIMIT = 1024 * 1024
SETTINGS = {"help_option_names": ["-h", "--help"]}


def example(*lines: str) -> str:
    """The end of a help text, which click is told to leave as it is."""
    return "\n".join(("\b", "Example:", *(f"  {line}" for line in lines)))


@click.group(context_settings=SETTINGS, epilog=example("sopskit keys generate", "sopskit keys list"))
def command() -> None:
    """Make, list and move the private keys of this user.

    Private keys (age identities) are kept in the file that sops reads, or in the keyring of the operating
    system. To encrypt, others need your public key (the recipient) only.
    """


def output_option(what: str) -> Decorator:
    """`--output FILE`, with what it does in the help."""
    return click.option("-o", "--output", metavar="FILE", help=what)


def store_option(*choices: str) -> Decorator:
    """`--store`, with these choices."""
    return click.option(
        "--store",
        type=click.Choice(choices),
        help="Where to keep it; the default is the key file that sops reads.",
    )


@command.command(
    "generate", epilog=example("sopskit keys generate", "sopskit keys generate --store stdout > cluster.agekey")
)
@click.option("--post-quantum", is_flag=True, help="A hybrid key that a quantum computer would not break either.")
@store_option("file", "keyring", "stdout")
@output_option("Add it to this key file.")
@click.pass_obj
def generate(context: Context, post_quantum: bool, store: str | None, output: str | None) -> None:
    """Make a key pair, and print its public half.

    The private key is added to the key file: keys that are in it stay, so that old files still open. With
    --store keyring it is kept in the keyring of the operating system, which sops cannot read. With --store stdout
    it is printed and kept nowhere.

    Needs no key. Others can encrypt for you with the public key that it prints.
    """
    identity = keys.generate(post_quantum=post_quantum)
    if store == "stdout":
        if output is not None:
            raise UsageError("--output and --store stdout exclude each other")
        context.write(keys.key_text(identity, datetime.now(UTC)).encode())
        context.note(f"public key: {identity.recipient()}")
        return
    _add(context, [identity], store, output)
    context.say(str(identity.recipient()))


@command.command(
    "import",
    epilog=example(
        "sopskit keys import old-laptop.txt", "op read op://team/sops/key | sopskit keys import - --store keyring"
    ),
)
@click.argument("file")
@store_option("file", "keyring")
@output_option("Add them to this key file.")
@click.pass_obj
def import_keys(context: Context, file: str, store: str | None, output: str | None) -> None:
    """Add the age identities in FILE to the keys.

    Their public halves are printed. - is the standard input. The file itself stays where it is; remove it once the keys open what they should.

    Takes private keys. A public key alone is not imported: name it in .sops.yaml.
    """
    if file == "-":
        identities = keys.read_keys(context.stdin.read(IMPORT_LIMIT), "standard input")
    else:
        identities = keys.read_keys(files.read(file, limit=IMPORT_LIMIT).data or b"", file)
    _add(context, identities, store, output)
    for identity in identities:
        context.say(str(identity.recipient()))


@command.command("list", epilog=example("sopskit keys list --json"))
@click.option("--format", "form", type=click.Choice(("text", "json")), default="text", help="How to print it.")
@click.option("--json", "as_json", is_flag=True, help="Short for --format json.")
@click.pass_obj
def list_keys(context: Context, form: str, as_json: bool) -> None:
    """List the keys by their public halves.

    These are the private keys that would be tried, and where each is. No private key is shown, no command is run and no passphrase is asked for. PGP keys are gpg's own:
    gpg --list-secret-keys lists them.

    Needs no key. Without any, this says where it looked.
    """
    found, problems = keys.known_keys(context.environ)
    if as_json or form == "json":
        import json

        content = {
            "keys": [key._asdict() for key in found],
            "problems": [{"location": report.location, "problem": report.problem} for report in problems],
        }
        context.say(json.dumps(content, indent=2))
        return
    location = None
    for key in found:
        if key.location != location:
            context.say(key.location)
        location = key.location
        context.say(f"  {key.recipient}")
    for report in problems:
        context.note(f"{report.location}: {report.problem}")
    if not found:
        context.note("no private key was found; sopskit keys generate makes one")


@command.command(
    "export",
    epilog=example(
        "sopskit keys export age1... | kubectl create secret generic sops-age --from-file=age.agekey=/dev/stdin"
    ),
)
@click.argument("recipient")
@output_option("Write it to this new file (mode 0600) instead of printing it.")
@click.option("--show", is_flag=True, help="Print the private key even if the output is a terminal.")
@click.pass_obj
def export(context: Context, recipient: str, output: str | None, show: bool) -> None:
    """Print the private key of RECIPIENT.

    This is for moving it to another machine or to a cluster. On a terminal, where it would stay in the scrollback, this has to be asked for with --show.

    Needs the private key. With the public key alone there is nothing to export.
    """
    if output is None and not show and "stdout" in context.terminals:
        raise RefusedError(
            "the private key would be shown on the terminal", hint="send it to a file with --output, or add --show"
        )
    identity = keys.find(context.environ, recipient.strip())
    now = datetime.now(UTC)
    if output is None:
        context.write(keys.key_text(identity, now).encode())
        return
    keys.create_file(output, identity, now)
    _warn_of_repository(context, output)
    context.note(f"wrote the private key to {output}")


@command.command(
    "remove", epilog=example("sopskit keys export age1... --output backup.agekey", "sopskit keys remove age1...")
)
@click.argument("recipient")
@click.option("--store", type=click.Choice(("file", "keyring")), help="Remove it there only; the default is both.")
@click.option("-f", "--file", "path", metavar="FILE", help="The key file; the default is the one that sops reads.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def remove(context: Context, recipient: str, store: str | None, path: str | None, yes: bool) -> None:
    """Remove the private key of RECIPIENT.

    It is taken out of the key file and of the keyring of the operating system. Without another copy of it, files that are encrypted for this key alone are lost.

    Needs the private key. To take a public key out of encrypted files, change .sops.yaml and run updatekeys and rotate.
    """
    recipient = recipient.strip()
    if not yes:
        _confirm(context, recipient)
    places: list[str] = []
    file = path or keys_file(context.environ)
    if store != "keyring" and keys.remove_from_file(file, recipient):
        places.append(file)
    if store != "file" and path is None and keys.remove_from_keyring(index_file(context.environ), recipient):
        places.append("the OS keyring")
    if not places:
        raise UsageError(
            f"no private key for {keys.shortened(recipient)} is kept there",
            hint="sopskit keys list shows which there are, and where",
        )
    context.note(f"removed from {' and '.join(places)}")


def _confirm(context: Context, recipient: str) -> None:
    """Ask before a key is lost. Raises `RefusedError`."""
    if "stdin" not in context.terminals:
        raise RefusedError("removing a private key cannot be undone", hint="answer beforehand with --yes")
    answer = context.ask(f"Remove the private key of {keys.shortened(recipient)}? This cannot be undone. (y/N): ")
    if answer.strip().lower() not in ("y", "yes"):
        raise RefusedError("nothing was removed")


def _add(context: Context, identities: Sequence[KeyIdentity], store: str | None, output: str | None) -> None:
    if store == "keyring":
        if output is not None:
            raise UsageError("--output and --store keyring exclude each other")
        added = keys.add_to_keyring(index_file(context.environ), identities, datetime.now(UTC))
    else:
        added = keys.add_to_file(output or keys_file(context.environ), identities, datetime.now(UTC))
        _warn_of_repository(context, added.location)
        if output is not None and added.new:
            context.note(f"to use it: export SOPS_AGE_KEY_FILE={output}")
    for recipient in added.known:
        context.note(f"{added.location} has {keys.shortened(recipient)} already")
    if added.new:
        beside = f", beside {added.others} that were there" if added.others else ""
        context.note(f"added {_count(len(added.new))} to {added.location}{beside}")


def _count(number: int) -> str:
    return "1 private key" if number == 1 else f"{number} private keys"


def _warn_of_repository(context: Context, path: str) -> None:
    if keys.is_in_repository(path):
        context.warn(f"{path} lies in a Git repository", "put its name into .gitignore before the next git add")
