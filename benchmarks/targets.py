# SPDX-License-Identifier: MPL-2.0
"""Targets: ratios where the seconds depend on the machine, and the documented limits in seconds and megabytes."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["MEGABYTES", "RATIO", "SECONDS", "Target"]

RATIO, SECONDS, MEGABYTES = "×", "s", "MB"


@dataclass(frozen=True)
class Target:
    """A measured value, calculated from the medians of one benchmark run, and its upper or lower limit.

    For a ratio, `at_most` limits how many times as long the measured case takes, and `at_least` is how many times as
    fast the measured case must be.
    """

    what: str
    found: float
    at_most: float | None = None
    at_least: float | None = None
    unit: str = RATIO

    @property
    def reached(self) -> bool:
        """Whether the measured value is within the limit."""
        return (self.at_most is None or self.found <= self.at_most) and (
            self.at_least is None or self.found >= self.at_least
        )

    @property
    def wanted(self) -> str:
        """The limit as text, such as "≤ 1.3 × as long", "≥ 6 × as fast" or "≤ 50 MB"."""
        sign, bound = ("≤", self.at_most) if self.at_most is not None else ("≥", self.at_least)
        meaning = "" if self.unit != RATIO else " as long" if self.at_most is not None else " as fast"
        return f"{sign} {bound:g} {self.unit}{meaning}"

    @property
    def measured(self) -> str:
        """The measured value as text, such as "1.24 ×", "0.31 s" or "44 MB"."""
        return f"{self.found:.0f} MB" if self.unit == MEGABYTES else f"{self.found:.2f} {self.unit}"
