# SPDX-License-Identifier: MPL-2.0
"""Warnings about pins and moved clones that may no longer share memory with their source."""

from __future__ import annotations

from typing import Any

import pytest

from instant_clone.guard import Finding, Kind, Severity, examine
from tests.instant_clone.guard.plans import UUID, change, pin, plan, summaries

STAYS = change("no-op")


def test_warns_about_a_removed_pin_of_a_remaining_clone() -> None:
    report = examine(plan(STAYS, pin("delete")))
    assert report.findings == (
        Finding(
            'vsphere_drs_vm_override.web["web-0"]',
            Kind.SHARING,
            Severity.WARNING,
            "",
            None,
            None,
            f"DRS can move the clone {UUID} because the plan removes its pin.",
        ),
    )
    assert report.passed


@pytest.mark.parametrize(
    ("change_of_pin", "argument", "reason"),
    [
        (
            pin("delete create", compute_cluster_id="domain-c31"),
            "",
            "DRS can move the clone {} while the plan replaces its pin.",
        ),
        (
            pin("update", drs_enabled=True, drs_automation_level="fullyAutomated"),
            "drs_enabled",
            "DRS can move the clone {} away from its source's host.",
        ),
    ],
)
def test_warns_about_a_loosened_pin(change_of_pin: dict[str, Any], argument: str, reason: str) -> None:
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
def test_accepts_changes_of_pins_without_effect(changes: tuple[dict[str, Any], ...]) -> None:
    assert summaries(plan(*changes)) == []


def test_does_not_warn_about_the_pin_of_a_replaced_clone() -> None:
    assert summaries(plan(change("delete create"), pin("delete create"))) == [("replace", "error", "")]


def test_warns_about_a_clone_that_was_moved_after_the_last_apply() -> None:
    (finding,) = examine(plan(STAYS, drift=(change(host_system_id="host-40"),))).findings
    assert (finding.kind, finding.severity, finding.argument) == (Kind.SHARING, Severity.WARNING, "host_system_id")
    assert (finding.old, finding.new) == ("host-39", "host-40")


@pytest.mark.parametrize(
    "drift", [change(annotation="new"), change("delete"), change(before={"host_system_id": "g"}, host_system_id="h")]
)
def test_ignores_other_drift(drift: dict[str, Any]) -> None:
    assert summaries(plan(STAYS, drift=(drift,))) == []
