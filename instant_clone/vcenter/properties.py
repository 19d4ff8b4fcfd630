"""Reading many properties of many objects in one request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyVmomi import vim, vmodl
from pyVmomi.VmomiSupport import ManagedObject

__all__ = ["PATH_PROPERTIES", "TO_THE_ROOT", "VM_PATH_PROPERTIES", "ReadObject", "inventory_path", "retrieve"]

Collector = vmodl.query.PropertyCollector


@dataclass(frozen=True)
class ReadObject:
    """A managed object and those of its properties that are set and may be read, by path."""

    object: ManagedObject
    properties: Mapping[str, Any]

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
    start: ManagedObject,
    properties: Sequence[Collector.PropertySpec],
    *,
    follow: Sequence[Collector.SelectionSpec] = (),
    skip_start: bool = False,
) -> list[ReadObject]:
    """Read `properties` of `start` and of all that `follow` leads to: one request, unless vCenter splits its answer.

    Raises the faults of the API and what the connection raises.
    """
    result = collector.RetrievePropertiesEx(
        [
            Collector.FilterSpec(
                propSet=list(properties),
                objectSet=[Collector.ObjectSpec(obj=start, skip=skip_start, selectSet=list(follow))],
            )
        ],
        Collector.RetrieveOptions(),
    )
    contents: list[Collector.ObjectContent] = []
    while result is not None:
        contents.extend(result.objects)
        result = collector.ContinueRetrievePropertiesEx(result.token) if result.token else None
    return [ReadObject(each.obj, {str(one.name): one.val for one in each.propSet}) for each in contents]


def inventory_path(start: ManagedObject, objects: Sequence[ReadObject]) -> str | None:
    """The path of `start`, such as "/DC0/vm/folder/name", from `objects` that lie between it and the root.

    None if one of them could not be read, which users who may see only a part of the inventory meet.
    """
    by_id = {each.id: each.properties for each in objects}
    names: list[str] = []
    current: ManagedObject | None = start
    while current is not None:
        properties = by_id.get(current._moId)
        if properties is None or "name" not in properties:
            return None
        names.append(properties["name"])
        current = properties.get("parentVApp") or properties.get("parentFolder") or properties.get("parent")
    # The last one is the root folder, which paths leave out.
    return "/" + "/".join(reversed(names[:-1])) if len(names) > 1 else None
