# SPDX-License-Identifier: MPL-2.0
"""Clones with more devices than their source, reconfigured clones, and clones in a datastore cluster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from testkit.clone_stack import clones, document, machine, source_of
from testkit.simulator import Simulator
from tests.conftest import StartSimulator
from tests.e2e.conftest import Bench, NewTerraform, Plugin
from tests.vcsim.client import Client, depth, disks, nics

pytestmark = pytest.mark.attached

ADDRESS = 'vsphere_virtual_machine.vm["{}"]'
POWER_AND_PLACE = {
    "CloneVM_Task",
    "Destroy_Task",
    "PowerOffVM_Task",
    "PowerOnVM_Task",
    "RebootGuest",
    "RelocateVM_Task",
    "ResetVM_Task",
    "ShutdownGuest",
    "SuspendVM_Task",
    "UpgradeVM_Task",
}
IN_DATACENTER = {"datacenter_id": "${data.vsphere_datacenter.datacenter.id}"}


def _larger_hardware(bench: Bench) -> dict[str, Any]:
    """Return the disks and interfaces of the source, with one additional disk and one additional interface."""
    body = machine(bench.source, bench.release)
    disk = {"label": "disk2", "unit_number": 2, "size": 1, "thin_provisioned": True}
    interface = {"network_id": "${data.vsphere_network.added.id}", "adapter_type": "vmxnet3"}
    return {"disk": [*body["disk"], disk], "network_interface": [*body["network_interface"], interface]}


def _with_data(configuration: Mapping[str, Any], **data: Any) -> dict[str, Any]:
    return {**configuration, "data": configuration["data"] | data}


def _write(bench: Bench, name: str, **arguments: Any) -> None:
    network = {"added": {"name": "VM Network", **IN_DATACENTER}}
    bench.terraform.write(_with_data(clones(bench.source, bench.release, [name], **arguments), vsphere_network=network))


def test_adds_a_disk_and_an_interface_in_the_apply_that_creates_the_clone(bench: Bench) -> None:
    _write(bench, "richer", **_larger_hardware(bench))

    bench.terraform.apply()

    assert POWER_AND_PLACE.isdisjoint(bench.methods("richer"))
    with Client(bench.simulator) as client:
        vm = client.vm("richer")
        last = disks(vm)[-1]
        assert [disk.capacityInBytes >> 30 for disk in disks(vm)] == [16, 8, 1]
        assert [depth(disk) > 0 for disk in disks(vm)] == [True, True, False]
        assert (last.controllerKey, last.unitNumber, last.backing.thinProvisioned) == (1000, 2, True)
        assert client.has_file(last.backing.fileName)
        assert [type(nic).__name__ for nic in nics(vm)] == ["vim.vm.device.VirtualVmxnet3"] * 2
        assert nics(vm)[1].backing.deviceName == "VM Network"
        assert len({nic.macAddress for nic in nics(vm)}) == 2
        assert vm.runtime.powerState == "poweredOn"
    assert [disk["label"] for disk in bench.terraform.attributes("richer")["disk"]] == ["disk0", "disk1", "disk2"]
    assert bench.terraform.plan() == {}

    bench.terraform.destroy()

    with Client(bench.simulator) as client:
        assert client.vm("richer") is None
        assert not client.has_file(last.backing.fileName)
    assert bench.terraform.instances() == {}


def test_reconfigures_an_existing_clone_while_it_runs(bench: Bench) -> None:
    _write(bench, "growing")
    bench.terraform.apply()
    assert bench.methods("growing") == []
    _write(bench, "growing", num_cpus=4, memory=8192, annotation="grown", **_larger_hardware(bench))
    assert bench.terraform.plan() == {ADDRESS.format("growing"): "update"}

    bench.terraform.apply()

    assert bench.methods("growing") == ["ReconfigVM_Task"]
    with Client(bench.simulator) as client:
        vm = client.vm("growing")
        assert (vm.config.hardware.numCPU, vm.config.hardware.memoryMB, vm.config.annotation) == (4, 8192, "grown")
        assert (len(disks(vm)), len(nics(vm))) == (3, 2)
        assert vm.runtime.powerState == "poweredOn"
    assert bench.terraform.plan() == {}


@pytest.fixture(scope="module")
def clustered(start_simulator: StartSimulator) -> Simulator:
    """Start a vCenter with two datastore clusters: one has LocalDS_0 with all VMs, the other has LocalDS_1."""
    return start_simulator("-source", "golden", "-pods", 2, "-tools", "0s")


@pytest.fixture
def in_clusters(clustered: Simulator, plugin: Plugin, new_terraform: NewTerraform) -> Bench:
    return Bench(clustered, source_of(clustered, "golden"), plugin.release, new_terraform(clustered))


def _in_cluster(bench: Bench, cluster: str, name: str, **arguments: Any) -> dict[str, Any]:
    body = machine(bench.source, bench.release, name=name, **arguments)
    del body["datastore_id"]
    body["datastore_cluster_id"] = "${data.vsphere_datastore_cluster.cluster.id}"
    configuration = document(bench.release, {"vm": body})
    data = {key: value for key, value in configuration["data"].items() if key != "vsphere_datastore"}
    data["vsphere_datastore_cluster"] = {"cluster": {"name": cluster, **IN_DATACENTER}}
    return configuration | {"data": data}


def test_clone_in_a_datastore_cluster_uses_the_datastore_of_its_source(in_clusters: Bench) -> None:
    in_clusters.terraform.write(_in_cluster(in_clusters, "DC0_POD0", "pooled"))

    in_clusters.terraform.apply()

    assert in_clusters.methods("pooled") == []
    with Client(in_clusters.simulator) as client:
        vm = client.vm("pooled")
        assert [store.name for store in vm.datastore] == ["LocalDS_0"]
        assert [store.parent.name for store in vm.datastore] == ["DC0_POD0"]
    assert in_clusters.terraform.plan() == {}
    # A later change of the clone does not move the clone to another datastore.
    in_clusters.terraform.write(_in_cluster(in_clusters, "DC0_POD0", "pooled", num_cpus=4))
    in_clusters.terraform.apply()
    assert in_clusters.methods("pooled") == ["ReconfigVM_Task"]
    assert in_clusters.terraform.plan() == {}


def test_plan_rejects_a_datastore_cluster_without_a_disk_of_the_source(in_clusters: Bench) -> None:
    in_clusters.terraform.write(_in_cluster(in_clusters, "DC0_POD1", "elsewhere"))

    (refused,) = in_clusters.terraform.run("plan").errors

    assert refused.address == "vsphere_virtual_machine.vm"
    assert "Datastore cluster DC0_POD1: none of its datastores holds a disk of /DC0/vm/golden." in refused.detail
    assert "Use the cluster or the datastore of the source's disks." in refused.detail


def test_adds_a_disk_in_a_datastore_cluster(in_clusters: Bench) -> None:
    larger_disks = _larger_hardware(in_clusters)["disk"]
    in_clusters.terraform.write(_in_cluster(in_clusters, "DC0_POD0", "stored", disk=larger_disks))

    in_clusters.terraform.apply()

    assert POWER_AND_PLACE.isdisjoint(in_clusters.methods("stored"))
    with Client(in_clusters.simulator) as client:
        assert [disk.capacityInBytes >> 30 for disk in disks(client.vm("stored"))] == [16, 8, 1]
    assert in_clusters.terraform.plan() == {}
