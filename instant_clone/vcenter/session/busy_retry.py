# SPDX-License-Identifier: MPL-2.0
"""Limit on concurrent operations per object, with retries while vCenter is busy.

vCenter clones one source for only a few callers at the same time, and reconfigures a cluster for only one caller. Other
calls fail with TaskInProgress. Immediate retries would keep vCenter busy, so the pauses between retries grow.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from threading import BoundedSemaphore, Lock
from typing import TypeVar

from instant_clone.vcenter.session.polling import growing_pauses, poll

__all__ = ["BusyError", "BusyRetry"]

Result = TypeVar("Result")
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 15.0


class BusyError(Exception):
    """vCenter or the stock provider reported TaskInProgress for the object."""


class BusyRetry:
    """Limit the number of concurrent callers per object, and repeat calls while the object is busy.

    The class is thread-safe.
    """

    def __init__(self, at_once: int) -> None:
        self._turns: defaultdict[str, BoundedSemaphore] = defaultdict(lambda: BoundedSemaphore(at_once))
        self._lock = Lock()

    def take(self, key: str, work: Callable[[], Result], *, seconds: float) -> Result:
        """Wait for a free place at the object `key`, call `work`, and return its result.

        If `work` raises BusyError, it is called again. `seconds` is the maximum time for which the object may be busy.
        The time to wait for a free place does not count.

        Raises:
            BusyError: The object was still busy after `seconds`.
            Exception: Any other error of `work`.
        """
        with self._lock:
            turn = self._turns[key]
        with turn:
            done = poll(lambda: (work(),), pauses=_pauses(), seconds=seconds, retried=(BusyError,), silence=seconds)
        if done is None:
            raise BusyError
        return done[0]


def _pauses() -> Iterator[float]:
    for pause in growing_pauses(_FIRST_PAUSE, _LONGEST_PAUSE, factor=2):
        # Use random pauses, because several processes may clone one source.
        yield pause * random.uniform(0.5, 1)  # noqa: S311 - not for security
