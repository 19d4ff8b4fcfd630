# SPDX-License-Identifier: MPL-2.0
"""A fleet as a stack whose hardware arguments refer to the sources."""

from __future__ import annotations

from constructs.source_data import SourceData
from instant_clone.replica import Replica
from stacks.fleet_stack import FleetStack, Original

__all__ = ["StaticClone"]


class StaticClone(FleetStack):
    """A fleet with its hardware as references to named properties of its sources' data sources.

    A review sees from which property of the source each argument comes; each plan reads the sources and fails, with
    what differs, once one of them is no longer as it was looked up. Resources have the addresses that DynamicClone
    gives them, and the same values: a fleet changes from one kind of stack to the other without a change to any clone.

    `terraform destroy` reads the sources too, as part of its refresh: settings that have changed do not keep it, but a
    disk or an interface less does, and so does a source that is gone. Then make the stack "dynamic", which needs the
    record only, or destroy with -refresh=false.
    """

    def _repeat(self, original: Original) -> tuple[Replica, str]:
        data = SourceData(
            self,
            f"source_{original.key}",
            key=original.key,
            source=original.machine,
            replica=original.replica,
            release=self.provider.version,
            cure=f"Look at the change, run `instant-clone record {self.fleet.name}`, and plan again.",
        )
        return data.hardware, data.source_uuid
