# SPDX-License-Identifier: MPL-2.0
"""Tests of the conversion of pyvmomi's devices."""

from __future__ import annotations

import pytest
from pyVmomi import vim

from instant_clone.errors import VcenterError
from instant_clone.vcenter.lookup.device_reader import (
    AttachedNetwork,
    cdroms,
    controllers,
    disks,
    network_interfaces,
    pci_passthrough_count,
    tpm_count,
)
from instant_clone.vm.source_vm import Allocation, Cdrom, Controller, Disk, Nic

device = vim.vm.device
VirtualDisk = device.VirtualDisk
Ethernet = device.VirtualEthernetCard


def virtual_disk(controller: int, unit: int | None, backing: object, **properties: object) -> VirtualDisk:
    return VirtualDisk(
        key=2000, controllerKey=controller, unitNumber=unit, capacityInKB=1024, backing=backing, **properties
    )


def flat(**properties: object) -> VirtualDisk.FlatVer2BackingInfo:
    return VirtualDisk.FlatVer2BackingInfo(fileName="[ds] vm/vm.vmdk", diskMode="persistent", **properties)


def only_disk(*devices: device.VirtualDevice) -> Disk:
    (found,) = disks(devices)
    return found


@pytest.mark.parametrize(
    ("controller", "expected"),
    [
        (
            device.ParaVirtualSCSIController(busNumber=1, sharedBus="noSharing", scsiCtlrUnitNumber=7),
            Controller(kind="scsi", bus=1, type="ParaVirtualSCSIController", shared_bus="noSharing", own_unit=7),
        ),
        (
            device.VirtualBusLogicController(busNumber=0, sharedBus="virtualSharing", scsiCtlrUnitNumber=7),
            Controller(kind="scsi", bus=0, type="VirtualBusLogicController", shared_bus="virtualSharing", own_unit=7),
        ),
        (
            device.VirtualLsiLogicController(busNumber=3, sharedBus="physicalSharing", scsiCtlrUnitNumber=7),
            Controller(kind="scsi", bus=3, type="VirtualLsiLogicController", shared_bus="physicalSharing", own_unit=7),
        ),
        (
            device.VirtualAHCIController(busNumber=2),
            Controller(kind="sata", bus=2, type="VirtualAHCIController"),
        ),
        (
            device.VirtualNVMEController(busNumber=1, sharedBus="noSharing"),
            Controller(kind="nvme", bus=1, type="VirtualNVMEController"),
        ),
        (
            device.VirtualIDEController(busNumber=1),
            Controller(kind="ide", bus=1, type="VirtualIDEController"),
        ),
    ],
)
def test_storage_controllers_have_the_class_names_of_the_api(
    controller: device.VirtualController, expected: Controller
) -> None:
    assert controllers([controller]) == (expected,)


def test_other_controllers_are_left_out() -> None:
    others = (device.VirtualPCIController, device.VirtualPS2Controller, device.VirtualSIOController)
    assert controllers([kind(busNumber=0) for kind in (*others, device.VirtualUSBXHCIController)]) == ()


@pytest.mark.parametrize(
    ("controller", "kind"),
    [
        (device.VirtualAHCIController(key=15000, busNumber=1), "sata"),
        (device.VirtualNVMEController(key=31000, busNumber=1), "nvme"),
        (device.VirtualIDEController(key=200, busNumber=1), "ide"),
        (device.VirtualLsiLogicSASController(key=1000, busNumber=1), "scsi"),
    ],
)
def test_disk_has_the_address_of_its_controller(controller: device.VirtualController, kind: str) -> None:
    found = only_disk(controller, virtual_disk(controller.key, 3, flat()))
    assert (found.controller, found.bus, found.unit) == (kind, 1, 3)


def test_disk_keeps_reported_and_unset_properties() -> None:
    shares = vim.SharesInfo(level="high", shares=2000)
    scsi = device.ParaVirtualSCSIController(key=1000, busNumber=0)
    disk = virtual_disk(
        1000,
        0,
        flat(thinProvisioned=True, eagerlyScrub=None, writeThrough=False, sharing="sharingMultiWriter"),
        capacityInBytes=1_048_577,
        storageIOAllocation=vim.StorageResourceManager.IOAllocationInfo(limit=500, reservation=10, shares=shares),
    )
    assert only_disk(scsi, disk) == Disk(
        controller="scsi",
        bus=0,
        unit=0,
        capacity=1_048_577,
        backing="FlatVer2BackingInfo",
        mode="persistent",
        thin_provisioned=True,
        eagerly_scrub=None,
        write_through=False,
        sharing="sharingMultiWriter",
        io=Allocation(reservation=10, limit=500, share_level="high", share_count=2000),
    )


