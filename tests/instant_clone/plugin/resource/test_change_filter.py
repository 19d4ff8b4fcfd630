# SPDX-License-Identifier: MPL-2.0
from __future__ import annotations

from typing import Any

import msgpack
import pytest

from instant_clone.plugin.resource.source_diff import asked_for, granted
from instant_clone.plugin.wire.values import Plan, State
from instant_clone.vm.differences import Difference

UNKNOWN = msgpack.ExtType(0, b"")
SOURCE = State(
    {
        "memory": 4096,
        "memory_reservation": 512,
        "annotation": "golden",
        "tags": ["urn:source"],
        "datastore_id": "datastore-1",
        "network_interface": [{"network_id": "network-1", "bandwidth_limit": -1}],
        "disk": [{"label": "disk0", "size": 16}],
        "cdrom": None,
        "change_version": "7",
    }
)


def _clone(**changes: Any) -> State:
    return State({**SOURCE, **changes})


def _planned(**changes: Any) -> Plan:
    return Plan({**SOURCE, "change_version": UNKNOWN, **changes})


def test_what_the_configuration_has_otherwise_than_the_source_is_asked_for() -> None:
    planned = _planned(
        memory=8192,
        network_interface=[{"network_id": "network-2", "bandwidth_limit": -1}],
        disk=[*SOURCE["disk"], {"label": "disk1", "size": 5}],
    )

    assert asked_for(SOURCE, planned) == {"memory", "network_interface[0].network_id", "disk[1]"}


@pytest.mark.parametrize(
    "argument",
    [
        "datacenter_id",
        "datastore_cluster_id",
        "datastore_id",
        "folder",
        "host_system_id",
        "name",
        "resource_pool_id",
    ],
)
def test_where_a_clone_lies_is_not_asked_for_afterwards(argument: str) -> None:
    assert asked_for(_clone(**{argument: "one"}), _planned(**{argument: "other"})) == frozenset()


def test_what_came_out_otherwise_is_left_and_told() -> None:
    clone = _clone(memory_reservation=0)

    found = granted(clone, _planned(), frozenset())

    assert found.withheld == (Difference("memory_reservation", 0, 512),)
    assert not found.changes
    assert found.state == clone


def test_what_was_asked_for_is_done_beside_what_came_out_otherwise() -> None:
    clone = _clone(memory_reservation=0)

    found = granted(clone, _planned(memory=8192), {"memory"})

    assert found.changes
    assert found.state == {**clone, "memory": 8192, "change_version": UNKNOWN}
    assert found.withheld == (Difference("memory_reservation", 0, 512),)


def test_added_blocks_are_made() -> None:
    added = {"label": "disk1", "size": 5, "uuid": UNKNOWN}

    found = granted(SOURCE, _planned(disk=[*SOURCE["disk"], added]), {"disk[1]"})

    assert found.changes
    assert found.state["disk"] == [{"label": "disk0", "size": 16}, added]


def test_a_block_that_goes_as_asked_for_leaves_no_gap() -> None:
    clone = _clone(cdrom=[{"client_device": True}])

    assert granted(clone, _planned(cdrom=[]), {"cdrom[0]"}).state["cdrom"] == []


def test_a_block_that_nobody_asked_for_is_not_made() -> None:
    added = {"label": "disk1", "size": 5}

    found = granted(SOURCE, _planned(memory=8192, disk=[*SOURCE["disk"], added]), {"memory"})

    assert found.state["disk"] == SOURCE["disk"]
    assert found.withheld == (Difference("disk[1]", None, added),)


def test_a_device_that_the_clone_has_besides_stays() -> None:
    clone = _clone(cdrom=[{"client_device": True}])

    found = granted(clone, _planned(cdrom=[]), frozenset())

    assert not found.changes
    assert found.state["cdrom"] == [{"client_device": True}]
    assert found.withheld == (Difference("cdrom[0]", {"client_device": True}, None),)


def test_tags_and_attributes_are_the_clone_s_own() -> None:
    """Those of the source are not inherited, so that they are missing although the configuration repeats them."""
    clone = _clone(tags=[])

    found = granted(clone, _planned(), frozenset())

    assert found.changes
    assert found.state["tags"] == ["urn:source"]
    assert found.withheld == ()


def test_a_clone_is_never_moved_to_where_it_was_to_lie() -> None:
    clone = _clone(datastore_id="datastore-9")

    found = granted(clone, _planned(), {"memory"})

    assert not found.changes
    assert found.withheld == (Difference("datastore_id", "datastore-9", "datastore-1"),)


def test_what_is_read_anew_is_no_change() -> None:
    found = granted(SOURCE, _planned(), frozenset())

    assert not found.changes
    assert found.withheld == ()
