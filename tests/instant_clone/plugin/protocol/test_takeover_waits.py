# SPDX-License-Identifier: MPL-2.0
"""Tests of the wait for a VM with the name of a new clone that is incomplete, not running, or to be destroyed."""

from __future__ import annotations

from typing import Any

from instant_clone.errors import CloneError
from testkit.standins.bench import Bench, clone_config, marker
from testkit.standins.world import SOURCE_UUID
from tests.instant_clone.plugin.protocol.failures import NAMED

TAKEN_OVER = "warning: Existing clone adopted"
TAKEN = "error: Name already in use (name)"


def refusal(bench: Bench, config: dict[str, Any]) -> str:
    (detail,) = bench.plugin.make(config).details
    return detail


def test_message_contains_the_generation_of_the_vm_with_the_name(bench: Bench) -> None:
    bench.left_behind(mark=marker("web-0", generation=2))

    assert refusal(bench, clone_config()).startswith(
        f"{NAMED}: the virtual machine still has the clone's name (source {SOURCE_UUID}, generation 2). If this apply "
        "destroys the virtual machine, Terraform has not started the destroy yet: apply again. "
    )


def test_message_omits_the_generation_of_a_vm_without_a_marker(bench: Bench) -> None:
    bench.known(bench.left_behind(mark=None))

    assert refusal(bench, clone_config()).startswith(f"{NAMED}: the virtual machine still has the clone's name. If ")


def test_waits_five_seconds_for_a_clone_that_is_not_running(bench: Bench) -> None:
    bench.world.change(bench.left_behind(), running=False)
    bench.vcenter.cloning = 3

    assert refusal(bench, clone_config()) == (
        f"{NAMED}: an interrupted apply created this clone, and it is not running. Delete it in vCenter "
        "and apply again."
    )
    # The five seconds start with the third check, when vCenter no longer clones the source. Each check takes 0.5 s.
    assert bench.clock.now == 1.5 + 5.5


def test_interrupt_ends_the_wait_for_a_clone_that_is_not_running(bench: Bench) -> None:
    bench.world.change(bench.left_behind(), running=False)
    plan = bench.plugin.plan(None, clone_config())
    bench.plugin.stop()

    assert bench.plugin.apply(plan).said == ["error: Clone is not running (name)"]
    assert bench.clock.now == 0


def test_adopts_a_clone_when_vcenter_has_finished_it(bench: Bench) -> None:
    left = bench.world.change(bench.left_behind(), running=False)
    bench.vcenter.unnamed, bench.vcenter.cloning = 2, 9
    bench.vcenter.after_look = [lambda: None] * 3 + [lambda: bench.world.change(left, running=True)]
    plan = bench.plugin.plan(None, clone_config())

    made = bench.plugin.apply(plan)

    assert (made.said, made.state["moid"], bench.calls) == ([TAKEN_OVER], left.moid, [])
    assert bench.clock.pauses == [0.5] * 4


def test_rejects_a_vm_without_properties_if_no_clone_task_is_running(bench: Bench) -> None:
    plan = bench.plugin.plan(None, clone_config())
    bench.left_behind()
    bench.vcenter.unnamed = 9

    assert bench.plugin.apply(plan).said == [TAKEN]


def test_adopts_a_clone_that_vcenter_finishes_during_the_check(bench: Bench) -> None:
    plan = bench.plugin.plan(None, clone_config())
    bench.vcenter.after_look = [bench.left_behind]

    made = bench.plugin.apply(plan)

    assert (made.said, made.state["moid"], bench.calls) == ([TAKEN_OVER], "vm-2", [])


def test_rejects_a_name_that_another_vm_takes_during_the_check(bench: Bench) -> None:
    plan = bench.plugin.plan(None, clone_config())
    bench.vcenter.after_look = [lambda: bench.left_behind(mark=None)]

    assert bench.plugin.apply(plan).said == [TAKEN]
    assert bench.calls == []


def test_fails_if_vcenter_rejects_a_free_name(bench: Bench) -> None:
    bench.vcenter.faults.add("clone", CloneError("x", argument="name"), vm="web-0", times=9)

    assert bench.plugin.make(clone_config()).said == ["error: Instant clone failed (name)"]
