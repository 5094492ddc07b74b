"""One attempt to tell one receiver: what it was sent, what came of it, and what to complain of.

A complaint has nothing of the address, the token or the answer in it.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, NamedTuple

from sopskit.deploy.notify.address import AddressError, UnreachedError
from sopskit.deploy.notify.receiver import read_settings, request_for
from sopskit.errors import ConfigError, SopskitError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sopskit.deploy.notify.exchange import Answer, Request
    from sopskit.deploy.notify.message import Notice

RETRIED = frozenset({408, 425, 429})  # and all from 500


class Result(enum.Enum):
    """What became of a notice."""

    SENT = "sent"
    FAILED = "failed"  # no answer, or one that asks to come back; given up if it is the last
    REFUSED = "refused"  # by the receiver, or it cannot be sent at all
    DROPPED = "dropped"  # too many were waiting
    REPEATED = "repeated"  # told before
    NOTHING = "nothing"  # there was nothing to tell this receiver


class Receiver(NamedTuple):
    """Who is told: the kind, and the Secret."""

    kind: str
    namespace: str
    secret: str


class Attempt(NamedTuple):
    """The result, what to complain of, for how many seconds the receiver wants to be left alone, and what it was sent."""

    result: Result
    complaint: str = ""
    pause: float | None = None
    request: Request | None = None


def attempt(
    receiver: Receiver,
    notice: Notice,
    read: Callable[[str, str], Mapping[str, bytes]],
    last: Request | None,
    seconds: float,
) -> Attempt:
    """Read the Secret and send the notice, within so many seconds; `last` is what was sent before. Never raises."""
    from sopskit.deploy.notify.exchange import ask

    try:
        request = request_for(receiver.kind, notice, read_settings(read(receiver.namespace, receiver.secret)))
        if request is None or (request.once and request == last):
            return Attempt(Result.NOTHING, request=last)
        return _judged(ask(request, seconds), request)
    except (AddressError, ConfigError) as error:
        return Attempt(Result.REFUSED, _told(error))
    except UnreachedError as error:
        return Attempt(Result.FAILED, _told(error))
    except SopskitError as error:
        return Attempt(Result.FAILED, f"its Secret cannot be read: {error}")
    except Exception as error:  # noqa: BLE001 the thread must go on, and the error's text may hold the address
        return Attempt(Result.REFUSED, f"an error of sopskit itself, {type(error).__name__}")


def _judged(answer: Answer, request: Request) -> Attempt:
    if 200 <= answer.status < 300:
        return Attempt(Result.SENT, request=request)
    if answer.status in RETRIED or answer.status >= 500:
        return Attempt(Result.FAILED, f"HTTP status {answer.status}", answer.retry_after)
    where = ": it names another address, and no redirect is followed" if 300 <= answer.status < 400 else ""
    return Attempt(Result.REFUSED, f"HTTP status {answer.status}{where}")


def _told(error: SopskitError) -> str:
    return f"{error.message} ({error.hint})" if error.hint else error.message
