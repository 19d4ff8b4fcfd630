# SPDX-License-Identifier: MPL-2.0
"""Conversion of pyvmomi's configuration of a VM to a SourceVm. The functions are pure.

A SourceVm has no properties that change while the VM runs or is cloned. It does not contain the values of vApp
properties, because they may be secret.
"""

from __future__ import annotations

from collections.abc import Iterable

from pyVmomi import vim

from instant_clone.errors import VcenterError
from instant_clone.vcenter.lookup import device_reader as devices
from instant_clone.vcenter.lookup.device_reader import AttachedNetwork, allocation
from instant_clone.vm.source_vm import Boot, Cpu, Flags, Memory, Numa, SourceVm, Tools, Vcenter

__all__ = ["source_vm"]

Configuration = vim.vm.ConfigInfo


def source_vm(
    config: Configuration,
    *,
    name: str,
    inventory_path: str,
    networks: Iterable[AttachedNetwork],
    vcenter: Vcenter,
    standalone_host: bool = False,
) -> SourceVm:
    """Return the source that `config` describes. `name` is the VM's name in the inventory.

    `standalone_host` is true if the VM's host is in no cluster.

    Raises:
        VcenterError: the configuration is not valid in vSphere.
    """
    present = config.hardware.device
    return SourceVm(
        vcenter=vcenter,
        name=name,
        inventory_path=inventory_path,
        uuid=config.uuid,
        instance_uuid=config.instanceUuid or "",
        standalone_host=standalone_host or None,
        template=config.template,
        guest_id=config.guestId,
        alternate_guest_name=config.alternateGuestName,
        annotation=config.annotation,
        hardware_version=_hardware_version(config.version),
        cpu=_cpu(config),
        numa=_numa(config),
        memory=_memory(config),
        latency_sensitivity=config.latencySensitivity.level if config.latencySensitivity else None,
        swap_placement=config.swapPlacement,
        boot=_boot(config),
        flags=_flags(config),
        tools=_tools(config),
        controllers=devices.controllers(present),
        disks=devices.disks(present),
        nics=devices.network_interfaces(present, networks),
        cdroms=devices.cdroms(present),
        tpm_count=devices.tpm_count(present),
        pci_passthrough_count=devices.pci_passthrough_count(present),
        other_devices=devices.other_devices(present) or None,
        vapp_property_ids=_vapp_property_ids(config.vAppConfig),
        vapp_transport=tuple(config.vAppConfig.ovfEnvironmentTransport) if config.vAppConfig else (),
    )


def _hardware_version(version: str) -> int:
    digits = version.removeprefix("vmx-")
    if not digits.isdecimal():
        raise VcenterError(f"The hardware version {version!r} does not have the form vmx-19.")
    return int(digits)


def _cpu(config: Configuration) -> Cpu:
    hardware = config.hardware
    return Cpu(
        count=hardware.numCPU,
        cores_per_socket=hardware.numCoresPerSocket or 0,
        auto_cores_per_socket=hardware.autoCoresPerSocket,
        hot_add_enabled=config.cpuHotAddEnabled,
        hot_remove_enabled=config.cpuHotRemoveEnabled,
        nested_hv_enabled=config.nestedHVEnabled,
        performance_counters_enabled=config.vPMCEnabled,
        allocation=allocation(config.cpuAllocation),
    )


def _numa(config: Configuration) -> Numa | None:
    info = config.numaInfo
    if info is None:
        return None
    # With automatic cores, vSphere chooses the number again at each power-on.
    return Numa(
        auto_cores_per_node=info.autoCoresPerNumaNode,
        cores_per_node=None if info.autoCoresPerNumaNode else info.coresPerNumaNode,
    )


def _memory(config: Configuration) -> Memory:
    return Memory(
        size_mb=config.hardware.memoryMB,
        hot_add_enabled=config.memoryHotAddEnabled,
        reservation_locked_to_max=config.memoryReservationLockedToMax,
        allocation=allocation(config.memoryAllocation),
    )


def _boot(config: Configuration) -> Boot:
    options = config.bootOptions or vim.vm.BootOptions()
    return Boot(
        firmware=config.firmware or "",
        secure_boot_enabled=options.efiSecureBootEnabled,
        delay=options.bootDelay,
        retry_enabled=options.bootRetryEnabled,
        retry_delay=options.bootRetryDelay,
    )


def _flags(config: Configuration) -> Flags:
    flags = config.flags
    return Flags(
        disk_uuid_enabled=flags.diskUuidEnabled,
        logging_enabled=flags.enableLogging,
        virtual_exec_usage=flags.virtualExecUsage,
        virtual_mmu_usage=flags.virtualMmuUsage,
        vbs_enabled=flags.vbsEnabled,
        vvtd_enabled=flags.vvtdEnabled,
    )


def _tools(config: Configuration) -> Tools:
    tools = config.tools or vim.vm.ToolsConfigInfo()
    return Tools(
        after_power_on=tools.afterPowerOn,
        after_resume=tools.afterResume,
        before_guest_standby=tools.beforeGuestStandby,
        before_guest_shutdown=tools.beforeGuestShutdown,
        before_guest_reboot=tools.beforeGuestReboot,
        sync_time_with_host=tools.syncTimeWithHost,
        sync_time_with_host_allowed=tools.syncTimeWithHostAllowed,
        upgrade_policy=tools.toolsUpgradePolicy,
    )


def _vapp_property_ids(vapp: vim.vApp.VmConfigInfo | None) -> tuple[str, ...]:
    if vapp is None:
        return ()
    return tuple(
        found.id or ""
        for found in vapp.property
        if found.userConfigurable and found.value and found.value != found.defaultValue
    )
