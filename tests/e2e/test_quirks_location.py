# SPDX-License-Identifier: MPL-2.0
"""Clones in a vCenter that does not heed the location of a clone request.

The source "devices" heeds only the device changes of the location, and the source "ignored" heeds nothing.
"""

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
from tests.vcsim.client import Client, clone

pytestmark = pytest.mark.attached

OWNER = "5f3759df-0000-4000-8000-000000000001"
OTHERS = {
    "vsphere_resource_pool": "DC0_C0/Resources/DC0_C0_RP1",
    "vsphere_datastore": "LocalDS_1",
    "vsphere_network": "DC0_DVPG1",
}
"""the names of the objects that are not those of the source, by data source"""
IN_DATACENTER = {"datacenter_id": "${data.vsphere_datacenter.datacenter.id}"}
FOLDER = {"folder": "asked"}
ELSEWHERE = FOLDER | {
    "resource_pool_id": "${data.vsphere_resource_pool.other.id}",
    "datastore_id": "${data.vsphere_datastore.other.id}",
}
NETWORK = {"network_interface": {"network_id": "${data.vsphere_network.other.id}"}}
STATIC = {"network_interface": {"use_static_mac": True, "mac_address": "00:50:56:2a:00:01"}}

Clones = Mapping[str, tuple[str, Mapping[str, Any]]]
CLONES: Clones = {
    "home": ("devices", {}),
    "placed": ("devices", FOLDER),
    "changed": ("devices", FOLDER | {"annotation": "new", "memory": 8192}),
    "connected": ("devices", FOLDER | NETWORK),
    "elsewhere": ("devices", ELSEWHERE),
    "orphan": ("devices", FOLDER),
    "taken": ("devices", FOLDER),
    "rewired": ("ignored", NETWORK),
    "static": ("ignored", STATIC),
}
"""the source of each clone, and its arguments; the arguments in network_interface change the first interface"""
CORRECTED: Clones = {
    **{name: CLONES[name] for name in CLONES if name != "taken"},
    "elsewhere": ("devices", {}),
    "static": ("ignored", {}),
}
AT_HOME = ("vm", "Resources", "LocalDS_0")
"""the folder, the resource pool and the datastore of the sources"""


@dataclass(frozen=True)
class Story:
    """The outcomes of the commands in their order, and what vCenter showed after the first and second apply."""

    applied: Outcome
    created: Mapping[str, list[str]]
    """the methods that changed each clone"""
    places: Mapping[str, tuple[str, str, str]]
    """folder, resource pool and datastore of each VM with the name of a clone"""
    orphan: str
    """UUID of the clone that an interrupted apply left behind"""
    adopted: str
    """UUID of this clone in the state"""
    hardware: Mapping[str, Any]
    """`config` of each clone"""
    networks: Mapping[str, str]
    """the network of each clone's interface"""
    next_plan: Outcome
    corrected: Outcome
    moved: Mapping[str, list[str]]
    """the methods that changed each clone until the end of the second apply"""
    new_places: Mapping[str, tuple[str, str, str]]
    last_plan: Outcome
    destroyed: Outcome
    left: frozenset[str]
    """the VMs after the destroy"""
    sources: list[str]
    """the methods that were called on the sources"""

    def messages(self, name: str) -> list[Diagnostic]:
        """Return the messages of the first apply about a clone."""
        return [each for each in self.applied.diagnostics if each.address == f"vsphere_virtual_machine.{name}"]

    def summaries(self, name: str) -> list[str]:
        return [f"{each.severity}: {each.summary}" for each in self.messages(name)]


