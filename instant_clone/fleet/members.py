# SPDX-License-Identifier: MPL-2.0
"""Addresses and guestinfo of the members of a fleet, computed before the clones exist.

The index identifies a member. `Fleet.clone_name` returns the name of a member. A fleet can have thousands of members.
The functions in this module compute common values once, so that little work remains for each member.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from instant_clone.fleet import Fleet, Source
from instant_clone.fleet.addresses import SOURCE, addresses_from, mac_text
from instant_clone.fleet.guestinfo_values import GuestinfoTable, encoding_of, filled, pattern_of
from instant_clone.fleet.patterns import placeholders, split_placeholder
from instant_clone.vm.source_vm import SourceVm

__all__ = [
    "MemberValue",
    "encoded_guestinfo",
    "guestinfo",
    "mac_addresses",
    "placeholder_values",
]


@dataclass(frozen=True, slots=True)
class MemberValue:
    """A value that differs between members."""

    name: str
    """The unique name of the value: "name", "index", "ip", "mac", a name such as "nic1_ip" and "nic1_mac", or the key
    of an encoded guestinfo value.

    "ip" and "mac" are the addresses of the interface that the placeholders {ip} and {mac} refer to. A value has one
    name even if several placeholders refer to it.
    """
    of: Callable[[int], str | int]
    """The function that returns the value for the index of a member."""


def mac_addresses(fleet: Fleet, source_vm: SourceVm) -> tuple[str | MemberValue | None, ...]:
    """Return the MAC addresses for each network interface in `source_vm.nics`.

    The item of an interface is a string if all members have the MAC address of the source. It is None if vCenter
    generates the MAC addresses.
    """
    return tuple(_mac_address(fleet, source_vm, interface) for interface in range(len(source_vm.nics)))


def placeholder_values(fleet: Fleet, source: Source, source_vm: SourceVm) -> dict[str, str | MemberValue]:
    """Return the values of the placeholders in the guestinfo of `fleet`, by placeholder.

    A value is a string if it is the same for all members of `source`. `source_vm` is the VM of `source`.
    `fitting_findings` must have returned no findings for `source_vm`.
    """
    found: dict[str, str | MemberValue] = {
        "name": MemberValue("name", fleet.clone_name),
        "index": MemberValue("index", lambda index: index),
        "source": source.key,
        "fleet": fleet.name,
    }
    for value in fleet.guestinfo.values():
        for placeholder in placeholders(pattern_of(value)):
            number, attribute = split_placeholder(placeholder) or (None, "")
            interface = fleet.interface_of(number, attribute) if attribute else None
            if interface is None:
                continue
            if attribute == "ip":
                found[placeholder] = _ip_address(fleet, interface) or ""
            elif attribute == "mac":
                found[placeholder] = _mac_address(fleet, source_vm, interface) or ""
            else:
                found[placeholder] = fleet.networks[interface].common_value(attribute)
    return found


def encoded_guestinfo(
    fleet: Fleet, placeholder_values: Mapping[str, str | MemberValue]
) -> dict[str, str | MemberValue]:
    """Return the values with an encoding in the guestinfo of `fleet`, by their keys.

    A value is a string if it is the same for all members. Otherwise it is a MemberValue with the key as its name. The
    argument `placeholder_values` is the result of the function `placeholder_values`.
    """
    return {
        key: _filled(key, value, placeholder_values) for key, value in fleet.guestinfo.items() if encoding_of(value)
    }


def _filled(
    key: str, value: str | GuestinfoTable, placeholder_values: Mapping[str, str | MemberValue]
) -> str | MemberValue:
    """Return the string that the guests read for `key`, or a MemberValue if the string differs between members."""
    common: dict[str, str | int] = {}
    varying: dict[str, Callable[[int], str | int]] = {}
    for placeholder in placeholders(pattern_of(value)):
        found = placeholder_values[placeholder]
        if isinstance(found, MemberValue):
            varying[placeholder] = found.of
        else:
            common[placeholder] = found
    if not varying:
        return filled(value, common)
    return MemberValue(
        key, lambda index: filled(value, {**common, **{name: of(index) for name, of in varying.items()}})
    )


def guestinfo(fleet: Fleet, source: Source, source_vm: SourceVm) -> Callable[[int], dict[str, str]]:
    """Return a function that takes the index of a member and returns the guestinfo of the member.

    The arguments are those of `placeholder_values`.
    """
    values = placeholder_values(fleet, source, source_vm)
    found = {key: _filled(key, value, values) for key, value in fleet.guestinfo.items()}
    return lambda index: {
        key: str(each.of(index)) if isinstance(each, MemberValue) else each for key, each in found.items()
    }


def _ip_address(fleet: Fleet, interface: int) -> MemberValue | None:
    network = fleet.networks[interface] if interface < len(fleet.networks) else None
    if network is None or network.cidr is None or network.first is None:
        return None
    is_default = interface == fleet.interface_of(None, "ip")
    return MemberValue("ip" if is_default else f"nic{interface}_ip", addresses_from(network.first))


def _mac_address(fleet: Fleet, source_vm: SourceVm, interface: int) -> str | MemberValue | None:
    network = fleet.networks[interface] if interface < len(fleet.networks) else None
    if network is not None and network.mac == SOURCE:
        return source_vm.nics[interface].mac_address.lower()
    first = network.first_mac if network is not None else None
    if first is None:
        return None
    is_default = interface == fleet.interface_of(None, "mac")
    return MemberValue("mac" if is_default else f"nic{interface}_mac", lambda index: mac_text(first + index))
