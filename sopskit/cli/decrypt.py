"""`sopskit decrypt`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sopskit.cli import exitcodes, options, results
from sopskit.cli.configuration import Configuration
from sopskit.cli.declare import Option, Verb
from sopskit.cli.results import Stage
from sopskit.errors import DocumentSyntaxError, NotEncryptedError, UsageError
from sopskit.workflow.decrypt import extract, open_bytes
from sopskit.workflow.folders import looks_encrypted
from sopskit.workflow.keypath import parse_path
from sopskit.workflow.outcome import CHANGE

if TYPE_CHECKING:
    from collections.abc import Callable

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
    order = options.decryption_order(context, given)

    def opened(seen: Seen, found: Found | None) -> Opened:
        name = given.value("filename-override") or (seen.path if found or given.files else None)
        format = options.input_format(given, name)
        source = seen.data or b""
        if found is not None and not found.named and not looks_encrypted(source, format.NAME):
            raise NotEncryptedError("the file is not encrypted")
        return open_bytes(source, format, context.keyring(), order=order, verify_mac=not given.has("ignore-mac"))

    if given.has("in-place"):
        return results.in_place(
            context, given, "decrypt", lambda seen, found: opened(seen, found).plain.to_bytes(), private=True
        )
    seen = results.read_input(context, "decrypt", results.one_file(given, "decrypt"))
    with Stage(context, "decrypt", CHANGE, seen.path):
        file = _explained(lambda: opened(seen, None), given)
        data = file.plain.to_bytes() if path is None else extract(file, path, indent=given.number("indent"))
        return results.deliver(context, given.value("output"), data, private=True)


def _explained(open_it: Callable[[], Opened], given: Given) -> Opened:
    """Open it; standard input without a type is read as binary, and who forgot that wants to hear it."""
    try:
        return open_it()
    except (DocumentSyntaxError, NotEncryptedError) as error:
        if not given.files and not given.value("input-type") and not given.value("filename-override"):
            error.message = "standard input is read as a binary file, and is no encrypted one"
            error.hint = "say what it is: --input-type yaml, json, dotenv or ini"
        raise


def _check(context: Context, given: Given) -> None:
    options.check_targets(context, given)
    message = "--in-place with --extract would replace the whole file by one value"
    options.exclusive(context, given, "in-place", "extract", message)
    Configuration(context, given).check()


def _extract_path(context: Context, given: Given) -> Path | None:
    text = given.value("extract")
    if text is None:
        return None
    try:
        return parse_path(text)
    except UsageError as error:
        context.fail(error, exitcodes.EXTRACT)


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
