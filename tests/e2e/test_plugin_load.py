# SPDX-License-Identifier: MPL-2.0
"""Many clones of one source: parallel clone tasks, busy sources, busy clusters and long disk chains."""

from __future__ import annotations

import pytest

from testkit.clone_stack import clones, source_of
from testkit.processes import until
from tests.conftest import StartSimulator
from tests.e2e.conftest import Bench, NewTerraform, Plugin
from tests.vcsim.client import Client, clone


def _bench(start: StartSimulator, plugin: Plugin, new_terraform: NewTerraform, *flags: str) -> Bench:
    simulator = start("-source", "golden", "-tools", "0s", *flags)
    return Bench(simulator, source_of(simulator, "golden"), plugin.release, new_terraform(simulator))


def _names(count: int) -> list[str]:
    return [f"clone-{index:02d}" for index in range(count)]


def test_makes_ten_clones_of_a_source_that_allows_two_tasks(
    start_simulator: StartSimulator, plugin: Plugin, new_terraform: NewTerraform
) -> None:
    bench = _bench(start_simulator, plugin, new_terraform, "-parallel-limit", "2")
    bench.terraform.write(clones(bench.source, bench.release, _names(10)))
    bench.simulator.hold("InstantClone_Task", at="task")

    with bench.terraform.start("apply") as running:
        # The source runs two clone tasks, and vCenter refuses the other requests.
        until(lambda: bench.simulator.requests().get("InstantClone_Task", 0) > 2, "a refused clone request")
        bench.simulator.release()
        running.finish().require()

    assert len(bench.terraform.instances()) == 10
    assert bench.methods(*_names(10)) == []


def test_parallelism_of_one_repeats_no_clone_request(
    start_simulator: StartSimulator, plugin: Plugin, new_terraform: NewTerraform
) -> None:
    bench = _bench(start_simulator, plugin, new_terraform, "-parallel-limit", "1", "-delay", "100ms")
    bench.terraform.write(clones(bench.source, bench.release, _names(5)))
    bench.simulator.requests(reset=True)

    bench.terraform.run("apply", INSTANT_CLONE_PARALLELISM="1").require()

    assert bench.simulator.requests()["InstantClone_Task"] == 5


@pytest.mark.parametrize("value", ["0", "many", "-1"])
def test_rejects_an_invalid_parallelism(bench: Bench, value: str) -> None:
    bench.terraform.write(clones(bench.source, bench.release, ["never"]))

    (error,) = bench.terraform.run("plan", INSTANT_CLONE_PARALLELISM=value).errors

    assert error.summary == "Invalid INSTANT_CLONE_PARALLELISM"
    assert error.detail == (
        f"INSTANT_CLONE_PARALLELISM: must be a positive integer, not '{value}'. Set a positive integer, or unset it: "
        "the default is 8."
    )


def test_creates_pins_of_a_busy_cluster(
    start_simulator: StartSimulator, plugin: Plugin, new_terraform: NewTerraform
) -> None:
    bench = _bench(start_simulator, plugin, new_terraform, "-parallel-limit", "8", "-delay", "100ms")
    whole = clones(bench.source, bench.release, _names(6))
    whole["data"]["vsphere_compute_cluster"] = {
        "cluster": {"name": "DC0_C0", "datacenter_id": "${data.vsphere_datacenter.datacenter.id}"}
    }
    whole["resource"]["vsphere_drs_vm_override"] = {
        "pin": {
            "for_each": "${vsphere_virtual_machine.vm}",
            "compute_cluster_id": "${data.vsphere_compute_cluster.cluster.id}",
            "virtual_machine_id": "${each.value.id}",
            "drs_enabled": False,
        }
    }
    bench.terraform.write(whole)

    bench.terraform.apply()

    assert len(bench.terraform.instances("vsphere_drs_vm_override")) == 6
    assert bench.terraform.plan() == {}
    bench.terraform.destroy()


def test_rejects_clones_that_would_make_the_disk_chain_too_long(
    start_simulator: StartSimulator, plugin: Plugin, new_terraform: NewTerraform
) -> None:
    bench = _bench(start_simulator, plugin, new_terraform)
    with Client(bench.simulator) as client:
        golden = client.vm("golden")
        for index in range(254):
            clone(golden, f"filler-{index}")
    bench.terraform.write(clones(bench.source, bench.release, ["last"]))
    planned = bench.terraform.run("plan").require()
    assert {each.summary for each in planned.diagnostics} == {"Long disk chain"}

    bench.terraform.write(clones(bench.source, bench.release, ["last", "one-too-many"]))
    (error,) = bench.terraform.run("apply").errors

    assert (error.summary, error.detail) == (
        "Disk chain too long",
        "/DC0/vm/golden: the disk chain has 254 delta disks. Each clone of a running source adds a delta disk, and "
        "this plan extends the chain to 256. vSphere allows 255. Freeze the source, recreate it, or distribute the "
        "fleet over several sources.",
    )
    bench.simulator.freeze("golden")
    assert set(bench.terraform.plan().values()) == {"create"}
