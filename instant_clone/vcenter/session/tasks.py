# SPDX-License-Identifier: MPL-2.0
"""Waiting for vCenter: until a task has ended, and while nothing is heard of it."""

from __future__ import annotations

import time
from http.client import HTTPException
from typing import cast
from xml.parsers.expat import ExpatError

from pyVmomi import vim, vmodl

__all__ = ["LOST_CONNECTION", "Silence", "TaskTimeoutError", "wait_for"]

LOST_CONNECTION = (OSError, HTTPException, ExpatError)
"""what pyvmomi raises when a connection is refused, broken, or cut in the middle of an answer"""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0
_LONGEST_SILENCE = 60.0


class Silence:
    """Tells how long vCenter may not answer somebody who can ask again: it restarts, or the network is cut.

    What it was asked about goes on meanwhile, whoever asks for it.
    """

    def __init__(self, longest: float = _LONGEST_SILENCE) -> None:
        """`longest` is in seconds, and counts from now, and anew from each `end`."""
        self._longest = longest
        self._answered = time.monotonic()

    def end(self) -> None:
        """VCenter has answered."""
        self._answered = time.monotonic()

    def is_too_long(self) -> bool:
        """Whether to give vCenter up."""
        return time.monotonic() - self._answered > self._longest


class TaskTimeoutError(Exception):
    """The task was still under way at the deadline. It goes on in vCenter."""


def wait_for(task: vim.Task, *, seconds: float) -> object:
    """The task's result, once it has one.

    Polls with growing pauses: several threads wait at once, and pyvmomi's waiting on a property collector is made
    for one. A vCenter that does not answer is asked again for a minute. Raises the task's fault (vmodl.MethodFault), or
    TaskTimeoutError after `seconds`, or one of LOST_CONNECTION.
    """
    deadline = time.monotonic() + seconds
    pause = _FIRST_PAUSE
    silence = Silence()
    while True:
        try:
            info = task.info
        except LOST_CONNECTION:
            if silence.is_too_long() or time.monotonic() + pause > deadline:
                raise
        else:
            silence.end()
            if info.state == vim.TaskInfo.State.success:
                return info.result
            if info.state == vim.TaskInfo.State.error:
                raise cast(vmodl.MethodFault, info.error)
            if time.monotonic() + pause > deadline:
                raise TaskTimeoutError
        time.sleep(pause)
        pause = min(_LONGEST_PAUSE, pause * 1.5)
