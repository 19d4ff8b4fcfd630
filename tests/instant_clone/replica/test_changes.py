# SPDX-License-Identifier: MPL-2.0
"""Tests of changes that make clones differ from their source."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instant_clone.replica import (
    DeviceBlock,
    Replica,
    Template,
    add_disks,
    add_interfaces,
    assign_mac_addresses,
    connect,
    set_arguments,
)


def hardware(*disks: tuple[str, int], cdroms: int = 0) -> Replica:
    return Replica(
        arguments={},
        disks=tuple(
            DeviceBlock({"label": f"disk{index}", "size": 8, "controller_type": kind, "unit_number": number})
            for index, (kind, number) in enumerate(disks)
        ),
        network_interfaces=(DeviceBlock({"network_id": "network-1"}), DeviceBlock({"network_id": "network-2"})),
        cdroms=(DeviceBlock({}),) * cdroms,
    )


def numbers(changed: Replica) -> list[Any]:
    return [disk["unit_number"] for disk in changed.disks]


def test_sets_arguments_and_keeps_source_values_for_none() -> None:
    changed = set_arguments(hardware(), memory=4096, annotation=None)
    assert changed.arguments == {"memory": 4096}


def test_adds_thin_disks_after_the_disks_of_the_source() -> None:
    added = add_disks(hardware(("scsi", 0), ("scsi", 1)), [50, 20])
    assert tuple(map(dict, added.disks[2:])) == (
        {"label": "disk2", "size": 50, "unit_number": 2, "controller_type": "scsi", "thin_provisioned": True},
        {"label": "disk3", "size": 20, "unit_number": 3, "controller_type": "scsi", "thin_provisioned": True},
    )


def test_added_disks_use_free_places_of_the_first_controller() -> None:
    assert numbers(add_disks(hardware(("scsi", 0), ("scsi", 2), ("scsi", 15), ("sata", 1)), [1, 1, 1])) == [
        *(0, 2, 15, 1),
        *(1, 3, 4),
    ]


def test_added_disks_use_the_second_controller_if_the_first_disk_is_on_it() -> None:
    assert numbers(add_disks(hardware(("scsi", 15)), [1])) == [15, 16]


def test_added_sata_disks_leave_a_place_for_the_cdrom_drive() -> None:
    assert numbers(add_disks(hardware(("sata", 0), cdroms=1), [1])) == [0, 2]


@pytest.mark.parametrize(("kind", "most"), [("scsi", 15), ("sata", 30), ("nvme", 15)])
def test_rejects_more_disks_than_free_places(kind: str, most: int) -> None:
    assert numbers(add_disks(hardware((kind, 0)), [1] * (most - 1))) == list(range(most))
    with pytest.raises(ValueError, match=f"its {kind.upper()} controller has {most - 1} free places for {most} more"):
        add_disks(hardware((kind, 0)), [1] * most)


def test_rejects_more_disks_on_an_ide_controller() -> None:
    with pytest.raises(ValueError, match="its first disk is on an IDE controller"):
        add_disks(hardware(("ide", 1)), [1])


@given(st.sets(st.integers(0, 59), min_size=1, max_size=15), st.integers(0, 15))
def test_added_disks_have_distinct_places(taken: set[int], more: int) -> None:
    source = hardware(*(("scsi", number) for number in sorted(taken)))
    try:
        added = add_disks(source, [1] * more)
    except ValueError:
        return
    assert len(set(numbers(added))) == len(taken) + more
    assert {number // 15 for number in numbers(added)[len(taken) :]} <= {min(taken) // 15}


def test_connects_interfaces_and_adds_interfaces_after_those_of_the_source() -> None:
    changed = add_interfaces(connect(hardware(), [None, "network-9"]), ["network-3"])
    assert tuple(map(dict, changed.network_interfaces)) == (
        {"network_id": "network-1"},
        {"network_id": "network-9"},
        {"network_id": "network-3", "adapter_type": "vmxnet3"},
    )


def test_assigns_static_mac_addresses() -> None:
    changed = assign_mac_addresses(hardware(), [None, "${each.value.mac}"])
    assert tuple(map(dict, changed.network_interfaces)) == (
        {"network_id": "network-1"},
        {"network_id": "network-2", "use_static_mac": True, "mac_address": "${each.value.mac}"},
    )


def test_strings_that_are_not_templates_are_literals() -> None:
    changed = assign_mac_addresses(add_interfaces(hardware(), ["${local.network}"]), ["${each.value.mac}"])
    first, *_, added = changed.network_interfaces
    assert [type(each) for each in (first["network_id"], first["mac_address"], added["network_id"])] == [
        str,
        Template,
        Template,
    ]
