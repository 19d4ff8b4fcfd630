"""What is to be reached: ratios, as seconds depend on the machine."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Target"]


@dataclass(frozen=True)
class Target:
    """A ratio of two medians of one run, and what it is to be: `at_most` so many times as long, `at_least` as fast."""

    what: str
    found: float
    at_most: float | None = None
    at_least: float | None = None

    @property
    def reached(self) -> bool:
        """Whether the ratio is what it is to be."""
        return (self.at_most is None or self.found <= self.at_most) and (
            self.at_least is None or self.found >= self.at_least
        )

    @property
    def wanted(self) -> str:
        """Such as "≤ 1.3 × as long" or "≥ 6 × as fast"."""
        return f"≤ {self.at_most:g} × as long" if self.at_most is not None else f"≥ {self.at_least:g} × as fast"
