# SPDX-License-Identifier: MPL-2.0
"""Failures between the creation of a clone and the end of its apply."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from testkit.standins.bench import Bench, clone_config
from testkit.standins.world import uuid_of

__all__ = [
    "LEFT",
    "MADE",
    "NAMED",
    "STOCK_FAILED",
    "TAINTED",
    "Arrange",
    "before",
    "copied",
    "differs",
    "fails",
    "gone",
    "make",
    "stock_fails",
]

MADE = "plugin: InstantClone_Task web-0"
TAINTED = "error: Clone is tainted"
LEFT = "error: Clone not added to state"
STOCK_FAILED = "error: Stock vSphere provider failed"
NAMED = f"/DC0/vm/web-0 (UUID {uuid_of(2)})"

Arrange = Callable[[Bench], object]


def stock_fails(method: str, fault: Any) -> Arrange:
    return lambda bench: bench.stock.faults.add(method, fault, vm="web-0")


def fails(operation: str, fault: Exception) -> Arrange:
    return lambda bench: bench.vcenter.faults.add(operation, fault)


def differs(**values: Any) -> Arrange:
    return lambda bench: setattr(bench.world, "clones_differ", values)


def before(method: str, then: Callable[[Bench], object], *, at: int = 1) -> Arrange:
    """Call `then` directly before the stock provider receives call number `at` of `method` for the clone."""

    def arrange(bench: Bench) -> None:
        calls: list[str] = []

        def hold(called: str, vm: str) -> None:
            if (called, vm) == (method, "web-0"):
                calls.append(called)
                if len(calls) == at:
                    then(bench)

        bench.stock.hold = hold

    return arrange


def gone(bench: Bench) -> None:
    bench.world.remove(bench.world.named("web-0"))


def copied(bench: Bench) -> None:
    bench.world.clone("copy", {}, uuid=uuid_of(2))


def make(bench: Bench, arrange: Arrange, **arguments: Any) -> Any:
    plan = bench.plugin.plan(None, clone_config(**arguments))
    assert plan.said == []
    # Set up the failure after the plan, because the plan sends some of the same calls.
    arrange(bench)
    return bench.plugin.apply(plan)
