# SPDX-License-Identifier: MPL-2.0
"""What a plan may do to a clone that exists.

The stock provider powers a VM off for many changes, moves it for some, and destroys disks that have lost their label,
all without a word in the plan. A clone that this happens to is no instant clone any more, so here it needs to be asked
for: `on_reboot` of the block decides.
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

__all__ = ["Judgement", "judge"]

_ON_REBOOT = attribute_path(INSTANTCLONE, 0, "on_reboot")
_DISK_SIZE = re.compile(r"disk\[(\d+)\]\.size")


@dataclass(frozen=True)
class Judgement:
    """What is added to the stock provider's plan."""

    diagnostics: tuple[Diagnostic, ...] = ()
    replace: tuple[AttributePath, ...] = ()
    """the arguments for which the clone is made anew"""


def judge(
    prior: State,
    planned: Plan,
    block: InstantCloneBlock,
    *,
    version: ProviderVersion,
    deltas: Callable[[], Collection[str]],
) -> Judgement:
    """What is to be said and done about reboots, moves and lost disks in the stock provider's plan for a clone.

    `deltas()` are the UUIDs of its disks that have a disk below, as those from its source have.
    """
    name = str(prior.get("name"))
    lost = disks_lost(prior, planned)
    if lost and (own := _from_source(lost, prior, deltas())):
        return Judgement((_disks_taken(name, own),))
    refused = may_be_refused(prior, planned, version=version, is_unknown=is_unknown)
    if grown := _grown(refused, planned, deltas):
        return Judgement((_cannot_grow(name, grown),))
    cycles = power_cycles(prior, planned, version=version, is_unknown=is_unknown)
    changes = (
        *cycles,
        *moves(prior, planned, version=version, is_unknown=is_unknown),
        *unknown_changes(prior, planned, version=version, is_unknown=is_unknown),
    )
    doubtful = [change for change in refused if not _DISK_SIZE.fullmatch(change.argument)]
    said = (_doubtful(name, doubtful),) if doubtful and not cycles else ()
    if not changes:
        return Judgement(said)
    if block.on_reboot == "replace":
        roots = dict.fromkeys(_root(change.argument) for change in changes)
        return Judgement(said, tuple(map(attribute_path, roots)))
    if block.on_reboot == "reboot" and not any(change.rejected for change in changes):
        return Judgement((*said, _passed(name, changes)))
    return Judgement((*said, _refused(name, changes)))


def _from_source(lost: Sequence[LostDisk], prior: State, deltas: Collection[str]) -> list[LostDisk]:
    disks = prior.get("disk") or ()
    return [each for each in lost if disks[each.index].get("uuid") in deltas]


def _grown(refused: Iterable[Change], planned: Plan, deltas: Callable[[], Collection[str]]) -> list[Change]:
    """Those changes that would extend a disk which has one below."""
    disks = planned.get("disk") or ()
    sizes = [(change, disks[int(found[1])]) for change in refused if (found := _DISK_SIZE.fullmatch(change.argument))]
    own = deltas() if sizes else ()
    return [change for change, disk in sizes if disk.get("uuid") in own]


def _cannot_grow(name: str, changes: Iterable[Change]) -> Diagnostic:
    return error(
        "Disks cannot grow",
        f"These disks of {name} are deltas on those of its source, and vSphere extends no disk that has a parent:\n"
        f"{_listed(changes)}\n"
        "Take the change back; more room is to be had by additional disks.",
        attribute_path("disk"),
    )


def _doubtful(name: str, changes: Iterable[Change]) -> Diagnostic:
    return warning(
        "Change may be refused",
        f"The stock provider will try this on {name} while it runs, and vCenter may refuse it. The clone then stays "
        f"as it is, and the apply fails:\n{_listed(changes)}",
    )


def _disks_taken(name: str, disks: Sequence[LostDisk]) -> Diagnostic:
    return error(
        "Change would take disks from the clone",
        f"{name} has these disks from its source, and the change would remove them from it:\n"
        + "\n".join(f"  {disk.place} ({disk.label}): {disk.why}" for disk in disks)
        + "\nKeep a disk block with that label, controller_type and unit_number.",
        attribute_path("disk"),
    )


def _refused(name: str, changes: Sequence[Change]) -> Diagnostic:
    return error(
        "Change would power-cycle or move the clone",
        f"An instant clone that is powered off or moved loses what it shares with its source. For {name}:\n"
        f"{_listed(changes)}\n"
        "Take the change back, or say in the fleet file what is to be done: on_reboot = "
        '"replace" has clones remade by such changes, on_reboot = "reboot" lets them be rebooted. In HCL these are '
        "arguments of the block instantclone.",
        _ON_REBOOT,
    )


def _passed(name: str, changes: Sequence[Change]) -> Diagnostic:
    return warning(
        "Change power-cycles or moves the clone",
        f'on_reboot is "reboot", so the stock provider will do this to {name}, which then shares no more memory with '
        f"its source:\n{_listed(changes)}",
        _ON_REBOOT,
    )


def _listed(changes: Iterable[Change]) -> str:
    return "\n".join(
        f"  {change.argument}: {shown(change.prior)} → {shown(change.planned)}. {change.why}" for change in changes
    )


def _root(argument: str) -> str:
    return argument.partition("[")[0].partition(".")[0]
