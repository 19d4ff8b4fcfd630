# SPDX-License-Identifier: MPL-2.0
"""The current properties of a source or a clone in vCenter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

from pyVmomi import vim, vmodl
from pyVmomi.VmomiSupport import ManagedObject

from instant_clone.errors import CloneError, Finding, NotFoundError, VcenterError
from instant_clone.vcenter.cloning.disk_chains import DISK_LAYOUT, deltas_by_disk
from instant_clone.vcenter.lookup.identity import vms_with_uuid
from instant_clone.vcenter.session.connection import Session, read_properties
from instant_clone.vcenter.session.faults import vcenter_errors
from instant_clone.vcenter.session.properties import (
    PATH_PROPERTIES,
    TO_THE_ROOT,
    VM_PATH_PROPERTIES,
    ReadObject,
    retrieve,
)

__all__ = ["BackingInfo", "LiveVm", "ancestors_of", "find_vm", "network_backing"]

BackingInfo = vim.vm.device.VirtualDevice.BackingInfo
PropertySpec = vmodl.query.PropertyCollector.PropertySpec
VirtualEthernetCard = vim.vm.device.VirtualEthernetCard
_PROPERTIES = (
    *VM_PATH_PROPERTIES,
    "runtime.powerState",
    "runtime.host",
    "config.template",
    "config.hardware.device",
    DISK_LAYOUT,
    "config.extraConfig",
    "runtime.instantCloneFrozen",
)


@dataclass(frozen=True)
class LiveVm:
    """The properties of a VM that cloning needs, all read in one request. `machine` is the managed object of the VM."""

    machine: vim.VirtualMachine
    inventory_path: str
    host: vim.HostSystem
    powered_on: bool
    template: bool
    cards: Mapping[int, VirtualEthernetCard]
    """the network interfaces by device key"""
    tpm_count: int
    disk_sizes: Mapping[int, frozenset[int]]
    """the sizes that vCenter reports for each disk, by device key, in GiB and rounded up as in the stock provider"""
    extra_config: Mapping[str, str]
    frozen: bool
    chain_depth: int
    """the number of delta disks in the longest disk chain"""
    disk_datastores: tuple[str, ...]
    """managed object ids of the datastores of the disks, in the order of the disks"""


def find_vm(session: Session, uuid: str) -> LiveVm:
    """Return the VM with the BIOS UUID `uuid`. The function sends two requests.

    Raises:
        NotFoundError: No VM has the UUID.
        CloneError: Several VMs have the UUID. The message lists the VMs.
        VcenterError: vCenter has no current configuration of the VM.
    """
    with vcenter_errors(session.server, doing=f"looking up the VM with the UUID {uuid}"):
        found = session.search_index.FindAllByUuid(None, uuid, True, False) or []
        if not found:
            raise NotFoundError(
                f"{session.server}: no virtual machine has the UUID {uuid}. Check that the source still exists and "
                "that its record is from this vCenter. `instant-clone record` writes a new record."
            )
        if len(found) > 1:
            several = "\n".join(f"  {vm}" for vm in vms_with_uuid(session, uuid))
            raise CloneError(
                f"UUID {uuid}: several virtual machines have this UUID. Change the UUID of all but one:\n{several}"
            )
        return _read(session, cast(vim.VirtualMachine, found[0]))


def _read(session: Session, machine: vim.VirtualMachine) -> LiveVm:
    wanted = PropertySpec(type=vim.VirtualMachine, pathSet=list(_PROPERTIES))
    objects = ancestors_of(session, machine, wanted)
    read = objects[machine._moId]
    values, path = read.properties, read.path or read.id
    if "config.template" not in values or "config.hardware.device" not in values:
        what = "vCenter has no current configuration of this VM."
        raise VcenterError(Finding(path, what, "Check that its host is connected and that the user may read the VM."))
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
        chain_depth=max(deltas_by_disk(devices, values.get(DISK_LAYOUT)).values(), default=0),
        disk_datastores=tuple(
            datastore._moId
            for device in devices
            if isinstance(device, vim.vm.device.VirtualDisk)
            and (datastore := getattr(device.backing, "datastore", None)) is not None
        ),
    )


def _sizes(disk: vim.vm.device.VirtualDisk) -> frozenset[int]:
    # A delta disk may report another capacityInBytes than its parent disk.
    in_bytes: int | None = disk.capacityInBytes
    return frozenset(-(-size >> 30) for size in (in_bytes, 1024 * disk.capacityInKB) if size)


def network_backing(session: Session, network: vim.Network) -> Callable[[], BackingInfo]:
    """Return a function that creates interface backings for `network`. At most two requests are sent."""
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


def ancestors_of(session: Session, start: ManagedObject, *wanted: PropertySpec) -> dict[str, ReadObject]:
    """Return the parents of `start` with the properties that `ReadObject.path` needs, and the `wanted` properties.

    The function sends one request.
    """
    collector = session.content.propertyCollector
    return retrieve(collector, start, [*PATH_PROPERTIES, *wanted], follow=TO_THE_ROOT)
