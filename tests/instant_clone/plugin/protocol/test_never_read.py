# SPDX-License-Identifier: MPL-2.0
"""Tests of a clone that could be neither read nor removed: the first refresh, the plan and the destroy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from instant_clone.errors import VcenterError
from instant_clone.ownership import OWNER_KEY
from instant_clone.stock_provider.releases import ProviderVersion
from testkit.standins.bench import Bench, clone_config, marker, running_bench
from testkit.standins.stock import PRIVATE
from testkit.standins.world import uuid_of
from testkit.wire import BLOCK

Change = Callable[[Bench], object]
DISKS = clone_config()["disk"]


def unread(bench: Bench, **arguments: Any) -> dict[str, Any]:
    """Return the state of a clone that could be neither read nor removed."""
    plan = bench.plugin.plan(None, clone_config(**arguments))
    bench.stock.faults.add("ReadResource", "Odd", vm="web-0")
    bench.vcenter.faults.add("destroy", VcenterError("busy"), vm="web-0")
    state = bench.plugin.apply(plan).state
    bench.calls.clear()
    return dict(state)


def test_first_refresh_imports_a_clone_that_was_never_read(bench: Bench) -> None:
    read = bench.plugin.read(unread(bench, timeout=5))

    assert (read.said, read.private, bench.calls) == ([], PRIVATE, [])
    names = ("uuid", "moid", "imported", "extra_config", BLOCK)
    assert {name: read.state[name] for name in names} == {
        "uuid": uuid_of(2),
        "moid": "vm-2",
        "imported": False,
        "extra_config": {OWNER_KEY: marker("web-0")},
        BLOCK: clone_config(timeout=5)[BLOCK],
    }
    plan = bench.plugin.plan(read.state, clone_config(timeout=5))
    assert (plan.said, plan.state) == ([], read.state)


@pytest.mark.parametrize("release", ["2.0.2", "2.16.1"])
def test_first_refresh_keeps_keep_on_remove_of_each_disk(monkeypatch: pytest.MonkeyPatch, release: str) -> None:
    with running_bench(monkeypatch, release=ProviderVersion(release)) as bench:
        read = bench.plugin.read(unread(bench, disk=[DISKS[0], DISKS[1] | {"keep_on_remove": True}]))

    assert [(disk["label"], disk["keep_on_remove"]) for disk in read.state["disk"]] == [
        ("disk0", False),
        ("disk1", True),
    ]


@pytest.mark.parametrize(
    ("change", "expected", "there"),
    [
        pytest.param(
            lambda bench: bench.world.change(bench.world.named("web-0"), running=False),
            ["warning: Clone is not running"],
            True,
            id="off",
        ),
        pytest.param(lambda bench: bench.world.remove(bench.world.named("web-0")), [], False, id="gone"),
    ],
)
def test_first_refresh_reports_a_clone_that_has_changed(
    bench: Bench, change: Change, expected: list[str], there: bool
) -> None:
    state = unread(bench)
    change(bench)

    read = bench.plugin.read(state)

    assert (read.said, read.state is not None) == (expected, there)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(
            lambda bench: bench.stock.faults.add("ReadResource", "Odd", vm="web-0"), "error: Odd", id="not-read"
        ),
        pytest.param(
            lambda bench: bench.world.clone("copy", {}, uuid=uuid_of(2)), "error: BIOS UUID is not unique", id="copied"
        ),
    ],
)
def test_failed_first_refresh_returns_the_error(bench: Bench, change: Change, expected: str) -> None:
    state = unread(bench)
    change(bench)

    assert bench.plugin.read(state).said == [expected]


def test_rejects_a_plan_without_refresh_of_a_clone_that_was_never_read(bench: Bench) -> None:
    plan = bench.plugin.plan(unread(bench), clone_config(cpu_limit=2000))

    assert plan.said == ["error: Clone has not been read"]
    assert plan.details == [
        f"web-0 (UUID {uuid_of(2)}): an apply created this clone and could not read it. Run the command once without "
        "-refresh=false."
    ]


@pytest.mark.parametrize(
    ("keep", "calls"),
    [
        pytest.param(
            True,
            [
                "stock: ShutdownGuest web-0",
                "stock: ReconfigVM_Task web-0 without disk-2-2001",
                "stock: Destroy_Task web-0",
            ],
            id="with-a-disk-that-is-kept",
        ),
        pytest.param(False, ["stock: ShutdownGuest web-0", "stock: Destroy_Task web-0"], id="with-its-disks"),
    ],
)
def test_destroys_a_clone_that_was_never_read(bench: Bench, keep: bool, calls: list[str]) -> None:
    state = unread(bench, disk=[DISKS[0], DISKS[1] | {"keep_on_remove": keep}])

    destroyed = bench.plugin.destroy(state)

    assert (destroyed.said, destroyed.state, bench.calls) == ([], None, calls)


def test_destroys_a_missing_clone_that_was_never_read_without_a_call(bench: Bench) -> None:
    state = unread(bench, disk=[DISKS[0], DISKS[1] | {"keep_on_remove": True}])
    bench.world.remove(bench.world.named("web-0"))

    destroyed = bench.plugin.destroy(state)

    assert (destroyed.said, destroyed.state, bench.calls) == ([], None, [])


def test_keeps_a_clone_with_kept_disks_that_cannot_be_read_before_its_destroy(bench: Bench) -> None:
    state = unread(bench, disk=[DISKS[0], DISKS[1] | {"keep_on_remove": True}])
    bench.stock.faults.add("ReadResource", "Odd", vm="web-0")

    failed = bench.plugin.destroy(state)

    assert (failed.said, failed.state, bench.calls) == (["error: Odd"], state, [])
