# SPDX-License-Identifier: MPL-2.0
"""Look up a network whose name is not unique. `vcenter.lookup.network_names` depends on the results."""

from __future__ import annotations

import re

import pytest
from pyVmomi import vim

from instant_clone.inventory_names import finder_pattern
from testkit.clone_stack import clones
from tests.e2e.conftest import Bench
from tests.e2e.new_clones import planned
from tests.vcsim.client import Client, result

pytestmark = pytest.mark.attached


def test_stock_provider_requires_the_path_of_a_network_with_a_duplicate_name(bench: Bench) -> None:
    with Client(bench.simulator) as client:
        for parent in (client.find("network"), client.find("network").CreateFolder("lab")):
            name = f"switch of {parent.name}"
            spec = vim.DistributedVirtualSwitch.CreateSpec(
                configSpec=vim.dvs.VmwareDistributedVirtualSwitch.ConfigSpec(name=name)
            )
            switch = result(parent.CreateDVS_Task(spec))
            group = vim.dvs.DistributedVirtualPortgroup.ConfigSpec(name="twin", type="earlyBinding", numPorts=8)
            result(switch.AddDVPortgroup_Task([group]))

    def details(name: str) -> list[str]:
        whole = clones(bench.source, bench.release, [])
        whole["data"].setdefault("vsphere_network", {})["twin"] = {
            "name": finder_pattern(name),
            "datacenter_id": "${data.vsphere_datacenter.datacenter.id}",
        }
        plan, _ = planned(bench, whole)
        return [error.detail or error.summary for error in plan.errors]

    (problem,) = details("twin")
    assert re.search("resolves to multiple|multiple networks found", problem)
    assert details("lab/twin") == []
    assert details("/DC0/network/twin") == []
