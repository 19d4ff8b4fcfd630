# SPDX-License-Identifier: MPL-2.0
"""Actions for the faults of InstantClone_Task.

The faults and their causes come from the vSphere API reference: VirtualMachine.InstantClone_Task and the descriptions
of the faults.
"""

from __future__ import annotations

from pyVmomi import vim, vmodl

from instant_clone.errors import CloneError, Finding
from instant_clone.vcenter.session.faults import fault_text

__all__ = ["clone_error", "text_with_cure"]

_SOURCE = "instantclone.source_uuid"
_CURES: tuple[tuple[type[vmodl.MethodFault], str, str], ...] = (
    (
        vim.fault.InvalidPowerState,
        _SOURCE,
        "Power the source on. vCenter can instant-clone only a running VM.",
    ),
    (
        vim.fault.DisallowedMigrationDeviceAttached,
        _SOURCE,
        "The source has a device that clones cannot share, such as a passthrough device or a host drive. Remove the "
        "device.",
    ),
    (
        vim.fault.GenericVmConfigFault,
        _SOURCE,
        "If the disk chain is too long, freeze the source or create a new source. Each clone of a running source adds "
        "a delta disk to the source's disk chain.",
    ),
    (
        vim.fault.InvalidDatastore,
        "datastore_id",
        "Set a writable datastore of the source's host.",
    ),
    (
        vim.fault.FileFault,
        "datastore_id",
        "Check that the datastore has free space and is connected, and that the source's files are readable.",
    ),
    (
        vim.fault.InsufficientResourcesFault,
        "resource_pool_id",
        "Free resources in the resource pool or on the source's host, reduce the source's reservations, or clone a "
        "source on another host.",
    ),
    (
        vim.fault.DuplicateName,
        "name",
        "Choose another name, or remove or rename the virtual machine with this name in the folder.",
    ),
    (
        vim.fault.InvalidState,
        _SOURCE,
        "Check in vCenter whether a snapshot, a migration or another task of the source is running, and apply again.",
    ),
    (
        vim.fault.VimFault,
        _SOURCE,
        "Check the task in vCenter for the reason, and apply again.",
    ),
)
"""fault, the argument that causes it, and the action; the first matching entry applies"""
_REPORTED_BY_SESSION = (vim.fault.NoPermission, vim.fault.NotAuthenticated, vim.fault.InvalidLogin)
"""faults of any request, which `session.faults` reports"""


def clone_error(fault: vmodl.MethodFault, *, server: str, source: str, clone: str) -> CloneError | None:
    """Return the error for a fault of InstantClone_Task, or None if the fault is not specific to cloning."""
    found = _cure_of(fault)
    if found is None:
        return None
    argument, cure = found
    where = f"{server} (cloning {source} as {clone})"
    return CloneError(Finding(where, f"vCenter answers with {fault_text(fault)}.", cure), argument=argument)


def text_with_cure(fault: vmodl.MethodFault) -> str:
    """Return the text of a fault, with the action for the user if the fault is specific to cloning."""
    found = _cure_of(fault)
    return fault_text(fault) if found is None else f"{fault_text(fault)}. {found[1]}"


def _cure_of(fault: vmodl.MethodFault) -> tuple[str, str] | None:
    """Return the argument that causes a fault, and the action for the user. Return None if there is no action."""
    if isinstance(fault, _REPORTED_BY_SESSION):
        return None
    return next(((argument, cure) for kind, argument, cure in _CURES if isinstance(fault, kind)), None)
