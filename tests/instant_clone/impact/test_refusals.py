# SPDX-License-Identifier: MPL-2.0
"""Tests of changes that the provider wrongly tries on the running VM, and of changes that vCenter may refuse."""

from __future__ import annotations

import pytest

from instant_clone.impact import ANY_CHANGE, may_be_refused
from tests.instant_clone.impact.states import PRIOR, UNKNOWN, State, arguments, changes

HOT: State = PRIOR | {"extra_config_reboot_required": False}
NEW_VALUE: State = {"extra_config": {"guestinfo.name": "b"}}
LATE = {
    "swap_placement_policy": "hostLocal",
    "efi_secure_boot_enabled": True,
    "firmware": "efi",
    "nested_hv_enabled": True,
    "cpu_performance_counters_enabled": True,
    "evc_mode": "intel-broadwell",
}
"""arguments that the provider compares after extra_config"""


@pytest.mark.parametrize("argument", sorted({*ANY_CHANGE} - LATE.keys()))
def test_extra_config_change_clears_the_reboot_flag_of_earlier_arguments(argument: str) -> None:
    (change,) = changes(HOT, NEW_VALUE | {argument: "new"})
    assert (change.argument, change.rejected) == (argument, True)
    assert change.why == (
        f"The provider changes {argument} only while the VM is off. The provider tries the change on the running VM, "
        "because extra_config also changes and extra_config_reboot_required is false."
    )


@pytest.mark.parametrize(
    "planned",
    [
        {"num_cpus": 4, "cpu_hot_add_enabled": False},
        {"memory": 2048},
        {"num_cores_per_numa_node": 2, "hardware_version": 20},
        {"vapp": [{"properties": {"hostname": "b"}}]},
    ],
    ids=["cpu", "memory", "numa", "vapp"],
)
def test_extra_config_change_clears_the_reboot_flag_of_other_settings(planned: State) -> None:
    prior = HOT | {"hardware_version": 20}
    found = changes(prior, NEW_VALUE | planned)
    assert found
    assert all(change.rejected for change in found)


@pytest.mark.parametrize(("argument", "value"), LATE.items())
def test_later_settings_power_the_vm_off_despite_extra_config(argument: str, value: object) -> None:
    found = changes(HOT, NEW_VALUE | {argument: value, "guest_id": "otherGuest64"})
    assert {change.argument: change.rejected for change in found} == {"guest_id": False, argument: False}


@pytest.mark.parametrize(
    "planned",
    [
        {"hardware_version": 21},
        {"scsi_type": "lsilogic"},
        {"nvme_controller_count": 1},
        {"disk": [PRIOR["disk"][0], PRIOR["disk"][1] | {"unit_number": 5}]},
        {"vtpm": [{"version": "2.0"}]},
        {"pci_device_id": ["0000:05:00.0"]},
    ],
    ids=["hardware", "controller type", "controller", "disk", "tpm", "pci"],
)
def test_devices_and_hardware_version_power_the_vm_off_despite_extra_config(planned: State) -> None:
    found = changes(HOT, NEW_VALUE | {"memory": 2048} | planned)
    assert len(found) == 2
    assert not any(change.rejected for change in found)


@pytest.mark.parametrize(
    ("planned", "version"),
    [
        ({}, "2.16.1"),
        ({"extra_config": {"guestinfo.name": UNKNOWN}}, "2.16.1"),
        ({"extra_config": UNKNOWN}, "2.16.1"),
        (NEW_VALUE, "2.2.0"),
        (NEW_VALUE | {"extra_config_reboot_required": True}, "2.16.1"),
    ],
    ids=["no extra_config", "unknown value", "unknown map", "older release", "reboot required"],
)
def test_reboot_flag_is_kept_without_a_change_of_extra_config(planned: State, version: str) -> None:
    assert {change.rejected for change in changes(HOT, planned | {"memory": 2048}, version)} == {False}


@pytest.mark.parametrize("key", [{}, {"guestinfo.name": "a", "guestinfo.new": UNKNOWN}])
def test_adding_or_removing_a_key_always_changes_extra_config(key: State) -> None:
    assert [change.rejected for change in changes(HOT, {"extra_config": key, "memory": 2048})] == [True]


AUTOMATIC: State = HOT | {"num_cores_per_socket": 0}


