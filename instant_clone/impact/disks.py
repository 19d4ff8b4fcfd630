# SPDX-License-Identifier: MPL-2.0
"""A VM's disks: which planned disk is which, what changes with the VM off, and which ones go.

internal/virtualdevice/virtual_machine_disk_subresource.go. While planning, the label is a disk's name: the provider
plans a disk whose label is gone as "<deleted>", or as "<remove, keep disk>" if it has keep_on_remove or attach, and
one with a new label as a new, empty disk (DiskDiffOperation). While applying, the UUID is (diskApplyOperationDelete,
diskApplyOperationCreateUpdate).
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
"""what the provider plans as the label of a disk that it takes away"""
ORPHAN = "orphaned_disk_"
"""how the label begins that a refresh gives to a disk which no disk block has"""
ARGUMENTS = nested_in("disk", lambda argument: argument.effect is Effect.REBOOT)


@dataclass(frozen=True)
class LostDisk:
    """A disk that the change takes from the VM."""

    index: int
    """in the state"""
    label: str
    """in the state"""
    place: str
    """such as "scsi unit 1, 8 GiB" """
    why: str
    """one sentence"""


def disks_lost(prior: Mapping[str, Any], planned: Mapping[str, Any]) -> tuple[LostDisk, ...]:
    """The disks of `prior` that the stock provider destroys or detaches to get to `planned`, in the state's order.

    Both are values of vsphere_virtual_machine; `planned` may be what the stock provider plans, or a configuration.
    Disks that are not known as a list before the apply are taken to stay.
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
    """The changes of disks for which the VM is powered off (DiskSubresource.Update, expandDiskSettings)."""
    for index, disks in disk_pairs(compared):
        for argument in ARGUMENTS:
            if disks.differs(argument):
                why = f"The provider changes {argument} of a disk only while the VM is off."
                yield disks.change(argument, why, within=f"disk[{index}]")


def disk_pairs(compared: Comparison) -> Iterator[tuple[int, Comparison]]:
    """The planned disks that the VM has, each with its index in the plan and beside what it was."""
    before, after = compared.blocks("disk")
    for index, disk in enumerate(after):
        old = None if disk.get("label") in GONE_LABELS else _partner(disk, before, after)
        if old is not None:
            yield index, compared.of(old, disk)


def _partner(disk: Values, before: Sequence[Values], after: Sequence[Values]) -> Values | None:
    """The disk as it was: by UUID where the plan has one, else by label, else by a place that no other disk takes."""
    if disk.get("uuid") and isinstance(disk["uuid"], str):
        return next((old for old in before if old.get("uuid") == disk["uuid"]), None)
    if disk.get("key") == 0:
        # DiskDiffOperation has found no disk of that label: one is made.
        return None
    by_label = {old.get("label"): old for old in before}
    if disk.get("label") in by_label:
        return by_label[disk.get("label")]
    taken = {new.get("label") for new in after}
    return next((old for old in before if old.get("label") not in taken and disk_place(old) == disk_place(disk)), None)


def _loss(index: int, old: Values, before: Sequence[Values], after: Sequence[Values]) -> str | None:
    """Why the disk goes; None if it stays."""
    same = next((new for position, new in enumerate(after) if _is(new, position, old, index)), None)
    if same is not None and same.get("label") not in GONE_LABELS:
        return None
    kept = same.get("label") == DETACHED_LABEL if same is not None else bool(old.get("keep_on_remove"))
    does = "detaches it and keeps its file" if kept else "destroys it"
    label = str(old.get("label") or "")
    if label.startswith(ORPHAN):
        return f"No disk block has this disk of the VM; the provider {does}."
    labels = {disk.get("label") for disk in before}
    for new in after:
        if new.get("label") not in (*GONE_LABELS, *labels) and disk_place(new) == disk_place(old):
            return f"The disk there gets the label {new.get('label')}; the provider {does}, and makes an empty one."
    return f"No disk block has the label {label} any more; the provider {does}."


def _is(new: Values, position: int, old: Values, index: int) -> bool:
    if new.get("uuid") and old.get("uuid"):
        return bool(new["uuid"] == old["uuid"])
    if new.get("label") in GONE_LABELS:
        # The copy of a disk that goes stands where the disk stood (DiskDiffOperation).
        return position == index
    return bool(new.get("label") == old.get("label"))