def test_only_a_first_class_disk_has_an_id() -> None:
    scsi = device.ParaVirtualSCSIController(key=1000, busNumber=0)
    assert only_disk(scsi, virtual_disk(1000, 0, flat(), vDiskId=vim.vslm.ID(id="6f1d"))).first_class is True
    assert only_disk(scsi, virtual_disk(1000, 0, flat())).first_class is None


def test_capacity_in_kilobytes_is_converted_to_bytes() -> None:
    assert (
        only_disk(device.VirtualIDEController(key=200, busNumber=0), virtual_disk(200, 0, flat())).capacity == 1048576
    )


@pytest.mark.parametrize(
    ("backing", "name", "mode"),
    [
        (VirtualDisk.SparseVer2BackingInfo(diskMode="nonpersistent"), "SparseVer2BackingInfo", "nonpersistent"),
        (VirtualDisk.SeSparseBackingInfo(diskMode="persistent"), "SeSparseBackingInfo", "persistent"),
        (VirtualDisk.RawDiskVer2BackingInfo(descriptorFileName=""), "RawDiskVer2BackingInfo", None),
        (
            VirtualDisk.RawDiskMappingVer1BackingInfo(diskMode="independent_persistent"),
            "RawDiskMappingVer1BackingInfo",
            "independent_persistent",
        ),
    ],
)
def test_disk_has_the_class_name_of_its_backing(backing: object, name: str, mode: str | None) -> None:
    found = only_disk(device.VirtualIDEController(key=200, busNumber=0), virtual_disk(200, 0, backing))
    assert (found.backing, found.mode, found.thin_provisioned) == (name, mode, None)


@pytest.mark.parametrize(
    ("devices", "what"),
    [
        ([], "missing"),
        ([device.VirtualUSBController(key=7000, busNumber=0)], "VirtualUSBController"),
    ],
)
def test_rejects_a_disk_without_a_storage_controller(devices: list[device.VirtualDevice], what: str) -> None:
    disk = virtual_disk(7000, 0, flat(), deviceInfo=vim.Description(label="Hard disk 1", summary=""))
    with pytest.raises(VcenterError) as caught:
        disks([*devices, disk])
    assert str(caught.value) == (
        f"The controller of the disk Hard disk 1 is {what}; it must be SCSI, SATA, IDE or NVMe."
    )


NETWORKS = (
    AttachedNetwork("network-7", "VM Network"),
    AttachedNetwork("dvportgroup-21", "web", portgroup_key="dvportgroup-9"),
    AttachedNetwork("dvportgroup-22", "twin", portgroup_key="twin-key"),
    AttachedNetwork("dvportgroup-23", "other twin", portgroup_key="twin-key"),
    AttachedNetwork("network-o5", "segment", opaque_id="nsx-1"),
)


def card(backing: object, kind: type[Ethernet] = device.VirtualVmxnet3, **properties: object) -> Ethernet:
    return kind(key=4000, unitNumber=7, macAddress="00:50:56:80:00:01", backing=backing, **properties)


def only_interface(interface: Ethernet) -> Nic:
    (found,) = network_interfaces([interface], NETWORKS)
    return found


def standard(identifier: str) -> Ethernet.NetworkBackingInfo:
    return Ethernet.NetworkBackingInfo(deviceName="as the VM has it", network=vim.Network(identifier))


def distributed(key: str | None) -> Ethernet.DistributedVirtualPortBackingInfo:
    return Ethernet.DistributedVirtualPortBackingInfo(port=vim.dvs.PortConnection(switchUuid="50 01", portgroupKey=key))


def opaque(identifier: str) -> Ethernet.OpaqueNetworkBackingInfo:
    return Ethernet.OpaqueNetworkBackingInfo(opaqueNetworkId=identifier, opaqueNetworkType="nsx.LogicalSwitch")


