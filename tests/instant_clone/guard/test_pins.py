# SPDX-License-Identifier: MPL-2.0
"""Pins that go or loosen, and clones that were moved: sharing that may be lost."""

from __future__ import annotations

from typing import Any

import pytest

from instant_clone.guard import Finding, Kind, Severity, examine
from tests.instant_clone.guard.plans import UUID, change, pin, plan, told

STAYS = change("no-op")


def test_a_pin_that_is_taken_from_a_clone_that_stays() -> None:
    report = examine(plan(STAYS, pin("delete")))
    assert report.findings == (
        Finding(
            'vsphere_drs_vm_override.web["web-0"]',
            Kind.SHARING,
            Severity.WARNING,
            "",
            None,
            None,
            f"Nothing keeps DRS from moving the clone {UUID} any more.",
        ),
    )
    assert report.passed


@pytest.mark.parametrize(
    ("change_of_pin", "argument", "reason"),
    [
        (pin("delete create", compute_cluster_id="domain-c31"), "", "from moving the clone {} for a moment."),
        (
            pin("update", drs_enabled=True, drs_automation_level="fullyAutomated"),
            "drs_enabled",
            "DRS may move the clone {} from its source's host.",
        ),
    ],
)
def test_a_pin_that_loosens(change_of_pin: dict[str, Any], argument: str, reason: str) -> None:
    (finding,) = examine(plan(STAYS, change_of_pin)).findings
    assert (finding.kind, finding.argument) == (Kind.SHARING, argument)
    assert finding.reason.endswith(reason.format(UUID))


@pytest.mark.parametrize(
    "changes",
    [
        (STAYS, pin("no-op")),
        (STAYS, pin("update", drs_enabled=True, drs_automation_level="partiallyAutomated")),
        (STAYS, pin("delete", {**pin("no-op")["change"]["before"], "virtual_machine_id": "another"})),
        (
            STAYS,
            pin(
                "delete",
                pin("no-op")["change"]["before"] | {"drs_enabled": True, "drs_automation_level": "fullyAutomated"},
            ),
        ),
        (STAYS, pin("forget")),
        (change("delete"), pin("delete")),
        (pin("delete"),),
    ],
    ids=["kept", "asks first", "another VM", "no pin", "forgotten", "clone goes", "no clone"],
)
def test_pins_that_are_no_finding(changes: tuple[dict[str, Any], ...]) -> None:
    assert told(plan(*changes)) == []


def test_a_pin_goes_with_the_clone_that_is_replaced() -> None:
    assert told(plan(change("delete create"), pin("delete create"))) == [("replace", "error", "")]


def test_a_clone_that_was_moved_since_the_last_apply() -> None:
    (finding,) = examine(plan(STAYS, drift=(change(host_system_id="host-40"),))).findings
    assert (finding.kind, finding.severity, finding.argument) == (Kind.SHARING, Severity.WARNING, "host_system_id")
    assert (finding.old, finding.new) == ("host-39", "host-40")


@pytest.mark.parametrize(
    "drift", [change(annotation="new"), change("delete"), change(before={"host_system_id": "g"}, host_system_id="h")]
)
def test_other_drift_is_no_finding(drift: dict[str, Any]) -> None:
    assert told(plan(STAYS, drift=(drift,))) == []
