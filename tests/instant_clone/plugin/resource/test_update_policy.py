# SPDX-License-Identifier: MPL-2.0
from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pytest

from instant_clone.plugin.resource.update_policy import Judgement, judge
from instant_clone.plugin.wire.codec import InstantCloneBlock
from instant_clone.plugin.wire.values import Plan, State
from instant_clone.stock_provider.releases import NEWEST_CHECKED

SOURCE = "564d3a5c-7b1e-4f6a-9c2d-0123456789ab"
DISKS = [
    {"label": "disk0", "uuid": "a", "controller_type": "scsi", "unit_number": 0, "size": 16},
    {"label": "disk1", "uuid": "b", "controller_type": "scsi", "unit_number": 1, "size": 8},
]
PRIOR: dict[str, Any] = {
    "name": "web",
    "firmware": "efi",
    "latency_sensitivity": "normal",
    "extra_config_reboot_required": False,
    "extra_config": {"a": "1"},
    "guest_id": "otherGuest64",
    "disk": DISKS,
}
DELTAS = frozenset({"a"})


def _judged(on_reboot: str = "error", **planned: Any) -> Judgement:
    block = InstantCloneBlock([{"source_uuid": SOURCE, "timeout": None, "on_reboot": on_reboot}])

    def deltas() -> Collection[str]:
        return DELTAS

    return judge(State(PRIOR), Plan(PRIOR | planned), block, version=NEWEST_CHECKED, deltas=deltas)


def _said(judgement: Judgement) -> list[tuple[str, str]]:
    return [({1: "error", 2: "warning"}[each.severity], each.summary) for each in judgement.diagnostics]


@pytest.mark.parametrize(
    ("on_reboot", "said", "replaced"),
    [
        ("error", [("error", "Change would power-cycle or move the clone")], []),
        ("replace", [], ["firmware"]),
        ("reboot", [("warning", "Change power-cycles or moves the clone")], []),
    ],
)
def test_what_becomes_of_a_reboot(on_reboot: str, said: list[tuple[str, str]], replaced: list[str]) -> None:
    judgement = _judged(on_reboot, firmware="bios")

    assert _said(judgement) == said
    assert [path.steps[0].attribute_name for path in judgement.replace] == replaced


def test_what_fails_on_the_running_clone_is_no_reboot_to_be_asked_for() -> None:
    judgement = _judged("reboot", guest_id="ubuntu64Guest", extra_config={"a": "2"})

    assert _said(judgement) == [("error", "Change would power-cycle or move the clone")]


@pytest.mark.parametrize("on_reboot", ["error", "replace", "reboot"])
def test_no_delta_goes_or_grows(on_reboot: str) -> None:
    gone = _judged(on_reboot, disk=DISKS[1:])
    grown = _judged(on_reboot, disk=[DISKS[0] | {"size": 17}, DISKS[1]])

    assert _said(gone) == [("error", "Change would take disks from the clone")]
    assert _said(grown) == [("error", "Disks cannot grow")]
    assert "  disk[0].size: 16 → 17. " in grown.diagnostics[0].detail


def test_a_disk_that_is_no_delta_goes_and_may_grow() -> None:
    assert _said(_judged(disk=DISKS[:1])) == []
    assert _said(_judged(disk=[DISKS[0], DISKS[1] | {"size": 9}])) == []


def test_what_vcenter_may_refuse_is_told() -> None:
    judgement = _judged(latency_sensitivity="high")

    assert _said(judgement) == [("warning", "Change may be refused")]
    assert '  latency_sensitivity: "normal" → "high". ' in judgement.diagnostics[0].detail
    # With the VM off, it is not.
    assert _said(_judged("reboot", latency_sensitivity="high", firmware="bios")) == [
        ("warning", "Change power-cycles or moves the clone")
    ]
