# SPDX-License-Identifier: MPL-2.0
"""What a plan of several new clones asks vCenter, and what it says of a source's disk chain."""

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
    """Let golden's disks have so many delta disks."""
    bench.world.change(bench.world.vms[SOURCE_MOID], chain_depth=depth, frozen=frozen)


def add_silver(bench: Bench, depth: int) -> None:
    """Add another source."""
    silver = bench.world.clone("silver", {}, folder=VM_FOLDER, uuid=SILVER_UUID)
    bench.world.change(silver, chain_depth=depth)


def planned(bench: Bench, *names: str, **arguments: Any) -> list[list[str]]:
    """What is said of each clone, planned one after another."""
    return [bench.plugin.plan(None, clone_config(name, **arguments)).said for name in names]


@pytest.mark.parametrize(
    ("depth", "said"),
    [(98, []), (99, []), (100, LONG), (254, LONG), (255, TOO_LONG), (300, TOO_LONG)],
    ids=["to-99", "to-100", "to-101", "to-255", "to-256", "to-301"],
)
def test_a_chain_of_up_to_100_is_usual_and_one_of_up_to_255_possible(bench: Bench, depth: int, said: list[str]) -> None:
    chain(bench, depth)

    assert planned(bench, "web-0") == [said]
    assert bench.calls == []


def test_a_frozen_source_s_chain_does_not_grow(bench: Bench) -> None:
    chain(bench, 255, frozen=True)

    assert planned(bench, "web-0") == [[]]


def test_a_clone_that_is_there_already_lengthens_no_chain(bench: Bench) -> None:
    chain(bench, 255)
    bench.left_behind()

    assert planned(bench, "web-0") == [[]]


def test_a_chain_is_too_long_in_a_folder_too_that_is_not_there(bench: Bench) -> None:
    chain(bench, 255)

    assert planned(bench, "web-0", folder="Prod") == [[*TOO_LONG, "warning: No such folder yet"]]


def test_the_clones_of_a_plan_are_counted_together_and_the_warning_comes_once(bench: Bench) -> None:
    chain(bench, 98)

    assert planned(bench, "web-0", "web-1", "web-2", "web-3") == [[], [], LONG, []]


def test_the_clones_that_fit_in_are_planned_beside_the_first_that_does_not(bench: Bench) -> None:
    chain(bench, 253)

    assert planned(bench, "web-0", "web-1", "web-2") == [LONG, [], TOO_LONG]


def test_a_clone_that_is_planned_again_is_counted_once(bench: Bench) -> None:
    chain(bench, 98)

    assert planned(bench, "web-0", "web-1", "web-1", "web-2") == [[], [], [], LONG]


def test_each_source_has_a_chain_of_its_own(bench: Bench) -> None:
    chain(bench, 99)
    add_silver(bench, 99)

    assert planned(bench, "web-0") == [[]]
    assert planned(bench, "web-1", "web-2", source_uuid=SILVER_UUID) == [[], LONG]


@pytest.mark.parametrize(
    ("depth", "detail"),
    [
        (
            100,
            "The disks of /DC0/vm/golden have 100 delta disks, and this plan brings them over 100, which costs speed; "
            "255 is the limit. Each clone of a running source adds one: freeze the source, or make it anew.",
        ),
        (
            255,
            "The disks of /DC0/vm/golden have 255 delta disks. Each clone of a running source adds one, and with those "
            "of this plan there would be 256; vSphere allows 255. Freeze the source, make it anew, or spread the fleet "
            "over several sources.",
        ),
    ],
    ids=["long", "too-long"],
)
def test_both_say_how_long_the_chain_is_and_what_to_do(bench: Bench, depth: int, detail: str) -> None:
    chain(bench, depth)

    assert bench.plugin.plan(None, clone_config()).details == [detail]


def test_a_dry_run_is_for_a_target_and_a_warning_for_a_plan(bench: Bench) -> None:
    bench.vcenter.dry_run = DryRun(warnings=("Slow",))

    said = [bench.plugin.plan(None, clone_config(name)).said for name in ("web-0", "web-1")]
    other = bench.plugin.plan(None, clone_config("web-2", network_interface=[INTERFACE | {"network_id": "network-2"}]))

    assert [*said, other.said] == [["warning: vCenter warns"], [], []]
    assert [(run.name, run.interfaces[0].network_id) for run in bench.vcenter.dry_runs] == [
        ("web-0", "network-1"),
        ("web-2", "network-2"),
    ]


def test_dry_runs_that_vcenter_does_not_answer_are_one_warning_for_all_targets(bench: Bench) -> None:
    bench.vcenter.dry_run = DryRun(missing="it answers with InvalidArgument: A")
    first = bench.plugin.plan(None, clone_config("web-0"))
    bench.vcenter.dry_run = DryRun(missing="it answers with B")
    second = bench.plugin.plan(None, clone_config("web-1", resource_pool_id="resgroup-2"))

    assert (first.said, second.said) == (["warning: No dry run"], [])
    assert first.details == [
        "vCenter could not be asked whether clones can be made before they are: it answers with InvalidArgument: A. "
        "The apply will show."
    ]
    assert len(bench.vcenter.dry_runs) == 2


def test_findings_of_dry_runs_are_errors_for_each_target(bench: Bench) -> None:
    refused = DryRun(errors=("InvalidArgument: A",))
    said = []
    for number, result in enumerate((refused, DryRun(), refused)):
        bench.vcenter.dry_run = result
        said += planned(bench, f"web-{number}", resource_pool_id=f"resgroup-{number}")

    error = ["error: vCenter would refuse the clone"]
    assert said == [error, [], error]


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param({"resource_pool_id": UNKNOWN}, id="pool"),
        pytest.param({"network_interface": [INTERFACE | {"network_id": UNKNOWN}]}, id="network"),
        pytest.param({"folder": "Missing"}, id="folder-that-is-not-there"),
    ],
)
def test_what_is_not_known_yet_is_left_to_the_apply(bench: Bench, arguments: dict[str, Any]) -> None:
    plan = bench.plugin.plan(None, clone_config(**arguments))

    assert not plan.failed
    assert bench.vcenter.dry_runs == []


def test_the_dry_run_of_a_clone_in_a_planned_folder_names_none(bench: Bench) -> None:
    bench.plugin.plan(None, {"path": "/Prod/", "type": "vm"}, kind=FOLDER)

    bench.plugin.plan(None, clone_config(folder="Prod"))

    assert [run.folder for run in bench.vcenter.dry_runs] == [""]
