# SPDX-License-Identifier: MPL-2.0
"""Tests of the number of delta disks in the disk chains of a VM."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

from pyVmomi import vim, vmodl
from pyVmomi.VmomiSupport import GetVmodlType

from instant_clone.vcenter.cloning.clone_task import Cloner
from instant_clone.vcenter.cloning.disk_chains import deltas_by_disk
from instant_clone.vcenter.cloning.live_vm import find_vm
from instant_clone.vcenter.session.connection import Session

Collector = vmodl.query.PropertyCollector
Disk = vim.vm.device.VirtualDisk
Layout = vim.vm.FileLayoutEx


def disk(key: int, *, parents: int = 0, uuid: str = "") -> Disk:
    """Return a disk whose backing has `parents` parents."""
    backing = None
    for number in range(parents + 1):
        backing = Disk.FlatVer2BackingInfo(fileName=f"[LocalDS_0] web/{number}.vmdk", parent=backing, uuid=uuid)
    return Disk(key=key, capacityInKB=1024, backing=backing)


def layout(key: int, units: int) -> Layout.DiskLayout:
    """Return the layout of a disk whose chain has `units` units, including the base disk."""
    return Layout.DiskLayout(
        key=key, chain=[Layout.DiskUnit(fileKey=[2 * unit, 2 * unit + 1]) for unit in range(units)]
    )


def test_parents_are_counted_without_a_layout() -> None:
    assert deltas_by_disk([disk(2000, parents=6), disk(2001)], None) == {2000: 6, 2001: 0}


def test_layout_is_counted_without_parents() -> None:
    assert deltas_by_disk([disk(2000), disk(2001)], [layout(2000, 7), layout(2001, 1)]) == {2000: 6, 2001: 0}


def test_counts_the_longer_of_parents_and_layout() -> None:
    devices = [disk(2000, parents=3), disk(2001, parents=1)]
    assert deltas_by_disk(devices, [layout(2000, 2), layout(2001, 5)]) == {2000: 3, 2001: 4}


def test_equal_chains_are_counted_once() -> None:
    assert deltas_by_disk([disk(2000, parents=6)], [layout(2000, 7)]) == {2000: 6}


def test_empty_chain_and_layout_of_an_unknown_disk_are_ignored() -> None:
    assert deltas_by_disk([disk(2000)], [layout(2000, 0), layout(2016, 9)]) == {2000: 0}


def test_only_disks_have_chains() -> None:
    cdrom = vim.vm.device.VirtualCdrom(key=3000, backing=vim.vm.device.VirtualCdrom.IsoBackingInfo(fileName=""))
    assert deltas_by_disk([cdrom], [layout(3000, 4)]) == {}


MACHINE = vim.VirtualMachine("vm-42")


def session_with(devices: Sequence[vim.vm.device.VirtualDevice], layouts: Sequence[Layout.DiskLayout]) -> Session:
    """Return a session with a vCenter whose only VM has these disks."""
    properties: dict[str, Any] = {
        "name": "web",
        "config.template": False,
        "config.hardware.device": GetVmodlType("vim.vm.device.VirtualDevice[]")(devices),
        "layoutEx.disk": GetVmodlType("vim.vm.FileLayoutEx.DiskLayout[]")(layouts),
        "runtime.host": vim.HostSystem("host-1"),
        "runtime.powerState": "poweredOn",
    }

    def answer(filters: list[Collector.FilterSpec], _: object) -> Collector.RetrieveResult:
        asked = {path for each in filters for spec in each.propSet for path in spec.pathSet}
        values = [vmodl.DynamicProperty(name=name, val=value) for name, value in properties.items() if name in asked]
        return Collector.RetrieveResult(objects=[Collector.ObjectContent(obj=MACHINE, propSet=values)])

    content = SimpleNamespace(
        propertyCollector=SimpleNamespace(RetrievePropertiesEx=answer),
        searchIndex=SimpleNamespace(FindAllByUuid=lambda *_: [MACHINE]),
    )
    instance = SimpleNamespace(_GetStub=lambda: None)
    return Session(
        cast(vim.ServiceInstance, instance), cast(vim.ServiceInstanceContent, content), server="vcenter.example"
    )


def test_chain_depth_of_a_source_is_the_depth_of_its_longest_chain() -> None:
    session = session_with([disk(2000, parents=2), disk(2001)], [layout(2000, 3), layout(2001, 256)])
    assert find_vm(session, "564d").chain_depth == 255


def test_finds_delta_disks_of_a_clone_that_only_the_layout_shows() -> None:
    disks = [disk(2000, uuid="a"), disk(2001, parents=1, uuid="b"), disk(2002, uuid="c")]
    session = session_with(disks, [layout(2000, 2), layout(2001, 1), layout(2002, 1)])
    assert Cloner(session, at_once=1).deltas("vm-42") == {"a", "b"}
