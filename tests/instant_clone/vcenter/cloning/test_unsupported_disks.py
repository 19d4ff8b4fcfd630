# SPDX-License-Identifier: MPL-2.0
"""Tests of the search for disks that no release of the stock provider reads."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from pyVmomi import vim, vmodl
from pyVmomi.VmomiSupport import GetVmodlType

from instant_clone.vcenter.cloning.clone_task import Cloner
from instant_clone.vcenter.session.connection import Session

Disk = vim.vm.device.VirtualDisk
Collector = vmodl.query.PropertyCollector
VMFS_6 = vim.host.VmfsDatastoreInfo(name="six", vmfs=vim.host.VmfsVolume(name="six", majorVersion=6))


def disk(number: int, backing: Any, store: str | None = None, *, label: str | None = "") -> Disk:
    """Return the disk "Hard disk N" in the file "web_N.vmdk", without a label if `label` is None."""
    backing.fileName = f"[{store or 'hidden'}] web/web_{number}.vmdk"
    backing.datastore = vim.Datastore(store) if store else None
    info = vim.Description(label=label or f"Hard disk {number}", summary="") if label is not None else None
    return Disk(key=2000 + number, backing=backing, deviceInfo=info)


def unsupported(devices: list[Disk], **stores: dict[str, Any]) -> tuple[tuple[str, ...], list[str]]:
    """Return the disks that are found, and the ids of the objects that were read. `stores` has readable properties."""
    read: list[str] = []

    def answer(filters: list[Collector.FilterSpec], _: object) -> Collector.RetrieveResult:
        machine = filters[0].objectSet[0].obj
        read.append(machine._moId)
        found = stores.get(machine._moId, {})
        if machine._moId == "vm-42":
            found = {"config.hardware.device": GetVmodlType("vim.vm.device.VirtualDevice[]")(devices)}
        values = [vmodl.DynamicProperty(name=name, val=value) for name, value in found.items()]
        return Collector.RetrieveResult(objects=[Collector.ObjectContent(obj=machine, propSet=values)])

    content = SimpleNamespace(propertyCollector=SimpleNamespace(RetrievePropertiesEx=answer))
    instance = SimpleNamespace(_GetStub=lambda: None)
    session = Session(
        cast(vim.ServiceInstance, instance), cast(vim.ServiceInstanceContent, content), server="vcenter.example"
    )
    return Cloner(session, at_once=1).unsupported_disks("vm-42"), read


def test_names_file_and_file_system_of_each_sesparse_disk() -> None:
    devices = [
        disk(1, Disk.SeSparseBackingInfo(), "six"),
        disk(2, Disk.FlatVer2BackingInfo(deltaDiskFormat="seSparseFormat"), "six"),
        disk(3, Disk.SeSparseBackingInfo(), "six"),
        disk(4, Disk.SeSparseBackingInfo(), "share"),
    ]

    found, read = unsupported(devices, six={"info": VMFS_6, "summary.type": "VMFS"}, share={"summary.type": "NFS"})

    assert found == (
        "Hard disk 1 ([six] web/web_1.vmdk, VMFS 6)",
        "Hard disk 3 ([six] web/web_3.vmdk, VMFS 6)",
        "Hard disk 4 ([share] web/web_4.vmdk, NFS)",
    )
    assert read == ["vm-42", "six", "share"]


def test_names_the_file_only_if_the_datastore_is_not_readable() -> None:
    devices = [disk(1, Disk.SeSparseBackingInfo(), "secret"), disk(2, Disk.SeSparseBackingInfo(), label=None)]

    assert unsupported(devices)[0] == (
        "Hard disk 1 ([secret] web/web_1.vmdk)",
        "disk with the key 2002 ([hidden] web/web_2.vmdk)",
    )


def test_reads_no_datastore_without_sesparse_disks() -> None:
    assert unsupported([disk(1, Disk.FlatVer2BackingInfo(), "six")]) == ((), ["vm-42"])
