# SPDX-License-Identifier: MPL-2.0
"""Disks with a backing that no release of the stock provider reads.

The stock provider reads FlatVer2 backings only (virtual_machine_disk_subresource.go, Read). vCenter can report a delta
disk as VirtualDiskSeSparseBackingInfo (govmomi issue 2099). VMFS 6 stores all delta disks in the format SEsparse, and
VMFS 5 the delta disks of disks of 2 TB or more (vSphere Storage).
"""

from __future__ import annotations

from collections.abc import Mapping

from pyVmomi import vim

from instant_clone.vcenter.session.connection import Session, read_properties

__all__ = ["unsupported_disks"]

_SeSparse = vim.vm.device.VirtualDisk.SeSparseBackingInfo


def unsupported_disks(session: Session, machine: vim.VirtualMachine) -> tuple[str, ...]:
    """Return the disks of a VM with an SEsparse backing, such as "Hard disk 1 ([store] web-0/web-0.vmdk, VMFS 6)".

    The text in parentheses has the file and the file system of its datastore, or only the file if the user may not read
    the datastore. The function sends one request, and one for each datastore of the disks.

    Raises:
        vmodl.MethodFault: vCenter rejects the request.
        OSError, HTTPException, ExpatError: the connection is refused or broken.
    """
    devices = read_properties(session, machine, "config.hardware.device").get("config.hardware.device") or ()
    found = [
        (device, device.backing)
        for device in devices
        if isinstance(device, vim.vm.device.VirtualDisk) and isinstance(device.backing, _SeSparse)
    ]
    stores = {store._moId: store for _, backing in found if (store := backing.datastore) is not None}
    systems = {moid: _file_system(session, store) for moid, store in stores.items()}
    return tuple(_described(disk, backing, systems) for disk, backing in found)


def _file_system(session: Session, datastore: vim.Datastore) -> str:
    values = read_properties(session, datastore, "info", "summary.type")
    volume = getattr(values.get("info"), "vmfs", None)
    return f"VMFS {volume.majorVersion}" if volume is not None else str(values.get("summary.type") or "")


def _described(disk: vim.vm.device.VirtualDisk, backing: _SeSparse, systems: Mapping[str, str]) -> str:
    label = disk.deviceInfo.label if disk.deviceInfo else f"disk with the key {disk.key}"
    system = systems.get(backing.datastore._moId) if backing.datastore else None
    return f"{label} ({', '.join(filter(None, (backing.fileName, system)))})"
