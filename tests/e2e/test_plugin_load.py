# SPDX-License-Identifier: MPL-2.0
"""Many clones of one source: turns, busy sources and clusters, long disk chains."""

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


def test_a_source_that_takes_two_at_a_time_is_cloned_ten_times(
    start_simulator: StartSimulator, plugin: Plugin, new_terraform: NewTerraform
) -> None:
    bench = _bench(start_simulator, plugin, new_terraform, "-parallel-limit", "2")
    bench.terraform.write(clones(bench.source, bench.release, _names(10)))
    bench.simulator.hold("InstantClone_Task", at="task")

    with bench.terraform.start("apply") as running:
        # Two are under way, and the others are refused.
        until(lambda: bench.simulator.requests().get("InstantClone_Task", 0) > 2, "a clone that is refused")
        bench.simulator.release()
        running.finish().require()

    assert len(bench.terraform.instances()) == 10
    assert bench.methods(*_names(10)) == []


def test_with_one_at_a_time_vcenter_is_never_busy(
    start_simulator: StartSimulator, plugin: Plugin, new_terraform: NewTerraform
) -> None:
    bench = _bench(start_simulator, plugin, new_terraform, "-parallel-limit", "1", "-delay", "100ms")
    bench.terraform.write(clones(bench.source, bench.release, _names(5)))
    bench.simulator.requests(reset=True)

    bench.terraform.run("apply", INSTANT_CLONE_PARALLELISM="1").require()

    assert bench.simulator.requests()["InstantClone_Task"] == 5


@pytest.mark.parametrize("written", ["0", "many", "-1"])
def test_a_parallelism_that_is_none_is_told(bench: Bench, written: str) -> None:
    bench.terraform.write(clones(bench.source, bench.release, ["never"]))

    (error,) = bench.terraform.run("plan", INSTANT_CLONE_PARALLELISM=written).errors

    assert error.summary == "INSTANT_CLONE_PARALLELISM is wrong"
    assert error.detail == (
        f"INSTANT_CLONE_PARALLELISM is '{written}', which is no number of clones. Write one from 1 on, or unset it: "
        "8 is usual."
    )


def test_pins_are_made_one_at_a_time(
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


def test_a_disk_chain_that_would_get_too_long_is_told_before_anything_is_made(
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
        "The disks of /DC0/vm/golden have 254 delta disks. Each clone of a running source adds one, and with those of "
        "this plan there would be 256; vSphere allows 255. Freeze the source, make it anew, or spread the fleet over "
        "several sources.",
    )
    bench.simulator.freeze("golden")
    assert set(bench.terraform.plan().values()) == {"create"}
