# SPDX-License-Identifier: MPL-2.0
"""Plans of new clones for a folder, pool, host, datastore or network that does not fit their source."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyVmomi import vim

from testkit.clone_stack import clones, machine
from tests.e2e.conftest import Bench
from tests.e2e.new_clones import DRY_RUN, IN_DATACENTER, numbered, planned, told, with_more
from tests.vcsim.client import Client

pytestmark = pytest.mark.attached


def test_a_folder_that_nobody_makes(bench: Bench) -> None:
    plan, asked = planned(bench, clones(bench.source, bench.release, numbered("homeless", 2), folder="no/where"))

    assert told(plan) == [("warning", "No such folder yet")]
    assert plan.diagnostics[0].detail == (
        "vCenter has no VM folder no/where in the datacenter of the resource pool, and this provider configuration "
        "makes none. The apply will fail unless there is one by then: make it, or let a resource vsphere_folder make "
        "it and refer to its path here (create_folder in the fleet file)."
    )
    assert DRY_RUN not in asked
    for error in bench.terraform.run("apply").errors:
        assert error.detail.startswith("vCenter has no folder /DC0/vm/")
    with pytest.raises(KeyError):
        bench.simulator.vm("homeless-0")


def test_a_pool_of_other_hosts(bench: Bench) -> None:
    whole = clones(bench.source, bench.release, ["abroad"])
    whole["data"]["vsphere_resource_pool"]["pool"]["name"] = "DC0_H0/Resources"

    plan, _ = planned(bench, whole)

    (error,) = plan.errors
    assert "/DC0/vm/golden: it runs on the host DC0_C0_H" in error.detail
    assert "which is not of the cluster of the resource pool Resources (resgroup-" in error.detail
    assert error.detail.endswith("A clone starts on its source's host: name a resource pool of its cluster.")


def test_a_datastore_that_the_source_s_host_lacks(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "lonely").mkdir()
    with Client(bench.simulator) as client:
        elsewhere = client.find("host/DC0_H0/DC0_H0").configManager.datastoreSystem
        datastore = elsewhere.CreateLocalDatastore(name="lonely", path=str(tmp_path / "lonely"))
        identifier, host = datastore._moId, client.vm("golden").runtime.host.name
    whole = clones(bench.source, bench.release, ["adrift"])
    whole["data"]["vsphere_datastore"]["datastore"]["name"] = "lonely"

    plan, asked = planned(bench, whole)

    (error,) = plan.errors
    assert error.detail == (
        f"datastore lonely ({identifier}): the host {host} of the source /DC0/vm/golden does not have it. "
        "A clone starts on the host of its source. Name a datastore of that host."
    )
    assert DRY_RUN not in asked


def test_another_host_than_the_source_s(bench: Bench) -> None:
    whole = clones(bench.source, bench.release, ["moved"], host_system_id="${data.vsphere_host.other.id}")
    with Client(bench.simulator) as client:
        own = client.vm("golden").runtime.host.name
        other = next(name for name in ("DC0_C0_H0", "DC0_C0_H1", "DC0_C0_H2") if name != own)

    plan, _ = planned(bench, with_more(whole, data={"vsphere_host": {"other": {"name": other, **IN_DATACENTER}}}))

    (error,) = plan.errors
    assert error.summary == "Clone would be moved"
    assert error.detail.endswith(
        "A clone starts on its source's host and shares memory with it there only: leave host_system_id out."
    )


def test_the_source_s_host_by_name_is_no_move(bench: Bench) -> None:
    whole = clones(bench.source, bench.release, ["at-home"], host_system_id="${data.vsphere_host.own.id}")
    with Client(bench.simulator) as client:
        own = client.vm("golden").runtime.host.name
    bench.terraform.write(with_more(whole, data={"vsphere_host": {"own": {"name": own, **IN_DATACENTER}}}))

    bench.terraform.apply()

    assert bench.methods("at-home") == []
    assert bench.terraform.plan() == {}


def test_a_network_that_the_source_s_host_lacks(bench: Bench) -> None:
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
    assert "The host of /DC0/vm/golden has no network network-" in error.detail
    assert error.detail.endswith("A clone starts on its source's host: name a network of that host.")
