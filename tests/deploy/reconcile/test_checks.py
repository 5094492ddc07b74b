from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from sopskit.deploy.reconcile.checks import MOST_READ, Failure, run_check
from sopskit.deploy.reconcile.source import Check
from tests.deploy.notify.receivers import Reply, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

CANARY = "test-canary"


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that nobody listens at."""
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        yield line.getsockname()[1]


def check(url: str = "", **settings: object) -> Check:
    return Check("answers", url, **{"retries": 0, "every": 0.01, **settings})  # type: ignore[arg-type]


def test_the_status_that_is_expected_is_enough() -> None:
    with serving() as server:
        assert run_check(check(server.url("/healthz?full=1"))) is None
        assert [(seen.method, seen.path) for seen in server.seen] == [("GET", "/healthz?full=1")]


def test_another_status_is_a_failure() -> None:
    with serving(Reply(503, body=CANARY.encode())) as server:
        failure = run_check(check(server.url()))
    assert failure == Failure("answers", "HTTP status 503, not 200")
    assert str(failure) == "answers: HTTP status 503, not 200"


@pytest.mark.parametrize("status", [204, 302, 401, 503])
def test_any_status_may_be_the_one_that_is_expected(status: int) -> None:
    with serving(Reply(status, body=b"")) as server:
        assert run_check(check(server.url(), status=status)) is None


def test_a_redirect_is_not_followed() -> None:
    with serving() as other, serving(Reply(302, {"Location": other.url()})) as server:
        assert run_check(check(server.url())) == Failure("answers", "HTTP status 302, not 200")
        assert other.seen == []


def test_a_text_that_must_be_in_the_answer() -> None:
    with serving(Reply(body="version: \u00e4 2".encode())) as server:
        assert run_check(check(server.url(), contains="\u00e4 2")) is None
        failure = run_check(check(server.url(), contains="3"))
    assert failure == Failure("answers", "the answer does not contain what it should")


def test_only_the_beginning_of_a_huge_answer_is_looked_at() -> None:
    with serving(Reply(body=b"x" * (MOST_READ - 1) + b"end" + b"x" * 5_000_000)) as server:
        assert run_check(check(server.url(), contains="xe")) is None
        assert run_check(check(server.url(), contains="end")) is not None


def test_nothing_of_an_answer_is_told() -> None:
    reply = Reply(500, {"X-A": CANARY}, body=CANARY.encode())
    with serving(reply) as server:
        failures = [run_check(check(server.url(f"/{CANARY}"), status=status, contains="x")) for status in (200, 500)]
    assert len([failure for failure in failures if failure and CANARY not in str(failure)]) == 2


def test_it_is_tried_again_until_it_succeeds() -> None:
    with serving(Reply(500), Reply(500), Reply(200)) as server:
        pauses: list[float] = []
        assert run_check(check(server.url(), retries=5, every=3.0), sleep=pauses.append) is None
        assert (len(server.seen), pauses) == (3, [3.0, 3.0])


def test_it_is_given_up_after_the_last_retry() -> None:
    with serving(Reply(500)) as server:
        failure = run_check(check(server.url(), retries=2))
        assert failure == Failure("answers", "HTTP status 500, not 200, 3 times in a row")
        assert len(server.seen) == 3


def test_no_retry_begins_when_no_time_is_left() -> None:
    with serving(Reply(500)) as server:
        now = 0.0

        def sleep(seconds: float) -> None:
            nonlocal now
            now += seconds

        failure = run_check(check(server.url(), retries=1000, every=2.0), within=5.0, clock=lambda: now, sleep=sleep)
        assert failure == Failure("answers", "HTTP status 500, not 200, 3 times in a row, and no time is left")


def test_who_hangs_has_not_answered() -> None:
    with serving(Reply(hang=60)) as server:
        assert run_check(check(server.url(), timeout=0.2)) == Failure("answers", "no answer within 0.2 seconds")


def test_a_closed_port(closed_port: int) -> None:
    refused = Failure("answers", "no connection: connection refused")
    assert run_check(check(f"http://127.0.0.1:{closed_port}/")) == refused
    assert run_check(check(address=f"127.0.0.1:{closed_port}")) == refused


def test_a_port_that_takes_connections() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        assert run_check(check(address=f"127.0.0.1:{listening.getsockname()[1]}")) is None


@pytest.mark.parametrize("settings", [{"url": "http://169.254.169.254/latest/"}, {"address": "169.254.169.254:80"}])
def test_metadata_is_not_asked_and_not_tried_again(settings: dict[str, str]) -> None:
    pauses: list[float] = []
    failure = run_check(check(**settings, retries=9), sleep=pauses.append)
    assert failure == Failure("answers", "the address is link-local or of a cloud's metadata service")
    assert pauses == []


@pytest.mark.parametrize(
    "settings", [{"url": "file:///etc/passwd"}, {"url": f"http://u:{CANARY}@host/"}, {"address": f"{CANARY}"}]
)
def test_an_address_that_is_none_is_a_failure_and_not_quoted(settings: dict[str, str]) -> None:
    failure = run_check(check(**settings))
    assert failure is not None
    assert "the address is n" in failure.message
    assert CANARY not in str(failure)


def test_the_name_of_a_check_is_escaped() -> None:
    assert str(Failure("a\x1b[2J\n" + "x" * 1000, "no")) == "a\\x1b[2J\\n" + "x" * 94 + ": no"
