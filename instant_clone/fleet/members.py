# SPDX-License-Identifier: MPL-2.0
"""The clones before they exist: their addresses, and what their guests are told.

A member is known by its index; `Fleet.clone_name` has its name. There may be thousands of them: what is the same for
all is found out once, and what is left for each is little.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from instant_clone.fleet import Fleet, Source, fill
from instant_clone.fleet.addresses import SOURCE, addresses_from, mac_text
from instant_clone.fleet.patterns import placeholders, split_placeholder
from instant_clone.vm.source_vm import SourceVm

__all__ = ["MemberValue", "guestinfo", "ip_addresses", "mac_addresses", "placeholder_values"]


@dataclass(frozen=True, slots=True)
class MemberValue:
    """What differs from member to member: `of` has it by a member's index.

    `name` tells it from the others: "name", "index", "ip" and "mac" of the interface that those placeholders mean,
    "nic1_ip" and "nic1_mac" of another one. Each has one name, however many placeholders stand for it.
    """

    name: str
    of: Callable[[int], str | int]


def ip_addresses(fleet: Fleet, source_vm: SourceVm) -> tuple[MemberValue | None, ...]:
    """The IP addresses of each network interface of the source `source_vm`, by its `nics`; None without a plan."""
    return tuple(_ip_address(fleet, interface) for interface in range(len(source_vm.nics)))


def mac_addresses(fleet: Fleet, source_vm: SourceVm) -> tuple[str | MemberValue | None, ...]:
    """The MAC addresses of each network interface of the source `source_vm`, by its `nics`.

    One text if all members have the source's, None if vCenter generates them.
    """
    return tuple(_mac_address(fleet, source_vm, interface) for interface in range(len(source_vm.nics)))


def placeholder_values(fleet: Fleet, source: Source, source_vm: SourceVm) -> dict[str, str | MemberValue]:
    """What the placeholders in the guestinfo of `fleet` stand for: one text for all members of `source`, or their own.

    `source_vm` is the VM that `source` names, for which `fitting_findings` has found nothing.
    """
    found: dict[str, str | MemberValue] = {
        "name": MemberValue("name", fleet.clone_name),
        "index": MemberValue("index", lambda index: index),
        "source": source.key,
        "fleet": fleet.name,
    }
    for pattern in fleet.guestinfo.values():
        for placeholder in placeholders(pattern):
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


def guestinfo(fleet: Fleet, source: Source, source_vm: SourceVm) -> Callable[[int], dict[str, str]]:
    """What the guest of a member is told, by its index; the arguments are those of `placeholder_values`."""
    meant = placeholder_values(fleet, source, source_vm)
    used = {placeholder for pattern in fleet.guestinfo.values() for placeholder in placeholders(pattern)}
    common: dict[str, str | int] = {key: value for key, value in meant.items() if isinstance(value, str)}
    own = [(key, value.of) for key, value in meant.items() if isinstance(value, MemberValue) and key in used]

    def told(index: int) -> dict[str, str]:
        values = {**common, **{key: of(index) for key, of in own}}
        return {key: fill(pattern, values) for key, pattern in fleet.guestinfo.items()}

    return told


def _ip_address(fleet: Fleet, interface: int) -> MemberValue | None:
    network = fleet.networks[interface] if interface < len(fleet.networks) else None
    if network is None or network.cidr is None or network.first is None:
        return None
    meant = interface == fleet.interface_of(None, "ip")
    return MemberValue("ip" if meant else f"nic{interface}_ip", addresses_from(network.first))


def _mac_address(fleet: Fleet, source_vm: SourceVm, interface: int) -> str | MemberValue | None:
    network = fleet.networks[interface] if interface < len(fleet.networks) else None
    if network is not None and network.mac == SOURCE:
        return source_vm.nics[interface].mac_address.lower()
    first = network.first_mac if network is not None else None
    if first is None:
        return None
    meant = interface == fleet.interface_of(None, "mac")
    return MemberValue("mac" if meant else f"nic{interface}_mac", lambda index: mac_text(first + index))
