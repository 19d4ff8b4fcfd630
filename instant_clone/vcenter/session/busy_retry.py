# SPDX-License-Identifier: MPL-2.0
"""Taking turns at what vCenter does for one object at a time.

It clones one source for a few callers at once, and reconfigures a cluster for one; the others are told TaskInProgress.
Asking again at once would only keep it busy.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from threading import BoundedSemaphore, Lock
from typing import TypeVar

from instant_clone.vcenter.session.polling import growing_pauses, poll

__all__ = ["BusyError", "Turns", "WaitedTooLongError"]

Result = TypeVar("Result")
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 15.0


class BusyError(Exception):
    """The object is busy, as vCenter or the stock provider has said."""


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
            done = poll(lambda: _unless_busy(work), pauses=_pauses(), seconds=seconds)
        if done is None:
            raise WaitedTooLongError
        return done[0]


def _unless_busy(work: Callable[[], Result]) -> tuple[Result] | None:
    try:
        return (work(),)
    except BusyError:
        return None


def _pauses() -> Iterator[float]:
    for pause in growing_pauses(_FIRST_PAUSE, _LONGEST_PAUSE, factor=2):
        # Not all at the same moment: several processes may ask for clones of one source.
        yield pause * random.uniform(0.5, 1)  # noqa: S311 - nothing is kept secret by it
