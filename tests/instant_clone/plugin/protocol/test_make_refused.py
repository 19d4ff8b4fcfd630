# SPDX-License-Identifier: MPL-2.0
"""Tests of clones that are not created: rejected by vCenter, invalid after the plan, or stopped by an interrupt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from instant_clone.errors import CloneError, ConnectError, LoginError, NotFoundError, VcenterError
from testkit.standins.bench import Bench, clone_config
from testkit.wire import UNKNOWN
from tests.instant_clone.plugin.protocol.failures import MADE

DISKS = clone_config()["disk"]
SOURCE = "(instantclone[0].source_uuid)"


def test_creates_no_clone_after_an_interrupt(bench: Bench) -> None:
    plan = bench.plugin.plan(None, clone_config())
    bench.plugin.stop()

    stopped = bench.plugin.apply(plan)

    assert (stopped.said, stopped.state, stopped.private) == ([f"error: Instant clone failed {SOURCE}"], None, b"")
    assert stopped.details == ["Stopped before the clone /DC0/vm/web-0 was started. Apply again to make it."]
    assert bench.calls == []
    # The configuration at the start of the next operation in the same process clears the interrupt.
    assert bench.plugin.configure({}) == []
    assert (bench.plugin.apply(plan).said, bench.calls) == ([], [MADE])


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        pytest.param(CloneError("x"), f"error: Instant clone failed {SOURCE}", id="any-fault"),
        pytest.param(
            CloneError("x", argument="instantclone.timeout"),
            "error: Instant clone failed (instantclone[0].timeout)",
            id="time-out",
        ),
        pytest.param(
            CloneError("x", argument="resource_pool_id"), "error: Instant clone failed (resource_pool_id)", id="pool"
        ),
        pytest.param(CloneError("x", summary="Own words"), f"error: Own words {SOURCE}", id="summary-of-its-own"),
        # vCenter reports a name in use, but no VM has the name afterwards.
        pytest.param(CloneError("x", argument="name"), "error: Instant clone failed (name)", id="name"),
        pytest.param(ConnectError("x"), f"error: No connection to vCenter {SOURCE}", id="no-connection"),
        pytest.param(LoginError("x"), f"error: vCenter login failed {SOURCE}", id="no-log-in"),
        pytest.param(NotFoundError("x"), f"error: Not found in vCenter {SOURCE}", id="not-found"),
        pytest.param(VcenterError("x"), f"error: vCenter rejected the request {SOURCE}", id="no-privilege"),
        pytest.param(ValueError("x"), f"error: Internal plugin error {SOURCE}", id="mistake"),
    ],
)
def test_a_failed_clone_task_leaves_no_state(bench: Bench, fault: Exception, expected: str) -> None:
    bench.vcenter.faults.add("clone", fault, vm="web-0")

    refused = bench.plugin.make(clone_config())

    assert (refused.said, refused.state, bench.calls) == ([expected], None, [])
    assert refused.details[0].startswith("ValueError: x. This is a bug" if isinstance(fault, ValueError) else "x")


def test_reports_all_findings(bench: Bench) -> None:
    bench.vcenter.faults.add("clone", CloneError("one", "two"))

    assert bench.plugin.make(clone_config()).details == ["one", "two"]


def unplanned(**arguments: Any) -> Callable[[Bench], Any]:
    """Return a plan with a configuration that differs from the planned one, as after a plan with unknown values."""
    return lambda bench: replace(bench.plugin.plan(None, clone_config()), config=clone_config(**arguments))


@pytest.mark.parametrize(
    ("plan", "expected", "detail"),
    [
        pytest.param(
            unplanned(memory=512), "error: Configuration would power-cycle the clone", "/DC0/vm/golden: ", id="memory"
        ),
        pytest.param(
            unplanned(disk=DISKS[:1]), "error: Disk is not configured (disk)", "/DC0/vm/golden: the ", id="disks"
        ),
        pytest.param(
            unplanned(disk=[DISKS[0] | {"size": 20}, DISKS[1]]),
            "error: Delta disk cannot be extended (disk)",
            "/DC0/vm/golden: the disks of an instant clone are delta disks",
            id="size",
        ),
        pytest.param(
            lambda bench: bench.plugin.plan(None, clone_config(source_uuid=UNKNOWN)),
            f"error: Instant clone failed {SOURCE}",
            "instantclone.source_uuid: the value is still unknown during the apply.",
            id="source-still-unknown",
        ),
        pytest.param(
            unplanned(datastore_id=None, datastore_cluster_id="group-p1"),
            f"error: Instant clone failed {SOURCE}",
            "No datastore of the cluster group-p1 holds",
            id="datastore-cluster",
        ),
    ],
)
def test_checks_values_that_were_unknown_in_the_plan_before_cloning(
    bench: Bench, plan: Callable[[Bench], Any], expected: str, detail: str
) -> None:
    refused = bench.plugin.apply(plan(bench))

    assert (refused.said, refused.state, bench.calls) == ([expected], None, [])
    assert refused.details[0].startswith(detail)
