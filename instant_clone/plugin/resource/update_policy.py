# SPDX-License-Identifier: MPL-2.0
"""Check of a plan for changes that reboot or move an existing clone, or remove its disks.

The stock provider powers a VM off for many changes, moves it for some changes, and destroys disks whose label was
removed. The plan does not show this. A clone that is powered off or moved no longer shares memory with its source. The
argument `on_reboot` of the block instantclone therefore selects whether such a change fails, replaces the clone, or
reboots it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from instant_clone.impact import (
    Change,
    LostDisk,
    disks_lost,
    may_be_refused,
    moves,
    power_cycles,
    unknown_changes,
)
from instant_clone.plugin.wire.codec import InstantCloneBlock, attribute_path, error, is_unknown, shown, warning
from instant_clone.plugin.wire.tfplugin5 import AttributePath, Diagnostic
from instant_clone.plugin.wire.values import Plan, State
from instant_clone.stock_provider.names import INSTANTCLONE
from instant_clone.stock_provider.releases import ProviderVersion

__all__ = ["PolicyResult", "apply_policy"]

_ON_REBOOT = attribute_path(INSTANTCLONE, 0, "on_reboot")
_DISK_SIZE = re.compile(r"disk\[(\d+)\]\.size")


@dataclass(frozen=True)
class PolicyResult:
    """The additions to the stock provider's plan."""

    diagnostics: tuple[Diagnostic, ...] = ()
    replace: tuple[AttributePath, ...] = ()
    """the arguments whose changes replace the clone"""


def apply_policy(
    prior: State,
    planned: Plan,
    block: InstantCloneBlock,
    *,
    version: ProviderVersion,
    deltas: Callable[[], Collection[str]],
) -> PolicyResult:
    """Return diagnostics and replacements for reboots, moves and lost disks in the stock provider's plan for a clone.

    `deltas()` returns the UUIDs of the clone's disks that have a parent disk, such as the disks from the source.
    """
    name = str(prior.get("name"))
    lost = disks_lost(prior, planned)
    if lost and (source_disks := _from_source(lost, prior, deltas())):
        return PolicyResult((_source_disks_removed(name, source_disks),))
    uncertain = may_be_refused(prior, planned, version=version, is_unknown=is_unknown)
    if grown := _grown(uncertain, planned, deltas):
        return PolicyResult((_cannot_grow(name, grown),))
    cycles = power_cycles(prior, planned, version=version, is_unknown=is_unknown)
    changes = (
        *cycles,
        *moves(prior, planned, version=version, is_unknown=is_unknown),
        *unknown_changes(prior, planned, version=version, is_unknown=is_unknown),
    )
    other_uncertain = [change for change in uncertain if not _DISK_SIZE.fullmatch(change.argument)]
    warnings = (_may_be_rejected(name, other_uncertain),) if other_uncertain and not cycles else ()
    if not changes:
        return PolicyResult(warnings)
    if block.on_reboot == "replace":
        roots = dict.fromkeys(_root(change.argument) for change in changes)
        return PolicyResult(warnings, tuple(map(attribute_path, roots)))
    if block.on_reboot == "reboot" and not any(change.rejected for change in changes):
        return PolicyResult((*warnings, _allowed(name, changes)))
    return PolicyResult((*warnings, _refused(name, changes)))


def _from_source(lost: Sequence[LostDisk], prior: State, deltas: Collection[str]) -> list[LostDisk]:
    disks = prior.get("disk") or ()
    return [each for each in lost if disks[each.index].get("uuid") in deltas]


def _grown(changes: Iterable[Change], planned: Plan, deltas: Callable[[], Collection[str]]) -> list[Change]:
    """Return the changes that would extend a disk with a parent."""
    disks = planned.get("disk") or ()
    sizes = [(change, disks[int(found[1])]) for change in changes if (found := _DISK_SIZE.fullmatch(change.argument))]
    delta_uuids = deltas() if sizes else ()
    return [change for change, disk in sizes if disk.get("uuid") in delta_uuids]


def _cannot_grow(name: str, changes: Iterable[Change]) -> Diagnostic:
    return error(
        "Delta disk cannot be extended",
        f"{name}: these disks are delta disks on the disks of its source, and vSphere does not extend a disk that has "
        f"a parent:\n{_listed(changes)}\n"
        "Revert the change. For more space, add a disk.",
        attribute_path("disk"),
    )


def _may_be_rejected(name: str, changes: Iterable[Change]) -> Diagnostic:
    return warning(
        "Change may be rejected",
        f"{name}: the stock provider applies these changes while the clone is running, and vCenter may reject them. In "
        f"that case the apply fails and the clone stays unchanged:\n{_listed(changes)}",
    )


def _source_disks_removed(name: str, disks: Sequence[LostDisk]) -> Diagnostic:
    return error(
        "Change would remove source disks",
        f"{name}: the change would remove these disks, which the clone shares with its source:\n"
        + "\n".join(f"  {disk.place} ({disk.label}): {disk.why}" for disk in disks)
        + "\nKeep a disk block with the label, controller_type and unit_number of each disk.",
        attribute_path("disk"),
    )


def _refused(name: str, changes: Sequence[Change]) -> Diagnostic:
    return error(
        "Change requires reboot or move",
        f"{name}: these changes power the clone off or move it. The clone then loses the memory and disks that it "
        f"shares with its source.\n{_listed(changes)}\n"
        'Revert the changes, or set on_reboot in the fleet file: "replace" replaces the clone, and "reboot" lets the '
        "stock provider reboot or move it. In HCL, on_reboot is an argument of the block instantclone.",
        _ON_REBOOT,
    )


def _allowed(name: str, changes: Sequence[Change]) -> Diagnostic:
    return warning(
        "Change reboots or moves clone",
        f'{name}: on_reboot is "reboot", so the stock provider makes these changes. The clone then no longer shares '
        f"memory with its source:\n{_listed(changes)}",
        _ON_REBOOT,
    )


def _listed(changes: Iterable[Change]) -> str:
    return "\n".join(
        f"  {change.argument}: {shown(change.prior)} → {shown(change.planned)}. {change.why}" for change in changes
    )


def _root(argument: str) -> str:
    return argument.partition("[")[0].partition(".")[0]
