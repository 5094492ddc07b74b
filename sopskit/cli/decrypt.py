"""`sopskit decrypt`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sopskit.cli import exitcodes, options, results
from sopskit.cli.declare import Option, Verb
from sopskit.cli.results import Stage
from sopskit.document import format_for_name
from sopskit.errors import NotEncryptedError, UsageError
from sopskit.workflow import batch
from sopskit.workflow.decrypt import extract, open_bytes
from sopskit.workflow.folders import looks_encrypted
from sopskit.workflow.keypath import parse_path

if TYPE_CHECKING:
    from sopskit.cli.context import Context
    from sopskit.cli.declare import Given
    from sopskit.document import Path
    from sopskit.sops.crypt import Opened
    from sopskit.workflow.files import Seen
    from sopskit.workflow.folders import Found


def run(context: Context, given: Given) -> int:
    """Decrypt to standard output or a file; in place also many files and folders."""
    _check(context, given)
    path = _extract_path(context, given)
    if context.config:
        from sopskit.cli.configuration import Configuration

        Configuration(context, given).check()
    if given.has("in-place"):
        return results.in_place(context, given, "decrypt", lambda seen, found: _plain(context, given, seen, found))
    file = results.one_file(given, "decrypt")
    format = options.input_format(given, given.value("filename-override") or file)
    seen = results.read_input(context, "decrypt", file)
    with Stage(context, "decrypt", batch.CHANGE, seen.path):
        opened = _open(context, given, seen, format.NAME)
        data = opened.plain.to_bytes() if path is None else extract(opened, path, indent=given.number("indent"))
        return results.deliver(context, "decrypt", given.value("output"), data, private=True)
    raise AssertionError


def _check(context: Context, given: Given) -> None:
    options.exclusive(context, given, "in-place", "output", "--in-place and --output exclude each other")
    message = "--in-place with --extract would replace the whole file by one value"
    options.exclusive(context, given, "in-place", "extract", message)
    if given.has("in-place") and not given.files:
        context.fail(UsageError("standard input cannot be changed in place", hint="name a file"), exitcodes.EXCLUSIVE)
    if given.has("json") and not given.has("in-place"):
        raise UsageError("--json tells what became of files changed in place", hint="add --in-place")


def _extract_path(context: Context, given: Given) -> Path | None:
    text = given.value("extract")
    if text is None:
        return None
    try:
        return parse_path(text)
    except UsageError as error:
        context.fail(error, exitcodes.EXTRACT)


def _plain(context: Context, given: Given, seen: Seen, found: Found) -> bytes:
    name = given.value("filename-override") or seen.path
    if not found.named and not looks_encrypted(seen.data or b"", options.format_name(name)):
        raise NotEncryptedError("the file is not encrypted")
    return _open(context, given, seen, options.input_format(given, name).NAME).plain.to_bytes()


def _open(context: Context, given: Given, seen: Seen, format_name: str) -> Opened:
    return open_bytes(
        seen.data or b"",
        format_for_name(format_name),
        context.keyring(),
        order=options.decryption_order(context, given),
        verify_mac=not given.has("ignore-mac"),
    )


VERB = Verb(
    name="decrypt",
    summary="Decrypt files. Nothing is printed before the MAC has been checked.",
    arguments="[FILE]...",
    keys="Needs a private key of one recipient (of each key group). With public keys alone, sopskit review-diff shows what changed without values.",
    example="""
sopskit decrypt secrets.yaml
sopskit decrypt --extract '["data"]["password"]' secrets.yaml
sopskit decrypt --in-place k8s/gitops/dev
""",
    options=(
        options.IN_PLACE,
        Option("extract", """print only what stands at this place, such as '["data"]["list"][0]'""", "PATH"),
        options.OUTPUT,
        *options.TYPES,
        options.IGNORE_MAC,
        options.OVERRIDE,
        options.DECRYPTION_ORDER,
        options.INDENT,
        options.JSON,
        *options.ROOT,
    ),
    run=run,
)
