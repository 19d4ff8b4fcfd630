# SPDX-License-Identifier: MPL-2.0
"""The guard and real plans: of the plugin, and of the stock provider that goes on with its state."""

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
    """What the guard said of a plan."""

    code: int
    report: Mapping[str, Any]

    @property
    def findings(self) -> list[tuple[str, str, str]]:
        """Kind, severity and argument, of each only once."""
        told = [(each["kind"], each["severity"], each["argument"]) for each in self.report["findings"]]
        return list(dict.fromkeys(told))

    @property
    def clones(self) -> dict[str, int]:
        """How many of them are changed how, if any."""
        return {fate: count for fate, count in self.report["clones"].items() if count}


@dataclass(frozen=True)
class Fleet:
    """Two clones, each with a pin, in the state of a folder."""

    terraform: Terraform
    source: SourceVm
    plugin: Plugin
    by_plugin: bool

    def document(self, names: tuple[str, ...] = NAMES, pins: tuple[str, ...] = NAMES, **arguments: Any) -> Any:
        """The configuration, with other `arguments` of the clones."""
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

    def judged(self, *options: str, **changes: Any) -> Verdict:
        """The guard's verdict on the plan of a changed configuration."""
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
    folder = tmp_path_factory.mktemp("guard") / "ours"
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
def left(fleet: Fleet, plugin: Plugin) -> Fleet:
    """The same clones, in a state that the stock provider alone goes on with."""
    ours = fleet.terraform
    terraform = Terraform(ours.folder.with_name("left"), ours.environment, initialised=plugin.initialised)
    (terraform.folder / "terraform.tfstate").write_bytes((ours.folder / "terraform.tfstate").read_bytes())
    made = Fleet(terraform, fleet.source, plugin, by_plugin=False)
    terraform.write(fleet.document())
    terraform.run("state", "replace-provider", "-auto-approve", PROVIDER_SOURCE, plugin.stock_source).require()
    terraform.write(made.document())
    terraform.init("-upgrade")
    return made


@pytest.fixture(params=["plugin", "stock"])
def either(request: pytest.FixtureRequest, fleet: Fleet, left: Fleet) -> Fleet:
    return fleet if request.param == "plugin" else left


def test_a_plan_without_changes_passes(either: Fleet) -> None:
    verdict = either.judged()
    assert (verdict.code, verdict.findings, verdict.clones) == (0, [], {"unchanged": 2})


def test_a_member_that_is_taken_out_passes(either: Fleet) -> None:
    verdict = either.judged(names=NAMES[:1], pins=NAMES[:1])
    assert (verdict.code, verdict.findings, verdict.clones) == (0, [], {"unchanged": 1, "destroyed": 1})


def test_new_members_pass(fleet: Fleet) -> None:
    verdict = fleet.judged(names=(*NAMES, "web-2"))
    assert (verdict.code, verdict.findings, verdict.clones) == (0, [], {"unchanged": 2, "created": 1})


def test_a_pin_that_is_taken_out_is_a_warning(either: Fleet) -> None:
    verdict = either.judged(pins=NAMES[:1])
    assert (verdict.code, verdict.findings, verdict.clones) == (0, [("sharing", "warning", "")], {"unchanged": 2})
    (finding,) = verdict.report["findings"]
    assert finding["address"] == PIN_1
    assert finding["reason"].startswith("Nothing keeps DRS from moving the clone ")


def test_another_generation_replaces_the_clones(either: Fleet) -> None:
    verdict = either.judged(replace_trigger="2")
    assert (verdict.code, verdict.findings) == (1, [("replace", "error", "replace_trigger")])
    assert verdict.clones == {"replaced": 2}
    allowed = either.judged("--allow", "replace", replace_trigger="2")
    assert (allowed.code, allowed.findings) == (0, [("replace", "allowed", "replace_trigger")])


def test_another_source_replaces_the_clones(fleet: Fleet, vcenter: Simulator) -> None:
    verdict = fleet.judged(instantclone=[{"source_uuid": source_of(vcenter, "silver").uuid}])
    assert (verdict.code, verdict.findings) == (1, [("replace", "error", "instantclone[0].source_uuid")])


@pytest.mark.parametrize(
    ("argument", "value", "reason"),
    [
        ("memory", 2048, "Memory cannot be taken from a running VM."),
        ("nested_hv_enabled", True, "The provider changes nested_hv_enabled only while the VM is off."),
    ],
)
def test_the_stock_provider_would_reboot_the_clones(left: Fleet, argument: str, value: object, reason: str) -> None:
    verdict = left.judged(**{argument: value})
    assert (verdict.code, verdict.findings, verdict.clones) == (1, [("reboot", "error", argument)], {"updated": 2})
    first = verdict.report["findings"][0]
    assert (first["address"], first["new"], first["reason"]) == (CLONE_0, value, reason)


def test_hot_changes_pass(left: Fleet) -> None:
    cpus = machine(left.source, left.plugin.release)["num_cpus"]
    verdict = left.judged(annotation="changed", num_cpus=2 * cpus)
    assert (verdict.code, verdict.findings, verdict.clones) == (0, [], {"updated": 2})


def test_another_label_is_a_disk_that_goes(left: Fleet) -> None:
    disks = machine(left.source, left.plugin.release)["disk"]
    verdict = left.judged(disk=[disks[0], disks[1] | {"label": "data"}])
    assert (verdict.code, verdict.findings) == (1, [("disk", "error", "disk[1]")])
    first = verdict.report["findings"][0]
    assert (first["old"], first["reason"]) == (
        "disk1 (scsi unit 1, 8 GiB)",
        "The disk there gets the label data; the provider destroys it, and makes an empty one.",
    )


def test_another_host_is_a_move(left: Fleet) -> None:
    verdict = left.judged(host_system_id="host-0")
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


def test_the_plan_of_a_stack_is_made_and_judged(workspace: Workspace) -> None:
    synthesized = workspace.run("python", "main.py")
    assert synthesized.code == 0, synthesized.output

    judged = workspace.run("instant-clone", "guard", "--stack", "web")

    assert (judged.code, judged.output.splitlines()[-2:]) == (
        0,
        ["2 clones: 2 made.", "Nothing reboots, replaces or moves a clone, or takes a disk from it."],
    )

    del workspace.environment["VSPHERE_SERVER"]
    failed = workspace.run("instant-clone", "guard", "--stack", "web")

    assert failed.code == 2
    command = Path(workspace.environment.get("TERRAFORM_BINARY_NAME") or "terraform").name
    assert f"instant-clone: `{command} plan` of cdktf.out/stacks/web failed with exit code 1:" in failed.output
    assert "one of vsphere_server" in failed.output
