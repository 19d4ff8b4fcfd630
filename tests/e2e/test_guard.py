# SPDX-License-Identifier: MPL-2.0
"""Run the guard on plans of the plugin, and on plans of the stock provider that continues with the plugin's state."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from instant_clone.vm.source_vm import SourceVm
from testkit.clone_stack import PROVIDER_SOURCE, clones, machine, source_of
from testkit.simulator import Simulator
from testkit.stock import StockProvider
from testkit.workspace import Workspace
from tests.e2e.conftest import Attach, Plugin
from tests.e2e.terraform import Terraform

COMMAND = str(Path(sys.executable).parent / "instant-clone")
OWNER = {"guestinfo.instantclone.owner": "o/web/web/s/1", "guestinfo.token": "sentinel-token-71"}
NAMES = ("web-0", "web-1")
CLONE_0, PIN_1 = 'vsphere_virtual_machine.vm["web-0"]', 'vsphere_drs_vm_override.vm["web-1"]'
CLUSTER = {"cluster": {"name": "DC0_C0", "datacenter_id": "${data.vsphere_datacenter.datacenter.id}"}}


@dataclass(frozen=True)
class Verdict:
    """The exit code and the report of the guard for a plan."""

    code: int
    report: Mapping[str, Any]

    @property
    def findings(self) -> list[tuple[str, str, str]]:
        """Return kind, severity and argument of the findings, without duplicates."""
        findings = [(each["kind"], each["severity"], each["argument"]) for each in self.report["findings"]]
        return list(dict.fromkeys(findings))

    @property
    def clones(self) -> dict[str, int]:
        """Return the number of clones by kind of change, without zeros."""
        return {change: count for change, count in self.report["clones"].items() if count}


@dataclass(frozen=True)
class Fleet:
    """Two clones with pins in a Terraform folder. `by_plugin` is False if the stock provider runs alone."""

    terraform: Terraform
    source: SourceVm
    plugin: Plugin
    by_plugin: bool

    def document(self, names: tuple[str, ...] = NAMES, pins: tuple[str, ...] = NAMES, **arguments: Any) -> Any:
        """Return the configuration. `arguments` replace arguments of the clones."""
        whole = clones(self.source, self.plugin.release, names, **({"extra_config": OWNER} | arguments))
        whole["data"]["vsphere_compute_cluster"] = CLUSTER
        whole["resource"]["vsphere_drs_vm_override"] = {
            "vm": {
                "for_each": "${toset(" + json.dumps(pins) + ")}",
                "compute_cluster_id": "${data.vsphere_compute_cluster.cluster.id}",
                "virtual_machine_id": "${vsphere_virtual_machine.vm[each.key].id}",
                "drs_enabled": False,
            }
        }
        if not self.by_plugin:
            whole["terraform"]["required_providers"]["vsphere"]["source"] = self.plugin.stock_source
            del whole["resource"]["vsphere_virtual_machine"]["vm"]["instantclone"]
        return whole

    def verdict(self, *options: str, **changes: Any) -> Verdict:
        """Return the result of the guard for the plan of a changed configuration."""
        self.terraform.write(self.document(**changes))
        self.terraform.run("plan", "-out=saved").require()
        shown = self.terraform.run("show", "-json", "saved").require().stdout
        answer = subprocess.run(
            [COMMAND, "guard", "-", "--format", "json", *options],
            input=shown,
            capture_output=True,
            text=True,
            check=False,
        )
        assert answer.stderr == ""
        assert "sentinel" not in answer.stdout
        return Verdict(answer.returncode, json.loads(answer.stdout))


@pytest.fixture(scope="module")
def fleet(
    plugin: Plugin, attach: Attach, vcenter: Simulator, golden: SourceVm, tmp_path_factory: pytest.TempPathFactory
) -> Fleet:
    folder = tmp_path_factory.mktemp("guard") / "plugin"
    terraform = Terraform(
        folder,
        vcenter.environment(plugin.environment),
        initialised=plugin.initialised,
        attached=attach(vcenter),
    )
    made = Fleet(terraform, golden, plugin, by_plugin=True)
    terraform.write(made.document())
    terraform.apply()
    return made


@pytest.fixture(scope="module")
def stock_fleet(fleet: Fleet, plugin: Plugin) -> Fleet:
    """Return the same clones in a copied state. The stock provider uses this state without the plugin."""
    with_plugin = fleet.terraform
    terraform = Terraform(
        with_plugin.folder.with_name("stock"), with_plugin.environment, initialised=plugin.initialised
    )
    (terraform.folder / "terraform.tfstate").write_bytes((with_plugin.folder / "terraform.tfstate").read_bytes())
    made = Fleet(terraform, fleet.source, plugin, by_plugin=False)
    terraform.write(fleet.document())
    terraform.run("state", "replace-provider", "-auto-approve", PROVIDER_SOURCE, plugin.stock_source).require()
    terraform.write(made.document())
    terraform.init("-upgrade")
    return made


@pytest.fixture(params=["plugin", "stock"])
def each_fleet(request: pytest.FixtureRequest, fleet: Fleet, stock_fleet: Fleet) -> Fleet:
    return fleet if request.param == "plugin" else stock_fleet


def test_plan_without_changes_passes(each_fleet: Fleet) -> None:
    verdict = each_fleet.verdict()
    assert (verdict.code, verdict.findings, verdict.clones) == (0, [], {"unchanged": 2})


def test_removed_member_passes(each_fleet: Fleet) -> None:
    verdict = each_fleet.verdict(names=NAMES[:1], pins=NAMES[:1])
    assert (verdict.code, verdict.findings, verdict.clones) == (0, [], {"unchanged": 1, "destroyed": 1})


def test_new_members_pass(fleet: Fleet) -> None:
    verdict = fleet.verdict(names=(*NAMES, "web-2"))
    assert (verdict.code, verdict.findings, verdict.clones) == (0, [], {"unchanged": 2, "created": 1})


def test_removed_pin_is_a_warning(each_fleet: Fleet) -> None:
    verdict = each_fleet.verdict(pins=NAMES[:1])
    assert (verdict.code, verdict.findings, verdict.clones) == (0, [("sharing", "warning", "")], {"unchanged": 2})
    (finding,) = verdict.report["findings"]
    assert finding["address"] == PIN_1
    assert finding["reason"].startswith("DRS can move the clone ")
    assert finding["reason"].endswith(" because the plan removes its pin.")


def test_new_generation_replaces_the_clones(each_fleet: Fleet) -> None:
    verdict = each_fleet.verdict(replace_trigger="2")
    assert (verdict.code, verdict.findings) == (1, [("replace", "error", "replace_trigger")])
    assert verdict.clones == {"replaced": 2}
    allowed = each_fleet.verdict("--allow", "replace", replace_trigger="2")
    assert (allowed.code, allowed.findings) == (0, [("replace", "allowed", "replace_trigger")])


def test_changed_source_replaces_the_clones(fleet: Fleet, vcenter: Simulator) -> None:
    verdict = fleet.verdict(instantclone=[{"source_uuid": source_of(vcenter, "silver").uuid}])
    assert (verdict.code, verdict.findings) == (1, [("replace", "error", "instantclone[0].source_uuid")])


@pytest.mark.parametrize(
    ("argument", "value", "reason"),
    [
        ("memory", 2048, "Memory cannot be taken from a running VM."),
        ("nested_hv_enabled", True, "The provider changes nested_hv_enabled only while the VM is off."),
    ],
)
def test_reports_a_change_for_which_the_stock_provider_reboots_clones(
    stock_fleet: Fleet, argument: str, value: object, reason: str
) -> None:
    verdict = stock_fleet.verdict(**{argument: value})
    assert (verdict.code, verdict.findings, verdict.clones) == (1, [("reboot", "error", argument)], {"updated": 2})
    first = verdict.report["findings"][0]
    assert (first["address"], first["new"], first["reason"]) == (CLONE_0, value, reason)


def test_hot_changes_pass(stock_fleet: Fleet) -> None:
    cpus = machine(stock_fleet.source, stock_fleet.plugin.release)["num_cpus"]
    verdict = stock_fleet.verdict(annotation="changed", num_cpus=2 * cpus)
    assert (verdict.code, verdict.findings, verdict.clones) == (0, [], {"updated": 2})


def test_changed_disk_label_is_reported_as_a_removed_disk(stock_fleet: Fleet) -> None:
    disks = machine(stock_fleet.source, stock_fleet.plugin.release)["disk"]
    verdict = stock_fleet.verdict(disk=[disks[0], disks[1] | {"label": "data"}])
    assert (verdict.code, verdict.findings) == (1, [("disk", "error", "disk[1]")])
    first = verdict.report["findings"][0]
    assert (first["old"], first["reason"]) == (
        "disk1 (scsi unit 1, 8 GiB)",
        "The disk at this place gets the label data, so the provider destroys the disk and creates an empty one.",
    )


def test_changed_host_is_reported_as_a_move(stock_fleet: Fleet) -> None:
    verdict = stock_fleet.verdict(host_system_id="host-0")
    assert (verdict.code, verdict.findings) == (1, [("move", "error", "host_system_id")])


FLEET = """
[fleets.web]
datacenter    = "DC0"
datastore     = "LocalDS_0"
resource_pool = "DC0_C0/Resources"
names         = "of-a-stack-{index}"

