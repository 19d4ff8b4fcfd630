# SPDX-License-Identifier: MPL-2.0
"""Taking turns at what vCenter does for one object at a time.

It clones one source for a few callers at once, and reconfigures a cluster for one; the others are told TaskInProgress.
Asking again at once would only keep it busy.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from threading import BoundedSemaphore
from typing import TypeVar

from pyVmomi import vim

from instant_clone.memo import Memo

__all__ = ["BusyError", "Turns", "WaitedTooLongError"]

Result = TypeVar("Result")
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 15.0


class BusyError(Exception):
    """The object is busy, as somebody other than vCenter's API has said it."""


class WaitedTooLongError(Exception):
    """vCenter was still busy with the object at the deadline."""


class Turns:
    """Lets a bounded number of callers work on each object, and repeats what finds the object busy all the same.

    Safe for several threads.
    """

    def __init__(self, at_once: int) -> None:
        self._turns: Memo[str, BoundedSemaphore] = Memo()
        self._at_once = at_once

    def take(self, key: str, work: Callable[[], Result], *, seconds: float) -> Result:
        """What `work` returns, when it is its turn; `seconds` limit the time for which vCenter may be busy then.

        `work` raises vim.fault.TaskInProgress, or BusyError, to be called again. Raises WaitedTooLongError, and
        whatever else `work` raises.
        """
        with self._turns.get(key, lambda: BoundedSemaphore(self._at_once)):
            deadline = time.monotonic() + seconds
            pause = _FIRST_PAUSE
            while True:
                try:
                    return work()
                except (vim.fault.TaskInProgress, BusyError):
                    if time.monotonic() + pause > deadline:
                        raise WaitedTooLongError from None
                # Not all at the same moment: several processes may ask for clones of one source.
                time.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - nothing is kept secret by it
                pause = min(_LONGEST_PAUSE, 2 * pause)
