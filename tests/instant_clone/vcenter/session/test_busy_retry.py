# SPDX-License-Identifier: MPL-2.0
from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Lock

import pytest
from pyVmomi import vim

from instant_clone.vcenter.session import polling as module
from instant_clone.vcenter.session.busy_retry import BusyError, BusyRetry
from testkit.clock import Clock


class Busy:
    """A call that is busy at first, and that records the number of concurrent calls."""

    def __init__(self, times: int) -> None:
        self.times, self.calls = times, 0

    def __call__(self) -> str:
        self.calls += 1
        if self.calls <= self.times:
            raise BusyError
        return "done"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def test_repeats_busy_calls_with_growing_pauses(clock: Clock) -> None:
    work = Busy(3)

    assert BusyRetry(1).take("vm-1", work, seconds=60) == "done"

    assert work.calls == 4
    # Each pause is shortened at random by up to a half.
    assert [longest / 2 <= pause <= longest for pause, longest in zip(clock.pauses, (0.2, 0.4, 0.8), strict=True)] == [
        True
    ] * 3


def test_pauses_have_at_most_fifteen_seconds(clock: Clock) -> None:
    assert BusyRetry(1).take("vm-1", Busy(20), seconds=600) == "done"

    assert 7.5 <= max(clock.pauses) <= 15


def test_raises_if_the_object_stays_busy(clock: Clock) -> None:
    with pytest.raises(BusyError):
        BusyRetry(1).take("vm-1", Busy(10_000), seconds=60)

    # The call is not repeated if the next pause would end after the deadline.
    assert 45 < clock.now <= 60


def test_does_not_repeat_other_errors() -> None:
    with pytest.raises(vim.fault.InvalidState):
        BusyRetry(1).take("vm-1", _invalid, seconds=60)


def _invalid() -> None:
    raise vim.fault.InvalidState


def test_limits_concurrent_calls_per_object() -> None:
    turns, lock = BusyRetry(3), Lock()
    inside: dict[str, int] = {"vm-1": 0, "vm-2": 0}
    most: dict[str, int] = {"vm-1": 0, "vm-2": 0}
    # The barriers require that three calls per object run at the same time.
    together = {"vm-1": Barrier(3), "vm-2": Barrier(3)}

    def work(key: str) -> None:
        with lock:
            inside[key] += 1
            most[key] = max(most[key], inside[key])
        together[key].wait(timeout=120)
        with lock:
            inside[key] -= 1

    with ThreadPoolExecutor(24) as threads:
        keys = ["vm-1", "vm-2"] * 12
        list(threads.map(lambda key: turns.take(key, lambda: work(key), seconds=120), keys))

    assert most == {"vm-1": 3, "vm-2": 3}
