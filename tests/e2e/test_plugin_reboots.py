# SPDX-License-Identifier: MPL-2.0
"""Changes that power off an existing clone, move it or remove its disks, with each value of on_reboot."""

from __future__ import annotations

import json
from typing import Any

import pytest

from testkit.clone_stack import clones, machine
from tests.e2e.conftest import Bench

pytestmark = pytest.mark.attached

ADDRESS = 'vsphere_virtual_machine.vm["{}"]'


def _create_clone(bench: Bench, name: str) -> str:
    """Create a clone in the state, and return its managed object id."""
    bench.terraform.write(clones(bench.source, bench.release, [name]))
    bench.terraform.apply()
    return bench.simulator.vm(name).moid


def _write_change(bench: Bench, name: str, on_reboot: str | None, **arguments: Any) -> None:
    block = [{"source_uuid": bench.source.uuid, "on_reboot": on_reboot}]
    bench.terraform.write(clones(bench.source, bench.release, [name], instantclone=block, **arguments))


@pytest.mark.parametrize("on_reboot", [None, "error"])
def test_rejects_a_change_that_would_power_cycle_a_clone(bench: Bench, on_reboot: str | None) -> None:
    name = f"refused-{on_reboot}".lower()
    _create_clone(bench, name)
    _write_change(bench, name, on_reboot, nested_hv_enabled=True, memory=2048)

    planned = bench.terraform.run("plan")

    (error,) = planned.errors
    assert (error.summary, error.address) == ("Change requires reboot or move", ADDRESS.format(name))
    lines = error.detail.splitlines()
    assert lines[0] == (
        f"{name}: these changes power the clone off or move it. The clone then loses the memory and disks that it "
        "shares with its source."
    )
    assert sorted(lines[1:-1]) == [
        "  memory: 4096 → 2048. Memory cannot be taken from a running VM.",
        "  nested_hv_enabled: false → true. The provider changes nested_hv_enabled only while the VM is off.",
    ]
    assert lines[-1].startswith("Revert the changes, or set on_reboot in the fleet file: ")
    assert bench.terraform.run("apply").code == 1
    assert bench.methods(name) == []


def test_replaces_a_clone_with_on_reboot_replace(bench: Bench) -> None:
    """The hardware of the source has changed. A replacement gives the clones the new hardware."""
    _write_change(bench, "remade", "replace")
    bench.terraform.apply()
    first = bench.simulator.vm("remade").moid
    # Edit the state as if neither the source nor the clone had CPU hot add before.
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


def test_does_not_replace_a_clone_that_could_not_be_created_again(bench: Bench) -> None:
    _create_clone(bench, "kept")
    _write_change(bench, "kept", "replace", memory=2048)

    (error,) = bench.terraform.run("plan").errors

    assert error.summary == "Configuration would power-cycle the clone"
    assert bench.methods("kept") == []


def test_reboots_a_clone_with_a_warning_with_on_reboot_reboot(bench: Bench) -> None:
    _create_clone(bench, "rebooted")
    _write_change(bench, "rebooted", "reboot", nested_hv_enabled=True)

    applied = bench.terraform.run("apply").require()

    warning = next(each for each in applied.diagnostics if each.summary == "Change reboots or moves clone")
    assert warning.severity == "warning"
    assert "  nested_hv_enabled: false → true. " in warning.detail
    assert "ReconfigVM_Task" in bench.methods("rebooted")
    assert bench.terraform.plan() == {}


@pytest.mark.parametrize("on_reboot", ["error", "replace", "reboot"])
def test_rejects_the_removal_of_a_disk_of_the_source(bench: Bench, on_reboot: str) -> None:
    name = f"whole-{on_reboot}"
    _create_clone(bench, name)
    disks = machine(bench.source, bench.release)["disk"]
    _write_change(bench, name, on_reboot, disk=disks[:1])

    (error,) = bench.terraform.run("plan").errors

    assert error.summary == "Change would remove source disks"
    assert error.detail.splitlines()[0] == (
        f"{name}: the change would remove these disks, which the clone shares with its source:"
    )
    assert error.detail.splitlines()[1].startswith("  scsi unit 1, 8 GiB (disk1): ")
    assert bench.methods(name) == []


def test_rejects_a_renamed_disk_label(bench: Bench) -> None:
    _create_clone(bench, "relabelled")
    disks = machine(bench.source, bench.release)["disk"]
    _write_change(bench, "relabelled", None, disk=[disks[0], disks[1] | {"label": "data"}])

    (error,) = bench.terraform.run("plan").errors

    assert error.summary == "Change would remove source disks"


def test_rejects_a_move(bench: Bench) -> None:
    _create_clone(bench, "settled")
    document = clones(bench.source, bench.release, ["settled"], datastore_id="${data.vsphere_datastore.other.id}")
    document["data"]["vsphere_datastore"]["other"] = {
        "name": "LocalDS_1",
        "datacenter_id": "${data.vsphere_datacenter.datacenter.id}",
    }
    bench.terraform.write(document)

    (error,) = bench.terraform.run("plan").errors

    assert error.summary == "Change requires reboot or move"
    assert "datastore_id: " in error.detail


def test_rejects_an_invalid_on_reboot(bench: Bench) -> None:
    _write_change(bench, "odd", "restart")

    assert [(error.summary, error.detail) for error in bench.terraform.run("validate").errors] == [
        ("Invalid on_reboot", 'instantclone.on_reboot is "restart". It must be one of error, replace, reboot.')
    ]
