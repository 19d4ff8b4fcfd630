# SPDX-License-Identifier: MPL-2.0
"""The provider arguments of a source's controllers, disks, network interfaces and CD-ROM drives.

The rules come from the provider's internal/virtualdevice and from its import. Each finding is about a property
that an import reads differently or that a configuration cannot reproduce.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from instant_clone.replica.blocks import DeviceBlock
from instant_clone.replica.doubtful_devices import disk_location
from instant_clone.replica.replica_builder import Block, Draft
from instant_clone.replica.scalars import custom_count
from instant_clone.stock_provider.arguments import SCSI_TYPES, is_known
from instant_clone.stock_provider.devices import (
    HIGHEST_EARLY_UNIT_NUMBER,
    LAST_NARROW_SCSI_UNIT,
    MOST_DISKS,
    MOST_INTERFACES,
    disk_label,
    first_unit_number,
    interface_order,
    unit_number,
)
from instant_clone.stock_provider.releases import (
    INTERFACES_IN_DEVICE_ORDER,
    NVME_DISKS_IMPORTED,
    SATA_AND_IDE_DISKS_IMPORTED,
    SATA_AND_IDE_DISKS_LOST,
    SATA_AND_IDE_DISKS_REPAIRED,
    SECOND_CDROM,
    UNIT_NUMBERS_ABOVE_59,
    VMXNET3VRDMA,
    ProviderVersion,
)
from instant_clone.vm.source_vm import Allocation, Cdrom, Controller, ControllerKind, Disk, Nic, SourceVm

__all__ = ["Counts", "cdroms", "controller_counts", "controllers", "disk_unit_number", "disks", "network_interfaces"]

Counts = dict[ControllerKind, int]

GIB = 1 << 30
FLAT = "FlatVer2BackingInfo"
SE_SPARSE = "SeSparseBackingInfo"
OTHER_FILE_SYSTEM = (
    "No release of the provider supports such a VM. Use a source whose disks are on a datastore with another file "
    "system, such as vSAN."
)

ADAPTER_TYPES = {
    "VirtualE1000": "e1000",
    "VirtualE1000e": "e1000e",
    "VirtualVmxnet3": "vmxnet3",
    "VirtualVmxnet3Vrdma": "vmxnet3vrdma",
}
SRIOV = "VirtualSriovEthernetCard"


def controller_counts(source: SourceVm) -> Counts:
    """Return the number of controllers of each kind that the provider manages.

    The provider manages the controllers on buses 0, 1, … up to the first bus without a controller.
    """
    counts: Counts = {"scsi": 0, "sata": 0, "ide": 0, "nvme": 0}
    for kind in counts:
        buses = {controller.bus for controller in source.controllers if controller.kind == kind}
        while counts[kind] in buses:
            counts[kind] += 1
    return counts


def disk_unit_number(disk: Disk, source: SourceVm) -> int:
    """Return the `unit_number` of a source's disk."""
    own = (c.own_unit for c in source.controllers if (c.kind, c.bus) == (disk.controller, disk.bus))
    return unit_number(disk.controller, disk.bus, disk.unit, next(own, None))


def controllers(source: SourceVm, counts: Counts, draft: Draft) -> Block:
    """Return the arguments of the controllers."""
    block: Block = {"scsi_controller_count": counts["scsi"], "sata_controller_count": counts["sata"]}
    if counts["ide"]:
        block["ide_controller_count"] = counts["ide"]
    else:
        # The schema allows only 1 and 2.
        draft.ignore_changes.append("ide_controller_count")
    if is_known(draft.version, "nvme_controller_count"):
        block["nvme_controller_count"] = counts["nvme"]
    elif counts["nvme"]:
        what = (
            f"Provider {draft.version} does not support nvme_controller_count, which is {counts['nvme']} on the source."
        )
        draft.require(partial(is_known, path="nvme_controller_count"), "nvme_controller_count", what)
    block.update(_scsi(source, counts["scsi"], draft))
    return block


def _scsi(source: SourceVm, count: int, draft: Draft) -> Block:
    managed = [controller for controller in source.controllers if controller.kind == "scsi" and controller.bus < count]
    if not managed:
        # The provider reads "unknown", which its schema does not allow.
        draft.ignore_changes.extend(("scsi_type", "scsi_bus_sharing"))
        return {}
    block: Block = {}
    for controller in managed:
        if controller.type not in SCSI_TYPES:
            what = (
                f"The controller is a {controller.type}; the provider supports only lsilogic, lsilogic-sas and pvscsi."
            )
            draft.refuse(f"SCSI controller {controller.bus}", what)
    types, sharing = _kinds(managed, "type"), _kinds(managed, "shared_bus")
    if len(types) > 1:
        what = f"The SCSI controllers have several types ({', '.join(types)}); the provider supports one type per VM."
        draft.refuse("SCSI controllers", what)
    elif types[0] in SCSI_TYPES:
        block["scsi_type"] = SCSI_TYPES[types[0]]
    if len(sharing) > 1:
        what = (
            f"The SCSI controllers have different bus sharing ({', '.join(sharing)}); the provider supports one "
            "setting per VM."
        )
        draft.refuse("SCSI controllers", what)
    else:
        draft.express(block, "scsi_bus_sharing", managed[0].shared_bus)
    return block


