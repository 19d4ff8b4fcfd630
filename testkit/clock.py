# SPDX-License-Identifier: MPL-2.0
"""A fake clock for code that waits."""

from __future__ import annotations

__all__ = ["Clock"]


class Clock:
    """A fake of the module `time`. Time advances only in sleep(). `pauses` lists the seconds of each sleep() call."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def monotonic(self) -> float:
        """Return the seconds since the creation of the clock."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Advance the clock by `seconds` and return immediately."""
        self.pauses.append(seconds)
        self.now += seconds
