# SPDX-License-Identifier: MPL-2.0
"""A clock that a test winds, for code that waits."""

from __future__ import annotations

__all__ = ["Clock"]


class Clock:
    """Time that passes only by sleeping, in the place of the module `time`; it keeps how long each pause was."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def monotonic(self) -> float:
        """Return the seconds that have passed."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let seconds pass."""
        self.pauses.append(seconds)
        self.now += seconds
