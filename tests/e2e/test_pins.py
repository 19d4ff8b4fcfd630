# SPDX-License-Identifier: MPL-2.0
"""Pins of deleted VMs, pins that exist already, and pins of several fleets on one cluster."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from testkit.clone_stack import clones, source_of
from testkit.processes import until
from tests.conftest import StartSimulator
from tests.e2e.conftest import Bench, NewTerraform, Plugin
from tests.vcsim.client import Client, result

PIN = 'vsphere_drs_vm_override.pin["{}"]'


def _pinned(bench: Bench, *names: str) -> dict[str, Any]:
    whole = clones(bench.source, bench.release, names)
    whole["data"]["vsphere_compute_cluster"] = {
        "cluster": {"name": "DC0_C0", "datacenter_id": "${data.vsphere_datacenter.datacenter.id}"}
    }
    whole["resource"]["vsphere_drs_vm_override"] = {
        "pin": {
            "for_each": "${toset(" + json.dumps(names) + ")}",
            "compute_cluster_id": "${data.vsphere_compute_cluster.cluster.id}",
            "virtual_machine_id": "${vsphere_virtual_machine.vm[each.key].id}",
            "drs_enabled": False,
        }
    }
    return whole


def test_recreates_a_deleted_clone_with_its_pin(bench: Bench) -> None:
    bench.terraform.write(_pinned(bench, "pinned-0", "pinned-1"))
    bench.terraform.apply()
    with Client(bench.simulator) as client:
        gone = client.vm("pinned-0")
        result(gone.PowerOffVM_Task())
        result(gone.Destroy_Task())

    planned = bench.terraform.plan()

    assert planned == {'vsphere_virtual_machine.vm["pinned-0"]': "create", PIN.format("pinned-0"): "create"}
    bench.terraform.apply()
    assert bench.terraform.plan() == {}


def test_adopts_a_pin_that_is_missing_from_the_state(bench: Bench) -> None:
    bench.terraform.write(_pinned(bench, "again-0"))
    bench.terraform.apply()
    bench.terraform.run("state", "rm", PIN.format("again-0")).require()

    assert bench.terraform.apply().changes == {PIN.format("again-0"): "create"}
    assert bench.terraform.plan() == {}


def test_two_stacks_pin_clones_on_one_cluster_in_parallel(
    start_simulator: StartSimulator, plugin: Plugin, new_terraform: NewTerraform
) -> None:
    # A cluster processes one DRS override at a time, and answers other requests with TaskInProgress.
    flags = ("-source", "golden", "-vm", 0, "-tools", "0s", "-parallel-limit", 8)
    simulator = start_simulator(*flags)
    bench = Bench(simulator, source_of(simulator, "golden"), plugin.release, new_terraform(simulator))
    stacks = {"red": bench.terraform, "blue": new_terraform(simulator)}
    names = {stack: [f"{stack}-{index}" for index in range(6)] for stack in stacks}
    for stack, terraform in stacks.items():
        terraform.write(_pinned(bench, *names[stack]))
        terraform.apply("-target=vsphere_virtual_machine.vm")
    simulator.requests(reset=True)
    simulator.hold("ReconfigureComputeResource_Task", at="task")

    with ThreadPoolExecutor(2) as threads:
        applies = [threads.submit(terraform.apply) for terraform in stacks.values()]
        # Each stack sends one request at a time, so the second request comes from the other stack.
        until(lambda: simulator.requests().get("ReconfigureComputeResource_Task", 0) > 1, "both stacks to ask")
        simulator.release()
        changes = [applied.result().changes for applied in applies]

    assert changes == [{PIN.format(name): "create" for name in names[stack]} for stack in stacks]
    # More than 12 requests for 12 pins show that the stacks collided and that the plugin repeated requests.
    assert simulator.requests()["ReconfigureComputeResource_Task"] > 12
    with Client(simulator) as client:
        pins = client.find("host/DC0_C0").configurationEx.drsVmConfig
        pinned = {pin.key.name: pin.enabled for pin in pins}
    assert pinned == dict.fromkeys([*names["red"], *names["blue"]], False)
    assert [sorted(terraform.instances("vsphere_drs_vm_override")) for terraform in stacks.values()] == [
        names["red"],
        names["blue"],
    ]
    assert [terraform.plan() for terraform in stacks.values()] == [{}, {}]
    assert bench.methods(*names["red"], *names["blue"]) == []
