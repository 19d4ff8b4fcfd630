# SPDX-License-Identifier: MPL-2.0
"""The stock provider's rules for devices: places of disks, order of network interfaces, labels, limits.

The rules come from internal/virtualdevice: virtual_machine_device_subresource.go (splitVirtualMachineDeviceUnitNumber
and its inverse), virtual_machine_disk_subresource.go and virtual_machine_network_interface_subresource.go. The limits
come from the schemas in resource_vsphere_virtual_machine.go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from instant_clone.stock_provider.arguments import row
from instant_clone.stock_provider.releases import INTERFACES_IN_DEVICE_ORDER, ProviderVersion

__all__ = [
    "HIGHEST_EARLY_UNIT_NUMBER",
    "LAST_NARROW_SCSI_UNIT",
    "MOST_DISKS",
    "MOST_INTERFACES",
    "SRIOV",
    "TOOLS_RUNNING",
    "UNITS_PER_BUS",
    "disk_label",
    "disk_place",
    "disk_text",
    "first_unit_number",
    "interface_order",
    "unit_number",
    "unit_numbers_on_bus",
]

UNITS_PER_BUS: Mapping[str, int] = {"scsi": 15, "sata": 30, "ide": 2, "nvme": 64}
"""the number of unit numbers that the provider reserves for a bus; on SCSI, the controller's unit does not count"""
_USED_PER_BUS: Mapping[str, int] = {**UNITS_PER_BUS, "nvme": 15}
"""the number of disks that a controller supports; before vSphere 8, an NVMe controller supports 15"""
_SCSI_CONTROLLER_UNIT = 7
LAST_NARROW_SCSI_UNIT = 15
"""the highest SCSI unit; the provider treats higher units as units of the next SCSI controller"""
HIGHEST_EARLY_UNIT_NUMBER = 59
"""the highest `unit_number` before UNIT_NUMBERS_ABOVE_59"""
MOST_DISKS = 60
MOST_INTERFACES = 10
"""the limit of vSphere; the schemas of some releases allow more"""
SRIOV = "sriov"
"""a value of `network_interface.adapter_type`"""
TOOLS_RUNNING = "guestToolsRunning"
"""a value of `vmware_tools_status`"""


def unit_number(controller: str, bus: int, unit: int, own_unit: int | None) -> int:
    """Return the `unit_number` of a disk from its bus and unit. Unit numbers are consecutive over all buses of a kind.

    `own_unit` is the unit of the SCSI controller itself, or None if vCenter does not report the unit.
    """
    if controller == "scsi" and unit > (_SCSI_CONTROLLER_UNIT if own_unit is None else own_unit):
        unit -= 1
    return unit + UNITS_PER_BUS[controller] * bus


def unit_numbers_on_bus(controller: str, number: int) -> range:
    """Return the unit numbers that a controller supports on the bus of the unit number `number`."""
    per_bus = UNITS_PER_BUS[controller]
    begin = number // per_bus * per_bus
    return range(begin, begin + _USED_PER_BUS[controller])


def first_unit_number(controller: str) -> int:
    """Return the `unit_number` that one disk of a VM must have (DiskDiffOperation): 1 on IDE, 0 elsewhere."""
    return 1 if controller == "ide" else 0


def disk_place(disk: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return controller type and unit number of a `disk` block, with the schema's defaults for missing values.

    The two values identify a place in a VM. Values that are unknown before the apply are returned unchanged.
    """
    controller, unit = disk.get("controller_type"), disk.get("unit_number")
    return (
        row("disk.controller_type").default if controller is None else controller,
        row("disk.unit_number").default if unit is None else unit,
    )


def disk_text(disk: Mapping[str, Any]) -> str:
    """Return the place and the size of a `disk` block for messages, such as "scsi unit 3, 20 GiB"."""
    controller, unit = disk_place(disk)
    size = disk.get("size")
    return f"{controller} unit {unit}" + (f", {size} GiB" if isinstance(size, int) else "")


def disk_label(index: int) -> str:
    """Return the label of a fleet's disk: "disk0", "disk1", … in the order of the unit numbers."""
    return f"disk{index}"


def interface_order(units: Sequence[int | None], release: ProviderVersion) -> tuple[int, ...]:
    """Return, for each `network_interface` block, the position in `units` of the interface that the block describes.

    `units` are the PCI unit numbers of the interfaces in the order of `config.hardware.device`. Releases before
    INTERFACES_IN_DEVICE_ORDER read interfaces in the order of the PCI unit numbers. Later releases read interfaces in
    the order of the devices.
    """
    positions = range(len(units))
    if release >= INTERFACES_IN_DEVICE_ORDER:
        return tuple(positions)
    return tuple(sorted(positions, key=lambda position: units[position] or 0))
