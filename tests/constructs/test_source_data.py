# SPDX-License-Identifier: MPL-2.0
"""Tests of the data source that reads a source, and of the arguments that reference the data source."""

from __future__ import annotations

from typing import Any

import pytest
from cdktf import TerraformStack

from constructs.instant_clone_fleet import CloneSource, InstantCloneFleet
from constructs.placement import Placement
from constructs.source_data import SourceData
from instant_clone.replica import replicate
from instant_clone.stock_provider.releases import ProviderVersion
from instant_clone.vm.source_vm import SourceVm
from tests.constructs.conftest import Synthesize
from tests.instant_clone.replica.replica_layouts import default, disk, nic, three_buses, two_controllers

NEWEST = ProviderVersion("2.16.1")


def synthesized(
    stack: TerraformStack, synthesize: Synthesize, source: SourceVm, release: ProviderVersion = NEWEST
) -> dict[str, Any]:
    data = SourceData(
        stack, "golden", key="golden", source=source, replica=replicate(source, release), release=release, cure="Look."
    )
    InstantCloneFleet(
        stack,
        "fleet",
        name="web",
        placement=Placement(stack, "placement", datacenter="d", datastore="d", resource_pool="p"),
        sources=[
            CloneSource(
                key="clones",
                source_uuid=data.source_uuid,
                hardware=data.hardware,
                members={"web-0": {}},
            )
        ],
        release=release,
    )
    return synthesize()


