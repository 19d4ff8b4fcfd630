# SPDX-License-Identifier: MPL-2.0
"""Matching of planned disks with a VM's disks, changes that power the VM off, and lost disks.

The rules come from internal/virtualdevice/virtual_machine_disk_subresource.go. A plan identifies a disk by its label
(DiskDiffOperation):

- a disk whose label is not in the configuration is planned with the label "<deleted>";
- with keep_on_remove or attach, that disk is planned with the label "<remove, keep disk>";
- a disk with a new label is planned as a new, empty disk.

An apply identifies a disk by its UUID (diskApplyOperationDelete, diskApplyOperationCreateUpdate).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from instant_clone.impact.changes import Change, Comparison, Values
from instant_clone.stock_provider.argument import Effect
from instant_clone.stock_provider.arguments import nested_in
from instant_clone.stock_provider.devices import disk_place, disk_text

__all__ = ["LostDisk", "disk_changes", "disk_pairs", "disks_lost"]

DETACHED_LABEL = "<remove, keep disk>"
GONE_LABELS = ("<deleted>", DETACHED_LABEL)
"""the labels that the provider plans for a disk that it removes"""
ORPHAN = "orphaned_disk_"
"""prefix of the label that a refresh gives to a disk without a disk block"""
ARGUMENTS = nested_in("disk", lambda argument: argument.effect is Effect.REBOOT)


@dataclass(frozen=True)
class LostDisk:
    """A disk that the change removes from the VM."""

    index: int
    """index of the disk block in the state"""
    label: str
    """label in the state"""
    place: str
    """controller, unit number and size, such as "scsi unit 1, 8 GiB" """
    why: str
    """reason of the removal, one sentence"""


def disks_lost(prior: Mapping[str, Any], planned: Mapping[str, Any]) -> tuple[LostDisk, ...]:
    """Return the disks of `prior` that the stock provider destroys or detaches to reach `planned`, in state order.

    Both arguments are values of vsphere_virtual_machine. `planned` may be a plan of the stock provider or a
    configuration. If the list of planned disks is unknown before the apply, no disk counts as lost.
    """
    before, after = prior.get("disk") or (), planned.get("disk")
    if not isinstance(after, list | tuple):
        return ()
    return tuple(
        LostDisk(index, str(old.get("label") or ""), disk_text(old), why)
        for index, old in enumerate(before)
        if (why := _loss(index, old, before, after)) is not None
    )


def disk_changes(compared: Comparison) -> Iterator[Change]:
    """Yield the changes of disks that power the VM off (DiskSubresource.Update, expandDiskSettings)."""
    for index, disks in disk_pairs(compared):
        for argument in ARGUMENTS:
            if disks.differs(argument):
                why = f"The provider changes {argument} of a disk only while the VM is off."
                yield disks.change(argument, why, within=f"disk[{index}]")


def disk_pairs(compared: Comparison) -> Iterator[tuple[int, Comparison]]:
    """Yield the planned disks that the VM already has: the index in the plan and the comparison with the prior disk."""
    before, after = compared.blocks("disk")
    for index, disk in enumerate(after):
        old = None if disk.get("label") in GONE_LABELS else _partner(disk, before, after)
        if old is not None:
            yield index, compared.of(old, disk)


def _partner(disk: Values, before: Sequence[Values], after: Sequence[Values]) -> Values | None:
    """Return the prior values of a planned disk, or None for a new disk.

    - If the planned disk has a UUID, the UUID identifies the disk.
    - If it has no UUID, the label identifies the disk.
    - If no prior disk has the label, the place identifies the disk. A disk at that place is a different disk if another
      planned disk has its label.
    """
    if disk.get("uuid") and isinstance(disk["uuid"], str):
        return next((old for old in before if old.get("uuid") == disk["uuid"]), None)
    if disk.get("key") == 0:
        # DiskDiffOperation has found no disk with that label, so the provider creates a disk.
        return None
    by_label = {old.get("label"): old for old in before}
    if disk.get("label") in by_label:
        return by_label[disk.get("label")]
    taken = {new.get("label") for new in after}
    return next((old for old in before if old.get("label") not in taken and disk_place(old) == disk_place(disk)), None)


def _loss(index: int, old: Values, before: Sequence[Values], after: Sequence[Values]) -> str | None:
    """Return the reason why the provider removes the disk, or None if the disk stays."""
    same = next((new for position, new in enumerate(after) if _is(new, position, old, index)), None)
    if same is not None and same.get("label") not in GONE_LABELS:
        return None
    kept = same.get("label") == DETACHED_LABEL if same is not None else bool(old.get("keep_on_remove"))
    does = "detaches the disk and keeps its file" if kept else "destroys the disk"
    label = str(old.get("label") or "")
    if label.startswith(ORPHAN):
        return f"No disk block describes this disk of the VM, so the provider {does}."
    labels = {disk.get("label") for disk in before}
    for new in after:
        if new.get("label") not in (*GONE_LABELS, *labels) and disk_place(new) == disk_place(old):
            gets = f"The disk at this place gets the label {new.get('label')}"
            return f"{gets}, so the provider {does} and creates an empty one."
    return f"No disk block has the label {label} any more, so the provider {does}."


def _is(new: Values, position: int, old: Values, index: int) -> bool:
    if new.get("uuid") and old.get("uuid"):
        return bool(new["uuid"] == old["uuid"])
    if new.get("label") in GONE_LABELS:
        # The plan keeps a removed disk at its index in the state (DiskDiffOperation).
        return position == index
    return bool(new.get("label") == old.get("label"))
