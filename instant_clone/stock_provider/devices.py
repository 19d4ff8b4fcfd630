# SPDX-License-Identifier: MPL-2.0
"""How the stock provider counts a VM's devices: places of disks, order of network interfaces, labels, limits.

Sources: internal/virtualdevice/virtual_machine_device_subresource.go (splitVirtualMachineDeviceUnitNumber and its
inverse), virtual_machine_disk_subresource.go, virtual_machine_network_interface_subresource.go; the limits are those of
the schemas in resource_vsphere_virtual_machine.go.
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
"""how many numbers the provider has for a bus; on SCSI the controller's own unit is left out"""
_USED_PER_BUS: Mapping[str, int] = {**UNITS_PER_BUS, "nvme": 15}
"""how many disks a controller takes; an NVMe controller takes 15 before vSphere 8"""
_SCSI_CONTROLLER_UNIT = 7
LAST_NARROW_SCSI_UNIT = 15
"""the provider takes higher units for units of the next SCSI controller"""
HIGHEST_EARLY_UNIT_NUMBER = 59
"""the highest `unit_number` before UNIT_NUMBERS_ABOVE_59"""
MOST_DISKS = 60
MOST_INTERFACES = 10
"""vSphere's own limit; the schema allows more in some releases"""
SRIOV = "sriov"
"""as `network_interface.adapter_type`"""
TOOLS_RUNNING = "guestToolsRunning"
"""as `vmware_tools_status`"""


def unit_number(controller: str, bus: int, unit: int, own_unit: int | None) -> int:
    """Return the `unit_number` of a place: one row of numbers over all buses of a kind.

    `own_unit` is the unit of the SCSI controller itself, None if vCenter does not report it.
    """
    if controller == "scsi" and unit > (_SCSI_CONTROLLER_UNIT if own_unit is None else own_unit):
        unit -= 1
    return unit + UNITS_PER_BUS[controller] * bus


def unit_numbers_on_bus(controller: str, number: int) -> range:
    """Return the unit numbers of the bus that `number` is on, as many as the controller takes disks."""
    per_bus = UNITS_PER_BUS[controller]
    begin = number // per_bus * per_bus
    return range(begin, begin + _USED_PER_BUS[controller])


def first_unit_number(controller: str) -> int:
    """Return the `unit_number` that one of a VM's disks must have (DiskDiffOperation): 0, on IDE 1."""
    return 1 if controller == "ide" else 0


def disk_place(disk: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return controller type and unit number of a `disk` block, with the schema's defaults.

    Together they name a place in a VM. Parts that are not known before the apply stay as they are.
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
    """Return which of a VM's interfaces each `network_interface` block describes, as positions in `units`.

    `units` are the PCI unit numbers of the interfaces in the order of `config.hardware.device`. Releases before
    INTERFACES_IN_DEVICE_ORDER read interfaces in the order of these numbers, later ones in that of the devices.
    """
    positions = range(len(units))
    if release >= INTERFACES_IN_DEVICE_ORDER:
        return tuple(positions)
    return tuple(sorted(positions, key=lambda position: units[position] or 0))
