"""`sopskit filestatus`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sopskit.cli import exitcodes, options, results
from sopskit.cli.configuration import Configuration
from sopskit.cli.declare import Verb
from sopskit.cli.results import Stage
from sopskit.errors import UsageError
from sopskit.workflow.filestatus import is_encrypted
from sopskit.workflow.outcome import CHANGE

if TYPE_CHECKING:
    from sopskit.cli.context import Context
    from sopskit.cli.declare import Given


def run(context: Context, given: Given) -> int:
    """Print JSON that says whether a file is encrypted."""
    if len(given.files) != 1:
        raise UsageError("filestatus takes one file")
    Configuration(context, given).check()
    path = given.files[0]
    seen = results.read_input(context, "filestatus", path)
    with Stage(context, "filestatus", CHANGE, path):
        encrypted = is_encrypted(seen.data or b"", options.input_format(given, path))
    context.say('{"encrypted":true}' if encrypted else '{"encrypted":false}')
    return exitcodes.OK


VERB = Verb(
    name="filestatus",
    summary="Say whether a file is encrypted, as JSON. Nothing is decrypted or verified.",
    arguments="FILE",
    keys="Needs no key at all.",
    example="sopskit filestatus secrets.yaml",
    options=(options.INPUT_TYPE, options.JSON, *options.ROOT),
    run=run,
)
