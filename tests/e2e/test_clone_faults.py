# SPDX-License-Identifier: MPL-2.0
"""Faults of InstantClone_Task, broken connections and terminated sessions: diagnostics and recovery."""

from __future__ import annotations

from typing import Any, cast

import pytest
from pyVmomi import vim

from instant_clone.ownership import OWNER_KEY
from testkit.clone_stack import clones, source_of
from testkit.processes import until
from tests.conftest import StartSimulator
from tests.e2e.conftest import Bench, NewTerraform, Plugin
from tests.vcsim.client import Client

pytestmark = pytest.mark.attached

OWNER = "5f3759df-0000-4000-8000-000000000001"
REMEDIES = {
    "InvalidState": "Check in vCenter whether a snapshot, a migration or another task of the source is running",
    "InvalidPowerState": "Power the source on",
    "InvalidDatastore": "Set a writable datastore of the source's host",
    "InsufficientMemoryResourcesFault": "Free resources in the resource pool",
    "DisallowedMigrationDeviceAttached": "The source has a device that clones cannot share",
    "NoDiskSpace": "Check that the datastore has free space",
    "NoPermission": "Ask for the privilege, or log in as another user",
    "DuplicateName": "Choose another name",
    "Timedout": "Check the task in vCenter for the reason, and apply again",
}
ATTRIBUTES = {
    "InvalidDatastore": "datastore_id",
    "InsufficientMemoryResourcesFault": "resource_pool_id",
    "NoDiskSpace": "datastore_id",
    "DuplicateName": "name",
}
"""The attribute of the diagnostic by fault. The default is source_uuid in the block instantclone."""


def _bench(start: StartSimulator, plugin: Plugin, new_terraform: NewTerraform, *flags: str) -> Bench:
    simulator = start("-source", "golden", "-tools", "0s", *flags)
    return Bench(simulator, source_of(simulator, "golden"), plugin.release, new_terraform(simulator))


def _marked(bench: Bench, names: list[str]) -> dict[str, Any]:
    mark = f"{OWNER}/web/${{each.key}}/{bench.source.uuid}/1"
    return clones(bench.source, bench.release, names, extra_config={OWNER_KEY: mark})


def test_each_fault_has_a_remedy_and_an_attribute_and_the_next_apply_succeeds(
    start_simulator: StartSimulator, plugin: Plugin, new_terraform: NewTerraform
) -> None:
    bench = _bench(start_simulator, plugin, new_terraform)
    names = {fault.lower(): fault for fault in REMEDIES}
    bench.terraform.write(_marked(bench, [*names, "busy"]))
    for name, fault in names.items():
        bench.simulator.fault("InstantClone_Task", fault, vm=name)
    bench.simulator.fault("InstantClone_Task", "TaskInProgress", vm="busy", times=2)

    finished = bench.terraform.run("apply")

    raw = [message["diagnostic"] for message in finished.messages if message.get("type") == "diagnostic"]
    by_fault = {names[each["address"].split('"')[1]]: each for each in raw}
    assert sorted(by_fault) == sorted(REMEDIES)
    assert len(raw) == len(REMEDIES)
    assert {each["summary"] for each in raw} == {"Instant clone failed", "vCenter rejected the request"}
    assert [fault for fault, remedy in REMEDIES.items() if remedy not in by_fault[fault]["detail"]] == []
    attributes = {
        fault: each["snippet"]["code"].strip().partition(":")[0].strip('"') for fault, each in by_fault.items()
    }
    assert attributes == {fault: ATTRIBUTES.get(fault, "source_uuid") for fault in REMEDIES}
    assert list(bench.terraform.instances()) == ["busy"]
    bench.terraform.apply()
    assert bench.methods(*names, "busy") == []
    assert bench.terraform.plan() == {}


@pytest.mark.parametrize("when", ["before", "after"])
def test_broken_connections_at_the_clone_call_neither_lose_nor_duplicate_clones(
    start_simulator: StartSimulator, plugin: Plugin, new_terraform: NewTerraform, when: Any
) -> None:
    bench = _bench(start_simulator, plugin, new_terraform)
    names = [f"{when}-{index}" for index in range(4)]
    bench.terraform.write(_marked(bench, names))
    bench.simulator.drop("InstantClone_Task", when=when, times=3)

    bench.terraform.run("apply")
    bench.terraform.apply()

    assert sorted(bench.terraform.instances()) == names
    assert bench.methods(*names) == []
    assert bench.terraform.plan() == {}


def test_broken_connections_during_the_task_neither_lose_nor_duplicate_clones(
    start_simulator: StartSimulator, plugin: Plugin, new_terraform: NewTerraform
) -> None:
    bench = _bench(start_simulator, plugin, new_terraform)
    names = [f"during-{index}" for index in range(4)]
    bench.terraform.write(_marked(bench, names))
    bench.simulator.hold("InstantClone_Task", at="task")

    with bench.terraform.start("apply") as running:
        until(lambda: len(bench.simulator.held()) == 4, "the clone tasks")
        bench.simulator.requests(reset=True)
        # pyVmomi reads the info of the task with Fetch.
        bench.simulator.drop("Fetch", when="before", times=10)
        bench.simulator.drop("Fetch", when="after", times=10)
        until(lambda: bench.simulator.requests().get("Fetch", 0) > 20, "more than 20 requests")
        bench.simulator.release()
        finished = running.finish().require()

    requests = bench.simulator.requests()
    assert requests["Fetch"] > 20
    assert "InstantClone_Task" not in requests
    assert finished.diagnostics == []
    assert {name: each["attributes"]["moid"] for name, each in bench.terraform.instances().items()} == {
        name: bench.simulator.vm(name).moid for name in names
    }
    assert bench.methods(*names) == []
    assert bench.terraform.plan() == {}


def test_plugin_logs_in_again_after_its_sessions_are_terminated(
    start_simulator: StartSimulator, plugin: Plugin, new_terraform: NewTerraform
) -> None:
    bench = _bench(start_simulator, plugin, new_terraform)
    names = [f"ended-{index}" for index in range(4)]
    bench.terraform.write(_marked(bench, names))
    bench.simulator.hold("InstantClone_Task", at="task")

    with bench.terraform.start("apply") as running:
        until(lambda: len(bench.simulator.held()) == 4, "the clone tasks")
        with Client(bench.simulator) as administrator:
            manager = cast(vim.SessionManager, administrator.content.sessionManager)
            current = cast(vim.UserSession, manager.currentSession).key
            plugin_sessions = [
                each.key for each in manager.sessionList if "pyvmomi" in each.userAgent and each.key != current
            ]
            bench.simulator.requests(reset=True)
            manager.TerminateSession(plugin_sessions)
            until(lambda: bench.simulator.requests().get("Login"), "the plugin to log in again")
        bench.simulator.release()
        running.finish().require()

    assert len(plugin_sessions) == 1
    assert sorted(bench.terraform.instances()) == names
    assert bench.methods(*names) == []
    assert bench.terraform.plan() == {}