[[fleets.web.sources]]
vm    = "golden"
count = 2
"""


@pytest.fixture
def workspace(vcenter: Simulator, stock: StockProvider, tmp_path: Path) -> Workspace:
    made = Workspace(tmp_path / "workspace", stock_binary=stock.path, vcenter=vcenter.environment(base={}))
    (made.folder / "fleets.toml").write_text(FLEET)
    return made


def test_guard_plans_and_checks_the_stack_of_a_fleet(workspace: Workspace) -> None:
    synthesized = workspace.run("python", "main.py")
    assert synthesized.code == 0, synthesized.output

    passed = workspace.run("instant-clone", "guard", "--stack", "web")

    assert (passed.code, passed.output.splitlines()[-2:]) == (
        0,
        ["2 clones: 2 created.", "No clone is rebooted, replaced or moved, and no clone loses a disk."],
    )

    del workspace.environment["VSPHERE_SERVER"]
    failed = workspace.run("instant-clone", "guard", "--stack", "web")

    assert failed.code == 2
    command = Path(workspace.environment.get("TERRAFORM_BINARY_NAME") or "terraform").name
    assert f"instant-clone: `{command} plan` in cdktf.out/stacks/web failed with exit code 1:" in failed.output
    assert "one of vsphere_server" in failed.output
