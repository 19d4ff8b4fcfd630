# SPDX-License-Identifier: MPL-2.0
"""Targets of measured values: the documented limits in seconds and megabytes, and ratios of machine-dependent times."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["MEGABYTES", "RATIO", "SECONDS", "Target"]

RATIO, SECONDS, MEGABYTES = "×", "s", "MB"


@dataclass(frozen=True)
class Target:
    """A measured value, calculated from the medians of one benchmark run, and its upper or lower limit.

    Ratios compare the measured case with another case. `at_most` is the maximum of time divided by the other time.
    `at_least` is the minimum of speed divided by the other speed.
    """

    what: str
    found: float
    at_most: float | None = None
    at_least: float | None = None
    unit: str = RATIO

    @property
    def reached(self) -> bool:
        """Return whether the measured value is within the limit."""
        return (self.at_most is None or self.found <= self.at_most) and (
            self.at_least is None or self.found >= self.at_least
        )

    @property
    def wanted(self) -> str:
        """Return the limit as text, such as "≤ 1.3 × as long", "≥ 6 × as fast" or "≤ 50 MB"."""
        sign, bound = ("≤", self.at_most) if self.at_most is not None else ("≥", self.at_least)
        meaning = "" if self.unit != RATIO else " as long" if self.at_most is not None else " as fast"
        return f"{sign} {bound:g} {self.unit}{meaning}"

    @property
    def measured(self) -> str:
        """Return the measured value as text, such as "1.24 ×", "0.31 s" or "44 MB"."""
        return f"{self.found:.0f} MB" if self.unit == MEGABYTES else f"{self.found:.2f} {self.unit}"
