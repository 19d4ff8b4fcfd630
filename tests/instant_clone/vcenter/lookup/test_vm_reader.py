# SPDX-License-Identifier: MPL-2.0
"""Tests of the conversion of pyvmomi's configuration of a VM."""

from __future__ import annotations

import pytest
from pyVmomi import vim

from instant_clone.errors import VcenterError
from instant_clone.vcenter.lookup.vm_reader import source_vm
from instant_clone.vm.source_vm import Allocation, Boot, Cpu, Flags, Memory, Numa, OtherDevice, SourceVm, Tools, Vcenter
from tests.instant_clone.vcenter.conftest import configuration


def source(config: vim.vm.ConfigInfo) -> SourceVm:
    return source_vm(
        config,
        name="golden%2fweb",
        inventory_path="/DC0/vm/golden%2fweb",
        networks=(),
        vcenter=Vcenter(instance_uuid="50de", sync_time_split=True),
    )


def test_unset_properties_stay_unset() -> None:
    assert source(configuration()) == SourceVm(
        vcenter=Vcenter(instance_uuid="50de", sync_time_split=True),
        name="golden%2fweb",
        inventory_path="/DC0/vm/golden%2fweb",
        uuid="564d7b1c-0000-0000-0000-000000000001",
        instance_uuid="",
        template=False,
        guest_id="windows2019srv_64Guest",
        alternate_guest_name="",
        hardware_version=8,
        cpu=Cpu(count=4, cores_per_socket=0, allocation=Allocation()),
        memory=Memory(size_mb=2048, allocation=Allocation()),
        boot=Boot(firmware=""),
        flags=Flags(),
        tools=Tools(),
        controllers=(),
        disks=(),
        nics=(),
        cdroms=(),
    )


def test_reads_all_properties() -> None:
    found = source(
        configuration(
            instanceUuid="50010000-0000-0000-0000-000000000001",
            template=True,
            alternateGuestName="Something else",
            annotation="golden image\nof the web team",
            version="vmx-21",
            hardware=vim.vm.VirtualHardware(numCPU=8, numCoresPerSocket=4, autoCoresPerSocket=False, memoryMB=16384),
            cpuHotAddEnabled=True,
            cpuHotRemoveEnabled=False,
            memoryHotAddEnabled=True,
            memoryReservationLockedToMax=True,
            nestedHVEnabled=True,
            vPMCEnabled=True,
            swapPlacement="hostLocal",
            firmware="efi",
            numaInfo=vim.vm.VirtualNumaInfo(autoCoresPerNumaNode=False, coresPerNumaNode=4),
            latencySensitivity=vim.LatencySensitivity(level="high"),
            cpuAllocation=vim.ResourceAllocationInfo(
                reservation=1000, limit=-1, shares=vim.SharesInfo(level="high", shares=16000)
            ),
            memoryAllocation=vim.ResourceAllocationInfo(
                reservation=16384, limit=20000, shares=vim.SharesInfo(level="low", shares=81920)
            ),
            bootOptions=vim.vm.BootOptions(
                bootDelay=5000, efiSecureBootEnabled=True, bootRetryEnabled=True, bootRetryDelay=20000
            ),
            flags=vim.vm.FlagInfo(
                diskUuidEnabled=True,
                enableLogging=False,
                virtualExecUsage="hvOn",
                virtualMmuUsage="on",
                vbsEnabled=True,
                vvtdEnabled=True,
            ),
            tools=vim.vm.ToolsConfigInfo(
                afterPowerOn=True,
                afterResume=False,
                beforeGuestStandby=True,
                beforeGuestShutdown=False,
                beforeGuestReboot=True,
                syncTimeWithHost=True,
                syncTimeWithHostAllowed=False,
                toolsUpgradePolicy="upgradeAtPowerCycle",
            ),
        )
    )
    assert found.instance_uuid == "50010000-0000-0000-0000-000000000001"
    assert found.template is True
    assert found.alternate_guest_name == "Something else"
    assert found.annotation == "golden image\nof the web team"
    assert found.hardware_version == 21
    assert found.cpu == Cpu(
        count=8,
        cores_per_socket=4,
        auto_cores_per_socket=False,
        hot_add_enabled=True,
        hot_remove_enabled=False,
        nested_hv_enabled=True,
        performance_counters_enabled=True,
        allocation=Allocation(reservation=1000, limit=-1, share_level="high", share_count=16000),
    )
    assert found.numa == Numa(auto_cores_per_node=False, cores_per_node=4)
    assert found.memory == Memory(
        size_mb=16384,
        hot_add_enabled=True,
        reservation_locked_to_max=True,
        allocation=Allocation(reservation=16384, limit=20000, share_level="low", share_count=81920),
    )
    assert found.latency_sensitivity == "high"
    assert found.swap_placement == "hostLocal"
    assert found.boot == Boot(
        firmware="efi", secure_boot_enabled=True, delay=5000, retry_enabled=True, retry_delay=20000
    )
    assert found.flags == Flags(
        disk_uuid_enabled=True,
        logging_enabled=False,
        virtual_exec_usage="hvOn",
        virtual_mmu_usage="on",
        vbs_enabled=True,
        vvtd_enabled=True,
    )
    assert found.tools == Tools(
        after_power_on=True,
        after_resume=False,
        before_guest_standby=True,
        before_guest_shutdown=False,
        before_guest_reboot=True,
        sync_time_with_host=True,
        sync_time_with_host_allowed=False,
        upgrade_policy="upgradeAtPowerCycle",
    )


