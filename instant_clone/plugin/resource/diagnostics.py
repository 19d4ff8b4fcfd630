# SPDX-License-Identifier: MPL-2.0
"""Terraform diagnostics about clones, and conversion of exceptions into diagnostics."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal

from instant_clone.errors import CloneError, ConnectError, InstantCloneError, LoginError, NotFoundError
from instant_clone.inventory_names import finder_pattern
from instant_clone.plugin.wire import log
from instant_clone.plugin.wire.codec import attribute_path, error, shown, warning
from instant_clone.plugin.wire.tfplugin5 import AttributePath, Diagnostic
from instant_clone.plugin.wire.upstream_client import RefusedError, StockGoneError
from instant_clone.stock_provider.names import INSTANTCLONE
from instant_clone.vm.differences import Difference

if TYPE_CHECKING:
    from instant_clone.vcenter.cloning.clone_task import Clone

__all__ = [
    "STATE_RM",
    "WHICH_ADDRESS",
    "Removal",
    "adopted_clone",
    "argument_path",
    "edits_not_applied",
    "explained",
    "import_id",
    "network_wait_interrupted",
    "not_added_to_state",
    "other_location",
    "rolled_back",
    "tainted",
    "unrequested_differences",
    "unsupported_disks",
    "with_source_path",
]


Removal = Literal["removed", "gone"] | Exception
"""the result of removing a clone: removed, gone if it did not exist any longer, or the error that prevented it"""
WHICH_ADDRESS = "with the address above as ADDRESS, in single quotes and without any text in parentheses"
"""the meaning of ADDRESS in a command; Terraform may append text in parentheses to the address in a message"""
STATE_RM = f"terraform state rm ADDRESS, {WHICH_ADDRESS}"
"""the command that removes a VM from the state and does not change the VM"""


def import_id(path: str) -> str:
    """Return the id that `terraform import` accepts for the VM at an inventory path, quoted for a shell."""
    return "'" + finder_pattern(path).replace("'", "'\\''") + "'"


def adopted_clone(clone: Clone) -> Diagnostic:
    """Return the warning for an existing clone that the apply adopted."""
    return warning(
        "Existing clone adopted",
        f"{clone.inventory_path} (UUID {clone.uuid}): an interrupted apply created this clone for this address, from "
        "the same source, and did not record it in the state. This apply adopted the clone and did not create another.",
    )


def unrequested_differences(path: str, withheld: Iterable[Difference], *, already_exists: bool) -> Diagnostic:
    """Return the warning for differences between a clone and its configuration that the apply leaves unchanged.

    If the clone `already_exists`, the configuration has changed since its creation. Otherwise vCenter introduced the
    differences, and the configuration repeats the source's values.
    """
    withheld = list(withheld)
    reference = "the configuration" if already_exists else "the source"
    lines = "\n".join(
        f"  {difference.path}: {reference} has {shown(difference.after)}, the clone has {shown(difference.before)}."
        for difference in withheld
    )
    roots = dict.fromkeys(difference.path.partition(".")[0].partition("[")[0] for difference in withheld)
    names = ", ".join(f'"{root}"' for root in roots)
    if already_exists:
        return warning(
            "Adopted clone differs from configuration",
            f"{path}: an earlier apply created this clone with other values than the configuration has now:\n{lines}\n"
            "This apply did not change them. The next plan shows them as changes, or reports why a running clone does "
            "not accept them.",
        )
    return warning(
        "Clone differs from its source",
        f"{path}: vCenter created this clone with other values than its source, although the configuration repeats the "
        f"source's values:\n{lines}\n"
        "This apply did not change them, because the configuration requests no change. The next plan shows them as "
        f"changes. Add {names} to ignore_changes, or apply the changes if they do not power the clone off.",
    )


def edits_not_applied(path: str, differences: Iterable[Difference]) -> Diagnostic:
    """Return the warning for a clone whose interfaces vCenter created without the requested values."""
    return warning(
        "Interface changed after cloning",
        f"{path}: vCenter created this clone without the requested values of these arguments:\n"
        f"{_configured(differences)}\n"
        "This apply changes them on the running clone. vCenter rejects a new MAC address for a running clone "
        "(InvalidPowerState). If it does, remove use_static_mac and mac_address from the configuration.",
    )


def other_location(path: str, differences: Iterable[Difference]) -> Diagnostic:
    """Return the warning for a clone that vCenter created at another place than the configuration requests."""
    return warning(
        "Clone is at another location",
        f"{path}: vCenter did not create this clone at the requested location:\n{_configured(differences)}\n"
        "This apply did not move the clone. To keep it there, set these arguments to the clone's values. Otherwise the "
        "next plan moves the clone to another folder while it runs, but rejects another resource pool or datastore "
        'unless on_reboot is "reboot". A replacement does not help, because vCenter creates the new clone at the same '
        "location.",
    )


def _configured(differences: Iterable[Difference]) -> str:
    return "\n".join(
        f"  {each.path}: the configuration has {shown(each.after)}, the clone has {shown(each.before)}."
        for each in differences
    )


def with_source_path(diagnostics: list[Diagnostic]) -> list[Diagnostic]:
    """Set the attribute path of diagnostics that lack one to instantclone.source_uuid. Return the diagnostics."""
    for diagnostic in diagnostics:
        if not diagnostic.attribute.steps:
            diagnostic.attribute.CopyFrom(attribute_path(INSTANTCLONE, 0, "source_uuid"))
    return diagnostics


def network_wait_interrupted(clone: Clone) -> Diagnostic:
    """Return the warning for an interrupt before the guest reported a network address."""
    return warning(
        "Guest network wait interrupted",
        f"{clone.inventory_path}: the apply was interrupted before the guest reported a network address. The clone is "
        "running and is in the state. The next refresh reads its addresses.",
    )


def tainted(
    clone: Clone, what: str = "the clone was created and is running, but a later step failed with the errors above."
) -> Diagnostic:
    """Return the error for a clone that is in the state after a failed apply. `what` describes the failure."""
    return error(
        "Clone is tainted",
        f"{clone.inventory_path} (UUID {clone.uuid}): {what} The next apply replaces the clone. To keep it, run "
        f"terraform untaint ADDRESS, {WHICH_ADDRESS}.",
    )


def not_added_to_state(clone: Clone, failure: Exception, *, already_exists: bool) -> list[Diagnostic]:
    """Return the errors for a clone with an owner marker that a failed apply neither removes nor puts into the state.

    A new clone is kept if the stock provider exited, because the removal could also fail. A clone that `already_exists`
    is never removed, because it may have run for months.
    """
    origin = "already existed" if already_exists else "was created"
    reason = "the stock vSphere provider exited" if isinstance(failure, StockGoneError) else "it could not be read"
    return [
        *explained(failure),
        error(
            "Clone not added to state",
            f"{clone.inventory_path} (UUID {clone.uuid}): the clone {origin}, but {reason}. The clone is running and "
            "has the owner marker of this state. Apply again to adopt the clone.",
        ),
    ]


def rolled_back(clone: Clone, removal: Removal) -> Diagnostic:
    """Return the error for a new clone that could not be read, with the result of its removal."""
    if isinstance(removal, Exception):
        return tainted(clone, f"the clone was created, but it could be neither read nor removed: {removal}")
    if removal == "gone":
        what = (
            f"{clone.inventory_path}: the clone was created, but it disappeared before it could be read. Apply again."
        )
        return error("Clone creation rolled back", what)
    return error(
        "Clone creation rolled back",
        f"{clone.inventory_path}: the clone was created, but it could not be read and was removed. Fix the errors "
        "above and apply again.",
    )


def unsupported_disks(name: str, disks: Sequence[str], *, in_state: bool) -> Diagnostic:
    """Return the error for a VM with disks that the stock provider does not read.

    `disks` describe the disks. `in_state` says whether the VM is a clone that the state contains.
    """
    lines = "\n".join(f"  {disk}" for disk in disks)
    cure = "Use a source whose disks are on a datastore with another file system, such as vSAN."
    if in_state:
        cure = (
            "Remove the snapshots of the clone, or move its disks to a datastore with another file system. Until then, "
            "plan, apply or destroy with -refresh=false."
        )
    return error(
        "Disk format not supported",
        f"{name}: vCenter reports the format SEsparse (VirtualDiskSeSparseBackingInfo) for these disks:\n{lines}\n"
        "No release of the stock vSphere provider reads disks of this format. VMFS 6 uses it for all delta disks, and "
        f"VMFS 5 for the delta disks of disks of 2 TB or more. {cure}",
    )


# The first class that matches the exception applies.
_SUMMARIES: dict[type[InstantCloneError], str] = {
    ConnectError: "No connection to vCenter",
    LoginError: "vCenter login failed",
    NotFoundError: "Not found in vCenter",
    CloneError: "Instant clone failed",
    InstantCloneError: "vCenter rejected the request",
}


def explained(failure: Exception) -> list[Diagnostic]:
    """Return the diagnostics for an exception. Write the traceback of an unexpected exception to Terraform's log."""
    if isinstance(failure, RefusedError):
        return failure.diagnostics
    if isinstance(failure, InstantCloneError):
        summary = next(text for kind, text in _SUMMARIES.items() if isinstance(failure, kind))
        at = None
        if isinstance(failure, CloneError):
            summary = failure.summary or summary
            at = argument_path(failure.argument)
        return [error(summary, str(finding), at) for finding in failure.findings]
    log.error("".join(traceback.format_exception(failure)))
    return [
        error(
            "Internal plugin error",
            f"{type(failure).__name__}: {failure}. This is a bug in the instant clone plugin. Run the command again "
            "with TF_LOG_PROVIDER=ERROR to see the traceback, and report it.",
        )
    ]


def argument_path(argument: str) -> AttributePath | None:
    """Return the attribute path of an argument such as "instantclone.source_uuid". Return None for an empty string."""
    if not argument:
        return None
    block, inner, name = argument.partition(".")
    return attribute_path(block, 0, name) if inner else attribute_path(block)
