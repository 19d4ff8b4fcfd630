# SPDX-License-Identifier: MPL-2.0
"""Tests of changes of devices, except disks, that power the VM off."""

from __future__ import annotations

import pytest

from instant_clone.impact import Change
from tests.instant_clone.impact.states import PRIOR, UNKNOWN, WITHOUT_TOOLS, State, arguments, changes


@pytest.mark.parametrize("kind", ["scsi", "sata", "ide", "nvme"])
def test_adding_controllers_powers_the_vm_off(kind: str) -> None:
    count = f"{kind}_controller_count"
    assert arguments(PRIOR | {count: 1}, {count: 2}) == [count]
    assert arguments(PRIOR | {count: 1}, {count: UNKNOWN}) == [count]
    assert arguments(PRIOR | {count: 2}, {count: 1}) == []
    assert arguments(PRIOR | {count: 0}, {count: None}) == []


@pytest.mark.parametrize(("argument", "after"), [("scsi_type", "lsilogic"), ("scsi_bus_sharing", "virtualSharing")])
def test_changing_scsi_controllers_powers_the_vm_off(argument: str, after: str) -> None:
    assert arguments(PRIOR, {argument: after}) == [argument]
    assert arguments(PRIOR, {argument: UNKNOWN}) == [argument]
    without = PRIOR | {"scsi_controller_count": 0, argument: "unknown"}
    assert arguments(without, {argument: after}) == []


def test_any_update_adds_the_missing_scsi_controller() -> None:
    prior = PRIOR | {"scsi_controller_count": 1, "scsi_type": "unknown", "scsi_bus_sharing": "unknown"}
    planned = {"scsi_type": "pvscsi", "scsi_bus_sharing": "noSharing"}
    assert changes(prior, planned) == (
        Change("scsi_controller_count", 0, 1, "The provider adds controllers only while the VM is off."),
    )
    assert arguments(prior, planned | {"scsi_controller_count": 0}) == []


def test_missing_controller_changes_the_scsi_type() -> None:
    prior = PRIOR | {"scsi_controller_count": 2, "scsi_type": "mixed"}
    assert arguments(prior, {"scsi_type": "pvscsi"}) == ["scsi_type"]


def with_interface(index: int, **values: object) -> State:
    interfaces = [dict(interface) for interface in PRIOR["network_interface"]]
    interfaces[index] |= values
    return {"network_interface": interfaces}


def test_changing_the_adapter_type_without_running_tools_powers_the_vm_off() -> None:
    planned = with_interface(1, adapter_type="vmxnet3")
    assert arguments(PRIOR, planned) == []
    (change,) = changes(WITHOUT_TOOLS, planned)
    assert change == Change(
        "network_interface[1].adapter_type",
        "e1000e",
        "vmxnet3",
        "Without running VMware Tools, the provider replaces an interface only while the VM is off.",
    )
    assert arguments(WITHOUT_TOOLS, with_interface(0, adapter_type=UNKNOWN)) == ["network_interface[0].adapter_type"]


@pytest.mark.parametrize("prior", [PRIOR, WITHOUT_TOOLS])
def test_changing_the_physical_function_powers_the_vm_off(prior: State) -> None:
    planned = with_interface(0, physical_function="0000:d8:00.0")
    assert arguments(prior, planned) == ["network_interface[0].physical_function"]


def test_removing_an_interface_without_running_tools_powers_the_vm_off() -> None:
    planned = {"network_interface": PRIOR["network_interface"][:1]}
    assert arguments(PRIOR, planned) == []
    (change,) = changes(WITHOUT_TOOLS, planned)
    assert change == Change(
        "network_interface[1]",
        "e1000e",
        None,
        "Without running VMware Tools, the provider removes an interface only while the VM is off.",
    )


def test_adding_or_removing_an_sriov_interface_powers_the_vm_off() -> None:
    sriov = [*PRIOR["network_interface"], {"adapter_type": "sriov", "physical_function": "0000:d8:00.0"}]
    for prior in (PRIOR, WITHOUT_TOOLS):
        assert changes(prior | {"network_interface": sriov}, {"network_interface": sriov[:2]})[0] == Change(
            "network_interface[2]", "sriov", None, "The provider removes an SR-IOV interface only while the VM is off."
        )
        assert changes(prior, {"network_interface": sriov}) == (
            Change(
                "network_interface[2]", None, "sriov", "The provider adds an SR-IOV interface only while the VM is off."
            ),
        )


def test_unknown_interfaces_count_as_a_change() -> None:
    assert arguments(PRIOR, {"network_interface": UNKNOWN}) == ["network_interface"]


@pytest.mark.parametrize(
    "interfaces",
    [
        [*PRIOR["network_interface"], {"adapter_type": "vmxnet3"}],
        with_interface(0, network_id="network-9", mac_address=UNKNOWN, bandwidth_limit=9)["network_interface"],
    ],
    ids=["added", "moved"],
)
def test_adding_or_reconnecting_interfaces_keeps_the_vm_running(interfaces: object) -> None:
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
def test_changing_pci_devices_powers_the_vm_off(before: object, after: object, expected: list[str]) -> None:
    assert arguments({"pci_device_id": before}, {"pci_device_id": after}) == expected


@pytest.mark.parametrize(
    ("version", "before", "after", "expected"),
    [
        ("2.16.1", [], [{"version": "2.0"}], ["vtpm"]),
        ("2.14.0", [{"version": "2.0"}], [], ["vtpm"]),
        ("2.16.1", [], UNKNOWN, ["vtpm"]),
        ("2.16.1", [{"version": "1.2"}], [{"version": "2.0"}], []),
        ("2.13.0", [{"version": "2.0"}], [{"version": "2.0"}], []),
        ("2.0.2", [], [], []),
    ],
)
def test_changing_the_number_of_tpms_powers_the_vm_off(
    version: str, before: object, after: object, expected: list[str]
) -> None:
    assert arguments({"vtpm": before}, {"vtpm": after}, version) == expected


def test_any_update_with_a_video_card_block_powers_the_vm_off() -> None:
    card = {"video_card": [{"num_displays": 1}]}
    assert arguments(PRIOR, card) == ["video_card"]
    assert arguments(PRIOR | card, {"annotation": "new"}) == ["video_card"]
    assert arguments(PRIOR | card, {}) == []
    assert arguments(PRIOR | card, {"change_version": UNKNOWN}) == []


@pytest.mark.parametrize("version", ["2.10.0", "2.13.0"])
def test_older_releases_reject_every_change_of_the_vtpm_block(version: str) -> None:
    (change,) = changes({"vtpm": [{"version": "2.0"}]}, {"vtpm": []}, version)
    assert (change.argument, change.prior, change.planned, change.rejected) == ("vtpm", 1, 0, True)
    assert arguments({"vtpm": [{"version": "1.2"}]}, {"vtpm": [{"version": "2.0"}]}, version) == ["vtpm"]
    # The provider's SDK treats an empty string as unset.
    assert arguments({"vtpm": [{"version": ""}]}, {"vtpm": [{"version": None}]}, version) == []
    assert arguments({"vtpm": [{"version": ""}]}, {"vtpm": [{}]}, version) == []