def test_reads_doubtful_devices() -> None:
    port = vim.vm.device.VirtualSerialPort(
        key=9000,
        deviceInfo=vim.Description(label="Serial port 1", summary="[LocalDS_0] web/serial.log"),
        backing=vim.vm.device.VirtualSerialPort.FileBackingInfo(fileName="[LocalDS_0] web/serial.log"),
    )
    hardware = vim.vm.VirtualHardware(numCPU=4, memoryMB=2048, device=[vim.vm.device.VirtualVideoCard(key=500), port])
    assert source(configuration(hardware=hardware)).other_devices == (
        OtherDevice(type="VirtualSerialPort", label="Serial port 1", backing="FileBackingInfo"),
    )


def test_harmless_devices_are_not_recorded() -> None:
    hardware = vim.vm.VirtualHardware(numCPU=4, memoryMB=2048, device=[vim.vm.device.VirtualVideoCard(key=500)])
    assert source(configuration(hardware=hardware)) == source(configuration())


def test_automatic_cores_per_numa_node_are_not_recorded() -> None:
    info = vim.vm.VirtualNumaInfo(autoCoresPerNumaNode=True, coresPerNumaNode=8)
    assert source(configuration(numaInfo=info)).numa == Numa(auto_cores_per_node=True, cores_per_node=None)


def test_rejects_a_malformed_hardware_version() -> None:
    with pytest.raises(VcenterError, match=r"The hardware version 'vmx' does not have the form vmx-19\."):
        source(configuration(version="vmx"))


def vapp_property(key: int, name: str, *, value: str | None, default: str = "", configurable: bool = True) -> object:
    return vim.vApp.PropertyInfo(
        key=key, id=name, value=value, defaultValue=default, userConfigurable=configurable, label="", description=""
    )


def test_vapp_properties_have_no_values() -> None:
    found = source(
        configuration(
            vAppConfig=vim.vApp.VmConfigInfo(
                property=[
                    vapp_property(0, "password", value="s3cret"),
                    vapp_property(1, "empty", value=""),
                    vapp_property(2, "unset", value=None),
                    vapp_property(3, "default", value="80", default="80"),
                    vapp_property(4, "port", value="8080", default="80"),
                    vapp_property(5, "fixed", value="1", configurable=False),
                ],
                ovfEnvironmentTransport=["com.vmware.guestInfo"],
            )
        )
    )
    assert found.vapp_property_ids == ("password", "port")
    assert found.vapp_transport == ("com.vmware.guestInfo",)
    assert "s3cret" not in found.model_dump_json()
