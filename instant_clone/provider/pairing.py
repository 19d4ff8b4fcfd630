# SPDX-License-Identifier: MPL-2.0
"""Which device of a clone is which of its source.

vCenter promises neither the order nor the keys of a clone's devices. A disk is known by its controller and unit, a
CD-ROM drive by its address, a network interface by what it was asked to be: its address if that is its own, its key,
which vSphere means to keep, and its network, else by order.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from instant_clone.provider.values import is_unknown
from instant_clone.stock_provider.arguments import row
from instant_clone.stock_provider.devices import disk_place

__all__ = ["has_unknown_place", "in_order_of", "pair_drives", "pair_interfaces", "wanted_interfaces"]

Device = Mapping[str, Any]


def has_unknown_place(disks: Iterable[Any]) -> bool:
    """Return whether the place of a configured disk is not known yet, so that no pair can be told.

    A dynamic block whose for_each is not known yet is unknown as a whole.
    """
    return is_unknown(disks) or any(is_unknown(disk) or any(map(is_unknown, disk_place(disk))) for disk in disks)


def wanted_interfaces(config: Mapping[str, Any], source: Mapping[str, Any]) -> list[Device]:
    """The network interfaces of a clone that `config` asks for, in its order, with what they have from `source`.

    Both are values of the resource; without any interfaces in the source only the configuration speaks.
    """
    pairs = zip_longest(config.get("network_interface") or (), source.get("network_interface") or ())
    return [_wanted(ours, theirs or {}) for ours, theirs in pairs if isinstance(ours, Mapping)]


def _wanted(ours: Device, theirs: Device) -> Device:
    return {
        "key": theirs.get("key"),
        "device_address": theirs.get("device_address"),
        "adapter_type": ours.get("adapter_type") or row("network_interface.adapter_type").default,
        "network_id": ours.get("network_id"),
        "mac_address": ours.get("mac_address") if ours.get("use_static_mac") is True else None,
    }


def pair_interfaces(clones: Sequence[Device], wanted: Sequence[Device]) -> list[Device]:
    """A clone's network interfaces in the order of what was `wanted`; those without a partner come last.

    A key alone is no proof: an interface of another type under the wanted key is another interface.
    """
    return _in_order(
        clones,
        wanted,
        lambda device: _if_all(str(device.get("mac_address") or "").lower()),
        lambda device: _if_all(device.get("key"), device.get("network_id"), device.get("adapter_type")),
        lambda device: _if_all(device.get("network_id"), device.get("adapter_type"), device.get("device_address")),
        lambda device: _if_all(device.get("network_id"), device.get("adapter_type")),
        lambda device: _if_all(device.get("key"), device.get("adapter_type")),
        lambda device: _if_all(device.get("adapter_type")),
    )


def pair_drives(clones: Sequence[Device], sources: Sequence[Device]) -> list[Device]:
    """A clone's CD-ROM drives in the order of their partners in the source; those without one come last."""
    return _in_order(clones, sources, lambda device: _if_all(device.get("device_address")))


def in_order_of(devices: Sequence[Device], before: Sequence[Device]) -> list[Device]:
    """A VM's devices, just read, in the order that they had `before`; new ones take the places of those that went."""
    return _in_order(devices, before, lambda device: _if_all(device.get("key")), lambda device: True)


def _in_order(
    clones: Sequence[Device], sources: Sequence[Device], *marks: Callable[[Device], Hashable]
) -> list[Device]:
    """`clones` by their partners: those that share the first mark, then of the rest those that share the next.

    None as a mark is none.
    """
    rest = list(clones)
    partners: dict[int, Device] = {}
    for mark in marks:
        for position, source in enumerate(sources):
            wanted = mark(source)
            if position in partners or wanted is None:
                continue
            found = next((index for index, each in enumerate(rest) if mark(each) == wanted), None)
            if found is not None:
                partners[position] = rest.pop(found)
    return [partners[position] for position in sorted(partners)] + rest


def _if_all(*parts: Hashable) -> Hashable:
    """The parts as a mark, if all are there."""
    return parts if all(parts) else None
