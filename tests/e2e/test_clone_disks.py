# SPDX-License-Identifier: MPL-2.0
"""Disk changes of existing clones. Disks of the source cannot be removed or grown. Added disks can."""

from __future__ import annotations

from typing import Any

import pytest

from testkit.clone_stack import document, machine, source_of
from testkit.simulator import Simulator
from tests.conftest import StartSimulator
from tests.e2e.conftest import Bench, NewTerraform, Plugin
from tests.vcsim.client import Client, depth, disks

pytestmark = pytest.mark.attached

Disks = list[dict[str, Any]]
ADDED = {"label": "added", "unit_number": 4, "size": 1, "thin_provisioned": True}


@pytest.fixture(scope="module")
def disk_vcenter(start_simulator: StartSimulator) -> Simulator:
    return start_simulator("-source", "golden", "-vm", 0, "-tools", "0s")


@pytest.fixture
def disk_bench(disk_vcenter: Simulator, plugin: Plugin, new_terraform: NewTerraform) -> Bench:
    return Bench(disk_vcenter, source_of(disk_vcenter, "golden"), plugin.release, new_terraform(disk_vcenter))


def _write(bench: Bench, disks_by_name: dict[str, Disks], *, on_reboot: str = "error") -> None:
    block = [{"source_uuid": bench.source.uuid, "on_reboot": on_reboot}]
    bench.terraform.write(
        document(
            bench.release,
            {
                name: machine(bench.source, bench.release, name=name, disk=each, instantclone=block)
                for name, each in disks_by_name.items()
            },
        )
    )


def test_added_disk_can_grow_or_change_its_label_or_be_removed(disk_bench: Bench) -> None:
    source_disks = machine(disk_bench.source, disk_bench.release)["disk"]
    names = ["grown", "removed", "relabelled"]
    _write(disk_bench, {name: [*source_disks, ADDED] for name in names})
    disk_bench.terraform.apply()
    _write(
        disk_bench,
        {
            "grown": [*source_disks, ADDED | {"size": 3}],
            "removed": source_disks,
            "relabelled": [*source_disks, ADDED | {"label": "other"}],
        },
    )
    planned = disk_bench.terraform.run("plan").require()
    assert planned.changes == {f"vsphere_virtual_machine.{name}": "update" for name in names}

    disk_bench.terraform.apply()

    assert planned.diagnostics == []
    assert {name: disk_bench.methods(name) for name in names} == {name: ["ReconfigVM_Task"] * 2 for name in names}
    with Client(disk_bench.simulator) as client:
        sizes = {name: [each.capacityInBytes >> 30 for each in disks(client.vm(name))] for name in names}
        deltas = {name: [depth(each) > 0 for each in disks(client.vm(name))][:2] for name in names}
    assert sizes == {"grown": [16, 8, 3], "removed": [16, 8], "relabelled": [16, 8, 1]}
    assert deltas == {name: [True, True] for name in names}
    assert disk_bench.terraform.plan() == {}


@pytest.mark.parametrize("on_reboot", ["error", "replace", "reboot"])
def test_plan_rejects_removing_or_growing_a_disk_of_the_source(disk_bench: Bench, on_reboot: str) -> None:
    first, second = machine(disk_bench.source, disk_bench.release)["disk"]
    removed, grown = "Change would remove source disks", "Delta disk cannot be extended"
    changes: dict[str, tuple[Disks, str]] = {
        "without": ([first], removed),
        "renamed": ([first, second | {"label": "data"}], removed),
        "displaced": ([first, second | {"label": "data", "unit_number": 5}], removed),
        "instead": ([first, ADDED | {"unit_number": second["unit_number"]}], removed),
        "larger": ([first, second | {"size": second["size"] + 1}], grown),
    }
    names = {kind: f"{kind}-{on_reboot}" for kind in changes}
    _write(disk_bench, {name: [first, second] for name in names.values()}, on_reboot=on_reboot)
    disk_bench.terraform.apply()
    _write(disk_bench, {names[kind]: changed for kind, (changed, _) in changes.items()}, on_reboot=on_reboot)

    planned = disk_bench.terraform.run("plan")

    assert planned.code == 1
    assert {(each.address.partition(".")[2], each.summary) for each in planned.errors} == {
        (names[kind], summary) for kind, (_, summary) in changes.items()
    }
    assert planned.changes == {}
    assert disk_bench.methods(*names.values()) == []


def test_plan_rejects_moving_a_disk_of_the_source_to_another_unit(disk_bench: Bench) -> None:
    first, second = machine(disk_bench.source, disk_bench.release)["disk"]
    moved = [first, second | {"unit_number": 5}]
    _write(disk_bench, {"elsewhere": [first, second]})
    disk_bench.terraform.apply()
    _write(disk_bench, {"elsewhere": moved})

    assert [each.summary for each in disk_bench.terraform.run("plan").errors] == ["Change requires reboot or move"]
    # A new clone has its disks at the same units as the source.
    _write(disk_bench, {"elsewhere": moved}, on_reboot="replace")
    assert [each.summary for each in disk_bench.terraform.run("plan").errors] == ["Disk is not configured"]
    assert disk_bench.methods("elsewhere") == []
