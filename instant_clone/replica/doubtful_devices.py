# SPDX-License-Identifier: MPL-2.0
"""Warnings about devices of a source with which an instant clone may fail.

A warning never makes the synthesis fail. `cdktf diff` and `cdktf destroy` therefore work for existing clones.
"""

from __future__ import annotations

from instant_clone.replica.replica_builder import Draft
from instant_clone.vm.device_kinds import TPM, DeviceKind, disk_kinds, kind_of
from instant_clone.vm.source_vm import Disk, SourceVm

__all__ = ["disk_location", "warn_about_doubtful_devices"]

_DRY_RUN = "The plan of a new clone shows vCenter's dry run of it."


def warn_about_doubtful_devices(source: SourceVm, draft: Draft) -> None:
    """Add a warning for each doubtful device of `source` (see `instant_clone.vm.device_kinds`)."""
    for device in source.other_devices or ():
        _warn(device.label, kind_of(device.type, device.backing), draft)
    if source.tpm_count:
        _warn("virtual TPM", TPM, draft)
    for disk in source.disks:
        for kind in disk_kinds(disk):
            _warn(disk_location(disk), kind, draft)


def disk_location(disk: Disk) -> str:
    """Return the place of a disk for messages, such as "disk SCSI(0:1)"."""
    return f"disk {disk.controller.upper().replace('NVME', 'NVMe')}({disk.bus}:{disk.unit})"


def _warn(place: str, kind: DeviceKind, draft: Draft) -> None:
    draft.warn(place, " ".join(filter(None, (kind.known, kind.cure, _DRY_RUN))))
