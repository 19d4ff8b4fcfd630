# SPDX-License-Identifier: MPL-2.0
"""Tests of stacks with hardware as references."""

from __future__ import annotations

from instant_clone.fleet import Source
from tests.instant_clone.replica.replica_layouts import default, two_controllers
from tests.stacks.conftest import fleet, machine, synthesize


def test_each_source_becomes_a_data_source_named_after_its_key() -> None:
    sources = (Source(key="a", vm="golden-a", members="0"), Source(key="fleet", vm="golden-b", members="1"))
    stack = synthesize(fleet(stack="static", sources=sources), sources={"a": default(), "fleet": two_controllers()})[
        "web"
    ]
    assert list(stack["data"]["vsphere_virtual_machine"]) == ["a", "fleet"]
    assert machine(stack, "a")["num_cpus"] == "${data.vsphere_virtual_machine.a.num_cpus}"
    assert machine(stack, "fleet")["num_cpus"] == "${data.vsphere_virtual_machine.fleet.num_cpus}"
    assert machine(stack, "fleet")["disk"][3]["size"] == "${data.vsphere_virtual_machine.fleet.disks[3].size}"


def test_resource_addresses_equal_those_of_a_dynamic_stack() -> None:
    stacks = synthesize(fleet("web", stack="static"), fleet("ci"))
    for kind in ("vsphere_virtual_machine", "vsphere_drs_vm_override", "terraform_data"):
        assert stacks["web"]["resource"][kind].keys() == stacks["ci"]["resource"][kind].keys()
    assert stacks["web"]["output"] == stacks["ci"]["output"]


def test_owner_marker_references_the_source() -> None:
    stack = synthesize(fleet(stack="static"))["web"]
    assert machine(stack)["extra_config"] == {
        "guestinfo.instantclone.owner": (
            "${terraform_data.owner.id}/web/${each.key}/${data.vsphere_virtual_machine.vm.id}/1"
        )
    }


def test_values_that_the_fleet_changes_are_not_references() -> None:
    changed = fleet(
        stack="static",
        annotation="CI",
        networks=({"network": "backup"},),
        changes={"num_cpus": 4, "memory": 8192, "disks": ({"size": 50},), "networks": ({"network": "VM Network"},)},
    )
    vm = machine(synthesize(changed)["web"])
    assert (vm["annotation"], vm["num_cpus"], vm["memory"]) == ("CI", 4, 8192)
    assert vm["disk"][2] == {
        "label": "disk2",
        "size": 50,
        "unit_number": 2,
        "controller_type": "scsi",
        "thin_provisioned": True,
    }
    assert [interface["network_id"] for interface in vm["network_interface"]] == [
        "${data.vsphere_network.backup.id}",
        "${data.vsphere_network.VM_Network.id}",
    ]


def test_postcondition_messages_name_the_record_command() -> None:
    data = synthesize(fleet("lab", stack="static"))["lab"]["data"]["vsphere_virtual_machine"]["vm"]
    for condition in data["lifecycle"]["postcondition"]:
        assert condition["error_message"].endswith("Review the change, run `instant-clone record lab`, and plan again.")
