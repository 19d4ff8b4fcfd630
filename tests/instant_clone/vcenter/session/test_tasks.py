# SPDX-License-Identifier: MPL-2.0
from __future__ import annotations

from http.client import HTTPException
from typing import Any
from xml.parsers.expat import ExpatError

import pytest
from pyVmomi import vim, vmodl

from instant_clone.vcenter.session import polling
from instant_clone.vcenter.session.faults import fault_text
from instant_clone.vcenter.session.tasks import TaskTimeoutError, wait_for
from testkit.clock import Clock


class Task:
    """A task whose reads return these states or raise these errors in turn. The last value repeats."""

    def __init__(self, *states: str | Exception, **others: Any) -> None:
        self._states = list(states)
        self._others = others

    @property
    def info(self) -> vim.TaskInfo:
        state = self._states.pop(0) if len(self._states) > 1 else self._states[0]
        if isinstance(state, Exception):
            raise state
        return vim.TaskInfo(state=state, **self._others)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(polling, "time", clock)
    return clock


def _wait(task: Task, seconds: float = 60) -> object:
    return wait_for(task, seconds=seconds)  # type: ignore[arg-type]


def test_finished_task_needs_no_pause(clock: Clock) -> None:
    machine = vim.VirtualMachine("vm-1")

    assert _wait(Task("success", result=machine)) is machine
    assert clock.pauses == []


def test_pauses_grow_up_to_a_second(clock: Clock) -> None:
    assert _wait(Task(*["queued"] * 3, *["running"] * 7, "success", result="done")) == "done"
    assert [round(pause, 3) for pause in clock.pauses] == [
        0.05, 0.075, 0.113, 0.169, 0.253, 0.38, 0.57, 0.854, 1.0, 1.0
    ]  # fmt: skip


def test_raises_the_fault_of_the_task() -> None:
    with pytest.raises(vim.fault.DuplicateName) as caught:
        _wait(Task("running", "error", error=vim.fault.DuplicateName(name="web")))
    assert caught.value.name == "web"


def test_raises_a_fault_if_the_failed_task_has_none() -> None:
    with pytest.raises(vmodl.fault.SystemError) as caught:
        _wait(Task("error", error=None))
    assert fault_text(caught.value) == "SystemError: the task failed without a fault"


def test_raises_after_the_time_out(clock: Clock) -> None:
    with pytest.raises(TaskTimeoutError):
        _wait(Task("running"), seconds=10)
    assert 9 < clock.now <= 10


def test_reads_the_task_once_even_with_a_zero_time_out() -> None:
    assert _wait(Task("success", result="done"), seconds=0) == "done"


CUT = ConnectionResetError(104, "Connection reset by peer")


@pytest.mark.parametrize(
    "lost",
    [CUT, TimeoutError("timed out"), HTTPException("503 Service Unavailable"), ExpatError("no element found")],
    ids=["cut", "silent", "starting", "cut-in-an-answer"],
)
def test_wait_survives_a_lost_connection(clock: Clock, lost: Exception) -> None:
    assert _wait(Task("running", *[lost] * 60, "success", result="done"), seconds=600) == "done"
    assert 50 < clock.now < 60


def test_raises_after_a_minute_without_an_answer(clock: Clock) -> None:
    with pytest.raises(ConnectionResetError):
        _wait(Task("running", CUT), seconds=600)
    assert 60 < clock.now <= 62


def test_the_minute_counts_from_the_last_answer(clock: Clock) -> None:
    silence = [CUT] * 50

    assert _wait(Task(*silence, "running", *silence, "running", *silence, "success", result="done"), seconds=600)
    assert clock.now > 120


def test_raises_at_the_time_out_without_an_answer(clock: Clock) -> None:
    with pytest.raises(ConnectionResetError):
        _wait(Task("running", CUT), seconds=10)
    assert 9 < clock.now <= 10
