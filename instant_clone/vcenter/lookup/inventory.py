# SPDX-License-Identifier: MPL-2.0
"""Datacenters, names of VMs and locations of VMs, each read with one or two requests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyVmomi import vim, vmodl
from pyVmomi.VmomiSupport import ManagedObject

from instant_clone.errors import Finding, VcenterError
from instant_clone.vcenter.session.connection import Session
from instant_clone.vcenter.session.properties import (
    PATH_PROPERTIES,
    TO_THE_ROOT,
    VM_PATH_PROPERTIES,
    ReadObject,
    ancestor_properties,
    datacenter_of,
    path_of,
    retrieve,
)

__all__ = [
    "Datacenter",
    "PlacedVm",
    "datacenters",
    "listed_places",
    "names_in",
    "names_of_vms",
    "places_of",
    "property_of_vms",
    "view_of",
    "vms_with_ways",
]

_MOST_PATHS = 10
Collector = vmodl.query.PropertyCollector


@dataclass(frozen=True)
class Datacenter:
    """A datacenter and its VM folder."""

    object: vim.Datacenter
    path: str
    """inventory path such as "/europe/DC0" """
    vm_folder: vim.Folder


@dataclass(frozen=True)
class PlacedVm:
    """A VM and its location in the inventory."""

    object: vim.VirtualMachine
    path: str
    """inventory path, or "moid:" and the managed object id if the user may not see the parents of the VM"""
    datacenter: str | None
    """inventory path of the VM's datacenter, or None if the user may not see the parents of the VM"""


def datacenters(session: Session) -> list[Datacenter]:
    """Return all datacenters that the user may see.

    The function sends one request. It raises the faults of the API.
    """
    objects = retrieve(
        session.content.propertyCollector,
        session.content.rootFolder,
        [*PATH_PROPERTIES, Collector.PropertySpec(type=vim.Datacenter, pathSet=["vmFolder"])],
        follow=[_INTO_FOLDERS],
    )
    by_id = {each.id: each for each in objects}
    found = []
    for each in objects:
        path = path_of(ancestor_properties(each.object, by_id))
        if isinstance(each.object, vim.Datacenter) and path is not None and "vmFolder" in each.properties:
            found.append(Datacenter(each.object, path, each.properties["vmFolder"]))
    return found


def names_of_vms(session: Session, chosen: Sequence[Datacenter]) -> list[tuple[vim.VirtualMachine, str]]:
    """Return all VMs and templates in a datacenter with their names, including those in folders and vApps.

    If `chosen` has several datacenters, return the VMs of all datacenters in vCenter. The function reads only names,
    because vCenter may have thousands of VMs. It sends two requests, or more if vCenter splits its second answer. It
    raises the faults of the API.
    """
    container = chosen[0].vm_folder if len(chosen) == 1 else session.content.rootFolder
    return [(machine, str(name)) for machine, name in property_of_vms(session, container, "name")]


def property_of_vms(session: Session, container: vim.ManagedEntity, name: str) -> list[tuple[vim.VirtualMachine, Any]]:
    """Return all VMs and templates in a container, at any depth, with the value of one property.

    The result omits VMs without a value. The function sends two requests, or more if vCenter splits its second answer.
    It raises VcenterError and the faults of the API.
    """
    manager = session.content.viewManager
    if manager is None:
        raise VcenterError(Finding(session.server, "the server has no view manager."))
    objects = retrieve(
        session.content.propertyCollector,
        view_of(manager, container, vim.VirtualMachine),
        [Collector.PropertySpec(type=vim.VirtualMachine, pathSet=[name])],
        follow=[Collector.TraversalSpec(type=vim.view.ContainerView, path="view")],
        skip_start=True,
    )
    return [
        (each.object, each.properties[name])
        for each in objects
        if isinstance(each.object, vim.VirtualMachine) and name in each.properties
    ]


def view_of(
    manager: vim.view.ViewManager, container: vim.ManagedEntity, kind: type[vim.ManagedEntity]
) -> vim.view.ContainerView:
    """Return a view of all objects of type `kind` in a container, at any depth. Send one request.

    vCenter destroys the view at the end of the session. An explicit destroy would cost one more request.
    """
    return manager.CreateContainerView(container=container, type=[kind], recursive=True)


def listed_places(places: Iterable[tuple[str, ManagedObject]]) -> tuple[int, str]:
    """Return the number of objects, and their paths and managed object ids for a message.

    The message lists at most ten objects, sorted by path.
    """
    listed = sorted(f"{path} (moid:{each._moId})" for path, each in places)
    more = len(listed) - _MOST_PATHS
    return len(listed), ", ".join(listed[:_MOST_PATHS]) + (f" and {more} more" if more > 0 else "")


def names_in(session: Session, folder: ManagedObject) -> list[str]:
    """Return the names of the VMs directly in a folder or vApp.

    The function sends one request. It raises the faults of the API.
    """
    objects = retrieve(
        session.content.propertyCollector,
        folder,
        [_VM_NAME],
        follow=[
            Collector.TraversalSpec(type=vim.Folder, path="childEntity"),
            Collector.TraversalSpec(type=vim.VirtualApp, path="vm"),
        ],
        skip_start=True,
    )
    return [each.properties["name"] for each in objects if "name" in each.properties]


def places_of(session: Session, machines: Iterable[vim.VirtualMachine]) -> list[PlacedVm]:
    """Return `machines` with their locations, without VMs that no longer exist.

    The function sends one request. It raises the faults of the API.
    """
    return [
        PlacedVm(machine, path_of(way) or f"moid:{machine._moId}", datacenter_of(way))
        for machine, _, way in vms_with_ways(session, machines)
    ]


def vms_with_ways(
    session: Session, machines: Iterable[vim.VirtualMachine], *wanted: str
) -> list[tuple[vim.VirtualMachine, Mapping[str, Any], list[ReadObject]]]:
    """Return each VM with its properties by property path, and with the result of `ancestor_properties` for it.

    The properties are VM_PATH_PROPERTIES and `wanted`. The result omits VMs that no longer exist. The
    function sends one request, or none if `machines` is empty. It raises the faults of the API.
    """
    starts = list(machines)
    if not starts:
        return []
    paths = [*VM_PATH_PROPERTIES, *wanted]
    objects = retrieve(
        session.content.propertyCollector,
        starts,
        [*PATH_PROPERTIES, Collector.PropertySpec(type=vim.VirtualMachine, pathSet=paths)],
        follow=TO_THE_ROOT,
        skip_missing=True,
    )
    by_id = {each.id: each for each in objects}
    return [
        (each.object, each.properties, ancestor_properties(each.object, by_id))
        for each in objects
        if isinstance(each.object, vim.VirtualMachine)
    ]


_VM_NAME = Collector.PropertySpec(type=vim.VirtualMachine, pathSet=["name"])
_INTO_FOLDERS = Collector.TraversalSpec(
    name="into folders",
    type=vim.Folder,
    path="childEntity",
    selectSet=[Collector.SelectionSpec(name="into folders")],
)
