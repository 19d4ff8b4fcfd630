# SPDX-License-Identifier: MPL-2.0
"""Tests of a clone with the name of another VM that the same apply destroys."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from testkit.standins.bench import Bench, clone_config
from testkit.wire import Answer
from tests.instant_clone.plugin.protocol.failures import MADE

NOT_FREE = "error: Name is still in use (name)"
_PATIENCE = 30
"""the maximum number of seconds for which a thread waits for another thread"""


@pytest.mark.parametrize("lingering", [0, 3])
def test_uses_the_name_of_a_vm_that_this_apply_has_destroyed(bench: Bench, lingering: int) -> None:
    """vCenter may still list a VM for a moment after its destroy."""
    left = bench.left_behind(mark=None)
    state = bench.known(left)
    plan = bench.plugin.plan(None, clone_config())
    assert bench.plugin.destroy(state).said == []
    if lingering:
        bench.world.add(left)
        bench.vcenter.lingering = lingering

    made = bench.plugin.apply(plan)

    assert (made.said, made.state["moid"]) == ([], "vm-3")
    assert bench.calls == ["stock: ShutdownGuest web-0", "stock: Destroy_Task web-0", MADE]
    assert bench.clock.pauses == [0.5] * lingering


def test_rejects_the_name_of_a_vm_that_stays_in_the_inventory(bench: Bench) -> None:
    left = bench.left_behind(mark=None)
    state = bench.known(left)
    plan = bench.plugin.plan(None, clone_config())
    assert bench.plugin.destroy(state).said == []
    bench.world.add(left)
    bench.vcenter.lingering = 100

    assert bench.plugin.apply(plan).said == [NOT_FREE]
    assert bench.clock.now == 5


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


def test_waits_for_a_vm_that_this_apply_destroys(bench: Bench, threads: ThreadPoolExecutor) -> None:
    state = bench.known(bench.left_behind(mark=None))
    plan = bench.plugin.plan(None, clone_config())
    destroying, looked = threading.Event(), threading.Event()

    def hold(method: str, vm: str) -> None:
        if method == "ApplyResourceChange":
            destroying.set()
            assert looked.wait(_PATIENCE)

    bench.stock.hold = hold
    bench.vcenter.after_look = [looked.set]
    destroyed = threads.submit(bench.plugin.destroy, state)
    assert destroying.wait(_PATIENCE)

    made: Answer = threads.submit(bench.plugin.apply, plan).result(_PATIENCE)

    assert (destroyed.result(_PATIENCE).said, made.said) == ([], [])
    assert bench.calls == ["stock: ShutdownGuest web-0", "stock: Destroy_Task web-0", MADE]


def test_does_not_adopt_a_clone_that_is_destroyed_during_the_check(bench: Bench) -> None:
    left = bench.left_behind()
    state = {**bench.plugin.read(bench.plugin.import_vm(left.path).state).state, "extra_config": left.extra_config}
    plan = bench.plugin.plan(None, clone_config())
    bench.vcenter.on_search = [lambda: bench.plugin.destroy(state)]

    made = bench.plugin.apply(plan)

    assert (made.said, made.state["moid"]) == ([], "vm-3")
    assert bench.calls == ["stock: ShutdownGuest web-0", "stock: Destroy_Task web-0", MADE]
