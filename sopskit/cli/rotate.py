"""`sopskit rotate`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sopskit.cli import exitcodes, options, results
from sopskit.cli.configuration import Configuration, option_groups
from sopskit.cli.declare import Verb
from sopskit.cli.results import Stage
from sopskit.errors import NotEncryptedError, UsageError
from sopskit.workflow.decrypt import open_bytes
from sopskit.workflow.folders import looks_encrypted
from sopskit.workflow.outcome import CHANGE
from sopskit.workflow.rotate import rotate

if TYPE_CHECKING:
    from collections.abc import Callable

    from sopskit.cli.context import Context
    from sopskit.cli.declare import Given
    from sopskit.workflow.files import Seen
    from sopskit.workflow.folders import Found


def run(context: Context, given: Given) -> int:
    """Rotate to standard output or a file; in place also many files and folders."""
    if not given.files:
        context.fail(UsageError("no file specified"), exitcodes.NO_FILE)
    options.check_targets(context, given)
    change = _changer(context, given)
    if given.has("in-place"):
        return results.in_place(context, given, "rotate", change)
    file = results.one_file(given, "rotate")
    seen = results.read_input(context, "rotate", file)
    with Stage(context, "rotate", CHANGE, seen.path):
        data = change(seen, None)
    return results.deliver(context, given.value("output"), data, private=False)


def _changer(context: Context, given: Given) -> Callable[[Seen, Found | None], bytes]:
    configuration = Configuration(context, given)
    add = [key for group in option_groups(given, "add-") for key in group]
    remove = [
        (kind, text.replace(" ", "") if kind == "pgp" else text)
        for kind, (option, _, _) in options.KEY_OPTIONS.items()
        for text in options.split_keys(given.values(f"rm-{option}"))
    ]
    order = options.decryption_order(context, given)

    def change(seen: Seen, found: Found | None) -> bytes:
        path = given.value("filename-override") or seen.path
        source = seen.data or b""
        format = options.input_format(given, path)
        if found is not None and not found.named and not looks_encrypted(source, format.NAME):
            raise NotEncryptedError("the file is not encrypted")
        opened = open_bytes(source, format, context.keyring(), order=order, verify_mac=not given.has("ignore-mac"))
        indent = configuration.indent(format)
        rotated = rotate(opened, add=add, remove=remove, gpg=context.gpg(), now=datetime.now(UTC), indent=indent)
        for kind, name in rotated.missing:
            context.warn(f"{seen.path}: the {kind} key {name} was not among the file's keys, and is not removed")
        return rotated.data

    return change


VERB = Verb(
    name="rotate",
    summary="Give files a new data key, so that older copies open no newer ones; add or remove recipients.",
    arguments="FILE...",
    keys="Needs a private key. With public keys alone, encrypt the plaintext anew: that makes a new data key as well.",
    example="""
sopskit rotate --in-place secrets.yaml
sopskit rotate --in-place --rm-age age1... --add-age age1... k8s/gitops/prod
""",
    options=(
        options.IN_PLACE,
        options.OUTPUT,
        *options.changed_keys("add", "add these recipients"),
        *options.changed_keys("rm", "remove these recipients"),
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
