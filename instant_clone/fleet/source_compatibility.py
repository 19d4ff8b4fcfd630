# SPDX-License-Identifier: MPL-2.0
"""Checks whether a fleet is compatible with the hardware of its source VMs.

The checks use no connection to vCenter, and the power state of a source has no effect. The findings are therefore the
same for a live source and for its record.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from instant_clone.errors import Finding
from instant_clone.fleet import Fleet, FleetFile, Source
from instant_clone.fleet.addresses import mac_number
from instant_clone.fleet.guestinfo_values import encoding_of
from instant_clone.fleet.members import guestinfo
from instant_clone.fleet.network_checks import Interface, clash_findings, interface_place
from instant_clone.impact import power_cycles
from instant_clone.inventory_names import managed_object_id
from instant_clone.stock_provider.devices import MOST_INTERFACES
from instant_clone.vm.source_vm import Nic, SourceVm

__all__ = ["fitting_findings", "fitting_findings_across"]

LONGEST_WINDOWS_NAME = 15
"""The maximum length of the NetBIOS name of a Windows computer."""
LONGEST_LABEL = 63
LONGEST_HOST_NAME = 253
"""The maximum lengths of a label and of a host name (RFC 1123, 2.1, and RFC 1035, 2.3.4)."""
_MAC = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}")
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?")


def fitting_findings(fleet: Fleet, source_vms: Mapping[str, SourceVm]) -> list[Finding]:
    """Return the findings about values of `fleet` that its sources do not support.

    `source_vms` contains the source VMs by the keys of the sources. `instant_clone.fleet.load` must accept `fleet`.
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
    """Return the findings about IP and MAC addresses that two fleets would have.

    `sources` contains the source VMs by the name of the fleet and the key of the source. The source VM determines the
    network of an interface if the file does not set a network.
    """
    clones = [
        (fleet, source, sources[name, source.key])
        for name, fleet in fleet_file.fleets.items()
        for source in fleet.sources
    ]
    return list(_clashes(clones, among_fleets=True))


def _tables_without_interface(fleet: Fleet, source_vm: SourceVm) -> Iterator[Finding]:
    for position in range(len(source_vm.nics), len(fleet.networks)):
        what = f"{source_vm.inventory_path} has only {_interface_count(source_vm)}."
        cure = f"Remove the table, or add an interface with [[fleets.{fleet.name}.changes.networks]]."
        yield Finding(interface_place(fleet, position), what, cure)


def _name_of_the_source(fleet: Fleet, source_vm: SourceVm) -> Iterator[Finding]:
    folder, _, name = source_vm.inventory_path.rpartition("/")
    clone_folder = "/".join(filter(None, (fleet.datacenter.strip("/"), "vm", fleet.folder)))
    # fleets.toml can omit the folder of a datacenter.
    if f"/{folder}".endswith(f"/{clone_folder}") and any(
        fleet.clone_name(index) == name for source in fleet.sources for index in source.indexes
    ):
        what = f"{name!r} is the name of the source {source_vm.inventory_path} in the same folder."
        yield Finding(f"[fleets.{fleet.name}] names", what, "Use another pattern or another folder.")


def _changes(fleet: Fleet, source_vm: SourceVm) -> Iterator[Finding]:
    changes, table = fleet.changes, f"fleets.{fleet.name}.changes"
    yield from _growth(f"[{table}] num_cpus", changes.num_cpus, source_vm.cpu.count, source_vm)
    yield from _growth(f"[{table}] memory", changes.memory, source_vm.memory.size_mb, source_vm)
    cores = source_vm.cpu.cores_per_socket
    if changes.num_cpus and not source_vm.cpu.auto_cores_per_socket and cores > 1 and changes.num_cpus % cores:
        what = f"{changes.num_cpus} is not a multiple of {cores}, the cores per socket of {source_vm.inventory_path}."
        yield Finding(f"[{table}] num_cpus", what, f"Use a multiple of {cores}.")
    if changes.networks and len(source_vm.nics) + len(changes.networks) > MOST_INTERFACES:
        what = f"{source_vm.inventory_path} has {_interface_count(source_vm)}; a VM has at most {MOST_INTERFACES}."
        yield Finding(f"[[{table}.networks]]", what, "Add fewer interfaces.")


