"""A notice as JSON to any address that takes it by POST.

The body is one object, in UTF-8. Fields may be added to a version, and are never taken away:

    version     1
    source      namespace/name of the SopsSource
    kind        applied, failed, drifted, recovered or rotated
    revision    the commit's id, empty if none is known
    summary     one line
    objects     a list of lines, each with a sign and an object: "+ Secret dev/app"
    repository  its URL, without user and query
    branch      its name
    cluster     what the cluster is called, empty if it has no name
    time        when it happened, RFC 3339 in UTC

It may arrive more than once: source, kind and time tell one notice from another. With `hmac` in the Secret the header
X-Sopskit-Signature has `sha256=` and the HMAC-SHA256 of the body in hexadecimal; compare it in constant time, and refuse a
`time` that is long ago, so that nobody can send an old notice again.
"""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING

from sopskit.deploy.notify.address import Plain
from sopskit.deploy.notify.exchange import Request

if TYPE_CHECKING:
    from sopskit.deploy.notify.message import Notice
    from sopskit.deploy.notify.receiver import Settings
    from sopskit.secret import SecretStr

VERSION = 1
SIGNATURE = "X-Sopskit-Signature"


def request(notice: Notice, settings: Settings) -> Request:
    """The POST for a notice. Raises `ConfigError` without an address."""
    content = body(notice)
    headers = {"Content-Type": "application/json"}
    if settings.hmac is not None:
        headers[SIGNATURE] = signature(settings.hmac, content)
    # plain http to a Service of the cluster is allowed: few have a certificate, and no value is in a notice
    return Request("POST", settings.need_address(), headers, body=content, plain=Plain.CLUSTER)


def body(notice: Notice) -> bytes:
    """The JSON of the module's description."""
    content = {
        "version": VERSION,
        "source": notice.source,
        "kind": notice.kind,
        "revision": notice.revision,
        "summary": notice.summary,
        "objects": list(notice.lines),
        "repository": notice.repository,
        "branch": notice.branch,
        "cluster": notice.cluster,
        "time": dt.datetime.fromtimestamp(notice.time, dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
    }
    return json.dumps(content, ensure_ascii=False).encode()


def signature(key: SecretStr, content: bytes) -> str:
    """The header's value for a body (RFC 2104 with SHA-256)."""
    import hmac

    return f"sha256={hmac.digest(key.reveal().encode(), content, 'sha256').hex()}"
