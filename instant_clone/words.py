# SPDX-License-Identifier: MPL-2.0
"""Which values of arguments the provider's schema has words for."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["SCSI_TYPES", "WORDS", "can_say"]

SCSI_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "ParaVirtualSCSIController": "pvscsi",
        "VirtualLsiLogicController": "lsilogic",
        "VirtualLsiLogicSASController": "lsilogic-sas",
    }
)
"""`scsi_type` by the class of the controllers"""
WORDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "latency_sensitivity": ("low", "normal", "medium", "high"),
        "firmware": ("bios", "efi"),
        "swap_placement_policy": ("inherit", "hostLocal", "vmDirectory"),
        "tools_upgrade_policy": ("manual", "upgradeAtPowerCycle"),
        "hv_mode": ("hvAuto", "hvOn", "hvOff"),
        "ept_rvi_mode": ("automatic", "on", "off"),
        "scsi_type": tuple(SCSI_TYPES.values()),
        "scsi_bus_sharing": ("noSharing", "physicalSharing", "virtualSharing"),
    }
)
_NEVER_ZERO = ("cpu_limit", "memory_limit", "ide_controller_count")


def can_say(argument: str, value: object) -> bool:
    """Whether `argument` can be configured to be `value`, which is what the provider reads from a VM.

    What is unset on the VM it reads as the zero value of the argument's type. For booleans and most numbers that is a
    value as any other.
    """
    if value is None or value == "":
        return False
    if argument in WORDS:
        return value in WORDS[argument]
    return not (argument in _NEVER_ZERO and value == 0)
