# SPDX-License-Identifier: MPL-2.0
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from instant_clone.plugin.resource.state_reconciliation import settled
from instant_clone.plugin.wire.values import Config, State


def _settled(config: Mapping[str, Any], source: Mapping[str, Any]) -> Config:
    return settled(Config(config), State(source))


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("ide_controller_count", 0),
        ("scsi_type", "unknown"),
        ("scsi_bus_sharing", "mixed"),
        ("latency_sensitivity", "custom"),
        ("swap_placement_policy", ""),
        ("cpu_limit", 0),
        ("memory_limit", 0),
        ("tools_upgrade_policy", ""),
    ],
)
def test_what_has_no_words_is_as_the_source_has_it(argument: str, value: Any) -> None:
    assert _settled({argument: None, "name": "web"}, {argument: value})[argument] == value


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("ide_controller_count", 1),
        ("scsi_type", "lsilogic"),
        ("latency_sensitivity", "high"),
        ("enable_logging", True),
        ("num_cpus", 4),
        ("memory_reservation", 0),
    ],
)
def test_what_could_have_been_said_and_was_not_is_left_out(argument: str, value: Any) -> None:
    assert _settled({argument: None}, {argument: value})[argument] is None


def test_what_is_said_stays() -> None:
    assert _settled({"ide_controller_count": 2}, {"ide_controller_count": 0})["ide_controller_count"] == 2


def test_vapp_properties_are_the_source_s_unless_configured() -> None:
    theirs = [{"properties": {"password": "s"}}]

    assert _settled({"vapp": []}, {"vapp": theirs})["vapp"] == theirs
    assert _settled({"vapp": [{"properties": {}}]}, {"vapp": theirs})["vapp"] == [{"properties": {}}]
    assert _settled({"vapp": []}, {"vapp": []})["vapp"] == []


def test_disks_are_completed_by_the_disk_in_their_place() -> None:
    config = {"disk": [{"label": "disk0", "controller_type": None, "unit_number": 1, "disk_sharing": None}]}
    source = {
        "disk": [
            {"controller_type": "scsi", "unit_number": 0, "disk_sharing": "sharingNone"},
            {"controller_type": "scsi", "unit_number": 1, "disk_sharing": ""},
        ]
    }

    assert _settled(config, source)["disk"][0]["disk_sharing"] == ""


def test_interfaces_are_completed_by_the_one_at_their_position() -> None:
    config = {"network_interface": [{"bandwidth_share_level": None}, {"bandwidth_share_level": None}]}

    completed = _settled(config, {"network_interface": [{"bandwidth_share_level": ""}]})

    assert completed["network_interface"] == [{"bandwidth_share_level": ""}, {"bandwidth_share_level": None}]
