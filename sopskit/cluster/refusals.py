"""What an API server refuses, told without its own words.

The message of a Status object may quote what was sent (`Invalid value: "map[...]"`), so of a refusal only this is kept:
status, reason, field paths, the names of other field managers and of a webhook, and which right somebody lacks.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from sopskit.errors import RefusalError

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_FIELDS = 8
LONGEST_FIELD = 256  # characters
# a field path as the API machinery spells it, as far as it is names, indexes and keys of maps: `[name="x"]` quotes a value
FIELD = re.compile(r"\.?[A-Za-z0-9_$-][A-Za-z0-9_.$/-]*(\[[A-Za-z0-9_./-]*\][A-Za-z0-9_.$/-]*)*")
# k8s.io/apimachinery/pkg/util/managedfields: conflict with "MANAGER" with subresource "S" using v1 at TIME
MANAGER = re.compile(r'conflict with "([^"]{1,128})"')
# k8s.io/apiserver/pkg/admission/plugin/webhook/errors
WEBHOOK = re.compile(r'\Aadmission webhook "([a-z0-9.-]{1,253})" denied the request')
# sigs.k8s.io/structured-merge-diff: (namespace/name; apiVersion, Kind=K): .path: what
TYPED = re.compile(r"\Afailed to create (?:manager for existing fields|typed patch object)[^:]*: (\.[A-Za-z0-9_.-]+)")
NO_PATCH = "failed to create typed patch object"
# k8s.io/apiserver/pkg/endpoints/handlers/responsewriters: who may not do what, by names alone
FORBIDDEN = re.compile(
    r'User "(?P<user>[A-Za-z0-9._:@/+=,-]{1,253})" cannot (?P<verb>[a-z]{1,32}) resource "(?P<plural>[a-z0-9./-]{1,253})" '
    r'in API group "(?P<group>[a-z0-9.-]{0,253})"(?: in the namespace "(?P<namespace>[a-z0-9-]{1,63})"| at the cluster scope)'
)
FORBIDDEN_HINT = "bind a role that allows it to this user; a service account that does not exist has no rights either"
STRICT = re.compile(r'unknown field "([A-Za-z0-9_.\[\]-]+)"')
COME_BACK = frozenset((429, 500, 502, 503, 504))
REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    409: "Conflict",
    410: "Expired",
    422: "Invalid",
    429: "TooManyRequests",
}


def is_passing(method: str, status: int, content: Mapping[str, Any]) -> bool:
    """Whether an answer may be another one soon: the server is busy, or somebody else wrote the object meanwhile.

    An object that does not fit its schema is answered with 500 too, and will be again; so will a conflict of managers.
    """
    if status == 409:
        return method == "PATCH" and not _managers(content)
    return status in COME_BACK and not _message(content).startswith(NO_PATCH)


def refusal(status: int, content: Mapping[str, Any]) -> RefusalError:
    """What a refusal says, without the server's text. `status` is HTTP's, `content` a Status object or anything else."""
    reason, fields, managers, webhook = (
        _reason(status, content),
        _fields(content),
        _managers(content),
        _webhook(content),
    )
    text, hint = _text(status, content, reason), None
    if managers:
        text = f"{' and '.join(managers)} {'owns' if len(managers) == 1 else 'own'} fields of it"
        hint = "take the fields out of the manifest, or take over what kubectl or flux has applied with --adopt"
    elif webhook:
        text = f"the admission webhook {webhook} denies it"
    elif status == 403 and (forbidden := FORBIDDEN.search(_message(content))):
        text, hint = f"{text}: {_lacking(forbidden)}", FORBIDDEN_HINT
    elif status == 401:
        hint = "check the user of the kubeconfig's context; the token may have expired"
    if fields and not webhook:
        text += f": {_joined(fields)}"
    return RefusalError(
        text, status=status, reason=reason, fields=fields, managers=managers, webhook=webhook, hint=hint
    )


def _text(status: int, content: Mapping[str, Any], reason: str) -> str:
    if _message(content).startswith(NO_PATCH):
        return f"does not fit the schema of its kind ({reason})"
    text = {
        401: "the API server does not know who you are",
        403: "the API server forbids it",
        404: "the API server does not have it, or not its namespace",
        422: "the API server finds it invalid",
    }.get(status, "the API server refuses it")
    return f"{text} ({reason})"


def _lacking(forbidden: re.Match[str]) -> str:
    """The right that somebody lacks: `alice may not patch deployments.apps in dev`."""
    user, verb, plural, group, namespace = forbidden.group("user", "verb", "plural", "group", "namespace")
    kind, _, part = plural.partition("/")
    what = "/".join(filter(None, (f"{kind}.{group}" if group else kind, part)))
    return f"{user} may not {verb} {what} {f'in {namespace}' if namespace else 'anywhere'}"


def _joined(fields: tuple[str, ...]) -> str:
    more = f" and {len(fields) - MOST_FIELDS} more" if len(fields) > MOST_FIELDS else ""
    return ", ".join(fields[:MOST_FIELDS]) + more


def _reason(status: int, content: Mapping[str, Any]) -> str:
    reason = content.get("reason")
    if isinstance(reason, str) and reason.isascii() and reason.isalpha() and len(reason) <= 40:
        return reason
    return REASONS.get(status, f"HTTP {status}")


def _causes(content: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    details = content.get("details")
    causes = details.get("causes") if isinstance(details, dict) else None
    return [cause for cause in causes if isinstance(cause, dict)] if isinstance(causes, list) else []


def _message(content: Mapping[str, Any]) -> str:
    message = content.get("message")
    return message if isinstance(message, str) else ""


def _fields(content: Mapping[str, Any]) -> tuple[str, ...]:
    found = [str(cause.get("field", "")) for cause in _causes(content)]
    message = _message(content)
    typed = TYPED.match(message)
    found += [typed[1]] if typed else STRICT.findall(message)
    matches = (FIELD.match(field[:LONGEST_FIELD]) for field in found)
    return tuple(sorted({match[0] for match in matches if match}))


def _managers(content: Mapping[str, Any]) -> tuple[str, ...]:
    found = (MANAGER.search(str(cause.get("message", ""))) for cause in _causes(content))
    return tuple(sorted({match[1] for match in found if match}))


def _webhook(content: Mapping[str, Any]) -> str:
    match = WEBHOOK.match(_message(content))
    return match[1] if match else ""
