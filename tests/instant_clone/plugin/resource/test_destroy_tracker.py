# SPDX-License-Identifier: MPL-2.0
from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from instant_clone.plugin.resource import updates as module
from instant_clone.plugin.resource.updates import Departures
from testkit.clock import Clock
from testkit.processes import until

_HANG_SECONDS = 120


class Watched(threading.Condition):
    """A condition that counts the waiting threads and the calls of `wait`."""

    waiting = begun = 0

    def wait(self, timeout: float | None = None) -> bool:
        # The caller holds the lock.
        self.waiting += 1
        self.begun += 1
        try:
            return super().wait(timeout)
        finally:
            self.waiting -= 1


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


def _watched(departures: Departures) -> Watched:
    """Replace the condition of `departures` with one that counts the waiting threads."""
    watched = Watched()
    departures._changed = watched
    return watched


def _pass(clock: Clock, watched: Watched, seconds: float) -> None:
    """Advance the clock by `seconds`, and notify all waiting threads."""
    with watched:
        clock.sleep(seconds)
        watched.notify_all()


def test_contains_a_vm_of_the_state_before_and_after_its_destroy() -> None:
    departures = Departures()
    assert "a" not in departures

    departures.know("a")
    with departures.leaving("b"):
        assert "a" in departures
        assert "b" in departures

    assert "b" in departures


def test_wait_ends_with_the_destroy(threads: ThreadPoolExecutor) -> None:
    departures = Departures()
    watched = _watched(departures)

    with departures.leaving("a"):
        waiting = threads.submit(departures.wait_for, "a", patience=0, seconds=_HANG_SECONDS)
        until(lambda: watched.waiting == 1, "the wait")
        assert not waiting.done()

    assert waiting.result()
    assert departures.wait_for("a", patience=0, seconds=0)


def test_wait_gives_up_if_the_destroy_does_not_start(clock: Clock, threads: ThreadPoolExecutor) -> None:
    departures = Departures()
    watched = _watched(departures)

    waiting = threads.submit(departures.wait_for, "a", patience=10, seconds=1000)
    until(lambda: watched.waiting == 1, "the wait")
    _pass(clock, watched, 11)

    assert not waiting.result()


def test_wait_times_out_if_the_destroy_does_not_end(clock: Clock, threads: ThreadPoolExecutor) -> None:
    departures = Departures()
    watched = _watched(departures)

    with departures.leaving("a"):
        waiting = threads.submit(departures.wait_for, "a", patience=0, seconds=1000)
        until(lambda: watched.waiting == 1, "the wait")
        _pass(clock, watched, 1001)

        assert not waiting.result()


def test_wait_ends_with_a_failed_destroy() -> None:
    departures = Departures()
    with suppress(ValueError), departures.leaving("a"):
        int("x")

    assert departures.wait_for("a", patience=0, seconds=0)


def test_wait_continues_while_another_request_is_active(clock: Clock, threads: ThreadPoolExecutor) -> None:
    departures = Departures()
    watched = _watched(departures)

    def wait() -> bool:
        with departures.working():
            return departures.wait_for("a", patience=10, seconds=1000)

    with departures.working():
        waiting = threads.submit(wait)
        until(lambda: watched.waiting == 1, "the wait")
        begun = watched.begun
        _pass(clock, watched, 500)
        until(lambda: watched.begun > begun, "the wait to go on")
        assert not waiting.done()
    with departures.leaving("a"):
        pass

    assert waiting.result()


def test_waiting_creations_give_up_one_after_another(clock: Clock, threads: ThreadPoolExecutor) -> None:
    """The first creation that gives up frees a worker for the destroys of the other VMs."""
    departures = Departures()
    watched = _watched(departures)
    given_up: list[str] = []

    def create(uuid: str) -> None:
        with departures.working():
            if departures.wait_for(uuid, patience=2, seconds=30):
                return
            given_up.append(uuid)
        for other in {"a", "b", "c"} - {uuid}:
            with departures.working(), departures.leaving(other):
                pass

    creations = [threads.submit(create, uuid) for uuid in "abc"]
    until(lambda: watched.waiting == 3, "all three to wait")
    _pass(clock, watched, 3)
    for creation in creations:
        creation.result()

    assert len(given_up) == 1


def test_a_vm_is_either_adopted_or_destroyed() -> None:
    departures = Departures()

    assert departures.take_over("a")
    with departures.leaving("a") as may_go:
        assert not may_go
    with departures.leaving("b") as may_go:
        assert may_go
        assert not departures.take_over("b")
    assert not departures.take_over("b")
