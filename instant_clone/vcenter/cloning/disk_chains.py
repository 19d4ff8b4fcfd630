# SPDX-License-Identifier: MPL-2.0
"""The number of delta disks in the disk chains of a VM. The functions are pure.

vCenter reports a chain in two places:

- `backing.parent` of a disk. It is set for the delta disks of snapshots. For the delta disks of a source of instant
  clones, VMware knowledge base article 320221 looks in the folder of the VM, not in the backing.
- `layoutEx.disk[].chain`. It has one unit for the base disk and one for each delta disk (API reference,
  VirtualMachineFileLayoutExDiskLayout).

The functions use the longer of the two chains, because either place can lack delta disks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pyVmomi import vim

__all__ = ["DISK_LAYOUT", "deltas_by_disk"]

DISK_LAYOUT = "layoutEx.disk"
"""the property path of the disks' layouts"""


def deltas_by_disk(
    devices: Iterable[vim.vm.device.VirtualDevice], layouts: Iterable[vim.vm.FileLayoutEx.DiskLayout] | None
) -> Mapping[int, int]:
    """Return the number of delta disks in the chain of each disk, by device key.

    `devices` is `config.hardware.device`; `layouts` is `layoutEx.disk`, or None if vCenter does not report it.
    """
    units = {layout.key: len(layout.chain) for layout in layouts or ()}
    return {
        device.key: max(_parents(device.backing), units.get(device.key, 1) - 1)
        for device in devices
        if isinstance(device, vim.vm.device.VirtualDisk)
    }


def _parents(backing: object) -> int:
    count = 0
    while (backing := getattr(backing, "parent", None)) is not None:
        count += 1
    return count
