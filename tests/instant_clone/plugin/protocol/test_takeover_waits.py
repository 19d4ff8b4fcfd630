# SPDX-License-Identifier: MPL-2.0
"""A VM with the name of a clone that is being made, does not run, or is to be destroyed: how long it is waited for."""

from __future__ import annotations

from typing import Any

from instant_clone.errors import CloneError
from testkit.standins.bench import Bench, clone_config, marker
from testkit.standins.world import SOURCE_UUID, uuid_of

TAKEN_OVER = "warning: Clone taken over"
TAKEN = "error: Name is taken (name)"
NAMED = f"/DC0/vm/web-0 (UUID {uuid_of(2)})"


def refusal(bench: Bench, config: dict[str, Any]) -> str:
    (detail,) = bench.plugin.make(config).details
    return detail


def test_a_name_that_is_not_free_yet_is_told_with_its_generation(bench: Bench) -> None:
    bench.left_behind(mark=marker("web-0", generation=2))

    assert refusal(bench, clone_config()).startswith(
        f"{NAMED} still has this name, made from the source {SOURCE_UUID} in its generation 2. If this apply is to "
        "remove it, Terraform has not come to that yet: apply again; "
    )


def test_a_name_of_a_vm_without_a_marker_is_told_without_a_generation(bench: Bench) -> None:
    bench.known(bench.left_behind(mark=None))

    assert refusal(bench, clone_config()).startswith(f"{NAMED} still has this name. If this apply is to remove it, ")


def test_a_clone_that_does_not_run_is_given_five_seconds(bench: Bench) -> None:
    bench.world.change(bench.left_behind(), running=False)
    bench.vcenter.cloning = 3

    assert refusal(bench, clone_config()) == (
        f"{NAMED} is this clone, left by an apply that was interrupted, and does not run. Remove it in vCenter, and "
        "apply again."
    )
    # They begin with the third look, half a second after the second: vCenter clones the source no longer then.
    assert bench.clock.now == 1.5 + 5.5


def test_an_interrupt_ends_the_wait_for_a_clone_that_does_not_run(bench: Bench) -> None:
    bench.world.change(bench.left_behind(), running=False)
    plan = bench.plugin.plan(None, clone_config())
    bench.plugin.stop()

    assert bench.plugin.apply(plan).said == ["error: Clone does not run (name)"]
    assert bench.clock.now == 0


def test_a_clone_that_vcenter_is_still_making_is_taken_over_when_it_runs(bench: Bench) -> None:
    left = bench.world.change(bench.left_behind(), running=False)
    bench.vcenter.unnamed, bench.vcenter.cloning = 2, 9
    bench.vcenter.after_look = [lambda: None] * 3 + [lambda: bench.world.change(left, running=True)]
    plan = bench.plugin.plan(None, clone_config())

    made = bench.plugin.apply(plan)

    assert (made.said, made.state["moid"], bench.calls) == ([TAKEN_OVER], left.moid, [])
    assert bench.clock.pauses == [0.5] * 4


def test_a_vm_that_vcenter_knows_nothing_of_is_a_stranger_once_nothing_is_cloned(bench: Bench) -> None:
    plan = bench.plugin.plan(None, clone_config())
    bench.left_behind()
    bench.vcenter.unnamed = 9

    assert bench.plugin.apply(plan).said == [TAKEN]


def test_a_clone_that_vcenter_finishes_in_between_is_taken_over(bench: Bench) -> None:
    plan = bench.plugin.plan(None, clone_config())
    bench.vcenter.after_look = [bench.left_behind]

    made = bench.plugin.apply(plan)

    assert (made.said, made.state["moid"], bench.calls) == ([TAKEN_OVER], "vm-2", [])


def test_a_name_that_a_stranger_takes_in_between_is_taken(bench: Bench) -> None:
    plan = bench.plugin.plan(None, clone_config())
    bench.vcenter.after_look = [lambda: bench.left_behind(mark=None)]

    assert bench.plugin.apply(plan).said == [TAKEN]
    assert bench.calls == []


def test_a_clone_whose_name_is_refused_by_vcenter_and_free_is_not_looked_for_forever(bench: Bench) -> None:
    bench.vcenter.faults.add("clone", CloneError("x", argument="name"), vm="web-0", times=9)

    assert bench.plugin.make(clone_config()).said == ["error: Instant clone failed (name)"]
