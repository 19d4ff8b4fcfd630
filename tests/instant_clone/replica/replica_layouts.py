# SPDX-License-Identifier: MPL-2.0
"""Source VMs of four hardware layouts."""

from __future__ import annotations

from typing import Any

from instant_clone.vm.source_vm import (
    Allocation,
    Boot,
    Cdrom,
    Controller,
    Cpu,
    Disk,
    Flags,
    Memory,
    Nic,
    SourceVm,
    Tools,
    Vcenter,
)

GIB = 1 << 30
VCENTER = Vcenter(instance_uuid="dbed6e0c-bd88-4ef6-b594-21283e1c677f", sync_time_split=True)


def controller(kind: Any, bus: int, type_: str) -> Controller:
    if kind == "scsi":
        return Controller(kind=kind, bus=bus, type=type_, shared_bus="noSharing", own_unit=7)
    return Controller(kind=kind, bus=bus, type=type_)


IDE = (controller("ide", 0, "VirtualIDEController"), controller("ide", 1, "VirtualIDEController"))


def pvscsi(bus: int = 0) -> Controller:
    return controller("scsi", bus, "ParaVirtualSCSIController")


def sata(bus: int = 0) -> Controller:
    return controller("sata", bus, "VirtualAHCIController")


def nvme(bus: int = 0) -> Controller:
    return controller("nvme", bus, "VirtualNVMEController")


def disk(kind: Any = "scsi", bus: int = 0, unit: int = 0, *, gib: int = 8, **changes: Any) -> Disk:
    values: dict[str, Any] = {
        "controller": kind,
        "bus": bus,
        "unit": unit,
        "capacity": gib * GIB,
        "backing": "FlatVer2BackingInfo",
        "mode": "persistent",
        "thin_provisioned": True,
        "eagerly_scrub": False,
        "write_through": False,
        "sharing": "sharingNone",
        "io": Allocation(reservation=0, limit=-1, share_level="normal", share_count=1000),
    }
    return Disk(**(values | changes))


def nic(type_: str = "VirtualVmxnet3", **changes: Any) -> Nic:
    values: dict[str, Any] = {
        "key": 4000,
        "unit": 7,
        "type": type_,
        "network_kind": "distributed",
        "network_id": "dvportgroup-12",
        "network_name": "DC0_DVPG0",
        "address_type": "assigned",
        "mac_address": "00:50:56:80:00:01",
        "bandwidth": Allocation(reservation=0, limit=-1, share_level="normal", share_count=50),
    }
    return Nic(**(values | changes))


def default(**changes: Any) -> SourceVm:
    """Return a Linux server with EFI, one paravirtual controller with two thin disks, and one interface."""
    values: dict[str, Any] = {
        "vcenter": VCENTER,
        "name": "golden-0",
        "inventory_path": "/DC0/vm/golden-0",
        "uuid": "0eb40835-47d3-46b7-b7f4-7eb496c06c96",
        "instance_uuid": "13e621ba-2e9f-446f-ad2e-78a77f23635f",
        "template": False,
        "guest_id": "ubuntu64Guest",
        "alternate_guest_name": "",
        "annotation": "made by vcsim",
        "hardware_version": 19,
        "cpu": Cpu(
            count=2,
            cores_per_socket=2,
            hot_add_enabled=True,
            hot_remove_enabled=True,
            nested_hv_enabled=False,
            performance_counters_enabled=False,
            allocation=Allocation(reservation=0, limit=-1, share_level="normal", share_count=2000),
        ),
        "memory": Memory(
            size_mb=4096,
            hot_add_enabled=True,
            reservation_locked_to_max=False,
            allocation=Allocation(reservation=0, limit=-1, share_level="normal", share_count=40960),
        ),
        "latency_sensitivity": "normal",
        "swap_placement": "inherit",
        "boot": Boot(firmware="efi", secure_boot_enabled=False, delay=0, retry_enabled=False, retry_delay=10000),
        "flags": Flags(
            disk_uuid_enabled=True,
            logging_enabled=True,
            virtual_exec_usage="hvAuto",
            virtual_mmu_usage="automatic",
            vbs_enabled=False,
            vvtd_enabled=False,
        ),
        "tools": Tools(
            after_power_on=True,
            after_resume=True,
            before_guest_standby=True,
            before_guest_shutdown=True,
            before_guest_reboot=False,
            sync_time_with_host=False,
            sync_time_with_host_allowed=True,
            upgrade_policy="manual",
        ),
        "controllers": (*IDE, pvscsi()),
        "disks": (disk(gib=16), disk(unit=1)),
        "nics": (nic(),),
        "cdroms": (),
    }
    return SourceVm(**(values | changes))


