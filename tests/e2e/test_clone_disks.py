# SPDX-License-Identifier: MPL-2.0
"""The disks of clones that exist: those from the source stay, whatever is asked for; added ones come and go."""

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
def own_vcenter(start_simulator: StartSimulator) -> Simulator:
    return start_simulator("-source", "golden", "-vm", 0, "-tools", "0s")


@pytest.fixture
def own(own_vcenter: Simulator, plugin: Plugin, new_terraform: NewTerraform) -> Bench:
    return Bench(own_vcenter, source_of(own_vcenter, "golden"), plugin.release, new_terraform(own_vcenter))


def _write(bench: Bench, wanted: dict[str, Disks], *, on_reboot: str = "error") -> None:
    block = [{"source_uuid": bench.source.uuid, "on_reboot": on_reboot}]
    bench.terraform.write(
        document(
            bench.release,
            {
                name: machine(bench.source, bench.release, name=name, disk=each, instantclone=block)
                for name, each in wanted.items()
            },
        )
    )


def test_an_added_disk_may_grow_and_go_again(own: Bench) -> None:
    its = machine(own.source, own.release)["disk"]
    names = ["grown", "removed", "relabelled"]
    _write(own, {name: [*its, ADDED] for name in names})
    own.terraform.apply()
    _write(
        own,
        {
            "grown": [*its, ADDED | {"size": 3}],
            "removed": its,
            "relabelled": [*its, ADDED | {"label": "other"}],
        },
    )
    planned = own.terraform.run("plan").require()
    assert planned.changes == {f"vsphere_virtual_machine.{name}": "update" for name in names}

    own.terraform.apply()

    assert planned.diagnostics == []
    assert {name: own.methods(name) for name in names} == {name: ["ReconfigVM_Task"] * 2 for name in names}
    with Client(own.simulator) as client:
        sizes = {name: [each.capacityInBytes >> 30 for each in disks(client.vm(name))] for name in names}
        deltas = {name: [depth(each) > 0 for each in disks(client.vm(name))][:2] for name in names}
    assert sizes == {"grown": [16, 8, 3], "removed": [16, 8], "relabelled": [16, 8, 1]}
    assert deltas == {name: [True, True] for name in names}
    assert own.terraform.plan() == {}


@pytest.mark.parametrize("on_reboot", ["error", "replace", "reboot"])
def test_a_disk_from_the_source_neither_goes_nor_grows(own: Bench, on_reboot: str) -> None:
    first, second = machine(own.source, own.release)["disk"]
    taken, grown = "Change would take disks from the clone", "Disks cannot grow"
    changes: dict[str, tuple[Disks, str]] = {
        "without": ([first], taken),
        "renamed": ([first, second | {"label": "data"}], taken),
        "displaced": ([first, second | {"label": "data", "unit_number": 5}], taken),
        "instead": ([first, ADDED | {"unit_number": second["unit_number"]}], taken),
        "larger": ([first, second | {"size": second["size"] + 1}], grown),
    }
    names = {kind: f"{kind}-{on_reboot}" for kind in changes}
    _write(own, {name: [first, second] for name in names.values()}, on_reboot=on_reboot)
    own.terraform.apply()
    _write(own, {names[kind]: wanted for kind, (wanted, _) in changes.items()}, on_reboot=on_reboot)

    planned = own.terraform.run("plan")

    assert planned.code == 1
    assert {(each.address.partition(".")[2], each.summary) for each in planned.errors} == {
        (names[kind], summary) for kind, (_, summary) in changes.items()
    }
    assert planned.changes == {}
    assert own.methods(*names.values()) == []


def test_another_place_for_a_disk_from_the_source_is_a_reboot(own: Bench) -> None:
    first, second = machine(own.source, own.release)["disk"]
    moved = [first, second | {"unit_number": 5}]
    _write(own, {"elsewhere": [first, second]})
    own.terraform.apply()
    _write(own, {"elsewhere": moved})

    assert [each.summary for each in own.terraform.run("plan").errors] == ["Change would power-cycle or move the clone"]
    # Made anew, the clone would have its disks where the source has them.
    _write(own, {"elsewhere": moved}, on_reboot="replace")
    assert [each.summary for each in own.terraform.run("plan").errors] == ["Disks without a partner"]
    assert own.methods("elsewhere") == []
