# SPDX-License-Identifier: MPL-2.0
"""Checks of combinations of values: in one fleet, and across all fleets of a file.

`instant_clone.fleet.parsing` validates each single value first. The checks in this module run only on fleets
that pass this validation. Each value in such a fleet is valid and comes from the file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from instant_clone.errors import Finding
from instant_clone.fleet.addresses import GENERATED
from instant_clone.fleet.guestinfo_values import pattern_of
from instant_clone.fleet.model import Fleet, Network
from instant_clone.fleet.network_checks import network_findings, network_findings_across
from instant_clone.fleet.patterns import placeholders, split_placeholder
from instant_clone.inventory_names import finder_pattern, plain_name

__all__ = ["findings_across", "fleet_findings"]

_LONGEST_VM_NAME = 80
# vSphere stores these characters as %2f, %5c and %25.
_NOT_IN_VM_NAMES = "/\\%"


def fleet_findings(fleet: Fleet) -> Iterator[Finding]:
    """Yield the findings that need only one fleet."""
    yield from _source_findings(fleet)
    yield from _placement_findings(fleet)
    yield from _list_findings(fleet)
    yield from _name_findings(fleet)
    yield from network_findings(fleet)
    yield from _guestinfo_findings(fleet)


def _source_findings(fleet: Fleet) -> Iterator[Finding]:
    """Yield findings about the list of sources.

    - The list is empty.
    - A source has both count and members, or neither.
    - Two sources have the same key or the same index.
    """
    table = f"[[fleets.{fleet.name}.sources]]"
    if not fleet.sources:
        yield Finding(
            f"[fleets.{fleet.name}] sources", "the list is empty.", f"Add a [[fleets.{fleet.name}.sources]] table."
        )
    keys = [source.key for source in fleet.sources]
    for position, source in enumerate(fleet.sources):
        where = f"{table} number {position + 1}"
        several = len(fleet.sources) > 1
        if several:
            if "key" not in source.model_fields_set:
                what = "is required if the fleet has several sources."
                cure = 'Add a unique key. Use key = "vm" for a source that had no key as the only source of the fleet.'
                yield Finding(f"{where}, key", what, cure)
            elif source.key in keys[:position]:
                yield Finding(f"{where}, key", f"{source.key!r} is the key of another source.", "Use a unique key.")
        if several and source.count is not None:
            cure = 'Use members = "0-9", and different indexes for each source.'
            yield Finding(f"{where}, count", "is valid only if the fleet has one source.", cure)
        elif (source.count is None) == (source.members is None):
            cure = 'Set count = 10 or members = "0-9".'
            yield Finding(where, "exactly one of count and members is required.", cure)
    indexes = Counter(index for source in fleet.sources if source.count is None for index in source.indexes)
    if twice := [index for index, times in indexes.items() if times > 1]:
        yield Finding(
            f"{table} members", f"index {min(twice)} is in several sources.", "Assign each index to one source."
        )


def _placement_findings(fleet: Fleet) -> Iterator[Finding]:
    """Yield findings about datastore, resource pool and folder.

    - A required key is missing, or two keys exclude each other.
    - The stock provider cannot handle the name of an object.
    """
    table = f"[fleets.{fleet.name}]"
    if fleet.datastore is None and fleet.datastore_cluster is None:
        yield Finding(f"{table} datastore", "is missing.", "Set datastore or datastore_cluster.")
    elif fleet.datastore is not None and fleet.datastore_cluster is not None:
        what = "cannot be used together with datastore."
        yield Finding(f"{table} datastore_cluster", what, "Remove datastore or datastore_cluster.")
    if fleet.pin and fleet.cluster is None:
        what = f"the clones cannot be pinned because {fleet.resource_pool!r} does not contain the cluster."
        yield Finding(f"{table} resource_pool", what, 'Use "CLUSTER/Resources", or set pin = false.')
    if "]" in (fleet.datastore or ""):
        # For "[ssd[1]] web-0/web-0.vmx", govmomi returns the datastore "ssd[1" (object/datastore_path.go, FromString).
        what = f"the stock provider cannot read VMs on {fleet.datastore!r} because the name contains a closing bracket."
        yield Finding(f"{table} datastore", what, "Rename the datastore, or use another datastore.")
    if fleet.create_folder:
        if not fleet.folder:
            yield Finding(f"{table} folder", "is required if create_folder is true.", "Set folder to a name or path.")
        elif "%" in (name := fleet.folder.rpartition("/")[2]):
            # vCenter escapes the name a second time. Terraform rejects the apply, because the path in vCenter differs.
            what = f"the stock provider cannot create {plain_name(name)!r} because vCenter escapes %, / and \\."
            cure = "Use another name, or create the folder in vCenter and remove create_folder."
            yield Finding(f"{table} folder", what, cure)
        elif name != name.strip():
            # The folder then has another path than the plan (issue 1699 of the stock provider).
            what = f"vCenter removes the whitespace at the start and the end of {name!r}."
            yield Finding(f"{table} folder", what, "Use a name without this whitespace.")
        elif finder_pattern(fleet.datacenter) != fleet.datacenter:
            # resource_vsphere_folder.go and folder_helper.go look up the datacenter by its path.
            what = (
                f"the stock provider cannot create a folder in {fleet.datacenter!r} because it interprets the name of "
                "the datacenter as a pattern."
            )
            yield Finding(f"{table} create_folder", what, "Create the folder in vCenter, and remove create_folder.")


def _list_findings(fleet: Fleet) -> Iterator[Finding]:
    """Yield findings about duplicates in tags and ignore_changes."""
    for key, values in (("tags", fleet.tags), ("ignore_changes", fleet.ignore_changes)):
        for value, times in Counter(values).items():
            if times > 1:
                yield Finding(f"[fleets.{fleet.name}] {key}", f"{value!r} is listed {times} times.", "List it once.")


def _name_findings(fleet: Fleet) -> Iterator[Finding]:
    """Yield a finding about the first clone name that vSphere rejects or that two clones have."""
    where = f"[fleets.{fleet.name}] names"
    # _source_findings reports an index in two sources. It is not an error of the pattern.
    indexes = {index for source in fleet.sources for index in source.indexes}
    taken: set[str] = set()
    for name in map(fleet.clone_name, sorted(indexes)):
        if name in taken:
            cure = 'Add {index} to the pattern, as in "{fleet}-{index}".'
            yield Finding(where, f"{name!r} would be the name of several clones.", cure)
            return
        if len(name) > _LONGEST_VM_NAME:
            what = f"{name!r} has {len(name)} characters; a VM name has at most {_LONGEST_VM_NAME}."
            yield Finding(where, what, "Shorten the pattern.")
            return
        if set(name) & set(_NOT_IN_VM_NAMES):
            what = f"{name!r} contains /, \\ or %, which the stock provider does not support in VM names."
            yield Finding(where, what, "Remove these characters from the pattern.")
            return
        if not name.isprintable() or name != name.strip():
            what = f"{name!r} contains a non-printable character, or starts or ends with whitespace."
            yield Finding(where, what, "Remove these characters from the pattern.")
            return
        taken.add(name)


def _guestinfo_findings(fleet: Fleet) -> Iterator[Finding]:
    """Yield findings about guestinfo placeholders without a value in the fleet."""
    for key, value in fleet.guestinfo.items():
        for placeholder in placeholders(pattern_of(value)):
            if parts := split_placeholder(placeholder):
                missing = _missing_value(fleet, *parts)
                if missing is not None:
                    what, cure = missing
                    yield Finding(f"[fleets.{fleet.name}.guestinfo] {key}", f"{{{placeholder}}} {what}", cure)


def _missing_value(fleet: Fleet, number: int | None, attribute: str) -> tuple[str, str] | None:
    """Return why `attribute` of a network interface has no value, and the cure. Return None if there is a value."""
    networks, table = fleet.networks, f"fleets.{fleet.name}.networks"
    position = fleet.interface_of(number, attribute)
    where = f"a [[{table}]] table" if position is None else f"[[{table}]] number {position + 1}"
    if position is not None and position >= len(networks):
        return f"refers to an interface without a table; the number of tables is {len(networks)}.", f"Add {where}."
    network = Network() if position is None else networks[position]
    if attribute == "mac":
        if network.mac == GENERATED:
            cure = f'Set mac to a first address, such as mac = "00:50:56:00:00:00", in {where}.'
            return "has no value at synth because vCenter generates the MAC address.", cure
    elif not network.planned:
        return "requires an address plan.", f"Set cidr and first in {where}."
    elif attribute == "gateway" and network.gateway is None:
        return "requires a gateway.", f"Set gateway in {where}."
    elif attribute == "dns" and not network.dns:
        return "requires a DNS server.", f"Set dns in {where}."
    return None


def findings_across(fleets: Sequence[Fleet]) -> Iterator[Finding]:
    """Yield the findings that need all fleets of a file.

    - Two clones have the same name in the same folder.
    - Two stacks create the same folder.
    - Two VMs have the same record.
    - Two members have the same IP or MAC address.
    """
    yield from _names(fleets)
    yield from _folders(fleets)
    yield from _records(fleets)
    yield from network_findings_across(fleets)


def _names(fleets: Sequence[Fleet]) -> Iterator[Finding]:
    names: dict[tuple[str, str, str], str] = {}
    for fleet in fleets:
        clones = {
            (fleet.datacenter.strip("/"), fleet.folder, fleet.clone_name(index))
            for source in fleet.sources
            for index in source.indexes
        }
        if clash := min(clones & names.keys(), default=None):
            what = f"the fleet {names[clash]} also has a clone {clash[2]!r} in the same folder."
            yield Finding(f"[fleets.{fleet.name}] names", what, "Use another pattern or another folder.")
        names.update(dict.fromkeys(clones, fleet.name))


def _folders(fleets: Sequence[Fleet]) -> Iterator[Finding]:
    owners: dict[tuple[str, str], str] = {}
    for fleet in fleets:
        if not fleet.create_folder:
            continue
        owner = owners.setdefault((fleet.datacenter.strip("/"), fleet.folder), fleet.name)
        if owner != fleet.name:
            what = f"the fleet {owner} also creates {fleet.folder!r}. A destroy of that fleet would delete the folder."
            cure = "Set create_folder = false in one of the fleets, or use another folder."
            yield Finding(f"[fleets.{fleet.name}] create_folder", what, cure)


def _records(fleets: Sequence[Fleet]) -> Iterator[Finding]:
    records: dict[PurePosixPath, tuple[str, str]] = {}
    for fleet in fleets:
        keys = Counter(source.key for source in fleet.sources)
        for source in fleet.sources:
            if source.record is None and keys[source.key] > 1:
                continue  # _source_findings reports the duplicate key
            path, vm = fleet.record_path(source), (fleet.datacenter, source.vm)
            # Some file systems are case-insensitive.
            if records.setdefault(PurePosixPath(str(path).casefold()), vm) != vm:
                what = f"{path} is also the record of another VM."
                yield Finding(f"[[fleets.{fleet.name}.sources]] record", what, "Use a different file for each VM.")
