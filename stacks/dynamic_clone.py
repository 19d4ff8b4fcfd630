# SPDX-License-Identifier: MPL-2.0
"""The stack kind "dynamic": hardware arguments are values."""

from __future__ import annotations

from collections.abc import Mapping

from cdktf import TerraformStack

from constructs import Construct
from instant_clone.fleet import Fleet, ProviderSettings, StateSettings
from stacks.fleet_stack import LookedUpSource, add_fleet

__all__ = ["DynamicClone"]


class DynamicClone(TerraformStack):
    """A stack with one fleet. Hardware arguments are literal values from the look-up.

    A review shows the values, and a plan does not read the sources. Use this kind of stack for short-lived sources:
    `cdktf diff` and `cdktf destroy` also work after a source has changed or has been deleted.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        fleet: Fleet,
        looked_up_sources: Mapping[str, LookedUpSource],
        provider: ProviderSettings,
        state: StateSettings,
    ) -> None:
        """Add `fleet` to the new stack. `looked_up_sources` are the fleet's sources by their keys."""
        super().__init__(scope, id_)
        add_fleet(
            self,
            fleet=fleet,
            looked_up_sources=looked_up_sources,
            provider=provider,
            state=state,
            hardware=lambda looked_up: (looked_up.replica, looked_up.source_vm.uuid),
        )
