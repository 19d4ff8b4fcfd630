# SPDX-License-Identifier: MPL-2.0
"""A fleet as a stack whose hardware arguments are values."""

from __future__ import annotations

from collections.abc import Mapping

from cdktf import TerraformStack

from constructs import Construct
from instant_clone.fleet import Fleet, ProviderSettings, StateSettings
from stacks.fleet_stack import Original, add_fleet

__all__ = ["DynamicClone"]


class DynamicClone(TerraformStack):
    """A fleet with its hardware as literal values of the look-up: values to review, and plans that read no source.

    That makes it the stack for sources that come and go: diff and destroy work whatever has become of them.
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
        add_fleet(
            self,
            fleet=fleet,
            originals=originals,
            provider=provider,
            state=state,
            hardware=lambda original: (original.replica, original.source_vm.uuid),
        )
