# SPDX-License-Identifier: MPL-2.0
"""Look-up of sources in vCenter by the values of `vm` in fleets.toml.

The number of requests does not depend on the size of the inventory. Besides login and logout, a look-up needs one
request for the service content, the requests of `search`, and one request that reads all sources.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from pyVmomi import vim, vmodl

from instant_clone.errors import Finding, NotFoundError, VcenterError
from instant_clone.inventory_names import plain_name
from instant_clone.vcenter.lookup.device_reader import AttachedNetwork
from instant_clone.vcenter.lookup.search import search
from instant_clone.vcenter.lookup.selectors import Selector, selector
from instant_clone.vcenter.lookup.vm_reader import source_vm
from instant_clone.vcenter.session.connection import Session, release_of, require_instant_clone
from instant_clone.vcenter.session.faults import refusals, vcenter_errors
from instant_clone.vcenter.session.properties import (
    PATH_PROPERTIES,
    TO_THE_ROOT,
    VM_PATH_PROPERTIES,
    ReadObject,
    retrieve,
)
from instant_clone.vm.source_vm import SourceVm, Vcenter

__all__ = ["look_up", "look_up_all"]

SYNC_TIME_SPLIT = (7, 0, 1)
"""the first vCenter with `syncTimeWithHostAllowed`; the provider checks the version of vCenter, not of the host"""
Collector = vmodl.query.PropertyCollector


def look_up(session: Session, vm: str, *, datacenter: str) -> SourceVm:
    """Return the source that `vm` selects. `selectors.selector` parses `vm`.

    Raises:
        VcenterError: `look_up_all` raises the error or returns it for `vm`.
    """
    wanted = selector(vm, datacenter=datacenter)
    found = look_up_all(session, [wanted])[wanted]
    if isinstance(found, VcenterError):
        raise found
    return found


def look_up_all(
    session: Session, selectors: Iterable[Selector], *, not_running: Callable[[SourceVm], None] | None = None
) -> dict[Selector, SourceVm | VcenterError]:
    """Return the source or the error of each selector. A VM with several selectors is read once.

    `not_running` is called with each source that is not powered on. Such a source cannot be cloned now, but the
    function reports no error for it. The error of a VM that does not exist is a NotFoundError.

    Raises:
        VcenterError: This vCenter cannot instant-clone, or all selectors fail.
    """
    require_instant_clone(session)
    found = search(session, selectors)
    machines = {each._moId: each for each in found.values() if not isinstance(each, VcenterError)}
    objects: dict[str, ReadObject] = {}
    if machines:
        with vcenter_errors(session.server, doing="reading the sources"):
            objects = retrieve(
                session.content.propertyCollector,
                list(machines.values()),
                [*PATH_PROPERTIES, *_SOURCE_PROPERTIES],
                follow=[
                    *TO_THE_ROOT,
                    Collector.TraversalSpec(type=vim.VirtualMachine, path="network"),
                    Collector.TraversalSpec(type=vim.VirtualMachine, path="runtime.host"),
                ],
                skip_missing=True,
            )
    about = session.content.about
    vcenter = Vcenter(instance_uuid=about.instanceUuid or "", sync_time_split=release_of(about) >= SYNC_TIME_SPLIT)
    results: dict[Selector, SourceVm | VcenterError] = {}
    for wanted, machine in found.items():
        try:
            if isinstance(machine, VcenterError):
                raise machine
            results[wanted] = source = _source(wanted, machine, objects, vcenter)
            state = objects[machine._moId].properties.get("runtime.powerState")
            if not_running is not None and state != vim.VirtualMachine.PowerState.poweredOn:
                not_running(source)
        except VcenterError as error:
            results[wanted] = error
    return results


_SOURCE_PROPERTIES = (
    Collector.PropertySpec(
        type=vim.VirtualMachine,
        pathSet=[
            *VM_PATH_PROPERTIES,
            "config",
            "network",
            "resourcePool",
            "runtime.connectionState",
            "runtime.host",
            "runtime.powerState",
        ],
    ),
    Collector.PropertySpec(type=vim.HostSystem, pathSet=["parent"]),
    Collector.PropertySpec(type=vim.Network, pathSet=["name"]),
    Collector.PropertySpec(type=vim.dvs.DistributedVirtualPortgroup, pathSet=["name", "key"]),
    Collector.PropertySpec(type=vim.OpaqueNetwork, pathSet=["name", "summary"]),
)


def _source(
    wanted: Selector, machine: vim.VirtualMachine, objects: Mapping[str, ReadObject], vcenter: Vcenter
) -> SourceVm:
    found = objects.get(machine._moId)
    if found is None:
        raise NotFoundError(Finding(wanted.text, "vCenter no longer has this VM.", "Run the command again."))
    # A user who may not see the folders of a VM can still use the VM's path.
    path = found.path or (wanted.value if wanted.kind == "path" else None)
    where = path or wanted.text
    attached = [objects[each._moId] for each in found.properties.get("network") or () if each._moId in objects]
    findings = [*refusals(found, where), *(finding for each in attached for finding in refusals(each, where))]
    if path is None and not findings:
        findings += _unreadable_parents(machine, objects, where)
    if findings:
        raise VcenterError(*findings)
    _require_connected(found, where)
    _require_listed(found, where)
    _require_datacenter(wanted, found.datacenter, where)
    try:
        return source_vm(
            found.properties["config"],
            name=found.properties["name"],
            inventory_path=path or "",
            networks=_networks(attached),
            vcenter=vcenter,
            standalone_host=_is_on_standalone_host(found, objects),
        )
    except VcenterError as error:
        raise VcenterError(*(Finding(where, finding.what, finding.cure) for finding in error.findings)) from error


def _require_connected(found: ReadObject, where: str) -> None:
    state = found.properties.get("runtime.connectionState", "unknown")
    if state == "connected" and "config" in found.properties:
        return
    what = f"vCenter has no current configuration of this VM, whose connection state is {state}."
    raise VcenterError(Finding(where, what, "Check that its host is connected and that the user may read the VM."))


def _require_listed(found: ReadObject, where: str) -> None:
    """Raise VcenterError for a VM in a resource pool that is in a vApp.

    The stock provider imports a VM by its inventory path. govmomi (list/lister.go, ListVirtualApp) finds there only
    the VMs that the vApp lists, and this VM is listed by its resource pool.
    """
    pool = found.properties.get("resourcePool")
    if pool is None or "parentVApp" not in found.properties or isinstance(pool, vim.VirtualApp):
        return
    what = f"the VM is in the resource pool {pool._moId} in a vApp, where the stock provider does not find it."
    raise VcenterError(Finding(where, what, "Move the VM to the vApp itself, or out of the vApp."))


def _require_datacenter(wanted: Selector, datacenter: str | None, where: str) -> None:
    if datacenter is None or plain_name(datacenter).casefold() == plain_name(wanted.datacenter).casefold():
        return
    what = f"the VM is in the datacenter {datacenter}, but the fleet is in {wanted.datacenter}."
    cure = "An instant clone runs on the host of its source. Use a VM of the fleet's datacenter."
    raise NotFoundError(Finding(where, what, cure))


def _unreadable_parents(machine: vim.VirtualMachine, objects: Mapping[str, ReadObject], where: str) -> list[Finding]:
    """Return findings for the parents of a VM that the user may not read."""
    parents = (each for each in objects.values() if not isinstance(each.object, vim.HostSystem))
    found = [finding for each in parents for finding in refusals(each, where)]
    return found or [
        Finding(
            where,
            f"the user may not see the folders of the VM {machine._moId}.",
            "Ask for the privilege System.Read on these folders, or use the VM's inventory path.",
        )
    ]


def _is_on_standalone_host(found: ReadObject, objects: Mapping[str, ReadObject]) -> bool:
    """Return whether the parent of the VM's host is known and is no cluster.

    The parent of a host is a ClusterComputeResource or, for a standalone host, a ComputeResource (API reference,
    ComputeResource). A user who may not see the host gets the result for a cluster.
    """
    host = found.properties.get("runtime.host")
    read = objects.get(host._moId) if host is not None else None
    parent = read.properties.get("parent") if read is not None else None
    return isinstance(parent, vim.ComputeResource) and not isinstance(parent, vim.ClusterComputeResource)


def _networks(objects: Sequence[ReadObject]) -> list[AttachedNetwork]:
    return [
        AttachedNetwork(
            each.id,
            each.properties.get("name", ""),
            portgroup_key=each.properties.get("key"),
            opaque_id=each.properties["summary"].opaqueNetworkId if "summary" in each.properties else None,
        )
        for each in objects
    ]
