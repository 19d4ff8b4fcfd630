# SPDX-License-Identifier: MPL-2.0
"""Reads of many properties of many objects with one request, and inventory paths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pyVmomi import vim, vmodl
from pyVmomi.VmomiSupport import ManagedObject

__all__ = [
    "PATH_PROPERTIES",
    "TO_THE_ROOT",
    "VM_PATH_PROPERTIES",
    "ReadObject",
    "ancestor_properties",
    "datacenter_of",
    "inventory_path",
    "path_of",
    "retrieve",
]

Collector = vmodl.query.PropertyCollector


@dataclass(frozen=True)
class ReadObject:
    """A managed object and its properties by path, without properties that are unset or not readable."""

    object: ManagedObject
    properties: Mapping[str, Any]
    refused: Mapping[str, vmodl.MethodFault] = field(default_factory=dict)
    """the faults of properties that vCenter did not return, by path; NoPermission if the user lacks a privilege"""

    @property
    def id(self) -> str:
        """The managed object id, such as "vm-42"."""
        return str(self.object._moId)


def _to_the_root() -> tuple[Collector.TraversalSpec, ...]:
    def selected(*names: str) -> list[Collector.SelectionSpec]:
        return [Collector.SelectionSpec(name=name) for name in names]

    def step(name: str, kind: type[ManagedObject], path: str, *then: str) -> Collector.TraversalSpec:
        return Collector.TraversalSpec(name=name, type=kind, path=path, selectSet=selected(*then))

    # A VM in a vApp has no parent, and a vApp's parent is a resource pool.
    return (
        step("parent", vim.ManagedEntity, "parent", "parent"),
        step("app", vim.VirtualMachine, "parentVApp", "app folder", "outer app"),
        step("app folder", vim.VirtualApp, "parentFolder", "parent"),
        step("outer app", vim.VirtualApp, "parentVApp", "app folder", "outer app"),
    )


TO_THE_ROOT = _to_the_root()
"""the traversal from a VM or a folder through all its parents"""

PATH_PROPERTIES = (
    Collector.PropertySpec(type=vim.Folder, pathSet=["name", "parent"]),
    Collector.PropertySpec(type=vim.Datacenter, pathSet=["name", "parent"]),
    Collector.PropertySpec(type=vim.VirtualApp, pathSet=["name", "parentFolder", "parentVApp"]),
)
"""the properties of a VM's parents that `inventory_path` needs; it also needs the VM's VM_PATH_PROPERTIES"""

VM_PATH_PROPERTIES = ("name", "parent", "parentVApp")


def retrieve(
    collector: Collector,
    start: ManagedObject | Sequence[ManagedObject],
    properties: Sequence[Collector.PropertySpec],
    *,
    follow: Sequence[Collector.SelectionSpec] = (),
    skip_start: bool = False,
    skip_missing: bool = False,
) -> list[ReadObject]:
    """Return `properties` of the objects `start` and of all objects that the traversal `follow` reaches.

    The function sends one request, or more if vCenter splits its answer. The result has each object once. An object of
    `start` that no longer exists causes a fault. With `skip_missing`, the result omits such objects.

    Raises:
        vmodl.MethodFault: vCenter rejects the request.
        OSError, HTTPException, ExpatError: the connection is refused or broken.
    """
    starts = list(start) if isinstance(start, Sequence) else [start]
    result = collector.RetrievePropertiesEx(
        # One specification per object, because the names of `follow` must be unique within a specification.
        [
            Collector.FilterSpec(
                propSet=list(properties),
                objectSet=[Collector.ObjectSpec(obj=each, skip=skip_start, selectSet=list(follow))],
                reportMissingObjectsInResults=skip_missing,
            )
            for each in starts
        ],
        Collector.RetrieveOptions(),
    )
    contents: list[Collector.ObjectContent] = []
    while result is not None:
        contents.extend(result.objects)
        result = collector.ContinueRetrievePropertiesEx(result.token) if result.token else None
    for missing in (each for content in contents for each in content.missingSet):
        if isinstance(missing.fault, vim.fault.NotAuthenticated):
            raise missing.fault
    # vCenter may return an object several times, if the traversals of several `start` objects reach it.
    return list({each.obj._moId: _read(each) for each in contents}.values())


def inventory_path(start: ManagedObject, objects: Sequence[ReadObject]) -> str | None:
    """Return the inventory path of `start`, such as "/DC0/vm/folder/name". `objects` has `start` and its parents.

    Return None if a parent was not readable. This happens to users who may see only a part of the inventory.
    """
    return path_of(ancestor_properties(start, {each.id: each for each in objects}))


def ancestor_properties(start: ManagedObject, by_id: Mapping[str, ReadObject]) -> list[ReadObject]:
    """Return `start` and its parents up to the root folder. The list is empty if one of them was not readable."""
    way: list[ReadObject] = []
    current: ManagedObject | None = start
    while current is not None:
        found = by_id.get(current._moId)
        if found is None or "name" not in found.properties:
            return []
        way.append(found)
        inside = found.properties
        current = inside.get("parentVApp") or inside.get("parentFolder") or inside.get("parent")
    return way


def path_of(way: Sequence[ReadObject]) -> str | None:
    """Return the inventory path of a result of `ancestor_properties`, or None for an empty list and the root folder."""
    # The last object is the root folder, which is not in paths.
    return "/" + "/".join(each.properties["name"] for each in reversed(way[:-1])) if len(way) > 1 else None


def datacenter_of(way: Sequence[ReadObject]) -> str | None:
    """Return the inventory path of the datacenter in a result of `ancestor_properties`, or None without one."""
    places = (place for place, each in enumerate(way) if isinstance(each.object, vim.Datacenter))
    return next((path_of(way[place:]) for place in places), None)


def _read(content: Collector.ObjectContent) -> ReadObject:
    return ReadObject(
        content.obj,
        {str(each.name): each.val for each in content.propSet},
        {str(each.path): each.fault for each in content.missingSet},
    )
