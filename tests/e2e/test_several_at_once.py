# SPDX-License-Identifier: MPL-2.0
"""Parallel applies, plans and clones. Each command changes only its own objects, and the plugin closes all sessions."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from testkit.clone_stack import clones, source_of
from testkit.processes import until
from testkit.sessions import sessions_of_ours
from tests.conftest import StartSimulator
from tests.e2e.conftest import Bench, NewTerraform, Plugin
from tests.vcsim.client import Client


def _bench(start: StartSimulator, plugin: Plugin, new_terraform: NewTerraform) -> Bench:
    simulator = start("-source", "golden", "-tools", "0s")
    return Bench(simulator, source_of(simulator, "golden"), plugin.release, new_terraform(simulator))


def test_applies_and_plans_two_stacks_in_parallel(
    start_simulator: StartSimulator, plugin: Plugin, new_terraform: NewTerraform
) -> None:
    bench = _bench(start_simulator, plugin, new_terraform)
    stacks = {"red": bench.terraform, "blue": new_terraform(bench.simulator)}
    names = {stack: [f"{stack}-{index}" for index in range(4)] for stack in stacks}
    for stack, terraform in stacks.items():
        terraform.write(clones(bench.source, bench.release, names[stack]))
    bench.simulator.hold("InstantClone_Task", at="task")

    with ThreadPoolExecutor(2) as threads:
        applies = [threads.submit(terraform.apply) for terraform in stacks.values()]
        until(lambda: len(bench.simulator.held()) == 8, "the clone tasks of both stacks")
        bench.simulator.release()
        for applied in applies:
            applied.result()
        plans = list(threads.map(lambda terraform: terraform.plan(), stacks.values()))

    assert {stack: sorted(terraform.instances()) for stack, terraform in stacks.items()} == names
    assert plans == [{}, {}]
    assert bench.simulator.requests()["InstantClone_Task"] == 8
    assert bench.methods(*names["red"], *names["blue"]) == []
    assert sessions_of_ours(bench.simulator) == 0


def test_plans_one_stack_twice_in_parallel(
    start_simulator: StartSimulator, plugin: Plugin, new_terraform: NewTerraform
) -> None:
    bench = _bench(start_simulator, plugin, new_terraform)
    bench.terraform.write(clones(bench.source, bench.release, ["kept"]))
    bench.terraform.apply()
    bench.terraform.write(clones(bench.source, bench.release, ["kept", "more"]))

    with ThreadPoolExecutor(2) as threads:
        plans = list(threads.map(lambda _: bench.terraform.plan("-lock=false"), range(2)))

    assert plans == [{'vsphere_virtual_machine.vm["more"]': "create"}] * 2
    assert sessions_of_ours(bench.simulator) == 0


def _vms(client: Client) -> set[str]:
    return {vm.name for vm in client.find("vm").childEntity}


def test_one_plugin_makes_twenty_clones_in_parallel(
    start_simulator: StartSimulator, plugin: Plugin, new_terraform: NewTerraform
) -> None:
    bench = _bench(start_simulator, plugin, new_terraform)
    names = [f"many-{index:02d}" for index in range(20)]
    bench.terraform.write(clones(bench.source, bench.release, names))
    bench.simulator.hold("InstantClone_Task", at="task")

    with (
        Client(bench.simulator) as client,
        bench.terraform.start("apply", "-parallelism=20", INSTANT_CLONE_PARALLELISM="20") as running,
    ):
        others = _vms(client)
        until(lambda: len(bench.simulator.held()) == 20, "twenty clone tasks")
        # vCenter has received twenty clone requests, and has completed no clone.
        ended = _vms(client) - others
        bench.simulator.release()
        running.finish().require()

    assert ended == set()
    state = bench.terraform.instances()
    assert sorted(state) == names
    assert {name: bench.simulator.vm(name).moid for name in names} == {
        name: each["attributes"]["moid"] for name, each in state.items()
    }
    assert bench.simulator.requests()["InstantClone_Task"] == 20
    assert bench.methods(*names) == []
    assert bench.terraform.plan() == {}
    assert sessions_of_ours(bench.simulator) == 0
