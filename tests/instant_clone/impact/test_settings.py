# SPDX-License-Identifier: MPL-2.0
"""Tests of changes of settings that power the VM off, and of settings that keep the VM running."""

from __future__ import annotations

import pytest

from instant_clone.impact import ANY_CHANGE, power_cycles
from tests.instant_clone.impact.states import OFF, PRIOR, UNKNOWN, State, arguments, changes


@pytest.mark.parametrize(
    ("argument", "before", "after"),
    [
        ("num_cores_per_socket", 1, 2),
        ("cpu_hot_add_enabled", True, False),
        ("cpu_hot_remove_enabled", False, True),
        ("memory_hot_add_enabled", True, False),
        ("nested_hv_enabled", False, True),
        ("cpu_performance_counters_enabled", True, False),
        ("firmware", "bios", "efi"),
        ("swap_placement_policy", "inherit", "hostLocal"),
        ("guest_id", "ubuntu64Guest", "otherGuest64"),
        ("alternate_guest_name", "", "Our Linux"),
        ("enable_disk_uuid", True, False),
        ("hv_mode", "hvAuto", "hvOn"),
        ("ept_rvi_mode", "automatic", "on"),
        ("enable_logging", True, False),
        ("vbs_enabled", False, True),
        ("vvtd_enabled", False, True),
        ("efi_secure_boot_enabled", False, True),
        ("tools_upgrade_policy", "manual", "upgradeAtPowerCycle"),
        ("run_tools_scripts_after_power_on", False, True),
        ("run_tools_scripts_after_resume", True, False),
        ("run_tools_scripts_before_guest_standby", True, False),
        ("run_tools_scripts_before_guest_shutdown", True, False),
        ("run_tools_scripts_before_guest_reboot", False, True),
        ("evc_mode", "", "intel-broadwell"),
    ],
)
def test_any_change_of_the_argument_powers_the_vm_off(argument: str, before: object, after: object) -> None:
    (change,) = changes({argument: before}, {argument: after})
    assert (change.argument, change.prior, change.planned) == (argument, before, after)
    assert change.why == f"The provider changes {argument} only while the VM is off."
    assert changes({argument: before}, {}) == ()


def test_all_arguments_of_any_change_are_tested() -> None:
    marks = test_any_change_of_the_argument_powers_the_vm_off.pytestmark  # type: ignore[attr-defined]
    (marker,) = (mark for mark in marks if mark.name == "parametrize")
    assert {row[0] for row in marker.args[1]} == set(ANY_CHANGE)


@pytest.mark.parametrize(
    ("argument", "unset"), [("alternate_guest_name", ""), ("vbs_enabled", False), ("num_cores_per_socket", 0)]
)
def test_zero_value_equals_none_and_a_missing_value(argument: str, unset: object) -> None:
    assert power_cycles({argument: unset}, {argument: None}) == ()
    assert power_cycles({argument: None}, {argument: unset}) == ()
    assert power_cycles({}, {argument: unset}) == ()
    assert power_cycles({argument: unset}, {}) == ()


@pytest.mark.parametrize(
    ("hot", "after", "expected"),
    [
        ({}, 4, []),
        ({}, 1, []),
        ({"cpu_hot_add_enabled": False}, 4, ["num_cpus"]),
        ({"cpu_hot_add_enabled": False}, 1, []),
        ({"cpu_hot_remove_enabled": None}, 1, ["num_cpus"]),
        ({"cpu_hot_remove_enabled": False}, 4, []),
        ({}, UNKNOWN, []),
        ({"cpu_hot_add_enabled": False}, UNKNOWN, ["num_cpus"]),
        ({"cpu_hot_remove_enabled": False}, UNKNOWN, ["num_cpus"]),
        (OFF, 2, []),
    ],
)
def test_changing_processors_without_hot_plug_powers_the_vm_off(hot: State, after: object, expected: list[str]) -> None:
    assert arguments(PRIOR | hot, {"num_cpus": after}) == expected


