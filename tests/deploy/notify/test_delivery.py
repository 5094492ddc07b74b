"""Delivery to real servers, with pauses so short that a test can wait for them."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from sopskit.deploy.notify.delivery import Delivery, Limits
from sopskit.deploy.reconcile.source import Channel, Source, SourceId
from sopskit.errors import ClusterError
from tests.deploy.notify.notices import NOTICE
from tests.deploy.notify.receivers import Reply, Server, eventually, serving

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sopskit.deploy.notify.message import Notice

FAST = Limits(timeout=30.0, burst=1000, source_burst=1000, pause=0.05, longest_pause=0.1)
CANARY = "test-canary-token"


class World:
    """A delivery, and what it has said."""

    def __init__(self, secrets: Mapping[str, Mapping[str, bytes]], limits: Limits) -> None:
        self.counted: Counter[tuple[str, str]] = Counter()
        self.logged: list[str] = []
        self.read_by: list[tuple[str, str]] = []
        self._secrets = secrets
        self._lock = threading.Lock()
        self.delivery = Delivery(self._read, count=self._count, log=self.logged.append, limits=limits)

    def _read(self, namespace: str, name: str) -> Mapping[str, bytes]:
        self.read_by.append((namespace, name))
        if name not in self._secrets:
            raise ClusterError(f"there is no Secret {name}")
        return self._secrets[name]

    def _count(self, kind: str, result: str) -> None:
        with self._lock:
            self.counted[kind, result] += 1

    def counts(self, **results: int) -> bool:
        """Whether this is what became of the webhooks, before long."""
        return eventually(lambda: self.counted == {("webhook", result): count for result, count in results.items()})


@contextmanager
def delivering(limits: Limits = FAST, **secrets: Mapping[str, bytes]) -> Iterator[World]:
    world = World(secrets, limits)
    try:
        yield world
    finally:
        world.delivery.close(1.0)


def source(*channels: Channel, name: str = "app", namespace: str = "dev") -> Source:
    return Source(SourceId(namespace, name), "https://git.example.org/x.git", "main", ".", "keys", channels=channels)


def hook(secret: str = "hook", *kinds: str) -> Channel:
    return Channel("webhook", secret, frozenset(kinds)) if kinds else Channel("webhook", secret)


def to(server: Server) -> dict[str, bytes]:
    return {"address": server.url(f"/{CANARY}").encode()}


def arrived(server: Server) -> list[Any]:
    return [json.loads(seen.body)["summary"] for seen in server.seen]


def said(number: object, **fields: Any) -> Notice:
    return NOTICE._replace(summary=str(number), **fields)


def test_a_notice_arrives_once() -> None:
    with serving() as server, delivering(hook=to(server)) as world:
        world.delivery.notify(source(hook()), NOTICE)
        assert world.counts(sent=1)
        assert arrived(server) == [NOTICE.summary]
        assert world.read_by == [("dev", "hook")]
        assert world.logged == []


def test_only_who_wants_a_kind_is_told() -> None:
    with serving() as server, serving() as other, delivering(hook=to(server), other=to(other)) as world:
        world.delivery.notify(source(hook("hook", "failed"), hook("other", "applied")), NOTICE)
        assert world.counts(sent=1)
        assert (arrived(server), arrived(other)) == ([], [NOTICE.summary])


def test_notices_of_a_source_arrive_in_order() -> None:
    with serving(Reply(), Reply(500), Reply()) as server, delivering(hook=to(server)) as world:
        for number in range(5):
            world.delivery.notify(source(hook()), said(number))
        assert world.counts(sent=5)
        assert arrived(server) == ["0", "1", "1", "2", "3", "4"]


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503])
def test_a_receiver_in_trouble_is_asked_again(status: int) -> None:
    with serving(Reply(status), Reply(status), Reply()) as server, delivering(hook=to(server)) as world:
        world.delivery.notify(source(hook()), NOTICE)
        assert world.counts(sent=1)
        assert len(server.seen) == 3
        assert world.logged == [f"dev/app: webhook by the Secret hook: HTTP status {status}"]


def test_retry_after_is_honoured() -> None:
    with serving(Reply(429, {"Retry-After": "1"}), Reply()) as server, delivering(hook=to(server)) as world:
        began = time.monotonic()
        world.delivery.notify(source(hook()), NOTICE)
        assert world.counts(sent=1)
        assert time.monotonic() - began >= 1.0


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 403, 404, 410])
def test_a_receiver_that_refuses_is_not_asked_again(status: int) -> None:
    with (
        serving() as other,
        serving(Reply(status, {"Location": other.url()})) as server,
        delivering(hook=to(server)) as world,
    ):
        world.delivery.notify(source(hook()), NOTICE)
        assert world.counts(refused=1)
        assert (len(server.seen), other.seen) == (1, [])


def test_a_receiver_that_was_away_is_told_when_it_is_back() -> None:
    with serving() as gone:
        address = to(gone)
    secrets = {"address": address["address"]}
    with serving() as server, delivering(hook=secrets) as world:
        world.delivery.notify(source(hook()), NOTICE)
        assert eventually(lambda: bool(world.logged))
        assert world.logged == ["dev/app: webhook by the Secret hook: no connection: connection refused"]
        secrets |= to(server)
        world._secrets = {"hook": secrets}
        assert world.counts(sent=1)


def test_a_notice_is_given_up_in_the_end() -> None:
    with serving(Reply(500)) as server, delivering(FAST._replace(keep=0.3), hook=to(server)) as world:
        world.delivery.notify(source(hook()), NOTICE)
        assert world.counts(failed=1)
        assert len(server.seen) > 1


def test_who_hangs_holds_up_nobody_else() -> None:
    with serving(Reply(hang=60)) as hanging, serving() as server, delivering(bad=to(hanging), hook=to(server)) as world:
        world.delivery.notify(source(hook("bad"), hook()), said(0))
        assert world.counts(sent=1)
        world.delivery.notify(source(hook("bad"), hook()), said(1))
        assert world.counts(sent=2)
        assert len(hanging.seen) == 1


def test_who_hangs_holds_up_nobody_else_with_many_waiting() -> None:
    with serving(Reply(hang=60)) as hanging, serving() as server, delivering(bad=to(hanging), hook=to(server)) as world:
        for number in range(5):
            world.delivery.notify(source(hook("bad")), said(number))
            world.delivery.notify(source(hook()), said(number))
        assert world.counts(sent=5)
        assert len(hanging.seen) == 1


def test_telling_never_waits() -> None:
    with serving(Reply(hang=60)) as hanging, delivering(hook=to(hanging)) as world:
        world.delivery.notify(source(hook()), said(0))
        assert eventually(lambda: bool(hanging.seen))
        for number in range(1, 10):
            world.delivery.notify(source(hook()), said(number))
        assert world.counted == {}
        assert len(world.delivery._threads) == FAST.threads


def test_the_oldest_of_a_source_is_dropped_when_too_many_wait() -> None:
    limits = FAST._replace(lane=2)
    with serving(Reply(hang=60)) as server, delivering(limits, hook=to(server)) as world:
        world.delivery.notify(source(hook()), said(0))
        assert eventually(lambda: bool(server.seen))
        for number in range(1, 6):
            world.delivery.notify(source(hook()), said(number))
        server.release()
        assert world.counts(sent=3, dropped=3)
        assert arrived(server) == ["0", "4", "5"]


def test_who_has_most_waiting_loses_when_all_have_too_many() -> None:
    limits = FAST._replace(total=3)
    with serving(Reply(hang=60)) as server, delivering(limits, hook=to(server)) as world:
        world.delivery.notify(source(hook()), said("first"))
        assert eventually(lambda: bool(server.seen))
        for number in range(3):
            world.delivery.notify(source(hook()), said(number))
        world.delivery.notify(source(hook(), name="other"), said("other", source="dev/other"))
        server.release()
        assert world.counts(sent=4, dropped=1)
        assert sorted(arrived(server)) == ["1", "2", "first", "other"]


def test_a_namespace_of_many_sources_does_not_crowd_out_another() -> None:
    limits = FAST._replace(total=5)
    with (
        serving(Reply(hang=60)) as server,
        serving(Reply(hang=60)) as other,
        delivering(limits, hook=to(server), other=to(other)) as world,
    ):
        for namespace, secret in (("dev", "hook"), ("qa", "other")):
            world.delivery.notify(source(hook(secret), namespace=namespace), said("first", source=f"{namespace}/app"))
        assert eventually(lambda: bool(server.seen and other.seen))
        for number in range(2):
            world.delivery.notify(source(hook("other"), namespace="qa"), said(number, source="qa/app"))
        for number in range(4):
            name = f"s{number}"
            world.delivery.notify(source(hook(), name=name), said(name, source=f"dev/{name}"))
        server.release()
        other.release()
        assert world.counts(sent=7, dropped=1)
        assert arrived(other) == ["first", "0", "1"]


def test_a_source_that_says_much_is_slowed_down_and_others_are_not() -> None:
    limits = FAST._replace(source_burst=1)
    with serving() as server, delivering(limits, hook=to(server)) as world:
        for number in range(3):
            world.delivery.notify(source(hook()), said(number))
        world.delivery.notify(source(hook(), name="other"), said("other", source="dev/other"))
        assert world.counts(sent=2)
        assert sorted(arrived(server)) == ["0", "other"]


def test_a_receiver_is_not_flooded() -> None:
    limits = FAST._replace(burst=1, every=0.2)
    with serving() as server, delivering(limits, hook=to(server)) as world:
        began = time.monotonic()
        for number in range(3):
            world.delivery.notify(source(hook()), said(number))
        assert world.counts(sent=3)
        assert time.monotonic() - began >= 0.4


def test_the_same_failure_is_told_once_and_its_end_once() -> None:
    failed = NOTICE._replace(kind="failed")
    with serving() as server, delivering(hook=to(server)) as world:
        for notice in (failed, failed, failed, said("fine", kind="recovered"), failed):
            world.delivery.notify(source(hook()), notice)
        assert world.counts(sent=3, repeated=2)
        assert arrived(server) == [NOTICE.summary, "fine", NOTICE.summary]


def test_at_the_end_what_waits_is_sent() -> None:
    with serving() as server, delivering(FAST._replace(burst=1, every=100.0), hook=to(server)) as world:
        for number in range(4):
            world.delivery.notify(source(hook()), said(number))
        world.delivery.close(5.0)
        assert arrived(server) == ["0", "1", "2", "3"]
        assert world.counted == {("webhook", "sent"): 4}


def test_at_the_end_nobody_waits_for_who_hangs() -> None:
    with serving(Reply(hang=60)) as server, delivering(hook=to(server)) as world:
        for number in range(3):
            world.delivery.notify(source(hook()), said(number))
        assert eventually(lambda: bool(server.seen))
        began = time.monotonic()
        world.delivery.close(0.2)
        assert time.monotonic() - began < 4
        assert world.counted == {("webhook", "dropped"): 2}
        assert world.logged == ["2 notices were not delivered before the end"]


def test_after_the_end_nothing_is_taken() -> None:
    with serving() as server, delivering(hook=to(server)) as world:
        world.delivery.close(1.0)
        world.delivery.notify(source(hook()), NOTICE)
        assert (server.seen, world.counted) == ([], {})


def test_a_secret_that_is_not_there_yet_is_read_again() -> None:
    with serving() as server, delivering() as world:
        world.delivery.notify(source(hook()), NOTICE)
        assert eventually(lambda: bool(world.logged))
        assert world.logged == [
            "dev/app: webhook by the Secret hook: its Secret cannot be read: there is no Secret hook"
        ]
        world._secrets = {"hook": to(server)}
        assert world.counts(sent=1)


def test_the_same_complaint_is_logged_once() -> None:
    with serving(Reply(500), Reply(500), Reply(503), Reply()) as server, delivering(hook=to(server)) as world:
        world.delivery.notify(source(hook()), NOTICE)
        assert world.counts(sent=1)
        assert world.logged == [f"dev/app: webhook by the Secret hook: HTTP status {status}" for status in (500, 503)]


@pytest.mark.parametrize(
    "secret",
    [
        {},
        {"address": b"http://hooks.example.org/" + CANARY.encode()},
        {"address": b"https://169.254.169.254/" + CANARY.encode()},
        {"address": b"https://user:" + CANARY.encode() + b"@host/"},
        {"address": b"https://" + CANARY.encode() + b":99999/"},
        {"address": CANARY.encode()},
        {"address": CANARY.encode() + b"\n\n" + CANARY.encode()},
        {"address": b"https://\xff" + CANARY.encode()},
    ],
)
def test_a_secret_that_cannot_be_used_is_refused_and_nothing_of_it_is_logged(secret: dict[str, bytes]) -> None:
    with delivering(hook=secret) as world:
        world.delivery.notify(source(hook()), NOTICE)
        assert world.counts(refused=1)
        assert len(world.logged) == 1
        assert CANARY not in world.logged[0]


@pytest.mark.parametrize("reply", [Reply(500), Reply(403), Reply(302, {"Location": f"/{CANARY}"}), Reply(429)])
def test_nothing_of_the_address_or_the_answer_is_logged(reply: Reply) -> None:
    reply = reply._replace(body=CANARY.encode())
    with (
        serving(reply) as server,
        delivering(FAST._replace(keep=0.1), hook=to(server) | {"hmac": CANARY.encode()}) as world,
    ):
        world.delivery.notify(source(hook()), NOTICE)
        assert eventually(lambda: bool(world.counted))
        assert CANARY not in "\n".join(world.logged)
        assert server.host_and_port not in "\n".join(world.logged)
        assert CANARY.encode() not in server.seen[0].body


def test_a_broken_reader_of_secrets_stops_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    with serving() as server, delivering(hook=to(server)) as world:
        world._secrets = None  # type: ignore[assignment]
        world.delivery.notify(source(hook()), said(0))
        assert world.counts(refused=1)
        assert world.logged == ["dev/app: webhook by the Secret hook: an error of sopskit itself, TypeError"]
        world._secrets = {"hook": to(server)}
        world.delivery.notify(source(hook()), said(1))
        assert world.counts(refused=1, sent=1)
        assert capfd.readouterr() == ("", "")


def test_a_commit_without_a_status_is_neither_sent_nor_counted() -> None:
    with delivering(status={"token": CANARY.encode()}) as world:
        world.delivery.notify(source(Channel("github", "status")), NOTICE._replace(kind="drifted"))
        assert eventually(lambda: bool(world.read_by))
        world.delivery.close(1.0)
        assert (world.counted, world.logged) == ({}, [])


def test_a_token_goes_to_the_address_of_its_secret() -> None:
    with serving(Reply(201)) as server:
        secret = {"address": server.url("/api/v4").encode(), "token": CANARY.encode()}
        with delivering(status=secret) as world:
            world.delivery.notify(source(Channel("gitlab", "status")), NOTICE)
            assert eventually(lambda: world.counted == {("gitlab", "sent"): 1})
        (seen,) = server.seen
        assert seen.path == f"/api/v4/projects/team%2Fconfig/statuses/{NOTICE.revision}"
        assert seen.headers["PRIVATE-TOKEN"] == CANARY


def test_the_same_status_is_not_sent_twice_in_a_row() -> None:
    with serving(Reply(201)) as server:
        secret = {"address": server.url("/api/v3").encode(), "token": CANARY.encode()}
        with delivering(status=secret) as world:
            for kind in ("recovered", "applied", "failed", "applied"):
                world.delivery.notify(source(Channel("github", "status")), NOTICE._replace(kind=kind))
            assert eventually(lambda: world.counted == {("github", "sent"): 3})
        assert [json.loads(seen.body)["state"] for seen in server.seen] == ["success", "failure", "success"]


def test_the_same_words_are_sent_twice_to_people() -> None:
    with serving() as server, delivering(hook=to(server)) as world:
        world.delivery.notify(source(hook()), NOTICE)
        world.delivery.notify(source(hook()), NOTICE)
        assert world.counts(sent=2)


def test_a_receiver_named_twice_is_told_once() -> None:
    with serving() as server, delivering(hook=to(server)) as world:
        world.delivery.notify(source(hook(), hook()), NOTICE)
        assert world.counts(sent=1)
        world.delivery.close(1.0)
        assert len(server.seen) == 1


def test_nothing_is_kept_of_who_was_told_long_ago() -> None:
    with serving() as server, delivering(FAST._replace(source_every=0.001), hook=to(server)) as world:
        for number in range(50):
            name = f"app{number}"
            world.delivery.notify(source(hook(), name=name), said(number, source=f"dev/{name}", kind="failed"))
        assert world.counts(sent=50)
        time.sleep(0.01)
        world.delivery._told.clear()
        world.delivery.notify(source(hook()), NOTICE)
        assert world.counts(sent=51)
        assert (len(world.delivery._lanes), len(world.delivery._posts), world.delivery._told) == (1, 1, {})


def test_every_notice_is_accounted_for_whoever_tells() -> None:
    with serving() as server, delivering(FAST._replace(lane=5, total=12), hook=to(server), other=to(server)) as world:

        def tell(name: str) -> None:
            for number in range(40):
                world.delivery.notify(source(hook(), hook("other"), name=name), said(number, source=f"dev/{name}"))

        threads = [threading.Thread(target=tell, args=(f"app{number}",)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert eventually(lambda: sum(world.counted.values()) == 320)
        assert set(world.counted) <= {("webhook", "sent"), ("webhook", "dropped")}
        assert len(server.seen) == world.counted["webhook", "sent"]
        assert world.delivery._total == 0