def _kinds(managed: Sequence[Controller], attribute: str) -> list[str]:
    return sorted({str(getattr(controller, attribute)) for controller in managed})


def disks(source: SourceVm, counts: Counts, draft: Draft) -> tuple[DeviceBlock[Disk], ...]:
    """Return the disk blocks with the labels disk0, disk1, … in the order of their unit numbers."""
    managed = []
    for disk in source.disks:
        _require_readable(disk, source, counts, draft)
        if disk.bus < counts[disk.controller]:
            managed.append(disk)
        else:
            draft.warn(disk_location(disk), "A lower bus has no controller, so the provider does not see this disk.")
    # The provider's import and refresh use this order. It decides between disks of two kinds with one unit number.
    managed.sort(key=lambda disk: (disk.bus, disk.unit))
    managed.sort(key=lambda disk: disk_unit_number(disk, source))
    _require_first_unit(managed, source, draft)
    if len(managed) > MOST_DISKS:
        draft.refuse("", f"The source has {len(managed)} disks; the provider allows {MOST_DISKS}.")
    return tuple(_disk(index, disk, source, draft) for index, disk in enumerate(managed))


def _require_readable(disk: Disk, source: SourceVm, counts: Counts, draft: Draft) -> None:
    place = disk_location(disk)
    if disk.backing == SE_SPARSE:
        what = (
            f"The disk's backing is {SE_SPARSE}, the format of delta disks on VMFS 6; the provider imports only {FLAT}."
        )
        draft.refuse(place, what, cure=OTHER_FILE_SYSTEM)
    elif disk.backing != FLAT:
        draft.refuse(place, f"The disk's backing is {disk.backing}; the provider imports only {FLAT}.")
    if disk.controller in ("sata", "ide"):
        _require_found(disk, counts, draft)
    if disk.controller == "ide" and (disk.bus, disk.unit) == (0, 0):
        draft.refuse(place, "The provider reserves IDE(0:0) for a CD-ROM drive and refuses a disk at this place.")
    if disk.controller == "nvme":
        what = f"Provider {draft.version} does not see NVMe disks."
        draft.require(lambda version: version >= NVME_DISKS_IMPORTED, place, what)
    if disk.controller == "scsi" and disk.unit > LAST_NARROW_SCSI_UNIT:
        what = f"The provider treats units above {LAST_NARROW_SCSI_UNIT} as units of the next SCSI controller."
        draft.refuse(place, what)
    elif disk.bus < counts[disk.controller] and (number := disk_unit_number(disk, source)) > HIGHEST_EARLY_UNIT_NUMBER:
        what = f"The unit_number is {number}; provider {draft.version} allows at most {HIGHEST_EARLY_UNIT_NUMBER}."
        draft.require(lambda version: version >= UNIT_NUMBERS_ABOVE_59, place, what)
    if disk.thin_provisioned and disk.eagerly_scrub:
        draft.refuse(place, "The disk is both thin and eagerly scrubbed, which the provider refuses.")


def _require_found(disk: Disk, counts: Counts, draft: Draft) -> None:
    if draft.version < SATA_AND_IDE_DISKS_IMPORTED:
        what = f"Provider {draft.version} imports only SCSI disks."
    else:
        what = (
            f"Provider {draft.version} looks for {disk.controller.upper()} disks on as many buses as there are SCSI "
            f"controllers ({counts['scsi']}). It would lose the disk or treat it as an unmanaged disk."
        )
    found = (disk.bus < counts["scsi"]) == (disk.bus < counts[disk.controller])

    def finds(version: ProviderVersion) -> bool:
        repaired = not SATA_AND_IDE_DISKS_LOST <= version < SATA_AND_IDE_DISKS_REPAIRED
        return version >= SATA_AND_IDE_DISKS_IMPORTED and (found or repaired)

    draft.require(finds, disk_location(disk), what)


def _require_first_unit(managed: Sequence[Disk], source: SourceVm, draft: Draft) -> None:
    if not managed:
        draft.refuse("", "The source has no disk that the provider sees; the provider requires one.")
    elif not any(disk_unit_number(disk, source) == first_unit_number(disk.controller) for disk in managed):
        what = "No disk has unit_number 0 (1 on IDE), which the provider requires."
        draft.refuse("", what, cure="Move a disk to unit 0 of bus 0.")


