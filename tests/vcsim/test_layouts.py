# SPDX-License-Identifier: MPL-2.0
"""Tests of the hardware layouts of -layout, and of instant clones of each layout."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pyVmomi import vim

from tests.conftest import StartSimulator
from tests.vcsim.client import Client, clone, devices, disks, nics, plain

pytestmark = pytest.mark.simulator

LAYOUTS = {
    "golden-web": "default",
    "golden-small": "minimal",
    "golden-wide": "two-controllers",
    "golden-mixed": "sata-nvme",
}


@pytest.fixture(scope="module")
def client(start_simulator: StartSimulator) -> Iterator[Client]:
    flags = [flag for vm, layout in LAYOUTS.items() for flag in ("-layout", f"{vm}={layout}")]
    with Client(start_simulator("-source", ",".join(LAYOUTS), "-vm", 0, *flags)) as client:
        yield client


def kind(device: Any) -> str:
    return type(device).__name__.rpartition(".")[2]


def storage(vm: Any) -> list[tuple[str, str, int, int]]:
    """Return controller kind, device kind, bus and unit of each disk and CD-ROM."""
    controllers = {each.key: each for each in devices(vm, vim.vm.device.VirtualController)}
    attached = devices(vm, (vim.vm.device.VirtualDisk, vim.vm.device.VirtualCdrom))
    return [
        (kind(controllers[each.controllerKey]), kind(each), controllers[each.controllerKey].busNumber, each.unitNumber)
        for each in attached
    ]


def provisioning(vm: Any) -> list[tuple[int, bool, bool]]:
    """Return capacity in GiB, thin provisioning and eager scrub of each disk."""
    return [(disk.capacityInBytes >> 30, disk.backing.thinProvisioned, disk.backing.eagerlyScrub) for disk in disks(vm)]


def networks(vm: Any) -> list[tuple[str, str]]:
    return [(kind(nic), network.name) for nic, network in zip(nics(vm), vm.network, strict=True)]


def test_default_has_two_thin_disks_and_one_interface(client: Client) -> None:
    vm = client.vm("golden-web")

    assert storage(vm) == [
        ("ParaVirtualSCSIController", "VirtualDisk", 0, 0),
        ("ParaVirtualSCSIController", "VirtualDisk", 0, 1),
    ]
    assert provisioning(vm) == [(16, True, False), (8, True, False)]
    assert networks(vm) == [("VirtualVmxnet3", "DC0_DVPG0")]
    assert vm.config.firmware == "efi"


def test_minimal_has_bios_one_disk_and_a_standard_network(client: Client) -> None:
    vm = client.vm("golden-small")

    assert storage(vm) == [("ParaVirtualSCSIController", "VirtualDisk", 0, 0)]
    assert provisioning(vm) == [(8, True, False)]
    assert networks(vm) == [("VirtualVmxnet3", "VM Network")]
    assert vm.config.firmware == "bios"
    assert (vm.config.hardware.numCPU, vm.config.hardware.memoryMB) == (1, 1024)


def test_two_controllers_has_gaps_between_units(client: Client) -> None:
    vm = client.vm("golden-wide")

    assert storage(vm) == [
        ("ParaVirtualSCSIController", "VirtualDisk", 0, 0),
        ("ParaVirtualSCSIController", "VirtualDisk", 0, 1),
        ("ParaVirtualSCSIController", "VirtualDisk", 1, 0),
        ("ParaVirtualSCSIController", "VirtualDisk", 1, 3),
        ("VirtualIDEController", "VirtualCdrom", 0, 0),
    ]
    assert provisioning(vm) == [(16, True, False), (4, False, True), (8, False, False), (2, True, False)]
    assert networks(vm) == [("VirtualVmxnet3", "DC0_DVPG0"), ("VirtualE1000e", "VM Network")]
    assert [kind(each.backing) for each in devices(vm, vim.vm.device.VirtualCdrom)] == ["RemoteAtapiBackingInfo"]


def test_sata_nvme_has_a_disk_on_each_kind_of_controller_and_an_iso_image(client: Client) -> None:
    vm = client.vm("golden-mixed")

    assert storage(vm) == [
        ("VirtualLsiLogicSASController", "VirtualDisk", 0, 0),
        ("VirtualAHCIController", "VirtualDisk", 0, 0),
        ("VirtualNVMEController", "VirtualDisk", 0, 0),
        ("VirtualAHCIController", "VirtualCdrom", 0, 1),
    ]
    (image,) = devices(vm, vim.vm.device.VirtualCdrom)
    assert image.backing.fileName == "[LocalDS_0] iso/seed.iso"
    assert image.backing.datastore.name == "LocalDS_0"
    assert client.has_file("[LocalDS_0] iso/seed.iso")


def test_sata_nvme_has_custom_allocations_and_no_hot_add(client: Client) -> None:
    config = client.vm("golden-mixed").config
    allocations = [
        (each.reservation, each.limit, each.shares.level, each.shares.shares)
        for each in (
            config.cpuAllocation,
            config.memoryAllocation,
            disks(client.vm("golden-mixed"))[0].storageIOAllocation,
        )
    ]

    assert allocations == [(500, 4000, "custom", 3000), (1024, 8192, "custom", 90000), (100, 2000, "custom", 1500)]
    assert (config.hardware.numCPU, config.hardware.numCoresPerSocket) == (4, 1)
    assert (config.cpuHotAddEnabled, config.cpuHotRemoveEnabled, config.memoryHotAddEnabled) == (False, False, False)


@pytest.mark.parametrize("name", LAYOUTS)
def test_settings_that_govmomi_drops_are_set(client: Client, name: str) -> None:
    config = client.vm(name).config

    assert config.swapPlacement == "inherit"
    assert config.vPMCEnabled is False


@pytest.mark.parametrize("name", LAYOUTS)
def test_controllers_list_their_devices(client: Client, name: str) -> None:
    vm = client.vm(name)
    attached: dict[int, list[int]] = {}
    for device in vm.config.hardware.device:
        if device.controllerKey:
            attached.setdefault(device.controllerKey, []).append(device.key)

    listed = {each.key: list(each.device) for each in devices(vm, vim.vm.device.VirtualController) if each.device}

    assert listed == attached


@pytest.mark.parametrize("name", LAYOUTS)
def test_instant_clone_has_the_hardware_of_its_source(client: Client, name: str) -> None:
    excluded = ("uuid", "macAddress", "addressType", "fileName", "parent", "contentId", "deltaDiskFormat", "datastore")
    source = client.vm(name)

    made = clone(source, f"{name}-clone")

    described = [[plain(device, excluded) for device in vm.config.hardware.device] for vm in (source, made)]
    assert described[0] == described[1]
    assert networks(made) == networks(source)


def test_cdrom_flag_adds_a_cdrom_if_the_layout_has_none(start_simulator: StartSimulator) -> None:
    simulated = start_simulator("-cdrom", "-source", "a,b", "-layout", "b=two-controllers")
    with Client(simulated) as client:
        counts = [len(devices(client.vm(name), vim.vm.device.VirtualCdrom)) for name in ("a", "b")]

    assert counts == [1, 1]
