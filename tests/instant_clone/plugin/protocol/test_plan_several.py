# SPDX-License-Identifier: MPL-2.0
"""Tests of the plan of several new clones: the requests to vCenter, and the length of a source's disk chain."""

from __future__ import annotations

from typing import Any

import pytest

from testkit.standins.bench import Bench, clone_config
from testkit.standins.vcenter import DryRun
from testkit.standins.world import FOLDER as VM_FOLDER
from testkit.standins.world import SOURCE_MOID, uuid_of
from testkit.wire import FOLDER, UNKNOWN

SOURCE = "(instantclone[0].source_uuid)"
INTERFACE = clone_config()["network_interface"][0]
LONG = ["warning: Long disk chain"]
TOO_LONG = [f"error: Disk chain too long {SOURCE}"]
SILVER_UUID = uuid_of(99)


def chain(bench: Bench, depth: int, *, frozen: bool = False) -> None:
    """Set the number of delta disks in the disk chain of golden."""
    bench.world.change(bench.world.vms[SOURCE_MOID], chain_depth=depth, frozen=frozen)


def add_silver(bench: Bench, depth: int) -> None:
    """Add another source."""
    silver = bench.world.clone("silver", {}, folder=VM_FOLDER, uuid=SILVER_UUID)
    bench.world.change(silver, chain_depth=depth)


def planned(bench: Bench, *names: str, **arguments: Any) -> list[list[str]]:
    """Plan the clones one after another. Return the diagnostics of each clone."""
    return [bench.plugin.plan(None, clone_config(name, **arguments)).said for name in names]


@pytest.mark.parametrize(
    ("depth", "expected"),
    [(98, []), (99, []), (100, LONG), (254, LONG), (255, TOO_LONG), (300, TOO_LONG)],
    ids=["to-99", "to-100", "to-101", "to-255", "to-256", "to-301"],
)
def test_warns_above_100_delta_disks_and_fails_above_255(bench: Bench, depth: int, expected: list[str]) -> None:
    chain(bench, depth)

    assert planned(bench, "web-0") == [expected]
    assert bench.calls == []


def test_ignores_the_chain_of_a_frozen_source(bench: Bench) -> None:
    chain(bench, 255, frozen=True)

    assert planned(bench, "web-0") == [[]]


def test_does_not_count_an_existing_clone(bench: Bench) -> None:
    chain(bench, 255)
    bench.left_behind()

    assert planned(bench, "web-0") == [[]]


def test_reports_a_long_chain_together_with_a_missing_folder(bench: Bench) -> None:
    chain(bench, 255)

    assert planned(bench, "web-0", folder="Prod") == [[*TOO_LONG, "warning: Folder does not exist yet"]]


def test_counts_all_clones_of_a_plan_and_warns_once(bench: Bench) -> None:
    chain(bench, 98)

    assert planned(bench, "web-0", "web-1", "web-2", "web-3") == [[], [], LONG, []]


def test_rejects_only_the_clones_beyond_the_limit(bench: Bench) -> None:
    chain(bench, 253)

    assert planned(bench, "web-0", "web-1", "web-2") == [LONG, [], TOO_LONG]


def test_counts_a_clone_once_if_it_is_planned_twice(bench: Bench) -> None:
    chain(bench, 98)

    assert planned(bench, "web-0", "web-1", "web-1", "web-2") == [[], [], [], LONG]


def test_counts_the_chain_of_each_source_separately(bench: Bench) -> None:
    chain(bench, 99)
    add_silver(bench, 99)

    assert planned(bench, "web-0") == [[]]
    assert planned(bench, "web-1", "web-2", source_uuid=SILVER_UUID) == [[], LONG]


@pytest.mark.parametrize(
    ("depth", "detail"),
    [
        (
            100,
            "/DC0/vm/golden: the disk chain has 100 delta disks, and this plan extends it beyond 100, which reduces "
            "performance. The limit is 255. Each clone of a running source adds a delta disk. Freeze the source or "
            "recreate it.",
        ),
        (
            255,
            "/DC0/vm/golden: the disk chain has 255 delta disks. Each clone of a running source adds a delta disk, and "
            "this plan extends the chain to 256. vSphere allows 255. Freeze the source, recreate it, or distribute the "
            "fleet over several sources.",
        ),
    ],
    ids=["long", "too-long"],
)
def test_message_contains_the_length_of_the_chain_and_the_action(bench: Bench, depth: int, detail: str) -> None:
    chain(bench, depth)

    assert bench.plugin.plan(None, clone_config()).details == [detail]


def test_runs_one_dry_run_per_target_and_warns_once_per_plan(bench: Bench) -> None:
    bench.vcenter.dry_run = DryRun(warnings=("Slow",))

    expected = [bench.plugin.plan(None, clone_config(name)).said for name in ("web-0", "web-1")]
    other = bench.plugin.plan(None, clone_config("web-2", network_interface=[INTERFACE | {"network_id": "network-2"}]))

    assert [*expected, other.said] == [["warning: Dry run returned warnings"], [], []]
    assert [(run.name, run.interfaces[0].network_id) for run in bench.vcenter.dry_runs] == [
        ("web-0", "network-1"),
        ("web-2", "network-2"),
    ]


def test_warns_once_if_dry_runs_are_not_available(bench: Bench) -> None:
    bench.vcenter.dry_run = DryRun(missing="it answers with InvalidArgument: A")
    first = bench.plugin.plan(None, clone_config("web-0"))
    bench.vcenter.dry_run = DryRun(missing="it answers with B")
    second = bench.plugin.plan(None, clone_config("web-1", resource_pool_id="resgroup-2"))

    assert (first.said, second.said) == (["warning: Dry run not available"], [])
    assert first.details == [
        "/DC0/vm/golden: vCenter could not check the clones in a dry run: it answers with InvalidArgument: A. vCenter "
        "checks them during the apply."
    ]
    assert len(bench.vcenter.dry_runs) == 2


def test_reports_dry_run_errors_for_each_target(bench: Bench) -> None:
    refused = DryRun(errors=("InvalidArgument: A",))
    expected = []
    for number, result in enumerate((refused, DryRun(), refused)):
        bench.vcenter.dry_run = result
        expected += planned(bench, f"web-{number}", resource_pool_id=f"resgroup-{number}")

    error = ["error: vCenter would reject the clone"]
    assert expected == [error, [], error]


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param({"resource_pool_id": UNKNOWN}, id="pool"),
        pytest.param({"network_interface": [INTERFACE | {"network_id": UNKNOWN}]}, id="network"),
        pytest.param({"folder": "Missing"}, id="folder-that-is-not-there"),
    ],
)
def test_skips_the_dry_run_if_values_are_unknown(bench: Bench, arguments: dict[str, Any]) -> None:
    plan = bench.plugin.plan(None, clone_config(**arguments))

    assert not plan.failed
    assert bench.vcenter.dry_runs == []


def test_dry_run_omits_a_planned_folder(bench: Bench) -> None:
    bench.plugin.plan(None, {"path": "/Prod/", "type": "vm"}, kind=FOLDER)

    bench.plugin.plan(None, clone_config(folder="Prod"))

    assert [run.folder for run in bench.vcenter.dry_runs] == [""]
