# SPDX-License-Identifier: MPL-2.0
"""Actions for the faults of InstantClone_Task.

The faults and their causes come from the vSphere API reference: VirtualMachine.InstantClone_Task and the descriptions
of the faults. vCenter can return another fault whose cause is the fault that explains the failure.
"""

from __future__ import annotations

from pyVmomi import vim, vmodl

from instant_clone.errors import CloneError, Finding
from instant_clone.vcenter.session.faults import fault_chain, fault_text, find_cause

__all__ = ["argument_of", "clone_error", "text_with_cure"]

_Cure = tuple[type[vmodl.MethodFault], str, str]
_SOURCE = "instantclone.source_uuid"
_CURES: tuple[_Cure, ...] = (
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
)
"""fault, the argument that causes it, and the action; the first matching entry applies"""
_CHAIN_CURE: _Cure = (
    vim.fault.GenericVmConfigFault,
    _SOURCE,
    "If the disk chain is too long, freeze the source or create a new source. Each clone of a running source adds "
    "a delta disk to the source's disk chain.",
)
"""for the fault of a disk chain that is too long (VMware knowledge base, article 320221)"""
_OTHER_CURE: _Cure = (
    vim.fault.VimFault,
    _SOURCE,
    "Check the task in vCenter for the reason, and apply again.",
)
_REPORTED_BY_SESSION = (vim.fault.NoPermission, vim.fault.NotAuthenticated, vim.fault.InvalidLogin)
"""faults of any request, which `session.faults` reports"""


def clone_error(fault: vmodl.MethodFault, *, server: str, source: str, clone: str) -> CloneError | None:
    """Return the error for a fault of InstantClone_Task, or None if the fault is not specific to cloning."""
    argument, cure = _cure_of(fault)
    if not argument:
        return None
    where = f"{server} (cloning {source} as {clone})"
    return CloneError(Finding(where, f"vCenter answers with {fault_text(fault)}.", cure), argument=argument)


def text_with_cure(fault: vmodl.MethodFault) -> str:
    """Return the text of a fault, with the action for the user if the fault is specific to cloning."""
    return ". ".join(filter(None, (fault_text(fault), _cure_of(fault)[1])))


def argument_of(fault: vmodl.MethodFault) -> str:
    """Return the argument that causes a fault, or an empty string if the fault is not specific to cloning."""
    return _cure_of(fault)[0]


def _cure_of(fault: vmodl.MethodFault) -> tuple[str, str]:
    """Return the argument that causes a fault, and the action for the user. Return empty strings without an action.

    The innermost fault of the chain that has an action determines the result. GenericVmConfigFault has many causes.
    It determines the result only if no other fault of the chain has an action.
    """
    if find_cause(fault, _REPORTED_BY_SESSION) is None:
        for cures in (_CURES, (_CHAIN_CURE,), (_OTHER_CURE,)):
            for each in reversed(fault_chain(fault)):
                for kind, argument, cure in cures:
                    if isinstance(each, kind):
                        return argument, cure
    return "", ""
