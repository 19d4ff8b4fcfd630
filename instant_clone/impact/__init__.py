# SPDX-License-Identifier: MPL-2.0
"""The effect of a planned change on a running VM: a power-off, a move, a lost disk, or a failed apply.

A plan does not show these effects. The provider sets `reboot_required` only during the apply, so the plan shows the old
value. The rules come from these parts of the provider, releases 2.0.2 to 2.16.1:

- Update in resource_vsphere_virtual_machine.go;
- the functions that build the ConfigSpec, in virtual_machine_config_structure.go;
- the devices, in internal/virtualdevice.

All functions of this package are pure. They take values as the stock provider plans them: attributes by name, nested
blocks as lists of mappings.
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
