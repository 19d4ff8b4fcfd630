# SPDX-License-Identifier: MPL-2.0
"""Taking turns at what vCenter does for one object at a time.

It clones one source for a few callers at once, and reconfigures a cluster for one; the others are told TaskInProgress.
Asking again at once would only keep it busy.
"""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Callable
from threading import BoundedSemaphore, Lock
from typing import TypeVar

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
        self._turns: defaultdict[str, BoundedSemaphore] = defaultdict(lambda: BoundedSemaphore(at_once))
        self._lock = Lock()

    def take(self, key: str, work: Callable[[], Result], *, seconds: float) -> Result:
        """What `work` returns, when it is its turn; `seconds` limit the time for which vCenter may be busy then.

        `work` raises BusyError to be called again. Raises WaitedTooLongError, and
        whatever else `work` raises.
        """
        with self._lock:
            turn = self._turns[key]
        with turn:
            deadline = time.monotonic() + seconds
            pause = _FIRST_PAUSE
            while True:
                try:
                    return work()
                except BusyError:
                    if time.monotonic() + pause > deadline:
                        raise WaitedTooLongError from None
                # Not all at the same moment: several processes may ask for clones of one source.
                time.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - nothing is kept secret by it
                pause = min(_LONGEST_PAUSE, 2 * pause)
