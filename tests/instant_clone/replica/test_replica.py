# SPDX-License-Identifier: MPL-2.0
"""Tests of the complete arguments of four layouts, for the releases that differ."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from instant_clone.replica import replicate
from instant_clone.stock_provider.releases import ProviderVersion
from tests.instant_clone.replica.replica_expectations import (
    DEFAULT_IN_ALL,
    NORMAL_BANDWIDTH,
    NORMAL_DISK,
    YOUNGER,
    expected,
    fields,
    unknown_warning,
)
from tests.instant_clone.replica.replica_layouts import bios, default, three_buses, two_controllers

V2_0_2 = ProviderVersion("2.0.2")
V2_15_0 = ProviderVersion("2.15.0")
V2_16_1 = ProviderVersion("2.16.1")


@pytest.mark.parametrize("version", [V2_15_0, V2_16_1])
def test_replicates_the_default_layout(version: ProviderVersion) -> None:
    assert fields(replicate(default(), version)) == expected()


def test_default_layout_in_2_0_2_has_only_supported_arguments() -> None:
    assert fields(replicate(default(), V2_0_2)) == expected(arguments=DEFAULT_IN_ALL)


def two_controllers_expected() -> dict[str, object]:
    return expected(
        arguments=DEFAULT_IN_ALL | YOUNGER | {"scsi_controller_count": 2},
        disks=(
            {"label": "disk0", "size": 16, "unit_number": 0, **NORMAL_DISK},
            {
                "label": "disk1",
                "size": 4,
                "unit_number": 8,
                **NORMAL_DISK,
                "disk_mode": "independent_persistent",
                "thin_provisioned": False,
            },
            {
                "label": "disk2",
                "size": 32,
                "unit_number": 15,
                **NORMAL_DISK,
                "write_through": True,
                "disk_sharing": "sharingMultiWriter",
            },
            {
                "label": "disk3",
                "size": 2,
                "unit_number": 22,
                **NORMAL_DISK,
                "thin_provisioned": False,
                "eagerly_scrub": True,
            },
        ),
        network_interfaces=(
            {"network_id": "dvportgroup-12", "adapter_type": "vmxnet3", **NORMAL_BANDWIDTH},
            {"network_id": "network-7", "adapter_type": "e1000e", **NORMAL_BANDWIDTH},
        ),
        cdroms=({"client_device": True}, {}),
        warnings=(
            unknown_warning("disk SCSI(0:9)", "an independent disk"),
            unknown_warning("disk SCSI(1:0)", "a multi-writer disk"),
        ),
    )


@pytest.mark.parametrize("version", [V2_15_0, V2_16_1])
def test_replicates_two_controllers_with_gaps(version: ProviderVersion) -> None:
    assert fields(replicate(two_controllers(), version)) == two_controllers_expected()


def test_two_controllers_in_2_0_2_order_interfaces_by_pci_unit() -> None:
    source = two_controllers()
    replica = replicate(source.model_copy(update={"cdroms": source.cdroms[:1]}), V2_0_2)

    assert fields(replica) == two_controllers_expected() | {
        "arguments": DEFAULT_IN_ALL | {"scsi_controller_count": 2},
        "network_interfaces": (
            {"network_id": "network-7", "adapter_type": "e1000e", **NORMAL_BANDWIDTH},
            {"network_id": "dvportgroup-12", "adapter_type": "vmxnet3", **NORMAL_BANDWIDTH},
        ),
        "cdroms": ({"client_device": True},),
    }


@pytest.mark.parametrize(("version", "cores_per_socket"), [(V2_15_0, 1), (V2_16_1, 0)])
def test_replicates_three_buses_with_custom_shares(version: ProviderVersion, cores_per_socket: int) -> None:
    assert fields(replicate(three_buses(), version)) == expected(
        arguments=DEFAULT_IN_ALL
        | {
            "alternate_guest_name": "Our Linux",
            "num_cpus": 4,
            "num_cores_per_socket": cores_per_socket,
            "cpu_performance_counters_enabled": True,
            "cpu_limit": 4000,
            "cpu_reservation": 500,
            "cpu_share_level": "custom",
            "cpu_share_count": 3000,
            "memory": 8192,
            "memory_limit": 8192,
            "memory_reservation": 8192,
            "memory_reservation_locked_to_max": True,
            "memory_share_level": "custom",
            "memory_share_count": 90000,
            "sync_time_with_host_periodically": True,
            "tools_upgrade_policy": "upgradeAtPowerCycle",
            "sata_controller_count": 1,
            "nvme_controller_count": 1,
            "scsi_type": "lsilogic-sas",
        },
        disks=(
            {"label": "disk0", "size": 4, "unit_number": 0, **NORMAL_DISK, "controller_type": "nvme"},
            {
                "label": "disk1",
                "size": 16,
                "unit_number": 0,
                **NORMAL_DISK,
                "io_limit": 2000,
                "io_reservation": 100,
                "io_share_level": "custom",
                "io_share_count": 1500,
            },
            {"label": "disk2", "size": 8, "unit_number": 2, **NORMAL_DISK, "controller_type": "sata"},
        ),
        network_interfaces=(
            {
                "network_id": "dvportgroup-12",
                "adapter_type": "vmxnet3",
                "bandwidth_limit": 500,
                "bandwidth_reservation": 5,
                "bandwidth_share_level": "custom",
                "bandwidth_share_count": 77,
            },
        ),
        cdroms=({"datastore_id": "datastore-63", "path": "iso/seed.iso"},),
    )


def bios_expected() -> dict[str, object]:
    unset = {
        "annotation",
        "efi_secure_boot_enabled",
        "boot_delay",
        "boot_retry_enabled",
        "run_tools_scripts_before_guest_reboot",
        "sync_time_with_host_periodically",
    }
    scalars = {name: value for name, value in (DEFAULT_IN_ALL | YOUNGER).items() if name not in unset} | {
        "num_cpus": 1,
        "num_cores_per_socket": 1,
        "cpu_hot_add_enabled": False,
        "cpu_hot_remove_enabled": False,
        "memory": 1024,
        "memory_hot_add_enabled": False,
        "firmware": "bios",
        "boot_retry_delay": 0,
        "hardware_version": 14,
        "sync_time_with_host": False,
    }
    return expected(
        arguments=scalars,
        disks=({"label": "disk0", "size": 8, "unit_number": 0, **NORMAL_DISK},),
        network_interfaces=({"network_id": "network-7", "adapter_type": "vmxnet3", **NORMAL_BANDWIDTH},),
    )


@pytest.mark.parametrize("version", [V2_15_0, V2_16_1])
def test_replicates_a_minimal_bios_vm_of_an_old_vcenter(version: ProviderVersion) -> None:
    assert fields(replicate(bios(), version)) == bios_expected()


def test_replicates_a_minimal_bios_vm_in_2_0_2() -> None:
    scalars = bios_expected()["arguments"]
    assert isinstance(scalars, dict)
    known = {name: value for name, value in scalars.items() if name not in YOUNGER}
    assert fields(replicate(bios(), V2_0_2)) == bios_expected() | {"arguments": known}


def test_replica_is_immutable() -> None:
    replica = replicate(default(), V2_16_1)
    with pytest.raises(FrozenInstanceError):
        replica.vtpm = True  # type: ignore[misc]
    with pytest.raises(TypeError):
        replica.arguments["num_cpus"] = 3  # type: ignore[index]
    with pytest.raises(TypeError):
        replica.disks[0]["size"] = 3  # type: ignore[index]
