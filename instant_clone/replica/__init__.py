# SPDX-License-Identifier: MPL-2.0
"""The provider arguments that reproduce a source VM, so that an instant clone needs no reconfiguration."""

from instant_clone.replica.blocks import DeviceBlock, Template
from instant_clone.replica.changes import add_disks, add_interfaces, assign_mac_addresses, connect, set_arguments
from instant_clone.replica.replica import Replica, replicate

__all__ = [
    "DeviceBlock",
    "Replica",
    "Template",
    "add_disks",
    "add_interfaces",
    "assign_mac_addresses",
    "connect",
    "replicate",
    "set_arguments",
]
