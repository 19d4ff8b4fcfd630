# SPDX-License-Identifier: MPL-2.0
"""Checks of address plans and MAC ranges: in one fleet, and across all fleets of a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_network

from instant_clone.errors import Finding
from instant_clone.fleet.addresses import LAST_MAC, SOURCE, mac_text, reserved, runs
from instant_clone.fleet.model import Fleet, Network, Source

__all__ = [
    "Interface",
    "clash_findings",
    "interface_place",
    "network_findings",
    "network_findings_across",
]


@dataclass(frozen=True)
class Interface:
    """A network interface of the clones of a source."""

    fleet: Fleet
    source: Source
    position: int
    """The position of the interface and of its table in the fleet, counted from 0."""
    segment: Hashable
    """The identity of the network. Only interfaces on the same network can have the same address."""
    source_mac: int | None = None
    """The MAC address of the interface of the source as a number, or None if it is unknown or not valid."""

    @property
    def network(self) -> Network:
        """Return the table of the interface."""
        return self.fleet.networks[self.position]

    @property
    def place(self) -> str:
        """Return the place of the table in the file."""
        return interface_place(self.fleet, self.position)

    def __str__(self) -> str:
        return f"the fleet {self.fleet.name} (source {self.source.key}, interface {self.position})"


@dataclass(frozen=True)
class Claim:
    """A range of IP or MAC addresses that an interface of the members uses."""

    space: Hashable
    """The kind of the addresses and their network. Only claims in the same space can overlap."""
    first: int
    """The first address as a number."""
    last: int
    """The last address as a number."""
    interface: Interface


@dataclass(frozen=True)
class Clash:
    """The lowest address that is in two claims. `earlier` is the first claim in the order of the file."""

    earlier: Claim
    later: Claim
    address: int


def clashes(claims: Iterable[Claim]) -> Iterator[Clash]:
    """Yield one overlap for each two interfaces in `claims`. Place and text identify an interface."""
    found: dict[tuple[str, ...], tuple[int, Clash]] = {}
    reached: dict[Hashable, tuple[int, Claim]] = {}
    for order, claim in sorted(enumerate(claims), key=lambda each: (each[1].first, each[1].last, each[0])):
        before = reached.get(claim.space)
        if before is not None and claim.first <= before[1].last:
            # The finding is about the claim that is later in the file. Its addresses can be the lower ones.
            (_, earlier), (place, later) = sorted((before, (order, claim)), key=lambda each: each[0])
            pair = tuple(f"{each.interface.place} {each.interface}" for each in (earlier, later))
            found.setdefault(pair, (place, Clash(earlier, later, claim.first)))
        if before is None or claim.last > before[1].last:
            reached[claim.space] = order, claim
    yield from (clash for _, clash in sorted(found.values(), key=lambda each: each[0]))


def network_findings(fleet: Fleet) -> Iterator[Finding]:
    """Yield findings about address plans outside their network, and MAC ranges outside VMware's range."""
    indexes = sorted({index for source in fleet.sources for index in source.indexes})
    for position, network in enumerate(fleet.networks):
        where = interface_place(fleet, position)
        yield from _plan_findings(network, where, indexes)
        first = network.first_mac
        if first is not None and indexes and first + indexes[-1] > LAST_MAC:
            what = f"member {indexes[-1]} would get a MAC address above {mac_text(LAST_MAC)}."
            yield Finding(f"{where}, mac", what, "Use a lower first address.")


def network_findings_across(fleets: Sequence[Fleet]) -> Iterator[Finding]:
    """Yield findings about IP and MAC addresses that several members would have."""
    interfaces = [
        Interface(fleet, source, position, _segment(fleet, source, position))
        for fleet in fleets
        for position in range(len(fleet.networks))
        for source in fleet.sources
    ]
    # A MAC address must be unique in the file.
    anywhere = [replace(each, segment=None) for each in interfaces]
    # Claims of one table overlap only if two sources have the same index. checks.py reports this error.
    yield from clash_findings(interfaces, anywhere, lambda one, other: one.place != other.place)
    yield from _repeated_source_macs(interfaces)


def clash_findings(
    interfaces: Iterable[Interface],
    interfaces_by_mac: Iterable[Interface],
    concerns: Callable[[Interface, Interface], bool],
) -> Iterator[Finding]:
    """Yield findings about two members with the same IP or MAC address, for each two interfaces of interest.

    `interfaces` and `interfaces_by_mac` are the same interfaces. Their segments are the networks on which an IP address
    and a MAC address must be unique. `concerns` returns whether two interfaces are of interest.
    """
    for claims, to_finding in (
        (_address_claims(interfaces), _address_clash),
        (_mac_claims(interfaces_by_mac), _mac_clash),
    ):
        for clash in clashes(claims):
            if concerns(clash.earlier.interface, clash.later.interface):
                yield to_finding(clash)


