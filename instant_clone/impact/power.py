# SPDX-License-Identifier: MPL-2.0
"""Which changes make the stock provider power a VM off."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from instant_clone.impact.changes import Change, Comparison, nothing_unknown
from instant_clone.impact.devices import device_changes
from instant_clone.impact.disks import disk_changes
from instant_clone.impact.refusals import automatic_cores_resent, with_erased_flags
from instant_clone.impact.settings import setting_changes
from instant_clone.stock_provider.releases import NEWEST_CHECKED, ProviderVersion

__all__ = ["power_cycles"]


def power_cycles(
    prior: Mapping[str, Any],
    planned: Mapping[str, Any],
    *,
    version: ProviderVersion = NEWEST_CHECKED,
    is_unknown: Callable[[object], bool] = nothing_unknown,
) -> tuple[Change, ...]:
    """The changes from `prior` to `planned` that need a running VM to be powered off.

    The stock provider powers it off for them, except for those that are `rejected`: these it tries on the running VM,
    and vCenter refuses. One change for which it does power the VM off carries all the others, so either none is
    rejected or all are.

    Values that are not known before the apply, those for which `is_unknown` holds, count as changes, except of
    arguments that the provider fills in itself. A value that is left out equals the zero value of its type, as in the
    provider's SDK. Some of what counts stands in no state that the provider wrote, and no plan shows it: fill `vtpm`
    and the controller counts of `prior` with what the VM has, where that is known.
    """
    compared = Comparison(prior, planned, version, is_unknown)
    changes = [*setting_changes(compared), *disk_changes(compared), *device_changes(compared)]
    changes = list(with_erased_flags(changes, compared))
    if not all(change.rejected for change in changes):
        # The VM is off when its turn comes.
        return tuple(change for change in changes if not change.rejected)
    return (*changes, *automatic_cores_resent(compared))
