# SPDX-License-Identifier: MPL-2.0
"""A fleet as a stack whose hardware arguments refer to the sources."""

from __future__ import annotations

from collections.abc import Mapping

from cdktf import TerraformStack

from constructs import Construct
from constructs.source_data import SourceData
from instant_clone.fleet import Fleet, ProviderSettings, StateSettings
from instant_clone.replica import Replica
from stacks.fleet_stack import Original, add_fleet

__all__ = ["StaticClone"]


class StaticClone(TerraformStack):
    """A fleet with its hardware as references to named properties of its sources' data sources.

    A review sees from which property of the source each argument comes; each plan reads the sources and fails, with
    what differs, once one of them is no longer as it was looked up. Resources have the addresses that DynamicClone
    gives them, and the same values: a fleet changes from one kind of stack to the other without a change to any clone.

    `terraform destroy` reads the sources too, as part of its refresh: settings that have changed do not keep it, but a
    disk or an interface less does, and so does a source that is gone. Then make the stack "dynamic", which needs the
    record only, or destroy with -refresh=false.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        fleet: Fleet,
        originals: Mapping[str, Original],
        provider: ProviderSettings,
        state: StateSettings,
    ) -> None:
        """`originals` are the VMs that the fleet's sources name, by the sources' keys."""
        super().__init__(scope, id_)

        def hardware(original: Original) -> tuple[Replica, str]:
            data = SourceData(
                self,
                f"source_{original.key}",
                key=original.key,
                source=original.source_vm,
                replica=original.replica,
                release=provider.version,
                cure=f"Look at the change, run `instant-clone record {fleet.name}`, and plan again.",
            )
            return data.hardware, data.source_uuid

        add_fleet(self, fleet=fleet, originals=originals, provider=provider, state=state, hardware=hardware)
