"""Waiting for vCenter's tasks."""

from __future__ import annotations

import time
from http.client import HTTPException
from typing import cast

from pyVmomi import vim, vmodl

__all__ = ["TaskTimeoutError", "wait_for"]

_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0
_LONGEST_SILENCE = 60


class TaskTimeoutError(Exception):
    """The task was still under way at the deadline. It goes on in vCenter."""


def wait_for(task: vim.Task, *, seconds: float) -> object:
    """The task's result, once it has one.

    Polls with growing pauses: several threads wait at once, and pyvmomi's waiting on a property collector is made
    for one. A vCenter that does not answer is asked again for a minute. Raises the task's fault (vmodl.MethodFault), or
    TaskTimeoutError after `seconds`.
    """
    deadline = time.monotonic() + seconds
    pause = _FIRST_PAUSE
    answered = time.monotonic()
    while True:
        try:
            info = task.info
        except (OSError, HTTPException):
            # The task goes on, whoever asks for it.
            if time.monotonic() - answered > _LONGEST_SILENCE or time.monotonic() + pause > deadline:
                raise
            time.sleep(pause)
            pause = min(_LONGEST_PAUSE, pause * 1.5)
            continue
        answered = time.monotonic()
        if info.state == vim.TaskInfo.State.success:
            return info.result
        if info.state == vim.TaskInfo.State.error:
            raise cast(vmodl.MethodFault, info.error)
        if time.monotonic() + pause > deadline:
            raise TaskTimeoutError
        time.sleep(pause)
        pause = min(_LONGEST_PAUSE, pause * 1.5)
