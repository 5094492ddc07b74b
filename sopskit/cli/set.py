"""`sopskit set`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NoReturn

from sopskit.cli import exitcodes, options, results
from sopskit.cli.configuration import Configuration
from sopskit.cli.declare import Option, Verb
from sopskit.errors import UsageError
from sopskit.workflow import files
from sopskit.workflow.decrypt import open_bytes
from sopskit.workflow.keypath import parse_path
from sopskit.workflow.outcome import Left
from sopskit.workflow.set import parse_value, set_value, unset_value

if TYPE_CHECKING:
    from sopskit.cli.context import Context
    from sopskit.cli.declare import Given
    from sopskit.document import Path, Raw
    from sopskit.workflow.files import Seen
    from sopskit.workflow.folders import Found

SHARED_OPTIONS = (
    *options.TYPES,
    options.IDEMPOTENT,
    options.IGNORE_MAC,
    Option(
        "shamir-secret-sharing-threshold",
        "",
        "N",
        refused="an existing file keeps its threshold; updatekeys changes it",
    ),
    options.DECRYPTION_ORDER,
    options.INDENT,
    options.JSON,
    *options.ROOT,
)


def run(context: Context, given: Given) -> int:
    """Set one value in place."""
    if given.has("value-file") and given.has("value-stdin"):
        raise UsageError("--value-file and --value-stdin exclude each other")
    if given.has("value-stdin"):
        _need(context, given, 2, "FILE and PATH are needed, the value is read from standard input")
    else:
        _need(context, given, 3, "FILE, PATH and VALUE are needed")
    path = _path(context, given.files[1])
    value = _value(context, given)
    return change_in_place(context, given, "set", path, value)


def _value(context: Context, given: Given) -> Raw:
    if given.has("value-stdin"):
        text = context.stdin.read()
    elif given.has("value-file"):
        text = files.read(given.files[2]).data or b""
    else:
        text = given.files[2].encode("utf-8", "surrogateescape")
    try:
        return parse_value(text)
    except UsageError as error:
        context.fail(error, exitcodes.INDEX)


def run_unset(context: Context, given: Given) -> int:
    """Remove one value in place."""
    _need(context, given, 2, "FILE and PATH are needed")
    return change_in_place(context, given, "unset", _path(context, given.files[1]), None)


def change_in_place(context: Context, given: Given, command: str, path: Path, value: Raw) -> int:
    """Open the file, change one place, write it back."""
    configuration = Configuration(context, given)
    order = options.decryption_order(context, given)
    idempotent = given.has("idempotent")

    def change(seen: Seen, found: Found) -> bytes | Left:
        format = options.input_format(given, found.path)
        opened = open_bytes(
            seen.data or b"", format, context.keyring(), order=order, verify_mac=not given.has("ignore-mac")
        )
        indent = configuration.indent(format)
        now = datetime.now(UTC)
        if command == "set":
            data = set_value(opened, path, value, now=now, idempotent=idempotent, indent=indent)
        else:
            data = unset_value(opened, path, now=now, idempotent=idempotent, indent=indent)
        return Left("") if data is None else data

    return results.in_place(context, given.with_files(given.files[:1]), command, change)


def _need(context: Context, given: Given, count: int, message: str) -> None:
    if len(given.files) != count:
        context.fail(UsageError(message), exitcodes.NO_FILE)


def _path(context: Context, text: str) -> Path:
    try:
        path = parse_path(text)
    except UsageError as error:
        _bad_path(context, error)
    if not path:
        _bad_path(context, UsageError("the key path is empty", hint="""name a place, such as '["data"]["password"]'"""))
    return path


def _bad_path(context: Context, error: UsageError) -> NoReturn:
    context.fail(error, exitcodes.INDEX)


VERB = Verb(
    name="set",
    summary="Set one value of an encrypted file in place. VALUE is JSON; every other value keeps its ciphertext.",
    arguments="FILE PATH [VALUE]",
    keys="Needs a private key. With public keys alone, encrypt the whole file anew.",
    example="""
sopskit set secrets.yaml '["data"]["password"]' '"correct horse"'
pass show db | jq -R . | sopskit set --value-stdin secrets.yaml '["data"]["password"]'
""",
    options=(
        Option("value-file", "VALUE is the name of a file that holds the JSON"),
        Option("value-stdin", "read the JSON from standard input, so that it is in no shell history"),
        *SHARED_OPTIONS,
    ),
    run=run,
)
