# SPDX-License-Identifier: MPL-2.0
"""Tests of CreateVM_Task: the VM matches its ConfigSpec, with vCenter's numbering and defaults."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pyVmomi import vim

from tests.conftest import StartSimulator
from tests.vcsim.client import (
    Client,
    cdrom,
    clone,
    controller,
    disk,
    disks,
    extra_config,
    fault_of,
    machine_spec,
    make,
    nic,
    nics,
    plain,
    result,
)

pytestmark = pytest.mark.simulator

GIB = 1 << 30
MIB = 1 << 20
Device = vim.vm.device


@pytest.fixture(scope="module")
def client(start_simulator: StartSimulator) -> Iterator[Client]:
    with Client(start_simulator("-vm", 0, "-opaque", "segment")) as client:
        yield client


def complete_spec(client: Client, name: str) -> Any:
    """Return a ConfigSpec that sets every supported field to a value other than its default."""
    port: Any = Device.VirtualEthernetCard.DistributedVirtualPortBackingInfo
    group = client.find("network/DC0_DVPG1")
    switch = group.config.distributedVirtualSwitch.uuid
    segment = client.find("network/segment").summary
    return machine_spec(
        name,
        [
            controller(Device.ParaVirtualSCSIController, -1),
            controller(Device.VirtualLsiLogicSASController, -2, 1),
            controller(Device.VirtualLsiLogicController, -3, 2, "physicalSharing"),
            controller(Device.VirtualBusLogicController, -4, 3),
            controller(Device.VirtualAHCIController, -5),
            controller(Device.VirtualNVMEController, -6),
            disk(-1, 8, 10 * GIB + MIB),
            disk(-1, 0, 2 * GIB, thinProvisioned=False, eagerlyScrub=True, writeThrough=True),
            disk(-1, 16, GIB, diskMode="independent_persistent"),
            disk(-2, 6, GIB, io=(500, 100, "custom", 1234)),
            disk(-3, 15, GIB, sharing="sharingMultiWriter", thinProvisioned=False),
            disk(-4, 0, GIB, io=(-1, 0, "high", 0)),
            disk(-5, 29, 3 * GIB),
            disk(-6, 3, GIB),
            disk(201, 1, GIB),
            cdrom(200, 0, Device.VirtualCdrom.RemoteAtapiBackingInfo(deviceName="", useAutoDetect=False)),
            cdrom(-5, 0, Device.VirtualCdrom.IsoBackingInfo(fileName="[LocalDS_0] iso/seed.iso"), start=True),
            nic(Device.VirtualVmxnet3, port(port=vim.dvs.PortConnection(portgroupKey=group.key, switchUuid=switch))),
            nic(
                Device.VirtualE1000e,
                Device.VirtualEthernetCard.NetworkBackingInfo(deviceName="VM Network"),
                share="low",
            ),
            nic(
                Device.VirtualE1000,
                Device.VirtualEthernetCard.OpaqueNetworkBackingInfo(
                    opaqueNetworkId=segment.opaqueNetworkId, opaqueNetworkType=segment.opaqueNetworkType
                ),
                share="custom",
            ),
            Device.VirtualTPM(key=-7),
        ],
        guestId="windows2019srv_64Guest",
        numCPUs=4,
        numCoresPerSocket=2,
        memoryMB=2048,
        annotation="all of it",
        firmware="efi",
        bootOptions=vim.vm.BootOptions(
            efiSecureBootEnabled=True, bootDelay=5, bootRetryEnabled=True, bootRetryDelay=99
        ),
        flags=vim.vm.FlagInfo(
            enableLogging=False,
            diskUuidEnabled=True,
            vbsEnabled=True,
            vvtdEnabled=True,
            virtualExecUsage="hvOn",
            virtualMmuUsage="on",
        ),
        tools=vim.vm.ToolsConfigInfo(
            afterPowerOn=False,
            beforeGuestReboot=True,
            toolsUpgradePolicy="upgradeAtPowerCycle",
            syncTimeWithHostAllowed=False,
        ),
        cpuAllocation=vim.ResourceAllocationInfo(
            reservation=100, limit=4000, shares=vim.SharesInfo(level="custom", shares=77)
        ),
        memoryAllocation=vim.ResourceAllocationInfo(limit=4096, shares=vim.SharesInfo(level="high", shares=0)),
        memoryReservationLockedToMax=True,
        cpuHotAddEnabled=True,
        memoryHotAddEnabled=True,
        nestedHVEnabled=True,
        vPMCEnabled=True,
        swapPlacement="hostLocal",
        latencySensitivity=vim.LatencySensitivity(level="high"),
        vAppConfig=vim.vApp.VmConfigSpec(
            property=[
                vim.vApp.PropertySpec(
                    operation="add",
                    info=vim.vApp.PropertyInfo(key=1, id="role", userConfigurable=True, type="string", value="db"),
                )
            ],
            ovfEnvironmentTransport=["com.vmware.guestInfo", "iso"],
        ),
        extraConfig=extra_config({"guestinfo.colour": "blue"}),
    )


@pytest.fixture(scope="module")
def made(client: Client) -> Any:
    vm = make(client, complete_spec(client, "everything"))
    result(vm.PowerOn())
    return vm


def test_numbers_devices_as_vcenter_does(made: Any) -> None:
    numbered = [
        (device.key, device.deviceInfo.label, device.controllerKey, device.unitNumber)
        for device in made.config.hardware.device
        if device.key not in (200, 201, 300, 100, 400, 600, 700, 500, 12000)
    ]

    assert numbered == [
        (1000, "SCSI controller 0", 100, 3),
        (1001, "SCSI controller 1", 100, 4),
        (1002, "SCSI controller 2", 100, 5),
        (1003, "SCSI controller 3", 100, 6),
        (15000, "SATA controller 0", 100, 24),
        (31000, "NVME controller 0", 100, 30),
        (2008, "Hard disk 1", 1000, 8),
        (2000, "Hard disk 2", 1000, 0),
        (131088, "Hard disk 3", 1000, 16),
        (2022, "Hard disk 4", 1001, 6),
        (2047, "Hard disk 5", 1002, 15),
        (2048, "Hard disk 6", 1003, 0),
        (16029, "Hard disk 7", 15000, 29),
        (32003, "Hard disk 8", 31000, 3),
        (3003, "Hard disk 9", 201, 1),
        (3000, "CD/DVD drive 1", 200, 0),
        (16000, "CD/DVD drive 2", 15000, 0),
        (4000, "Network adapter 1", 100, 7),
        (4001, "Network adapter 2", 100, 8),
        (4002, "Network adapter 3", 100, 9),
        (11000, "Virtual TPM", None, None),
    ]


def test_tpm_and_nvme_controller_have_the_summaries_of_vcenter(made: Any) -> None:
    summaries = {device.key: device.deviceInfo.summary for device in made.config.hardware.device}

    assert (summaries[11000], summaries[31000]) == ("Virtual Trusted Platform Module", "NVME controller 0")


def test_disks_match_the_request(made: Any) -> None:
    first, second, third, fourth, fifth, sixth, *_ = disks(made)

    assert (first.capacityInBytes, first.capacityInKB) == (10 * GIB + MIB, (10 * GIB + MIB) // 1024)
    assert (first.backing.thinProvisioned, first.backing.eagerlyScrub, first.backing.diskMode) == (
        True,
        False,
        "persistent",
    )
    assert (second.backing.thinProvisioned, second.backing.eagerlyScrub, second.backing.writeThrough) == (
        False,
        True,
        True,
    )
    assert third.backing.diskMode == "independent_persistent"
    assert fifth.backing.sharing == "sharingMultiWriter"
    allocations = [
        (io.limit, io.reservation, io.shares.level, io.shares.shares)
        for io in (each.storageIOAllocation for each in (first, fourth, sixth))
    ]
    assert allocations == [(-1, 0, "normal", 1000), (500, 100, "custom", 1234), (-1, 0, "high", 2000)]


def test_interfaces_have_the_requested_networks_and_shares(client: Client, made: Any) -> None:
    assert [network.name for network in made.network] == ["DC0_DVPG1", "VM Network", "segment"]
    assert [type(each).__name__.rpartition(".")[2] for each in nics(made)] == [
        "VirtualVmxnet3",
        "VirtualE1000e",
        "VirtualE1000",
    ]
    shares = [(nic.resourceAllocation.share.level, nic.resourceAllocation.share.shares) for nic in nics(made)]
    assert shares == [("normal", 50), ("low", 25), ("custom", 42)]


def test_opaque_networks_are_available_on_all_hosts(client: Client) -> None:
    cluster = client.find("host/DC0_C0")

    assert "segment" in [network.name for network in cluster.network]
    assert [host.name for host in client.find("network/segment").host] == [host.name for host in cluster.host]
    assert all("segment" in [network.name for network in host.network] for host in cluster.host)


def test_settings_match_the_request(made: Any) -> None:
    config = made.config

    assert (config.hardware.numCPU, config.hardware.numCoresPerSocket, config.hardware.memoryMB) == (4, 2, 2048)
    assert (config.firmware, config.bootOptions.efiSecureBootEnabled, config.bootOptions.bootDelay) == ("efi", True, 5)
    flags = config.flags
    assert (flags.enableLogging, flags.diskUuidEnabled, flags.vbsEnabled, flags.vvtdEnabled) == (
        False,
        True,
        True,
        True,
    )
    assert (flags.virtualExecUsage, flags.virtualMmuUsage) == ("hvOn", "on")
    tools = config.tools
    assert (tools.afterPowerOn, tools.afterResume, tools.beforeGuestReboot) == (False, True, True)
    assert (tools.toolsUpgradePolicy, tools.syncTimeWithHostAllowed) == ("upgradeAtPowerCycle", False)
    assert (config.nestedHVEnabled, config.vPMCEnabled, config.swapPlacement) == (True, True, "hostLocal")
    assert (config.latencySensitivity.level, config.guestFullName) == (
        "high",
        "Microsoft Windows Server 2019 (64-bit)",
    )
    assert {"guestinfo.colour": "blue"}.items() <= {each.key: each.value for each in config.extraConfig}.items()


def test_instant_clone_has_the_virtual_numa_of_its_source(start_simulator: StartSimulator) -> None:
    with Client(start_simulator("-version", "8.0.2", "-hardware", "vmx-21")) as newer:
        numa = vim.vm.VirtualNuma(coresPerNumaNode=2, exposeVnumaOnCpuHotadd=True)
        vm = make(newer, machine_spec("numa", [], numCPUs=4, virtualNuma=numa))
        result(vm.PowerOn())
        twin = clone(vm, "numa-again")

        assert (vm.config.version, newer.vm("golden-web").config.version) == ("vmx-21", "vmx-21")
        for info in (vm.config.numaInfo, twin.config.numaInfo):
            assert (info.coresPerNumaNode, info.autoCoresPerNumaNode, info.vnumaOnCpuHotaddExposed) == (2, False, True)


def test_allocations_match_the_request_and_a_locked_reservation_equals_the_memory_size(made: Any) -> None:
    allocations = [
        (each.reservation, each.limit, each.shares.level, each.shares.shares)
        for each in (made.config.cpuAllocation, made.config.memoryAllocation)
    ]

    assert allocations == [(100, 4000, "custom", 77), (2048, 4096, "high", 40960)]
    assert made.config.memoryReservationLockedToMax is True


def test_keeps_vapp_properties_and_transports(made: Any) -> None:
    config = made.config.vAppConfig

    assert [(each.id, each.value) for each in config.property] == [("role", "db")]
    assert list(config.ovfEnvironmentTransport) == ["com.vmware.guestInfo", "iso"]


def test_instant_clone_has_the_configuration_of_its_source(client: Client) -> None:
    excluded = (
        *("name", "uuid", "instanceUuid", "files", "locationId", "modified", "changeVersion", "createDate"),
        *("macAddress", "addressType", "fileName", "parent", "contentId", "deltaDiskFormat", "datastore"),
    )

    request = complete_spec(client, "everything-but-a-tpm")
    request.deviceChange = [each for each in request.deviceChange if not isinstance(each.device, Device.VirtualTPM)]
    source = make(client, request)
    result(source.PowerOn())

    twin = clone(source, "everything-again")

    assert plain(twin.config, excluded) == plain(source.config, excluded)
    assert list(twin.network) == list(source.network)


def test_applies_the_defaults_of_vcenter(client: Client) -> None:
    vm = make(client, machine_spec("plain", [], numCPUs=2, memoryMB=1024))
    config = vm.config

    assert (config.firmware, config.version, config.swapPlacement) == ("bios", "vmx-19", "inherit")
    assert (config.cpuAllocation.shares.shares, config.memoryAllocation.shares.shares) == (2000, 10240)
    assert (config.cpuAllocation.limit, config.memoryAllocation.reservation) == (-1, 0)
    assert (config.cpuHotAddEnabled, config.nestedHVEnabled, config.vPMCEnabled) == (False, False, False)
    assert (config.flags.enableLogging, config.flags.diskUuidEnabled) == (True, False)
    assert config.vAppConfig is None
    assert vm.runtime.powerState == "poweredOff"
    assert len({config.uuid, config.instanceUuid}) == 2


def test_reuses_a_free_label_and_keeps_the_other_labels(client: Client) -> None:
    vm = make(
        client,
        machine_spec(
            "relabeled", [controller(Device.ParaVirtualSCSIController, -1), *(disk(-1, unit, GIB) for unit in range(3))]
        ),
    )
    gone = Device.VirtualDeviceSpec(operation="remove", fileOperation="destroy", device=disks(vm)[1])
    result(vm.ReconfigVM_Task(vim.vm.ConfigSpec(deviceChange=[gone])))
    assert [each.deviceInfo.label for each in disks(vm)] == ["Hard disk 1", "Hard disk 3"]

    added = Device.VirtualDeviceSpec(operation="add", fileOperation="create", device=disk(1000, 8, GIB))
    result(vm.ReconfigVM_Task(vim.vm.ConfigSpec(deviceChange=[added])))

    assert [(each.deviceInfo.label, each.unitNumber) for each in disks(vm)] == [
        ("Hard disk 1", 0),
        ("Hard disk 3", 2),
        ("Hard disk 2", 8),
    ]


def test_escapes_a_slash_in_a_name(client: Client) -> None:
    vm = make(client, machine_spec("blue/green", []))

    assert vm.name == "blue%2fgreen"
    assert client.find("vm/blue%2fgreen") == vm
    result(vm.PowerOn())
    assert clone(vm, "red/green").name == "red%2fgreen"


@pytest.mark.parametrize(
    ("fault", "added"),
    [
        ("InvalidController", [disk(1000, 0, GIB)]),
        ("MissingController", [disk(0, 0, GIB)]),
        ("InvalidDeviceSpec", [controller(Device.ParaVirtualSCSIController, -1), disk(-1, 7, GIB)]),
        ("InvalidDeviceSpec", [controller(Device.ParaVirtualSCSIController, -1), disk(-1, 0, GIB), disk(-1, 0, GIB)]),
        ("InvalidDeviceSpec", [controller(Device.VirtualLsiLogicController, -1), disk(-1, 16, GIB)]),
        ("InvalidDeviceSpec", [controller(Device.VirtualAHCIController, -1), disk(-1, 30, GIB)]),
        ("InvalidDeviceSpec", [disk(200, 0, 0)]),
        ("InvalidDeviceSpec", [Device.VirtualTPM(key=-1)]),
        (
            "InvalidDeviceSpec",
            [controller(Device.ParaVirtualSCSIController, -1), controller(Device.VirtualLsiLogicController, -2)],
        ),
        (
            "InvalidDeviceSpec",
            [nic(Device.VirtualVmxnet3, Device.VirtualEthernetCard.NetworkBackingInfo(deviceName="nowhere"))],
        ),
    ],
)
def test_rejects_invalid_devices_and_creates_nothing(client: Client, fault: str, added: list[Any]) -> None:
    request = machine_spec("impossible", added)
    pool = client.find("host/DC0_C0").resourcePool

    assert fault_of(lambda: client.find("vm").CreateVM_Task(config=request, pool=pool)) == fault
    assert client.vm("impossible") is None
    assert not client.has_file("[LocalDS_0] impossible/impossible.vmx")
