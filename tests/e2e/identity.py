# SPDX-License-Identifier: MPL-2.0
"""Helpers for tests of clones that share a UUID, a name or a disk with other VMs."""

from __future__ import annotations

from collections.abc import Callable

from tests.e2e.conftest import Bench
from tests.e2e.terraform import Outcome

__all__ = ["summaries", "untouched"]


def summaries(outcome: Outcome) -> list[str]:
    """Return the summaries of all diagnostics, sorted."""
    return sorted(each.summary for each in outcome.diagnostics)


def untouched(bench: Bench, *moids: str) -> Callable[[], bool]:
    """Return a function that checks whether no method has been called on these VMs since this call."""
    before = {moid: bench.methods(moid) for moid in moids}
    return lambda: {moid: bench.methods(moid) for moid in moids} == before
