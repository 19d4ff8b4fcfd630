# SPDX-License-Identifier: MPL-2.0
"""The effects of a plan on clones."""

from __future__ import annotations

from typing import Any

import pytest

from instant_clone.guard import Clones, Finding, Kind, Severity, examine
from instant_clone.stock_provider.releases import ProviderVersion
from tests.instant_clone.guard.plans import CLONE, change, made_by_terraform, pin, plan, summaries

WEB_0 = 'vsphere_virtual_machine.web["web-0"]'
WITHOUT_BLOCK = {name: value for name, value in CLONE.items() if name != "instantclone"}
OTHER_VM = WITHOUT_BLOCK | {"extra_config": {}}


def test_reports_a_change_that_reboots_a_clone() -> None:
    report = examine(plan(change(memory=2048)))
    assert report.findings == (
        Finding(WEB_0, Kind.REBOOT, Severity.ERROR, "memory", 4096, 2048, "Memory cannot be taken from a running VM."),
    )
    assert not report.passed
    assert report.clones == Clones(updated=1)


def test_reports_all_findings_of_a_clone() -> None:
    first, second = CLONE["disk"]
    planned = change(
        memory=2048, host_system_id="host-40", disk=[first | {"size": 20}, second | {"label": "<deleted>"}]
    )
    assert summaries(plan(planned)) == [
        ("reboot", "error", "memory"),
        ("move", "error", "host_system_id"),
        ("disk", "error", "disk[1]"),
        ("refused", "warning", "disk[0].size"),
    ]


def test_reports_a_change_of_an_unknown_argument() -> None:
    first, second = CLONE["disk"]
    report = examine(plan(change(quantum_mode="on", disk=[first | {"sparkle": True}, second])))

    assert [(finding.kind, finding.severity, finding.argument) for finding in report.findings] == [
        (Kind.UNKNOWN, Severity.ERROR, "quantum_mode"),
        (Kind.UNKNOWN, Severity.ERROR, "disk[0].sparkle"),
    ]
    assert "instant-clone does not know the argument disk.sparkle" in report.findings[1].reason
    assert examine(plan(change(quantum_mode="on")), allowed=[Kind.UNKNOWN]).passed


def test_names_a_lost_disk_by_label_and_place() -> None:
    first, second = CLONE["disk"]
    (finding,) = examine(plan(change(disk=[first, second | {"label": "<remove, keep disk>"}]))).findings
    assert (finding.argument, finding.old, finding.new) == ("disk[1]", "disk1 (scsi unit 1, 8 GiB)", None)
    assert (
        finding.reason
        == "No disk block has the label disk1 any more, so the provider detaches the disk and keeps its file."
    )


@pytest.mark.parametrize(
    "after",
    [
        {"num_cpus": 4, "memory": 8192, "annotation": "new", "tags": ["urn:1"]},
        {"instantclone": [{"source_uuid": "782dd3b8-bc5f-5d53-a9b3-561ec3ce31e5", "timeout": 60}]},
        {"extra_config": CLONE["extra_config"] | {"guestinfo.new": "1"}},
        {"disk": [*CLONE["disk"], {"label": "disk2", "unit_number": 2, "size": 1, "uuid": None, "key": 0}]},
    ],
    ids=["hot", "block", "extra_config", "new disk"],
)
def test_accepts_a_change_of_a_running_clone(after: dict[str, Any]) -> None:
    report = examine(plan(change(**after)))
    assert (report.findings, report.passed, report.clones.updated) == ((), True, 1)


def test_a_change_of_the_block_does_not_update_the_vm() -> None:
    card = {"video_card": [{"num_displays": 1}]}
    block = [{"source_uuid": "782dd3b8-bc5f-5d53-a9b3-561ec3ce31e5", "timeout": 60}]
    assert summaries(plan(change(before=CLONE | card, instantclone=block))) == []
    assert summaries(plan(change(before=CLONE | card, annotation="new"))) == [("reboot", "error", "video_card")]


