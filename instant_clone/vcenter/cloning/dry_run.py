# SPDX-License-Identifier: MPL-2.0
"""Checks of a clone before its creation: vCenter's dry run, resource pool, datastore and name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from pyVmomi import vim, vmodl

from instant_clone.errors import CloneError, Finding
from instant_clone.ownership import OWNER_KEY
from instant_clone.vcenter.cloning.clone_faults import argument_of, text_with_cure
from instant_clone.vcenter.cloning.live_vm import LiveVm
from instant_clone.vcenter.observation.source_host import SourceHost
from instant_clone.vcenter.session.connection import Session, read_properties
from instant_clone.vcenter.session.faults import fault_text, find_cause
from instant_clone.vcenter.session.tasks import TaskTimeoutError, wait_for

__all__ = [
    "DryRun",
    "Namesake",
    "dry_run",
    "namesake",
    "require_fitting_pool",
    "require_host_datastore",
]

_CHECK_SECONDS = 120
_NOT_THERE = (vmodl.fault.MethodNotFound, vmodl.fault.NotImplemented)


@dataclass(frozen=True)
class DryRun:
    """The result of vCenter's dry run for a clone."""

    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    missing: str = ""
    """the reason why vCenter made no dry run; "" if vCenter made it"""
    argument: str = ""
    """the argument of the resource that causes all errors, such as "datastore_id"; "" without a common argument"""


@dataclass(frozen=True)
class Namesake:
    """A VM that has the name of a requested clone in the clone's folder."""

    uuid: str
    owner: str | None
    """the owner id in the VM's extra_config (OWNER_KEY), or None"""
    running: bool


def dry_run(session: Session, source: LiveVm, specification: vim.vm.InstantCloneSpec) -> DryRun:
    """Return the findings of CheckInstantClone_Task, except findings about names in use (see `namesake`).

    The location of `specification` must have neither a datastore nor a host. The API reference of the method
    (VirtualMachineProvisioningChecker) lists InvalidArgument for a relocate specification with one of them, although
    InstantClone_Task accepts a datastore. vSphere 6.7 introduced the method (vim.version.version12 in pyvmomi's type
    information). The method needs the privilege System.View.

    Only the faults in the result of the task are about the clone. If the call or the task fails with a fault, this
    vCenter cannot perform the dry run.
    """
    checker = session.content.vmProvisioningChecker
    if checker is None:
        return DryRun(missing="this vCenter has no VirtualMachineProvisioningChecker")
    try:
        task = checker.CheckInstantClone_Task(source.machine, specification)
        results = cast("list[vim.vm.check.Result]", wait_for(task, seconds=_CHECK_SECONDS) or [])
    except TaskTimeoutError:
        return DryRun(missing=f"CheckInstantClone_Task did not finish within {_CHECK_SECONDS} seconds")
    except vmodl.MethodFault as fault:
        return DryRun(missing=f"CheckInstantClone_Task failed with {fault_text(fault)}{_hint(fault)}")
    faults = [fault for result in results for fault in result.error if not _is_taken(fault)]
    arguments = {argument_of(fault) for fault in faults}
    return DryRun(
        errors=tuple(map(text_with_cure, faults)),
        warnings=tuple(text_with_cure(fault) for result in results for fault in result.warning),
        argument=arguments.pop() if len(arguments) == 1 else "",
    )


def namesake(session: Session, machine: vim.VirtualMachine) -> Namesake | None:
    """Return UUID, owner and power state of a VM, or None if it no longer exists. Send one request."""
    try:
        values = read_properties(session, machine, "config.uuid", "config.extraConfig", "runtime.powerState")
    except vmodl.fault.ManagedObjectNotFound:
        return None
    options = {option.key: str(option.value) for option in values.get("config.extraConfig") or ()}
    running = values.get("runtime.powerState") == vim.VirtualMachine.PowerState.poweredOn
    return Namesake(values.get("config.uuid", ""), options.get(OWNER_KEY), running)


def require_fitting_pool(session: Session, source: LiveVm, host: SourceHost, pool: vim.ResourcePool) -> None:
    """Raise CloneError unless the source's host belongs to the cluster of the resource pool. Send one request."""
    owner = read_properties(session, pool, "name", "owner")
    if owner["owner"]._moId != host.compute_resource_id:
        raise CloneError(
            Finding(
                source.inventory_path,
                f"the source runs on the host {host.name}, which is not in the cluster of the resource pool "
                f"{owner['name']} ({pool._moId}).",
                "A clone starts on the host of its source. Use a resource pool of that host's cluster.",
            )
        )


def require_host_datastore(session: Session, source: LiveVm, host: SourceHost, datastore: vim.Datastore) -> None:
    """Raise CloneError unless the source's host has the datastore. The dry run does not check the datastore.

    The function sends a request only if the host lacks the datastore. If the user may not read the host's datastores,
    the function raises no error, and the apply fails.
    """
    if host.datastore_ids is None or datastore._moId in host.datastore_ids:
        return
    name = read_properties(session, datastore, "name").get("name", "")
    raise CloneError(
        Finding(
            f"datastore {name} ({datastore._moId})" if name else f"datastore {datastore._moId}",
            f"the host {host.name} of the source {source.inventory_path} does not have this datastore.",
            "A clone starts on the host of its source. Use a datastore of that host.",
        ),
        argument="datastore_id",
    )


def _is_taken(fault: vmodl.MethodFault) -> bool:
    # The plan reports names that are in use, because the VM with the name may be the clone that the plan replaces.
    return find_cause(fault, vim.fault.DuplicateName) is not None


def _hint(fault: vmodl.MethodFault) -> str:
    if find_cause(fault, _NOT_THERE) is not None:
        return " (the method requires vCenter 6.7 or later)"
    if find_cause(fault, vim.fault.NoPermission) is not None:
        return " (the method requires the privilege System.View)"
    return ""
