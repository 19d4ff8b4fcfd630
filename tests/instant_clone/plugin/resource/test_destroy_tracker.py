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
    """A condition that counts the threads that wait for it, and how often one has begun to wait."""

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
    """A condition in the place of that of `departures`, by which a test knows who waits."""
    watched = Watched()
    departures._changed = watched
    return watched


def _pass(clock: Clock, watched: Watched, seconds: float) -> None:
    """Let so much time pass for all who wait."""
    with watched:
        clock.sleep(seconds)
        watched.notify_all()


def test_a_vm_of_the_state_is_known_before_and_after_it_has_left() -> None:
    departures = Departures()
    assert "a" not in departures

    departures.know("a")
    with departures.leaving("b"):
        assert "a" in departures
        assert "b" in departures

    assert "b" in departures


def test_waiting_ends_when_the_vm_has_left(threads: ThreadPoolExecutor) -> None:
    departures = Departures()
    watched = _watched(departures)

    with departures.leaving("a"):
        waiting = threads.submit(departures.wait_for, "a", patience=0, seconds=_HANG_SECONDS)
        until(lambda: watched.waiting == 1, "the wait")
        assert not waiting.done()

    assert waiting.result()
    assert departures.wait_for("a", patience=0, seconds=0)


def test_a_departure_that_does_not_begin_is_not_waited_for(clock: Clock, threads: ThreadPoolExecutor) -> None:
    departures = Departures()
    watched = _watched(departures)

    waiting = threads.submit(departures.wait_for, "a", patience=10, seconds=1000)
    until(lambda: watched.waiting == 1, "the wait")
    _pass(clock, watched, 11)

    assert not waiting.result()


def test_a_departure_that_does_not_end_is_waited_for_so_long(clock: Clock, threads: ThreadPoolExecutor) -> None:
    departures = Departures()
    watched = _watched(departures)

    with departures.leaving("a"):
        waiting = threads.submit(departures.wait_for, "a", patience=0, seconds=1000)
        until(lambda: watched.waiting == 1, "the wait")
        _pass(clock, watched, 1001)

        assert not waiting.result()


def test_a_destruction_that_fails_has_ended_too() -> None:
    departures = Departures()
    with suppress(ValueError), departures.leaving("a"):
        int("x")

    assert departures.wait_for("a", patience=0, seconds=0)


def test_a_departure_is_waited_for_as_long_as_somebody_works_who_may_lead_to_it(
    clock: Clock, threads: ThreadPoolExecutor
) -> None:
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


def test_those_who_wait_for_one_another_give_up_one_by_one(clock: Clock, threads: ThreadPoolExecutor) -> None:
    """The first that does makes room for the departures of the others."""
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


def test_a_vm_is_taken_over_or_leaves_and_never_both() -> None:
    departures = Departures()

    assert departures.take_over("a")
    with departures.leaving("a") as may_go:
        assert not may_go
    with departures.leaving("b") as may_go:
        assert may_go
        assert not departures.take_over("b")
    assert not departures.take_over("b")