def machine(found: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = found["resource"]["vsphere_virtual_machine"]["clones"]
    return made


def data_source(found: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = found["data"]["vsphere_virtual_machine"]["golden"]
    return made


def test_arguments_reference_attributes_of_the_same_name(stack: TerraformStack, synthesize: Synthesize) -> None:
    vm = machine(synthesized(stack, synthesize, default()))
    for argument in ("num_cpus", "guest_id", "enable_logging", "scsi_type", "hardware_version", "annotation"):
        assert vm[argument] == f"${{data.vsphere_virtual_machine.golden.{argument}}}"
    assert vm["instantclone"]["source_uuid"] == "${data.vsphere_virtual_machine.golden.id}"
    assert vm["scsi_controller_count"] == 1


def test_disk_size_and_provisioning_are_references(stack: TerraformStack, synthesize: Synthesize) -> None:
    (_, second, *_) = machine(synthesized(stack, synthesize, default()))["disk"]
    assert second["size"] == "${data.vsphere_virtual_machine.golden.disks[1].size}"
    assert second["thin_provisioned"] == "${data.vsphere_virtual_machine.golden.disks[1].thin_provisioned}"
    assert second["eagerly_scrub"] == "${data.vsphere_virtual_machine.golden.disks[1].eagerly_scrub}"
    assert (second["label"], second["unit_number"], second["controller_type"]) == ("disk1", 1, "scsi")


def test_disks_with_the_same_bus_and_unit_are_values(stack: TerraformStack, synthesize: Synthesize) -> None:
    # The disks are SCSI(0:0), NVMe(0:0) and SATA(0:2), in one list sorted by bus and unit.
    found = synthesized(stack, synthesize, three_buses())
    assert {made["controller_type"]: made["size"] for made in machine(found)["disk"]} == {
        "scsi": 16,
        "nvme": 4,
        "sata": "${data.vsphere_virtual_machine.golden.disks[2].size}",
    }
    assert list(found["locals"]["golden_recorded"]["disks"]) == ["2"]


def test_disk_indexes_follow_bus_and_unit(stack: TerraformStack, synthesize: Synthesize) -> None:
    disks = machine(synthesized(stack, synthesize, two_controllers()))["disk"]
    assert [disk["size"] for disk in disks] == [
        f"${{data.vsphere_virtual_machine.golden.disks[{index}].size}}" for index in range(len(disks))
    ]


def test_interface_indexes_follow_pci_units(stack: TerraformStack, synthesize: Synthesize) -> None:
    source = default(nics=(nic(key=4000, unit=9), nic(key=4001, unit=7, network_kind="standard", network_id="n-1")))
    first, second = machine(synthesized(stack, synthesize, source))["network_interface"]
    assert first["adapter_type"] == "${data.vsphere_virtual_machine.golden.network_interfaces[1].adapter_type}"
    assert second["adapter_type"] == "${data.vsphere_virtual_machine.golden.network_interfaces[0].adapter_type}"
    assert second["network_id"] == "${data.vsphere_virtual_machine.golden.network_interfaces[0].network_id}"


@pytest.mark.parametrize("kind", ["distributed", "opaque"])
def test_network_id_of_a_port_group_is_a_value(kind: str, stack: TerraformStack, synthesize: Synthesize) -> None:
    source = default(nics=(nic(network_kind=kind, network_id="dvportgroup-12"),))
    (only,) = machine(synthesized(stack, synthesize, source))["network_interface"]
    assert only["network_id"] == "dvportgroup-12"


def test_interfaces_without_pci_units_are_values(stack: TerraformStack, synthesize: Synthesize) -> None:
    (only,) = machine(synthesized(stack, synthesize, default(nics=(nic(unit=None),))))["network_interface"]
    assert only["adapter_type"] == "vmxnet3"


def test_settings_that_vcenter_leaves_unset_are_values(stack: TerraformStack, synthesize: Synthesize) -> None:
    source = default()
    unset = source.model_copy(
        update={
            "tools": source.tools.model_copy(update={"after_power_on": None, "sync_time_with_host_allowed": None}),
            "boot": source.boot.model_copy(update={"retry_delay": None}),
            "nics": (nic(bandwidth=source.nics[0].bandwidth.model_copy(update={"limit": None})),),
        }
    )
    vm = machine(synthesized(stack, synthesize, unset))
    assert vm["run_tools_scripts_after_power_on"] is False
    assert vm["sync_time_with_host"] is False
    assert vm["boot_retry_delay"] == 0
    assert vm["network_interface"][0]["bandwidth_limit"] == 0


def test_time_synchronization_is_a_value_before_release_2_7(stack: TerraformStack, synthesize: Synthesize) -> None:
    vm = machine(synthesized(stack, synthesize, default(), ProviderVersion("2.6.1")))
    assert vm["sync_time_with_host"] is default().tools.sync_time_with_host_allowed


@pytest.mark.parametrize(
    ("release", "identity", "scans"),
    [
        ("2.0.2", {"name": "/DC0/vm/golden \\[1]"}, {"scsi": 2, "sata": 0, "ide": 2}),
        ("2.2.0", {"uuid": default().uuid}, {"scsi": 2, "sata": 0, "ide": 2}),
        ("2.16.1", {"uuid": default().uuid}, {"scsi": 2, "sata": 0, "ide": 2, "nvme": 0}),
    ],
)
def test_data_source_uses_identity_and_scan_arguments_of_the_release(
    release: str, identity: dict[str, str], scans: dict[str, int], stack: TerraformStack, synthesize: Synthesize
) -> None:
    source = two_controllers().model_copy(update={"cdroms": (), "inventory_path": "/DC0/vm/golden [1]"})
    found = data_source(synthesized(stack, synthesize, source, ProviderVersion(release)))
    del found["lifecycle"]
    assert found == identity | {f"{kind}_controller_scan_count": count for kind, count in scans.items()}


def test_local_value_contains_the_recorded_values(stack: TerraformStack, synthesize: Synthesize) -> None:
    recorded = synthesized(stack, synthesize, default())["locals"]["golden_recorded"]
    assert recorded["values"]["num_cpus"] == 2
    assert recorded["values"]["enable_logging"] is True
    # Backup programs change the annotation.
    assert "annotation" not in recorded["values"]
    assert recorded["disks"]["0"] == {"size": 16, "thin_provisioned": True, "eagerly_scrub": False}
    assert recorded["network_interfaces"]["0"]["adapter_type"] == "vmxnet3"
    assert "network_id" not in recorded["network_interfaces"]["0"]


def test_postconditions_check_devices_and_settings(stack: TerraformStack, synthesize: Synthesize) -> None:
    source = default(inventory_path="/DC0/vm/${golden}")
    conditions = data_source(synthesized(stack, synthesize, source))["lifecycle"]["postcondition"]
    assert [condition["condition"] for condition in conditions] == [
        "${length(self.disks) == 2}",
        "${length(self.network_interfaces) == 1}",
        "${alltrue([for name, value in local.golden_recorded.values : self[name] == value])}",
        "${alltrue(flatten([for index, device in local.golden_recorded.disks : [for name, value in device : "
        "try(self.disks[index][name], value) == value]]))}",
        "${alltrue(flatten([for index, device in local.golden_recorded.network_interfaces : "
        "[for name, value in device : try(self.network_interfaces[index][name], value) == value]]))}",
    ]
    assert conditions[0]["error_message"] == (
        "The source /DC0/vm/$${golden} has ${length(self.disks)} disks and had 2 when it was looked up. Look."
    )


def test_disk_count_ignores_disks_outside_the_scanned_controllers(
    stack: TerraformStack, synthesize: Synthesize
) -> None:
    source = default(disks=(disk(), disk(unit=1), disk(bus=3)))
    found = data_source(synthesized(stack, synthesize, source))
    assert found["lifecycle"]["postcondition"][0]["condition"] == "${length(self.disks) == 2}"