def _disk(index: int, disk: Disk, source: SourceVm, draft: Draft) -> DeviceBlock[Disk]:
    size, rest = divmod(disk.capacity, GIB)
    if rest:
        what = (
            f"The capacity of {disk.capacity} bytes is not a whole number of GiB; a later change of the disk grows it "
            f"to {size + 1} GiB."
        )
        draft.warn(disk_location(disk), what)
    block: Block = {
        "label": disk_label(index),
        "size": size + bool(rest),
        "unit_number": disk_unit_number(disk, source),
        "controller_type": disk.controller,
    }
    draft.express(block, "disk.disk_mode", disk.mode or None, index=index)
    draft.express(block, "disk.thin_provisioned", disk.thin_provisioned, index=index)
    draft.express(block, "disk.eagerly_scrub", disk.eagerly_scrub, index=index)
    draft.express(block, "disk.write_through", disk.write_through, index=index)
    draft.express(block, "disk.disk_sharing", disk.sharing or None, index=index)
    _allocation(block, "disk.io_", index, disk.io, draft)
    return DeviceBlock(block, disk)


def _allocation(block: Block, prefix: str, index: int, allocation: Allocation, draft: Draft) -> None:
    # The provider reads an unset limit of a device as 0.
    draft.express(block, f"{prefix}limit", allocation.limit or 0, index=index)
    draft.express(block, f"{prefix}reservation", allocation.reservation, index=index)
    draft.express(block, f"{prefix}share_level", allocation.share_level or None, index=index)
    draft.express(block, f"{prefix}share_count", custom_count(allocation), index=index)


def network_interfaces(source: SourceVm, draft: Draft) -> tuple[DeviceBlock[Nic], ...]:
    """Return the network_interface blocks in the order in which the release reads them.

    The blocks have no MAC addresses, because each clone has different addresses than its source.
    """
    if not source.nics:
        what = "The source has no network interface; the provider requires one."
        draft.refuse("", what, cure="Add one to the source; it may be disconnected.")
    if len(source.nics) > MOST_INTERFACES:
        what = f"The source has {len(source.nics)} network interfaces; the provider allows {MOST_INTERFACES}."
        draft.refuse("", what)
    for nic in source.nics:
        if nic.unit is None:
            what = f"The interface has no PCI unit number, which provider {draft.version} requires."
            draft.require(lambda version: version >= INTERFACES_IN_DEVICE_ORDER, _interface(nic), what)
    order = interface_order([nic.unit for nic in source.nics], draft.version)
    return tuple(_network_interface(index, source.nics[position], draft) for index, position in enumerate(order))


def _interface(nic: Nic) -> str:
    return f"network interface {nic.key}" + (f" ({nic.network_name})" if nic.network_name else "")


def _network_interface(index: int, nic: Nic, draft: Draft) -> DeviceBlock[Nic]:
    place = _interface(nic)
    if nic.network_kind == "unknown":
        draft.refuse(place, "The provider cannot read the interface's backing.")
    elif not nic.network_id:
        what = "The interface's network does not exist."
        draft.refuse(place, what, cure="Connect the source's interface to a network that exists.")
    if nic.type == SRIOV:
        what = "An SR-IOV interface holds memory and a physical function, so the VM cannot be instant-cloned."
        draft.refuse(place, what, cure="Remove the interface from the source.")
    elif nic.type not in ADAPTER_TYPES:
        what = f"The interface is a {nic.type}; the provider supports {', '.join(ADAPTER_TYPES.values())}."
        draft.refuse(place, what, cure="Replace the source's interface.")
    elif nic.type == "VirtualVmxnet3Vrdma":
        what = f"Provider {draft.version} does not support the adapter type vmxnet3vrdma."
        draft.require(lambda version: version >= VMXNET3VRDMA, place, what)
    block: Block = {"network_id": nic.network_id, "adapter_type": ADAPTER_TYPES.get(nic.type, "")}
    _allocation(block, "network_interface.bandwidth_", index, nic.bandwidth, draft)
    return DeviceBlock(block, nic)


def cdroms(source: SourceVm, draft: Draft) -> tuple[DeviceBlock[Cdrom], ...]:
    """Return the cdrom blocks. The provider does not support the backing of a drive without arguments."""
    count = len(source.cdroms)
    if count > 1:
        what = f"The source has {count} CD-ROM drives, more than provider {draft.version} allows."
        draft.require(lambda version: version >= SECOND_CDROM and count == 2, "", what, cure="Remove drives.")
    return tuple(DeviceBlock(_cdrom(cdrom), cdrom) for cdrom in source.cdroms)


def _cdrom(cdrom: Cdrom) -> Block:
    if cdrom.backing == "remote_atapi":
        return {"client_device": True}
    if cdrom.backing == "iso":
        image = {"datastore_id": cdrom.datastore_id, "path": cdrom.path}
        return {argument: value for argument, value in image.items() if value}
    return {}
