# SPDX-License-Identifier: MPL-2.0
"""Tests of the arguments of each kind of hardware and setting, for the releases that support it."""

from __future__ import annotations

from typing import Any

import pytest

from instant_clone.replica import replicate
from instant_clone.stock_provider.releases import ProviderVersion
from instant_clone.vm.source_vm import Allocation, Boot, Cdrom, SourceVm, Vcenter
from tests.instant_clone.replica.replica_expectations import (
    DEFAULT_IN_ALL,
    NORMAL_BANDWIDTH,
    NORMAL_DISK,
    TPM_WARNING,
    YOUNGER,
    expected,
    fields,
)
from tests.instant_clone.replica.replica_layouts import (
    GIB,
    IDE,
    VCENTER,
    controller,
    default,
    disk,
    nic,
    nvme,
    pvscsi,
    sata,
)

OLD, MIDDLE, NEW = "2.0.2", "2.15.0", "2.16.1"
ALL = (OLD, MIDDLE, NEW)
MIB = 1 << 20
OWN = Allocation(reservation=100, limit=2000, share_level="custom", share_count=1500)


def changed(part: str, **changes: Any) -> SourceVm:
    return default(**{part: getattr(default(), part).model_copy(update=changes)})


def blocks(*disks: dict[str, Any]) -> dict[str, Any]:
    return {"disks": tuple({"label": f"disk{index}", **NORMAL_DISK, **each} for index, each in enumerate(disks))}


def cards(*interfaces: dict[str, Any]) -> dict[str, Any]:
    return {"network_interfaces": tuple({**NORMAL_BANDWIDTH, **each} for each in interfaces)}


