# SPDX-License-Identifier: MPL-2.0
"""Tests of changes for which the provider moves a VM."""

from __future__ import annotations

from typing import Any

import pytest

from instant_clone.impact import moves
from tests.instant_clone.impact.states import UNKNOWN, State, arguments, is_unknown, release

CLONE: State = {
    "resource_pool_id": "resgroup-8",
    "host_system_id": "host-21",
    "datastore_id": "datastore-5",
    "datastore_cluster_id": None,
    "folder": "clones",
    "disk": [
        {"label": "disk0", "unit_number": 0, "datastore_id": "datastore-5", "uuid": "6000-0"},
        {"label": "disk1", "unit_number": 1, "datastore_id": "datastore-5", "uuid": "6000-1"},
    ],
}


def moved(planned: State, version: str = "2.16.1", prior: State = CLONE) -> list[str]:
    return [
        change.argument for change in moves(prior, prior | planned, version=release(version), is_unknown=is_unknown)
    ]


@pytest.mark.parametrize("host", ["host-22", UNKNOWN])
def test_changing_the_host_moves_the_vm(host: object) -> None:
    assert moved({"host_system_id": host}) == ["host_system_id"]


@pytest.mark.parametrize("pool", ["resgroup-9", UNKNOWN])
def test_drs_selects_the_host_in_a_new_resource_pool(pool: object) -> None:
    # The plan has both changes, because the provider makes the host unknown.
    planned = {"resource_pool_id": pool, "host_system_id": UNKNOWN}
    (change,) = moves(CLONE, CLONE | planned, is_unknown=is_unknown)
    assert (change.argument, change.prior, change.planned) == ("resource_pool_id", "resgroup-8", pool)
    assert change.why == "The VM moves into another resource pool, and DRS selects the host."


@pytest.mark.parametrize("datastore", ["datastore-6", UNKNOWN])
def test_changing_the_datastore_moves_the_vm(datastore: object) -> None:
    assert moved({"datastore_id": datastore}) == ["datastore_id"]


@pytest.mark.parametrize(
    ("version", "expected"), [("2.0.2", []), ("2.1.0", ["datastore_cluster_id"]), ("2.16.1", ["datastore_cluster_id"])]
)
def test_changing_the_datastore_cluster_moves_the_vm_since_2_1_0(version: str, expected: list[str]) -> None:
    assert moved({"datastore_cluster_id": "group-p7"}, version) == expected
    assert moved({"datastore_cluster_id": None}, version, CLONE | {"datastore_cluster_id": "group-p7"}) == expected


@pytest.mark.parametrize("datastore", ["datastore-6", "<computed>"])
def test_changing_the_datastore_of_a_disk_moves_the_disk(datastore: str) -> None:
    first, second = CLONE["disk"]
    (change,) = moves(CLONE, CLONE | {"disk": [first, second | {"datastore_id": datastore}]})
    assert (change.argument, change.prior, change.planned) == ("disk[1].datastore_id", "datastore-5", datastore)


@pytest.mark.parametrize(
    "planned",
    [
        {},
        {"folder": "elsewhere"},
        {"datastore_cluster_id": ""},
        {"disk": [*CLONE["disk"], {"label": "disk2", "datastore_id": "datastore-6", "uuid": None, "key": 0}]},
        {"disk": [CLONE["disk"][0], CLONE["disk"][1] | {"label": "<deleted>", "datastore_id": "datastore-6"}]},
    ],
    ids=["nothing", "folder", "empty", "new disk", "lost disk"],
)
def test_unchanged_location_does_not_move_the_vm(planned: dict[str, Any]) -> None:
    assert moved(planned) == []


def test_moves_do_not_power_the_vm_off() -> None:
    planned = {"resource_pool_id": "resgroup-9", "host_system_id": "host-22", "datastore_id": "datastore-6"}
    assert arguments(CLONE, planned) == []
