"""What can happen to a request on its way to the API server."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Mapping

FOREVER = 1 << 62
REASONS: Mapping[int, str] = {
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    409: "Conflict",
    410: "Expired",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}


@dataclass(frozen=True, slots=True)
class Refuse:
    """The API server never sees the request; the client gets a Status object. `retry_after` is in seconds."""

    status: int
    message: str = "injected by the test"
    retry_after: int | None = None


class Cut(enum.Enum):
    """The connection ends by a reset."""

    BEFORE = "the API server never sees the request"
    AFTER = "the API server did what was asked, its answer is lost"
    MIDDLE = "half of the answer arrives"


@dataclass(frozen=True, slots=True)
class Wait:
    """The answer is late by so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Call:
    """The test does something first: change an object behind the client's back, stop the server."""

    action: Callable[[], object]


Fault = Refuse | Cut | Wait | Call


@dataclass(slots=True)
class Exchange:
    """One request. `status` is None until it is answered, and stays so where the connection was cut."""

    method: str
    path: str
    content_type: str
    status: int | None = None

    def __str__(self) -> str:
        """`PATCH /api/v1/namespaces/test-1/secrets/a?fieldManager=x: 200`."""
        return f"{self.method} {self.path}: {self.status}"


@dataclass(slots=True)
class Rule:
    """A fault, the requests it is for, how many of them pass first, and how often it still happens."""

    fault: Fault
    method: str
    path: re.Pattern[str]
    skip: int
    times: int


def status_object(fault: Refuse) -> dict[str, Any]:
    """The object that the API server's own refusals are."""
    details = {"retryAfterSeconds": fault.retry_after} if fault.retry_after is not None else {}
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": fault.message,
        "reason": REASONS[fault.status],
        "details": details,
        "code": fault.status,
    }
