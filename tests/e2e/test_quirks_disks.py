# SPDX-License-Identifier: MPL-2.0
"""Clones in a vCenter that creates or reports their disks in another way than the default simulator.

Each source has a different quirk, so that each Terraform command covers all quirks.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer
from pyVmomi import vim
from typer.testing import CliRunner

from instant_clone.cli.record import record
from instant_clone.vcenter.cloning.clone_task import Cloner
from instant_clone.vcenter.cloning.live_vm import find_vm
from instant_clone.vcenter.session.connection import ConnectionSettings, connect
from instant_clone.vm import record as records
from instant_clone.vm.source_vm import SourceVm
from testkit.clone_stack import document, machine
from testkit.simulator import Simulator
from tests.conftest import StartSimulator
from tests.e2e.conftest import Plugin
from tests.e2e.terraform import Outcome, Terraform
from tests.vcsim.client import Client, clone, disks

pytestmark = pytest.mark.attached

HIDDEN = {"delta-parents": "unset", "source-delta-parents": "unset"}
SPARSE = {"se-sparse": "format", "source-se-sparse": "format"}
FROZEN = {"frozen-source-deltas": "once"}
QUIRKS: dict[str, Mapping[str, str]] = {
    "hidden": HIDDEN,
    "sparse": SPARSE,
    "hidden-sparse": SPARSE | {"delta-parents": "unset"},
    "same-uuids": {"disk-uuids": "kept"},
    "frozen": FROZEN,
    "frozen-hidden": FROZEN | HIDDEN,
}
"""the quirks of each source"""
DEEPER = {f"deeper-{name}": QUIRKS[name] for name in ("hidden", "sparse", "same-uuids", "frozen", "frozen-hidden")}
"""the quirks of each source that already has one delta disk on each disk before its look-up"""
SOURCES = QUIRKS | DEEPER
FLEET = """\
[fleets.{name}]
datacenter = "DC0"
datastore = "LocalDS_0"
resource_pool = "DC0_C0/Resources"
[[fleets.{name}.sources]]
vm = "{name}"
count = 2
"""
ADDED = {"label": "added", "unit_number": 4, "size": 1}
Chains = Mapping[str, tuple[int, int]]
"""the depth of the longest disk chain and the number of delta disks by VM"""


def _addresses(action: str, *kinds: str) -> dict[str, str]:
    return {f"vsphere_virtual_machine.{kind}-{name}": action for kind in kinds for name in SOURCES}


@dataclass(frozen=True)
class Story:
    """The outcomes of the commands, in their order."""

    simulator: Simulator
    applied: Outcome
    """creates one clone "first-…" of each source"""
    next_plan: Outcome
    changed: Outcome
    """changes the first clones, and creates a clone "second-…" of each source"""
    plan_after_change: Outcome
    refreshed: Outcome
    checks: list[str]
    """the outputs of `instant-clone record --check`: after the first and the second apply"""
    chains: Chains
    """after the second apply"""
    labels: Mapping[str, list[tuple[str, str]]]
    """labels and UUIDs of the disks in the state after the second apply, by clone"""
    uuids: Mapping[str, list[str]]
    """UUIDs of the disks of all VMs after the second apply, by VM"""
    grown: Outcome
    """a plan that extends the first disk of each first clone"""
    destroyed: Outcome
    before: Mapping[str, Any]
    """the files of the disks of each other VM before the destroy"""
    after: Mapping[str, Any]
    """the same files after the destroy"""


class Vcenter:
    """The VMs of a simulator, and the records of its sources in a folder."""

    def __init__(self, simulator: Simulator, folder: Path) -> None:
        self.simulator, self._folder = simulator, folder
        (folder / "fleets.toml").write_text("\n".join(FLEET.format(name=name) for name in SOURCES))

    def record(self, *arguments: str) -> str:
        """Run `instant-clone record`, and return its output."""
        app = typer.Typer()
        app.command()(record)
        with contextlib.chdir(self._folder):
            return CliRunner().invoke(app, list(arguments), env=self.simulator.environment({})).output

    def sources(self) -> dict[str, SourceVm]:
        return {name: records.load(self._folder / "sources" / f"{name}.json") for name in SOURCES}

    def vms(self, client: Client) -> dict[str, Any]:
        return {each.name: each for each in client.find("vm").childEntity if isinstance(each, vim.VirtualMachine)}

    def chains(self, client: Client) -> Chains:
        """Return the chains as the product reads them."""
        address, user, password = self.simulator.address, self.simulator.user, self.simulator.password
        with connect(ConnectionSettings(address, user, password, allow_unverified_ssl=True)) as session:
            cloner = Cloner(session)
            return {
                name: (find_vm(session, vm.config.uuid).chain_depth, len(cloner.deltas(vm._moId)))
                for name, vm in self.vms(client).items()
            }

    def files(self, client: Client) -> dict[str, list[tuple[str, bool]]]:
        """Return the files of all disk chains of VMs that are not clones of Terraform, and whether the files exist."""
        return {
            name: [
                (file.name, client.has_file(file.name)) for file in vm.layoutEx.file if file.type == "diskDescriptor"
            ]
            for name, vm in self.vms(client).items()
            if not name.startswith(("first-", "second-"))
        }


@pytest.fixture(scope="module")
def story(start_simulator: StartSimulator, plugin: Plugin, tmp_path_factory: pytest.TempPathFactory) -> Story:
    simulator = start_simulator("-source", ",".join(SOURCES), "-vm", 0, "-tools", "0s")
    folder = tmp_path_factory.mktemp("disks")
    vcenter = Vcenter(simulator, folder)
    with Client(simulator) as client:
        for name, quirks in SOURCES.items():
            for quirk, value in quirks.items():
                simulator.quirk(quirk, value, vm=name)
            if name in DEEPER:
                clone(client.vm(name), f"other-{name}")
            if "frozen-source-deltas" in quirks:
                simulator.freeze(name)
        vcenter.record()
        return _told(plugin, vcenter, client, folder)


def _told(plugin: Plugin, vcenter: Vcenter, client: Client, folder: Path) -> Story:
    sources, simulator, release = vcenter.sources(), vcenter.simulator, plugin.release
    bodies = {f"first-{name}": machine(source, release, name=f"first-{name}") for name, source in sources.items()}
    environment = simulator.environment(plugin.environment)
    # Two plugin processes, because a process caches the sources. The second process reads their delta disks.
    with plugin.attached(simulator) as attached:
        early = Terraform(folder / "early", environment, initialised=plugin.initialised, attached=attached)
        early.write(document(release, bodies))
        applied = early.run("apply", "-parallelism=30")
        next_plan, checks = early.run("plan"), [vcenter.record("--check")]
    for name, source in sources.items():
        first = bodies[f"first-{name}"]
        bodies[f"first-{name}"] = first | {"annotation": "changed", "disk": [*first["disk"], ADDED]}
        bodies[f"second-{name}"] = machine(source, release, name=f"second-{name}")
    with plugin.attached(simulator) as attached:
        late = Terraform(folder / "late", environment, initialised=plugin.initialised, attached=attached)
        shutil.copyfile(early.folder / "terraform.tfstate", late.folder / "terraform.tfstate")
        late.write(document(release, bodies))
        changed = late.run("apply", "-parallelism=30")
        plan_after_change, refreshed = late.run("plan"), late.run("apply", "-refresh-only")
        checks.append(vcenter.record("--check"))
        chains, vms, before = vcenter.chains(client), vcenter.vms(client), vcenter.files(client)
        labels = {name: [(disk["label"], disk["uuid"]) for disk in late.attributes(name)["disk"]] for name in bodies}
        uuids = {name: [disk.backing.uuid for disk in disks(vm)] for name, vm in vms.items()}
        for name in sources:
            first, *rest = bodies[f"first-{name}"]["disk"]
            bodies[f"first-{name}"]["disk"] = [first | {"size": first["size"] + 4}, *rest]
        late.write(document(release, bodies))
        grown = late.run("plan")
        destroyed = late.run("destroy", "-refresh=false", "-parallelism=30")
    return Story(
        simulator, applied, next_plan, changed, plan_after_change, refreshed, checks, chains, labels, uuids, grown,
        destroyed, before, vcenter.files(client),
    )  # fmt: skip


def _methods(story: Story, kind: str) -> dict[str, list[str]]:
    """Return the methods that changed a clone of each source before its destroy."""
    ending = ("PowerOffVM_Task", "ShutdownGuest", "Destroy_Task")
    return {
        name: [call.method for call in story.simulator.calls(f"{kind}-{name}") if call.method not in ending]
        for name in SOURCES
    }


def test_creates_a_clone_of_each_source_and_the_next_plan_is_empty(story: Story) -> None:
    assert story.applied.require().changes == _addresses("create", "first")
    assert story.applied.diagnostics == []
    assert (story.next_plan.require().changes, story.next_plan.diagnostics) == ({}, [])


def test_changes_running_clones_and_clones_each_source_again(story: Story) -> None:
    assert story.changed.require().changes == _addresses("update", "first") | _addresses("create", "second")
    assert story.changed.diagnostics == []
    assert _methods(story, "first") == {name: ["ReconfigVM_Task"] for name in SOURCES}
    assert _methods(story, "second") == {name: [] for name in SOURCES}
    for planned in (story.plan_after_change, story.refreshed):
        assert (planned.require().changes, planned.diagnostics) == ({}, [])


def test_records_do_not_change_with_the_delta_disks_of_the_sources(story: Story) -> None:
    unchanged = "".join(f"sources/{name}.json unchanged\n" for name in SOURCES)
    assert story.checks == [unchanged, unchanged]


@pytest.mark.parametrize("name", SOURCES)
def test_state_has_the_disks_of_the_clone(story: Story, name: str) -> None:
    """In particular if the disks of the clone have the UUIDs of the disks of the source."""
    for kind, labels in (("first", ["disk0", "disk1", "added"]), ("second", ["disk0", "disk1"])):
        assert story.labels[f"{kind}-{name}"] == list(zip(labels, story.uuids[f"{kind}-{name}"], strict=True))
        same = story.uuids[f"{kind}-{name}"][:2] == story.uuids[name]
        assert same == ("disk-uuids" in SOURCES[name])


@pytest.mark.parametrize("name", SOURCES)
def test_chain_depth_counts_all_delta_disks(story: Story, name: str) -> None:
    """Each clone of a running source adds a delta disk to the source. A frozen source gets one delta disk in total."""
    before = 1 if name in DEEPER else 0
    frozen = "frozen-source-deltas" in SOURCES[name]
    assert {vm: story.chains[vm] for vm in (name, f"first-{name}", f"second-{name}")} == {
        name: (before + (1 if frozen else 2), 2),
        f"first-{name}": (before + 1, 2),
        f"second-{name}": (before + (1 if frozen else 2), 2),
    }


def test_plan_rejects_the_extension_of_each_delta_disk(story: Story) -> None:
    assert {(each.address, each.summary) for each in story.grown.errors} == {
        (address, "Delta disk cannot be extended") for address in _addresses("", "first")
    }
    assert story.grown.changes == {}


def test_destroys_the_clones_and_keeps_the_disks_of_all_other_vms(story: Story) -> None:
    assert story.destroyed.require().changes == _addresses("delete", "first", "second")
    assert set(story.after) == {*SOURCES, *(f"other-{name}" for name in DEEPER), "golden-off"}
    assert story.after == story.before
    assert all(exists for files in story.after.values() for _, exists in files)
    assert {call.method for name in SOURCES for call in story.simulator.calls(name)} == {"InstantClone_Task"}