def _address_clash(clash: Clash) -> Finding:
    what = f"{ip_address(_bytes(clash))} is an address of {clash.earlier.interface} and of {clash.later.interface}."
    return Finding(f"{clash.later.interface.place}, first", what, "Use address ranges that do not overlap.")


def _mac_clash(clash: Clash) -> Finding:
    what = f"{mac_text(clash.address)} is an address of {clash.earlier.interface} and of {clash.later.interface}."
    cure = "Use MAC ranges that do not overlap, or set allow_duplicate_macs = true."
    return Finding(f"{clash.later.interface.place}, mac", what, cure)


def _bytes(clash: Clash) -> bytes:
    version = clash.later.space[0] if isinstance(clash.later.space, tuple) else 4
    return clash.address.to_bytes(4 if version == 4 else 16, "big")


def _plan_findings(network: Network, where: str, indexes: list[int]) -> Iterator[Finding]:
    if network.cidr is None:
        for key in ("first", "gateway", "dns"):
            if getattr(network, key):
                cure = 'Add the network, such as cidr = "192.168.0.0/24".'
                yield Finding(f"{where}, {key}", "requires cidr.", cure)
        return
    subnet = ip_network(network.cidr)
    taken = reserved(subnet)
    if network.gateway is not None:
        gateway = ip_address(network.gateway)
        if gateway not in subnet and not (gateway.version == subnet.version == 6 and gateway.is_link_local):
            what = f"{gateway} is not in {subnet}."
            yield Finding(f"{where}, gateway", what, "Use an address in the network.")
        elif gateway in taken:
            what = f"{gateway} is the {taken[gateway]} of {subnet}."
            yield Finding(f"{where}, gateway", what, "Use another address.")
        taken.setdefault(gateway, "gateway")
    if network.first is None:
        yield Finding(f"{where}, first", "is missing.", "Set it to the address of the member with index 0.")
        return
    first, where = ip_address(network.first), f"{where}, first"
    if first not in subnet:
        yield Finding(where, f"{first} is not in {subnet}.", "Use an address in the network.")
        return
    if indexes and int(first) + indexes[-1] > int(subnet.broadcast_address):
        what = f"member {indexes[-1]} would get an address outside {subnet}."
        yield Finding(where, what, "Use a lower first address or a larger network.")
        taken = {address: kind for address, kind in taken.items() if address != subnet.broadcast_address}
    offsets = {int(address) - int(first): (address, kind) for address, kind in taken.items()}
    for index in sorted(offsets.keys() & set(indexes)):
        address, kind = offsets[index]
        if address.version == subnet.version:
            what = f"member {index} would get {address}, which is the {kind}."
            yield Finding(where, what, "Use another first address, or remove the index from the members.")


def interface_place(fleet: Fleet, position: int) -> str:
    """Return the place of a network interface in the file: the table at `position`, counted from 0."""
    return f"[[fleets.{fleet.name}.networks]] number {position + 1}"


def _segment(fleet: Fleet, source: Source, position: int) -> Hashable:
    """Return the identity of an interface's network: its name, or the source and position if it has no name."""
    named = fleet.networks[position].network
    datacenter = fleet.datacenter.strip("/")
    if named is not None:
        return ("network", datacenter, named.rsplit("/", 1)[-1])
    return ("source", datacenter, source.vm, position)


def _address_claims(interfaces: Iterable[Interface]) -> Iterator[Claim]:
    for each in interfaces:
        if each.network.first is None or each.network.cidr is None:
            continue
        subnet, first = ip_network(each.network.cidr), ip_address(each.network.first)
        if first not in subnet:
            continue
        for low, high in runs(each.source.indexes):
            reach = min(int(first) + high, int(subnet.broadcast_address))
            yield Claim((first.version, each.segment), int(first) + low, reach, each)


def _mac_claims(interfaces: Iterable[Interface]) -> Iterator[Claim]:
    for each in interfaces:
        if each.fleet.allow_duplicate_macs:
            continue
        first, mac = each.network.first_mac, each.source_mac
        if first is not None:
            for low, high in runs(each.source.indexes):
                yield Claim(each.segment, first + low, first + high, each)
        elif each.network.mac == SOURCE and mac is not None and each.source.indexes:
            yield Claim(each.segment, mac, mac, each)


def _repeated_source_macs(interfaces: Iterable[Interface]) -> Iterator[Finding]:
    clones: Counter[Hashable] = Counter()
    for each in interfaces:
        if each.fleet.allow_duplicate_macs or each.network.mac != SOURCE:
            continue
        vm = each.source.vm
        place = (each.fleet.datacenter, vm, each.position, each.segment)
        before, added = clones[place], len(each.source.indexes)
        clones[place] += added
        if added and before + added > 1:
            what = f"{before + added} clones would have the MAC address of {vm!r} on the same network."
            cure = 'Use "generated" or a first address, or set allow_duplicate_macs = true.'
            yield Finding(f"{each.place}, mac", what, cure)
