# SPDX-License-Identifier: MPL-2.0
"""Tests of the changes of a running VM that vCenter accepts and refuses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pyVmomi import vim

from tests.conftest import StartSimulator
from tests.vcsim.client import (
    Client,
    cdrom,
    clone,
    controller,
    devices,
    disk,
    disks,
    extra_config,
    fault_of,
    machine_spec,
    make,
    network_edit,
    nic,
    nics,
    plain,
    result,
)

pytestmark = pytest.mark.simulator

GIB = 1 << 30
Device = vim.vm.device
Spec = vim.vm.ConfigSpec
Flags = vim.vm.FlagInfo
Settings = dict[str, Any]
Change = Callable[[Any], Any]

VAPP = vim.vApp.VmConfigSpec(
    property=[
        vim.vApp.PropertySpec(
            operation="add",
            info=vim.vApp.PropertyInfo(key=1, id="role", type="string", value="db", userConfigurable=True),
        )
    ]
)


@pytest.fixture(scope="module")
def client(start_simulator: StartSimulator) -> Iterator[Client]:
    with Client(start_simulator("-vm", 0, "-version", "8.0.2", "-hardware", "vmx-21")) as client:
        yield client


@pytest.fixture(scope="module")
def running(client: Client) -> Any:
    """Return a running VM with a device of every kind that has a rule."""
    vm = make(
        client,
        machine_spec(
            "running",
            [
                controller(Device.ParaVirtualSCSIController, -1),
                controller(Device.VirtualAHCIController, -2),
                disk(-1, 0, GIB),
                disk(201, 0, GIB),
                cdrom(200, 0, Device.VirtualCdrom.RemotePassthroughBackingInfo(deviceName="", exclusive=False)),
                nic(Device.VirtualVmxnet3, Device.VirtualEthernetCard.NetworkBackingInfo(deviceName="VM Network")),
                Device.VirtualTPM(key=-3),
            ],
            version="vmx-19",
            firmware="efi",
            numCPUs=4,
            numCoresPerSocket=2,
            vAppConfig=VAPP,
            cpuHotRemoveEnabled=False,
        ),
    )
    result(vm.PowerOn())
    return vm


@pytest.fixture(scope="module")
def growing(client: Client) -> Any:
    """Return a running VM with CPU and memory hot add."""
    vm = make(
        client,
        machine_spec(
            "growing",
            [
                controller(Device.ParaVirtualSCSIController, -1),
                controller(Device.VirtualAHCIController, -2),
                disk(-1, 0, GIB),
            ],
            numCPUs=2,
            memoryMB=1024,
            cpuHotAddEnabled=True,
            cpuHotRemoveEnabled=True,
            memoryHotAddEnabled=True,
        ),
    )
    result(vm.PowerOn())
    return vm


@pytest.mark.parametrize(
    ("fault", "settings"),
    [
        ("InvalidPowerState", {"firmware": "bios"}),
        ("InvalidPowerState", {"version": "vmx-21"}),
        ("InvalidPowerState", {"guestId": "debian11_64Guest"}),
        ("InvalidPowerState", {"alternateGuestName": "else"}),
        ("InvalidPowerState", {"numCoresPerSocket": 1}),
        ("InvalidPowerState", {"cpuHotAddEnabled": True}),
        ("InvalidPowerState", {"cpuHotRemoveEnabled": True}),
        ("InvalidPowerState", {"memoryHotAddEnabled": True}),
        ("InvalidPowerState", {"fixedPassthruHotPlugEnabled": True}),
        ("InvalidPowerState", {"vmxStatsCollectionEnabled": True}),
        ("InvalidPowerState", {"nestedHVEnabled": True}),
        ("InvalidPowerState", {"vPMCEnabled": True}),
        ("InvalidPowerState", {"swapPlacement": "hostLocal"}),
        ("InvalidPowerState", {"latencySensitivity": vim.LatencySensitivity(level="high")}),
        ("InvalidPowerState", {"flags": Flags(diskUuidEnabled=True)}),
        ("InvalidPowerState", {"flags": Flags(virtualExecUsage="hvOn")}),
        ("InvalidPowerState", {"flags": Flags(virtualMmuUsage="off")}),
        ("InvalidPowerState", {"flags": Flags(enableLogging=False)}),
        ("InvalidPowerState", {"flags": Flags(vbsEnabled=True)}),
        ("InvalidPowerState", {"flags": Flags(vvtdEnabled=True)}),
        ("InvalidPowerState", {"bootOptions": vim.vm.BootOptions(efiSecureBootEnabled=True)}),
        ("InvalidPowerState", {"virtualNuma": vim.vm.VirtualNuma(coresPerNumaNode=2)}),
        ("InvalidPowerState", {"virtualNuma": vim.vm.VirtualNuma(exposeVnumaOnCpuHotadd=True)}),
        ("InvalidPowerState", {"vAppConfig": vim.vApp.VmConfigSpec(ovfEnvironmentTransport=["iso"])}),
        ("InvalidPowerState", {"vAppConfigRemoved": True}),
        ("CpuHotPlugNotSupported", {"numCPUs": 6}),
        ("CpuHotPlugNotSupported", {"numCPUs": 2}),
        ("MemoryHotPlugNotSupported", {"memoryMB": 2048}),
        ("MemoryHotPlugNotSupported", {"memoryMB": 512}),
        ("InvalidArgument", {"numCPUs": 5}),
        ("InvalidArgument", {"guestId": "no guest"}),
        ("InvalidArgument", {"cpuAllocation": vim.ResourceAllocationInfo(reservation=-5)}),
        ("ConcurrentAccess", {"changeVersion": "another"}),
    ],
    ids=str,
)
def test_rejects_a_change_of_a_setting_and_changes_nothing(running: Any, fault: str, settings: Settings) -> None:
    before = plain(running.config)

    assert fault_of(lambda: running.ReconfigVM_Task(Spec(annotation="half", **settings))) == fault

    assert plain(running.config) == before


def edited(pick: Callable[[Any], Any], change: Callable[[Any], None]) -> Change:
    def build(vm: Any) -> Any:
        device = pick(vm)
        change(device)
        return Device.VirtualDeviceSpec(operation="edit", device=device)

    return build


def backing(**given: Any) -> Callable[[Any], None]:
    def change(device: Any) -> None:
        for name, value in given.items():
            setattr(device.backing, name, value)

    return change


def values(**given: Any) -> Callable[[Any], None]:
    def change(device: Any) -> None:
        for name, value in given.items():
            setattr(device, name, value)

    return change


def first(kind: Any) -> Callable[[Any], Any]:
    return lambda vm: devices(vm, kind)[0]


def added(device: Any) -> Change:
    operation = "create" if isinstance(device, Device.VirtualDisk) else None
    return lambda vm: Device.VirtualDeviceSpec(operation="add", fileOperation=operation, device=device)


def removed(pick: Callable[[Any], Any]) -> Change:
    return lambda vm: Device.VirtualDeviceSpec(operation="remove", device=pick(vm))


ISO = Device.VirtualCdrom.IsoBackingInfo(fileName="[LocalDS_0] iso/seed.iso")
STANDARD = Device.VirtualEthernetCard.NetworkBackingInfo(deviceName="VM Network")


@pytest.mark.parametrize(
    ("fault", "change"),
    [
        ("InvalidPowerState", edited(first(Device.VirtualDisk), backing(diskMode="independent_persistent"))),
        ("InvalidPowerState", edited(first(Device.VirtualDisk), backing(sharing="sharingMultiWriter"))),
        ("InvalidPowerState", edited(first(Device.VirtualDisk), backing(writeThrough=True))),
        ("InvalidPowerState", edited(first(Device.VirtualDisk), backing(digestEnabled=True))),
        ("InvalidPowerState", edited(first(Device.VirtualDisk), values(unitNumber=3))),
        ("InvalidPowerState", edited(first(Device.VirtualDisk), values(controllerKey=15000))),
        ("InvalidPowerState", edited(first(Device.VirtualSCSIController), values(sharedBus="physicalSharing"))),
        ("InvalidPowerState", edited(first(Device.VirtualEthernetCard), values(macAddress="00:50:56:00:00:01"))),
        (
            "InvalidPowerState",
            edited(first(Device.VirtualEthernetCard), values(addressType="manual")),
        ),
        ("InvalidPowerState", edited(first(Device.VirtualEthernetCard), values(wakeOnLanEnabled=False))),
        ("DeviceHotPlugNotSupported", added(disk(201, 1, GIB))),
        ("DeviceHotPlugNotSupported", removed(lambda vm: disks(vm)[1])),
        ("DeviceHotPlugNotSupported", added(cdrom(200, 1, ISO))),
        ("DeviceHotPlugNotSupported", removed(first(Device.VirtualCdrom))),
        ("DeviceHotPlugNotSupported", added(controller(Device.VirtualAHCIController, -1, 1))),
        ("DeviceHotPlugNotSupported", removed(first(Device.VirtualAHCIController))),
        ("DeviceHotPlugNotSupported", added(controller(Device.VirtualNVMEController, -1))),
        ("DeviceHotPlugNotSupported", added(controller(Device.VirtualLsiLogicController, -1, 1))),
        ("DeviceHotPlugNotSupported", removed(first(Device.VirtualTPM))),
        ("DeviceHotPlugNotSupported", added(Device.VirtualSriovEthernetCard(key=-1, backing=STANDARD))),
        ("DeviceHotPlugNotSupported", added(Device.VirtualPCIPassthrough(key=-1))),
        ("DeviceHotPlugNotSupported", added(Device.VirtualFloppy(key=-1))),
        ("DeviceHotPlugNotSupported", added(Device.VirtualSerialPort(key=-1, yieldOnPoll=True))),
        ("DeviceHotPlugNotSupported", added(Device.VirtualParallelPort(key=-1))),
        ("InvalidController", removed(first(Device.VirtualSCSIController))),
        (
            "InvalidDeviceOperation",
            edited(first(Device.VirtualDisk), values(capacityInKB=GIB // 2048, capacityInBytes=GIB // 2)),
        ),
        ("InvalidDeviceSpec", added(disk(1000, 0, GIB))),
        ("InvalidDeviceSpec", removed(first(Device.VirtualIDEController))),
        (
            "InvalidDeviceSpec",
            added(nic(Device.VirtualVmxnet3, Device.VirtualEthernetCard.NetworkBackingInfo(deviceName="none"))),
        ),
    ],
)
def test_rejects_a_device_change_and_changes_nothing(running: Any, fault: str, change: Change) -> None:
    before = plain(running.config)
    good = added(disk(1000, 9, GIB))(running)
    request = Spec(annotation="half", numCPUs=4, deviceChange=[good, change(running)])

    assert fault_of(lambda: running.ReconfigVM_Task(request)) == fault

    assert plain(running.config) == before


def test_powered_off_vm_accepts_changes_that_a_running_vm_refuses(client: Client) -> None:
    vm = make(
        client,
        machine_spec("off", [controller(Device.ParaVirtualSCSIController, -1), disk(-1, 0, GIB)], version="vmx-19"),
    )
    mode = edited(first(Device.VirtualDisk), backing(diskMode="independent_persistent"))(vm)
    moved = edited(first(Device.VirtualDisk), values(unitNumber=5))
    result(
        vm.ReconfigVM_Task(
            Spec(
                firmware="efi",
                guestId="debian11_64Guest",
                nestedHVEnabled=True,
                vPMCEnabled=True,
                swapPlacement="hostLocal",
                numCPUs=6,
                numCoresPerSocket=3,
                memoryMB=512,
                flags=Flags(vbsEnabled=True),
                virtualNuma=vim.vm.VirtualNuma(coresPerNumaNode=3),
                vAppConfig=VAPP,
                deviceChange=[mode],
            )
        )
    )
    result(vm.ReconfigVM_Task(Spec(deviceChange=[moved(vm), added(Device.VirtualTPM(key=-1))(vm)])))

    config = vm.config
    assert (config.firmware, config.guestFullName) == ("efi", "Debian GNU/Linux 11 (64-bit)")
    assert (config.nestedHVEnabled, config.vPMCEnabled, config.swapPlacement) == (True, True, "hostLocal")
    assert (config.hardware.numCPU, config.hardware.numCoresPerSocket, config.hardware.memoryMB) == (6, 3, 512)
    assert (config.cpuAllocation.shares.shares, config.memoryAllocation.shares.shares) == (6000, 5120)
    assert (config.flags.vbsEnabled, config.numaInfo.coresPerNumaNode) == (True, 3)
    assert [each.id for each in config.vAppConfig.property] == ["role"]
    assert [(each.key, each.unitNumber, each.deviceInfo.label, each.backing.diskMode) for each in disks(vm)] == [
        (2005, 5, "Hard disk 1", "independent_persistent")
    ]
    assert len(devices(vm, Device.VirtualTPM)) == 1


def test_changes_settings_that_need_no_reboot(growing: Any) -> None:
    result(
        growing.ReconfigVM_Task(
            Spec(
                annotation="hot",
                numCPUs=4,
                memoryMB=2048,
                cpuAllocation=vim.ResourceAllocationInfo(reservation=10, shares=vim.SharesInfo(level="high", shares=0)),
                memoryAllocation=vim.ResourceAllocationInfo(limit=3000),
                bootOptions=vim.vm.BootOptions(bootDelay=7, bootRetryEnabled=True),
                tools=vim.vm.ToolsConfigInfo(afterPowerOn=False, toolsUpgradePolicy="upgradeAtPowerCycle"),
                extraConfig=extra_config({"guestinfo.colour": "red"}),
            )
        )
    )

    config = growing.config
    assert (config.annotation, config.hardware.numCPU, config.hardware.memoryMB) == ("hot", 4, 2048)
    cpu, memory = config.cpuAllocation, config.memoryAllocation
    assert (cpu.reservation, cpu.limit, cpu.shares.level, cpu.shares.shares) == (10, -1, "high", 8000)
    assert (memory.reservation, memory.limit, memory.shares.shares) == (0, 3000, 20480)
    assert (config.bootOptions.bootDelay, config.bootOptions.bootRetryDelay) == (7, 10000)
    assert (config.tools.afterPowerOn, config.tools.toolsUpgradePolicy) == (False, "upgradeAtPowerCycle")
    assert {"guestinfo.colour": "red"}.items() <= {each.key: each.value for each in config.extraConfig}.items()


def test_hot_remove_applies_to_cpus_but_not_to_memory(client: Client) -> None:
    source = client.vm("golden-web")
    vm = clone(source, "shrinking")

    assert fault_of(lambda: vm.ReconfigVM_Task(Spec(numCPUs=4))) is None
    assert fault_of(lambda: vm.ReconfigVM_Task(Spec(numCPUs=2))) is None
    assert fault_of(lambda: vm.ReconfigVM_Task(Spec(memoryMB=2048))) == "MemoryHotPlugNotSupported"


def test_adds_and_removes_hot_pluggable_devices(growing: Any) -> None:
    changes = [
        added(controller(Device.ParaVirtualSCSIController, -1, 1)),
        added(disk(-1, 0, GIB)),
        added(disk(15000, 0, GIB)),
        added(nic(Device.VirtualVmxnet3, STANDARD)),
    ]
    result(growing.ReconfigVM_Task(Spec(deviceChange=[change(growing) for change in changes])))

    assert [(each.key, each.controllerKey) for each in disks(growing)] == [(2000, 1000), (2016, 1001), (16000, 15000)]
    (card,) = nics(growing)
    assert (card.connectable.connected, card.addressType) == (True, "assigned")
    assert card.macAddress.startswith("00:50:56:")
    assert [network.name for network in growing.network] == ["VM Network"]

    gone = [removed(lambda vm: disks(vm)[1]), removed(first(Device.VirtualEthernetCard))]
    result(growing.ReconfigVM_Task(Spec(deviceChange=[change(growing) for change in gone])))

    assert [each.key for each in disks(growing)] == [2000, 16000]
    assert (nics(growing), list(growing.network)) == ([], [])


def test_interface_moves_to_another_network_and_keeps_its_position(client: Client) -> None:
    vm = clone(client.vm("golden-web"), "moving")
    order = [device.key for device in vm.config.hardware.device]
    address = nics(vm)[0].macAddress
    edit = network_edit(nics(vm)[0], portgroup=client.find("network/DC0_DVPG1"))

    result(vm.ReconfigVM_Task(Spec(deviceChange=[edit])))

    assert [network.name for network in vm.network] == ["DC0_DVPG1"]
    assert nics(vm)[0].macAddress == address
    assert [device.key for device in vm.config.hardware.device] == order


def test_disk_grows_unless_it_is_a_delta_disk(client: Client) -> None:
    vm = make(client, machine_spec("roomy", [controller(Device.ParaVirtualSCSIController, -1), disk(-1, 0, GIB)]))
    result(vm.PowerOn())
    grow = edited(first(Device.VirtualDisk), values(capacityInKB=2 * GIB // 1024, capacityInBytes=2 * GIB))

    result(vm.ReconfigVM_Task(Spec(deviceChange=[grow(vm)])))
    assert disks(vm)[0].capacityInBytes == 2 * GIB

    twin = clone(vm, "roomy-twin")
    more = edited(first(Device.VirtualDisk), values(capacityInKB=3 * GIB // 1024, capacityInBytes=3 * GIB))
    for each in (vm, twin):
        assert fault_of(lambda: each.ReconfigVM_Task(Spec(deviceChange=[more(each)]))) == "InvalidDeviceOperation"  # noqa: B023


def test_ignores_an_edit_of_the_provisioning_of_a_disk(growing: Any) -> None:
    change = edited(first(Device.VirtualDisk), backing(thinProvisioned=False, eagerlyScrub=True))

    result(growing.ReconfigVM_Task(Spec(deviceChange=[change(growing)])))

    assert (disks(growing)[0].backing.thinProvisioned, disks(growing)[0].backing.eagerlyScrub) == (True, False)


@pytest.mark.parametrize(
    "key", ["numvcpus", "memsize", "scsi0:0.fileName", "firmware", "ethernet0.address", "displayName"]
)
def test_ignores_an_extra_config_key_that_belongs_to_a_config_spec_field(client: Client, key: str) -> None:
    """Expect what the API reference states for extraConfig: vCenter silently ignores such a key."""
    vm = client.vm("golden-off")

    result(vm.ReconfigVM_Task(Spec(extraConfig=extra_config({key: "1", "guestinfo.kept": key}))))

    options = {each.key: each.value for each in vm.config.extraConfig}
    assert key not in options
    assert options["guestinfo.kept"] == key


def test_request_with_the_current_values_changes_nothing(running: Any) -> None:
    config = running.config
    request = Spec(
        firmware=config.firmware,
        guestId=config.guestId,
        version=config.version,
        numCPUs=config.hardware.numCPU,
        numCoresPerSocket=config.hardware.numCoresPerSocket,
        memoryMB=config.hardware.memoryMB,
        cpuHotAddEnabled=False,
        nestedHVEnabled=False,
        swapPlacement="inherit",
        flags=config.flags,
        tools=config.tools,
        bootOptions=config.bootOptions,
        latencySensitivity=config.latencySensitivity,
        deviceChange=[
            Device.VirtualDeviceSpec(operation="edit", device=device) for device in (*disks(running), *nics(running))
        ],
    )

    before = plain(config, ("modified", "changeVersion"))
    result(running.ReconfigVM_Task(request))

    assert plain(running.config, ("modified", "changeVersion")) == before
