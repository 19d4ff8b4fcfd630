# SPDX-License-Identifier: MPL-2.0
"""The stack kind "static": hardware arguments are references to the sources' data sources."""

from __future__ import annotations

from collections.abc import Mapping

from cdktf import TerraformStack

from constructs import Construct
from constructs.source_data import SourceData
from instant_clone.fleet import Fleet, ProviderSettings, StateSettings
from instant_clone.replica import Replica
from stacks.fleet_stack import LookedUpSource, add_fleet

__all__ = ["StaticClone"]


class StaticClone(TerraformStack):
    """A stack with one fleet. Hardware arguments are references to attributes of its sources' data sources.

    A review shows which attribute of the source each argument comes from. Each plan reads the sources. It fails and
    names the differences if a source has changed since the look-up. Resources have the same addresses and values as in
    DynamicClone, so a fleet can switch between the two kinds of stack without a change to any clone.

    The refresh of `terraform destroy` also reads the sources. Changed settings do not prevent the destroy, but a
    missing disk, a missing network interface or a deleted source does. In this case, set `stack = "dynamic"`, which
    needs only the record, or destroy with -refresh=false.
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

        def hardware(looked_up: LookedUpSource) -> tuple[Replica, str]:
            data = SourceData(
                self,
                f"source_{looked_up.key}",
                key=looked_up.key,
                source=looked_up.source_vm,
                replica=looked_up.replica,
                release=provider.version,
                cure=f"Review the change, run `instant-clone record {fleet.name}`, and plan again.",
            )
            return data.hardware, data.source_uuid

        add_fleet(
            self, fleet=fleet, looked_up_sources=looked_up_sources, provider=provider, state=state, hardware=hardware
        )
