"""Signals that ask the process to end wait while a program is started, whichever thread the kernel gives them to."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING

import pytest

from sopskit.signals import ENDING, kept_back

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType


class AskedError(Exception):
    """A handler was called."""


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Handlers that raise, for the time of a test."""

    def end(number: int, frame: FrameType | None) -> None:
        raise AskedError

    before = {number: signal.signal(number, end) for number in ENDING}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def guarded(send: Callable[[], object], steps: list[str], *, early: bool) -> None:
    """A block in which a signal comes; `steps` are what it comes to."""
    with kept_back() as let_through:
        send()
        steps.append("sent")
        if early:
            let_through()
            steps.append("let through")
        steps.append("end")


@pytest.mark.parametrize("number", ENDING)
@pytest.mark.parametrize(("early", "expected"), [(True, ["sent"]), (False, ["sent", "end"])])
def test_a_signal_waits(number: signal.Signals, early: bool, expected: list[str]) -> None:
    steps: list[str] = []
    with pytest.raises(AskedError):
        guarded(lambda: os.kill(os.getpid(), number), steps, early=early)
    assert steps == expected


def test_a_signal_that_another_thread_is_given_waits_too() -> None:
    idle = threading.Event()
    thread = threading.Thread(target=idle.wait, args=(30,))
    thread.start()
    steps: list[str] = []

    def send() -> None:
        signal.pthread_kill(thread.ident or 0, signal.SIGTERM)
        thread.join(0.2)  # that thread has to run before the interpreter knows of the signal

    with pytest.raises(AskedError):
        guarded(send, steps, early=False)
    idle.set()
    thread.join()
    assert steps == ["sent", "end"]


def test_handlers_are_as_before_and_what_is_ignored_stays_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    before = [signal.getsignal(number) for number in ENDING]
    with kept_back():
        os.kill(os.getpid(), signal.SIGHUP)
    assert [signal.getsignal(number) for number in ENDING] == before


def test_outside_of_the_main_thread_nothing_is_done() -> None:
    before = [signal.getsignal(number) for number in ENDING]
    seen: list[object] = []

    def work() -> None:
        with kept_back():
            seen.extend(signal.getsignal(number) for number in ENDING)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == before


def test_a_handler_that_was_changed_meanwhile_stays() -> None:
    with kept_back():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # as one of a signal that is not kept back does
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
