# SPDX-License-Identifier: MPL-2.0
"""The devices, other than disks, of which a change powers the VM off."""

from __future__ import annotations

import pytest

from instant_clone.impact import Change
from tests.instant_clone.impact.states import PRIOR, UNKNOWN, WITHOUT_TOOLS, State, arguments, changes


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


def test_a_vm_without_a_scsi_controller_gets_one_at_the_next_update() -> None:
    prior = PRIOR | {"scsi_controller_count": 1, "scsi_type": "unknown", "scsi_bus_sharing": "unknown"}
    planned = {"scsi_type": "pvscsi", "scsi_bus_sharing": "noSharing"}
    assert changes(prior, planned) == (
        Change("scsi_controller_count", 0, 1, "A controller that the VM does not have is created."),
    )
    assert arguments(prior, planned | {"scsi_controller_count": 0}) == []


def test_a_missing_controller_makes_the_kinds_mixed() -> None:
    prior = PRIOR | {"scsi_controller_count": 2, "scsi_type": "mixed"}
    assert arguments(prior, {"scsi_type": "pvscsi"}) == ["scsi_type"]


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
    assert change == Change(
        "network_interface[1]", "e1000e", None, "The interface is removed, and VMware Tools do not run."
    )


def test_an_sriov_interface_taken_away_or_added() -> None:
    sriov = [*PRIOR["network_interface"], {"adapter_type": "sriov", "physical_function": "0000:d8:00.0"}]
    for prior in (PRIOR, WITHOUT_TOOLS):
        assert changes(prior | {"network_interface": sriov}, {"network_interface": sriov[:2]})[0] == Change(
            "network_interface[2]", "sriov", None, "The interface is removed, and it is an SR-IOV interface."
        )
        assert changes(prior, {"network_interface": sriov}) == (
            Change("network_interface[2]", None, "sriov", "An SR-IOV interface is added."),
        )


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
        ("2.13.0", [{"version": "2.0"}], [{"version": "2.0"}], []),
        ("2.0.2", [], [], []),
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


@pytest.mark.parametrize("version", ["2.10.0", "2.13.0"])
def test_older_releases_add_a_tpm_to_the_running_vm_for_every_change_of_the_block(version: str) -> None:
    (change,) = changes({"vtpm": [{"version": "2.0"}]}, {"vtpm": []}, version)
    assert (change.argument, change.prior, change.planned, change.rejected) == ("vtpm", 1, 0, True)
    assert arguments({"vtpm": [{"version": "1.2"}]}, {"vtpm": [{"version": "2.0"}]}, version) == ["vtpm"]
    # The provider's SDK takes an empty text for none.
    assert arguments({"vtpm": [{"version": ""}]}, {"vtpm": [{"version": None}]}, version) == []
    assert arguments({"vtpm": [{"version": ""}]}, {"vtpm": [{}]}, version) == []
