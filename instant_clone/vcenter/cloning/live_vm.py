# SPDX-License-Identifier: MPL-2.0
"""A VM as vCenter has it now: the source of a clone, or a clone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

from pyVmomi import vim, vmodl
from pyVmomi.VmomiSupport import ManagedObject

from instant_clone.errors import CloneError, Finding, NotFoundError, VcenterError
from instant_clone.vcenter.lookup.identity import vms_with_uuid
from instant_clone.vcenter.session.connection import Session, read_properties
from instant_clone.vcenter.session.faults import vcenter_errors
from instant_clone.vcenter.session.properties import (
    PATH_PROPERTIES,
    TO_THE_ROOT,
    VM_PATH_PROPERTIES,
    ReadObject,
    inventory_path,
    retrieve,
)

__all__ = ["BackingInfo", "LiveVm", "find_vm", "network_backing", "on_the_way_to_the_root"]

BackingInfo = vim.vm.device.VirtualDevice.BackingInfo
PropertySpec = vmodl.query.PropertyCollector.PropertySpec
VirtualEthernetCard = vim.vm.device.VirtualEthernetCard
_PROPERTIES = (
    *VM_PATH_PROPERTIES,
    "runtime.powerState",
    "runtime.host",
    "config.template",
    "config.hardware.device",
    "config.extraConfig",
    "runtime.instantCloneFrozen",
)


@dataclass(frozen=True)
class LiveVm:
    """What cloning needs to know of a VM, all of it from one look. `machine` is its managed object."""

    machine: vim.VirtualMachine
    inventory_path: str
    host: vim.HostSystem
    powered_on: bool
    template: bool
    cards: Mapping[int, VirtualEthernetCard]
    """by device key"""
    tpm_count: int
    disk_sizes: Mapping[int, frozenset[int]]
    """what it says of the size of each disk, in GiB rounded up as the stock provider has it, by device key"""
    extra_config: Mapping[str, str]
    frozen: bool
    chain_depth: int
    """of the disk with the most delta disks, their number"""
    disk_datastores: tuple[str, ...]
    """managed object ids of the datastores that hold its disks, in the disks' order"""


def find_vm(session: Session, uuid: str) -> LiveVm:
    """The VM with that BIOS UUID. Two requests.

    Raises NotFoundError if there is none, CloneError that lists them if there are several, VcenterError if vCenter
    cannot read its configuration.
    """
    with vcenter_errors(session.server, doing=f"looking up the VM with the UUID {uuid}"):
        index = cast(vim.SearchIndex, session.content.searchIndex)
        found = index.FindAllByUuid(None, uuid, True, False) or []
        if not found:
            raise NotFoundError(
                f"{session.server} has no virtual machine with the UUID {uuid}. Check that the source still exists, "
                "and that its record is of this vCenter ('instant-clone record' makes it anew)."
            )
        if len(found) > 1:
            several = "\n".join(f"  {vm}" for vm in vms_with_uuid(session, uuid))
            raise CloneError(f"Several virtual machines have the UUID {uuid}. Change that of all but one:\n{several}")
        return _read(session, cast(vim.VirtualMachine, found[0]))


def _read(session: Session, machine: vim.VirtualMachine) -> LiveVm:
    wanted = PropertySpec(type=vim.VirtualMachine, pathSet=list(_PROPERTIES))
    objects = on_the_way_to_the_root(session, machine, wanted)
    values = next(found.properties for found in objects if found.id == machine._moId)
    path = inventory_path(machine, objects) or machine._moId
    if "config.template" not in values or "config.hardware.device" not in values:
        what = "vCenter has no up-to-date configuration of this VM."
        raise VcenterError(Finding(path, what, "See that its host is connected, and that the user may read the VM."))
    devices = values["config.hardware.device"]
    return LiveVm(
        machine=machine,
        inventory_path=path,
        host=values["runtime.host"],
        powered_on=values["runtime.powerState"] == vim.VirtualMachine.PowerState.poweredOn,
        template=values["config.template"],
        cards={device.key: device for device in devices if isinstance(device, VirtualEthernetCard)},
        tpm_count=sum(isinstance(device, vim.vm.device.VirtualTPM) for device in devices),
        disk_sizes={device.key: _sizes(device) for device in devices if isinstance(device, vim.vm.device.VirtualDisk)},
        extra_config={option.key: str(option.value) for option in values.get("config.extraConfig") or ()},
        frozen=bool(values.get("runtime.instantCloneFrozen")),
        chain_depth=max((_depth(device.backing) for device in devices), default=0),
        disk_datastores=tuple(
            datastore._moId
            for device in devices
            if isinstance(device, vim.vm.device.VirtualDisk)
            and (datastore := getattr(device.backing, "datastore", None)) is not None
        ),
    )


def _depth(backing: object) -> int:
    depth = 0
    while (backing := getattr(backing, "parent", None)) is not None:
        depth += 1
    return depth


def _sizes(disk: vim.vm.device.VirtualDisk) -> frozenset[int]:
    # A delta need not report capacityInBytes as the disk below does.
    in_bytes: int | None = disk.capacityInBytes
    return frozenset(-(-size >> 30) for size in (in_bytes, 1024 * disk.capacityInKB) if size)


def network_backing(session: Session, network: vim.Network) -> Callable[[], BackingInfo]:
    """What makes the backings of network interfaces on that network. Two requests at the most."""
    if isinstance(network, vim.dvs.DistributedVirtualPortgroup):
        group = read_properties(session, network, "key", "config.distributedVirtualSwitch")
        switch = read_properties(session, group["config.distributedVirtualSwitch"], "uuid")
        return lambda: VirtualEthernetCard.DistributedVirtualPortBackingInfo(
            port=vim.dvs.PortConnection(portgroupKey=group["key"], switchUuid=switch["uuid"])
        )
    if isinstance(network, vim.OpaqueNetwork):
        summary = read_properties(session, network, "summary")["summary"]
        return lambda: VirtualEthernetCard.OpaqueNetworkBackingInfo(
            opaqueNetworkId=summary.opaqueNetworkId, opaqueNetworkType=summary.opaqueNetworkType
        )
    name = read_properties(session, network, "name")["name"]
    return lambda: VirtualEthernetCard.NetworkBackingInfo(deviceName=name, network=network)


def on_the_way_to_the_root(session: Session, start: ManagedObject, *wanted: PropertySpec) -> list[ReadObject]:
    """What `inventory_path` needs of all that `start` is in, and what is `wanted` besides. One request."""
    collector = session.content.propertyCollector
    return retrieve(collector, start, [*PATH_PROPERTIES, *wanted], follow=TO_THE_ROOT)
