"""What must answer after a deployment: an HTTP GET or a TCP connection, tried again for a while.

A check is made from the place of the supervisor, with no credentials at all, and its answer goes nowhere: a failure tells the
status, never the text.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from sopskit.deploy.notify.address import AddressError, Plain, UnreachedError, connect, read_host_and_port
from sopskit.deploy.notify.exchange import Request, ask
from sopskit.redact import escape
from sopskit.secret import SecretStr

if TYPE_CHECKING:
    from collections.abc import Callable

    from sopskit.deploy.reconcile.source import Check

MOST_READ = 64 * 1024  # bytes of an answer that are looked at
LONGEST = 300.0  # seconds for all attempts of one check
LONGEST_NAME = 100


class Failure(NamedTuple):
    """A check that failed to the last."""

    name: str
    message: str

    def __str__(self) -> str:
        """For people."""
        return f"{escape(self.name[:LONGEST_NAME])}: {self.message}"


def run_check(
    check: Check,
    *,
    within: float = LONGEST,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Failure | None:
    """Try a check until it succeeds, all its retries are used, or so many seconds are over; None if it succeeded."""
    deadline = clock() + within
    attempts = 0
    while True:
        try:
            problem = _attempt(check, max(0.001, min(check.timeout, deadline - clock())))
        except AddressError as error:
            return Failure(check.name, error.message)  # no retry makes it better
        if not problem:
            return None
        attempts += 1
        tried = f", {attempts} times in a row" if attempts > 1 else ""
        if attempts > check.retries:
            return Failure(check.name, f"{problem}{tried}")
        if deadline - clock() <= check.every:
            return Failure(check.name, f"{problem}{tried}, and no time is left")
        sleep(check.every)


def _attempt(check: Check, seconds: float) -> str:
    """What is wrong, empty for nothing. Raises `AddressError` for an address that is not asked."""
    try:
        if check.address:
            connect(*read_host_and_port(check.address), time.monotonic() + seconds).close()
            return ""
        return _get(check, seconds)
    except UnreachedError as error:
        return error.message


def _get(check: Check, seconds: float) -> str:
    most = MOST_READ if check.contains else 0
    answer = ask(Request("GET", SecretStr(check.url), plain=Plain.ANYWHERE), seconds, most=most)
    if answer.status != check.status:
        return f"HTTP status {answer.status}, not {check.status}"
    if check.contains.encode() not in answer.body:
        return "the answer does not contain what it should"
    return ""
