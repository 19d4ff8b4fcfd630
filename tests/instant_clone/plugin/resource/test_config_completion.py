# SPDX-License-Identifier: MPL-2.0
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from instant_clone.plugin.resource.state_reconciliation import with_source_settings
from instant_clone.plugin.wire.values import Config, State


def _completed(config: Mapping[str, Any], source: Mapping[str, Any]) -> Config:
    return with_source_settings(Config(config), State(source))


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
def test_copies_a_source_value_that_no_configuration_can_express(argument: str, value: Any) -> None:
    assert _completed({argument: None, "name": "web"}, {argument: value})[argument] == value


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
def test_keeps_null_for_a_value_that_a_configuration_can_express(argument: str, value: Any) -> None:
    assert _completed({argument: None}, {argument: value})[argument] is None


def test_keeps_a_configured_value() -> None:
    assert _completed({"ide_controller_count": 2}, {"ide_controller_count": 0})["ide_controller_count"] == 2


def test_copies_vapp_properties_unless_they_are_configured() -> None:
    vapp = [{"properties": {"password": "s"}}]

    assert _completed({"vapp": []}, {"vapp": vapp})["vapp"] == vapp
    assert _completed({"vapp": [{"properties": {}}]}, {"vapp": vapp})["vapp"] == [{"properties": {}}]
    assert _completed({"vapp": []}, {"vapp": []})["vapp"] == []


def test_completes_a_disk_from_the_source_disk_at_the_same_unit() -> None:
    config = {"disk": [{"label": "disk0", "controller_type": None, "unit_number": 1, "disk_sharing": None}]}
    source = {
        "disk": [
            {"controller_type": "scsi", "unit_number": 0, "disk_sharing": "sharingNone"},
            {"controller_type": "scsi", "unit_number": 1, "disk_sharing": ""},
        ]
    }

    assert _completed(config, source)["disk"][0]["disk_sharing"] == ""


def test_completes_an_interface_from_the_source_interface_at_the_same_position() -> None:
    config = {"network_interface": [{"bandwidth_share_level": None}, {"bandwidth_share_level": None}]}

    completed = _completed(config, {"network_interface": [{"bandwidth_share_level": ""}]})

    assert completed["network_interface"] == [{"bandwidth_share_level": ""}, {"bandwidth_share_level": None}]
