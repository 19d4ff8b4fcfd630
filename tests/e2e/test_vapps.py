# SPDX-License-Identifier: MPL-2.0
"""Clones of a source in a vApp, and clones whose resource pool is a vApp or is in a vApp."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from pyVmomi import vim

from instant_clone.ownership import OWNER_KEY
from testkit.clone_stack import document, machine, source_of
from testkit.simulator import Simulator
from tests.conftest import StartSimulator
from tests.e2e.conftest import Attach, Plugin
from tests.e2e.terraform import Diagnostic, Outcome, Terraform
from tests.vcsim.client import Client, clone, make_vapp, pool_spec

pytestmark = pytest.mark.attached

OWNER = "5f3759df-0000-4000-8000-000000000001"
IN_DATACENTER = {"datacenter_id": "${data.vsphere_datacenter.datacenter.id}"}
IN_VAPP = {"resource_pool_id": "${data.vsphere_vapp_container.app.id}"}
IN_POOL_IN_VAPP = {"resource_pool_id": "${local.inner_pool}"}
ASKED = {"folder": "asked"}

Clones = Mapping[str, Mapping[str, Any]]
REFUSED: Clones = {"foldered": IN_VAPP | ASKED, "inner": IN_POOL_IN_VAPP, "taken": IN_VAPP}
"""the arguments of clones that a plan rejects"""
CLONES: Clones = {"home": {}, "placed": ASKED, "inside": IN_VAPP | {"annotation": "new"}, "orphan": IN_VAPP}
SOURCE_PATH = "/DC0/vm/app/web"
ADDRESSES = [f"vsphere_virtual_machine.{name}" for name in CLONES]


@dataclass(frozen=True)
class Story:
    """The outcomes of the commands in their order, and what vCenter showed after the apply."""

    source_path: str
    refused: Outcome
    applied: Outcome
    places: Mapping[str, tuple[str | None, str | None, str]]
    """folder, vApp and resource pool of each clone and of the source"""
    annotation: str
    """the annotation of the clone "inside" """
    orphan: str
    """UUID of the clone that an interrupted apply left in the vApp"""
    adopted: str
    """UUID of this clone in the state"""
    next_plan: Outcome
    calls: Mapping[str, list[str]]
    """the methods that changed each clone and the source until the end of this plan"""
    destroyed: Outcome
    left: frozenset[str]
    """the VMs in the vApp after the destroy"""

    def refusal(self, name: str) -> Diagnostic:
        """Return the only message of the rejected plan about a clone."""
        (message,) = [each for each in self.refused.diagnostics if each.address == f"vsphere_virtual_machine.{name}"]
        return message


@pytest.fixture(scope="module")
def simulated(start_simulator: StartSimulator) -> Simulator:
    return start_simulator("-source", "web", "-vm", 0, "-tools", "0s")


@pytest.fixture(scope="module")
def client(simulated: Simulator) -> Iterator[Client]:
    with Client(simulated) as client:
        yield client


@pytest.fixture(scope="module")
def story(
    simulated: Simulator, client: Client, plugin: Plugin, attach: Attach, tmp_path_factory: pytest.TempPathFactory
) -> Story:
    client.find("vm").CreateFolder("asked")
    app, web = make_vapp(client, "app"), client.vm("web")
    inner = app.CreateResourcePool("inner", pool_spec())
    app.MoveIntoResourcePool([web])
    source = source_of(simulated, "web")
    marks = {name: {OWNER_KEY: f"{OWNER}/web/{name}/{source.uuid}/1"} for name in {**REFUSED, **CLONES}}
    orphan = clone(web, "orphan", config=marks["orphan"], pool=app)
    clone(web, "taken", pool=app)
    terraform = Terraform(
        tmp_path_factory.mktemp("vapps") / "terraform",
        simulated.environment(plugin.environment),
        initialised=plugin.initialised,
        attached=attach(simulated),
    )

    def write(clones: Clones) -> None:
        of_source = {"instantclone": [{"source_uuid": "${data.vsphere_virtual_machine.source.id}"}]}
        machines = {
            name: machine(source, plugin.release, name=name, extra_config=marks[name]) | of_source | dict(arguments)
            for name, arguments in clones.items()
        }
        whole = document(plugin.release, machines, locals={"inner_pool": inner._moId})
        whole["data"]["vsphere_vapp_container"] = {"app": {"name": "app", **IN_DATACENTER}}
        whole["data"]["vsphere_virtual_machine"] = {"source": {"name": source.inventory_path}}
        terraform.write(whole)

    def place(vm: Any) -> tuple[str | None, str | None, str]:
        return vm.parent and vm.parent.name, vm.parentVApp and vm.parentVApp.name, vm.resourcePool.name

    write(REFUSED)
    refused = terraform.run("plan")
    write(CLONES)
    applied = terraform.run("apply", "-parallelism=20")
    folders = [client.find(path) for path in ("vm", "vm/asked")]
    children = [child for folder in folders for child in folder.childEntity]
    vms: dict[str, Any] = {vm.name: vm for vm in [*app.vm, *children] if isinstance(vm, vim.VirtualMachine)}
    adopted, next_plan = terraform.attributes("orphan")["uuid"], terraform.run("plan")
    story = {
        "places": {name: place(vms[name]) for name in ["web", *CLONES]},
        "annotation": vms["inside"].config.annotation,
        "calls": {name: [call.method for call in simulated.calls(name)] for name in ["web", *CLONES]},
        "orphan": orphan.config.uuid,
    }
    destroyed = terraform.run("destroy")
    return Story(
        source_path=source.inventory_path,
        refused=refused,
        applied=applied,
        adopted=adopted,
        next_plan=next_plan,
        destroyed=destroyed,
        left=frozenset(vm.name for vm in app.vm),
        **story,
    )


def test_finds_the_source_below_its_vapp(story: Story) -> None:
    assert story.source_path == SOURCE_PATH


def test_plan_rejects_a_folder_for_a_clone_in_a_vapp(story: Story) -> None:
    """The message is the stock provider's."""
    assert story.refusal("foldered").summary == "cannot set folder while VM is in a vApp container"


