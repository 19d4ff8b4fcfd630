# SPDX-License-Identifier: MPL-2.0
"""Changes that would power an existing clone off, move it or take its disks: what on_reboot makes of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from testkit.clone_stack import clones, machine
from tests.e2e.conftest import Bench

pytestmark = pytest.mark.attached

ADDRESS = 'vsphere_virtual_machine.vm["{}"]'


def _made(bench: Bench, name: str) -> str:
    """A clone in the state; its managed object id."""
    bench.terraform.write(clones(bench.source, bench.release, [name]))
    bench.terraform.apply()
    return bench.simulator.vm(name).moid


def _changed(bench: Bench, name: str, on_reboot: str | None, **arguments: Any) -> None:
    block = [{"source_uuid": bench.source.uuid, "on_reboot": on_reboot}]
    bench.terraform.write(clones(bench.source, bench.release, [name], instantclone=block, **arguments))


@pytest.mark.parametrize("on_reboot", [None, "error"])
def test_a_change_that_would_power_cycle_a_clone_is_refused(bench: Bench, on_reboot: str | None) -> None:
    name = f"refused-{on_reboot}".lower()
    _made(bench, name)
    _changed(bench, name, on_reboot, nested_hv_enabled=True, memory=2048)

    planned = bench.terraform.run("plan")

    (error,) = planned.errors
    assert (error.summary, error.address) == ("Change would power-cycle or move the clone", ADDRESS.format(name))
    lines = error.detail.splitlines()
    assert lines[0] == (
        f"An instant clone that is powered off or moved loses what it shares with its source. For {name}:"
    )
    assert sorted(lines[1:-1]) == [
        "  memory: 4096 → 2048. Memory cannot be taken from a running VM.",
        "  nested_hv_enabled: false → true. The provider changes nested_hv_enabled only while the VM is off.",
    ]
    assert lines[-1].startswith("Take the change back, or say in the fleet file what is to be done: on_reboot = ")
    assert bench.terraform.run("apply").code == 1
    assert bench.methods(name) == []


def test_a_clone_is_replaced_where_that_is_asked_for(bench: Bench) -> None:
    """The source has got other hardware, and the clones follow by being made anew."""
    _changed(bench, "remade", "replace")
    bench.terraform.apply()
    first = bench.simulator.vm("remade").moid
    # As if the source, and the clone with it, had been without before.
    state = json.loads(bench.terraform.state_text)
    for resource in state["resources"]:
        if resource["type"] == "vsphere_virtual_machine":
            resource["instances"][0]["attributes"]["cpu_hot_add_enabled"] = False
    (bench.terraform.folder / "terraform.tfstate").write_text(json.dumps(state))

    planned = bench.terraform.run("plan", "-refresh=false").require()

    assert planned.changes == {ADDRESS.format("remade"): "replace"}
    bench.terraform.run("apply", "-refresh=false").require()
    assert bench.methods(first) == ["ShutdownGuest", "Destroy_Task"]
    assert bench.methods(bench.simulator.vm("remade").moid) == []
    assert bench.terraform.plan() == {}


def test_a_clone_that_could_not_be_made_so_is_not_destroyed_to_be_made_anew(bench: Bench) -> None:
    _made(bench, "kept")
    _changed(bench, "kept", "replace", memory=2048)

    (error,) = bench.terraform.run("plan").errors

    assert error.summary == "Configuration would power-cycle the clone"
    assert bench.methods("kept") == []


def test_a_reboot_passes_with_a_warning_where_it_is_asked_for(bench: Bench) -> None:
    _made(bench, "rebooted")
    _changed(bench, "rebooted", "reboot", nested_hv_enabled=True)

    applied = bench.terraform.run("apply").require()

    warning = next(each for each in applied.diagnostics if each.summary == "Change power-cycles or moves the clone")
    assert warning.severity == "warning"
    assert "  nested_hv_enabled: false → true. " in warning.detail
    assert "ReconfigVM_Task" in bench.methods("rebooted")
    assert bench.terraform.plan() == {}


@pytest.mark.parametrize("on_reboot", ["error", "replace", "reboot"])
def test_no_disk_is_taken_from_a_clone(bench: Bench, on_reboot: str) -> None:
    name = f"whole-{on_reboot}"
    _made(bench, name)
    disks = machine(bench.source, bench.release)["disk"]
    _changed(bench, name, on_reboot, disk=disks[:1])

    (error,) = bench.terraform.run("plan").errors

    assert error.summary == "Change would take disks from the clone"
    assert error.detail.splitlines()[0] == (
        f"{name} has these disks from its source, and the change would remove them from it:"
    )
    assert error.detail.splitlines()[1].startswith("  scsi unit 1, 8 GiB (disk1): ")
    assert bench.methods(name) == []


def test_a_renamed_label_is_a_disk_taken(bench: Bench) -> None:
    _made(bench, "relabelled")
    disks = machine(bench.source, bench.release)["disk"]
    _changed(bench, "relabelled", None, disk=[disks[0], disks[1] | {"label": "data"}])

    (error,) = bench.terraform.run("plan").errors

    assert error.summary == "Change would take disks from the clone"


def test_a_move_is_refused(bench: Bench) -> None:
    _made(bench, "settled")
    document = clones(bench.source, bench.release, ["settled"], datastore_id="${data.vsphere_datastore.other.id}")
    document["data"]["vsphere_datastore"]["other"] = {
        "name": "LocalDS_1",
        "datacenter_id": "${data.vsphere_datacenter.datacenter.id}",
    }
    bench.terraform.write(document)

    (error,) = bench.terraform.run("plan").errors

    assert error.summary == "Change would power-cycle or move the clone"
    assert "datastore_id: " in error.detail


def test_an_unknown_way_is_refused(bench: Bench) -> None:
    _changed(bench, "odd", "restart")

    assert [(error.summary, error.detail) for error in bench.terraform.run("validate").errors] == [
        ("Unknown way", 'instantclone.on_reboot is "restart"; it must be one of error, replace, reboot.')
    ]