@pytest.mark.parametrize(
    ("backing", "network"),
    [
        (standard("network-7"), ("standard", "network-7", "VM Network")),
        (standard("network-8"), ("standard", "network-8", "as the VM has it")),
        (Ethernet.NetworkBackingInfo(deviceName="gone"), ("standard", "", "gone")),
        (distributed("dvportgroup-9"), ("distributed", "dvportgroup-21", "web")),
        (distributed("dvportgroup-10"), ("distributed", "", "")),
        (distributed(None), ("distributed", "", "")),
        (distributed("twin-key"), ("distributed", "", "")),
        (opaque("nsx-1"), ("opaque", "network-o5", "segment")),
        (opaque("nsx-2"), ("opaque", "", "")),
        (Ethernet.LegacyNetworkBackingInfo(deviceName="old"), ("unknown", "", "")),
    ],
)
def test_network_is_found_by_the_backing(backing: object, network: tuple[str, str, str]) -> None:
    found = only_interface(card(backing))
    assert (found.network_kind, found.network_id, found.network_name) == network


def test_interface_without_a_port_group_has_no_network() -> None:
    (found,) = network_interfaces([card(distributed(None))], [AttachedNetwork("network-7", "VM Network")])
    assert (found.network_id, found.network_name) == ("", "")


def test_reads_an_sr_iov_interface_and_its_bandwidth() -> None:
    bandwidth = Ethernet.ResourceAllocation(
        reservation=100, limit=1000, share=vim.SharesInfo(level="custom", shares=60)
    )
    interface = card(
        standard("network-7"),
        device.VirtualSriovEthernetCard,
        addressType="manual",
        resourceAllocation=bandwidth,
    )
    assert only_interface(interface) == Nic(
        key=4000,
        unit=7,
        type="VirtualSriovEthernetCard",
        network_kind="standard",
        network_id="network-7",
        network_name="VM Network",
        address_type="manual",
        mac_address="00:50:56:80:00:01",
        bandwidth=Allocation(reservation=100, limit=1000, share_level="custom", share_count=60),
    )


def test_unset_bandwidth_stays_unset() -> None:
    assert only_interface(card(standard("network-7"))).bandwidth == Allocation()


@pytest.mark.parametrize(
    ("backing", "expected"),
    [
        (device.VirtualCdrom.RemoteAtapiBackingInfo(deviceName=""), Cdrom(backing="remote_atapi")),
        (device.VirtualCdrom.RemotePassthroughBackingInfo(deviceName=""), Cdrom(backing="other")),
        (device.VirtualCdrom.AtapiBackingInfo(deviceName="/dev/cdrom"), Cdrom(backing="other")),
        (
            device.VirtualCdrom.IsoBackingInfo(
                fileName="[images 1] linux/seed [1].iso", datastore=vim.Datastore("datastore-15")
            ),
            Cdrom(backing="iso", datastore_id="datastore-15", path="linux/seed [1].iso"),
        ),
        (
            device.VirtualCdrom.IsoBackingInfo(fileName="[] /vmimages/tools-isoimages/linux.iso"),
            Cdrom(backing="iso", datastore_id=None, path="/vmimages/tools-isoimages/linux.iso"),
        ),
    ],
)
def test_drive_has_the_kind_of_its_backing(backing: object, expected: Cdrom) -> None:
    assert cdroms([device.VirtualCdrom(key=3000, backing=backing)]) == (expected,)


def test_counts_tpms_and_passthrough_devices() -> None:
    devices = [
        device.VirtualTPM(key=11000),
        device.VirtualPCIPassthrough(key=13000, backing=device.VirtualPCIPassthrough.DeviceBackingInfo(id="03:00.0")),
        device.VirtualPCIPassthrough(key=13001, backing=device.VirtualPCIPassthrough.VmiopBackingInfo(vgpu="grid")),
        card(standard("network-7"), device.VirtualSriovEthernetCard),
    ]
    assert (tpm_count(devices), pci_passthrough_count(devices)) == (1, 2)


def test_keeps_the_order_of_devices() -> None:
    devices = [
        card(standard("network-8")),
        device.VirtualNVMEController(key=31000, busNumber=0),
        device.ParaVirtualSCSIController(key=1000, busNumber=0),
        virtual_disk(1000, 5, flat()),
        virtual_disk(31000, 0, flat()),
        card(standard("network-7")),
    ]
    assert [each.kind for each in controllers(devices)] == ["nvme", "scsi"]
    assert [(each.controller, each.unit) for each in disks(devices)] == [("scsi", 5), ("nvme", 0)]
    assert [each.network_id for each in network_interfaces(devices, NETWORKS)] == ["network-8", "network-7"]