def test_plan_rejects_a_resource_pool_in_a_vapp(story: Story) -> None:
    message = story.refusal("inner")
    assert message.summary == "Invalid resource_pool_id"
    assert message.detail.startswith("Resource pool inner (resgroup-")
    assert message.detail.endswith(
        "): is in the vApp app, where the stock provider does not find a clone. Use a resource pool outside of vApps, "
        "or the vApp itself."
    )


def test_plan_rejects_a_name_in_use_in_the_vapp(story: Story) -> None:
    message = story.refusal("taken")
    assert message.summary == "Name already in use"
    assert message.detail.startswith("/DC0/vm/app/taken: a virtual machine with this name already exists")


def test_creates_clones_outside_and_inside_the_vapp(story: Story) -> None:
    assert [each.summary for each in story.applied.require().diagnostics] == ["Existing clone adopted"]
    in_app = (None, "app", "app")
    assert story.places == {
        "web": in_app,
        "home": ("vm", None, "Resources"),
        "placed": ("asked", None, "Resources"),
        "inside": in_app,
        "orphan": in_app,
    }
    assert story.annotation == "new"


def test_adopts_a_clone_of_an_interrupted_apply_in_the_vapp(story: Story) -> None:
    assert story.adopted == story.orphan


def test_next_plan_is_empty_and_nothing_moved_or_restarted(story: Story) -> None:
    assert story.next_plan.require().changes == {}
    assert {name: methods for name, methods in story.calls.items() if methods and name != "web"} == {
        "inside": ["ReconfigVM_Task"]
    }
    assert set(story.calls["web"]) == {"MoveIntoResourcePool", "InstantClone_Task"}


def test_destroys_the_clones_and_no_other_vm(story: Story) -> None:
    assert story.destroyed.require().changes == dict.fromkeys(ADDRESSES, "delete")
    assert story.left == {"web", "taken"}