def test_prior_value_of_cpu_hot_add_determines_the_reboot() -> None:
    assert arguments(PRIOR | OFF, {"num_cpus": 4, "cpu_hot_add_enabled": True}) == ["cpu_hot_add_enabled", "num_cpus"]
    assert arguments(PRIOR, {"memory": 8192, "memory_hot_add_enabled": False}) == ["memory_hot_add_enabled"]


@pytest.mark.parametrize(
    ("hot", "after", "expected"),
    [
        (True, 8192, []),
        (True, 2048, ["memory"]),
        (False, 8192, ["memory"]),
        (False, 4096, []),
        (True, UNKNOWN, ["memory"]),
    ],
)
def test_changing_memory_without_hot_add_powers_the_vm_off(hot: bool, after: object, expected: list[str]) -> None:
    assert arguments(PRIOR | {"memory_hot_add_enabled": hot}, {"memory": after}) == expected


@pytest.mark.parametrize(
    ("hardware", "before", "after", "expected"),
    [
        (20, 0, 2, ["num_cores_per_numa_node"]),
        (20, 2, None, ["num_cores_per_numa_node"]),
        (20, 0, None, []),
        (19, 0, 2, []),
    ],
)
def test_changing_numa_powers_the_vm_off_since_hardware_version_20(
    hardware: int, before: object, after: object, expected: list[str]
) -> None:
    prior = PRIOR | {"hardware_version": hardware, "num_cores_per_numa_node": before}
    assert arguments(prior, {"num_cores_per_numa_node": after}) == expected


def test_planned_hardware_version_determines_the_numa_rule() -> None:
    changed = {"num_cores_per_numa_node": 2}
    assert arguments(PRIOR | {"hardware_version": 19}, changed | {"hardware_version": 20}) == [
        "num_cores_per_numa_node",
        "hardware_version",
    ]


def test_prior_hardware_version_determines_the_numa_rule_if_the_planned_version_is_unknown() -> None:
    prior = PRIOR | {"hardware_version": 20}
    assert arguments(prior, {"num_cores_per_numa_node": 2, "hardware_version": UNKNOWN}) == ["num_cores_per_numa_node"]


@pytest.mark.parametrize(("after", "expected"), [(20, ["hardware_version"]), (19, []), (18, []), (UNKNOWN, [])])
def test_upgrading_the_hardware_version_powers_the_vm_off(after: object, expected: list[str]) -> None:
    assert arguments(PRIOR, {"hardware_version": after}) == expected


HARMLESS = """
    name annotation boot_delay boot_retry_enabled boot_retry_delay sync_time_with_host
    sync_time_with_host_periodically cpu_share_level cpu_share_count cpu_limit cpu_reservation
    memory_share_level memory_share_count memory_limit memory_reservation latency_sensitivity
    memory_reservation_locked_to_max storage_policy_id cdrom tags custom_attributes folder
    resource_pool_id host_system_id datastore_id datastore_cluster_id shutdown_wait_timeout
    wait_for_guest_net_timeout force_power_off extra_config_reboot_required datacenter_id
"""


@pytest.mark.parametrize("argument", HARMLESS.split())
def test_changing_the_argument_keeps_the_vm_running(argument: str) -> None:
    assert arguments(PRIOR, {argument: "new"}) == []
    assert arguments(PRIOR, {argument: UNKNOWN}) == []


@pytest.mark.parametrize("argument", ["guest_id", "hardware_version", "hv_mode", "ept_rvi_mode"])
def test_unknown_value_of_a_computed_argument_is_not_a_change(argument: str) -> None:
    assert arguments({argument: 1}, {argument: UNKNOWN}) == []


@pytest.mark.parametrize("argument", ["firmware", "num_cores_per_socket", "enable_logging"])
def test_unknown_value_of_a_configured_argument_is_a_change(argument: str) -> None:
    assert arguments({argument: 1}, {argument: UNKNOWN}) == [argument]
