# SPDX-License-Identifier: MPL-2.0
"""Tests of DRS overrides: one change of a cluster at a time, and overrides of VMs that no longer exist."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from instant_clone.errors import VcenterError
from testkit.standins.bench import Bench
from testkit.standins.overrides import BUSY
from testkit.standins.stock import Died
from testkit.standins.world import uuid_of
from testkit.wire import OVERRIDE

KEY = f"domain-c1:{uuid_of(2)}"
SET, REMOVED = f"stock: ConfigureCluster_Task set {KEY}", f"stock: ConfigureCluster_Task remove {KEY}"
REFUSED = "stock: ConfigureCluster_Task refused"
NOT_UNIQUE = "error: BIOS UUID is not unique"


def pin(**arguments: Any) -> dict[str, Any]:
    return {
        "id": None,
        "compute_cluster_id": "domain-c1",
        "virtual_machine_id": uuid_of(2),
        "drs_enabled": False,
        "drs_automation_level": "manual",
        **arguments,
    }


def in_place(bench: Bench, **arguments: Any) -> dict[str, Any]:
    """Pin a clone, and clear the recorded calls."""
    bench.left_behind()
    state = bench.plugin.make(pin(**arguments), kind=OVERRIDE).state
    bench.calls.clear()
    return dict(state)


def gone(bench: Bench) -> None:
    bench.world.remove(bench.world.named("web-0"))


def copied(bench: Bench) -> None:
    bench.world.clone("copy", {}, uuid=uuid_of(2))


def test_sets_changes_and_removes_a_pin(bench: Bench) -> None:
    bench.left_behind()

    made = bench.plugin.make(pin(), kind=OVERRIDE)
    changed = bench.plugin.change(made.state, pin(drs_enabled=True), kind=OVERRIDE)
    destroyed = bench.plugin.destroy(changed.state, kind=OVERRIDE)

    assert (made.said, made.state) == ([], pin(id=KEY))
    assert (changed.said, changed.state) == ([], pin(id=KEY, drs_enabled=True))
    assert (destroyed.said, destroyed.state) == ([], None)
    assert bench.calls == [SET, SET, REMOVED]


@pytest.mark.parametrize("config", [pin(drs_enabled=True), None], ids=["change", "destroy"])
def test_retries_while_the_cluster_is_busy(bench: Bench, config: dict[str, Any] | None) -> None:
    state = in_place(bench)
    bench.stock.overrides.busy = 3

    answer = bench.plugin.change(state, config, kind=OVERRIDE)

    assert (answer.said, bench.calls) == ([], [REFUSED] * 3 + [SET if config else REMOVED])
    assert len(bench.clock.pauses) == 3


def test_fails_if_the_cluster_is_busy_for_half_an_hour(bench: Bench) -> None:
    bench.left_behind()
    bench.stock.overrides.busy = 10_000

    refused = bench.plugin.make(pin(), kind=OVERRIDE)

    assert refused.said == [f"error: {BUSY}"]
    assert 1700 < bench.clock.now < 1800


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        pytest.param(pin(), [], id="the-planned-one"),
        pytest.param(
            pin(drs_enabled=True),
            ["error: error applying DRS override: A specified parameter was not correct: drsVmConfigSpec"],
            id="another-one",
        ),
    ],
)
def test_adopts_a_pin_that_an_interrupted_apply_has_set(
    bench: Bench, there: dict[str, Any], expected: list[str]
) -> None:
    in_place(bench, drs_enabled=there["drs_enabled"])

    made = bench.plugin.make(pin(), kind=OVERRIDE)

    assert (made.said, bench.calls) == (expected, [])
    assert made.failed or made.state == pin(id=KEY)


@pytest.mark.parametrize(
    ("arrange", "expected"),
    [
        pytest.param(copied, NOT_UNIQUE, id="uuid-not-unique"),
        pytest.param(lambda bench: bench.stock.faults.add("ApplyResourceChange", "Odd"), "error: Odd", id="refused"),
        pytest.param(
            lambda bench: bench.stock.faults.add("ApplyResourceChange", Died()),
            "error: Stock vSphere provider failed",
            id="ended",
        ),
        pytest.param(
            lambda bench: bench.vcenter.faults.add("vms_with_uuid", VcenterError("x")),
            "error: vCenter rejected the request",
            id="vcenter-does-not-tell",
        ),
    ],
)
@pytest.mark.parametrize("config", [pin(drs_enabled=True), None], ids=["change", "destroy"])
def test_failed_change_keeps_the_pin_in_the_state(
    bench: Bench, arrange: Callable[[Bench], object], expected: str, config: dict[str, Any] | None
) -> None:
    state = in_place(bench)
    plan = bench.plugin.plan(state, config, kind=OVERRIDE)
    arrange(bench)

    failed = bench.plugin.apply(plan)

    assert (failed.said, bench.calls) == ([expected], [])
    # The stock provider returns null for a failed destroy, and Terraform keeps the prior state.
    assert (failed.state or state)["id"] == KEY


def test_rejects_a_pin_if_two_vms_have_the_uuid(bench: Bench) -> None:
    bench.left_behind()
    copied(bench)

    refused = bench.plugin.make(pin(), kind=OVERRIDE)

    assert (refused.said, refused.state, bench.calls) == ([NOT_UNIQUE], None, [])
    assert refused.details[0].startswith(f"The VM with the UUID {uuid_of(2)}: 2 virtual machines have the BIOS UUID ")


@pytest.mark.parametrize(
    ("arrange", "expected", "state"),
    [
        pytest.param(lambda bench: None, [], pin(id=KEY), id="as-it-was"),
        pytest.param(lambda bench: bench.world.overrides.clear(), [], None, id="removed-by-hand"),
        pytest.param(gone, [], None, id="vm-gone"),
        pytest.param(copied, [NOT_UNIQUE], None, id="uuid-not-unique"),
        pytest.param(
            lambda bench: bench.stock.faults.add("ReadResource", "Odd"),
            ["error: Odd"],
            pin(id=KEY),
            id="vm-still-there",
        ),
        pytest.param(
            lambda bench: (
                bench.stock.faults.add("ReadResource", "Odd"),
                bench.vcenter.faults.add("source", VcenterError("x")),
            ),
            ["error: Odd"],
            pin(id=KEY),
            id="vcenter-does-not-tell",
        ),
    ],
)
def test_refreshes_a_pin(
    bench: Bench, arrange: Callable[[Bench], object], expected: list[str], state: dict[str, Any] | None
) -> None:
    before = in_place(bench)
    arrange(bench)

    read = bench.plugin.read(before, kind=OVERRIDE)

    assert (read.said, read.state, bench.calls) == (expected, state, [])
