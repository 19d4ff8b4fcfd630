# SPDX-License-Identifier: MPL-2.0
"""Whether a clone still runs, which no plan of the stock provider shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from instant_clone.errors import InstantCloneError
from instant_clone.provider.messages import Diagnostic
from instant_clone.provider.values import warning
from instant_clone.stock_provider.devices import TOOLS_RUNNING

__all__ = ["does_not_run"]


def does_not_run(state: Mapping[str, Any], *, is_powered_on: Callable[[], bool]) -> list[Diagnostic]:
    """What is to be said of a clone, as the stock provider has read it, that is powered off or suspended.

    Releases before 2.2 have no `power_state`; with them `is_powered_on()` asks vCenter, unless the guest's tools run.
    """
    power = state.get("power_state")
    if power is None and state.get("vmware_tools_status") != TOOLS_RUNNING:
        try:
            power = "on" if is_powered_on() else "off"
        except InstantCloneError:
            # It has gone meanwhile, or vCenter has: whatever comes next will say so.
            return []
    if power in (None, "", "on"):
        return []
    how = "suspended" if power == "suspended" else "powered off"
    return [
        warning(
            "Clone does not run",
            f"{state.get('name')} (UUID {state.get('uuid')}) is {how}. "
            "No apply powers it on, and once powered on it shares no memory with its source. Make it anew with "
            "-replace and its address, or power it on in vCenter.",
        )
    ]
