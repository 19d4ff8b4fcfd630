# SPDX-License-Identifier: MPL-2.0
"""Changes that make clones differ from their source: networks, MAC addresses, more interfaces and disks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from instant_clone.replica.blocks import DeviceBlock, Template
from instant_clone.replica.replica import Replica
from instant_clone.stock_provider.argument import Scalar
from instant_clone.stock_provider.arguments import row
from instant_clone.stock_provider.devices import disk_label, disk_place, unit_numbers_on_bus
from instant_clone.vm.source_vm import Disk, Nic

__all__ = ["add_disks", "add_interfaces", "assign_mac_addresses", "connect", "set_arguments"]


def connect(replica: Replica, network_ids: Sequence[str | None]) -> Replica:
    """Return `replica` with its interfaces on other networks.

    `network_ids` are Terraform templates in the order of the interfaces. None keeps the source's network.
    """
    return _with_interfaces(
        replica, [{} if network_id is None else {"network_id": Template(network_id)} for network_id in network_ids]
    )


def assign_mac_addresses(replica: Replica, mac_addresses: Sequence[str | None]) -> Replica:
    """Return `replica` with static MAC addresses.

    `mac_addresses` are Terraform templates in the order of the interfaces. For example, "${each.value.mac}" is the
    value `mac` of each member. None lets vCenter generate the address.
    """
    return _with_interfaces(
        replica,
        [
            {} if mac_address is None else {"use_static_mac": True, "mac_address": Template(mac_address)}
            for mac_address in mac_addresses
        ],
    )


def _with_interfaces(replica: Replica, others: Sequence[dict[str, Scalar]]) -> Replica:
    interfaces = list(replica.network_interfaces)
    for index, arguments in enumerate(others[: len(interfaces)]):
        interfaces[index] = interfaces[index].with_arguments(**arguments)
    return replace(replica, network_interfaces=tuple(interfaces))


def add_interfaces(replica: Replica, network_ids: Sequence[str]) -> Replica:
    """Return `replica` with one more vmxnet3 interface for each network, after the existing interfaces.

    `network_ids` are Terraform templates.
    """
    adapter_type = str(row("network_interface.adapter_type").default)
    added = (
        DeviceBlock[Nic]({"network_id": Template(network_id), "adapter_type": adapter_type})
        for network_id in network_ids
    )
    return replace(replica, network_interfaces=(*replica.network_interfaces, *added))


def add_disks(replica: Replica, sizes: Sequence[int]) -> Replica:
    """Return `replica` with one more thin disk for each size (GiB), on the controller of its first disk.

    The disks use the controller's free places in order. On a SATA controller, the first free places are skipped, one
    for each CD-ROM drive, because the drives may use these places.

    Raises:
        ValueError: The controller is an IDE controller, which accepts no disk while the VM runs, or the controller has
            too few free places.
    """
    if not sizes:
        return replica
    controller, free = _free_places(replica)
    if len(free) < len(sizes):
        raise ValueError(f"its {controller.upper()} controller has {len(free)} free places for {len(sizes)} more disks")
    first = len(replica.disks)
    added = (
        DeviceBlock[Disk](
            {
                "label": disk_label(first + position),
                "size": size,
                "unit_number": number,
                "controller_type": controller,
                "thin_provisioned": True,
            }
        )
        for position, (size, number) in enumerate(zip(sizes, free, strict=False))
    )
    return replace(replica, disks=(*replica.disks, *added))


def _free_places(replica: Replica) -> tuple[str, list[int]]:
    controller, first = disk_place(replica.disks[0])
    if controller == "ide":
        what = f"its first disk is on an {controller.upper()} controller, which accepts no disk while the VM runs"
        raise ValueError(what)
    taken = set(map(disk_place, replica.disks))
    free = [number for number in unit_numbers_on_bus(controller, first) if (controller, number) not in taken]
    return controller, free[len(replica.cdroms) :] if controller == "sata" else free


def set_arguments(replica: Replica, **arguments: Scalar | None) -> Replica:
    """Return `replica` with other values for some arguments of the resource itself. None keeps the source's value."""
    given = {name: value for name, value in arguments.items() if value is not None}
    return replace(replica, arguments={**replica.arguments, **given})
