# SPDX-License-Identifier: MPL-2.0
"""Names of the provider's resources, and of the block that the plugin adds to vsphere_virtual_machine."""

from __future__ import annotations

from typing import Literal

__all__ = ["DRS_VM_OVERRIDE", "FOLDER", "INSTANTCLONE", "VIRTUAL_MACHINE", "OnReboot"]

VIRTUAL_MACHINE = "vsphere_virtual_machine"
DRS_VM_OVERRIDE = "vsphere_drs_vm_override"
FOLDER = "vsphere_folder"
INSTANTCLONE = "instantclone"
"""the plugin's block of vsphere_virtual_machine; the stock provider never sees it"""

OnReboot = Literal["error", "replace", "reboot"]
"""`on_reboot` of the block `instantclone`: what the plugin does with a plan that powers the clone off or moves it.

- "error": the plugin refuses the plan. This is the default.
- "replace": the plugin replaces the clone.
- "reboot": the stock provider applies the change.
"""
