"""The look-up: from a name in fleets.toml to the source VM that vCenter has."""

from __future__ import annotations

from contextlib import suppress
from difflib import get_close_matches

from pyVmomi import vim, vmodl

from instant_clone.errors import Finding, NotFoundError, VcenterError
from instant_clone.source import SourceVm, Vcenter
from instant_clone.vcenter.configuration import source_vm
from instant_clone.vcenter.devices import AttachedNetwork, type_name
from instant_clone.vcenter.faults import vcenter_errors
from instant_clone.vcenter.properties import (
    PATH_PROPERTIES,
    TO_THE_ROOT,
    VM_PATH_PROPERTIES,
    ReadObject,
    inventory_path,
    retrieve,
)
from instant_clone.vcenter.session import Session, require_instant_clone

__all__ = ["absolute_path", "look_up", "read_source"]

Collector = vmodl.query.PropertyCollector


def look_up(session: Session, vm_path: str, *, datacenter: str) -> SourceVm:
    """The VM at an inventory path, "/DC0/vm/folder/name", or at one relative to the datacenter's VM folder.

    `datacenter` is its name or, if it is in a folder, its inventory path. Slashes in names are "%2f". Two requests.
    Raises NotFoundError if there is no such VM, and VcenterError if this vCenter cannot instant-clone or refuses.
    """
    require_instant_clone(session)
    path = absolute_path(vm_path, datacenter=datacenter)
    with vcenter_errors(session.server, doing=f"looking up {path}"):
        found = _index(session).FindByInventoryPath(path.lstrip("/"))
        if found is None:
            raise NotFoundError(_missing(session, path))
        if not isinstance(found, vim.VirtualMachine):
            raise NotFoundError(Finding(path, f"this is a {type_name(found)}, not a VM.", "Name a VM in it."))
        return read_source(session, found, path=path)


def absolute_path(vm_path: str, *, datacenter: str) -> str:
    """The inventory path of a VM that is named by one, or relative to the datacenter's VM folder."""
    parts = vm_path.split("/") if vm_path.startswith("/") else [*datacenter.split("/"), "vm", *vm_path.split("/")]
    return "/" + "/".join(part for part in parts if part)


def read_source(session: Session, vm: vim.VirtualMachine, *, path: str = "") -> SourceVm:
    """All that a clone repeats of `vm`, in one request.

    `path` is its inventory path as the user knows it: for errors, and for the source if the user may not see
    the folders that the VM is in. Raises VcenterError if vCenter does not have the VM's configuration.
    """
    where = path or str(vm._moId)
    with vcenter_errors(session.server, doing=f"reading {where}"):
        objects = retrieve(
            session.content.propertyCollector,
            vm,
            [*PATH_PROPERTIES, *_SOURCE_PROPERTIES],
            follow=[*TO_THE_ROOT, Collector.TraversalSpec(type=vim.VirtualMachine, path="network")],
        )
    properties = next((each.properties for each in objects if each.id == vm._moId), {})
    config = properties.get("config")
    if config is None:
        state = properties.get("runtime.connectionState", "not to be read")
        raise VcenterError(
            Finding(
                where,
                f"vCenter has no configuration of this VM, which is {state}.",
                "See that its host is connected, and that the user may read the VM.",
            )
        )
    about = session.content.about
    try:
        return source_vm(
            config,
            name=properties["name"],
            inventory_path=inventory_path(vm, objects) or path,
            networks=_networks(objects),
            vcenter=Vcenter(instance_uuid=about.instanceUuid or "", version=about.version),
        )
    except VcenterError as error:
        raise VcenterError(*(Finding(where, finding.what, finding.cure) for finding in error.findings)) from error


_SOURCE_PROPERTIES = (
    Collector.PropertySpec(type=vim.VirtualMachine, pathSet=[*VM_PATH_PROPERTIES, "config", "runtime.connectionState"]),
    Collector.PropertySpec(type=vim.Network, pathSet=["name"]),
    Collector.PropertySpec(type=vim.dvs.DistributedVirtualPortgroup, pathSet=["name", "key"]),
    Collector.PropertySpec(type=vim.OpaqueNetwork, pathSet=["name", "summary"]),
)


def _networks(objects: list[ReadObject]) -> list[AttachedNetwork]:
    return [
        AttachedNetwork(
            each.id,
            each.properties.get("name", ""),
            portgroup_key=each.properties.get("key"),
            opaque_id=each.properties["summary"].opaqueNetworkId if "summary" in each.properties else None,
        )
        for each in objects
        if isinstance(each.object, vim.Network)
    ]


def _index(session: Session) -> vim.SearchIndex:
    if session.content.searchIndex is None:
        raise VcenterError(Finding(session.server, "this server has no search index."))
    return session.content.searchIndex


def _missing(session: Session, path: str) -> Finding:
    folder, _, name = path.rpartition("/")
    siblings: list[str] | None = []
    # The VM is missing whether or not its neighbours can be listed.
    with suppress(VcenterError), vcenter_errors(session.server):
        siblings = _vm_names(session, folder)
    if siblings is None:
        return Finding(path, f"vCenter {session.server} has no such VM, nor {folder}.", "Check the path.")
    by_lower_case = {sibling.lower(): sibling for sibling in siblings}
    near = [by_lower_case[match] for match in get_close_matches(name.lower(), by_lower_case)]
    cure = f"Did you mean {' or '.join(map(repr, near))}?" if near else "Check the path."
    return Finding(path, f"vCenter {session.server} has no such VM.", cure)


def _vm_names(session: Session, folder: str) -> list[str] | None:
    """The names of the VMs in a folder or vApp; None if there is no such folder."""
    found = _index(session).FindByInventoryPath(folder.lstrip("/"))
    if found is None:
        return None
    objects = retrieve(
        session.content.propertyCollector,
        found,
        [Collector.PropertySpec(type=vim.VirtualMachine, pathSet=["name"])],
        follow=[
            Collector.TraversalSpec(type=vim.Folder, path="childEntity"),
            Collector.TraversalSpec(type=vim.VirtualApp, path="vm"),
        ],
        skip_start=True,
    )
    return [each.properties["name"] for each in objects if "name" in each.properties]
