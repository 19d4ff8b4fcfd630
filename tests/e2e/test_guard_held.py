# SPDX-License-Identifier: MPL-2.0
"""Compare the findings of the guard for a plan with the calls of the stock provider during the apply.

The comparison covers false findings and missing findings. Each change has a separate clone. One apply of the stock
provider, without the plugin, makes all changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from instant_clone.guard import Finding, examine, read_plan
from instant_clone.stock_provider.arguments import is_known
from instant_clone.stock_provider.releases import ProviderVersion
from instant_clone.vm.source_vm import SourceVm
from testkit.clone_stack import PROVIDER_SOURCE, document, machine
from testkit.simulator import Simulator
from tests.e2e.conftest import Attach, Plugin
from tests.e2e.terraform import Terraform

POWER = {"PowerOffVM_Task", "PowerOnVM_Task", "RebootGuest", "ResetVM_Task", "ShutdownGuest"}
MARK = {"guestinfo.mark": "1"}
CHANGED_MARK = {"extra_config": {"guestinfo.mark": "2"}}

_SWITCHED = (
    "cpu_hot_add_enabled",
    "cpu_hot_remove_enabled",
    "efi_secure_boot_enabled",
    "enable_disk_uuid",
    "enable_logging",
    "memory_hot_add_enabled",
    "nested_hv_enabled",
    "run_tools_scripts_after_power_on",
    "run_tools_scripts_after_resume",
    "run_tools_scripts_before_guest_reboot",
    "run_tools_scripts_before_guest_shutdown",
    "run_tools_scripts_before_guest_standby",
    "sync_time_with_host",
    "vbs_enabled",
    "vvtd_enabled",
)
_SET: dict[str, object] = {
    "alternate_guest_name": "Ours",
    "annotation": "changed",
    "boot_delay": 5000,
    "boot_retry_enabled": True,
    "cdrom": [{"client_device": True}],
    "cpu_performance_counters_enabled": True,
    "cpu_share_level": "high",
    "ept_rvi_mode": "on",
    "firmware": "bios",
    "folder": "elsewhere",
    "guest_id": "otherGuest64",
    "hv_mode": "hvOn",
    "latency_sensitivity": "high",
    "memory_reservation": 512,
    "num_cores_per_socket": 1,
    "num_cpus": 4,
    "sata_controller_count": 1,
    "scsi_bus_sharing": "virtualSharing",
    "scsi_controller_count": 2,
    "scsi_type": "lsilogic",
    "swap_placement_policy": "hostLocal",
    "wait_for_guest_ip_timeout": 1,
}
_SET_WHERE_KNOWN: dict[str, object] = {
    "nvme_controller_count": 1,
    "tools_upgrade_policy": "upgradeAtPowerCycle",
    "video_card": [{"num_displays": 1, "total_video_memory": 8}],
    "vtpm": [{}],
}


def _changes(arguments: Mapping[str, Any], release: ProviderVersion) -> dict[str, dict[str, Any]]:
    """Return the changed arguments by name of the change. `arguments` are the current arguments of a clone."""
    disks, interface = arguments["disk"], arguments["network_interface"][0]

    def second_disk(**other: object) -> dict[str, Any]:
        return {"disk": [disks[0], disks[1] | other, *disks[2:]]}

    changes: dict[str, dict[str, Any]] = {
        "nothing": {},
        **{name: {name: not arguments.get(name)} for name in _SWITCHED},
        **{name: {name: value} for name, value in _SET.items()},
        **{name: {name: value} for name, value in _SET_WHERE_KNOWN.items() if is_known(release, name)},
        "memory-more": {"memory": arguments["memory"] + 1024},
        "memory-less": {"memory": arguments["memory"] - 1024},
        "extra-config": CHANGED_MARK,
        "forgotten": CHANGED_MARK | {"guest_id": "otherGuest64"},
        "not-forgotten": CHANGED_MARK | {"guest_id": "otherGuest64", "firmware": "bios"},
        "disk-unit": second_disk(unit_number=3),
        "disk-mode": second_disk(disk_mode="independent_persistent"),
        "disk-write-through": second_disk(write_through=True),
        "disk-sharing": second_disk(disk_sharing="sharingMultiWriter"),
        "disk-grown": second_disk(size=disks[1]["size"] + 1),
        "disk-shares": second_disk(io_limit=500),
        "disk-kept": second_disk(keep_on_remove=True),
        "disk-label": second_disk(label="data"),
        "disk-removed": {"disk": disks[:1]},
        "disk-added": {"disk": [*disks, {"label": "more", "unit_number": 5, "size": 1}]},
        "adapter": {"network_interface": [interface | {"adapter_type": "e1000e"}]},
        "interface-added": {"network_interface": [interface, {"network_id": interface["network_id"]}]},
    }
    if is_known(release, "extra_config_reboot_required"):
        changes["reboot-asked-for"] = CHANGED_MARK | {"extra_config_reboot_required": True}
    return changes


@dataclass(frozen=True)
class Comparison:
    """The findings of the guard and the later calls of the stock provider, by clone."""

    findings: Mapping[str, list[Finding]]
    calls: Mapping[str, list[str]]
    """the called methods, by clone"""
    release: ProviderVersion

    def of(self, kind: str) -> set[str]:
        """Return the clones with a finding of this kind."""
        return {name for name, findings in self.findings.items() if any(each.kind == kind for each in findings)}


@pytest.fixture(scope="module")
def comparison(
    plugin: Plugin, attach: Attach, vcenter: Simulator, golden: SourceVm, tmp_path_factory: pytest.TempPathFactory
) -> Comparison:
    changes = _changes(machine(golden, plugin.release), plugin.release)

    def configuration(*, by_plugin: bool, changed: bool) -> dict[str, Any]:
        machines = {}
        for name, change in changes.items():
            machines[name] = machine(golden, plugin.release, name=name, extra_config=MARK)
            if not by_plugin:
                del machines[name]["instantclone"]
            machines[name] |= change if changed else {}
        whole = document(plugin.release, machines)
        whole["resource"]["vsphere_folder"] = {
            "elsewhere": {
                "path": "elsewhere",
                "type": "vm",
                "datacenter_id": "${data.vsphere_datacenter.datacenter.id}",
            }
        }
        if not by_plugin:
            whole["terraform"]["required_providers"]["vsphere"]["source"] = plugin.stock_source
        return whole

    terraform = Terraform(
        tmp_path_factory.mktemp("held") / "terraform",
        vcenter.environment(plugin.environment),
        initialised=plugin.initialised,
        attached=attach(vcenter),
    )
    terraform.write(configuration(by_plugin=True, changed=False))
    terraform.apply("-parallelism=20")
    terraform.run("state", "replace-provider", "-auto-approve", PROVIDER_SOURCE, plugin.stock_source).require()
    terraform.write(configuration(by_plugin=False, changed=True))
    terraform.init("-upgrade")
    terraform.run("plan", "-out=saved").require()
    shown = terraform.run("show", "-json", "saved").require().stdout
    report = examine(read_plan(shown.encode(), "the plan"), every_machine=True)
    before = {name: len(vcenter.calls(name)) for name in changes}
    # The simulator rejects some of the changes, as a real vCenter does. The apply can therefore fail.
    terraform.run("apply", "-parallelism=20", "saved")
    findings: dict[str, list[Finding]] = {name: [] for name in changes}
    for finding in report.findings:
        findings[finding.address.partition(".")[2]].append(finding)
    calls = {name: [call.method for call in vcenter.calls(name)[count:]] for name, count in before.items()}
    return Comparison(findings, calls, plugin.release)


def test_guard_reports_a_reboot_exactly_for_the_rebooted_clones(comparison: Comparison) -> None:
    rebooted = {name for name, methods in comparison.calls.items() if POWER & set(methods)}
    assert comparison.of("reboot") == rebooted
    assert {"firmware", "memory-less", "disk-mode", "scsi_type", "not-forgotten"} <= rebooted
    assert not rebooted & {"nothing", "num_cpus", "memory-more", "disk-added", "annotation", "folder"}


def test_guard_reports_changes_that_the_provider_tries_on_a_running_vm(comparison: Comparison) -> None:
    tried = {"forgotten"} if is_known(comparison.release, "extra_config_reboot_required") else set()
    errors = {
        name
        for name, findings in comparison.findings.items()
        if any((each.kind, each.severity) == ("refused", "error") for each in findings)
    }
    assert errors == tried
    assert all(comparison.calls[name] == ["ReconfigVM_Task"] for name in tried)


def test_clones_without_findings_are_only_reconfigured_or_moved_to_a_folder(comparison: Comparison) -> None:
    touched = {
        method for name, methods in comparison.calls.items() if not comparison.findings[name] for method in methods
    }
    assert touched <= {"ReconfigVM_Task", "MoveIntoFolder_Task"}
    assert (
        comparison.calls["nothing"],
        comparison.calls["disk-kept"],
        comparison.calls["wait_for_guest_ip_timeout"],
    ) == ([], [], [])


def test_guard_reports_exactly_the_removed_disks(comparison: Comparison) -> None:
    assert comparison.of("disk") == {"disk-label", "disk-removed"}
    assert (comparison.calls["disk-label"], comparison.calls["disk-removed"]) == (
        ["ReconfigVM_Task"],
        ["ReconfigVM_Task"],
    )
