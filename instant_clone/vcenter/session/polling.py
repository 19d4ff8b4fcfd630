# SPDX-License-Identifier: MPL-2.0
"""Polling with a time-out, growing pauses and tolerance for a lost connection."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from itertools import repeat
from typing import TypeVar

__all__ = ["growing_pauses", "poll"]

Answer = TypeVar("Answer")


def growing_pauses(first: float, longest: float, *, factor: float) -> Iterator[float]:
    """Yield an endless series of pauses that grow by `factor` up to `longest` seconds."""
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
    stopped: Callable[[], bool] = lambda: False,
) -> Answer | None:
    """Call `ask` until it returns a value that is not None, and return the value.

    Return None if `seconds` pass or `stopped` returns true.

    `pauses` are the seconds between two calls of `ask`: a number, or an endless series. `ask` is not called again if
    the pause would end after `seconds`. After an error of the types `retried`, `ask` is called again. The
    error is raised if `ask` has raised such errors for more than `silence` seconds, or at the end of `seconds`.
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
