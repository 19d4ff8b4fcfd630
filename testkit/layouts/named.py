# SPDX-License-Identifier: MPL-2.0
"""Named layouts with the hardware and settings that need special handling in clones, vCenters or releases.

Each layout lists the releases of the stock provider that can express it, in the format of
instant_clone.stock_provider.releases. An empty string means that no release can express it. If `can_be_cloned` of the
layout's machine is false, as for "vTPM", vCenter refuses to clone the VM.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from pyVmomi import vim

from testkit.layouts.machine import (
    GIB,
    MIB,
    Bus,
    Drive,
    Interface,
    Machine,
    Place,
    Shares,
    VirtualDisk,
)
from tests.vcsim.client import extra_config

__all__ = ["FLAGS", "LAYOUTS", "Layout", "Vcenter"]

Vcenter = Literal["7.0.3", "7.0.0", "8.0.2"]
FLAGS: Mapping[Vcenter, tuple[object, ...]] = MappingProxyType(
    {
        "7.0.3": ("-version", "7.0.3", "-hardware", "vmx-19", "-opaque", "segment"),
        "7.0.0": ("-version", "7.0.0", "-hardware", "vmx-17"),
        "8.0.2": ("-version", "8.0.2", "-hardware", "vmx-21"),
    }
)
"""flags of the simulator for each vCenter version"""
ALL = "2.0.2 or newer"
SATA_AND_IDE = "2.2.0 or newer"
SATA_AND_IDE_BEYOND_SCSI = "2.2.0 to 2.10.0, 2.16.0 or newer"


@dataclass(frozen=True)
class Layout:
    """A machine, the releases that can express it, and the vCenter version of its simulator."""

    machine: Machine
    releases: str = ALL
    vcenter: Vcenter = "7.0.3"
    locale: str = ""
    """language of the device labels; empty for English"""
    values_only: bool = False
    """whether the data source of the stock provider crashes, so that no static stack can reference the source"""


def _scsi(*units: int, bus: int = 0, **more: Any) -> tuple[VirtualDisk, ...]:
    return tuple(VirtualDisk(Place("scsi", bus, unit), **more) for unit in units)


def _pvscsi(count: int) -> tuple[Bus, ...]:
    return tuple(Bus("pvscsi", number) for number in range(count))


def _allocation(limit: int, reservation: int, level: str, shares: int = 0) -> vim.ResourceAllocationInfo:
    return vim.ResourceAllocationInfo(
        limit=limit, reservation=reservation, shares=vim.SharesInfo(level=level, shares=shares)
    )


def _property(key: int, name: str, value: str, *, configurable: bool = True, default: str = "") -> Any:
    info = vim.vApp.PropertyInfo(
        key=key, id=name, userConfigurable=configurable, type="string", value=value, defaultValue=default
    )
    return vim.vApp.PropertySpec(operation="add", info=info)


def _backed(**backing: Any) -> Machine:
    return Machine(disks=(VirtualDisk(size=2 * GIB, backing=backing),))


def _vapp(*transports: str, drives: tuple[Drive, ...] = ()) -> Machine:
    properties = [
        _property(1, "role", "db"),
        _property(2, "size", "small", default="small"),
        _property(3, "fixed", "yes", configurable=False),
    ]
    config = vim.vApp.VmConfigSpec(property=properties, ovfEnvironmentTransport=list(transports))
    return Machine(drives=drives).but(vAppConfig=config)


def _unset(*paths: str) -> dict[str, str]:
    return dict.fromkeys(paths, "unset")


ONE = Machine()
EFI = ONE.but(firmware="efi")
MIXED_NETWORKS = (
    Interface("DC0_DVPG0", "vmxnet3"),
    Interface("VM Network", "e1000e"),
    Interface("DC0_DVPG1", "e1000e"),
    Interface("VM Network", "vmxnet3"),
)

DISKS = {
    "one disk": Layout(ONE),
    "two controllers": Layout(Machine(_pvscsi(2), (*_scsi(0, 1), *_scsi(0, 3, bus=1)))),
    "four controllers": Layout(
        Machine(_pvscsi(4), (*_scsi(0), *_scsi(1, bus=1), *_scsi(14, bus=2), *_scsi(15, bus=3)))
    ),
    "an empty controller": Layout(Machine(_pvscsi(2), _scsi(0))),
    "around the controller's unit": Layout(Machine(disks=_scsi(0, 6, 8, 15))),
    "a unit above 15": Layout(Machine(disks=_scsi(0, 16)), ""),
    "gaps, and disks out of order": Layout(Machine(disks=_scsi(9, 0, 12, 3))),
    "no disk at unit 0": Layout(Machine(disks=_scsi(1, 2)), ""),
    "no disk": Layout(Machine(disks=()), ""),
    "LSI Logic": Layout(Machine((Bus("lsilogic"),))),
    "LSI Logic SAS with a shared bus": Layout(
        Machine((Bus("lsilogic-sas", shared="virtualSharing"),), _scsi(0, backing={"thinProvisioned": False}))
    ),
    "BusLogic": Layout(Machine((Bus("buslogic"),)), ""),
    "SCSI controllers of two types": Layout(Machine((Bus("pvscsi"), Bus("lsilogic", 1))), ""),
    "SCSI controllers that share differently": Layout(
        Machine((Bus("pvscsi"), Bus("pvscsi", 1, "physicalSharing"))), ""
    ),
    "SATA, NVMe and SCSI": Layout(
        Machine(
            (Bus("pvscsi"), Bus("sata"), Bus("nvme")),
            (*_scsi(0, 1), VirtualDisk(Place("sata", 0, 1)), VirtualDisk(Place("nvme", 0, 2))),
        ),
        "2.11.0 or newer",
    ),
    "SATA and SCSI": Layout(
        Machine((Bus("pvscsi"), Bus("sata")), (*_scsi(0), VirtualDisk(Place("sata", 0, 29)))), SATA_AND_IDE
    ),
    "SATA only": Layout(
        Machine((Bus("sata"),), (VirtualDisk(Place("sata")), VirtualDisk(Place("sata", 0, 4)))),
        SATA_AND_IDE_BEYOND_SCSI,
    ),
    "two SATA controllers": Layout(
        Machine((Bus("pvscsi"), Bus("sata"), Bus("sata", 1)), (*_scsi(0), VirtualDisk(Place("sata", 1, 0)))),
        SATA_AND_IDE_BEYOND_SCSI,
    ),
    "NVMe only": Layout(Machine((Bus("nvme"),), (VirtualDisk(Place("nvme")),)), "2.11.0 or newer"),
    "two NVMe controllers": Layout(
        Machine((Bus("nvme"), Bus("nvme", 1)), (VirtualDisk(Place("nvme")), VirtualDisk(Place("nvme", 1)))),
        "2.16.0 or newer",
    ),
    "IDE disk": Layout(Machine(disks=(*_scsi(0), VirtualDisk(Place("ide", 0, 1)))), SATA_AND_IDE),
    "IDE disk on the second controller": Layout(
        Machine(disks=(*_scsi(0), VirtualDisk(Place("ide", 1, 0)))), SATA_AND_IDE_BEYOND_SCSI
    ),
    "IDE only": Layout(Machine((), (VirtualDisk(Place("ide", 0, 1)),)), SATA_AND_IDE_BEYOND_SCSI),
    "IDE disk in the CD-ROM drive's place": Layout(Machine(disks=(*_scsi(0), VirtualDisk(Place("ide")))), ""),
    "10 GiB and 1 MiB": Layout(Machine(disks=(VirtualDisk(size=10 * GIB + MIB),))),
    "thick, zeroed lazily": Layout(_backed(thinProvisioned=False)),
    "thick, zeroed eagerly": Layout(_backed(thinProvisioned=False, eagerlyScrub=True)),
    "thin and zeroed eagerly": Layout(_backed(thinProvisioned=True, eagerlyScrub=True), ""),
    "independent disk": Layout(_backed(diskMode="independent_persistent")),
    "nonpersistent disk": Layout(_backed(diskMode="independent_nonpersistent")),
    "write through": Layout(_backed(writeThrough=True)),
    "multi-writer disk": Layout(_backed(sharing="sharingMultiWriter", thinProvisioned=False, eagerlyScrub=True)),
    "disk shares": Layout(
        Machine(
            disks=(
                VirtualDisk(io=Shares(500, 100, "custom", 1234)),
                VirtualDisk(Place("scsi", 0, 1), io=Shares(level="low")),
                VirtualDisk(Place("scsi", 0, 2), io=Shares(2000, 0, "high")),
            )
        )
    ),
}

NETWORKS = {
    "four interfaces on mixed networks": Layout(Machine(interfaces=MIXED_NETWORKS)),
    "ten interfaces": Layout(Machine(interfaces=(Interface("VM Network"),) * 10)),
    "interfaces in another order than on the PCI bus": Layout(
        Machine(interfaces=MIXED_NETWORKS[:3], interface_put_back=True)
    ),
    "e1000": Layout(Machine(interfaces=(Interface("VM Network", "e1000"),))),
    "vmxnet3vrdma": Layout(Machine(interfaces=(Interface(adapter="vmxnet3vrdma"),)), "2.3.0 or newer"),
    "pcnet32": Layout(Machine(interfaces=(Interface("VM Network", "pcnet32"),)), ""),
    "SR-IOV": Layout(Machine(interfaces=(Interface("VM Network", "sriov"),)), ""),
    "opaque network": Layout(Machine(interfaces=(Interface("segment"), Interface("VM Network")))),
    "no interface": Layout(Machine(interfaces=()), ""),
    "network shares": Layout(
        Machine(
            interfaces=(
                Interface(bandwidth=Shares(500, 5, "custom", 77)),
                Interface("VM Network", "e1000e", Shares(level="high")),
                Interface("DC0_DVPG1", bandwidth=Shares(level="low")),
            )
        )
    ),
}

DRIVES = {
    "client CD-ROM": Layout(Machine(drives=(Drive("client"),))),
    "ISO image": Layout(Machine(drives=(Drive("iso"),))),
    "connected ISO image on SATA": Layout(
        Machine((Bus("pvscsi"), Bus("sata")), drives=(Drive("iso", Place("sata", 0, 3), connected=True),))
    ),
    "remote passthrough CD-ROM": Layout(Machine(drives=(Drive("passthrough"),))),
    "host CD-ROM": Layout(Machine(drives=(Drive("host"),))),
    "two CD-ROMs": Layout(Machine(drives=(Drive("iso"), Drive("client", Place("ide", 1, 0)))), "2.3.0 or newer"),
    "three CD-ROMs": Layout(
        Machine(drives=(Drive("iso"), Drive("client", Place("ide", 1, 0)), Drive("client", Place("ide", 1, 1)))), ""
    ),
}

SETTINGS = {
    "BIOS": Layout(ONE.but(firmware="bios")),
    "EFI": Layout(EFI),
    "EFI with secure boot": Layout(EFI.but(bootOptions=vim.vm.BootOptions(efiSecureBootEnabled=True))),
    "boot options": Layout(
        ONE.but(bootOptions=vim.vm.BootOptions(bootDelay=5, bootRetryEnabled=True, bootRetryDelay=99))
    ),
    "vTPM": Layout(Machine(tpm=True).but(firmware="efi"), "2.14.0 or newer"),
    "virtualization-based security": Layout(
        ONE.but(firmware="efi", guestId="windows2019srv_64Guest", flags=vim.vm.FlagInfo(vbsEnabled=True))
    ),
    "CPU shares": Layout(ONE.but(numCPUs=4, cpuAllocation=_allocation(4000, 500, "custom", 3000))),
    "memory shares": Layout(ONE.but(memoryMB=2048, memoryAllocation=_allocation(4096, 1024, "custom", 90000))),
    "low and high shares": Layout(
        ONE.but(cpuAllocation=_allocation(-1, 0, "low"), memoryAllocation=_allocation(-1, 0, "high"))
    ),
    "memory locked to its reservation": Layout(
        ONE.but(memoryMB=2048, memoryReservationLockedToMax=True), "2.7.0 or newer"
    ),
    "hot add and remove on": Layout(
        ONE.but(numCPUs=2, cpuHotAddEnabled=True, cpuHotRemoveEnabled=True, memoryHotAddEnabled=True)
    ),
    "hot add off": Layout(
        ONE.but(numCPUs=2, cpuHotAddEnabled=False, cpuHotRemoveEnabled=False, memoryHotAddEnabled=False)
    ),
    "cores of several sockets": Layout(ONE.but(numCPUs=8, numCoresPerSocket=4)),
    "nested virtualization and CPU counters": Layout(ONE.but(nestedHVEnabled=True, vPMCEnabled=True)),
    "swap file on the host": Layout(ONE.but(swapPlacement="hostLocal")),
    "swap file with the VM": Layout(ONE.but(swapPlacement="vmDirectory")),
    "high latency sensitivity": Layout(ONE.but(latencySensitivity=vim.LatencySensitivity(level="high"))),
    "latency sensitivity of its own": Layout(
        ONE.but(latencySensitivity=vim.LatencySensitivity(level="custom", sensitivity=2000))
    ),
    "Windows that keeps its own time": Layout(
        EFI.but(
            guestId="windows2019srv_64Guest",
            tools=vim.vm.ToolsConfigInfo(syncTimeWithHostAllowed=False, syncTimeWithHost=False),
        )
    ),
    "time from the host, periodically": Layout(ONE.but(tools=vim.vm.ToolsConfigInfo(syncTimeWithHost=True))),
    "no script of VMware Tools": Layout(
        ONE.but(
            tools=vim.vm.ToolsConfigInfo(
                afterPowerOn=False, afterResume=False, beforeGuestStandby=False, beforeGuestShutdown=False
            )
        )
    ),
    "VMware Tools upgraded at power cycles": Layout(
        ONE.but(tools=vim.vm.ToolsConfigInfo(beforeGuestReboot=True, toolsUpgradePolicy="upgradeAtPowerCycle")),
        "2.1.0 or newer",
    ),
    "vApp properties": Layout(_vapp("com.vmware.guestInfo")),
    "vApp properties by ISO image": Layout(_vapp("iso", drives=(Drive("client"),))),
    "vApp properties by ISO image without a drive": Layout(_vapp("iso"), ""),
    "annotation, name and keys of its own": Layout(
        ONE.but(
            annotation='Zeile 1 "größer"\n${var.x} %{ if } \\n $$${y}',
            alternateGuestName="Our Linux ${z}",
            guestId="otherGuest64",
            extraConfig=extra_config({"guestinfo.colour": "blue", "disk.EnableUUID": "TRUE"}),
        )
    ),
    "flags": Layout(
        ONE.but(
            flags=vim.vm.FlagInfo(
                enableLogging=False,
                diskUuidEnabled=True,
                virtualExecUsage="hvOn",
                virtualMmuUsage="on",
                vvtdEnabled=True,
            )
        )
    ),
    "execution modes off": Layout(ONE.but(flags=vim.vm.FlagInfo(virtualExecUsage="hvOff", virtualMmuUsage="off"))),
    "hardware version 14": Layout(ONE.but(version="vmx-14")),
    "hardware version 12": Layout(ONE.but(version="vmx-12"), "2.0.2 to 2.14.2"),
    "German labels": Layout(
        Machine(_pvscsi(2), (*_scsi(0), *_scsi(2, bus=1)), MIXED_NETWORKS[:2], (Drive("client"),)), locale="de"
    ),
    "French labels": Layout(Machine(disks=_scsi(1, 0), interfaces=MIXED_NETWORKS[:2]), locale="fr"),
    "PCI passthrough": Layout(Machine(passthrough=True), ""),
}

UNSET = {
    "settings that are unset": Layout(
        Machine(
            otherwise=_unset(
                "config.swapPlacement",
                "config.cpuHotAddEnabled",
                "config.cpuHotRemoveEnabled",
                "config.memoryHotAddEnabled",
                "config.memoryReservationLockedToMax",
                "config.nestedHVEnabled",
                "config.vPMCEnabled",
                *(f"config.flags.{flag}" for flag in ("vbsEnabled", "vvtdEnabled", "enableLogging", "diskUuidEnabled")),
                *(f"config.flags.{usage}" for usage in ("virtualExecUsage", "virtualMmuUsage")),
                *(f"config.bootOptions.{name}" for name in ("efiSecureBootEnabled", "bootRetryEnabled")),
                *(f"config.bootOptions.{name}" for name in ("bootDelay", "bootRetryDelay")),
            )
        )
    ),
    "VMware Tools' options that are unset": Layout(
        Machine(
            otherwise=_unset(
                *(f"config.tools.{event}" for event in ("afterPowerOn", "afterResume")),
                *(f"config.tools.before{event}" for event in ("GuestStandby", "GuestShutdown", "GuestReboot")),
                "config.tools.toolsUpgradePolicy",
                "config.tools.syncTimeWithHost",
                "config.tools.syncTimeWithHostAllowed",
            )
        )
    ),
    "reservations that are unset": Layout(
        Machine(otherwise=_unset(*(f"config.{of}Allocation.reservation" for of in ("cpu", "memory"))))
    ),
    "limits that are unset": Layout(
        Machine(otherwise=_unset(*(f"config.{of}Allocation.limit" for of in ("cpu", "memory"))))
    ),
    "latency sensitivity that is unset": Layout(Machine(otherwise=_unset("config.latencySensitivity"))),
    "firmware that is unset": Layout(Machine(otherwise=_unset("config.firmware"))),
    "cores per socket that are unset": Layout(
        Machine(otherwise=_unset("config.hardware.numCoresPerSocket")), "2.0.2 to 2.15.2"
    ),
    "no allocation of an interface": Layout(Machine(otherwise=_unset("nic.0.resourceAllocation")), values_only=True),
    "disk settings that are unset": Layout(
        Machine(
            otherwise=_unset(
                *(f"disk.0.backing.{name}" for name in ("sharing", "thinProvisioned", "eagerlyScrub", "writeThrough")),
                "disk.0.capacityInBytes",
                "disk.0.storageIOAllocation.limit",
                "disk.0.storageIOAllocation.reservation",
                "disk.0.storageIOAllocation.shares",
            )
        )
    ),
    "no allocation of a disk": Layout(Machine(otherwise=_unset("disk.0.storageIOAllocation"))),
    "interface settings that are unset": Layout(
        Machine(
            otherwise=_unset(
                "nic.0.resourceAllocation.limit", "nic.0.resourceAllocation.reservation", "nic.0.wakeOnLanEnabled"
            )
        )
    ),
}

OTHER_VCENTERS = {
    "before vCenter 7.0.1": Layout(
        ONE.but(tools=vim.vm.ToolsConfigInfo(syncTimeWithHost=True, syncTimeWithHostAllowed=None)), vcenter="7.0.0"
    ),
    "hardware version 21": Layout(ONE, "2.5.1 or newer", "8.0.2"),
    "hardware version 19 on a newer vCenter": Layout(ONE.but(version="vmx-19"), vcenter="8.0.2"),
    "cores of NUMA nodes": Layout(
        ONE.but(numCPUs=4, virtualNuma=vim.vm.VirtualNuma(coresPerNumaNode=2)), "2.16.0 or newer", "8.0.2"
    ),
    "sockets that vSphere chooses": Layout(
        ONE.but(version="vmx-20", numCPUs=4, numCoresPerSocket=0), "2.5.1 or newer", "8.0.2"
    ),
}

LAYOUTS: Mapping[str, Layout] = MappingProxyType({**DISKS, **NETWORKS, **DRIVES, **SETTINGS, **UNSET, **OTHER_VCENTERS})
