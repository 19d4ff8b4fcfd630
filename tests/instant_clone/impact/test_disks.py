# SPDX-License-Identifier: MPL-2.0
"""Tests of the matching of disks, of changes that power the VM off, and of lost disks."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instant_clone.impact import LostDisk, disks_lost
from tests.instant_clone.impact.states import PRIOR, UNKNOWN, State, arguments, changes


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
def test_changing_place_or_mode_of_a_disk_powers_the_vm_off(argument: str, before: object, after: object) -> None:
    first, second = PRIOR["disk"]
    prior = PRIOR | {"disk": [first, second | {argument: before}]}
    (change,) = changes(prior, {"disk": [first, second | {argument: after}]})
    assert (change.argument, change.prior, change.planned) == (f"disk[1].{argument}", before, after)


def test_disks_are_matched_by_label_in_any_order() -> None:
    first, second = PRIOR["disk"]
    assert arguments(PRIOR, {"disk": [second, first]}) == []
    assert arguments(PRIOR, {"disk": [second | {"disk_mode": "append"}, first]}) == ["disk[0].disk_mode"]


def test_disks_with_new_labels_are_matched_by_place() -> None:
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
def test_adding_removing_or_growing_disks_keeps_the_vm_running(disks: object) -> None:
    assert arguments(PRIOR, {"disk": disks}) == []


# In a plan of the stock provider, every known disk has a UUID.
SYSTEM: State = {
    "label": "disk0",
    "controller_type": "scsi",
    "unit_number": 0,
    "size": 16,
    "uuid": "6000-0",
    "key": 2000,
}
DATA: State = {"label": "disk1", "controller_type": "scsi", "unit_number": 1, "size": 8, "uuid": "6000-1", "key": 2001}
NEW: State = {"controller_type": "scsi", "size": 8, "uuid": None, "key": 0}


def lost(prior: list[State], planned: Any) -> tuple[LostDisk, ...]:
    return disks_lost({"disk": prior}, {"disk": planned})


def test_removing_a_label_destroys_the_disk() -> None:
    assert lost([SYSTEM, DATA], [SYSTEM, DATA | {"label": "<deleted>"}]) == (
        LostDisk(
            1,
            "disk1",
            "scsi unit 1, 8 GiB",
            "No disk block has the label disk1 any more, so the provider destroys the disk.",
        ),
    )


def test_keep_on_remove_detaches_the_disk() -> None:
    (disk,) = lost([SYSTEM, DATA], [SYSTEM, DATA | {"label": "<remove, keep disk>"}])
    assert (
        disk.why == "No disk block has the label disk1 any more, so the provider detaches the disk and keeps its file."
    )


def test_removed_disks_keep_their_index_in_the_plan() -> None:
    """This includes disks whose UUIDs the provider does not know."""
    first, second = ({key: value for key, value in disk.items() if key != "uuid"} for disk in (SYSTEM, DATA))
    planned = [first | {"label": "<remove, keep disk>"}, second | {"label": "<deleted>"}]
    assert [disk.why for disk in lost([first, second], planned)] == [
        "No disk block has the label disk0 any more, so the provider detaches the disk and keeps its file.",
        "No disk block has the label disk1 any more, so the provider destroys the disk.",
    ]


def test_changing_a_label_replaces_the_disk_with_an_empty_disk() -> None:
    planned = [SYSTEM, DATA | {"label": "<deleted>"}, NEW | {"label": "data", "unit_number": 1}]
    (disk,) = lost([SYSTEM, DATA], planned)
    assert (disk.index, disk.label) == (1, "disk1")
    assert (
        disk.why
        == "The disk at this place gets the label data, so the provider destroys the disk and creates an empty one."
    )
    assert arguments({"disk": [SYSTEM, DATA]}, {"disk": [*planned[:2], planned[2] | {"disk_mode": "append"}]}) == []


def test_detaches_an_orphaned_disk_without_a_block() -> None:
    orphan = DATA | {"label": "orphaned_disk_0", "keep_on_remove": True}
    (disk,) = lost([SYSTEM, orphan], [SYSTEM, orphan | {"label": "<remove, keep disk>"}])
    assert (
        disk.why == "No disk block describes this disk of the VM, so the provider detaches the disk and keeps its file."
    )


def test_disk_missing_in_the_plan_is_lost() -> None:
    (disk,) = lost([SYSTEM, DATA], [SYSTEM])
    assert (disk.index, disk.why) == (
        1,
        "No disk block has the label disk1 any more, so the provider destroys the disk.",
    )


def test_existing_disk_that_moves_to_the_place_is_not_empty() -> None:
    (disk,) = lost([SYSTEM, DATA], [SYSTEM | {"unit_number": 1}])
    assert disk.why == "No disk block has the label disk1 any more, so the provider destroys the disk."


@pytest.mark.parametrize("label", ["Hard disk 2", "Festplatte 2"])
def test_configuration_identifies_disks_by_label(label: str) -> None:
    configured = [{"label": "disk0"}, {"label": label, "unit_number": 1, "uuid": None, "key": None}]
    (disk,) = lost([SYSTEM, DATA], configured)
    assert (
        disk.why
        == f"The disk at this place gets the label {label}, so the provider destroys the disk and creates an empty one."
    )


@pytest.mark.parametrize(
    "planned",
    [
        [SYSTEM, DATA],
        [DATA, SYSTEM],
        [SYSTEM, DATA, NEW | {"label": "disk2", "unit_number": 2}],
        [SYSTEM, DATA | {"size": 16, "unit_number": 3}],
        [{"label": "disk1"}, {"label": "disk0"}],
        UNKNOWN,
        None,
    ],
    ids=["same", "order", "added", "moved", "configuration", "unknown", "none"],
)
def test_unchanged_disks_are_not_lost(planned: Any) -> None:
    assert lost([SYSTEM, DATA], planned) == ()


def test_places_on_controllers_of_different_types_differ() -> None:
    sata = {"label": "cache", "controller_type": "sata", "unit_number": 2, "uuid": "6000-2", "key": 15002}
    (disk,) = lost([SYSTEM, sata], [SYSTEM, sata | {"label": "<deleted>"}, NEW | {"label": "x", "unit_number": 2}])
    assert (disk.place, disk.why[:36]) == ("sata unit 2", "No disk block has the label cache an")


counts = st.integers(1, 5)


@given(counts, st.sets(st.integers(0, 4)), st.permutations(range(5)))
def test_only_disks_with_missing_labels_are_lost(count: int, taken: set[int], order: list[int]) -> None:
    disks = [DATA | {"label": f"disk{n}", "unit_number": n, "uuid": f"6000-{n}"} for n in range(count)]
    configured = [{"label": f"disk{n}", "unit_number": n} for n in order if n < count and n not in taken]
    provider = [disk | ({"label": "<deleted>"} if n in taken else {}) for n, disk in enumerate(disks)]
    expected = [f"disk{n}" for n in range(count) if n in taken]
    assert [disk.label for disk in lost(disks, configured)] == expected
    assert [disk.label for disk in lost(disks, provider)] == expected
