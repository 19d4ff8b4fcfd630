# SPDX-License-Identifier: MPL-2.0
"""Clones that are not made: what vCenter refuses, what the plan did not know, and what an interrupt stops."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from instant_clone.errors import CloneError, ConnectError, LoginError, NotFoundError, VcenterError
from testkit.standins.bench import Bench, clone_config
from testkit.wire import UNKNOWN

MADE = "plugin: InstantClone_Task web-0"
DISKS = clone_config()["disk"]
SOURCE = "(instantclone[0].source_uuid)"


def test_no_clone_is_started_after_an_interrupt(bench: Bench) -> None:
    plan = bench.plugin.plan(None, clone_config())
    bench.plugin.stop()

    stopped = bench.plugin.apply(plan)

    assert (stopped.said, stopped.state, stopped.private) == ([f"error: Instant clone failed {SOURCE}"], None, b"")
    assert stopped.details == ["Stopped before the clone /DC0/vm/web-0 was started. Apply again to make it."]
    assert bench.calls == []
    # The next operation of the same process begins with its configuration.
    assert bench.plugin.configure({}) == []
    assert (bench.plugin.apply(plan).said, bench.calls) == ([], [MADE])


@pytest.mark.parametrize(
    ("fault", "said"),
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
        # The name is taken in vCenter's words, and free when it is looked at.
        pytest.param(CloneError("x", argument="name"), "error: Instant clone failed (name)", id="name"),
        pytest.param(ConnectError("x"), f"error: No connection to vCenter {SOURCE}", id="no-connection"),
        pytest.param(LoginError("x"), f"error: vCenter refuses the log-in {SOURCE}", id="no-log-in"),
        pytest.param(NotFoundError("x"), f"error: Not found in vCenter {SOURCE}", id="not-found"),
        pytest.param(VcenterError("x"), f"error: vCenter refuses {SOURCE}", id="no-privilege"),
        pytest.param(ValueError("x"), f"error: Error in the instant clone plugin {SOURCE}", id="mistake"),
    ],
)
def test_a_clone_that_is_not_made_is_not_in_the_state(bench: Bench, fault: Exception, said: str) -> None:
    bench.vcenter.faults.add("clone", fault, vm="web-0")

    refused = bench.plugin.make(clone_config())

    assert (refused.said, refused.state, bench.calls) == ([said], None, [])
    assert refused.details[0].startswith("ValueError: x. This is a mistake" if isinstance(fault, ValueError) else "x")


def test_all_findings_are_told(bench: Bench) -> None:
    bench.vcenter.faults.add("clone", CloneError("one", "two"))

    assert bench.plugin.make(clone_config()).details == ["one", "two"]


def unplanned(**arguments: Any) -> Callable[[Bench], Any]:
    """A configuration that differs from what was planned, as after a plan that did not know all of it."""
    return lambda bench: replace(bench.plugin.plan(None, clone_config()), config=clone_config(**arguments))


@pytest.mark.parametrize(
    ("plan", "said", "detail"),
    [
        pytest.param(
            unplanned(memory=512), "error: Configuration would power-cycle the clone", "An instant clone", id="memory"
        ),
        pytest.param(
            unplanned(disk=DISKS[:1]), "error: Disks without a partner (disk)", "/DC0/vm/golden has disks", id="disks"
        ),
        pytest.param(
            unplanned(disk=[DISKS[0] | {"size": 20}, DISKS[1]]),
            "error: Disks cannot grow (disk)",
            "The disks of an instant clone are deltas",
            id="size",
        ),
        pytest.param(
            lambda bench: bench.plugin.plan(None, clone_config(source_uuid=UNKNOWN)),
            f"error: Instant clone failed {SOURCE}",
            "instantclone.source_uuid is still unknown.",
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
def test_what_becomes_known_after_the_plan_is_checked_before_the_clone_is_made(
    bench: Bench, plan: Callable[[Bench], Any], said: str, detail: str
) -> None:
    refused = bench.plugin.apply(plan(bench))

    assert (refused.said, refused.state, bench.calls) == ([said], None, [])
    assert refused.details[0].startswith(detail)