@pytest.mark.parametrize(
    "planned",
    [
        {"annotation": "new"},
        {"num_cpus": 4},
        NEW_VALUE,
        {"network_interface": PRIOR["network_interface"][:1]},
        {"disk": [PRIOR["disk"][0], PRIOR["disk"][1] | {"io_limit": 100}]},
        {"disk": [*PRIOR["disk"], {"label": "disk2", "unit_number": 2, "key": 0}]},
        {"disk": [PRIOR["disk"][0], PRIOR["disk"][1] | {"label": "<deleted>"}]},
        {"storage_policy_id": "gold", "tags": ["urn:1"]},
    ],
    ids=["annotation", "cpu", "extra_config", "interface", "disk", "new disk", "lost disk", "policy"],
)
@pytest.mark.parametrize(
    ("version", "expected"), [("2.15.2", []), ("2.16.0", [True]), ("2.16.1", [True]), ("2.17.0", [])]
)
def test_every_reconfiguration_sends_automatic_cores_per_socket(
    planned: State, version: str, expected: list[bool]
) -> None:
    found = changes(AUTOMATIC, planned, version)
    assert [change.rejected for change in found if change.argument == "num_cores_per_socket"] == expected


def test_every_update_sends_the_storage_policy() -> None:
    prior = AUTOMATIC | {"storage_policy_id": "gold"}
    assert arguments(prior, {"tags": ["urn:1"]}) == ["num_cores_per_socket"]
    assert arguments(prior, {}) == []


RECONFIGURING = (
    *("name", "annotation", "num_cpus", "num_cores_per_numa_node", "memory", "memory_reservation_locked_to_max"),
    *("cpu_share_level", "cpu_share_count", "cpu_limit", "cpu_reservation"),
    *("memory_share_level", "memory_share_count", "memory_limit", "memory_reservation"),
    *("extra_config", "latency_sensitivity", "storage_policy_id", "cdrom"),
    *("boot_delay", "boot_retry_enabled", "boot_retry_delay"),
    *("sync_time_with_host", "sync_time_with_host_periodically"),
)


@pytest.mark.parametrize("argument", RECONFIGURING)
def test_changing_the_argument_causes_a_reconfiguration(argument: str) -> None:
    before, after = ({"a": "1"}, {"a": "2"}) if argument == "extra_config" else (1, 2)
    assert arguments(AUTOMATIC | {argument: before}, {argument: after}) == ["num_cores_per_socket"]


@pytest.mark.parametrize(
    "planned",
    [
        {},
        {"tags": ["urn:1"]},
        {"folder": "elsewhere"},
        {"wait_for_guest_net_timeout": 5},
        {"disk": [PRIOR["disk"][0], PRIOR["disk"][1] | {"keep_on_remove": True, "datastore_id": "datastore-6"}]},
        {"change_version": UNKNOWN},
    ],
)
def test_update_without_reconfiguration_does_not_send_cores(planned: State) -> None:
    assert arguments(AUTOMATIC, planned) == []


def test_automatic_cores_are_accepted_while_the_vm_is_off() -> None:
    assert arguments(AUTOMATIC, {"firmware": "efi"}) == ["firmware"]
    assert arguments(PRIOR | {"num_cores_per_socket": 2}, {"annotation": "new"}) == []


def possible_refusals(planned: State) -> list[str]:
    return [change.argument for change in may_be_refused(PRIOR, PRIOR | planned)]


@pytest.mark.parametrize(
    ("planned", "expected"),
    [
        ({"disk": [PRIOR["disk"][0], PRIOR["disk"][1] | {"size": 16}]}, ["disk[1].size"]),
        ({"disk": [PRIOR["disk"][0] | {"thin_provisioned": True}, PRIOR["disk"][1]]}, ["disk[0].thin_provisioned"]),
        ({"disk": [PRIOR["disk"][0] | {"eagerly_scrub": True}, PRIOR["disk"][1]]}, ["disk[0].eagerly_scrub"]),
        ({"cdrom": [{"client_device": True}]}, ["cdrom"]),
        ({"latency_sensitivity": "high"}, ["latency_sensitivity"]),
    ],
)
def test_returns_changes_without_reboot_that_vcenter_may_refuse(planned: State, expected: list[str]) -> None:
    assert possible_refusals(planned) == expected
    assert arguments(PRIOR, planned) == []


@pytest.mark.parametrize(
    "planned",
    [
        {},
        {"annotation": "new", "num_cpus": 4, "memory": 8192},
        {"disk": [*PRIOR["disk"], {"label": "disk2", "unit_number": 2, "size": 4, "key": 0, "thin_provisioned": True}]},
    ],
    ids=["nothing", "hot", "new disk"],
)
def test_changes_on_a_running_vm_are_not_refused(planned: State) -> None:
    assert possible_refusals(planned) == []


def test_changing_the_medium_of_a_drive_is_not_refused() -> None:
    prior = PRIOR | {"cdrom": [{"client_device": True}]}
    assert may_be_refused(prior, prior | {"cdrom": [{"path": "iso/a.iso", "datastore_id": "datastore-1"}]}) == ()