def test_reports_a_rejected_change_as_refused() -> None:
    after: dict[str, Any] = {"extra_config": {"guestinfo.new": "1"}, "memory": 2048}
    assert summaries(plan(change(**after))) == [("refused", "error", "memory")]
    assert summaries(plan(change(**after), release="2.0.2")) == [
        ("reboot", "error", "memory"),
        ("reboot", "error", "extra_config"),
    ]


def test_reports_an_unknown_value_as_a_change() -> None:
    (finding,) = examine(plan(change(unknown={"datastore_id": True}))).findings
    assert (finding.kind, finding.old, finding.new) == (Kind.MOVE, "datastore-63", "(known after apply)")


@pytest.mark.parametrize(
    ("path", "argument", "old", "new", "reason"),
    [
        (["replace_trigger"], "replace_trigger", None, "2", "The configuration requests another generation."),
        (
            ["instantclone", 0, "source_uuid"],
            "instantclone[0].source_uuid",
            "782dd3b8-bc5f-5d53-a9b3-561ec3ce31e5",
            "2649418e-c84f-5c8f-94d3-26760eef08ed",
            "The configuration requests another source.",
        ),
        (
            ["datastore_path"],
            "datastore_path",
            None,
            "pool/web",
            "The provider cannot change datastore_path of an existing VM.",
        ),
        (["num_cpus"], "num_cpus", 2, 2, "The provider cannot change num_cpus of an existing VM."),
        (
            ["clone", 0, "template_uuid"],
            "clone[0].template_uuid",
            "(not shown)",
            "(not shown)",
            "The provider cannot change clone[0].template_uuid of an existing VM.",
        ),
    ],
)
@pytest.mark.parametrize("actions", ["delete create", "create delete"])
def test_reports_the_argument_that_replaces_a_clone(
    actions: str, path: list[Any], argument: str, old: object, new: object, reason: str
) -> None:
    replaced = change(
        actions,
        replace_trigger="2",
        instantclone=[{"source_uuid": "2649418e-c84f-5c8f-94d3-26760eef08ed"}],
        memory=1024,
        datastore_path="pool/web",
    )
    replaced["change"]["replace_paths"] = [path]
    report = examine(plan(replaced))
    assert report.findings == (Finding(WEB_0, Kind.REPLACE, Severity.ERROR, argument, old, new, reason),)
    assert report.clones == Clones(replaced=1)


def test_reports_a_replacement_instead_of_a_reboot() -> None:
    block = CLONE["instantclone"][0] | {"on_reboot": "replace"}
    replaced = change("delete create", instantclone=[block], memory=2048)
    replaced["change"]["replace_paths"] = [["memory"]]
    (finding,) = examine(plan(replaced)).findings
    assert (finding.argument, finding.old, finding.new) == ("memory", 4096, 2048)
    assert finding.reason == 'The provider cannot change memory of a running clone, and on_reboot is "replace".'


@pytest.mark.parametrize(
    ("why", "reason"),
    [
        (
            "replace_because_tainted",
            "The clone is tainted: its creation failed, or a user tainted it.",
        ),
        ("replace_by_request", "The option -replace requests the replacement."),
        ("replace_by_triggers", "replace_triggered_by requests the replacement."),
        ("", "Terraform replaces the clone."),
    ],
)
def test_reports_a_replacement_without_an_argument(why: str, reason: str) -> None:
    (finding,) = examine(plan(change("delete create", resource={"action_reason": why}))).findings
    assert (finding.argument, finding.old, finding.new, finding.reason) == ("", None, None, reason)


def test_allows_only_findings_of_the_given_kinds() -> None:
    replaced = change("delete create")
    rebooted = change(memory=2048, resource={"address": "vsphere_virtual_machine.other"})
    report = examine(plan(replaced), allowed=[Kind.REPLACE])
    assert (report.passed, [each.severity for each in report.findings]) == (True, [Severity.ALLOWED])
    assert not examine(plan(replaced, rebooted), allowed=[Kind.REPLACE]).passed
    assert examine(plan(replaced, rebooted), allowed=[Kind.REPLACE, Kind.REBOOT]).passed


