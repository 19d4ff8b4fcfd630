# SPDX-License-Identifier: MPL-2.0
"""A fleet as a stack whose hardware arguments are values."""

from __future__ import annotations

from instant_clone.replica import Replica
from stacks.fleet_stack import FleetStack, Original

__all__ = ["DynamicClone"]


class DynamicClone(FleetStack):
    """A fleet with its hardware as literal values of the look-up: values to review, and plans that read no source.

    That makes it the stack for sources that come and go: diff and destroy work whatever has become of them.
    """

    def _repeat(self, original: Original) -> tuple[Replica, str]:
        return original.replica, original.machine.uuid
