# SPDX-License-Identifier: MPL-2.0
"""Waiting for tasks of vCenter."""

from __future__ import annotations

from http.client import HTTPException
from xml.parsers.expat import ExpatError

from pyVmomi import vim, vmodl

from instant_clone.vcenter.session.polling import growing_pauses, poll

__all__ = ["LONGEST_SILENCE", "LOST_CONNECTION", "TaskTimeoutError", "wait_for"]

LOST_CONNECTION = (OSError, HTTPException, ExpatError)
"""pyvmomi's errors for a connection that is refused, broken or closed within an answer; the task continues"""
LONGEST_SILENCE = 60.0
"""seconds for which requests are repeated while vCenter does not answer"""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0


class TaskTimeoutError(Exception):
    """The task was still running at the deadline. It continues in vCenter."""


def wait_for(task: vim.Task, *, seconds: float) -> object:
    """Wait for a task, and return its result.

    The function polls with growing pauses. Several threads wait at the same time, and pyvmomi's wait on a property
    collector supports only one thread. While vCenter does not answer, requests are repeated for a minute.

    Raises:
        vmodl.MethodFault: The task failed with this fault.
        TaskTimeoutError: The task was still running after `seconds`.
        LOST_CONNECTION: vCenter did not answer for a minute.
    """

    def result() -> tuple[object] | None:
        info = task.info
        if info.state == vim.TaskInfo.State.error:
            raise info.error or vmodl.fault.SystemError(msg="the task failed without a fault")
        return (info.result,) if info.state == vim.TaskInfo.State.success else None

    found = poll(
        result,
        pauses=growing_pauses(_FIRST_PAUSE, _LONGEST_PAUSE, factor=1.5),
        seconds=seconds,
        retried=LOST_CONNECTION,
        silence=LONGEST_SILENCE,
    )
    if found is None:
        raise TaskTimeoutError
    return found[0]
