# SPDX-License-Identifier: MPL-2.0
"""Checks of address plans and MAC ranges: in one fleet, and across all fleets of a file."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from instant_clone.errors import Finding
from instant_clone.fleet.addresses import LAST_MAC, SOURCE, mac_text, reserved, runs
from instant_clone.fleet.model import Fleet, Network, Source

__all__ = [
    "Claim",
    "Clash",
    "address_clash",
    "claim",
    "clashes",
    "interface_place",
    "mac_clash",
    "network_findings",
    "network_findings_across",
]


@dataclass(frozen=True)
class Claim:
    """A range of IP or MAC addresses that members of a fleet use."""

    space: Hashable
    """The kind of the addresses and their network. Only claims in the same space can overlap."""
    first: int
    """The first address as a number."""
    last: int
    """The last address as a number."""
    where: str
    """The place in the fleet file."""
    fleet: str
    """The name of the fleet."""
    who: str
    """The fleet, source and interface that use the addresses, as text for messages."""


@dataclass(frozen=True)
class Clash:
    """The lowest address that is in two claims. `earlier` is the first claim in the order of the file."""

    earlier: Claim
    later: Claim
    address: int


def clashes(claims: Iterable[Claim]) -> Iterator[Clash]:
    """Yield one overlap for each two claimants in `claims`. `where` and `who` identify a claimant."""
    spaces: defaultdict[Hashable, list[tuple[int, int, int, Claim]]] = defaultdict(list)
    for order, claim in enumerate(claims):
        spaces[claim.space].append((claim.first, claim.last, order, claim))
    found: dict[tuple[str, str], tuple[int, Clash]] = {}
    for space in spaces.values():
        reach: tuple[int, int, int, Claim] | None = None
        for entry in sorted(space):
            if reach is not None and entry[0] <= reach[1]:
                # The finding is about the claim that is later in the file. Its addresses can be the lower ones.
                earlier, later = sorted((reach, entry), key=lambda each: each[2])
                pair = (earlier[3].where + earlier[3].who, later[3].where + later[3].who)
                found.setdefault(pair, (later[2], Clash(earlier[3], later[3], entry[0])))
            if reach is None or entry[1] > reach[1]:
                reach = entry
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
    for claims, to_finding in ((_address_claims, address_clash), (_mac_claims, mac_clash)):
        for clash in clashes(each for fleet in fleets for each in claims(fleet)):
            # Claims of one table overlap only if two sources have the same index. checks.py reports this error.
            if clash.earlier.where != clash.later.where:
                yield to_finding(clash)
    yield from _repeated_source_macs(fleets)


def address_clash(clash: Clash) -> Finding:
    """Return a finding about two members with the same IP address."""
    what = f"{ip_address(_bytes(clash))} is an address of {clash.earlier.who} and of {clash.later.who}."
    return Finding(f"{clash.later.where}, first", what, "Use address ranges that do not overlap.")


def mac_clash(clash: Clash) -> Finding:
    """Return a finding about two members with the same MAC address."""
    what = f"{mac_text(clash.address)} is an address of {clash.earlier.who} and of {clash.later.who}."
    cure = "Use MAC ranges that do not overlap, or set allow_duplicate_macs = true."
    return Finding(f"{clash.later.where}, mac", what, cure)


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
    yield from _first_findings(ip_address(network.first), subnet, taken, f"{where}, first", indexes)


def _first_findings(
    first: IPv4Address | IPv6Address,
    subnet: IPv4Network | IPv6Network,
    taken: dict[IPv4Address | IPv6Address, str],
    where: str,
    indexes: list[int],
) -> Iterator[Finding]:
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


def claim(space: Hashable, first: int, last: int, fleet: Fleet, source: Source, position: int) -> Claim:
    """Return the claim of members of `source` on the addresses `first` to `last`, as numbers."""
    who = f"the fleet {fleet.name} (source {source.key}, interface {position})"
    return Claim(space, first, last, interface_place(fleet, position), fleet.name, who)


def _segment(fleet: Fleet, source: Source, position: int) -> Hashable:
    """Return the identity of an interface's network: its name, or the source and position if it has no name."""
    named = fleet.networks[position].network
    datacenter = fleet.datacenter.strip("/")
    if named is not None:
        return ("network", datacenter, named.rsplit("/", 1)[-1])
    return ("source", datacenter, source.vm, position)


def _address_claims(fleet: Fleet) -> Iterator[Claim]:
    for position, network in enumerate(fleet.networks):
        if network.first is None or network.cidr is None:
            continue
        subnet, first = ip_network(network.cidr), ip_address(network.first)
        if first not in subnet:
            continue
        for source in fleet.sources:
            space = (first.version, _segment(fleet, source, position))
            for low, high in runs(source.indexes):
                reach = min(int(first) + high, int(subnet.broadcast_address))
                yield claim(space, int(first) + low, reach, fleet, source, position)


def _mac_claims(fleet: Fleet) -> Iterator[Claim]:
    for position, network in enumerate(fleet.networks):
        first = network.first_mac
        if first is None or fleet.allow_duplicate_macs:
            continue
        for source in fleet.sources:
            for low, high in runs(source.indexes):
                yield claim("mac", first + low, first + high, fleet, source, position)


def _repeated_source_macs(fleets: Iterable[Fleet]) -> Iterator[Finding]:
    clones: Counter[Hashable] = Counter()
    for fleet in fleets:
        if fleet.allow_duplicate_macs:
            continue
        for position, network in enumerate(fleet.networks):
            if network.mac != SOURCE:
                continue
            for source in fleet.sources:
                place = (fleet.datacenter, source.vm, position, _segment(fleet, source, position))
                before, added = clones[place], len(source.indexes)
                clones[place] += added
                if added and before + added > 1:
                    what = f"{before + added} clones would have the MAC address of {source.vm!r} on the same network."
                    cure = 'Use "generated" or a first address, or set allow_duplicate_macs = true.'
                    yield Finding(f"{interface_place(fleet, position)}, mac", what, cure)