class Inventory:
    """The VMs of a simulator."""

    def __init__(self, simulator: Simulator, client: Client) -> None:
        self._simulator, self._client = simulator, client

    def vms(self) -> dict[str, Any]:
        """Return the VMs in the folders "vm" and "vm/asked" by name."""
        found = [*self._client.find("vm").childEntity, *self._client.find("vm/asked").childEntity]
        return {each.name: each for each in found if isinstance(each, vim.VirtualMachine)}

    def places(self) -> dict[str, tuple[str, str, str]]:
        return {
            name: (vm.parent.name, vm.resourcePool.name, vm.config.files.vmPathName.partition("]")[0][1:])
            for name, vm in self.vms().items()
        }

    def methods(self) -> dict[str, list[str]]:
        return {name: [call.method for call in self._simulator.calls(name)] for name in CLONES}


@pytest.fixture(scope="module")
def simulated(start_simulator: StartSimulator) -> Simulator:
    return start_simulator("-source", "devices,ignored", "-vm", 0, "-tools", "0s")


@pytest.fixture(scope="module")
def client(simulated: Simulator) -> Iterator[Client]:
    with Client(simulated) as client:
        yield client


@pytest.fixture(scope="module")
def story(
    simulated: Simulator, client: Client, plugin: Plugin, attach: Attach, tmp_path_factory: pytest.TempPathFactory
) -> Story:
    sources = {name: source_of(simulated, name) for name in ("devices", "ignored")}
    marks = {name: {OWNER_KEY: f"{OWNER}/web/{name}/{sources[source].uuid}/1"} for name, (source, _) in CLONES.items()}
    client.find("vm").CreateFolder("asked")
    clone(client.vm("devices"), "taken")
    orphan = clone(client.vm("devices"), "orphan", config=marks["orphan"])
    simulated.quirk("location", "only-devices", vm="devices")
    simulated.quirk("location", "ignored", vm="ignored")
    terraform = Terraform(
        tmp_path_factory.mktemp("location") / "terraform",
        simulated.environment(plugin.environment),
        initialised=plugin.initialised,
        attached=attach(simulated),
    )
    inventory = Inventory(simulated, client)

    def write(clones: Clones) -> None:
        machines = {}
        for name, (source, arguments) in clones.items():
            body = machine(sources[source], plugin.release, name=name, extra_config=marks[name])
            interface = body["network_interface"][0] | arguments.get("network_interface", {})
            machines[name] = body | dict(arguments) | {"network_interface": [interface]}
        whole = document(plugin.release, machines)
        for kind, name in OTHERS.items():
            whole["data"].setdefault(kind, {})["other"] = {"name": name, **IN_DATACENTER}
        terraform.write(whole)

    write(CLONES)
    applied, created, vms = terraform.run("apply", "-parallelism=20"), inventory.methods(), inventory.vms()
    story = {
        "places": inventory.places(),
        "orphan": orphan.config.uuid,
        "adopted": terraform.attributes("orphan")["uuid"],
        "hardware": {name: vms[name].config for name in CLONES},
        "networks": {name: vms[name].network[0].name for name in CLONES},
        "next_plan": terraform.run("plan"),
    }
    write(CORRECTED)
    story |= {"corrected": terraform.run("apply", "-parallelism=20"), "moved": inventory.methods()}
    story |= {
        "new_places": inventory.places(),
        "last_plan": terraform.run("plan"),
        "destroyed": terraform.run("destroy"),
    }
    calls = [call.method for name in sources for call in simulated.calls(name)]
    return Story(applied=applied, created=created, left=frozenset(inventory.vms()), sources=calls, **story)


@pytest.mark.parametrize("name", ["placed", "changed", "connected", "elsewhere"])
def test_warns_of_the_location_and_moves_no_clone(story: Story, name: str) -> None:
    (message,) = story.messages(name)

    assert (message.severity, message.summary) == ("warning", "Clone is at another location")
    lines = message.detail.splitlines()
    assert lines[0] == f"/DC0/vm/{name}: vCenter did not create this clone at the requested location:"
    assert '  folder: the configuration has "asked", the clone has "".' in lines
    assert [line.split(":")[0].strip() for line in lines[1:-1]] == (
        ["datastore_id", "folder", "resource_pool_id"] if name == "elsewhere" else ["folder"]
    )
    assert "This apply did not move the clone." in lines[-1]
    assert story.places[name] == AT_HOME
    assert story.created[name] == (["ReconfigVM_Task"] if name == "changed" else [])


