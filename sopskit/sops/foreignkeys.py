"""Master keys of services that sopskit does not operate: what identifies one, and how it stands in a file.

Everything here is text: nothing is ever sent to a service (SOPS sections 6.1, 9.1 and 9.4).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sopskit.errors import MetadataError, RecipientError
from sopskit.sops import decoding
from sopskit.sops.masterkeys import ForeignKey

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sopskit.document.model import Raw

# the fields of an entry that are its identity, per kind
FIELDS: Mapping[str, tuple[str, ...]] = {
    "azure_kv": ("vault_url", "name", "version"),
    "gcp_kms": ("resource_id",),
    "hc_vault": ("vault_address", "engine_path", "key_name"),
    "hckms": ("key_id",),
    "kms": ("arn", "role", "context", "aws_profile"),
}


def read_foreign_key(kind: str, entry: Mapping[str, Raw], place: decoding.Place) -> ForeignKey:
    """A key as it stands in a file. Raises `MetadataError` for what sops would not read."""
    found, _ = decoding.pick(entry, (*FIELDS[kind], "created_at", "enc"))
    decoding.time(found.get("created_at"), (*place, "created_at"))
    decoding.text(found.get("enc"), (*place, "enc"))
    reference = REFERENCES[kind](found, place)
    if kind == "hckms" and not is_hckms_key_id(reference):
        raise MetadataError("expected region:uuid").at(key=(*place, "key_id"))
    return ForeignKey(kind, entry, reference)


def read_unknown_key(kind: str, entry: Mapping[str, Raw], position: int) -> ForeignKey:
    """A key of a kind that sops 3.13 does not know either."""
    return ForeignKey(kind, entry, f"{kind}[{position}]")


def new_foreign_key(kind: str, entry: Mapping[str, Raw]) -> ForeignKey:
    """A key that stands in a configuration, with the fields of an entry; there is no `enc` yet.

    Raises `MetadataError` for fields of the wrong type, `RecipientError` for a HuaweiCloud key that sops refuses.
    """
    reference = REFERENCES[kind](entry, (kind,))
    if kind == "hckms" and not is_hckms_key_id(reference):
        raise RecipientError("a HuaweiCloud key is named region:uuid")
    return ForeignKey(kind, entry, reference)


def parse_foreign_key(kind: str, text: str, aws_profile: str = "") -> ForeignKey:
    """A key from its reference, as it is written in creation rules and options. Raises `RecipientError`."""
    return new_foreign_key(kind, PARSERS[kind](text, aws_profile))


def _parse_kms(text: str, aws_profile: str) -> dict[str, Raw]:
    arn, plus, role = text.replace(" ", "").partition("+arn:")
    entry: dict[str, Raw] = {"arn": arn, "aws_profile": aws_profile}
    return {**entry, "role": f"arn:{role}"} if plus else entry


def _parse_gcp_kms(text: str, aws_profile: str) -> dict[str, Raw]:  # noqa: ARG001 a parser
    return {"resource_id": text.replace(" ", "")}


def _parse_hckms(text: str, aws_profile: str) -> dict[str, Raw]:  # noqa: ARG001 a parser
    return {"key_id": text}


def _parse_azure_kv(text: str, aws_profile: str) -> dict[str, Raw]:  # noqa: ARG001 a parser
    scheme, host, parts = _split_url(text)
    if scheme != "https" or len(parts) not in {2, 3} or parts[0] != "keys" or not parts[1]:
        raise RecipientError("an Azure key is named https://VAULT/keys/NAME/VERSION")
    return {"vault_url": f"https://{host}", "name": parts[1], "version": parts[2] if len(parts) == 3 else ""}


def _parse_hc_vault(text: str, aws_profile: str) -> dict[str, Raw]:  # noqa: ARG001 a parser
    scheme, host, parts = _split_url(text.rstrip("/"))
    if not scheme or len(parts) < 4 or parts[0] != "v1" or parts[-2] != "keys":
        raise RecipientError("a Vault key is named https://HOST/v1/ENGINE/keys/NAME")
    return {
        "vault_address": f"{scheme}://{host}",
        "engine_path": "/".join(parts[1:-2]),
        "key_name": parts[-1],
    }


def _split_url(text: str) -> tuple[str, str, list[str]]:
    scheme, mark, rest = text.partition("://")
    host, *parts = rest.split("/")
    return (scheme, host, parts) if mark and host else ("", "", [])


def is_hckms_key_id(text: str) -> bool:
    """Whether a text is `region:uuid`, as far as sops looks: there is something on both sides of the colon."""
    region, _, uuid = text.partition(":")
    return bool(region) and bool(uuid)


def _joined(template: str, *names: str) -> Callable[[Mapping[str, Raw], decoding.Place], str]:
    def reference(entry: Mapping[str, Raw], place: decoding.Place) -> str:
        return template.format(*(decoding.text(entry.get(name), (*place, name)) for name in names))

    return reference


def _kms(entry: Mapping[str, Raw], place: decoding.Place) -> str:
    arn, role, profile = (decoding.text(entry.get(name), (*place, name)) for name in ("arn", "role", "aws_profile"))
    context = decoding.merged(entry.get("context"), (*place, "context"))
    pairs = ",".join(f"{name}:{decoding.text(context[name], (*place, 'context', name))}" for name in sorted(context))
    reference = f"{arn}+{role}" if role else arn
    if profile:
        return f"{reference}|{pairs}|{profile}"
    return f"{reference}|{pairs}" if pairs else reference


REFERENCES: Mapping[str, Callable[[Mapping[str, Raw], decoding.Place], str]] = {
    "azure_kv": _joined("{}/keys/{}/{}", "vault_url", "name", "version"),
    "gcp_kms": _joined("{}", "resource_id"),
    "hc_vault": _joined("{}/v1/{}/keys/{}", "vault_address", "engine_path", "key_name"),
    "hckms": _joined("{}", "key_id"),
    "kms": _kms,
}
PARSERS: Mapping[str, Callable[[str, str], dict[str, Raw]]] = {
    "azure_kv": _parse_azure_kv,
    "gcp_kms": _parse_gcp_kms,
    "hc_vault": _parse_hc_vault,
    "hckms": _parse_hckms,
    "kms": _parse_kms,
}
