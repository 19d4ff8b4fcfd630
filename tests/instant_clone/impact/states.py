# SPDX-License-Identifier: MPL-2.0
"""The state of a running VM, as the stock provider writes it, and helpers for its changes."""

from __future__ import annotations

from typing import Any

from instant_clone.impact import Change, power_cycles
from instant_clone.stock_provider.releases import ProviderVersion

__all__ = ["OFF", "PRIOR", "UNKNOWN", "WITHOUT_TOOLS", "State", "arguments", "changes", "is_unknown", "release"]


class Unknown:
    """A value that is unknown before the apply."""


UNKNOWN = Unknown()
State = dict[str, Any]


def is_unknown(value: object) -> bool:
    return isinstance(value, Unknown)


def changes(prior: State, planned: State, version: str = "2.16.1") -> tuple[Change, ...]:
    """Return the changes that power the VM off if the values `planned` change in `prior`."""
    return power_cycles(prior, prior | planned, version=release(version), is_unknown=is_unknown)


def arguments(prior: State, planned: State, version: str = "2.16.1") -> list[str]:
    return [change.argument for change in changes(prior, planned, version)]


def release(text: str) -> ProviderVersion:
    return ProviderVersion(text)


PRIOR: State = {
    "num_cpus": 2,
    "cpu_hot_add_enabled": True,
    "cpu_hot_remove_enabled": True,
    "memory": 4096,
    "memory_hot_add_enabled": True,
    "hardware_version": 19,
    "scsi_controller_count": 1,
    "sata_controller_count": 0,
    "ide_controller_count": 2,
    "nvme_controller_count": 0,
    "scsi_type": "pvscsi",
    "scsi_bus_sharing": "noSharing",
    "vmware_tools_status": "guestToolsRunning",
    "extra_config": {"guestinfo.name": "a"},
    "extra_config_reboot_required": True,
    "disk": [
        {"label": "disk0", "controller_type": "scsi", "unit_number": 0, "disk_mode": "persistent", "size": 16},
        {"label": "disk1", "controller_type": "scsi", "unit_number": 1, "disk_mode": "persistent", "size": 8},
    ],
    "network_interface": [
        {"network_id": "network-7", "adapter_type": "vmxnet3"},
        {"network_id": "network-7", "adapter_type": "e1000e"},
    ],
    "vtpm": [],
}
OFF = {"cpu_hot_add_enabled": False, "cpu_hot_remove_enabled": False, "memory_hot_add_enabled": False}
WITHOUT_TOOLS = PRIOR | {"vmware_tools_status": "guestToolsNotRunning"}
