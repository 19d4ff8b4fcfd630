# SPDX-License-Identifier: MPL-2.0
from __future__ import annotations

from typing import Any

import msgpack
import pytest

from instant_clone.plugin.resource.source_diff import limit_to_requested, requested_paths
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


def test_returns_the_paths_where_the_configuration_differs_from_the_source() -> None:
    planned = _planned(
        memory=8192,
        network_interface=[{"network_id": "network-2", "bandwidth_limit": -1}],
        disk=[*SOURCE["disk"], {"label": "disk1", "size": 5}],
    )

    assert requested_paths(SOURCE, planned) == {"memory", "network_interface[0].network_id", "disk[1]"}


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
def test_ignores_placement_arguments(argument: str) -> None:
    assert requested_paths(_clone(**{argument: "one"}), _planned(**{argument: "other"})) == frozenset()


def test_withholds_and_returns_differences_that_vcenter_introduced() -> None:
    clone = _clone(memory_reservation=0)

    found = limit_to_requested(clone, _planned(), frozenset())

    assert found.withheld == (Difference("memory_reservation", 0, 512),)
    assert not found.changes
    assert found.state == clone


def test_keeps_requested_changes_and_withholds_other_differences() -> None:
    clone = _clone(memory_reservation=0)

    found = limit_to_requested(clone, _planned(memory=8192), {"memory"})

    assert found.changes
    assert found.state == {**clone, "memory": 8192, "change_version": UNKNOWN}
    assert found.withheld == (Difference("memory_reservation", 0, 512),)


def test_keeps_added_blocks() -> None:
    added = {"label": "disk1", "size": 5, "uuid": UNKNOWN}

    found = limit_to_requested(SOURCE, _planned(disk=[*SOURCE["disk"], added]), {"disk[1]"})

    assert found.changes
    assert found.state["disk"] == [{"label": "disk0", "size": 16}, added]


def test_removes_a_block_on_request_without_leaving_a_gap() -> None:
    clone = _clone(cdrom=[{"client_device": True}])

    assert limit_to_requested(clone, _planned(cdrom=[]), {"cdrom[0]"}).state["cdrom"] == []


def test_withholds_an_added_block_that_was_not_requested() -> None:
    added = {"label": "disk1", "size": 5}

    found = limit_to_requested(SOURCE, _planned(memory=8192, disk=[*SOURCE["disk"], added]), {"memory"})

    assert found.state["disk"] == SOURCE["disk"]
    assert found.withheld == (Difference("disk[1]", None, added),)


def test_keeps_an_additional_device_of_the_clone() -> None:
    clone = _clone(cdrom=[{"client_device": True}])

    found = limit_to_requested(clone, _planned(cdrom=[]), frozenset())

    assert not found.changes
    assert found.state["cdrom"] == [{"client_device": True}]
    assert found.withheld == (Difference("cdrom[0]", {"client_device": True}, None),)


def test_keeps_changes_of_tags_that_the_clone_does_not_inherit() -> None:
    """A clone does not inherit its source's tags. The tags are missing although the configuration repeats them."""
    clone = _clone(tags=[])

    found = limit_to_requested(clone, _planned(), frozenset())

    assert found.changes
    assert found.state["tags"] == ["urn:source"]
    assert found.withheld == ()


def test_withholds_a_move_of_the_clone() -> None:
    clone = _clone(datastore_id="datastore-9")

    found = limit_to_requested(clone, _planned(), {"memory"})

    assert not found.changes
    assert found.withheld == (Difference("datastore_id", "datastore-9", "datastore-1"),)


def test_ignores_computed_values() -> None:
    found = limit_to_requested(SOURCE, _planned(), frozenset())

    assert not found.changes
    assert found.withheld == ()
