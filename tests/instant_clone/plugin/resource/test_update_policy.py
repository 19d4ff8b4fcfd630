# SPDX-License-Identifier: MPL-2.0
from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pytest

from instant_clone.plugin.resource.update_policy import PolicyResult, apply_policy
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


def _judged(on_reboot: str = "error", **planned: Any) -> PolicyResult:
    block = InstantCloneBlock([{"source_uuid": SOURCE, "timeout": None, "on_reboot": on_reboot}])

    def deltas() -> Collection[str]:
        return DELTAS

    return apply_policy(State(PRIOR), Plan(PRIOR | planned), block, version=NEWEST_CHECKED, deltas=deltas)


def _messages(policy: PolicyResult) -> list[tuple[str, str]]:
    return [({1: "error", 2: "warning"}[each.severity], each.summary) for each in policy.diagnostics]


@pytest.mark.parametrize(
    ("on_reboot", "expected", "replaced"),
    [
        ("error", [("error", "Change requires reboot or move")], []),
        ("replace", [], ["firmware"]),
        ("reboot", [("warning", "Change reboots or moves clone")], []),
    ],
)
def test_on_reboot_selects_the_handling_of_a_reboot(
    on_reboot: str, expected: list[tuple[str, str]], replaced: list[str]
) -> None:
    policy = _judged(on_reboot, firmware="bios")

    assert _messages(policy) == expected
    assert [path.steps[0].attribute_name for path in policy.replace] == replaced


def test_rejects_a_change_that_fails_on_the_running_clone() -> None:
    policy = _judged("reboot", guest_id="ubuntu64Guest", extra_config={"a": "2"})

    assert _messages(policy) == [("error", "Change requires reboot or move")]


@pytest.mark.parametrize("on_reboot", ["error", "replace", "reboot"])
def test_rejects_removing_or_extending_a_delta_disk(on_reboot: str) -> None:
    gone = _judged(on_reboot, disk=DISKS[1:])
    grown = _judged(on_reboot, disk=[DISKS[0] | {"size": 17}, DISKS[1]])

    assert _messages(gone) == [("error", "Change would remove source disks")]
    assert _messages(grown) == [("error", "Delta disk cannot be extended")]
    assert "  disk[0].size: 16 → 17. " in grown.diagnostics[0].detail


def test_accepts_removing_or_extending_another_disk() -> None:
    assert _messages(_judged(disk=DISKS[:1])) == []
    assert _messages(_judged(disk=[DISKS[0], DISKS[1] | {"size": 9}])) == []


def test_warns_of_a_change_that_vcenter_may_reject() -> None:
    policy = _judged(latency_sensitivity="high")

    assert _messages(policy) == [("warning", "Change may be rejected")]
    assert '  latency_sensitivity: "normal" → "high". ' in policy.diagnostics[0].detail
    # vCenter does not reject the change while the VM is powered off.
    assert _messages(_judged("reboot", latency_sensitivity="high", firmware="bios")) == [
        ("warning", "Change reboots or moves clone")
    ]
