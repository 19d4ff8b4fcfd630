# SPDX-License-Identifier: MPL-2.0
"""Reading many properties of many objects in one request."""

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
    "datacenter_of",
    "inventory_path",
    "path_of",
    "retrieve",
    "way_to_the_root",
]

Collector = vmodl.query.PropertyCollector


@dataclass(frozen=True)
class ReadObject:
    """A managed object and those of its properties that are set and may be read, by path."""

    object: ManagedObject
    properties: Mapping[str, Any]
    refused: Mapping[str, vmodl.MethodFault] = field(default_factory=dict)
    """the faults of properties that vCenter does not tell, by path; NoPermission where the user may not read them"""

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
"""what to follow from a VM or a folder to read all that it is in"""

PATH_PROPERTIES = (
    Collector.PropertySpec(type=vim.Folder, pathSet=["name", "parent"]),
    Collector.PropertySpec(type=vim.Datacenter, pathSet=["name", "parent"]),
    Collector.PropertySpec(type=vim.VirtualApp, pathSet=["name", "parentFolder", "parentVApp"]),
)
"""what `inventory_path` needs of all that a VM can be in; of the VM itself it needs VM_PATH_PROPERTIES"""

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
    """Read `properties` of `start`, one object or several, and of all that `follow` leads to.

    One request, unless vCenter splits its answer; each object is there once. With `skip_missing` one of `start` that
    is gone is left out of the answer, else it is a fault. Raises the faults of the API and what the connection raises.
    """
    starts = list(start) if isinstance(start, Sequence) else [start]
    result = collector.RetrievePropertiesEx(
        # A specification for each: the names of `follow` are said to be unique within one.
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
    # What several of `start` lead to may come once for each of them.
    return list({each.obj._moId: _read(each) for each in contents}.values())


def inventory_path(start: ManagedObject, objects: Sequence[ReadObject]) -> str | None:
    """The path of `start`, such as "/DC0/vm/folder/name", from `objects` that lie between it and the root.

    None if one of them could not be read, which users who may see only a part of the inventory meet.
    """
    return path_of(way_to_the_root(start, {each.id: each for each in objects}))


def way_to_the_root(start: ManagedObject, by_id: Mapping[str, ReadObject]) -> list[ReadObject]:
    """`start` and all that it is in, the root folder last; nothing if one of them could not be read."""
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
    """The inventory path that a way to the root is; None for no way, and for the root itself."""
    # The last one is the root folder, which paths leave out.
    return "/" + "/".join(each.properties["name"] for each in reversed(way[:-1])) if len(way) > 1 else None


def datacenter_of(way: Sequence[ReadObject]) -> str | None:
    """The inventory path of the datacenter on a way to the root; None if there is none."""
    places = (place for place, each in enumerate(way) if isinstance(each.object, vim.Datacenter))
    return next((path_of(way[place:]) for place in places), None)


def _read(content: Collector.ObjectContent) -> ReadObject:
    return ReadObject(
        content.obj,
        {str(each.name): each.val for each in content.propSet},
        {str(each.path): each.fault for each in content.missingSet},
    )
