"""Every row of what makes the provider power a VM off, and what does not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instant_clone.reboot import ANY_CHANGE, Change, power_cycles
from instant_clone.versions import ProviderVersion


class Unknown:
    """As a value that is known after the apply."""


UNKNOWN = Unknown()
State = dict[str, Any]


def is_unknown(value: object) -> bool:
    return isinstance(value, Unknown)


def changes(prior: State, planned: State, version: str = "2.16.1") -> tuple[Change, ...]:
    """What powers the VM off when `prior` is changed by `planned`."""
    return power_cycles(prior, prior | planned, version=ProviderVersion.parse(version), is_unknown=is_unknown)


def arguments(prior: State, planned: State, version: str = "2.16.1") -> list[str]:
    return [change.argument for change in changes(prior, planned, version)]


PRIOR: State = {
    "num_cpus": 2,
    "cpu_hot_add_enabled": True,
    "cpu_hot_remove_enabled": True,
    "memory": 4096,
    "memory_hot_add_enabled": True,
    "hardware_version": 19,
    "scsi_controller_count": 1,
    "sata_controller_count": 0,
    "ide_controller_count": 2,
    "nvme_controller_count": 0,
    "scsi_type": "pvscsi",
    "scsi_bus_sharing": "noSharing",
    "vmware_tools_status": "guestToolsRunning",
    "extra_config": {"guestinfo.name": "a"},
    "extra_config_reboot_required": True,
    "disk": [
        {"label": "disk0", "controller_type": "scsi", "unit_number": 0, "disk_mode": "persistent", "size": 16},
        {"label": "disk1", "controller_type": "scsi", "unit_number": 1, "disk_mode": "persistent", "size": 8},
    ],
    "network_interface": [
        {"network_id": "network-7", "adapter_type": "vmxnet3"},
        {"network_id": "network-7", "adapter_type": "e1000e"},
    ],
    "vtpm": [],
}
OFF = {"cpu_hot_add_enabled": False, "cpu_hot_remove_enabled": False, "memory_hot_add_enabled": False}
WITHOUT_TOOLS = PRIOR | {"vmware_tools_status": "guestToolsNotRunning"}


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
def test_any_change_of_these(argument: str, before: object, after: object) -> None:
    (change,) = changes({argument: before}, {argument: after})
    assert (change.argument, change.prior, change.planned) == (argument, before, after)
    assert change.why == f"The provider changes {argument} only while the VM is off."
    assert changes({argument: before}, {}) == ()


def test_all_arguments_of_which_any_change_counts_are_tested_above() -> None:
    (marker,) = (mark for mark in test_any_change_of_these.pytestmark if mark.name == "parametrize")  # type: ignore[attr-defined]
    assert {row[0] for row in marker.args[1]} == set(ANY_CHANGE)


@pytest.mark.parametrize(
    ("argument", "unset"), [("alternate_guest_name", ""), ("vbs_enabled", False), ("num_cores_per_socket", 0)]
)
def test_a_zero_value_equals_none_and_absence(argument: str, unset: object) -> None:
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
def test_processors(hot: State, after: object, expected: list[str]) -> None:
    assert arguments(PRIOR | hot, {"num_cpus": after}) == expected


def test_hot_add_counts_as_it_was_before_the_change() -> None:
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
def test_memory(hot: bool, after: object, expected: list[str]) -> None:
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
def test_numa_from_hardware_version_20(hardware: int, before: object, after: object, expected: list[str]) -> None:
    prior = PRIOR | {"hardware_version": hardware, "num_cores_per_numa_node": before}
    assert arguments(prior, {"num_cores_per_numa_node": after}) == expected


def test_numa_counts_with_the_hardware_version_of_the_vm_where_the_planned_one_is_unknown() -> None:
    prior = PRIOR | {"hardware_version": 20}
    assert arguments(prior, {"num_cores_per_numa_node": 2, "hardware_version": UNKNOWN}) == ["num_cores_per_numa_node"]


@pytest.mark.parametrize(("after", "expected"), [(20, ["hardware_version"]), (19, []), (18, []), (UNKNOWN, [])])
def test_a_higher_hardware_version(after: object, expected: list[str]) -> None:
    assert arguments(PRIOR, {"hardware_version": after}) == expected


@pytest.mark.parametrize(
    ("version", "required", "expected"),
    [
        ("2.16.1", True, ["extra_config"]),
        ("2.3.0", True, ["extra_config"]),
        ("2.3.0", False, []),
        ("2.2.0", False, ["extra_config"]),
        ("2.0.2", None, ["extra_config"]),
    ],
)
def test_extra_config(version: str, required: bool | None, expected: list[str]) -> None:
    prior = PRIOR | {"extra_config_reboot_required": required}
    assert arguments(prior, {"extra_config": {"guestinfo.name": "b"}}, version) == expected
    assert arguments(prior, {"extra_config": UNKNOWN}, version) == expected
    assert arguments(prior, {"extra_config": {"guestinfo.name": UNKNOWN}}, version) == expected
    assert arguments(prior, {"extra_config": {"guestinfo.name": "a"}}, version) == []


def test_extra_config_counts_as_it_is_planned_to_need_a_reboot() -> None:
    planned = {"extra_config": {}, "extra_config_reboot_required": False}
    assert arguments(PRIOR, planned) == []
    assert arguments(PRIOR | planned, {"extra_config": {"a": "b"}, "extra_config_reboot_required": True}) == [
        "extra_config"
    ]


def test_a_key_with_an_empty_value_is_a_change_of_extra_config() -> None:
    assert arguments(PRIOR, {"extra_config": {"guestinfo.name": "a", "guestinfo.b": ""}}) == ["extra_config"]
    assert arguments(PRIOR | {"extra_config": None}, {"extra_config": {}}) == []


def test_values_of_extra_config_and_vapp_are_not_told() -> None:
    planned = {
        "extra_config": {"guestinfo.name": "hunter2", "guestinfo.new": "hunter2"},
        "vapp": [{"properties": {"password": "hunter2"}}],
    }
    extra_config, vapp = changes(PRIOR, planned)
    assert extra_config.prior == ("guestinfo.name",)
    assert extra_config.planned == ("guestinfo.name", "guestinfo.new")
    assert (vapp.prior, vapp.planned) == ((), ("password",))


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([], [{"properties": {"hostname": "a"}}], ["vapp"]),
        ([{"properties": {"hostname": "a"}}], [{"properties": {"hostname": "b"}}], ["vapp"]),
        ([{"properties": {"hostname": "a"}}], [{"properties": {"hostname": UNKNOWN}}], ["vapp"]),
        ([{"properties": {"hostname": "a"}}], [], ["vapp"]),
        ([{"properties": {"hostname": "a"}}], UNKNOWN, ["vapp"]),
        ([{"properties": {"hostname": "a"}}], [{"properties": {"hostname": "a"}}], []),
        (None, [], []),
    ],
)
def test_vapp_properties(before: object, after: object, expected: list[str]) -> None:
    assert arguments({"vapp": before}, {"vapp": after}) == expected


@pytest.mark.parametrize("kind", ["scsi", "sata", "ide", "nvme"])
def test_more_controllers(kind: str) -> None:
    count = f"{kind}_controller_count"
    assert arguments(PRIOR | {count: 1}, {count: 2}) == [count]
    assert arguments(PRIOR | {count: 1}, {count: UNKNOWN}) == [count]
    assert arguments(PRIOR | {count: 2}, {count: 1}) == []
    assert arguments(PRIOR | {count: 0}, {count: None}) == []


@pytest.mark.parametrize(("argument", "after"), [("scsi_type", "lsilogic"), ("scsi_bus_sharing", "virtualSharing")])
def test_another_kind_of_scsi_controller(argument: str, after: str) -> None:
    assert arguments(PRIOR, {argument: after}) == [argument]
    assert arguments(PRIOR, {argument: UNKNOWN}) == [argument]
    without = PRIOR | {"scsi_controller_count": 0, argument: "unknown"}
    assert arguments(without, {argument: after}) == []


@pytest.mark.parametrize(
    ("argument", "before", "after"),
    [
        ("controller_type", "scsi", "sata"),
        ("unit_number", 1, 2),
        ("disk_mode", "persistent", "independent_persistent"),
        ("disk_mode", "persistent", UNKNOWN),
        ("write_through", False, True),
        ("disk_sharing", "sharingNone", "sharingMultiWriter"),
        ("disk_sharing", "", "sharingNone"),
    ],
)
def test_a_disk_that_moves_or_works_otherwise(argument: str, before: object, after: object) -> None:
    first, second = PRIOR["disk"]
    prior = PRIOR | {"disk": [first, second | {argument: before}]}
    (change,) = changes(prior, {"disk": [first, second | {argument: after}]})
    assert (change.argument, change.prior, change.planned) == (f"disk[1].{argument}", before, after)


def test_disks_are_paired_by_label_whatever_their_order() -> None:
    first, second = PRIOR["disk"]
    assert arguments(PRIOR, {"disk": [second, first]}) == []
    assert arguments(PRIOR, {"disk": [second | {"disk_mode": "append"}, first]}) == ["disk[0].disk_mode"]


def test_disks_of_other_labels_are_paired_by_their_place() -> None:
    first, second = PRIOR["disk"]
    imported = PRIOR | {"disk": [first | {"label": "Hard disk 1"}, second | {"label": "Hard disk 2"}]}
    assert arguments(imported, {"disk": [first, second | {"disk_mode": "append"}]}) == ["disk[1].disk_mode"]


@pytest.mark.parametrize(
    "disks",
    [
        PRIOR["disk"][:1],
        [*PRIOR["disk"], {"label": "disk2", "unit_number": 2, "disk_mode": "append"}],
        [PRIOR["disk"][0], PRIOR["disk"][1] | {"label": "<deleted>", "disk_mode": "append"}],
        [PRIOR["disk"][0], PRIOR["disk"][1] | {"label": "<remove, keep disk>", "disk_mode": "append"}],
        [disk | {"size": 99, "io_limit": 5, "keep_on_remove": True} for disk in PRIOR["disk"]],
        UNKNOWN,
    ],
    ids=["removed", "added", "deleted", "detached", "grown", "unknown"],
)
def test_disks_that_come_go_or_grow_do_not_count(disks: object) -> None:
    assert arguments(PRIOR, {"disk": disks}) == []


def with_interface(index: int, **values: object) -> State:
    interfaces = [dict(interface) for interface in PRIOR["network_interface"]]
    interfaces[index] |= values
    return {"network_interface": interfaces}


def test_another_adapter_type_while_tools_do_not_run() -> None:
    planned = with_interface(1, adapter_type="vmxnet3")
    assert arguments(PRIOR, planned) == []
    (change,) = changes(WITHOUT_TOOLS, planned)
    assert change == Change(
        "network_interface[1].adapter_type",
        "e1000e",
        "vmxnet3",
        "The interface is replaced, and VMware Tools do not run in the guest.",
    )
    assert arguments(WITHOUT_TOOLS, with_interface(0, adapter_type=UNKNOWN)) == ["network_interface[0].adapter_type"]


@pytest.mark.parametrize("prior", [PRIOR, WITHOUT_TOOLS])
def test_another_physical_function(prior: State) -> None:
    planned = with_interface(0, physical_function="0000:d8:00.0")
    assert arguments(prior, planned) == ["network_interface[0].physical_function"]


def test_an_interface_taken_away_while_tools_do_not_run() -> None:
    planned = {"network_interface": PRIOR["network_interface"][:1]}
    assert arguments(PRIOR, planned) == []
    (change,) = changes(WITHOUT_TOOLS, planned)
    assert (change.argument, change.prior, change.planned) == ("network_interface[1]", "e1000e", None)


def test_an_sriov_interface_taken_away_or_added() -> None:
    sriov = [*PRIOR["network_interface"], {"adapter_type": "sriov", "physical_function": "0000:d8:00.0"}]
    assert arguments(PRIOR | {"network_interface": sriov}, {"network_interface": sriov[:2]}) == ["network_interface[2]"]
    assert arguments(PRIOR, {"network_interface": sriov}) == ["network_interface[2]"]


def test_unknown_interfaces_may_be_anything() -> None:
    assert arguments(PRIOR, {"network_interface": UNKNOWN}) == ["network_interface"]


@pytest.mark.parametrize(
    "interfaces",
    [
        [*PRIOR["network_interface"], {"adapter_type": "vmxnet3"}],
        with_interface(0, network_id="network-9", mac_address=UNKNOWN, bandwidth_limit=9)["network_interface"],
    ],
    ids=["added", "moved"],
)
def test_interfaces_that_are_added_or_moved_do_not_count(interfaces: object) -> None:
    assert arguments(WITHOUT_TOOLS, {"network_interface": interfaces}) == []


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([], ["0000:05:00.0"], ["pci_device_id"]),
        (["0000:05:00.0"], None, ["pci_device_id"]),
        (["a"], UNKNOWN, ["pci_device_id"]),
        (["a", "b"], ["b", "a"], []),
        (None, [], []),
    ],
)
def test_pci_devices(before: object, after: object, expected: list[str]) -> None:
    assert arguments({"pci_device_id": before}, {"pci_device_id": after}) == expected


@pytest.mark.parametrize(
    ("version", "before", "after", "expected"),
    [
        ("2.16.1", [], [{"version": "2.0"}], ["vtpm"]),
        ("2.14.0", [{"version": "2.0"}], [], ["vtpm"]),
        ("2.16.1", [], UNKNOWN, ["vtpm"]),
        ("2.16.1", [{"version": "1.2"}], [{"version": "2.0"}], []),
        ("2.13.0", [], [{"version": "2.0"}], []),
    ],
)
def test_tpms_are_counted(version: str, before: object, after: object, expected: list[str]) -> None:
    assert arguments({"vtpm": before}, {"vtpm": after}, version) == expected


def test_a_video_card_block_counts_at_every_update() -> None:
    card = {"video_card": [{"num_displays": 1}]}
    assert arguments(PRIOR, card) == ["video_card"]
    assert arguments(PRIOR | card, {"annotation": "new"}) == ["video_card"]
    assert arguments(PRIOR | card, {}) == []
    assert arguments(PRIOR | card, {"change_version": UNKNOWN}) == []


HARMLESS = """
    name annotation boot_delay boot_retry_enabled boot_retry_delay sync_time_with_host
    sync_time_with_host_periodically cpu_share_level cpu_share_count cpu_limit cpu_reservation
    memory_share_level memory_share_count memory_limit memory_reservation latency_sensitivity
    memory_reservation_locked_to_max storage_policy_id cdrom tags custom_attributes folder
    resource_pool_id host_system_id datastore_id datastore_cluster_id shutdown_wait_timeout
    wait_for_guest_net_timeout force_power_off extra_config_reboot_required datacenter_id
