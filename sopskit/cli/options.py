"""The sets of options that sops's commands share (SOPS section 10.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sopskit.cli import exitcodes
from sopskit.cli.declare import Option
from sopskit.document import FORMATS, SUFFIXES, format_for_name, format_for_path
from sopskit.errors import UsageError
from sopskit.sops.datakey import DEFAULT_ORDER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sopskit.cli.context import Context
    from sopskit.cli.declare import Given
    from sopskit.document import Format

ROOT = (
    Option(
        "config",
        "use this configuration file instead of the .sops.yaml of this folder or above",
        "FILE",
        env="SOPS_CONFIG",
    ),
    Option("verbose", "name every file of a folder that stays unchanged, and say why"),
    Option("disable-version-check", "accepted as in sops; sopskit never asks the network for a version"),
    Option("enable-local-keyservice", "accepted as in sops: keys are always used directly"),
    Option("keyservice", "", "URL", env="SOPS_KEYSERVICE", refused="sopskit talks to no key service"),
)
INDENT = Option("indent", "indentation of what is newly written, in blanks", "N")
IN_PLACE = Option("in-place", "write back to the same file instead of standard output", short="i")
OUTPUT = Option("output", "write to this file instead of standard output", "FILE")
INPUT_TYPE = Option("input-type", "yaml, json, dotenv, ini or binary; by default the file's suffix decides", "TYPE")
TYPES = (INPUT_TYPE, Option("output-type", "the same names; only the type of the input can be written", "TYPE"))
OVERRIDE = Option("filename-override", "judge type and creation rule by this name; for standard input", "NAME")
DECRYPTION_ORDER = Option(
    "decryption-order", "which kinds of keys to try first, such as pgp,age", "KINDS", env="SOPS_DECRYPTION_ORDER"
)
IGNORE_MAC = Option("ignore-mac", "go on although the file was changed by others than SOPS")
THRESHOLD = Option("shamir-secret-sharing-threshold", "how many key groups are needed to open a new file", "N")
JSON = Option("json", "print the outcome of every file as JSON")
IDEMPOTENT = Option("idempotent", "leave the file alone if it is already as asked")
MAC_ONLY_ENCRYPTED = Option("mac-only-encrypted", "let the MAC of a new file cover the encrypted values only")

# kind of key -> long option, short option, variable; age and PGP first, the rest are not operated by sopskit
OPERATED = ("age", "pgp")
KEY_OPTIONS = {
    "kms": ("kms", "k", "SOPS_KMS_ARN"),
    "gcp_kms": ("gcp-kms", "", "SOPS_GCP_KMS_IDS"),
    "hckms": ("hckms", "", "SOPS_HUAWEICLOUD_KMS_IDS"),
    "azure_kv": ("azure-kv", "", "SOPS_AZURE_KEYVAULT_URLS"),
    "hc_vault": ("hc-vault-transit", "", "SOPS_VAULT_URIS"),
    "pgp": ("pgp", "p", "SOPS_PGP_FP"),
    "age": ("age", "a", "SOPS_AGE_RECIPIENTS"),
}
KEY_HELP = {
    "age": "age recipients, comma separated; may be repeated",
    "pgp": "PGP fingerprints, comma separated; may be repeated",
}
NOT_OPERATED = "sopskit does not operate this kind of key; use sops for it"
KEYS = (
    *(
        Option(option, KEY_HELP[kind], "KEYS", short, env, many=True)
        if kind in OPERATED
        else Option(option, "", "KEYS", short, env, many=True, refused=NOT_OPERATED)
        for kind, (option, short, env) in KEY_OPTIONS.items()
    ),
    Option("aws-profile", "", "NAME", refused=NOT_OPERATED),
    Option("encryption-context", "", "TEXT", refused=NOT_OPERATED),
)
RULES = tuple(
    Option(name, text, "TEXT")
    for name, text in (
        ("encrypted-regex", "encrypt the values of keys that match"),
        ("unencrypted-regex", "encrypt all but the values of keys that match"),
        ("encrypted-suffix", "encrypt the values of keys that end so"),
        ("unencrypted-suffix", "encrypt all but the values of keys that end so"),
        ("encrypted-comment-regex", "encrypt the values under comments that match"),
        ("unencrypted-comment-regex", "encrypt all but the values under comments that match"),
    )
)
KEY_TYPES = frozenset(("age", "pgp", "kms", "gcp_kms", "azure_kv", "hc_vault", "hckms"))


def changed_keys(verb: str, text: str) -> tuple[Option, ...]:
    """`--add-age` and its like: one option for each kind of key."""
    return tuple(
        Option(f"{verb}-{option}", f"{text} ({option})", "KEYS", many=True)
        if kind in OPERATED
        else Option(f"{verb}-{option}", "", "KEYS", many=True, refused=NOT_OPERATED)
        for kind, (option, _, _) in KEY_OPTIONS.items()
    )


def input_format(given: Given, path: str | None) -> Format:
    """The format of the input: `--input-type`, else the suffix of the file's name. Raises `UsageError`.

    Unlike in sops an unknown type is refused (trap 11.57), and the output is always of the type of the input
    (trap 11.67).
    """
    name = given.value("input-type")
    format = format_for_name(_known(name)) if name else format_for_path(path or "")
    output = given.value("output-type") if "output-type" in given else None
    if output and _known(output) != format.NAME:
        raise UsageError(
            "conversion between formats is not supported yet",
            hint=f"the input is {format.NAME}; --input-type says so if its name does not",
        )
    return format


def _known(name: str) -> str:
    if name not in FORMATS:
        raise UsageError("there is no such type of file", hint=f"types are {', '.join(FORMATS)}")
    return name


def format_name(path: str) -> str:
    """The format's name by suffix, without loading the format."""
    return next((name for suffix, name in SUFFIXES.items() if path.endswith(suffix)), "binary")


def decryption_order(context: Context, given: Given) -> tuple[str, ...]:
    """`--decryption-order`; ends the command for a name given twice."""
    text = given.value("decryption-order")
    if text is None:
        return DEFAULT_ORDER
    kinds = tuple(part.strip() for part in text.split(",") if part.strip())
    if len(set(kinds)) < len(kinds):
        context.fail(UsageError("--decryption-order names a kind of key twice"), exitcodes.ORDER)
    unknown = next((kind for kind in kinds if kind not in KEY_TYPES), None)
    if unknown is not None:
        raise UsageError("--decryption-order names no kind of key", hint=f"kinds are {', '.join(sorted(KEY_TYPES))}")
    return kinds


def check_targets(context: Context, given: Given) -> None:
    """Refuse what cannot be meant by `--in-place`, `--output` and `--json` together, with sops's codes."""
    exclusive(context, given, "in-place", "output", "--in-place and --output exclude each other")
    if given.has("in-place") and not given.files:
        context.fail(UsageError("standard input cannot be changed in place", hint="name a file"), exitcodes.EXCLUSIVE)
    if given.has("json") and not given.has("in-place"):
        raise UsageError("--json tells what became of files changed in place", hint="add --in-place")


def exclusive(context: Context, given: Given, one: str, other: str, message: str) -> None:
    """End the command if both options are given."""
    if given.has(one) and given.has(other):
        context.fail(UsageError(message), exitcodes.EXCLUSIVE)


def split_keys(values: Sequence[str]) -> list[str]:
    """Comma separated lists, one after the other, without blanks and empty parts."""
    return [part.strip() for value in values for part in value.split(",") if part.strip()]


def timestamp() -> str:
    """Now, as SOPS writes it: RFC 3339, UTC, whole seconds."""
    from datetime import UTC, datetime

    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
