# SPDX-License-Identifier: MPL-2.0
"""What to do about the faults of InstantClone_Task.

The vSphere API reference names them with VirtualMachine.InstantClone_Task; what is said here of their causes is said
there, or in the descriptions of the faults.
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
        "Power the source on: an instant clone starts from its running state.",
    ),
    (
        vim.fault.DisallowedMigrationDeviceAttached,
        _SOURCE,
        "Take the device away from the source: it has one that cannot be shared, such as a passthrough device or a "
        "host's own drive.",
    ),
    (
        vim.fault.GenericVmConfigFault,
        _SOURCE,
        "If the disk chain is too long, freeze the source or make it anew: each clone of a running source adds a "
        "delta to its disks.",
    ),
    (
        vim.fault.InvalidDatastore,
        "datastore_id",
        "Name a datastore that the source's host has and that can be written.",
    ),
    (
        vim.fault.FileFault,
        "datastore_id",
        "See whether the datastore has room, is connected, and lets the source's files be read.",
    ),
    (
        vim.fault.InsufficientResourcesFault,
        "resource_pool_id",
        "Free resources in that pool or on the source's host, give the source smaller reservations, or clone a source "
        "on another host.",
    ),
    (
        vim.fault.DuplicateName,
        "name",
        "Choose another name, or remove or rename the virtual machine in this folder that has it.",
    ),
    (
        vim.fault.InvalidState,
        _SOURCE,
        "See in vCenter what goes on with the source, a snapshot or a migration for instance, and apply again.",
    ),
    (
        vim.fault.VimFault,
        _SOURCE,
        "See the task in vCenter for the reason, and apply again.",
    ),
)
"""fault, the argument it is about, and what to do; the first that fits"""
_TOLD_ELSEWHERE = (vim.fault.NoPermission, vim.fault.NotAuthenticated, vim.fault.InvalidLogin)
"""faults that say the same whatever was being done"""


def clone_error(fault: vmodl.MethodFault, *, server: str, source: str, clone: str) -> CloneError | None:
    """Return the error for a fault with which cloning ended, None for a fault that has nothing to do with cloning."""
    found = _cure_of(fault)
    if found is None:
        return None
    argument, cure = found
    where = f"{server} (cloning {source} as {clone})"
    return CloneError(Finding(where, f"vCenter answers with {fault_text(fault)}.", cure), argument=argument)


def text_with_cure(fault: vmodl.MethodFault) -> str:
    """Return a fault of cloning as text, with what to do about it."""
    found = _cure_of(fault)
    return fault_text(fault) if found is None else f"{fault_text(fault)}. {found[1]}"


def _cure_of(fault: vmodl.MethodFault) -> tuple[str, str] | None:
    """The argument that a fault is about, and what to do."""
    if isinstance(fault, _TOLD_ELSEWHERE):
        return None
    return next(((argument, cure) for kind, argument, cure in _CURES if isinstance(fault, kind)), None)