def _growth(where: str, requested: int | None, current: int, source_vm: SourceVm) -> Iterator[Finding]:
    """Yield a finding if `requested` is lower than `current`, or is higher and the source has no hot add."""
    if requested is None or requested == current:
        return
    argument = where.rpartition(" ")[2]
    hardware = f"{source_vm.inventory_path} has {current}{' MB' if argument == 'memory' else ''}"
    if requested < current:
        what = f"{hardware}; a lower value requires a power cycle."
        yield Finding(where, what, "Use a higher value, or remove the key.")
        return
    settings = {
        "cpu_hot_add_enabled": source_vm.cpu.hot_add_enabled,
        "memory_hot_add_enabled": source_vm.memory.hot_add_enabled,
    }
    for change in power_cycles({**settings, argument: current}, {**settings, argument: requested}):
        cure = "Enable hot add on the source while it is powered off, or remove the key."
        yield Finding(where, f"{hardware}; a higher value requires a power cycle. {change.why}", cure)


def _host_names(fleet: Fleet, source: Source, source_vm: SourceVm) -> Iterator[Finding]:
    names = {
        key: value
        for key, value in fleet.guestinfo.items()
        if key.lower().endswith("hostname") and encoding_of(value) is None
    }
    # The check needs no other guestinfo values.
    host_names = guestinfo(fleet.model_copy(update={"guestinfo": names}), source, source_vm)
    windows = source_vm.guest_id.lower().startswith("win")
    reported: set[str] = set()
    for index in source.indexes if names else ():
        for key, name in host_names(index).items():
            error = _windows_name_error(name) if windows else _host_name_error(name)
            if error and key not in reported:
                reported.add(key)
                problem, cure = error
                what = f"{name!r}, the host name of {fleet.clone_name(index)}, {problem}"
                yield Finding(f"[fleets.{fleet.name}.guestinfo] {key}", what, cure)


def _windows_name_error(name: str) -> tuple[str, str] | None:
    if len(name) > LONGEST_WINDOWS_NAME:
        what = f"has {len(name)} characters; a Windows host name has at most {LONGEST_WINDOWS_NAME}."
        return what, "Shorten the host name."
    if not _LABEL.fullmatch(name) or name.isdecimal():
        what = "is not a valid Windows host name."
        return what, "Use letters, digits and -. Do not start or end with -, and do not use only digits."
    return None


def _host_name_error(name: str) -> tuple[str, str] | None:
    if len(name) <= LONGEST_LABEL and _LABEL.fullmatch(name):
        # A fleet can have thousands of host names, and almost all of them are valid.
        return None
    labels = name.split(".")
    if len(name) > LONGEST_HOST_NAME or any(len(label) > LONGEST_LABEL for label in labels):
        what = f"is too long; the limit is {LONGEST_LABEL} characters per label and {LONGEST_HOST_NAME} in total."
        return what, "Shorten the host name."
    if not all(map(_LABEL.fullmatch, labels)):
        cure = "Use letters, digits and -, with dots between the labels. Do not start or end a label with -."
        return "is not a valid host name.", cure
    return None


def _macs_of_the_source(fleet: Fleet, source: Source, source_vm: SourceVm) -> Iterator[Finding]:
    indexes = frozenset(source.indexes)
    for position, network in enumerate(fleet.networks):
        first = network.first_mac
        if first is None or fleet.allow_duplicate_macs:
            continue
        for nic in source_vm.nics:
            mac = _mac(nic)
            if mac is not None and mac - first in indexes:
                what = f"member {mac - first} would get {nic.mac_address}, a MAC address of {source_vm.inventory_path}."
                yield Finding(f"{interface_place(fleet, position)}, mac", what, "Use another first address.")


_Clone = tuple[Fleet, Source, SourceVm]


def _clashes(clones: Iterable[_Clone], *, among_fleets: bool) -> Iterator[Finding]:
    interfaces = [
        Interface(fleet, source, position, _segment(fleet, nic, position), _mac(nic))
        for fleet, source, source_vm in clones
        for position, nic in enumerate(source_vm.nics[: len(fleet.networks)])
    ]
    return clash_findings(
        interfaces, interfaces, lambda one, other: (one.fleet.name != other.fleet.name) == among_fleets
    )


def _segment(fleet: Fleet, nic: Nic, position: int) -> tuple[str, str]:
    """Return the datacenter and the network of an interface. The default is the network of the source."""
    name = fleet.networks[position].network
    if name is None or managed_object_id(name) == nic.network_id:
        name = nic.network_name
    return fleet.datacenter.strip("/"), name.rsplit("/", 1)[-1]


def _mac(nic: Nic) -> int | None:
    """Return the MAC address of the interface as a number, or None if the interface has no valid MAC address."""
    return mac_number(nic.mac_address) if _MAC.fullmatch(nic.mac_address) else None


def _interface_count(source_vm: SourceVm) -> str:
    count = len(source_vm.nics)
    return f"{count} network interface{'' if count == 1 else 's'}"