@pytest.mark.parametrize(
    ("actions", "counted"),
    [
        ("delete", Clones(destroyed=1)),
        ("forget", Clones(forgotten=1)),
        ("create", Clones(created=1)),
        ("no-op", Clones(unchanged=1)),
        ("read", Clones(unchanged=1)),
    ],
)
def test_counts_requested_actions_without_findings(actions: str, counted: Clones) -> None:
    report = examine(plan(change(actions, before=None if actions == "create" else CLONE)))
    assert (report.findings, report.clones, report.clones.total) == ((), counted, 1)


def test_counts_a_deposed_clone_as_destroyed() -> None:
    report = examine(plan(change("delete", resource={"deposed": "00000000"}), pin("delete")))
    assert (report.findings, report.clones) == ((), Clones(destroyed=1))


@pytest.mark.parametrize(
    ("before", "every", "found"),
    [
        (CLONE, False, True),
        (WITHOUT_BLOCK, False, True),
        (OTHER_VM, False, False),
        (OTHER_VM | {"instantclone": [], "extra_config": None}, False, False),
        (OTHER_VM, True, True),
    ],
    ids=["block", "owner marker", "neither", "empty", "every machine"],
)
def test_selects_the_virtual_machines_to_check(before: dict[str, Any], every: bool, found: bool) -> None:
    report = examine(plan(change(before=before, memory=2048)), every_machine=every)
    assert bool(report.findings) is found
    assert report.clones.total == int(found)


@pytest.mark.parametrize("unknown", [{"instantclone": True}, {"extra_config": {"guestinfo.instantclone.owner": True}}])
def test_checks_a_virtual_machine_that_becomes_a_clone(unknown: Any) -> None:
    assert summaries(plan(change(before=OTHER_VM, memory=2048, unknown=unknown)))[0][2] == "memory"


@pytest.mark.parametrize("resource", [{"mode": "data"}, {"type": "vsphere_folder"}])
def test_ignores_other_resources(resource: dict[str, str]) -> None:
    report = examine(plan(change(memory=2048, resource=resource)), every_machine=True)
    assert (report.findings, report.clones.total) == ((), 0)


def test_selects_the_release_from_argument_plan_or_fallback() -> None:
    planned = change(extra_config={"guestinfo.new": "1"})
    old, new = ProviderVersion("2.0.2"), ProviderVersion("2.16.1")

    def never() -> ProviderVersion:
        raise AssertionError

    assert summaries(plan(planned, release="2.16.1"), release=old, fallback=never) == [
        ("reboot", "error", "extra_config")
    ]
    assert summaries(plan(planned, release="2.0.2"), fallback=never) == [("reboot", "error", "extra_config")]
    assert summaries(plan(planned, release="~> 2.0"), fallback=lambda: old) == [("reboot", "error", "extra_config")]
    assert summaries(plan(planned, release="~> 2.0"), fallback=lambda: new) == []
    assert summaries(plan(planned, release="~> 2.0")) == []


@pytest.mark.parametrize(
    ("name", "findings", "clones"),
    [
        ("generation", [("replace", "error", "replace_trigger")], Clones(replaced=1)),
        ("label", [("disk", "error", "disk[1]")], Clones(updated=1)),
        ("pool", [("move", "error", "resource_pool_id")], Clones(updated=1)),
        ("pin", [("sharing", "warning", "")], Clones(unchanged=1)),
        ("extra_config", [("reboot", "error", "extra_config")], Clones(updated=1)),
    ],
)
def test_reports_findings_of_plans_from_terraform(
    name: str, findings: list[tuple[str, str, str]], clones: Clones
) -> None:
    terraform_plan = made_by_terraform(name)
    assert summaries(terraform_plan) == findings
    assert examine(terraform_plan).clones == clones
