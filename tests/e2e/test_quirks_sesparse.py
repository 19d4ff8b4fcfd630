# SPDX-License-Identifier: MPL-2.0
"""Disks with the backing VirtualDiskSeSparseBackingInfo, which no release of the stock provider reads.

vCenter reports it for the clones of the sources "sparse" and "stuck", for the source "growing" after its first clone,
and for the clone of "moved" after another user has cloned it. The clone of "plain" has no such disks.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import pytest

from testkit.clone_stack import document, machine, source_of
from testkit.simulator import Simulator
from tests.conftest import StartSimulator
from tests.e2e.conftest import Plugin
from tests.e2e.terraform import Diagnostic, Outcome, Terraform
from tests.vcsim.client import Client, clone

pytestmark = pytest.mark.attached

SOURCES = ["sparse", "stuck", "growing", "moved", "plain"]
NOT_SUPPORTED = "Disk format not supported"
FORMAT = "vCenter reports the format SEsparse (VirtualDiskSeSparseBackingInfo) for these disks:"
CAUSE = "No release of the stock vSphere provider reads disks of this format. VMFS 6 uses it for all delta disks, "


def _address(name: str) -> str:
    return f"vsphere_virtual_machine.{name}"


def _named(outcome: Outcome, name: str) -> dict[str, Diagnostic]:
    """Return the diagnostics about a clone by summary."""
    return {each.summary: each for each in outcome.diagnostics if each.address == _address(name)}


@dataclass(frozen=True)
class Story:
    """The outcomes of the commands, in their order."""

    applied: Outcome
    in_state: list[str]
    in_vcenter: list[str]
    """the clones in vCenter after the first apply"""
    next_plan: Outcome
    """with a second clone of "growing", after "of-moved" got SEsparse disks"""
    plan_without_refresh: Outcome
    """without the second clone of "growing" """
    repaired: tuple[Outcome, Outcome]
    """an apply after vCenter reports other disks for new clones, and the next plan"""
    destroyed: Outcome
    left: list[str]
    """the VMs after the destroy, without the sources"""
    calls: Mapping[str, list[str]]
    """the methods that were called on each clone until the end of the second apply"""


@pytest.fixture(scope="module")
def story(start_simulator: StartSimulator, plugin: Plugin, tmp_path_factory: pytest.TempPathFactory) -> Story:
    simulator = start_simulator("-source", ",".join(SOURCES), "-vm", 0, "-tools", "0s")
    folder = tmp_path_factory.mktemp("sesparse")
    sources = {name: source_of(simulator, name) for name in SOURCES}
    for name in ("sparse", "stuck"):
        simulator.quirk("se-sparse", "backing", vm=name)
    for name in ("growing", "of-moved"):
        simulator.quirk("source-se-sparse", "backing", vm=name)
    simulator.fault("Destroy_Task", "TaskInProgress", vm="of-stuck")
    machines = {f"of-{name}": machine(source, plugin.release, name=f"of-{name}") for name, source in sources.items()}
    second = machine(sources["growing"], plugin.release, name="second")
    new = partial(Terraform, environment=simulator.environment(plugin.environment), initialised=plugin.initialised)
    with plugin.attached(simulator) as attached:
        early = new(folder / "early", attached=attached)
        early.write(document(plugin.release, machines))
        applied, in_state = early.run("apply"), sorted(early.instances())
    in_vcenter = _clones(simulator)
    with Client(simulator) as client:
        clone(client.vm("of-moved"), "another-user")
    # Another plugin process, because a process caches the sources.
    with plugin.attached(simulator) as attached:
        late = new(folder / "late", attached=attached)
        shutil.copyfile(early.folder / "terraform.tfstate", late.folder / "terraform.tfstate")
        late.write(document(plugin.release, machines | {"second": second}))
        next_plan = late.run("plan")
        late.write(document(plugin.release, machines))
        plan_without_refresh = late.run("plan", "-refresh=false")
        simulator.reset_quirks()
        repaired = (late.run("apply", "-refresh=false"), late.run("plan", "-refresh=false"))
        calls = {name: [call.method for call in simulator.calls(name)] for name in machines}
        destroyed = late.run("destroy", "-refresh=false")
    return Story(
        applied, in_state, in_vcenter, next_plan, plan_without_refresh, repaired, destroyed, _clones(simulator), calls
    )


def _clones(simulator: Simulator) -> list[str]:
    with Client(simulator) as client:
        names = [each.name for each in client.find("vm").childEntity]
    return sorted(name for name in names if name not in (*SOURCES, "golden-off"))


def test_removes_the_clone_and_explains_its_disks(story: Story) -> None:
    found = _named(story.applied, "of-sparse")

    assert [each.partition(":")[0] for each in found] == ["disk.0", NOT_SUPPORTED, "Clone creation rolled back"]
    lines = found[NOT_SUPPORTED].detail.splitlines()
    assert lines[:3] == [
        f"/DC0/vm/of-sparse: {FORMAT}",
        "  Hard disk 1 ([LocalDS_0] of-sparse/of-sparse.vmdk, OTHER)",
        "  Hard disk 2 ([LocalDS_0] of-sparse/of-sparse_1.vmdk, OTHER)",
    ]
    assert lines[3].startswith(CAUSE)
    assert lines[3].endswith("Use a source whose disks are on a datastore with another file system, such as vSAN.")
    assert "of-sparse" not in (*story.in_state, *story.in_vcenter)


def test_no_clone_is_missing_in_the_state(story: Story) -> None:
    assert story.in_state == story.in_vcenter == ["of-growing", "of-moved", "of-plain", "of-stuck"]
    assert list(_named(story.applied, "of-stuck"))[1:] == [NOT_SUPPORTED, "Clone is tainted"]


def test_plan_replaces_a_tainted_clone_that_cannot_be_read(story: Story) -> None:
    (message,) = _named(story.next_plan, "of-stuck").values()

    assert (message.severity, message.summary) == ("warning", "Clone cannot be read")
    assert message.detail.startswith(f"/DC0/vm/of-stuck: {FORMAT}")
    assert story.next_plan.changes == {_address("of-stuck"): "replace", _address("of-sparse"): "create"}


def test_plan_of_a_second_clone_explains_the_disks_of_the_source(story: Story) -> None:
    found = _named(story.next_plan, "second")

    assert len(found) == 2
    assert found[NOT_SUPPORTED].detail.startswith(f"/DC0/vm/growing: {FORMAT}")
    assert "of-growing" not in str(story.next_plan.diagnostics)


def test_refresh_explains_the_disks_of_a_clone_that_was_readable(story: Story) -> None:
    found = _named(story.next_plan, "of-moved")

    assert len(found) == 2
    assert found[NOT_SUPPORTED].detail.startswith(f"of-moved: {FORMAT}")
    assert found[NOT_SUPPORTED].detail.endswith("Until then, plan, apply or destroy with -refresh=false.")


def test_without_a_refresh_all_commands_work(story: Story) -> None:
    repair = {_address("of-stuck"): "replace", _address("of-sparse"): "create"}
    assert story.plan_without_refresh.require().changes == repair
    applied, planned = story.repaired
    assert applied.require().changes == repair
    assert (applied.diagnostics, planned.require().changes) == ([], {})
    assert story.calls == {
        "of-sparse": ["PowerOffVM_Task", "Destroy_Task"],
        "of-stuck": ["PowerOffVM_Task", "Destroy_Task", "Destroy_Task"],
        "of-growing": [],
        # The call of the other user.
        "of-moved": ["InstantClone_Task"],
        "of-plain": [],
    }


def test_destroys_the_clones_and_no_other_vm(story: Story) -> None:
    names = [f"of-{name}" for name in SOURCES]
    assert story.destroyed.require().changes == {_address(name): "delete" for name in names}
    assert story.left == ["another-user"]
