# SPDX-License-Identifier: MPL-2.0
"""What is to be reached: ratios where seconds depend on the machine, seconds and megabytes where they were promised."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["MEGABYTES", "RATIO", "SECONDS", "Target"]

RATIO, SECONDS, MEGABYTES = "×", "s", "MB"


@dataclass(frozen=True)
class Target:
    """A figure made of medians of one run, and what it is to be: `at_most` so much, or `at_least`.

    A ratio is `at_most` so many times as long, or `at_least` so many times as fast.
    """

    what: str
    found: float
    at_most: float | None = None
    at_least: float | None = None
    unit: str = RATIO

    @property
    def reached(self) -> bool:
        """Whether the figure is what it is to be."""
        return (self.at_most is None or self.found <= self.at_most) and (
            self.at_least is None or self.found >= self.at_least
        )

    @property
    def wanted(self) -> str:
        """Such as "≤ 1.3 × as long", "≥ 6 × as fast" or "≤ 50 MB"."""
        sign, bound = ("≤", self.at_most) if self.at_most is not None else ("≥", self.at_least)
        meaning = "" if self.unit != RATIO else " as long" if self.at_most is not None else " as fast"
        return f"{sign} {bound:g} {self.unit}{meaning}"

    @property
    def measured(self) -> str:
        """Such as "1.24 ×", "0.31 s" or "44 MB"."""
        return f"{self.found:.0f} MB" if self.unit == MEGABYTES else f"{self.found:.2f} {self.unit}"
