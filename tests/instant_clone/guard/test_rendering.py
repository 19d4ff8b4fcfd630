# SPDX-License-Identifier: MPL-2.0
"""Output of a report, and the values that it does not show."""

from __future__ import annotations

import json
from typing import Any

import pytest

from instant_clone.guard import Kind, as_json, as_text, examine
from tests.instant_clone.guard.plans import UUID, change, pin, plan

WEB_0 = 'vsphere_virtual_machine.web["web-0"]'
STAYS = change("no-op")

SECRETS: dict[str, Any] = {
    "extra_config": {"guestinfo.instantclone.owner": "o/web/web-0/s/1", "guestinfo.token": "hunter3"},
    "vapp": [{"properties": {"password": "hunter4"}}],
    "extra_config_reboot_required": True,
}


@pytest.mark.parametrize(
    "sensitive", [None, {"extra_config": True, "vapp": True}, {"extra_config": {"guestinfo.token": True}}]
)
def test_never_shows_values_of_extra_config_and_vapp(sensitive: Any) -> None:
    report = examine(plan(change(**SECRETS, sensitive=sensitive)))
    assert [finding.argument for finding in report.findings] == ["extra_config", "vapp"]
    assert "hunter" not in as_text(report) + as_json(report)


def test_does_not_show_sensitive_values() -> None:
    report = examine(plan(change(memory=2048, sensitive={"memory": True})))
    assert [(finding.old, finding.new) for finding in report.findings] == [("(sensitive)", "(sensitive)")]
    assert "2048" not in as_text(report) + as_json(report)


def test_does_not_show_sensitive_values_of_a_replacement() -> None:
    replaced = change("delete create", replace_trigger="hunter2", sensitive={"replace_trigger": True})
    replaced["change"]["replace_paths"] = [["replace_trigger"]]
    (finding,) = examine(plan(replaced)).findings
    assert (finding.old, finding.new) == ("(sensitive)", "(sensitive)")


def test_as_json_has_all_findings() -> None:
    report = json.loads(as_json(examine(plan(change(memory=2048), pin("delete")))))
    assert report == {
        "schema": 1,
        "passed": False,
        "clones": {"unchanged": 0, "updated": 1, "created": 0, "replaced": 0, "destroyed": 0, "forgotten": 0},
        "findings": [
            {
                "address": WEB_0,
                "kind": "reboot",
                "severity": "error",
                "argument": "memory",
                "old": 4096,
                "new": 2048,
                "reason": "Memory cannot be taken from a running VM.",
            },
            {
                "address": 'vsphere_drs_vm_override.web["web-0"]',
                "kind": "sharing",
                "severity": "warning",
                "argument": "",
                "old": None,
                "new": None,
                "reason": f"DRS can move the clone {UUID} because the plan removes its pin.",
            },
        ],
    }


def test_as_text_groups_equal_findings() -> None:
    other = change(memory=2048, resource={"address": 'vsphere_virtual_machine.web["web-1"]'})
    assert as_text(examine(plan(change(memory=2048), other, pin("delete")))) == (
        "error: reboot: memory 4096 → 2048\n"
        "  Memory cannot be taken from a running VM.\n"
        '    vsphere_virtual_machine.web["web-0"]\n'
        '    vsphere_virtual_machine.web["web-1"]\n'
        "warning: sharing\n"
        f"  DRS can move the clone {UUID} because the plan removes its pin.\n"
        '    vsphere_drs_vm_override.web["web-0"]\n'
        "2 clones: 2 updated."
    )


@pytest.mark.parametrize(
    ("changes", "summary"),
    [
        ((), "0 clones.\nNo clone is rebooted, replaced or moved, and no clone loses a disk."),
        (
            (STAYS, change("delete"), change("create", before=None)),
            "3 clones: 1 unchanged, 1 created, 1 destroyed.\n"
            "No clone is rebooted, replaced or moved, and no clone loses a disk.",
        ),
    ],
)
def test_as_text_confirms_a_plan_without_findings(changes: tuple[dict[str, Any], ...], summary: str) -> None:
    assert as_text(examine(plan(*changes))) == summary


def test_as_text_does_not_confirm_an_allowed_finding() -> None:
    assert as_text(examine(plan(change("delete create")), allowed=[Kind.REPLACE])) == (
        "allowed: replace\n"
        "  Terraform replaces the clone.\n"
        '    vsphere_virtual_machine.web["web-0"]\n'
        "1 clone: 1 replaced."
    )
