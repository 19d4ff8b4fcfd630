# SPDX-License-Identifier: MPL-2.0
"""Changes for which the stock provider powers a VM off."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from instant_clone.impact.changes import Change, Comparison, nothing_unknown
from instant_clone.impact.devices import device_changes
from instant_clone.impact.disks import disk_changes
from instant_clone.impact.refusals import automatic_cores_resent, with_erased_flags
from instant_clone.impact.settings import setting_changes
from instant_clone.stock_provider.releases import DEFAULT_RELEASE, ProviderVersion

__all__ = ["power_cycles"]


def power_cycles(
    prior: Mapping[str, Any],
    planned: Mapping[str, Any],
    *,
    version: ProviderVersion = DEFAULT_RELEASE,
    is_unknown: Callable[[object], bool] = nothing_unknown,
) -> tuple[Change, ...]:
    """Return the changes from `prior` to `planned` that a VM accepts only while it is powered off.

    The stock provider powers the VM off for these changes, except for changes that are `rejected`. The provider tries a
    rejected change on the running VM, and vCenter refuses it. One change that powers the VM off makes all others
    possible, so the result has either no rejected change or only rejected changes.

    `is_unknown` returns whether a value is unknown before the apply. An unknown value counts as a change, except for
    arguments that the provider computes. A missing value equals the zero value of its type, as in the provider's SDK.
    The provider's state does not always hold `vtpm` and the controller counts, and no plan shows them. Set these keys
    of `prior` to the values of the VM if the values are known.
    """
    compared = Comparison(prior, planned, version, is_unknown)
    changes = [*setting_changes(compared), *disk_changes(compared), *device_changes(compared)]
    changes = list(with_erased_flags(changes, compared))
    if not all(change.rejected for change in changes):
        # The VM is off when the provider makes the changes that are marked as rejected.
        return tuple(change for change in changes if not change.rejected)
    return (*changes, *automatic_cores_resent(compared))
