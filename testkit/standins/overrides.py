# SPDX-License-Identifier: MPL-2.0
"""A fake of the resource vsphere_drs_vm_override, with the behaviour on which the plugin depends."""

from __future__ import annotations

from typing import Any

from testkit.standins.world import World

__all__ = ["BUSY", "Overrides"]

BUSY = "error applying DRS override: Another task is already in progress."
"""error text of govmomi for the fault TaskInProgress"""


class Overrides:
    """The DRS overrides of a World. vCenter has one override per VM, and removes it with the VM."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.busy = 0
        """number of future changes that the cluster refuses with TaskInProgress"""

    def read(self, state: dict[str, Any]) -> dict[str, Any] | None:
        """Return the current override, or None if the VM has none.

        Raises:
            LookupError: the VM does not exist.
        """
        if not self._world.with_uuid(state["virtual_machine_id"]):
            raise LookupError(f"cannot locate virtual machine: {state['virtual_machine_id']} not found")
        return self._world.overrides.get(f"{state['compute_cluster_id']}:{state['virtual_machine_id']}")

    def apply(self, prior: dict[str, Any] | None, planned: dict[str, Any] | None) -> tuple[str, dict[str, Any] | None]:
        """Return the error message, or "" for success, and the new state."""
        state = planned or prior or {}
        if self.busy:
            self.busy -= 1
            self._world.note("stock: ConfigureCluster_Task refused")
            return BUSY, planned
        key = f"{state['compute_cluster_id']}:{state['virtual_machine_id']}"
        if prior is None and key in self._world.overrides:
            return "error applying DRS override: A specified parameter was not correct: drsVmConfigSpec", planned
        self._world.note(f"stock: ConfigureCluster_Task {'remove' if planned is None else 'set'} {key}")
        if planned is None:
            self._world.overrides.pop(key, None)
            return "", None
        self._world.overrides[key] = {**planned, "id": key}
        return "", self._world.overrides[key]
