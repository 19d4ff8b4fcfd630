# SPDX-License-Identifier: MPL-2.0
"""What the values of one fleet say together: sources, placement, names and guestinfo."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from instant_clone.errors import Finding
from instant_clone.fleet.address_plan import interface_of
from instant_clone.fleet.addresses import GENERATED
from instant_clone.fleet.lenient_parsing import Draft
from instant_clone.fleet.patterns import placeholders, split_placeholder
from instant_clone.fleet.tables import Network
from instant_clone.inventory_names import finder_pattern, plain_name

__all__ = ["guestinfo_findings", "list_findings", "name_findings", "placement_findings", "source_findings"]

# vSphere's longest VM name, and the characters that it writes as %2f, %5c and %25.
_LONGEST_VM_NAME = 80
_NOT_IN_VM_NAMES = "/\\%"


def source_findings(draft: Draft) -> Iterator[Finding]:
    """Sources that are missing, counted in no way or in two, or not told apart."""
    fleet = draft.fleet
    table = f"[[fleets.{fleet.name}.sources]]"
    if not fleet.sources and draft.sound("sources"):
        yield Finding(
            f"[fleets.{fleet.name}] sources", "there is no source.", f"Begin one with [[fleets.{fleet.name}.sources]]."
        )
    keys = [source.key for source in fleet.sources]
    for position, source in enumerate(fleet.sources):
        where = f"{table} number {position + 1}"
        several = len(fleet.sources) > 1
        counted = draft.sound("sources", position, "count") and draft.sound("sources", position, "members")
        if several and draft.sound("sources", position, "key"):
            if "key" not in source.model_fields_set:
                cure = 'Each of several sources needs a key of its own; one that stood alone without has been "vm".'
                yield Finding(f"{where}, key", "is missing.", cure)
            elif source.key in keys[:position]:
                yield Finding(f"{where}, key", f"{source.key!r} is the key of another source.", "Choose another one.")
        if several and source.count is not None:
            cure = 'Write members = "0-9", and other indexes for the other sources.'
            yield Finding(f"{where}, count", "is only for a fleet's single source.", cure)
        elif counted and (source.count is None) == (source.members is None):
            cure = 'Write count = 10, or members = "0-9".'
            yield Finding(where, "count or members is needed, and only one of them.", cure)
    indexes = Counter(index for source in fleet.sources if source.count is None for index in source.indexes)
    if twice := [index for index, times in indexes.items() if times > 1]:
        yield Finding(
            f"{table} members", f"index {min(twice)} belongs to two sources.", "Give each index to one source."
        )


def placement_findings(draft: Draft) -> Iterator[Finding]:
    """Places that are missing, or said twice."""
    fleet = draft.fleet
    table = f"[fleets.{fleet.name}]"
    if draft.sound("datastore") and draft.sound("datastore_cluster"):
        if fleet.datastore is None and fleet.datastore_cluster is None:
            yield Finding(f"{table} datastore", "is missing.", "Name a datastore, or a datastore_cluster.")
        elif fleet.datastore is not None and fleet.datastore_cluster is not None:
            what = "stands beside datastore; clones go to one or the other."
            yield Finding(f"{table} datastore_cluster", what, "Take one of them out.")
    if fleet.pin and fleet.cluster is None and draft.sound("pin"):
        what = f"the clones cannot be pinned: {fleet.resource_pool!r} does not tell the cluster."
        yield Finding(f"{table} resource_pool", what, 'Write it as "CLUSTER/Resources", or pin = false.')
    if "]" in (fleet.datastore or ""):
        # object/datastore_path.go, FromString: of "[ssd[1]] web-0/web-0.vmx" it reads the datastore "ssd[1".
        what = f"the stock provider cannot read a VM on {fleet.datastore!r}, whose name has a closing bracket."
        yield Finding(f"{table} datastore", what, "Rename the datastore, or name another one.")
    if fleet.create_folder and draft.sound("folder"):
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


def list_findings(draft: Draft) -> Iterator[Finding]:
    """Tags and arguments that stand in their list twice."""
    fleet = draft.fleet
    for key, values in (("tags", fleet.tags), ("ignore_changes", fleet.ignore_changes)):
        for value, times in Counter(values).items():
            if times > 1:
                yield Finding(f"[fleets.{fleet.name}] {key}", f"{value!r} is named twice.", "Name it once.")


def name_findings(draft: Draft) -> Iterator[Finding]:
    """The first of the names that vSphere would refuse, or that stands for two clones."""
    fleet = draft.fleet
    if not (draft.sound("names") and draft.sound("name")):
        return
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


def guestinfo_findings(draft: Draft) -> Iterator[Finding]:
    """Placeholders that nothing in the fleet gives a value to."""
    fleet = draft.fleet
    if not draft.sound("networks"):
        return
    for key, pattern in fleet.guestinfo.items():
        for placeholder in placeholders(pattern):
            if parts := split_placeholder(placeholder):
                wrong = _without_value(fleet.networks, f"fleets.{fleet.name}.networks", *parts)
                if wrong is not None:
                    what, cure = wrong
                    yield Finding(f"[fleets.{fleet.name}.guestinfo] {key}", f"{{{placeholder}}} {what}", cure)


def _without_value(
    networks: tuple[Network, ...], table: str, number: int | None, attribute: str
) -> tuple[str, str] | None:
    """Why an interface's property is not known, and the cure; None if it is."""
    position = interface_of(networks, number, attribute)
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
