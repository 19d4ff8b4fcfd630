# SPDX-License-Identifier: MPL-2.0
"""Compare the predictions of instant_clone.impact.moves with the moves of the stock provider, in both directions.

Each change has its own clone. With on_reboot = "reboot", the plugin allows all changes, and one apply makes them. The
tests compare the plugin's warnings with the calls that the simulator received and with the new location of each clone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from instant_clone.stock_provider.releases import ProviderVersion
from instant_clone.vm.source_vm import SourceVm
from testkit.clone_stack import document, machine, source_of
from testkit.simulator import Simulator
from tests.conftest import StartSimulator
from tests.e2e.conftest import Attach, Plugin
from tests.e2e.terraform import Outcome, Terraform
from tests.vcsim.client import Client, disks

IN_DATACENTER = {"datacenter_id": "${data.vsphere_datacenter.datacenter.id}"}
CLUSTERS_MOVE = ProviderVersion("2.1.0")
"""The first release in which a change of datastore_cluster_id moves a VM."""
MOVE = {"RelocateVM_Task", "ApplyStorageDrsRecommendation_Task"}
POWER = {"PowerOffVM_Task", "PowerOnVM_Task", "RebootGuest", "ResetVM_Task", "ShutdownGuest"}


@dataclass(frozen=True)
class Story:
    """The warnings for each clone, and the calls that vCenter then received for it."""

    release: ProviderVersion
    applied: Outcome
    warned: Mapping[str, list[str]]
    """By clone: the arguments for which the apply warns of a power cycle or a move."""
    done: Mapping[str, list[str]]
    """By clone: the methods that were called during the apply."""
    places: Mapping[str, Mapping[str, object]]
    """By clone: the names of its resource pool, host and datastores."""
    next_plan: Mapping[str, str]

    def moved(self) -> set[str]:
        """Return the clones that were moved."""
        return {name for name, methods in self.done.items() if MOVE & set(methods)}


def _run_changes(
    simulator: Simulator,
    plugin: Plugin,
    attached: Mapping[str, str],
    folder: Path,
    changes: Mapping[str, tuple[Any, Any]],
    data: Mapping[str, Any],
) -> Story:
    """Create a clone with the first arguments of each change, then apply the second arguments."""
    release, source = plugin.release, source_of(simulator, "golden")
    terraform = Terraform(
        folder,
        simulator.environment(plugin.environment),
        initialised=plugin.initialised,
        attached=attached,
    )
    terraform.write(_document(source, release, changes, data, 0))
    terraform.run("apply", "-parallelism=20").require()
    before = {name: len(simulator.calls(f"c-{name}")) for name in changes}
    terraform.write(_document(source, release, changes, data, 1))
    applied = terraform.run("apply", "-parallelism=20")
    with Client(simulator) as client:
        places = {name: _place(client.vm(f"c-{name}")) for name in changes}
    return Story(
        release,
        applied,
        {
            each.address.partition(".")[2]: [
                line.strip().partition(":")[0] for line in each.detail.splitlines() if line.startswith("  ")
            ]
            for each in applied.diagnostics
            if each.summary == "Change reboots or moves clone"
        },
        {name: [call.method for call in simulator.calls(f"c-{name}")[count:]] for name, count in before.items()},
        places,
        terraform.plan(),
    )


def _document(
    source: SourceVm,
    release: ProviderVersion,
    changes: Mapping[str, tuple[Any, Any]],
    data: Mapping[str, Any],
    step: int,
) -> dict[str, Any]:
    block = [{"source_uuid": source.uuid, "on_reboot": "reboot"}]
    machines = {}
    for name, steps in changes.items():
        body = machine(source, release, name=f"c-{name}", instantclone=block) | steps[step]
        machines[name] = {argument: value for argument, value in body.items() if value is not None}
    whole = document(release, machines)
    for kind, added in data.items():
        whole["data"][kind] = {**whole["data"].get(kind, {}), **added}
    whole["resource"]["vsphere_folder"] = {"elsewhere": {"path": "elsewhere", "type": "vm", **IN_DATACENTER}}
    return whole


def _place(vm: Any) -> dict[str, object]:
    if vm is None:
        return {}
    return {
        "pool": vm.resourcePool.name,
        "host": vm.runtime.host.name,
        "home": vm.config.files.vmPathName.partition("]")[0].lstrip("["),
        "disks": [disk.backing.datastore.name for disk in disks(vm)],
        "power": vm.runtime.powerState,
    }


@pytest.fixture(scope="module")
def hosts(simulator_of_moves: Simulator) -> tuple[str, str]:
    """Return the source's host and another host of its cluster."""
    with Client(simulator_of_moves) as client:
        source_host = client.vm("golden").runtime.host.name
    return source_host, next(name for name in ("DC0_C0_H0", "DC0_C0_H1", "DC0_C0_H2") if name != source_host)


@pytest.fixture(scope="module")
def simulator_of_moves(start_simulator: StartSimulator) -> Simulator:
    return start_simulator("-source", "golden", "-tools", "0s", "-vm", 0)


