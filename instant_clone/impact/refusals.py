# SPDX-License-Identifier: MPL-2.0
"""Changes that the provider tries on the running VM although they need it off, and changes that vCenter may refuse.

The clone stays as it is, and the apply fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from instant_clone.impact.changes import Change, Comparison, nothing_unknown, number
from instant_clone.impact.disks import GONE_LABELS, disk_pairs
from instant_clone.impact.settings import extra_config_changes
from instant_clone.stock_provider.argument import Effect
from instant_clone.stock_provider.arguments import is_known, nested_in, top_level
from instant_clone.stock_provider.releases import AUTOMATIC_CORES_RESENT, NEWEST_CHECKED, ProviderVersion

__all__ = ["automatic_cores_resent", "may_be_refused", "with_erased_flags"]

FLAGGED_EARLY = frozenset(top_level(lambda argument: argument.flagged_early))
RECONFIGURED = top_level(lambda argument: argument.reconfigures)
STATE_ONLY = nested_in("disk", lambda argument: argument.effect in (Effect.NONE, Effect.MOVE))
"""of a disk: no reconfiguration (diskApplyOperationCreateUpdate)"""
SET_AT_CREATION = nested_in("disk", lambda argument: argument.effect is Effect.REFUSED)


def with_erased_flags(changes: Sequence[Change], compared: Comparison) -> Sequence[Change]:
    """`changes` with those marked as rejected for which the provider forgets that the VM has to be off.

    expandExtraConfig sets `reboot_required` to extra_config_reboot_required in the midst of
    expandVirtualMachineConfigSpec: with false, it takes back what was set before it, and what is set after it stands.
    """
    if (
        not is_known(compared.version, "extra_config_reboot_required")
        or compared.planned.get("extra_config_reboot_required") is not False
        or not extra_config_changes(compared)
        or any(change.argument not in FLAGGED_EARLY and not change.rejected for change in changes)
    ):
        return changes
    why = "As extra_config changes too, with extra_config_reboot_required false, it is tried on the running VM."
    return [
        change if change.rejected else replace(change, why=f"{change.why} {why}", rejected=True) for change in changes
    ]


def automatic_cores_resent(compared: Comparison) -> Iterator[Change]:
    """Any reconfiguration of a running VM with automatic cores per socket, where the release repeats the 0."""
    first, last = AUTOMATIC_CORES_RESENT
    argument = "num_cores_per_socket"
    automatic = compared.prior.get(argument) == 0 and compared.planned.get(argument) == 0
    if automatic and first <= compared.version <= last and _reconfigures(compared):
        why = f"Provider {compared.version} sends the 0 with every change, and vCenter wants the VM off for it."
        yield Change(argument, 0, 0, why, rejected=True)


def may_be_refused(
    prior: Mapping[str, Any],
    planned: Mapping[str, Any],
    *,
    version: ProviderVersion = NEWEST_CHECKED,
    is_unknown: Callable[[object], bool] = nothing_unknown,
) -> tuple[Change, ...]:
    """The changes that need no reboot for the stock provider, and at which the apply may fail nevertheless.

    Values are as for `power_cycles`.
    """
    return tuple(_doubtful(Comparison(prior, planned, version, is_unknown)))


def _doubtful(compared: Comparison) -> Iterator[Change]:
    for index, disks in disk_pairs(compared):
        at = f"disk[{index}]"
        if number(disks.prior.get("size")) and disks.differs("size"):
            why = "vCenter grows no disk that has a parent, as each disk has that a clone got from its source."
            yield disks.change("size", why, within=at)
        for argument in SET_AT_CREATION:
            if disks.differs(argument):
                why = f"The provider refuses to change {argument} of a disk that is there."
                yield disks.change(argument, why, within=at)
    before, after = compared.blocks("cdrom")
    if len(before) != len(after) and not compared.unknown("cdrom"):
        why = "vCenter adds and removes a CD-ROM drive on an IDE controller only while the VM is off."
        yield Change("cdrom", len(before), len(after), why)
    if compared.differs("latency_sensitivity"):
        yield compared.change("latency_sensitivity", "vCenter may want the VM off for another latency sensitivity.")


def _reconfigures(compared: Comparison) -> bool:
    if any(compared.differs(argument) for argument in RECONFIGURED):
        return True
    if compared.planned.get("storage_policy_id") and compared.anything_differs():
        # The policy is in the wanted ConfigSpec and never in the one made of the VM, so that the two always differ.
        return True
    _, after = compared.blocks("disk")
    paired = list(disk_pairs(compared))
    return (
        len(paired) < len(after)
        or any(disk.get("label") in GONE_LABELS for disk in after)
        or any(
            disks.differs(argument)
            for _, disks in paired
            for argument in {*disks.prior, *disks.planned}.difference(STATE_ONLY)
        )
    )