def test_no_message_about_a_clone_at_its_requested_location(story: Story) -> None:
    assert (story.summaries("home"), story.created["home"]) == ([], [])


def test_requested_changes_and_device_changes_still_apply(story: Story) -> None:
    changed = story.hardware["changed"]
    assert (changed.annotation, changed.hardware.memoryMB) == ("new", 8192)
    assert (story.networks["connected"], story.networks["placed"]) == ("DC0_DVPG1", "DC0_DVPG0")


def test_adopts_a_clone_of_an_interrupted_apply_at_its_location(story: Story) -> None:
    assert story.summaries("orphan") == [
        "warning: Existing clone adopted",
        "warning: Adopted clone differs from configuration",
    ]
    assert story.adopted == story.orphan
    assert story.created["orphan"] == []


def test_names_the_vm_that_has_the_name_at_the_location(story: Story) -> None:
    """vCenter creates the clone in a folder that the plan does not search."""
    (message,) = story.messages("taken")

    assert (message.severity, message.summary) == ("error", "Name already in use")
    assert message.detail.startswith("/DC0/vm/taken: a virtual machine with this name already exists")
    assert story.created["taken"] == []


def test_changes_the_network_of_the_running_clone_if_vcenter_ignored_it(story: Story) -> None:
    (message,) = story.messages("rewired")

    assert (message.severity, message.summary) == ("warning", "Interface changed after cloning")
    assert "  network_interface[0].network_id: the configuration has " in message.detail
    assert story.created["rewired"] == ["ReconfigVM_Task"]
    assert story.networks["rewired"] == "DC0_DVPG1"


def test_taints_a_clone_if_vcenter_ignored_its_mac_address(story: Story) -> None:
    """A running VM does not accept a new MAC address."""
    assert story.summaries("static") == [
        "warning: Interface changed after cloning",
        "error: *types.InvalidPowerState",
        "error: Clone is tainted",
    ]
    assert story.messages("static")[0].detail.endswith(
        "If it does, remove use_static_mac and mac_address from the configuration."
    )


def test_next_plan_moves_clones_between_folders_and_rejects_other_moves(story: Story) -> None:
    changes = dict.fromkeys(("placed", "changed", "connected", "orphan"), "update")
    assert story.next_plan.changes == {
        f"vsphere_virtual_machine.{name}": action
        for name, action in (changes | {"taken": "create", "static": "replace"}).items()
    }
    assert [(each.summary, each.address) for each in story.next_plan.errors] == [
        ("Change requires reboot or move", "vsphere_virtual_machine.elsewhere")
    ]


def test_corrected_configuration_moves_running_clones_and_ends_in_an_empty_plan(story: Story) -> None:
    assert story.corrected.require().diagnostics == []
    assert story.last_plan.require().changes == {}
    moved = {name: story.moved[name][len(story.created[name]) :] for name in CLONES}
    replaced = ["ShutdownGuest", "Destroy_Task"]
    in_folder = {name: ["MoveIntoFolder_Task"] for name in ("placed", "changed", "connected", "orphan")}
    assert moved == {name: [] for name in CLONES} | in_folder | {"static": replaced}
    assert {name for name, place in story.new_places.items() if place == ("asked", *AT_HOME[1:])} == set(in_folder)


def test_destroys_the_clones_and_no_other_vm(story: Story) -> None:
    assert story.destroyed.require().changes == {f"vsphere_virtual_machine.{name}": "delete" for name in CORRECTED}
    assert story.left == {"devices", "ignored", "golden-off", "taken"}
    assert set(story.sources) == {"InstantClone_Task"}
