# SPDX-License-Identifier: MPL-2.0
"""The arguments of vsphere_virtual_machine that say what a clone is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from cdktf import IResolvable

from instant_clone.replica import Replica
from instant_clone.stock_provider.arguments import row
from instant_clone.stock_provider.devices import disk_label, disk_place, unit_numbers_on_bus

from .literals import literals

__all__ = [
    "Argument",
    "Arguments",
    "Hardware",
    "add_disks",
    "add_interfaces",
    "assign_mac_addresses",
    "connect",
    "literal_hardware",
]

Argument = str | int | float | bool | IResolvable
"""A value, or a reference: a text such as "${data.…}", or a token of cdktf (a float where a number is wanted)."""
Arguments = Mapping[str, Argument]


@dataclass(frozen=True)
class Hardware:
    """What a clone is made of, in the provider's words; texts are Terraform templates.

    `arguments` are attributes by name, the others nested blocks in the provider's order. Labels, controllers and unit
    numbers of disks are values, never references. `ignore_changes` names what no configuration equals.
    """

    arguments: Arguments
    disks: tuple[Arguments, ...]
    network_interfaces: tuple[Arguments, ...]
    cdroms: tuple[Arguments, ...] = ()
    vtpm: bool = False
    ignore_changes: tuple[str, ...] = ()


def literal_hardware(replica: Replica) -> Hardware:
    """The hardware of a replica as values."""
    return Hardware(
        arguments=literals(replica.scalars),
        disks=tuple(map(literals, replica.disks)),
        network_interfaces=tuple(map(literals, replica.network_interfaces)),
        cdroms=tuple(map(literals, replica.cdroms)),
        vtpm=replica.vtpm,
        ignore_changes=replica.ignore_changes,
    )


def connect(hardware: Hardware, network_ids: Sequence[str | None]) -> Hardware:
    """`hardware` with its interfaces on other networks: one id for each from the first; None keeps the source's."""
    interfaces = [dict(interface) for interface in hardware.network_interfaces]
    for interface, network_id in zip(interfaces, network_ids, strict=False):
        if network_id is not None:
            interface["network_id"] = network_id
    return replace(hardware, network_interfaces=tuple(interfaces))


def assign_mac_addresses(hardware: Hardware, mac_addresses: Sequence[str | None]) -> Hardware:
    """`hardware` with MAC addresses by plan: one for each interface from the first; None lets vCenter generate it.

    Each is a template, such as "${each.value.mac}" for what the members of a CloneSource have by that name.
    """
    interfaces = [dict(interface) for interface in hardware.network_interfaces]
    for interface, mac_address in zip(interfaces, mac_addresses, strict=False):
        if mac_address is not None:
            interface |= {"use_static_mac": True, "mac_address": mac_address}
    return replace(hardware, network_interfaces=tuple(interfaces))


def add_interfaces(hardware: Hardware, network_ids: Sequence[str]) -> Hardware:
    """`hardware` with another vmxnet3 interface on each of these networks, behind those that it has."""
    added = tuple(
        {"network_id": network_id, "adapter_type": str(row("network_interface.adapter_type").default)}
        for network_id in network_ids
    )
    return replace(hardware, network_interfaces=(*hardware.network_interfaces, *added))


def add_disks(hardware: Hardware, sizes: Sequence[int]) -> Hardware:
    """`hardware` with another thin disk of each of these sizes (GiB), on the controller of its first disk.

    They take the controller's free places in order. A CD-ROM drive may hold a place on a SATA controller; as many free
    places as there are drives are left out there. Raises ValueError if the controller takes no disk while a VM runs,
    which is so of IDE, or has too few free places.
    """
    if not sizes:
        return hardware
    kind, free = _free_numbers(hardware)
    if len(free) < len(sizes):
        raise ValueError(f"its {kind.upper()} controller has {len(free)} free places for {len(sizes)} more disks")
    first = len(hardware.disks)
    added: tuple[Arguments, ...] = tuple(
        {
            "label": disk_label(first + position),
            "size": size,
            "unit_number": number,
            "controller_type": kind,
            "thin_provisioned": True,
        }
        for position, (size, number) in enumerate(zip(sizes, free, strict=False))
    )
    return replace(hardware, disks=(*hardware.disks, *added))


def _free_numbers(hardware: Hardware) -> tuple[str, list[int]]:
    first = hardware.disks[0]
    kind, number = _place(first)
    if kind == "ide":
        raise ValueError(f"its first disk is on an {kind.upper()} controller, which takes none while the VM runs")
    taken = set(map(_place, hardware.disks))
    free = [each for each in unit_numbers_on_bus(kind, number) if (kind, each) not in taken]
    return kind, free[len(hardware.cdroms) :] if kind == "sata" else free


def _place(disk: Arguments) -> tuple[str, int]:
    kind, number = disk_place(disk)
    if not isinstance(number, int):
        raise TypeError(f"unit_number {number!r} of a disk is no whole number")
    return str(kind), number