ONE_GIB = {"size": 1, "unit_number": 0}
LAYOUTS: dict[str, tuple[SourceVm, tuple[str, ...], dict[str, Any]]] = {
    "one disk": (default(disks=(disk(gib=1),)), ALL, blocks(ONE_GIB)),
    "around the controller's unit": (
        default(disks=tuple(disk(unit=unit, gib=1) for unit in (15, 8, 6, 0))),
        ALL,
        blocks(*({"size": 1, "unit_number": number} for number in (0, 6, 7, 14))),
    ),
    "four controllers": (
        default(controllers=(*IDE, *map(pvscsi, range(4))), disks=tuple(disk(bus=bus, gib=1) for bus in range(4))),
        ALL,
        {
            "arguments": {"scsi_controller_count": 4},
            **blocks(*({"size": 1, "unit_number": number} for number in (0, 15, 30, 45))),
        },
    ),
    "SATA only": (
        default(controllers=(*IDE, sata()), disks=(disk("sata", unit=4, gib=1), disk("sata", gib=1))),
        (NEW,),
        {
            "arguments": {
                "scsi_controller_count": 0,
                "sata_controller_count": 1,
                "scsi_type": None,
                "scsi_bus_sharing": None,
            },
            **blocks({**ONE_GIB, "controller_type": "sata"}, {"size": 1, "unit_number": 4, "controller_type": "sata"}),
            "ignore_changes": ("scsi_type", "scsi_bus_sharing"),
        },
    ),
    "SATA, NVMe and SCSI": (
        default(
            controllers=(*IDE, pvscsi(), sata(), nvme()),
            disks=(disk(gib=1), disk("sata", unit=1, gib=1), disk("nvme", unit=2, gib=1)),
        ),
        (MIDDLE, NEW),
        {
            "arguments": {"sata_controller_count": 1, "nvme_controller_count": 1},
            **blocks(
                ONE_GIB,
                {"size": 1, "unit_number": 1, "controller_type": "sata"},
                {"size": 1, "unit_number": 2, "controller_type": "nvme"},
            ),
        },
    ),
    "IDE disk": (
        default(disks=(disk(gib=1), disk("ide", unit=1, gib=1))),
        (MIDDLE, NEW),
        blocks(ONE_GIB, {"size": 1, "unit_number": 1, "controller_type": "ide"}),
    ),
    "no IDE controller": (
        default(controllers=(pvscsi(),), disks=(disk(gib=1),)),
        ALL,
        {"arguments": {"ide_controller_count": None}, **blocks(ONE_GIB), "ignore_changes": ("ide_controller_count",)},
    ),
    "10 GiB and 1 MiB": (
        default(disks=(disk(capacity=10 * GIB + MIB),)),
        ALL,
        {
            **blocks({"size": 11, "unit_number": 0}),
            "warnings": (
                "/DC0/vm/golden-0, disk SCSI(0:0): The capacity of 10738466816 bytes is not a whole number of GiB; "
                "a later change of the disk grows it to 11 GiB.",
            ),
        },
    ),
    "thick, zeroed lazily": (
        default(disks=(disk(gib=1, thin_provisioned=False),)),
        ALL,
        blocks({**ONE_GIB, "thin_provisioned": False}),
    ),
    "thick, zeroed eagerly": (
        default(disks=(disk(gib=1, thin_provisioned=False, eagerly_scrub=True),)),
        ALL,
        blocks({**ONE_GIB, "thin_provisioned": False, "eagerly_scrub": True}),
    ),
    "disk shares": (
        default(disks=(disk(gib=1, io=OWN),)),
        ALL,
        blocks(
            {
                **ONE_GIB,
                "io_limit": 2000,
                "io_reservation": 100,
                "io_share_level": "custom",
                "io_share_count": 1500,
            }
        ),
    ),
    "LSI Logic with a shared bus": (
        default(
            controllers=(
                *IDE,
                controller("scsi", 0, "VirtualLsiLogicController").model_copy(update={"shared_bus": "virtualSharing"}),
            )
        ),
        ALL,
        {"arguments": {"scsi_type": "lsilogic", "scsi_bus_sharing": "virtualSharing"}},
    ),
    "four interfaces on mixed networks": (
        default(
            nics=(
                nic(key=4000, unit=7),
                nic("VirtualE1000e", key=4001, unit=8, network_kind="standard", network_id="network-7"),
                nic("VirtualE1000e", key=4002, unit=9, network_id="dvportgroup-14"),
                nic(key=4003, unit=10, network_kind="standard", network_id="network-7"),
            )
        ),
        ALL,
        cards(
            {"network_id": "dvportgroup-12", "adapter_type": "vmxnet3"},
            {"network_id": "network-7", "adapter_type": "e1000e"},
            {"network_id": "dvportgroup-14", "adapter_type": "e1000e"},
            {"network_id": "network-7", "adapter_type": "vmxnet3"},
        ),
    ),
    "opaque network": (
        default(nics=(nic(network_kind="opaque", network_id="opaquenetwork-67", network_name="segment"),)),
        ALL,
        cards({"network_id": "opaquenetwork-67", "adapter_type": "vmxnet3"}),
    ),
    "network shares": (
        default(nics=(nic(bandwidth=OWN),)),
        ALL,
        cards(
            {
                "network_id": "dvportgroup-12",
                "adapter_type": "vmxnet3",
                "bandwidth_limit": 2000,
                "bandwidth_reservation": 100,
                "bandwidth_share_level": "custom",
                "bandwidth_share_count": 1500,
            }
        ),
    ),
    "client CD-ROM": (
        default(cdroms=(Cdrom(backing="remote_atapi"),)),
        ALL,
        {"cdroms": ({"client_device": True},)},
    ),
    "ISO image": (
        default(cdroms=(Cdrom(backing="iso", datastore_id="datastore-63", path="iso/seed.iso"),)),
        ALL,
        {"cdroms": ({"datastore_id": "datastore-63", "path": "iso/seed.iso"},)},
    ),
    "remote passthrough CD-ROM": (default(cdroms=(Cdrom(backing="other"),)), ALL, {"cdroms": ({},)}),
    "two CD-ROMs": (
        default(cdroms=(Cdrom(backing="other"), Cdrom(backing="remote_atapi"))),
        (MIDDLE, NEW),
        {"cdroms": ({}, {"client_device": True})},
    ),
    "EFI with secure boot": (
        changed("boot", secure_boot_enabled=True),
        ALL,
        {"arguments": {"efi_secure_boot_enabled": True}},
    ),
    "vTPM": (default(tpm_count=1), (MIDDLE, NEW), {"vtpm": True, "warnings": (TPM_WARNING,)}),
    "BIOS with boot options": (
        default(boot=Boot(firmware="bios", secure_boot_enabled=False, delay=5, retry_enabled=True, retry_delay=99)),
        ALL,
        {"arguments": {"firmware": "bios", "boot_delay": 5, "boot_retry_enabled": True, "boot_retry_delay": 99}},
    ),
    "CPU shares": (
        changed("cpu", allocation=OWN),
        ALL,
        {
            "arguments": {
                "cpu_limit": 2000,
                "cpu_reservation": 100,
                "cpu_share_level": "custom",
                "cpu_share_count": 1500,
            }
        },
    ),
    "memory shares": (
        changed("memory", allocation=OWN),
        ALL,
        {
            "arguments": {
                "memory_limit": 2000,
                "memory_reservation": 100,
                "memory_share_level": "custom",
                "memory_share_count": 1500,
            }
        },
    ),
    "memory locked to its reservation": (
        changed(
            "memory",
            reservation_locked_to_max=True,
            allocation=Allocation(reservation=4096, limit=-1, share_level="normal", share_count=40960),
        ),
        (MIDDLE, NEW),
        {"arguments": {"memory_reservation": 4096, "memory_reservation_locked_to_max": True}},
    ),
    "hot add off": (
        default(
            cpu=default().cpu.model_copy(update={"hot_add_enabled": False, "hot_remove_enabled": False}),
            memory=default().memory.model_copy(update={"hot_add_enabled": False}),
        ),
        ALL,
        {
            "arguments": {
                "cpu_hot_add_enabled": False,
                "cpu_hot_remove_enabled": False,
                "memory_hot_add_enabled": False,
            }
        },
    ),
    "nested virtualization and CPU counters": (
        changed("cpu", nested_hv_enabled=True, performance_counters_enabled=True),
        ALL,
        {"arguments": {"nested_hv_enabled": True, "cpu_performance_counters_enabled": True}},
    ),
    "swap file on the host": (
        default(swap_placement="hostLocal"),
        ALL,
        {"arguments": {"swap_placement_policy": "hostLocal"}},
    ),
    "high latency sensitivity": (
        default(latency_sensitivity="high"),
        ALL,
        {"arguments": {"latency_sensitivity": "high"}},
    ),
    "Windows that keeps its own time": (
        default(
            guest_id="windows2019srv_64Guest",
            tools=default().tools.model_copy(update={"sync_time_with_host_allowed": False}),
        ),
        ALL,
        {"arguments": {"guest_id": "windows2019srv_64Guest", "sync_time_with_host": False}},
    ),
    "time from the host before vCenter 7.0.1": (
        default(
            vcenter=Vcenter(instance_uuid=VCENTER.instance_uuid, sync_time_split=False),
            tools=default().tools.model_copy(update={"sync_time_with_host": True}),
        ),
        ALL,
        {"arguments": {"sync_time_with_host": True, "sync_time_with_host_periodically": None}},
    ),
    "vApp properties": (
        default(vapp_property_ids=("role",), vapp_transport=("com.vmware.guestInfo",)),
        ALL,
        {
            "ignore_changes": ("vapp",),
            "warnings": (
                "/DC0/vm/golden-0, vapp: The values of role are not configured; "
                "the provider still reads them into the state.",
            ),
        },
    ),
}


@pytest.mark.parametrize(
    ("layout", "release"), [(name, release) for name, (_, releases, _) in LAYOUTS.items() for release in releases]
)
def test_replicates_the_named_hardware(layout: str, release: str) -> None:
    source, _, changes = LAYOUTS[layout]
    known = DEFAULT_IN_ALL if release == OLD else DEFAULT_IN_ALL | YOUNGER
    scalars = {name: value for name, value in (known | changes.get("arguments", {})).items() if value is not None}

    replica = replicate(source, ProviderVersion(release))

    assert fields(replica) == expected(**{**changes, "arguments": scalars})
