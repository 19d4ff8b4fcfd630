# SPDX-License-Identifier: MPL-2.0
"""Clones that differ from their source in arguments that vSphere changes on a running VM."""

from __future__ import annotations

from typing import Any

import pytest
from pyVmomi import vim

from testkit.clone_stack import clones, document, machine, source_of
from testkit.releases import skip_unless_repeatable
from tests.conftest import StartSimulator
from tests.e2e.conftest import Bench, NewTerraform, Plugin
from tests.vcsim.client import Client, result

pytestmark = pytest.mark.attached


def test_changes_processors_memory_and_annotation_in_one_call_on_the_running_clone(bench: Bench) -> None:
    larger = {"num_cpus": 4, "memory": 8192, "annotation": "a larger one"}
    bench.terraform.write(clones(bench.source, bench.release, ["larger"], **larger))

    bench.terraform.apply()

    assert [call.method for call in bench.simulator.calls("larger")] == ["ReconfigVM_Task"]
    attributes = bench.terraform.attributes("larger")
    assert {name: attributes[name] for name in larger} == larger
    assert bench.terraform.plan() == {}


def test_rejects_less_memory_than_the_source_has(bench: Bench) -> None:
    bench.terraform.write(clones(bench.source, bench.release, ["smaller"], memory=2048))

    (refused,) = bench.terraform.run("plan").errors

    assert refused.summary == "Configuration would power-cycle the clone"
    assert "  memory: the source has 4096, the configuration has 2048." in refused.detail


def test_makes_all_changes_on_the_running_clones(bench: Bench) -> None:
    """Each change is made on the running clone.

    The clone task sets the networks. The plugin changes processors, memory and annotation in one call. The stock
    provider makes the other changes.
    """
    body = machine(bench.source, bench.release)
    elsewhere = [
        interface | {"network_id": "${data.vsphere_network.other.id}"} for interface in body["network_interface"]
    ]
    changes: dict[str, dict[str, Any]] = {
        "network": {"network_interface": elsewhere},
        "processors": {"num_cpus": 4},
        "memory": {"memory": 8192},
        "annotation": {"annotation": "changed"},
        "three": {"num_cpus": 4, "memory": 8192, "annotation": "changed", "network_interface": elsewhere},
        "tags": {"tags": ["${vsphere_tag.tag.id}"]},
        "attributes": {"custom_attributes": {"${vsphere_custom_attribute.attribute.id}": "yes"}},
        "disk": {"disk": [*body["disk"], {"label": "added", "unit_number": 3, "size": 1}]},
        "interface": {"network_interface": [*body["network_interface"], elsewhere[0]]},
        "both": {
            "num_cpus": 4,
            "disk": [*body["disk"], {"label": "added", "unit_number": 3, "size": 1}],
            "network_interface": [elsewhere[0], body["network_interface"][0]],
        },
    }
    machines = {f"change-{name}": body | {"name": f"change-{name}"} | change for name, change in changes.items()}
    whole = document(bench.release, machines)
    attribute = {"attribute": {"name": "fleet", "managed_object_type": "VirtualMachine"}}
    category = {"category": {"name": "fleets", "cardinality": "SINGLE", "associable_types": ["VirtualMachine"]}}
    tag = {"tag": {"name": "web", "category_id": "${vsphere_tag_category.category.id}"}}
    whole["resource"] |= {
        "vsphere_custom_attribute": attribute,
        "vsphere_tag_category": category,
        "vsphere_tag": tag,
    }
    whole["data"]["vsphere_network"] = {
        "other": {"name": "DC0_DVPG1", "datacenter_id": "${data.vsphere_datacenter.datacenter.id}"}
    }
    bench.terraform.write(whole)

    applied = bench.terraform.apply("-parallelism=20")

    assert applied.diagnostics == []
    once = ["ReconfigVM_Task"]
    assert {name: bench.methods(f"change-{name}") for name in changes} == {
        "network": [],
        "processors": once,
        "memory": once,
        "annotation": once,
        "three": once,
        "tags": [],
        "attributes": [],
        "disk": once,
        "interface": once,
        "both": once * 2,
    }
    assert bench.terraform.attributes("change-tags")["tags"] != []
    # vcsim returns other names for the associable types of a tag category.
    changed = {address for address in bench.terraform.plan() if not address.startswith("vsphere_tag_category.")}
    assert changed == set()


def test_raises_the_memory_of_a_clone_with_all_memory_reserved(
    start_simulator: StartSimulator, plugin: Plugin, new_terraform: NewTerraform
) -> None:
    """If the memory reservation is locked to the maximum, vCenter raises it together with the memory."""
    simulator = start_simulator("-source", "locked", "-vm", 0, "-tools", "0s")
    with Client(simulator) as client:
        locked = vim.ResourceAllocationInfo(reservation=4096)
        task = client.vm("locked").Reconfigure(
            vim.vm.ConfigSpec(memoryReservationLockedToMax=True, memoryAllocation=locked)
        )
        result(task)
    source = source_of(simulator, "locked")
    skip_unless_repeatable(source, plugin.release)
    bench = Bench(simulator, source, plugin.release, new_terraform(simulator))
    larger = {"memory": 8192, "memory_reservation": 8192}
    bench.terraform.write(clones(source, bench.release, ["reserved"], **larger))

    assert bench.terraform.apply().diagnostics == []

    assert bench.methods("reserved") == ["ReconfigVM_Task"]
    with Client(bench.simulator) as client:
        config = client.vm("reserved").config
        assert (config.hardware.memoryMB, config.memoryAllocation.reservation) == (8192, 8192)
        assert config.memoryReservationLockedToMax is True
    assert bench.terraform.plan() == {}
