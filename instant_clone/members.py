"""The clones before they exist: their names, addresses and what their guests are told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from instant_clone.fleet import Fleet, Source, fill
from instant_clone.fleet.addresses import SOURCE
from instant_clone.fleet.patterns import placeholders, split_placeholder
from instant_clone.fleet.planned import interface_of, planned_value
from instant_clone.source import SourceVm

__all__ = ["Member", "members"]


@dataclass(frozen=True)
class Member:
    """One clone of a source: `guestinfo` becomes its extra_config, by key.

    `macs` and `addresses` have one item for each network interface of the source, in the order of its `nics`: the
    MAC address, or None for one that vCenter generates, and the planned IP address, or None without a plan.
    """

    name: str
    index: int
    guestinfo: dict[str, str]
    macs: tuple[str | None, ...] = ()
    addresses: tuple[str | None, ...] = ()


@dataclass(frozen=True)
class _Guestinfo:
    """The placeholders of a fleet's guestinfo: those with one value for all members, and those with each its own."""

    common: Mapping[str, str]
    addresses: Mapping[str, int]
    macs: Mapping[str, int]


def members(fleet: Fleet, source: Source, machine: SourceVm) -> tuple[Member, ...]:
    """The members of `fleet` that are clones of `source`, in the order of their indexes.

    `machine` is the VM that `source` names, for which `fitting_findings` has found nothing.
    """
    guestinfo = _guestinfo(fleet, source)
    return tuple(_member(fleet, machine, index, guestinfo) for index in source.indexes)


def _guestinfo(fleet: Fleet, source: Source) -> _Guestinfo:
    common: dict[str, str] = {"source": source.key, "fleet": fleet.name}
    addresses: dict[str, int] = {}
    macs: dict[str, int] = {}
    for pattern in fleet.guestinfo.values():
        for placeholder in placeholders(pattern):
            number, attribute = split_placeholder(placeholder) or (None, "")
            interface = interface_of(fleet.networks, number, attribute) if attribute else None
            if interface is None:
                continue
            if attribute == "ip":
                addresses[placeholder] = interface
            elif attribute == "mac":
                macs[placeholder] = interface
            else:
                common[placeholder] = planned_value(fleet.networks[interface], attribute)
    return _Guestinfo(common, addresses, macs)


def _member(fleet: Fleet, machine: SourceVm, index: int, guestinfo: _Guestinfo) -> Member:
    name = fleet.clone_name(index)
    interfaces = range(len(machine.nics))
    macs = tuple(_mac(fleet, machine, index, interface) for interface in interfaces)
    addresses = tuple(_address(fleet, index, interface) for interface in interfaces)
    values: dict[str, str | int] = {"name": name, "index": index, **guestinfo.common}
    values.update((placeholder, addresses[interface] or "") for placeholder, interface in guestinfo.addresses.items())
    values.update((placeholder, macs[interface] or "") for placeholder, interface in guestinfo.macs.items())
    told = {key: fill(pattern, values) for key, pattern in fleet.guestinfo.items()}
    return Member(name, index, told, macs, addresses)


def _mac(fleet: Fleet, machine: SourceVm, index: int, interface: int) -> str | None:
    network = fleet.networks[interface] if interface < len(fleet.networks) else None
    if network is None or network.mac != SOURCE:
        return network.mac_address(index) if network else None
    return machine.nics[interface].mac_address.lower()


def _address(fleet: Fleet, index: int, interface: int) -> str | None:
    return fleet.networks[interface].address(index) if interface < len(fleet.networks) else None
