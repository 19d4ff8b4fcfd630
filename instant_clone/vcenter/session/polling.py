# SPDX-License-Identifier: MPL-2.0
"""Asking again until there is an answer, also while nobody answers at all."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from itertools import repeat
from typing import TypeVar

__all__ = ["growing_pauses", "never", "poll"]

Answer = TypeVar("Answer")


def never() -> bool:
    """Return False: nothing stops the polling."""
    return False


def growing_pauses(first: float, longest: float, *, factor: float) -> Iterator[float]:
    """Yield pauses without end, each by `factor` longer than the one before, but none longer than `longest`."""
    pause = first
    while True:
        yield pause
        pause = min(longest, pause * factor)


def poll(
    ask: Callable[[], Answer | None],
    *,
    pauses: float | Iterable[float],
    seconds: float,
    retried: tuple[type[Exception], ...] = (),
    silence: float = 0,
    stopped: Callable[[], bool] = never,
) -> Answer | None:
    """Return the first answer that is not None; None if there is none within `seconds`, or `stopped()` says so.

    `pauses` are the seconds between two calls of `ask`: the same each time, or one after the other without end. It is
    not called again where the answer would come after the end. An error of the kinds `retried` is no answer: it is
    raised once there has been none for more than `silence` seconds, or at the end.
    """
    begun = answered = time.monotonic()
    for pause in repeat(pauses) if isinstance(pauses, int | float) else pauses:
        try:
            answer = ask()
        except retried:
            now = time.monotonic()
            if not stopped() and (now - answered > silence or now + pause - begun > seconds):
                raise
        else:
            if answer is not None:
                return answer
            answered = time.monotonic()
        if stopped() or time.monotonic() + pause - begun > seconds:
            break
        time.sleep(pause)
    return None