"""


@pytest.mark.parametrize("argument", HARMLESS.split())
def test_changes_that_leave_the_vm_running(argument: str) -> None:
    assert arguments(PRIOR, {argument: "new"}) == []
    assert arguments(PRIOR, {argument: UNKNOWN}) == []


@pytest.mark.parametrize("argument", ["guest_id", "hardware_version", "hv_mode", "ept_rvi_mode"])
def test_what_the_provider_fills_in_itself_is_no_change(argument: str) -> None:
    assert arguments({argument: 1}, {argument: UNKNOWN}) == []


@pytest.mark.parametrize("argument", ["firmware", "num_cores_per_socket", "enable_logging"])
def test_what_the_configuration_does_not_know_yet_may_change(argument: str) -> None:
    assert arguments({argument: 1}, {argument: UNKNOWN}) == [argument]


scalars = st.none() | st.booleans() | st.integers(0, 3) | st.text("ab", max_size=1)
states = st.dictionaries(st.sampled_from([*PRIOR, *ANY_CHANGE]), scalars).map(
    lambda drawn: PRIOR | {key: value for key, value in drawn.items() if key in ANY_CHANGE}
)


@given(states)
def test_nothing_changes_nothing(state: State) -> None:
    assert power_cycles(state, state) == ()


@given(states, states)
def test_every_change_of_a_plain_argument_is_told_both_ways(one: State, other: State) -> None:
    there = {change.argument for change in power_cycles(one, other)} & set(ANY_CHANGE)
    back = {change.argument for change in power_cycles(other, one)} & set(ANY_CHANGE)
    assert there == back == {key for key in ANY_CHANGE if (one.get(key) or None) != (other.get(key) or None)}
