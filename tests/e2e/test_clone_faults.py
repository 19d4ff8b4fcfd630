# SPDX-License-Identifier: MPL-2.0
"""What vCenter answers to InstantClone_Task, connections that break, and sessions that are ended: told, and mended."""

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
CURES = {
    "InvalidState": "See in vCenter what goes on with the source",
    "InvalidPowerState": "Power the source on",
    "InvalidDatastore": "Name a datastore that the source's host has",
    "InsufficientMemoryResourcesFault": "Free resources in that pool",
    "DisallowedMigrationDeviceAttached": "Take the device away from the source",
    "NoDiskSpace": "See whether the datastore has room",
    "NoPermission": "Ask for it, or log in as another user",
    "DuplicateName": "Choose another name",
    "Timedout": "See the task in vCenter for the reason, and apply again",
}
PLACES = {
    "InvalidDatastore": "datastore_id",
    "InsufficientMemoryResourcesFault": "resource_pool_id",
    "NoDiskSpace": "datastore_id",
    "DuplicateName": "name",
}
"""the argument that Terraform points at, where it is not the block"""


def _bench(start: StartSimulator, plugin: Plugin, new_terraform: NewTerraform, *flags: str) -> Bench:
    simulator = start("-source", "golden", "-tools", "0s", *flags)
    return Bench(simulator, source_of(simulator, "golden"), plugin.release, new_terraform(simulator))


def _marked(bench: Bench, names: list[str]) -> dict[str, Any]:
    mark = f"{OWNER}/web/${{each.key}}/{bench.source.uuid}/1"
    return clones(bench.source, bench.release, names, extra_config={OWNER_KEY: mark})


def test_each_fault_is_told_with_its_place_and_its_cure_and_the_next_apply_converges(
    start_simulator: StartSimulator, plugin: Plugin, new_terraform: NewTerraform
) -> None:
    bench = _bench(start_simulator, plugin, new_terraform)
    names = {fault.lower(): fault for fault in CURES}
    bench.terraform.write(_marked(bench, [*names, "busy"]))
    for name, fault in names.items():
        bench.simulator.fault("InstantClone_Task", fault, vm=name)
    bench.simulator.fault("InstantClone_Task", "TaskInProgress", vm="busy", times=2)

    ended = bench.terraform.run("apply")

    raw = [message["diagnostic"] for message in ended.messages if message.get("type") == "diagnostic"]
    told = {names[each["address"].split('"')[1]]: each for each in raw}
    assert sorted(told) == sorted(CURES)
    assert len(raw) == len(CURES)
    assert {each["summary"] for each in raw} == {"Instant clone failed", "vCenter refuses"}
    assert [fault for fault, cure in CURES.items() if cure not in told[fault]["detail"]] == []
    pointed = {fault: each["snippet"]["code"].strip().partition(":")[0].strip('"') for fault, each in told.items()}
    assert pointed == {fault: PLACES.get(fault, "source_uuid") for fault in CURES}
    assert list(bench.terraform.instances()) == ["busy"]
    bench.terraform.apply()
    assert bench.methods(*names, "busy") == []
    assert bench.terraform.plan() == {}


@pytest.mark.parametrize("when", ["before", "after"])
def test_connections_that_break_at_the_task_lose_no_clone_and_double_none(
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


def test_connections_that_break_while_vcenter_clones_lose_no_clone_and_double_none(
    start_simulator: StartSimulator, plugin: Plugin, new_terraform: NewTerraform
) -> None:
    bench = _bench(start_simulator, plugin, new_terraform)
    names = [f"during-{index}" for index in range(4)]
    bench.terraform.write(_marked(bench, names))
    bench.simulator.hold("InstantClone_Task", at="task")

    with bench.terraform.start("apply") as running:
        until(lambda: len(bench.simulator.held()) == 4, "the clone tasks")
        bench.simulator.requests(reset=True)
        # How pyvmomi reads a property, the task's info in this case.
        bench.simulator.drop("Fetch", when="before", times=10)
        bench.simulator.drop("Fetch", when="after", times=10)
        until(lambda: bench.simulator.requests().get("Fetch", 0) > 20, "all of them")
        bench.simulator.release()
        ended = running.finish().require()

    requests = bench.simulator.requests()
    assert requests["Fetch"] > 20
    assert "InstantClone_Task" not in requests
    assert ended.diagnostics == []
    assert {name: each["attributes"]["moid"] for name, each in bench.terraform.instances().items()} == {
        name: bench.simulator.vm(name).moid for name in names
    }
    assert bench.methods(*names) == []
    assert bench.terraform.plan() == {}


def test_sessions_that_are_ended_in_the_midst_of_an_apply_are_renewed(
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
            own = cast(vim.UserSession, manager.currentSession).key
            ours = [each.key for each in manager.sessionList if "pyvmomi" in each.userAgent and each.key != own]
            bench.simulator.requests(reset=True)
            manager.TerminateSession(ours)
            until(lambda: bench.simulator.requests().get("Login"), "the plugin to log in again")
        bench.simulator.release()
        running.finish().require()

    assert len(ours) == 1
    assert sorted(bench.terraform.instances()) == names
    assert bench.methods(*names) == []
    assert bench.terraform.plan() == {}
