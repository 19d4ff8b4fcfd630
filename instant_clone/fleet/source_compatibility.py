# SPDX-License-Identifier: MPL-2.0
"""Whether a fleet fits its sources: what only somebody who knows the source VM can see.

Nothing here connects anywhere, and run state plays no part, so the findings are the same with a record.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from instant_clone.errors import Finding
from instant_clone.fleet import Fleet, FleetFile, Source
from instant_clone.fleet.addresses import SOURCE, ip_of, mac_number, runs
from instant_clone.fleet.members import guestinfo
from instant_clone.fleet.network_checks import Claim, Clash, address_clash, claim, clashes, interface_place, mac_clash
from instant_clone.impact import power_cycles
from instant_clone.stock_provider.devices import MOST_INTERFACES
from instant_clone.vm.source_vm import Nic, SourceVm

__all__ = ["fitting_findings", "fitting_findings_across"]

LONGEST_WINDOWS_NAME = 15
"""of a computer's NetBIOS name"""
LONGEST_LABEL = 63
LONGEST_HOST_NAME = 253
"""RFC 1123, 2.1, and RFC 1035, 2.3.4"""
_MAC = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}")
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?")


def fitting_findings(fleet: Fleet, source_vms: Mapping[str, SourceVm]) -> list[Finding]:
    """What of `fleet` its sources cannot have; `source_vms` are the VMs by the sources' keys.

    `fleet` is one that `instant_clone.fleet.load` accepts.
    """
    findings: list[Finding] = []
    for source in fleet.sources:
        source_vm = source_vms[source.key]
        unmatched = list(_tables_without_interface(fleet, source_vm))
        findings += (*unmatched, *_name_of_the_source(fleet, source_vm), *_changes(fleet, source_vm))
        findings += _macs_of_the_source(fleet, source, source_vm)
        if not unmatched:
            findings += _host_names(fleet, source, source_vm)
    findings += _clashes([(fleet, source, source_vms[source.key]) for source in fleet.sources], among_fleets=False)
    return list(dict.fromkeys(findings))


def fitting_findings_across(fleet_file: FleetFile, sources: Mapping[tuple[str, str], SourceVm]) -> list[Finding]:
    """Addresses and MAC addresses that two fleets would both have; `sources` are by fleet and source key.

    Only with the sources is it known on which network an interface is that the file names none for.
    """
    clones = [
        (fleet, source, sources[name, source.key])
        for name, fleet in fleet_file.fleets.items()
        for source in fleet.sources
    ]
    return list(_clashes(clones, among_fleets=True))


def _tables_without_interface(fleet: Fleet, source_vm: SourceVm) -> Iterator[Finding]:
    for position in range(len(source_vm.nics), len(fleet.networks)):
        what = f"{_having(source_vm)}, no more."
        cure = f"Take the table out; [[fleets.{fleet.name}.changes.networks]] adds interfaces."
        yield Finding(interface_place(fleet, position), what, cure)


def _name_of_the_source(fleet: Fleet, source_vm: SourceVm) -> Iterator[Finding]:
    folder, _, name = source_vm.inventory_path.rpartition("/")
    own = "/".join(filter(None, (fleet.datacenter.strip("/"), "vm", fleet.folder)))
    # A datacenter may be in a folder itself, which fleets.toml need not say.
    if f"/{folder}".endswith(f"/{own}") and any(
        fleet.clone_name(index) == name for source in fleet.sources for index in source.indexes
    ):
        what = f"{name!r} is the name of {source_vm.inventory_path} itself."
        yield Finding(f"[fleets.{fleet.name}] names", what, "Choose another pattern or another folder.")


def _changes(fleet: Fleet, source_vm: SourceVm) -> Iterator[Finding]:
    changes, table = fleet.changes, f"fleets.{fleet.name}.changes"
    yield from _growth(f"[{table}] num_cpus", changes.num_cpus, source_vm.cpu.count, source_vm)
    yield from _growth(f"[{table}] memory", changes.memory, source_vm.memory.size_mb, source_vm)
    cores = source_vm.cpu.cores_per_socket
    if changes.num_cpus and not source_vm.cpu.auto_cores_per_socket and cores > 1 and changes.num_cpus % cores:
        what = f"{changes.num_cpus} is not a multiple of the {cores} cores that each socket of "
        yield Finding(f"[{table}] num_cpus", f"{what}{source_vm.inventory_path} has.", "Write a multiple of it.")
    if changes.networks and len(source_vm.nics) + len(changes.networks) > MOST_INTERFACES:
        what = f"{_having(source_vm)}, and {MOST_INTERFACES} are the most."
        yield Finding(f"[[{table}.networks]]", what, "Add fewer.")


def _growth(where: str, wanted: int | None, own: int, source_vm: SourceVm) -> Iterator[Finding]:
    """A number that becomes smaller, or grows where the source was not made for it."""
    if wanted is None or wanted == own:
        return
    argument = where.rpartition(" ")[2]
    named = f"{source_vm.inventory_path} has {own}{' MB' if argument == 'memory' else ''}"
    if wanted < own:
        yield Finding(where, f"{named}; less needs a power cycle.", "Write more, or take it out.")
        return
    settings = {
        "cpu_hot_add_enabled": source_vm.cpu.hot_add_enabled,
        "memory_hot_add_enabled": source_vm.memory.hot_add_enabled,
    }
    for change in power_cycles({**settings, argument: own}, {**settings, argument: wanted}):
        cure = "Turn hot add on in the source while it is off, or take the change out."
        yield Finding(where, f"{named}; more needs a power cycle. {change.why}", cure)