@pytest.fixture(scope="module")
def story(
    simulator_of_moves: Simulator,
    hosts: tuple[str, str],
    plugin: Plugin,
    attach: Attach,
    tmp_path_factory: pytest.TempPathFactory,
) -> Story:
    source_disks = machine(source_of(simulator_of_moves, "golden"), plugin.release)["disk"]
    elsewhere = {"datastore_id": "${data.vsphere_datastore.other.id}"}
    changes: dict[str, tuple[Any, Any]] = {
        "nothing": ({}, {}),
        "folder": ({}, {"folder": "${vsphere_folder.elsewhere.path}"}),
        "pool": ({}, {"resource_pool_id": "${data.vsphere_resource_pool.other.id}"}),
        "host": ({}, {"host_system_id": "${data.vsphere_host.other.id}"}),
        "same-host": ({}, {"host_system_id": "${data.vsphere_host.own.id}"}),
        "datastore": ({}, elsewhere),
        "disk": ({}, {"disk": [source_disks[0], source_disks[1] | elsewhere]}),
        "disk-added": ({}, {"disk": [*source_disks, {"label": "more", "unit_number": 5, "size": 1, **elsewhere}]}),
        "everything": (
            {},
            {
                "resource_pool_id": "${data.vsphere_resource_pool.other.id}",
                "host_system_id": "${data.vsphere_host.other.id}",
                **elsewhere,
            },
        ),
    }
    data = {
        "vsphere_datastore": {"other": {"name": "LocalDS_1", **IN_DATACENTER}},
        "vsphere_resource_pool": {"other": {"name": "DC0_C0/Resources/DC0_C0_RP1", **IN_DATACENTER}},
        "vsphere_host": {
            "own": {"name": hosts[0], **IN_DATACENTER},
            "other": {"name": hosts[1], **IN_DATACENTER},
        },
    }
    return _run_changes(
        simulator_of_moves,
        plugin,
        attach(simulator_of_moves),
        tmp_path_factory.mktemp("moves") / "terraform",
        changes,
        data,
    )


def test_moves_exactly_the_clones_with_a_warning(story: Story) -> None:
    assert story.applied.errors == []
    assert story.moved() == set(story.warned)
    assert story.warned == {
        "pool": ["resource_pool_id"],
        "host": ["host_system_id"],
        "datastore": ["datastore_id"],
        "disk": ["disk[1].datastore_id"],
        "everything": ["resource_pool_id", "host_system_id", "datastore_id"],
    }


def test_moves_clones_without_a_power_off(story: Story) -> None:
    assert {method for methods in story.done.values() for method in methods if method in POWER} == set()
    assert {name: methods for name, methods in story.done.items() if name not in story.moved()} == {
        "nothing": [],
        "folder": ["MoveIntoFolder_Task"],
        "same-host": [],
        "disk-added": ["ReconfigVM_Task"],
    }


def test_moves_each_clone_to_its_configured_location(story: Story, hosts: tuple[str, str]) -> None:
    at_home = {"pool": "Resources", "host": hosts[0], "home": "LocalDS_0", "power": "poweredOn"}
    expected = {
        "nothing": at_home,
        "pool": at_home | {"pool": "DC0_C0_RP1"},
        "host": at_home | {"host": hosts[1]},
        "same-host": at_home,
        "datastore": at_home | {"home": "LocalDS_1"},
        "disk": at_home,
        "disk-added": at_home,
        "everything": {"pool": "DC0_C0_RP1", "host": hosts[1], "home": "LocalDS_1", "power": "poweredOn"},
    }
    found = {name: {part: place[part] for part in at_home} for name, place in story.places.items() if place}
    assert found == expected
    assert story.places["disk"]["disks"] == ["LocalDS_0", "LocalDS_1"]
    assert story.next_plan == {}


@pytest.fixture(scope="module")
def story_of_clusters(
    start_simulator: StartSimulator, plugin: Plugin, attach: Attach, tmp_path_factory: pytest.TempPathFactory
) -> Story:
    """Change datastore clusters. One cluster has LocalDS_0 with all VMs, another cluster has LocalDS_1."""
    simulator = start_simulator("-source", "golden", "-pods", 2, "-tools", "0s", "-vm", 0)
    first_cluster, other_cluster = (
        {"datastore_id": None, "datastore_cluster_id": f"${{data.vsphere_datastore_cluster.{name}.id}}"}
        for name in ("own", "other")
    )
    changes: dict[str, tuple[Any, Any]] = {
        "nothing": (first_cluster, first_cluster),
        "into-its-own": ({}, first_cluster),
        "into-another": ({}, other_cluster),
        "to-another": (first_cluster, other_cluster),
        "out": (first_cluster, {}),
    }
    data = {
        "vsphere_datastore_cluster": {
            "own": {"name": "DC0_POD0", **IN_DATACENTER},
            "other": {"name": "DC0_POD1", **IN_DATACENTER},
        },
    }
    return _run_changes(
        simulator, plugin, attach(simulator), tmp_path_factory.mktemp("clusters") / "terraform", changes, data
    )


def test_datastore_cluster_moves_exactly_the_clones_with_a_warning_since_2_1_0(story_of_clusters: Story) -> None:
    story = story_of_clusters
    assert story.applied.errors == []
    assert story.done["nothing"] == []
    if story.release < CLUSTERS_MOVE:
        # Releases before 2.1.0 plan an unknown datastore_id in every apply, and move nothing.
        assert story.moved() == set()
        assert set(story.warned) == {"into-another", "to-another"} == set(_addresses(story.next_plan))
        return
    assert story.moved() == set(story.warned)
    assert story.warned == {
        "into-its-own": ["datastore_cluster_id"],
        "into-another": ["datastore_id", "datastore_cluster_id"],
        "to-another": ["datastore_id", "datastore_cluster_id"],
        "out": ["datastore_cluster_id"],
    }
    assert {name: place["home"] for name, place in story.places.items()} == {
        "nothing": "LocalDS_0",
        "into-its-own": "LocalDS_0",
        "into-another": "LocalDS_1",
        "to-another": "LocalDS_1",
        "out": "LocalDS_0",
    }
    assert {method for methods in story.done.values() for method in methods} == MOVE
    assert story.next_plan == {}


def _addresses(changes: Mapping[str, str]) -> list[str]:
    return [address.partition(".")[2] for address in changes]
