"""Disks of a clone that are others than the state has, at the same places.

A backup product that restores a VM over itself leaves the same VM with new disks. The stock provider knows a disk by
its UUID (virtual_machine_disk_subresource.go, DiskRefreshOperation): it drops the old disks from the state, and calls
the new ones orphaned_disk_N, which its next apply removes from the VM before it adds empty ones. Here a disk is known
by its controller and unit as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from instant_clone.provider.messages import Diagnostic
from instant_clone.provider.pairing import disk_place
from instant_clone.provider.values import is_unknown, warning
from instant_clone.reboot.disks import GONE_LABELS, ORPHAN, named_place

__all__ = ["PairedDisks", "orphans_in_words", "pair_disks"]

_KEPT = ("label", "keep_on_remove", "attach")
"""what the state says of a disk and no VM does"""


@dataclass(frozen=True)
class PairedDisks:
    """A state whose disks have the labels of those whose places they have taken, and what is to be said of that."""

    state: dict[str, Any]
    diagnostics: tuple[Diagnostic, ...]


def pair_disks(state: Mapping[str, Any], before: Mapping[str, Any]) -> PairedDisks:
    """Return a VM's state, as the stock provider read it, with the labels of `before` at the same places.

    Warns of a disk that is another one, and of a disk that is no longer there.
    """
    disks = state.get("disk") or []
    labels = {disk.get("label") for disk in disks}
    # A plan has the disks that it takes from the VM too.
    gone = {
        disk_place(disk): disk
        for disk in before.get("disk") or ()
        if disk.get("label") not in labels and disk.get("label") not in GONE_LABELS
    }
    name = str(state.get("name"))
    paired, said = [], []
    for disk in disks:
        partner = gone.pop(disk_place(disk), None) if _is_orphan(disk) else None
        if partner is None or _is_orphan(partner):
            paired.append(dict(disk))
            continue
        paired.append({**disk, **{argument: partner.get(argument) for argument in _KEPT if argument in disk}})
        said.append(_replaced(name, partner, disk))
    said.extend(_missing(name, disk) for disk in gone.values() if not _is_orphan(disk))
    return PairedDisks({**state, "disk": paired} if disks else dict(state), tuple(said))


def orphans_in_words(prior: Mapping[str, Any], words: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return a state whose orphaned disks have the labels that `words` has for their places, and those without one.

    `words` is a configuration or a planned state. Where a place in it is not known yet, no disk is without one.
    """
    configured = words.get("disk")
    disks = prior.get("disk") or []
    if not any(map(_is_orphan, disks)) or not isinstance(configured, list) or _has_unknown(configured):
        return dict(prior), ()
    partners = {disk_place(disk): disk for disk in configured}
    named, without = [], []
    for disk in disks:
        partner = partners.get(disk_place(disk)) if _is_orphan(disk) else None
        if partner is not None:
            kept = {"label": partner.get("label"), "keep_on_remove": bool(partner.get("keep_on_remove"))}
            named.append({**disk, **kept})
            continue
        named.append(dict(disk))
        if _is_orphan(disk):
            without.append(named_place(disk))
    return {**prior, "disk": named}, tuple(without)


def _is_orphan(disk: Mapping[str, Any]) -> bool:
    return str(disk.get("label") or "").startswith(ORPHAN)


def _has_unknown(disks: Iterable[Any]) -> bool:
    return any(is_unknown(part) for disk in disks for part in (disk, *disk_place(disk)))


def _replaced(name: str, before: Mapping[str, Any], disk: Mapping[str, Any]) -> Diagnostic:
    return warning(
        "Disk is another one",
        f"{name}: {before.get('label')} ({named_place(disk)}) has the UUID {disk.get('uuid')} and the file "
        f"{disk.get('path')}; the state has {before.get('uuid')} and {before.get('path')}. The virtual machine was "
        "probably restored over itself. The disk keeps its label, and no apply removes it. It is no delta on the "
        "source's disk any more: to share disks and memory again, replace the clone with -replace and its address.",
    )


def _missing(name: str, disk: Mapping[str, Any]) -> Diagnostic:
    return warning(
        "Disk is missing",
        f"{name}: the virtual machine has no disk {disk.get('label')} ({named_place(disk)}) any more. As long as it is "
        "configured, an apply adds an empty disk at that place. To get its content back, replace the clone with "
        "-replace and its address.",
    )