def _host_names(fleet: Fleet, source: Source, source_vm: SourceVm) -> Iterator[Finding]:
    names = {key: pattern for key, pattern in fleet.guestinfo.items() if key.lower().endswith("hostname")}
    # All else that guests are told would be made for nothing.
    told = guestinfo(fleet.model_copy(update={"guestinfo": names}), source, source_vm)
    windows = source_vm.guest_id.lower().startswith("win")
    faulty: set[str] = set()
    for index in source.indexes if names else ():
        for key, name in told(index).items():
            wrong = _wrong_windows_name(name) if windows else _wrong_host_name(name)
            if wrong and key not in faulty:
                faulty.add(key)
                what = f"{name!r}, of {fleet.clone_name(index)}, {wrong[0]}"
                yield Finding(f"[fleets.{fleet.name}.guestinfo] {key}", what, wrong[1])


def _wrong_windows_name(name: str) -> tuple[str, str] | None:
    if len(name) > LONGEST_WINDOWS_NAME:
        what = f"has {len(name)} characters; a Windows guest's host name has at most {LONGEST_WINDOWS_NAME}."
        return what, "Shorten it."
    if not _LABEL.fullmatch(name) or name.isdecimal():
        what = "cannot be the host name of a Windows guest."
        return what, "Use letters, digits and -, not - at its ends, and not digits alone."
    return None


def _wrong_host_name(name: str) -> tuple[str, str] | None:
    if len(name) <= LONGEST_LABEL and _LABEL.fullmatch(name):
        # Nearly all of them, and there may be thousands.
        return None
    labels = name.split(".")
    if len(name) > LONGEST_HOST_NAME or any(len(label) > LONGEST_LABEL for label in labels):
        what = f"is too long: a host name has at most {LONGEST_LABEL} characters between its dots"
        return f"{what}, and {LONGEST_HOST_NAME} in all.", "Shorten it."
    if not all(map(_LABEL.fullmatch, labels)):
        return "cannot be a host name.", "Use letters, digits and -, not - at the ends, with dots between the labels."
    return None


def _macs_of_the_source(fleet: Fleet, source: Source, source_vm: SourceVm) -> Iterator[Finding]:
    indexes = frozenset(source.indexes)
    for position, network in enumerate(fleet.networks):
        for nic in source_vm.nics if network.first_mac is not None and not fleet.allow_duplicate_macs else ():
            index = _mac(nic) - (network.first_mac or 0)
            if index in indexes:
                what = (
                    f"{nic.mac_address} is an address of {source_vm.inventory_path} itself, and the member {index}'s."
                )
                yield Finding(f"{interface_place(fleet, position)}, mac", what, "Begin the range elsewhere.")


_Clone = tuple[Fleet, Source, SourceVm]


def _clashes(clones: Sequence[_Clone], *, among_fleets: bool) -> Iterator[Finding]:
    for claims, told in (
        (_address_claims(clones), address_clash),
        (_mac_claims(clones), mac_clash),
    ):
        for clash in clashes(claims):
            if _between_fleets(clash) == among_fleets:
                yield told(clash)


def _between_fleets(clash: Clash) -> bool:
    return clash.earlier.fleet != clash.later.fleet


def _address_claims(clones: Sequence[_Clone]) -> Iterator[Claim]:
    for fleet, source, source_vm in clones:
        for position, network in enumerate(fleet.networks[: len(source_vm.nics)]):
            if network.first is not None and network.cidr is not None:
                first = ip_of(network.first)
                space = (first.version, _segment(fleet, source_vm, position))
                for low, high in runs(source.indexes):
                    yield claim(space, int(first) + low, int(first) + high, fleet, source, position)


def _mac_claims(clones: Sequence[_Clone]) -> Iterator[Claim]:
    for fleet, source, source_vm in clones:
        if fleet.allow_duplicate_macs:
            continue
        for position, network in enumerate(fleet.networks[: len(source_vm.nics)]):
            space = ("mac", _segment(fleet, source_vm, position))
            if network.mac == SOURCE:
                mac = _mac(source_vm.nics[position])
                if source.indexes and mac >= 0:
                    yield claim(space, mac, mac, fleet, source, position)
            elif network.first_mac is not None:
                first = network.first_mac
                for low, high in runs(source.indexes):
                    yield claim(space, first + low, first + high, fleet, source, position)


def _segment(fleet: Fleet, source_vm: SourceVm, position: int) -> tuple[str, str]:
    """The network of an interface: what the file names, else what the source's interface is on."""
    name = fleet.networks[position].network or source_vm.nics[position].network_name
    return fleet.datacenter.strip("/"), name.rsplit("/", 1)[-1]


def _mac(nic: Nic) -> int:
    """The interface's MAC address as a number; -1, which is none, for one that is no address."""
    return mac_number(nic.mac_address) if _MAC.fullmatch(nic.mac_address) else -1


def _having(source_vm: SourceVm) -> str:
    count = len(source_vm.nics)
    return f"{source_vm.inventory_path} has {count} network interface{'' if count == 1 else 's'}"
