# SPDX-License-Identifier: MPL-2.0
"""Waiting for a task of vCenter."""

from __future__ import annotations

from http.client import HTTPException
from typing import cast
from xml.parsers.expat import ExpatError

from pyVmomi import vim, vmodl

from instant_clone.vcenter.session.polling import growing_pauses, poll

__all__ = ["LONGEST_SILENCE", "LOST_CONNECTION", "TaskTimeoutError", "wait_for"]

LOST_CONNECTION = (OSError, HTTPException, ExpatError)
"""what pyvmomi raises when a connection is refused, broken, or cut within an answer; the task goes on meanwhile"""
LONGEST_SILENCE = 60.0
"""seconds for which a vCenter that does not answer is asked again"""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0


class TaskTimeoutError(Exception):
    """The task was still under way at the deadline. It goes on in vCenter."""


def wait_for(task: vim.Task, *, seconds: float) -> object:
    """The task's result, once it has one.

    Polls with growing pauses: several threads wait at once, and pyvmomi's waiting on a property collector is made
    for one. A vCenter that does not answer is asked again for a minute. Raises the task's fault (vmodl.MethodFault), or
    TaskTimeoutError after `seconds`, or one of LOST_CONNECTION.
    """

    def result() -> tuple[object] | None:
        info = task.info
        if info.state == vim.TaskInfo.State.error:
            raise cast(vmodl.MethodFault, info.error)
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
