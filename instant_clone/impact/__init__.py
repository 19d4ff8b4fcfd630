# SPDX-License-Identifier: MPL-2.0
"""What a planned change does to a running VM: power it off, move it, take a disk from it, or fail.

A plan never says so: the provider finds out during the apply only. `reboot_required` is set there, and the plan shows
its old value. The rules are those of the provider's Update (resource_vsphere_virtual_machine.go), of the functions
that build its ConfigSpec (virtual_machine_config_structure.go) and of its devices (internal/virtualdevice), 2.0.2 to
2.16.1. All functions here are pure and take values as the stock provider plans them: attributes by name, nested blocks
as lists of mappings.
"""

from instant_clone.impact.changes import Change
from instant_clone.impact.disks import LostDisk, disks_lost
from instant_clone.impact.location import moves
from instant_clone.impact.power import power_cycles
from instant_clone.impact.refusals import may_be_refused
from instant_clone.impact.settings import ANY_CHANGE
from instant_clone.impact.unknown import unknown_changes

__all__ = [
    "ANY_CHANGE",
    "Change",
    "LostDisk",
    "disks_lost",
    "may_be_refused",
    "moves",
    "power_cycles",
    "unknown_changes",
]
