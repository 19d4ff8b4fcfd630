# SPDX-License-Identifier: MPL-2.0
"""Plans of new clones with a folder, resource pool, host, datastore or network that does not fit their source."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyVmomi import vim

from testkit.clone_stack import clones, machine
from tests.e2e.conftest import Bench
from tests.e2e.new_clones import DRY_RUN, IN_DATACENTER, numbered, planned, told, with_more
from tests.vcsim.client import Client

pytestmark = pytest.mark.attached


def test_warns_of_a_folder_that_does_not_exist(bench: Bench) -> None:
    plan, requests = planned(bench, clones(bench.source, bench.release, numbered("homeless", 2), folder="no/where"))

    assert told(plan) == [("warning", "Folder does not exist yet")]
    assert plan.diagnostics[0].detail == (
        "no/where: the datacenter of the resource pool has no VM folder with this path, and this provider "
        "configuration does not plan one. The apply fails unless the folder exists by then. Create the folder in "
        "vCenter, or create it with a vsphere_folder resource and refer to its path here (create_folder in the fleet "
        "file)."
    )
    assert DRY_RUN not in requests
    for error in bench.terraform.run("apply").errors:
        assert error.detail.startswith("Folder /DC0/vm/")
        assert ": not found in vCenter." in error.detail
    with pytest.raises(KeyError):
        bench.simulator.vm("homeless-0")


def test_rejects_a_resource_pool_of_other_hosts(bench: Bench) -> None:
    whole = clones(bench.source, bench.release, ["abroad"])
    whole["data"]["vsphere_resource_pool"]["pool"]["name"] = "DC0_H0/Resources"

    plan, _ = planned(bench, whole)

    (error,) = plan.errors
    assert "/DC0/vm/golden: the source runs on the host DC0_C0_H" in error.detail
    assert "which is not in the cluster of the resource pool Resources (resgroup-" in error.detail
    assert error.detail.endswith(
        "A clone starts on the host of its source. Use a resource pool of that host's cluster."
    )


def test_rejects_a_datastore_that_the_host_of_the_source_lacks(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "lonely").mkdir()
    with Client(bench.simulator) as client:
        elsewhere = client.find("host/DC0_H0/DC0_H0").configManager.datastoreSystem
        datastore = elsewhere.CreateLocalDatastore(name="lonely", path=str(tmp_path / "lonely"))
        identifier, host = datastore._moId, client.vm("golden").runtime.host.name
    whole = clones(bench.source, bench.release, ["adrift"])
    whole["data"]["vsphere_datastore"]["datastore"]["name"] = "lonely"

    plan, requests = planned(bench, whole)

    (error,) = plan.errors
    assert error.detail == (
        f"datastore lonely ({identifier}): the host {host} of the source /DC0/vm/golden does not have this datastore. "
        "A clone starts on the host of its source. Use a datastore of that host."
    )
    assert DRY_RUN not in requests


def test_rejects_a_host_other_than_the_host_of_the_source(bench: Bench) -> None:
    whole = clones(bench.source, bench.release, ["moved"], host_system_id="${data.vsphere_host.other.id}")
    with Client(bench.simulator) as client:
        source_host = client.vm("golden").runtime.host.name
        other = next(name for name in ("DC0_C0_H0", "DC0_C0_H1", "DC0_C0_H2") if name != source_host)

    plan, _ = planned(bench, with_more(whole, data={"vsphere_host": {"other": {"name": other, **IN_DATACENTER}}}))

    (error,) = plan.errors
    assert error.summary == "Invalid host_system_id"
    assert error.detail.endswith(
        "A clone starts on its source's host and shares memory with the source on that host only. Remove "
        "host_system_id."
    )


def test_accepts_the_host_of_the_source(bench: Bench) -> None:
    whole = clones(bench.source, bench.release, ["at-home"], host_system_id="${data.vsphere_host.own.id}")
    with Client(bench.simulator) as client:
        source_host = client.vm("golden").runtime.host.name
    bench.terraform.write(with_more(whole, data={"vsphere_host": {"own": {"name": source_host, **IN_DATACENTER}}}))

    bench.terraform.apply()

    assert bench.methods("at-home") == []
    assert bench.terraform.plan() == {}


def test_rejects_a_network_that_the_host_of_the_source_lacks(bench: Bench) -> None:
    with Client(bench.simulator) as client:
        host = client.vm("golden").runtime.host
        host.configManager.networkSystem.AddPortGroup(
            vim.host.PortGroup.Specification(
                name="elsewhere", vlanId=0, vswitchName="vSwitch0", policy=vim.host.NetworkPolicy()
            )
        )
    interfaces = machine(bench.source, bench.release)["network_interface"]
    wanted = [interfaces[0] | {"network_id": "${data.vsphere_network.elsewhere.id}"}]
    whole = clones(bench.source, bench.release, ["offline"], network_interface=wanted)

    plan, _ = planned(
        bench, with_more(whole, data={"vsphere_network": {"elsewhere": {"name": "elsewhere", **IN_DATACENTER}}})
    )

    (error,) = plan.errors
    assert "Network network-" in error.detail
    assert ": the host of /DC0/vm/golden does not have this network." in error.detail
    assert error.detail.endswith("A clone starts on the host of its source. Use a network of that host.")
