# SPDX-License-Identifier: MPL-2.0
"""Disks of a clone that were replaced, moved or added outside of Terraform. The plugin never removes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pyVmomi import vim

from testkit.fleets import Wish, address, fleet_document
from testkit.simulator import Simulator
from tests.conftest import StartSimulator
from tests.e2e.conftest import Bench
from tests.e2e.identity import summaries, untouched
from tests.vcsim.client import Client, disk, disks, result

pytestmark = pytest.mark.attached


@pytest.fixture(scope="module")
def vcenter(start_simulator: StartSimulator) -> Simulator:
    return start_simulator("-source", "golden", "-frozen", "golden", "-tools", "0s", "-vm", 0)


@pytest.fixture
def client(vcenter: Simulator) -> Iterator[Client]:
    with Client(vcenter) as client:
        yield client


@pytest.fixture
def write(bench: Bench) -> Callable[..., None]:
    """Return a function that writes the configuration of a fleet of golden.

    The `arguments` of that function replace arguments of the clones.
    """

    def write_fleet(*names: str, pinned: bool = False, **arguments: Any) -> None:
        desired = {"vm": Wish(bench.source, frozenset(names))}
        bench.terraform.write(fleet_document(bench.release, desired, pinned=pinned, **arguments))

    return write_fleet


def replace_disks(client: Client, name: str, *, moved: bool = False) -> None:
    """Replace the disks of a VM with new disks, as a backup product does when it restores a VM in place.

    With `moved`, the new disks have other unit numbers.
    """
    machine = client.vm(name)
    old = disks(machine)
    removed = [vim.vm.device.VirtualDeviceSpec(operation="remove", device=each) for each in old]
    result(machine.ReconfigVM_Task(vim.vm.ConfigSpec(deviceChange=removed)))
    added = [
        vim.vm.device.VirtualDeviceSpec(
            operation="add",
            fileOperation="create",
            device=disk(each.controllerKey, each.unitNumber + (4 if moved else 0), each.capacityInBytes),
        )
        for each in old
    ]
    result(machine.ReconfigVM_Task(vim.vm.ConfigSpec(deviceChange=added)))


def attach_disk(machine: Any, unit: int) -> Any:
    """Attach a new disk to a VM, as a backup proxy or a storage driver does."""
    before = {each.key for each in disks(machine)}
    added = vim.vm.device.VirtualDeviceSpec(
        operation="add", fileOperation="create", device=disk(disks(machine)[0].controllerKey, unit, 1 << 30)
    )
    result(machine.ReconfigVM_Task(vim.vm.ConfigSpec(deviceChange=[added])))
    return next(each for each in disks(machine) if each.key not in before)


def test_restored_clone_keeps_its_disks(bench: Bench, write: Callable[..., None], client: Client) -> None:
    write("restored")
    bench.terraform.apply()
    replace_disks(client, "restored")
    before = {each.backing.uuid for each in disks(client.vm("restored"))}
    is_unchanged = untouched(bench, client.vm("restored")._moId)

    planned = bench.terraform.run("plan").require()
    applied = bench.terraform.apply()

    assert planned.changes == {}
    assert summaries(planned) == ["Disk was replaced", "Disk was replaced"]
    assert summaries(applied) == ["Disk was replaced", "Disk was replaced"]
    assert "restored: disk0 (scsi unit 0, " in min(each.detail for each in planned.diagnostics)
    assert {each.backing.uuid for each in disks(client.vm("restored"))} == before
    assert is_unchanged()
    state = bench.terraform.attributes("restored")["disk"]
    assert [(each["label"], each["keep_on_remove"]) for each in state] == [("disk0", False), ("disk1", False)]
    assert {each["uuid"] for each in state} == before
    again = bench.terraform.run("plan").require()
    assert (again.changes, again.diagnostics) == ({}, [])


def test_change_after_a_restore_removes_no_disk(bench: Bench, write: Callable[..., None], client: Client) -> None:
    """The first apply uses the state from before the restore, and the second apply refreshes the state."""
    write("edited")
    bench.terraform.apply()
    replace_disks(client, "edited")
    before = {each.backing.uuid for each in disks(client.vm("edited"))}
    write("edited", annotation="changed")

    bench.terraform.apply("-refresh=false")
    write("edited", annotation="and again")
    bench.terraform.apply()

    assert client.vm("edited").config.annotation == "and again"
    assert {each.backing.uuid for each in disks(client.vm("edited"))} == before
    assert bench.terraform.plan() == {}


def test_plan_rejects_disks_that_the_configuration_lacks(
    bench: Bench, write: Callable[..., None], client: Client
) -> None:
    write("moved")
    bench.terraform.apply()
    replace_disks(client, "moved", moved=True)
    before = {each.backing.uuid for each in disks(client.vm("moved"))}
    is_unchanged = untouched(bench, client.vm("moved")._moId)

    ended = bench.terraform.run("apply")

    assert [each.summary for each in ended.errors] == ["Disk is not configured"]
    assert "moved: the configuration has no disk block for these disks: scsi unit 4, " in ended.errors[0].detail
    assert sorted(each.summary for each in ended.diagnostics if each.severity == "warning") == ["Disk is missing"] * 2
    assert {each.backing.uuid for each in disks(client.vm("moved"))} == before
    assert is_unchanged()


def test_replaces_a_clone_that_has_an_added_disk(bench: Bench, write: Callable[..., None], client: Client) -> None:
    """The cause is a new generation or a taint. The stock provider detaches the disk before it destroys the VM."""
    write("rolled", "tainted")
    bench.terraform.apply()
    first = {name: client.vm(name)._moId for name in ("rolled", "tainted")}
    for name in first:
        attach_disk(client.vm(name), 6)
    assert [each.summary for each in bench.terraform.run("plan").errors] == ["Disk is not configured"] * 2
    bench.terraform.run("taint", address("vm", "tainted")).require()
    desired = {"vm": Wish(bench.source, frozenset({"rolled"}), generation=2), "other": Wish(bench.source)}
    bench.terraform.write(fleet_document(bench.release, desired))
    bench.terraform.run("apply", f"-target={address('vm', 'rolled')}").require()
    write("tainted")

    bench.terraform.apply(f"-target={address('vm', 'tainted')}")

    assert client.vm("tainted")._moId != first["tainted"]
    # The first reconfiguration attached the disk, the second one detaches it.
    detached = ["ReconfigVM_Task", "ShutdownGuest", "ReconfigVM_Task", "Destroy_Task"]
    assert [bench.methods(moid) for moid in first.values()] == [detached, detached]


def test_disk_block_adopts_a_disk_that_was_added_by_hand(
    bench: Bench, write: Callable[..., None], client: Client
) -> None:
    write("grown")
    bench.terraform.apply()
    machine = client.vm("grown")
    attach_disk(machine, 5)
    is_unchanged = untouched(bench, machine._moId)
    assert [each.summary for each in bench.terraform.run("plan").errors] == ["Disk is not configured"]
    state = bench.terraform.attributes("grown")["disk"]
    existing = [{"label": each["label"], "size": each["size"], "unit_number": each["unit_number"]} for each in state]
    write("grown", disk=[*existing, {"label": "data", "size": 1, "unit_number": 5, "keep_on_remove": True}])

    applied = bench.terraform.apply()

    assert set(summaries(applied)) == {"Existing disk adopted"}
    assert is_unchanged()
    assert [each["label"] for each in bench.terraform.attributes("grown")["disk"]] == ["disk0", "disk1", "data"]
    assert bench.terraform.plan() == {}
