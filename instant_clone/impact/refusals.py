# SPDX-License-Identifier: MPL-2.0
"""Changes that the provider wrongly tries on the running VM, and changes that vCenter may refuse.

After such a change the apply fails, and the clone is unchanged.
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
from instant_clone.stock_provider.releases import AUTOMATIC_CORES_RESENT, DEFAULT_RELEASE, ProviderVersion

__all__ = ["automatic_cores_resent", "may_be_refused", "with_erased_flags"]

FLAGGED_EARLY = frozenset(top_level(lambda argument: argument.flagged_early))
RECONFIGURED = top_level(lambda argument: argument.reconfigures)
STATE_ONLY = nested_in("disk", lambda argument: argument.effect in (Effect.NONE, Effect.MOVE))
"""arguments of a disk that cause no reconfiguration (diskApplyOperationCreateUpdate)"""
SET_AT_CREATION = nested_in("disk", lambda argument: argument.effect is Effect.REFUSED)


def with_erased_flags(changes: Sequence[Change], compared: Comparison) -> Sequence[Change]:
    """Return `changes`. A change is marked as rejected if the provider loses the reboot flag of the change.

    expandVirtualMachineConfigSpec calls expandExtraConfig between other settings. expandExtraConfig sets
    `reboot_required` to the value of extra_config_reboot_required. The value false clears a flag that earlier settings
    have set; later settings set the flag again.
    """
    if (
        not is_known(compared.version, "extra_config_reboot_required")
        or compared.planned.get("extra_config_reboot_required") is not False
        or not extra_config_changes(compared)
        or any(change.argument not in FLAGGED_EARLY and not change.rejected for change in changes)
    ):
        return changes
    why = (
        "The provider tries the change on the running VM, because extra_config also changes and "
        "extra_config_reboot_required is false."
    )
    return [
        change if change.rejected else replace(change, why=f"{change.why} {why}", rejected=True) for change in changes
    ]


def automatic_cores_resent(compared: Comparison) -> Iterator[Change]:
    """Yield the rejected change of num_cores_per_socket if the release sends the value 0 again to a running VM."""
    first, last = AUTOMATIC_CORES_RESENT
    argument = "num_cores_per_socket"
    automatic = compared.prior.get(argument) == 0 and compared.planned.get(argument) == 0
    if automatic and first <= compared.version <= last and _reconfigures(compared):
        why = (
            f"Provider {compared.version} sends num_cores_per_socket 0 with every change, and vCenter accepts it only "
            "while the VM is off."
        )
        yield Change(argument, 0, 0, why, rejected=True)


def may_be_refused(
    prior: Mapping[str, Any],
    planned: Mapping[str, Any],
    *,
    version: ProviderVersion = DEFAULT_RELEASE,
    is_unknown: Callable[[object], bool] = nothing_unknown,
) -> tuple[Change, ...]:
    """Return the changes that cause no reboot, but may cause the apply to fail.

    The arguments have the shapes that `power_cycles` describes.
    """
    return tuple(_possible_refusals(Comparison(prior, planned, version, is_unknown)))


def _possible_refusals(compared: Comparison) -> Iterator[Change]:
    for index, disks in disk_pairs(compared):
        at = f"disk[{index}]"
        if number(disks.prior.get("size")) and disks.differs("size"):
            why = "vCenter cannot grow a disk that has a parent, and each disk that a clone inherits has a parent."
            yield disks.change("size", why, within=at)
        for argument in SET_AT_CREATION:
            if disks.differs(argument):
                why = f"The provider refuses to change {argument} of an existing disk."
                yield disks.change(argument, why, within=at)
    before, after = compared.blocks("cdrom")
    if len(before) != len(after) and not compared.unknown("cdrom"):
        why = "vCenter adds or removes a CD-ROM drive on an IDE controller only while the VM is off."
        yield Change("cdrom", len(before), len(after), why)
    if compared.differs("latency_sensitivity"):
        yield compared.change(
            "latency_sensitivity", "vCenter may change the latency sensitivity only while the VM is off."
        )


def _reconfigures(compared: Comparison) -> bool:
    if any(compared.differs(argument) for argument in RECONFIGURED):
        return True
    if compared.planned.get("storage_policy_id") and compared.anything_differs():
        # The ConfigSpec of the configuration has the policy. The ConfigSpec of the VM never has it. The two differ.
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
