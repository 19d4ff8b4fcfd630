# SPDX-License-Identifier: MPL-2.0
from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from instant_clone.plugin.resource import updates as module
from instant_clone.plugin.resource.updates import DestroyTracker
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


def _watched(destroy_tracker: DestroyTracker) -> Watched:
    """Replace the condition of `destroy_tracker` with one that counts the waiting threads."""
    watched = Watched()
    destroy_tracker._changed = watched
    return watched


def _pass(clock: Clock, watched: Watched, seconds: float) -> None:
    """Advance the clock by `seconds`, and notify all waiting threads."""
    with watched:
        clock.sleep(seconds)
        watched.notify_all()


def test_contains_a_vm_of_the_state_before_and_after_its_destroy() -> None:
    destroy_tracker = DestroyTracker()
    assert "a" not in destroy_tracker

    destroy_tracker.know("a")
    with destroy_tracker.leaving("b"):
        assert "a" in destroy_tracker
        assert "b" in destroy_tracker

    assert "b" in destroy_tracker


def test_wait_ends_with_the_destroy(threads: ThreadPoolExecutor) -> None:
    destroy_tracker = DestroyTracker()
    watched = _watched(destroy_tracker)

    with destroy_tracker.leaving("a"):
        waiting = threads.submit(destroy_tracker.wait_for, "a", patience=0, seconds=_HANG_SECONDS)
        until(lambda: watched.waiting == 1, "the wait")
        assert not waiting.done()

    assert waiting.result()
    assert destroy_tracker.wait_for("a", patience=0, seconds=0)


def test_wait_gives_up_if_the_destroy_does_not_start(clock: Clock, threads: ThreadPoolExecutor) -> None:
    destroy_tracker = DestroyTracker()
    watched = _watched(destroy_tracker)

    waiting = threads.submit(destroy_tracker.wait_for, "a", patience=10, seconds=1000)
    until(lambda: watched.waiting == 1, "the wait")
    _pass(clock, watched, 11)

    assert not waiting.result()


def test_wait_times_out_if_the_destroy_does_not_end(clock: Clock, threads: ThreadPoolExecutor) -> None:
    destroy_tracker = DestroyTracker()
    watched = _watched(destroy_tracker)

    with destroy_tracker.leaving("a"):
        waiting = threads.submit(destroy_tracker.wait_for, "a", patience=0, seconds=1000)
        until(lambda: watched.waiting == 1, "the wait")
        _pass(clock, watched, 1001)

        assert not waiting.result()


def test_wait_ends_with_a_failed_destroy() -> None:
    destroy_tracker = DestroyTracker()
    with suppress(ValueError), destroy_tracker.leaving("a"):
        int("x")

    assert destroy_tracker.wait_for("a", patience=0, seconds=0)


def test_wait_continues_while_another_request_is_active(clock: Clock, threads: ThreadPoolExecutor) -> None:
    destroy_tracker = DestroyTracker()
    watched = _watched(destroy_tracker)

    def wait() -> bool:
        with destroy_tracker.working():
            return destroy_tracker.wait_for("a", patience=10, seconds=1000)

    with destroy_tracker.working():
        waiting = threads.submit(wait)
        until(lambda: watched.waiting == 1, "the wait")
        begun = watched.begun
        _pass(clock, watched, 500)
        until(lambda: watched.begun > begun, "the wait to go on")
        assert not waiting.done()
    with destroy_tracker.leaving("a"):
        pass

    assert waiting.result()


def test_waiting_creations_give_up_one_after_another(clock: Clock, threads: ThreadPoolExecutor) -> None:
    """The first creation that gives up frees a worker for the destroys of the other VMs."""
    destroy_tracker = DestroyTracker()
    watched = _watched(destroy_tracker)
    given_up: list[str] = []

    def create(uuid: str) -> None:
        with destroy_tracker.working():
            if destroy_tracker.wait_for(uuid, patience=2, seconds=30):
                return
            given_up.append(uuid)
        for other in {"a", "b", "c"} - {uuid}:
            with destroy_tracker.working(), destroy_tracker.leaving(other):
                pass

    creations = [threads.submit(create, uuid) for uuid in "abc"]
    until(lambda: watched.waiting == 3, "all three to wait")
    _pass(clock, watched, 3)
    for creation in creations:
        creation.result()

    assert len(given_up) == 1


def test_a_vm_is_either_adopted_or_destroyed() -> None:
    destroy_tracker = DestroyTracker()

    assert destroy_tracker.take_over("a")
    with destroy_tracker.leaving("a") as may_go:
        assert not may_go
    with destroy_tracker.leaving("b") as may_go:
        assert may_go
        assert not destroy_tracker.take_over("b")
    assert not destroy_tracker.take_over("b")
