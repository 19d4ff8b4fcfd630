# SPDX-License-Identifier: MPL-2.0
"""Search for the VMs that fleets.toml names, with a minimal number of requests."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from difflib import get_close_matches
from typing import cast

from pyVmomi import vim

from instant_clone.errors import ConnectError, Finding, LoginError, NotFoundError, VcenterError
from instant_clone.inventory_names import plain_name
from instant_clone.vcenter.lookup.inventory import (
    datacenters,
    listed_places,
    place_of,
    placed_vms,
    property_of_vms,
    vms_in,
)
from instant_clone.vcenter.lookup.selectors import Selector
from instant_clone.vcenter.session.connection import Session
from instant_clone.vcenter.session.faults import type_name, vcenter_errors
from instant_clone.vcenter.session.properties import ReadObject

__all__ = ["Found", "search"]

Found = vim.VirtualMachine | VcenterError

_IN_DATACENTER = ("name", "uuid")
"""kinds of selectors whose search is limited to one datacenter"""


def search(session: Session, selectors: Iterable[Selector]) -> dict[Selector, Found]:
    """Return the VM or the error of each selector.

    Number of requests:

    - one for each path, UUID and managed object id;
    - one for the datacenters, if there is a UUID or a name;
    - two for all names together, and a third one if they are in several datacenters;
    - more if vCenter splits an answer, or for the message about a VM that is not found.

    Raises:
        VcenterError: All selectors fail, for example because of a broken connection.
    """
    wanted = list(dict.fromkeys(selectors))
    places: dict[str, ReadObject] = {}
    if any(each.kind in _IN_DATACENTER for each in wanted):
        with vcenter_errors(session.server, doing="reading the datacenters"):
            places = datacenters(session)
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


def _single(session: Session, wanted: Selector, places: Mapping[str, ReadObject]) -> Found:
    try:
        with vcenter_errors(session.server, doing=f"looking up {wanted.text}"):
            if wanted.kind == "path":
                return _by_path(session, wanted)
            if wanted.kind == "moid":
                return _by_moid(session, wanted)
            return _by_uuid(session, wanted, places[wanted.datacenter])
    except (ConnectError, LoginError):
        # Every other request would also fail, each after its time-out.
        raise
    except VcenterError as error:
        return error


def _by_path(session: Session, wanted: Selector) -> vim.VirtualMachine:
    found = session.search_index.FindByInventoryPath(wanted.value.lstrip("/"))
    if found is None:
        raise NotFoundError(_no_such_path(session, wanted.value))
    if not isinstance(found, vim.VirtualMachine):
        what = f"the path is that of a {type_name(found)}, not of a VM."
        raise NotFoundError(Finding(wanted.text, what, "Use the path of a VM."))
    return found


def _by_moid(session: Session, wanted: Selector) -> vim.VirtualMachine:
    machine = vim.VirtualMachine(wanted.value, session.service_instance._GetStub())
    # One request per id, because vCenter may answer the id of another object with a fault.
    if not placed_vms(session, [machine]):
        what = f"vCenter {session.server} has no VM with this managed object id."
        raise NotFoundError(Finding(wanted.text, what, "Use the VM's name or inventory path."))
    return machine


def _by_uuid(session: Session, wanted: Selector, place: ReadObject) -> vim.VirtualMachine:
    found = _with_uuid(session, place, wanted.value)
    if len(found) == 1:
        return found[0]
    if found:
        raise VcenterError(_several(wanted, "with this BIOS UUID", placed_vms(session, found)))
    raise NotFoundError(_no_such_uuid(session, wanted, place))


def _with_uuid(
    session: Session, place: ReadObject, uuid: str, *, instance_uuid: bool = False
) -> list[vim.VirtualMachine]:
    found = session.search_index.FindAllByUuid(cast(vim.Datacenter, place.object), uuid, True, instance_uuid)
    return [each for each in found if isinstance(each, vim.VirtualMachine)]


def _by_name(session: Session, wanted: Sequence[Selector], places: Mapping[str, ReadObject]) -> dict[Selector, Found]:
    chosen = [places[path] for path in dict.fromkeys(each.datacenter for each in wanted)]
    named: dict[str, list[vim.VirtualMachine]] = {}
    # Read only names, because vCenter may have thousands of VMs. With several datacenters, read those of all VMs.
    container = chosen[0].properties["vmFolder"] if len(chosen) == 1 else session.content.rootFolder
    for machine, name in property_of_vms(session, container, "name"):
        named.setdefault(plain_name(name), []).append(machine)
    alike = {each: _alike(plain_name(each.value), named) for each in wanted}
    candidates = {machine._moId: machine for names in alike.values() for name in names for machine in named[name]}
    placed: dict[str, ReadObject] = {}
    # The locations matter only if there are several datacenters or if several VMs have a name.
    if candidates and (len(chosen) > 1 or any(len(named.get(plain_name(each.value), ())) > 1 for each in wanted)):
        placed = {each.id: each for each in placed_vms(session, candidates.values())}

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
            found[each] = VcenterError(_several(each, "with this name", several))
        else:
            near = [name for name in alike[each] if fitting(each, name)]
            what = f"{each.datacenter} of vCenter {session.server} has no VM with this name."
            found[each] = NotFoundError(Finding(each.text, what, _one_of(near) if near else "Check the name."))
    return found


def _alike(name: str, known: Collection[str]) -> list[str]:
    """Return `name` alone if it is in `known`. If not, return similar names."""
    return [name] if name in known else _near(name, known)


def _several(wanted: Selector, what: str, machines: Sequence[ReadObject]) -> Finding:
    count, paths = listed_places(machines)
    cure = "Use the inventory path of one of these VMs, or moid: and its managed object id."
    return Finding(wanted.text, f"{wanted.datacenter} has {count} VMs {what}: {paths}.", cure)


def _no_datacenter(session: Session, path: str, known: Sequence[str]) -> Finding:
    # A user who leaves out the folder means the datacenter with this name.
    same_name = [each for each in known if each.rpartition("/")[2] == path.rpartition("/")[2]]
    cure = _one_of(same_name) if same_name else _did_you_mean(path, known, "Check the fleet's datacenter.")
    return Finding(path, f"vCenter {session.server} has no datacenter with this path.", cure)


def _no_such_uuid(session: Session, wanted: Selector, place: ReadObject) -> Finding:
    what = f"{place.path} of vCenter {session.server} has no VM with this BIOS UUID."
    others: list[ReadObject] = []
    # The hint is optional: the VM is missing even if this request fails.
    with suppress(VcenterError), vcenter_errors(session.server):
        others = placed_vms(session, _with_uuid(session, place, wanted.value, instance_uuid=True))
    if others:
        return Finding(wanted.text, f"{what} It is the instance UUID of {place_of(others[0])}.", "Use this path.")
    return Finding(wanted.text, what, "Use the VM's name or inventory path.")


def _no_such_path(session: Session, path: str) -> Finding:
    folder, _, name = path.rpartition("/")
    if absolute := _without_vm_folder(session, path):
        return Finding(path, f"vCenter {session.server} has no VM with this path.", _one_of([absolute]))
    siblings: list[str] | None = []
    # The hint is optional: the VM is missing even if the names in its folder cannot be read.
    with suppress(VcenterError), vcenter_errors(session.server):
        found = session.search_index.FindByInventoryPath(folder.lstrip("/"))
        siblings = None if found is None else [name for _, name in vms_in(session, found)]
    if siblings is None:
        return Finding(path, f"vCenter {session.server} has neither this VM nor {folder}.", "Check the path.")
    cure = _did_you_mean(name, siblings, "Check the path.")
    return Finding(path, f"vCenter {session.server} has no VM with this path.", cure)


def _without_vm_folder(session: Session, path: str) -> str | None:
    """Return the absolute path of a VM whose path was given without the first slash, or None.

    A path without the first slash is relative to the VM folder.
    """
    _, _, below = path.partition("/vm/")
    if "/vm/" not in below:
        return None
    # The hint is optional: the VM is missing even if this request fails.
    with suppress(VcenterError), vcenter_errors(session.server):
        found = session.search_index.FindByInventoryPath(below)
        return f"/{below}" if isinstance(found, vim.VirtualMachine) else None
    return None


def _did_you_mean(name: str, known: Iterable[str], default: str) -> str:
    near = _near(name, known)
    return _one_of(near) if near else default


def _near(name: str, known: Iterable[str]) -> list[str]:
    by_lower_case = {each.lower(): each for each in known}
    return [by_lower_case[match] for match in get_close_matches(name.lower(), by_lower_case)]


def _one_of(near: Iterable[str]) -> str:
    return f"Did you mean {' or '.join(map(repr, near))}?"
