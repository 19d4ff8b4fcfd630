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
    others: Mapping[str, ReadObject] = field(default_factory=dict, repr=False, compare=False)
    """the objects of the same read by managed object id; `path` and `datacenter` need the parents among them"""

    @property
    def id(self) -> str:
        """The managed object id, such as "vm-42"."""
        return str(self.object._moId)

    @property
    def path(self) -> str | None:
        """The inventory path, such as "/DC0/vm/folder/name". The root folder has no path.

        None if a parent was not readable. This happens to users who may see only a part of the inventory.
        """
        way = self._way()
        # The last object is the root folder, which is not in paths.
        return "/" + "/".join(each.properties["name"] for each in reversed(way[:-1])) if len(way) > 1 else None

    @property
    def datacenter(self) -> str | None:
        """The inventory path of the datacenter that contains the object, or None if it is not readable."""
        return next((each.path for each in self._way() if isinstance(each.object, vim.Datacenter)), None)

    def _way(self) -> list[ReadObject]:
        """Return the object and its parents up to the root folder. The list is empty if one was not readable."""
        way: list[ReadObject] = []
        current: ReadObject | None = self
        while current is not None:
            if "name" not in current.properties:
                return []
            way.append(current)
            inside = current.properties
            parent = inside.get("parentVApp") or inside.get("parentFolder") or inside.get("parent")
            if parent is not None and parent._moId not in self.others:
                return []
            current = self.others[parent._moId] if parent is not None else None
        return way


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
"""the properties of a VM's parents that `ReadObject.path` needs; it also needs the VM's VM_PATH_PROPERTIES"""

VM_PATH_PROPERTIES = ("name", "parent", "parentVApp")


def retrieve(
    collector: Collector,
    start: ManagedObject | Sequence[ManagedObject],
    properties: Sequence[Collector.PropertySpec],
    *,
    follow: Sequence[Collector.SelectionSpec] = (),
    skip_start: bool = False,
    skip_missing: bool = False,
) -> dict[str, ReadObject]:
    """Return `properties` of the objects `start` and of all objects that `follow` reaches, by managed object id.

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
    objects: dict[str, ReadObject] = {}
    # vCenter may return an object several times, if the traversals of several `start` objects reach it.
    for each in contents:
        values = {str(one.name): one.val for one in each.propSet}
        refused = {str(one.path): one.fault for one in each.missingSet}
        objects[each.obj._moId] = ReadObject(each.obj, values, refused, objects)
    return objects
