# SPDX-License-Identifier: MPL-2.0
"""What the values of one fleet say together, and what the fleets of a file do.

Only fleets whose values are sound by themselves come here: what stands in them is what the file says.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import PurePosixPath

from instant_clone.errors import Finding
from instant_clone.fleet.addresses import GENERATED
from instant_clone.fleet.model import Fleet
from instant_clone.fleet.network_checks import network_findings, network_findings_across
from instant_clone.fleet.patterns import placeholders, split_placeholder
from instant_clone.inventory_names import finder_pattern, plain_name

__all__ = ["findings_across", "fleet_findings"]

# vSphere's longest VM name, and the characters that it writes as %2f, %5c and %25.
_LONGEST_VM_NAME = 80
_NOT_IN_VM_NAMES = "/\\%"


def fleet_findings(fleet: Fleet) -> Iterator[Finding]:
    """What is wrong with a fleet by itself."""
    for check in _CHECKS:
        yield from check(fleet)


def _source_findings(fleet: Fleet) -> Iterator[Finding]:
    """Sources that are missing, counted in no way or in two, or not told apart."""
    table = f"[[fleets.{fleet.name}.sources]]"
    if not fleet.sources:
        yield Finding(
            f"[fleets.{fleet.name}] sources", "there is no source.", f"Begin one with [[fleets.{fleet.name}.sources]]."
        )
    keys = [source.key for source in fleet.sources]
    for position, source in enumerate(fleet.sources):
        where = f"{table} number {position + 1}"
        several = len(fleet.sources) > 1
        if several:
            if "key" not in source.model_fields_set:
                cure = 'Each of several sources needs a key of its own; one that stood alone without has been "vm".'
                yield Finding(f"{where}, key", "is missing.", cure)
            elif source.key in keys[:position]:
                yield Finding(f"{where}, key", f"{source.key!r} is the key of another source.", "Choose another one.")
        if several and source.count is not None:
            cure = 'Write members = "0-9", and other indexes for the other sources.'
            yield Finding(f"{where}, count", "is only for a fleet's single source.", cure)
        elif (source.count is None) == (source.members is None):
            cure = 'Write count = 10, or members = "0-9".'
            yield Finding(where, "count or members is needed, and only one of them.", cure)
    indexes = Counter(index for source in fleet.sources if source.count is None for index in source.indexes)
    if twice := [index for index, times in indexes.items() if times > 1]:
        yield Finding(
            f"{table} members", f"index {min(twice)} belongs to two sources.", "Give each index to one source."
        )


def _placement_findings(fleet: Fleet) -> Iterator[Finding]:
    """Places that are missing, or said twice."""
    table = f"[fleets.{fleet.name}]"
    if fleet.datastore is None and fleet.datastore_cluster is None:
        yield Finding(f"{table} datastore", "is missing.", "Name a datastore, or a datastore_cluster.")
    elif fleet.datastore is not None and fleet.datastore_cluster is not None:
        what = "stands beside datastore; clones go to one or the other."
        yield Finding(f"{table} datastore_cluster", what, "Take one of them out.")
    if fleet.pin and fleet.cluster is None:
        what = f"the clones cannot be pinned: {fleet.resource_pool!r} does not tell the cluster."
        yield Finding(f"{table} resource_pool", what, 'Write it as "CLUSTER/Resources", or pin = false.')
    if "]" in (fleet.datastore or ""):
        # object/datastore_path.go, FromString: of "[ssd[1]] web-0/web-0.vmx" it reads the datastore "ssd[1".
        what = f"the stock provider cannot read a VM on {fleet.datastore!r}, whose name has a closing bracket."
        yield Finding(f"{table} datastore", what, "Rename the datastore, or name another one.")
    if fleet.create_folder:
        if not fleet.folder:
            yield Finding(f"{table} folder", "is missing, but create_folder = true asks for it.", "Name the folder.")
        elif "%" in (name := fleet.folder.rpartition("/")[2]):
            # vCenter escapes the name once more, and Terraform refuses a path that is read back otherwise.
            what = f"the stock provider cannot make {plain_name(name)!r}, as vCenter stores %, / and \\ as escapes."
            yield Finding(
                f"{table} folder", what, "Choose another name, or make the folder and leave out create_folder."
            )
        elif finder_pattern(fleet.datacenter) != fleet.datacenter:
            # resource_vsphere_folder.go looks the datacenter up by its path, and so does folder_helper.go.
            what = (
                f"the stock provider cannot make a folder in {fleet.datacenter!r}, whose name it takes for a pattern."
            )
            yield Finding(f"{table} create_folder", what, "Make the folder, and leave out create_folder.")


def _list_findings(fleet: Fleet) -> Iterator[Finding]:
    """Tags and arguments that stand in their list twice."""
    for key, values in (("tags", fleet.tags), ("ignore_changes", fleet.ignore_changes)):
        for value, times in Counter(values).items():
            if times > 1:
                yield Finding(f"[fleets.{fleet.name}] {key}", f"{value!r} is named twice.", "Name it once.")


def _name_findings(fleet: Fleet) -> Iterator[Finding]:
    """The first of the names that vSphere would refuse, or that stands for two clones."""
    where = f"[fleets.{fleet.name}] names"
    # The same index in two sources is found elsewhere: here it must not look like a fault of the pattern.
    indexes = {index for source in fleet.sources for index in source.indexes}
    taken: set[str] = set()
    for name in map(fleet.clone_name, sorted(indexes)):
        if name in taken:
            cure = 'Put {index} into the pattern, as in "{fleet}-{index}".'
            yield Finding(where, f"{name!r} would be the name of several clones.", cure)
            return
        if len(name) > _LONGEST_VM_NAME:
            what = f"{name!r} has {len(name)} characters; the name of a VM has at most {_LONGEST_VM_NAME}."
            yield Finding(where, what, "Shorten the pattern.")
            return
        if set(name) & set(_NOT_IN_VM_NAMES):
            yield Finding(where, f"{name!r} cannot be the name of a VM.", "Leave out / \\ and %.")
            return
        if not name.isprintable() or name != name.strip():
            what = f"{name!r} cannot be the name of a VM."
            yield Finding(where, what, "Leave out line breaks and the like, and blanks at its ends.")
            return
        taken.add(name)


def _guestinfo_findings(fleet: Fleet) -> Iterator[Finding]:
    """Placeholders that nothing in the fleet gives a value to."""
    for key, pattern in fleet.guestinfo.items():
        for placeholder in placeholders(pattern):
            if parts := split_placeholder(placeholder):
                wrong = _without_value(fleet, *parts)
                if wrong is not None:
                    what, cure = wrong
                    yield Finding(f"[fleets.{fleet.name}.guestinfo] {key}", f"{{{placeholder}}} {what}", cure)


def _without_value(fleet: Fleet, number: int | None, attribute: str) -> tuple[str, str] | None:
    """Why an interface's property is not known, and the cure; None if it is."""
    networks, table = fleet.networks, f"fleets.{fleet.name}.networks"
    position = fleet.interface_of(number, attribute)
    if position is None and attribute == "mac":
        cure = f'Write mac = "00:50:56:00:00:00", or another first address, in a [[{table}]].'
        return "is not known at synth: vCenter generates the address.", cure
    if position is None:
        return "has no address plan behind it.", f"Give cidr and first in a [[{table}]]."
    where = f"[[{table}]] number {position + 1}"
    if position >= len(networks):
        return f"is about an interface that has no table: there are {len(networks)}.", f"Add {where}."
    network = networks[position]
    if attribute == "mac":
        if network.mac == GENERATED:
            cure = f'Write mac = "00:50:56:00:00:00", or another first address, in {where}.'
            return "is not known at synth: vCenter generates the address.", cure
    elif not network.planned:
        return "has no address plan behind it.", f"Give cidr and first in {where}."
    elif attribute == "gateway" and network.gateway is None:
        return "has no gateway behind it.", f"Give gateway in {where}."
    elif attribute == "dns" and not network.dns:
        return "has no name server behind it.", f"Give dns in {where}."
    return None


