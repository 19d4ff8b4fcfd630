# SPDX-License-Identifier: MPL-2.0
"""Conversion of pyvmomi's virtual devices to the models of `vm.source_vm`. The functions are pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from pyVmomi import vim

from instant_clone.errors import VcenterError
from instant_clone.vcenter.session.faults import type_name
from instant_clone.vm.device_kinds import kind_of
from instant_clone.vm.source_vm import Allocation, Cdrom, Controller, ControllerKind, Disk, Nic, OtherDevice

__all__ = [
    "AttachedNetwork",
    "allocation",
    "cdroms",
    "controllers",
    "disks",
    "network_interfaces",
    "other_devices",
    "pci_passthrough_count",
    "tpm_count",
]

Devices = Sequence[vim.vm.device.VirtualDevice]
Ethernet = vim.vm.device.VirtualEthernetCard
CdromDevice = vim.vm.device.VirtualCdrom
NetworkKind = Literal["standard", "distributed", "opaque", "unknown"]
Device = TypeVar("Device", bound=vim.vm.device.VirtualDevice)


@dataclass(frozen=True)
class AttachedNetwork:
    """A network that the VM is attached to, and its properties to which the backing of an interface can refer."""

    id: str
    """managed object id"""
    name: str
    portgroup_key: str | None = None
    """`key` of a distributed port group"""
    opaque_id: str | None = None
    """`summary.opaqueNetworkId` of an opaque network"""


def allocation(
    info: vim.ResourceAllocationInfo | vim.StorageResourceManager.IOAllocationInfo | Ethernet.ResourceAllocation | None,
) -> Allocation:
    """Return the allocation of CPU, memory, a disk or an interface as one common model. Unset properties are None."""
    if info is None:
        return Allocation()
    shares = info.share if isinstance(info, Ethernet.ResourceAllocation) else info.shares
    return Allocation(
        reservation=info.reservation,
        limit=info.limit,
        share_level=shares.level if shares else None,
        share_count=shares.shares if shares else None,
    )


def controllers(devices: Devices) -> tuple[Controller, ...]:
    """Return the storage controllers. Keyboard, USB and PCI controllers are not part of a SourceVm."""
    found = []
    for device in devices:
        kind = _controller_kind(device)
        if kind is not None and isinstance(device, vim.vm.device.VirtualController):
            scsi = device if isinstance(device, vim.vm.device.VirtualSCSIController) else None
            found.append(
                Controller(
                    kind=kind,
                    bus=device.busNumber,
                    type=type_name(device),
                    shared_bus=scsi.sharedBus if scsi else None,
                    own_unit=scsi.scsiCtlrUnitNumber if scsi else None,
                )
            )
    return tuple(found)


def disks(devices: Devices) -> tuple[Disk, ...]:
    """Return the virtual disks.

    Raises:
        VcenterError: A disk is not attached to a SCSI, SATA, IDE or NVMe controller.
    """
    by_key: dict[int | None, vim.vm.device.VirtualDevice] = {device.key: device for device in devices}
    return tuple(
        _disk(disk, by_key.get(disk.controllerKey)) for disk in _devices_of_kind(vim.vm.device.VirtualDisk, devices)
    )


def network_interfaces(devices: Devices, networks: Iterable[AttachedNetwork]) -> tuple[Nic, ...]:
    """Return the network interfaces. Each has the network of `networks` to which its backing refers."""
    known = tuple(networks)
    return tuple(_network_interface(card, known) for card in _devices_of_kind(Ethernet, devices))


def cdroms(devices: Devices) -> tuple[Cdrom, ...]:
    """Return the CD-ROM drives."""
    return tuple(_cdrom(drive.backing) for drive in _devices_of_kind(CdromDevice, devices))


def tpm_count(devices: Devices) -> int:
    """Return the number of virtual TPMs."""
    return len(_devices_of_kind(vim.vm.device.VirtualTPM, devices))


def pci_passthrough_count(devices: Devices) -> int:
    """Return the number of passthrough devices of the host, including virtual GPUs."""
    return len(_devices_of_kind(vim.vm.device.VirtualPCIPassthrough, devices))


def other_devices(devices: Devices) -> tuple[OtherDevice, ...]:
    """Return the doubtful devices (see `vm.device_kinds`) that no other function of this module reads."""
    found = []
    for device in devices:
        if isinstance(device, _READ) or _controller_kind(device) is not None:
            continue
        kind, backing = type_name(device), type_name(device.backing) if device.backing else None
        if kind_of(kind, backing).verdict == "doubtful":
            label = device.deviceInfo.label if device.deviceInfo else f"{kind} with the key {device.key}"
            found.append(OtherDevice(type=kind, label=label, backing=backing))
    return tuple(found)


_READ = (
    CdromDevice,
    Ethernet,
    vim.vm.device.VirtualDisk,
    vim.vm.device.VirtualPCIPassthrough,
    vim.vm.device.VirtualTPM,
)
"""devices that other functions of this module read"""


def _devices_of_kind(kind: type[Device], devices: Devices) -> list[Device]:
    return [device for device in devices if isinstance(device, kind)]


def _controller_kind(device: object) -> ControllerKind | None:
    match device:
        case vim.vm.device.VirtualSCSIController():
            return "scsi"
        case vim.vm.device.VirtualSATAController():
            return "sata"
        case vim.vm.device.VirtualIDEController():
            return "ide"
        case vim.vm.device.VirtualNVMEController():
            return "nvme"
    return None


def _disk(disk: vim.vm.device.VirtualDisk, controller: vim.vm.device.VirtualDevice | None) -> Disk:
    kind = _controller_kind(controller)
    if kind is None or not isinstance(controller, vim.vm.device.VirtualController) or disk.unitNumber is None:
        label = disk.deviceInfo.label if disk.deviceInfo else f"with the key {disk.key}"
        raise VcenterError(
            f"The controller of the disk {label} is {type_name(controller) if controller else 'missing'};"
            " it must be SCSI, SATA, IDE or NVMe."
        )
    backing = disk.backing
    capacity: int | None = disk.capacityInBytes
    return Disk(
        controller=kind,
        bus=controller.busNumber,
        unit=disk.unitNumber,
        capacity=disk.capacityInKB * 1024 if capacity is None else capacity,
        backing=type_name(backing),
        # The classes of backings have no common base class with these properties: raw disks lack some of them.
        mode=getattr(backing, "diskMode", None),
        thin_provisioned=getattr(backing, "thinProvisioned", None),
        eagerly_scrub=getattr(backing, "eagerlyScrub", None),
        write_through=getattr(backing, "writeThrough", None),
        sharing=getattr(backing, "sharing", None),
        io=allocation(disk.storageIOAllocation),
        first_class=True if disk.vDiskId else None,
    )


def _network_interface(card: Ethernet, networks: Sequence[AttachedNetwork]) -> Nic:
    kind, network = _network(card.backing, networks)
    return Nic(
        key=card.key,
        unit=card.unitNumber,
        type=type_name(card),
        network_kind=kind,
        network_id=network.id,
        network_name=network.name,
        address_type=card.addressType,
        mac_address=card.macAddress or "",
        bandwidth=allocation(card.resourceAllocation),
    )


def _network(backing: object, networks: Sequence[AttachedNetwork]) -> tuple[NetworkKind, AttachedNetwork]:
    match backing:
        case Ethernet.NetworkBackingInfo():
            id_ = backing.network._moId if backing.network else ""
            found = [network for network in networks if network.id == id_]
            return "standard", found[0] if found else AttachedNetwork(id_, backing.deviceName)
        case Ethernet.DistributedVirtualPortBackingInfo():
            key = backing.port.portgroupKey
            return "distributed", _unambiguous_network(
                [network for network in networks if key and network.portgroup_key == key]
            )
        case Ethernet.OpaqueNetworkBackingInfo():
            id_ = backing.opaqueNetworkId
            return "opaque", _unambiguous_network([network for network in networks if network.opaque_id == id_])
    return "unknown", _UNKNOWN_NETWORK


_UNKNOWN_NETWORK = AttachedNetwork("", "")


def _unambiguous_network(networks: Sequence[AttachedNetwork]) -> AttachedNetwork:
    # Two switches may have the same key if one was restored from the other. Do not guess which network is meant.
    return networks[0] if len(networks) == 1 else _UNKNOWN_NETWORK


def _cdrom(backing: object) -> Cdrom:
    if isinstance(backing, CdromDevice.RemoteAtapiBackingInfo):
        return Cdrom(backing="remote_atapi")
    if isinstance(backing, CdromDevice.IsoBackingInfo):
        return Cdrom(
            backing="iso",
            datastore_id=backing.datastore._moId if backing.datastore else None,
            path=re.sub(r"^\[[^\]]*\]\s*", "", backing.fileName),
        )
    return Cdrom(backing="other")
