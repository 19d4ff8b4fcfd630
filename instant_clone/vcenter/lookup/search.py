# SPDX-License-Identifier: MPL-2.0
"""From what fleets.toml says to the VMs that it means, with as few requests as there can be."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from difflib import get_close_matches

from pyVmomi import vim

from instant_clone.errors import ConnectError, Finding, LoginError, NotFoundError, VcenterError
from instant_clone.inventory_names import plain_name
from instant_clone.vcenter.lookup.device_reader import type_name
from instant_clone.vcenter.lookup.inventory import Datacenter, PlacedVm, datacenters, names_in, names_of_vms, places_of
from instant_clone.vcenter.lookup.selectors import Selector
from instant_clone.vcenter.session.connection import Session
from instant_clone.vcenter.session.faults import vcenter_errors

__all__ = ["Found", "search"]

Found = vim.VirtualMachine | VcenterError

_MOST_PATHS = 10
_IN_DATACENTER = ("name", "uuid")
"""kinds of selectors that are searched for in one datacenter"""


def search(session: Session, selectors: Iterable[Selector]) -> dict[Selector, Found]:
    """The VM that each selector means, or what is wrong with it.

    One request for each path, UUID and managed object id, one for the datacenters if there is a UUID or a name, two
    for all names together, and one more if they are of several datacenters; more where vCenter splits an answer, and
    where something is not found, for the message. Raises VcenterError for what concerns all, such as a broken
    connection.
    """
    wanted = list(dict.fromkeys(selectors))
    places: dict[str, Datacenter] = {}
    if any(each.kind in _IN_DATACENTER for each in wanted):
        with vcenter_errors(session.server, doing="reading the datacenters"):
            places = {place.path: place for place in datacenters(session)}
    found: dict[Selector, Found] = {}
    names: list[Selector] = []
    for each in wanted:
        if each.kind in _IN_DATACENTER and each.datacenter not in places:
            found[each] = NotFoundError(_no_datacenter(session, each.datacenter, list(places)))
        elif each.kind == "name":
            names.append(each)
        else:
            found[each] = _single(session, each, places)
    if names:
        with vcenter_errors(session.server, doing="looking up VMs by name"):
            found |= _by_name(session, names, places)
    return found


def _single(session: Session, wanted: Selector, places: Mapping[str, Datacenter]) -> Found:
    try:
        with vcenter_errors(session.server, doing=f"looking up {wanted.text}"):
            if wanted.kind == "path":
                return _by_path(session, wanted)
            if wanted.kind == "moid":
                return _by_moid(session, wanted)
            return _by_uuid(session, wanted, places[wanted.datacenter])
    except (ConnectError, LoginError):
        # Everything else would fail as well, each after its time-out.
        raise
    except VcenterError as error:
        return error


def _by_path(session: Session, wanted: Selector) -> vim.VirtualMachine:
    found = _index(session).FindByInventoryPath(wanted.value.lstrip("/"))
    if found is None:
        raise NotFoundError(_no_such_path(session, wanted.value))
    if not isinstance(found, vim.VirtualMachine):
        raise NotFoundError(Finding(wanted.text, f"this is a {type_name(found)}, not a VM.", "Name a VM in it."))
    return found


def _by_moid(session: Session, wanted: Selector) -> vim.VirtualMachine:
    machine = vim.VirtualMachine(wanted.value, session.service_instance._GetStub())
    # A request for each: vCenter may answer an id of something else with a fault.
    if not places_of(session, [machine]):
        what = f"vCenter {session.server} has no VM with this managed object id."
        raise NotFoundError(Finding(wanted.text, what, "Name the VM by its name or inventory path."))
    return machine


def _by_uuid(session: Session, wanted: Selector, place: Datacenter) -> vim.VirtualMachine:
    found = _with_uuid(session, place, wanted.value)
    if len(found) == 1:
        return found[0]
    if found:
        raise VcenterError(_several(wanted, "with this BIOS UUID", places_of(session, found)))
    raise NotFoundError(_no_such_uuid(session, wanted, place))


def _with_uuid(
    session: Session, place: Datacenter, uuid: str, *, instance_uuid: bool = False
) -> list[vim.VirtualMachine]:
    found = _index(session).FindAllByUuid(place.object, uuid, True, instance_uuid)
    return [each for each in found if isinstance(each, vim.VirtualMachine)]


def _by_name(session: Session, wanted: Sequence[Selector], places: Mapping[str, Datacenter]) -> dict[Selector, Found]:
    chosen = [places[path] for path in dict.fromkeys(each.datacenter for each in wanted)]
    named: dict[str, list[vim.VirtualMachine]] = {}
    for machine, name in names_of_vms(session, chosen):
        named.setdefault(plain_name(name), []).append(machine)
    alike = {each: _alike(plain_name(each.value), named) for each in wanted}
    candidates = {machine._moId: machine for names in alike.values() for name in names for machine in named[name]}
    placed: dict[str, PlacedVm] = {}
    # A name that only one VM of the one datacenter has needs no more.
    if candidates and (len(chosen) > 1 or any(len(named.get(plain_name(each.value), ())) > 1 for each in wanted)):
        placed = {each.object._moId: each for each in places_of(session, candidates.values())}

    def fitting(each: Selector, name: str) -> list[vim.VirtualMachine]:
        machines = named.get(name, [])
        if len(chosen) == 1:
            return machines
        return [one for one in machines if one._moId in placed and placed[one._moId].datacenter == each.datacenter]

    found: dict[Selector, Found] = {}
    for each in wanted:
        machines = fitting(each, plain_name(each.value))
        if len(machines) == 1:
            found[each] = machines[0]
        elif machines:
            several = [placed[one._moId] for one in machines if one._moId in placed]
            found[each] = VcenterError(_several(each, "of this name", several))
        else:
            near = [name for name in alike[each] if fitting(each, name)]
            what = f"{each.datacenter} of vCenter {session.server} has no VM of this name."
            found[each] = NotFoundError(Finding(each.text, what, _one_of(near) if near else "Check the name."))
    return found


def _alike(name: str, known: Collection[str]) -> list[str]:
    """`name` itself if it is known, else those that are near it."""
    return [name] if name in known else _near(name, known)


def _several(wanted: Selector, what: str, machines: Sequence[PlacedVm]) -> Finding:
    listed = sorted(f"{machine.path} (moid:{machine.object._moId})" for machine in machines)
    more = len(listed) - _MOST_PATHS
    paths = ", ".join(listed[:_MOST_PATHS]) + (f" and {more} more" if more > 0 else "")
    cure = "Write the inventory path of one of them, or its moid:…."
    return Finding(wanted.text, f"{wanted.datacenter} has {len(listed)} VMs {what}: {paths}.", cure)


def _no_datacenter(session: Session, path: str, known: Sequence[str]) -> Finding:
    # Whoever leaves the folder out means the datacenter of that name.
    same_name = [each for each in known if each.rpartition("/")[2] == path.rpartition("/")[2]]
    cure = _one_of(same_name) if same_name else _did_you_mean(path, known, "Check the fleet's datacenter.")
    return Finding(path, f"vCenter {session.server} has no such datacenter.", cure)


def _no_such_uuid(session: Session, wanted: Selector, place: Datacenter) -> Finding:
    what = f"{place.path} of vCenter {session.server} has no VM with this BIOS UUID."
    others: list[PlacedVm] = []
    # The VM is missing whether or not vCenter answers this as well.
    with suppress(VcenterError), vcenter_errors(session.server):
        others = places_of(session, _with_uuid(session, place, wanted.value, instance_uuid=True))
    if others:
        return Finding(wanted.text, f"{what} It is the instance UUID of {others[0].path}.", "Write that path.")
    return Finding(wanted.text, what, "Name the VM by its name or inventory path.")


def _no_such_path(session: Session, path: str) -> Finding:
    folder, _, name = path.rpartition("/")
    if absolute := _without_vm_folder(session, path):
        return Finding(path, f"vCenter {session.server} has no such VM.", _one_of([absolute]))
    siblings: list[str] | None = []
    # The VM is missing whether or not its neighbours can be listed.
    with suppress(VcenterError), vcenter_errors(session.server):
        found = _index(session).FindByInventoryPath(folder.lstrip("/"))
        siblings = None if found is None else names_in(session, found)
    if siblings is None:
        return Finding(path, f"vCenter {session.server} has no such VM, nor {folder}.", "Check the path.")
    cure = _did_you_mean(name, siblings, "Check the path.")
    return Finding(path, f"vCenter {session.server} has no such VM.", cure)


def _without_vm_folder(session: Session, path: str) -> str | None:
    """The path of a VM that was written without its first slash, and so was looked for below the VM folder."""
    _, _, below = path.partition("/vm/")
    if "/vm/" not in below:
        return None
    # The VM is missing whether or not vCenter answers this as well.
    with suppress(VcenterError), vcenter_errors(session.server):
        return f"/{below}" if isinstance(_index(session).FindByInventoryPath(below), vim.VirtualMachine) else None
    return None


def _did_you_mean(name: str, known: Iterable[str], otherwise: str) -> str:
    near = _near(name, known)
    return _one_of(near) if near else otherwise


def _near(name: str, known: Iterable[str]) -> list[str]:
    by_lower_case = {each.lower(): each for each in known}
    return [by_lower_case[match] for match in get_close_matches(name.lower(), by_lower_case)]


def _one_of(near: Iterable[str]) -> str:
    return f"Did you mean {' or '.join(map(repr, near))}?"


def _index(session: Session) -> vim.SearchIndex:
    if session.content.searchIndex is None:
        raise VcenterError(Finding(session.server, "this server has no search index."))
    return session.content.searchIndex