def findings_across(fleets: Sequence[Fleet]) -> Iterator[Finding]:
    """Two clones of one name in one folder, one folder of two stacks, one record for two VMs, one address twice."""
    yield from _names(fleets)
    yield from _folders(fleets)
    yield from _records(fleets)
    yield from network_findings_across(fleets)


def _names(fleets: Sequence[Fleet]) -> Iterator[Finding]:
    names: dict[tuple[str, str, str], str] = {}
    for fleet in fleets:
        own = {
            (fleet.datacenter.strip("/"), fleet.folder, fleet.clone_name(index))
            for source in fleet.sources
            for index in source.indexes
        }
        if clash := min(own & names.keys(), default=None):
            what = f"{clash[2]!r} is also a clone of the fleet {names[clash]}, in the same folder."
            yield Finding(f"[fleets.{fleet.name}] names", what, "Choose another pattern or another folder.")
        names.update(dict.fromkeys(own, fleet.name))


def _folders(fleets: Sequence[Fleet]) -> Iterator[Finding]:
    owners: dict[tuple[str, str], str] = {}
    for fleet in fleets:
        if not fleet.create_folder:
            continue
        owner = owners.setdefault((fleet.datacenter.strip("/"), fleet.folder), fleet.name)
        if owner != fleet.name:
            what = f"the fleet {owner} makes {fleet.folder!r} already, and would remove it under these clones."
            cure = "Let one of them make it: create_folder = false here, or another folder."
            yield Finding(f"[fleets.{fleet.name}] create_folder", what, cure)


def _records(fleets: Sequence[Fleet]) -> Iterator[Finding]:
    records: dict[PurePosixPath, tuple[str, str]] = {}
    for fleet in fleets:
        keys = Counter(source.key for source in fleet.sources)
        for source in fleet.sources:
            if source.record is None and keys[source.key] > 1:
                continue  # the key is at fault, and is told elsewhere
            path, vm = fleet.record_path(source), (fleet.datacenter, source.vm)
            # Capitals do not tell files apart everywhere.
            if records.setdefault(PurePosixPath(str(path).casefold()), vm) != vm:
                what = f"{path} would hold the record of another VM as well."
                yield Finding(f"[[fleets.{fleet.name}.sources]] record", what, "Name a file of its own.")


_CHECKS: tuple[Callable[[Fleet], Iterator[Finding]], ...] = (
    _source_findings,
    _placement_findings,
    _list_findings,
    _name_findings,
    network_findings,
    _guestinfo_findings,
)
