# SPDX-License-Identifier: MPL-2.0
"""What speaks against a clone before it is made, as vCenter knows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from pyVmomi import vim, vmodl

from instant_clone.errors import CloneError, Finding
from instant_clone.ownership import OWNER_KEY
from instant_clone.vcenter.cloning.clone_faults import text_with_cure
from instant_clone.vcenter.cloning.live_vm import LiveVm
from instant_clone.vcenter.observation.source_host import SourceHost
from instant_clone.vcenter.session.connection import Session, read_properties
from instant_clone.vcenter.session.faults import fault_text
from instant_clone.vcenter.session.properties import retrieve
from instant_clone.vcenter.session.tasks import TaskTimeoutError, wait_for

__all__ = [
    "DryRun",
    "Namesake",
    "dry_run",
    "names_in",
    "namesake",
    "require_fitting_pool",
    "require_host_datastore",
]

_CHECK_SECONDS = 120
_NOT_THERE = (vmodl.fault.MethodNotFound, vmodl.fault.NotImplemented)
Collector = vmodl.query.PropertyCollector


@dataclass(frozen=True)
class DryRun:
    """What vCenter says of a clone that it has not made."""

    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    missing: str = ""
    """why vCenter could not be asked, as a sentence; "" if it was"""


@dataclass(frozen=True)
class Namesake:
    """A VM that has the name of a clone which is to be made, in its folder."""

    uuid: str
    owner: str | None
    """its extra_config OWNER_KEY: who made it as an instant clone"""
    running: bool


def dry_run(session: Session, source: LiveVm, specification: vim.vm.InstantCloneSpec) -> DryRun:
    """Return what CheckInstantClone_Task finds, except names that are taken: see `namesake`.

    The location of `specification` must have neither datastore nor host: the API reference of the method
    (VirtualMachineProvisioningChecker) lists InvalidArgument for a relocate specification with either, although
    InstantClone_Task takes a datastore. The method exists since vSphere 6.7 (vim.version.version12 in pyvmomi's type
    information) and needs the privilege System.View.

    Only a fault that the result lists is about the clone. A fault of the call or of its task means that this vCenter
    does not answer the question.
    """
    checker = session.content.vmProvisioningChecker
    if checker is None:
        return DryRun(missing="this vCenter has no checker for it")
    try:
        task = checker.CheckInstantClone_Task(source.machine, specification)
        results = cast("list[vim.vm.check.Result]", wait_for(task, seconds=_CHECK_SECONDS) or [])
    except TaskTimeoutError:
        return DryRun(missing=f"CheckInstantClone_Task was not done after {_CHECK_SECONDS} seconds")
    except vmodl.MethodFault as fault:
        return DryRun(missing=f"CheckInstantClone_Task answers with {fault_text(fault)}{_hint(fault)}")
    return DryRun(
        errors=tuple(text_with_cure(fault) for result in results for fault in result.error if not _is_taken(fault)),
        warnings=tuple(text_with_cure(fault) for result in results for fault in result.warning),
    )


def names_in(session: Session, folder: vim.Folder) -> Mapping[str, vim.VirtualMachine]:
    """The VMs in a folder by their names in upper case, as vCenter compares them. One paged request."""
    found = retrieve(
        session.content.propertyCollector,
        folder,
        [Collector.PropertySpec(type=vim.VirtualMachine, pathSet=["name"])],
        follow=[Collector.TraversalSpec(type=vim.Folder, path="childEntity")],
        skip_start=True,
    )
    return {each.properties["name"].upper(): cast(vim.VirtualMachine, each.object) for each in found}


def namesake(session: Session, machine: vim.VirtualMachine) -> Namesake | None:
    """That VM, if it is still there. One request."""
    try:
        values = read_properties(session, machine, "config.uuid", "config.extraConfig", "runtime.powerState")
    except vmodl.fault.ManagedObjectNotFound:
        return None
    options = {option.key: str(option.value) for option in values.get("config.extraConfig") or ()}
    running = values.get("runtime.powerState") == vim.VirtualMachine.PowerState.poweredOn
    return Namesake(values.get("config.uuid", ""), options.get(OWNER_KEY), running)


def require_fitting_pool(session: Session, source: LiveVm, host: SourceHost, pool: vim.ResourcePool) -> None:
    """Raise CloneError unless the source's host is one of those that the resource pool takes from. One request."""
    owner = read_properties(session, pool, "name", "owner")
    if owner["owner"]._moId != host.compute_resource_id:
        raise CloneError(
            Finding(
                source.inventory_path,
                f"it runs on the host {host.name}, which is not of the cluster of the resource pool "
                f"{owner['name']} ({pool._moId}).",
                "A clone starts on its source's host: name a resource pool of its cluster.",
            )
        )


def require_host_datastore(session: Session, source: LiveVm, host: SourceHost, datastore: vim.Datastore) -> None:
    """Raise CloneError unless the source's host has the datastore, which the dry run is not asked about.

    No request, unless the host lacks it. A user who may not read the host's datastores learns it from the apply.
    """
    if host.datastore_ids is None or datastore._moId in host.datastore_ids:
        return
    name = read_properties(session, datastore, "name").get("name", "")
    raise CloneError(
        Finding(
            f"datastore {name} ({datastore._moId})" if name else f"datastore {datastore._moId}",
            f"the host {host.name} of the source {source.inventory_path} does not have it.",
            "A clone starts on the host of its source. Name a datastore of that host.",
        ),
        argument="datastore_id",
    )


def _is_taken(fault: vmodl.MethodFault) -> bool:
    # Whose the name is matters: it may be that of the very clone which is to be replaced.
    return isinstance(fault, vim.fault.DuplicateName)


def _hint(fault: vmodl.MethodFault) -> str:
    if isinstance(fault, _NOT_THERE):
        return " (the method exists since vCenter 6.7)"
    if isinstance(fault, vim.fault.NoPermission):
        return " (the method needs the privilege System.View)"
    return ""
