# SPDX-License-Identifier: MPL-2.0
"""Datacenters, names of VMs and locations of VMs, each read with one or two requests."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from pyVmomi import vim, vmodl
from pyVmomi.VmomiSupport import ManagedObject

from instant_clone.errors import Finding, VcenterError
from instant_clone.vcenter.session.connection import Session
from instant_clone.vcenter.session.properties import (
    PATH_PROPERTIES,
    TO_THE_ROOT,
    VM_PATH_PROPERTIES,
    ReadObject,
    retrieve,
)

__all__ = ["datacenters", "listed_places", "place_of", "placed_vms", "property_of_vms", "view_of", "vms_in"]

_MOST_PATHS = 10
Collector = vmodl.query.PropertyCollector


def datacenters(session: Session) -> dict[str, ReadObject]:
    """Return all datacenters that the user may see, with their VM folders (`vmFolder`), by inventory path.

    The function sends one request. It raises the faults of the API.
    """
    objects = retrieve(
        session.content.propertyCollector,
        session.content.rootFolder,
        [*PATH_PROPERTIES, Collector.PropertySpec(type=vim.Datacenter, pathSet=["vmFolder"])],
        follow=[_INTO_FOLDERS],
    )
    return {
        each.path: each
        for each in objects.values()
        if isinstance(each.object, vim.Datacenter) and each.path is not None and "vmFolder" in each.properties
    }


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
        for each in objects.values()
        if isinstance(each.object, vim.VirtualMachine) and name in each.properties
    ]


def view_of(
    manager: vim.view.ViewManager, container: vim.ManagedEntity, kind: type[vim.ManagedEntity]
) -> vim.view.ContainerView:
    """Return a view of all objects of type `kind` in a container, at any depth. Send one request.

    vCenter destroys the view at the end of the session. An explicit destroy would cost one more request.
    """
    return manager.CreateContainerView(container=container, type=[kind], recursive=True)


def place_of(found: ReadObject) -> str:
    """Return the inventory path, or "moid:" and the managed object id if the user may not see the parents."""
    return found.path or f"moid:{found.id}"


def listed_places(found: Iterable[ReadObject]) -> tuple[int, str]:
    """Return the number of objects, and their paths and managed object ids for a message.

    The message lists at most ten objects, sorted by path.
    """
    listed = sorted(f"{place_of(each)} (moid:{each.id})" for each in found)
    more = len(listed) - _MOST_PATHS
    return len(listed), ", ".join(listed[:_MOST_PATHS]) + (f" and {more} more" if more > 0 else "")


def vms_in(session: Session, folder: ManagedObject) -> list[tuple[vim.VirtualMachine, str]]:
    """Return the VMs directly in a folder or vApp, with their names.

    The function sends one request, or more if vCenter splits its answer. It raises the faults of the API.
    """
    objects = retrieve(
        session.content.propertyCollector,
        folder,
        [Collector.PropertySpec(type=vim.VirtualMachine, pathSet=["name"])],
        follow=[
            Collector.TraversalSpec(type=vim.Folder, path="childEntity"),
            Collector.TraversalSpec(type=vim.VirtualApp, path="vm"),
        ],
        skip_start=True,
    )
    return [
        (cast(vim.VirtualMachine, each.object), each.properties["name"])
        for each in objects.values()
        if "name" in each.properties
    ]


def placed_vms(session: Session, machines: Iterable[vim.VirtualMachine], *wanted: str) -> list[ReadObject]:
    """Return VMs with the properties `wanted` and with those of their parents. Omit VMs that no longer exist.

    The function sends one request, or none if `machines` is empty. It raises the faults of the API.
    """
    starts = list(machines)
    if not starts:
        return []
    objects = retrieve(
        session.content.propertyCollector,
        starts,
        [
            *PATH_PROPERTIES,
            Collector.PropertySpec(type=vim.VirtualMachine, pathSet=[*VM_PATH_PROPERTIES, *wanted]),
        ],
        follow=TO_THE_ROOT,
        skip_missing=True,
    )
    return [each for each in objects.values() if isinstance(each.object, vim.VirtualMachine)]


_INTO_FOLDERS = Collector.TraversalSpec(
    name="into folders",
    type=vim.Folder,
    path="childEntity",
    selectSet=[Collector.SelectionSpec(name="into folders")],
)