def two_controllers() -> SourceVm:
    """Return a VM with two interfaces and with unordered disks on two controllers.

    The unit numbers have gaps and are on both sides of the controller's unit.
    """
    return default(
        controllers=(*IDE, pvscsi(0), pvscsi(1)),
        disks=(
            disk(bus=1, unit=8, gib=2, thin_provisioned=False, eagerly_scrub=True),
            disk(unit=0, gib=16),
            disk(unit=9, gib=4, mode="independent_persistent", thin_provisioned=False),
            disk(bus=1, unit=0, gib=32, write_through=True, sharing="sharingMultiWriter"),
        ),
        nics=(
            nic(key=4000, unit=8),
            nic(
                "VirtualE1000e",
                key=4001,
                unit=7,
                network_kind="standard",
                network_id="network-7",
                network_name="VM Network",
            ),
        ),
        cdroms=(Cdrom(backing="remote_atapi"), Cdrom(backing="other")),
    )


def three_buses() -> SourceVm:
    """Return a VM with SAS, SATA and NVMe disks, an ISO image, and custom shares, limits and reservations."""
    own = Allocation(reservation=100, limit=2000, share_level="custom", share_count=1500)
    base = default()
    return default(
        alternate_guest_name="Our Linux",
        cpu=base.cpu.model_copy(
            update={
                "count": 4,
                "cores_per_socket": 1,
                "auto_cores_per_socket": True,
                "performance_counters_enabled": True,
                "allocation": Allocation(reservation=500, limit=4000, share_level="custom", share_count=3000),
            }
        ),
        memory=base.memory.model_copy(
            update={
                "size_mb": 8192,
                "reservation_locked_to_max": True,
                "allocation": Allocation(reservation=8192, limit=8192, share_level="custom", share_count=90000),
            }
        ),
        tools=base.tools.model_copy(update={"upgrade_policy": "upgradeAtPowerCycle", "sync_time_with_host": True}),
        controllers=(*IDE, controller("scsi", 0, "VirtualLsiLogicSASController"), sata(), nvme()),
        disks=(disk("nvme", unit=0, gib=4), disk("sata", unit=2), disk("scsi", unit=0, gib=16, io=own)),
        nics=(nic(bandwidth=Allocation(reservation=5, limit=500, share_level="custom", share_count=77)),),
        cdroms=(Cdrom(backing="iso", datastore_id="datastore-63", path="iso/seed.iso"),),
    )


def bios() -> SourceVm:
    """Return a minimal VM with BIOS firmware and without hot-plug, in an old vCenter."""
    base = default()
    return default(
        vcenter=Vcenter(instance_uuid=VCENTER.instance_uuid, sync_time_split=False),
        annotation=None,
        hardware_version=14,
        cpu=base.cpu.model_copy(
            update={"count": 1, "cores_per_socket": 1, "hot_add_enabled": False, "hot_remove_enabled": False}
        ),
        memory=base.memory.model_copy(update={"size_mb": 1024, "hot_add_enabled": False}),
        boot=Boot(firmware="bios"),
        tools=base.tools.model_copy(update={"sync_time_with_host_allowed": None, "before_guest_reboot": None}),
        controllers=(*IDE, pvscsi()),
        disks=(disk(),),
        nics=(nic(network_kind="standard", network_id="network-7", network_name="VM Network"),),
    )
