# SPDX-License-Identifier: MPL-2.0
"""Tests of values that are unset, unsupported or dependent on vCenter, and of the order and numbers of devices."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instant_clone.errors import ReplicaError
from instant_clone.replica import Replica, replicate
from instant_clone.stock_provider.releases import RELEASES, ProviderVersion
from instant_clone.vm.source_vm import (
    Allocation,
    Boot,
    Cdrom,
    Controller,
    Cpu,
    Disk,
    Flags,
    Memory,
    Numa,
    SourceVm,
    Tools,
    Vcenter,
)
from tests.instant_clone.replica.replica_layouts import GIB, IDE, controller, default, disk, nic, nvme, pvscsi, sata

NEWEST = ProviderVersion("2.16.1")


def newest(source: SourceVm) -> Replica:
    return replicate(source, NEWEST)


def changed(part: str, **changes: Any) -> SourceVm:
    return default(**{part: getattr(default(), part).model_copy(update=changes)})


UNSET = default(
    annotation=None,
    alternate_guest_name=None,
    cpu=Cpu(count=1, cores_per_socket=1, allocation=Allocation()),
    memory=Memory(size_mb=512, allocation=Allocation()),
    latency_sensitivity=None,
    swap_placement=None,
    boot=Boot(firmware="efi"),
    flags=Flags(),
    tools=Tools(),
    disks=(disk(thin_provisioned=None, eagerly_scrub=None, write_through=None, sharing=None, io=Allocation()),),
    nics=(nic(bandwidth=Allocation()),),
)
UNSET_SCALARS = {
    "guest_id": "ubuntu64Guest",
    "num_cpus": 1,
    "num_cores_per_socket": 1,
    "memory": 512,
    "firmware": "efi",
    "boot_retry_delay": 0,
    "hardware_version": 19,
    "sync_time_with_host": False,
    "run_tools_scripts_after_power_on": False,
    "run_tools_scripts_after_resume": False,
    "run_tools_scripts_before_guest_standby": False,
    "run_tools_scripts_before_guest_shutdown": False,
    "scsi_controller_count": 1,
    "sata_controller_count": 0,
    "ide_controller_count": 2,
    "nvme_controller_count": 0,
    "scsi_type": "pvscsi",
    "scsi_bus_sharing": "noSharing",
}
UNSET_IGNORED = (
    "cpu_limit",
    "cpu_share_level",
    "memory_limit",
    "memory_share_level",
    "latency_sensitivity",
    "swap_placement_policy",
    "tools_upgrade_policy",
    "disk[0].disk_sharing",
    "disk[0].io_share_level",
    "network_interface[0].bandwidth_share_level",
)


def test_unset_settings_have_the_provider_value_or_are_ignored() -> None:
    replica = newest(UNSET)

    assert replica.arguments == UNSET_SCALARS
    assert tuple(map(dict, replica.disks)) == (
        {
            "label": "disk0",
            "size": 8,
            "unit_number": 0,
            "controller_type": "scsi",
            "disk_mode": "persistent",
            "thin_provisioned": False,
            "eagerly_scrub": False,
            "write_through": False,
            "io_limit": 0,
        },
    )
    assert tuple(map(dict, replica.network_interfaces)) == (
        {"network_id": "dvportgroup-12", "adapter_type": "vmxnet3", "bandwidth_limit": 0},
    )
    assert replica.ignore_changes == UNSET_IGNORED
    assert replica.warnings == (
        (
            "/DC0/vm/golden-0, tools: after_power_on, after_resume, before_guest_standby, before_guest_shutdown: "
            "unset on the VM; any later reconfiguration sets them to false."
        ),
    )


def test_unset_settings_in_2_0_2_follow_its_defaults() -> None:
    replica = replicate(UNSET, ProviderVersion("2.0.2"))

    absent = {"sync_time_with_host", "nvme_controller_count"}
    assert replica.arguments == {name: value for name, value in UNSET_SCALARS.items() if name not in absent}
    assert set(replica.ignore_changes) == {*UNSET_IGNORED, "hv_mode", "ept_rvi_mode"} - {"tools_upgrade_policy"}


@pytest.mark.parametrize(("version", "ignored"), [("2.7.0", 2), ("2.8.0", 0), ("2.8.1", 2), ("2.8.2", 0)])
def test_unset_execution_modes_with_defaults_are_ignored(version: str, ignored: int) -> None:
    replica = replicate(default(flags=Flags(logging_enabled=True)), ProviderVersion(version))
    assert [name for name in replica.ignore_changes if name in ("hv_mode", "ept_rvi_mode")] == [
        "hv_mode",
        "ept_rvi_mode",
    ][:ignored]


@pytest.mark.parametrize(
    ("split", "with_host", "periodically"),
    [
        (False, True, None),
        (True, False, True),
    ],
)
@pytest.mark.parametrize("version", ["2.0.2", "2.15.0", "2.16.1"])
def test_time_synchronization_has_two_arguments_since_vcenter_7_0_1(
    split: bool, with_host: bool, periodically: bool | None, version: str
) -> None:
    source = changed("tools", sync_time_with_host=True, sync_time_with_host_allowed=False)
    source = source.model_copy(update={"vcenter": Vcenter(instance_uuid="", sync_time_split=split)})

    scalars = replicate(source, ProviderVersion(version)).arguments

    assert scalars["sync_time_with_host"] is with_host
    assert scalars.get("sync_time_with_host_periodically") is periodically


def test_warns_about_and_ignores_an_unsupported_value() -> None:
    replica = newest(default(latency_sensitivity="custom"))

    assert "latency_sensitivity" not in replica.arguments
    assert replica.ignore_changes == ("latency_sensitivity",)
    assert replica.warnings == (
        (
            "/DC0/vm/golden-0, latency_sensitivity: The provider does not support 'custom'; "
            "the clones keep the value, and Terraform does not track it."
        ),
    )


@pytest.mark.parametrize("version", ["2.0.2", "2.15.0", "2.16.1"])
def test_unset_firmware_is_ignored(version: str) -> None:
    replica = replicate(changed("boot", firmware=""), ProviderVersion(version))

    assert "firmware" not in replica.arguments
    assert replica.ignore_changes == ("firmware",)
    assert replica.warnings == ()


@pytest.mark.parametrize("version", ["2.0.2", "2.15.2"])
def test_unset_cores_per_socket_are_0(version: str) -> None:
    replica = replicate(changed("cpu", cores_per_socket=0), ProviderVersion(version))

    assert replica.arguments["num_cores_per_socket"] == 0


def test_unsupported_hardware_version_is_left_out() -> None:
    replica = newest(default(hardware_version=23, numa=Numa(auto_cores_per_node=False, cores_per_node=2)))

    assert "hardware_version" not in replica.arguments
    assert "num_cores_per_numa_node" not in replica.arguments
    assert replica.ignore_changes == ("num_cores_per_numa_node",)
    assert replica.warnings == (
        "/DC0/vm/golden-0, hardware_version: No release of the provider allows 23; the clones keep this version.",
    )


@pytest.mark.parametrize(
    ("numa", "cores"),
    [
        (None, None),
        (Numa(auto_cores_per_node=True, cores_per_node=2), 0),
        (Numa(auto_cores_per_node=False, cores_per_node=2), 2),
        (Numa(cores_per_node=2), 2),
    ],
)
def test_replicates_cores_per_numa_node(numa: Numa | None, cores: int | None) -> None:
    assert newest(default(hardware_version=20, numa=numa)).arguments.get("num_cores_per_numa_node") == cores


@pytest.mark.parametrize(
    "source",
    [
        default(hardware_version=20, numa=Numa(auto_cores_per_node=True, cores_per_node=2)),
        default(hardware_version=19, numa=Numa(auto_cores_per_node=False, cores_per_node=2)),
    ],
    ids=["automatic", "hardware version that has none"],
)
def test_automatic_numa_cores_are_allowed_in_a_release_without_the_argument(source: SourceVm) -> None:
    assert "num_cores_per_numa_node" not in replicate(source, ProviderVersion("2.15.0")).arguments


def test_tpm_needs_the_vtpm_block() -> None:
    assert newest(default(tpm_count=1)).vtpm is True


def test_warns_about_a_locked_reservation_below_the_memory_size() -> None:
    replica = newest(changed("memory", reservation_locked_to_max=True))
    assert replica.arguments["memory_reservation_locked_to_max"] is True
    assert replica.warnings == (
        (
            "/DC0/vm/golden-0, memory_reservation_locked_to_max: the value is true, but 0 of 4096 MB are reserved; "
            "any later reconfiguration sets it to false."
        ),
    )


def test_rounds_up_a_fractional_disk_size_with_a_warning() -> None:
    replica = newest(default(disks=(disk(capacity=5 * GIB + 1),)))
    assert replica.disks[0]["size"] == 6
    assert replica.warnings == (
        (
            "/DC0/vm/golden-0, disk SCSI(0:0): The capacity of 5368709121 bytes is not a whole number of GiB; "
            "a later change of the disk grows it to 6 GiB."
        ),
    )


def test_vapp_values_are_not_in_the_replica() -> None:
    replica = newest(
        default(
            vapp_property_ids=("hostname", "password"), vapp_transport=("iso",), cdroms=(Cdrom(backing="remote_atapi"),)
        )
    )
    assert replica.ignore_changes == ("vapp",)
    assert replica.warnings == (
        (
            "/DC0/vm/golden-0, vapp: The values of hostname, password are not configured; "
            "the provider still reads them into the state."
        ),
    )


def test_replicates_a_vm_without_scsi_and_ide_controllers() -> None:
    replica = newest(default(controllers=(nvme(),), disks=(disk("nvme"),)))

    counts = {name: value for name, value in replica.arguments.items() if "controller" in name or "scsi" in name}
    assert counts == {"scsi_controller_count": 0, "sata_controller_count": 0, "nvme_controller_count": 1}
    assert replica.ignore_changes == ("ide_controller_count", "scsi_type", "scsi_bus_sharing")


def test_unset_bus_sharing_is_ignored() -> None:
    bus = Controller(kind="scsi", bus=0, type="VirtualLsiLogicController")
    replica = newest(default(controllers=(*IDE, bus)))
    assert replica.arguments["scsi_type"] == "lsilogic"
    assert "scsi_bus_sharing" not in replica.arguments
    assert replica.ignore_changes == ("scsi_bus_sharing",)


def test_counts_controllers_up_to_the_first_gap_and_warns_about_later_disks() -> None:
    other = controller("scsi", 2, "VirtualBusLogicController")
    replica = newest(default(controllers=(*IDE, pvscsi(0), other), disks=(disk(), disk(bus=2))))

    assert replica.arguments["scsi_controller_count"] == 1
    assert len(replica.disks) == 1
    assert replica.warnings == (
        "/DC0/vm/golden-0, disk SCSI(2:0): A lower bus has no controller, so the provider does not see this disk.",
    )


@pytest.mark.parametrize(
    ("place", "number"),
    [
        (disk(unit=0), 0),
        (disk(unit=6), 6),
        (disk(unit=8), 7),
        (disk(unit=15), 14),
        (disk(bus=3, unit=15), 59),
        (disk("sata", bus=1, unit=2), 32),
        (disk("ide", bus=1, unit=1), 3),
        (disk("nvme", bus=1, unit=3), 67),
    ],
)
def test_unit_numbers_are_consecutive_over_all_buses_of_a_kind(place: Disk, number: int) -> None:
    buses = (*IDE, *map(pvscsi, range(4)), sata(0), sata(1), nvme(0), nvme(1))
    first = () if number == 0 else (disk(),)
    replica = newest(default(controllers=buses, disks=(place, *first)))
    assert replica.disks[-1]["unit_number"] == number


def test_unit_number_depends_on_the_unit_of_the_controller() -> None:
    bus = Controller(kind="scsi", bus=0, type="ParaVirtualSCSIController", shared_bus="noSharing", own_unit=4)
    replica = newest(default(controllers=(*IDE, bus), disks=(disk(), disk(unit=3), disk(unit=7))))
    assert [block["unit_number"] for block in replica.disks] == [0, 3, 6]


def test_iso_image_without_a_datastore_keeps_its_path() -> None:
    (drive,) = newest(default(cdroms=(Cdrom(backing="iso", path="a.iso"),))).cdroms
    assert drive.arguments == {"path": "a.iso"}


BUSES = (*IDE, *map(pvscsi, range(4)), *map(sata, range(2)), *map(nvme, range(2)))
PLACES = [
    *[("scsi", bus, unit) for bus, unit in product(range(4), range(16)) if unit != 7],
    *[("sata", bus, unit) for bus, unit in product(range(2), range(30))],
    *[("ide", bus, unit) for bus, unit in product(range(2), range(2)) if (bus, unit) != (0, 0)],
    *[("nvme", bus, unit) for bus, unit in product(range(2), range(64))],
]
places = st.lists(st.sampled_from(PLACES), max_size=40, unique=True)


@given(places, st.randoms(use_true_random=False))
def test_disk_labels_follow_unit_numbers_in_any_device_order(chosen: list[tuple[str, int, int]], random: Any) -> None:
    occupied = [("scsi", 0, 0), *(place for place in chosen if place != ("scsi", 0, 0))]
    replica = newest(default(controllers=BUSES, disks=tuple(disk(*place) for place in occupied)))
    random.shuffle(occupied)
    shuffled = newest(default(controllers=BUSES, disks=tuple(disk(*place) for place in occupied)))

    numbers = [block["unit_number"] for block in replica.disks]
    addresses = [(block["controller_type"], block["unit_number"]) for block in replica.disks]
    assert [block["label"] for block in replica.disks] == [f"disk{index}" for index in range(len(occupied))]
    assert numbers == sorted(numbers)
    assert len(set(addresses)) == len(occupied)
    assert set(addresses) == {(block["controller_type"], block["unit_number"]) for block in shuffled.disks}


@given(places, st.sampled_from(RELEASES))
def test_replicate_is_deterministic(chosen: list[tuple[str, int, int]], version: ProviderVersion) -> None:
    source = default(controllers=BUSES, disks=tuple(disk(*place) for place in chosen))
    again = SourceVm.model_validate_json(source.model_dump_json())
    assert outcome(source, version) == outcome(again, version)


def outcome(source: SourceVm, version: ProviderVersion) -> str:
    try:
        replica = replicate(source, version)
    except ReplicaError as error:
        return str(error)
    return repr(replica)
