# SPDX-License-Identifier: MPL-2.0
"""Inventory names with characters that the stock provider's finder interprets as patterns.

The stock provider must use the object with exactly that name. It must not use an object that only matches the pattern.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from pyVmomi import vim

from instant_clone.inventory_names import finder_pattern
from instant_clone.ownership import OWNER_KEY
from testkit.clone_stack import clones, document, machine
from testkit.simulator import Simulator
from tests.conftest import StartSimulator
from tests.e2e.conftest import Bench, NewTerraform
from tests.vcsim.client import Client, result

pytestmark = pytest.mark.attached

OWNER = "4b1d0000-0000-4000-8000-00000000000{}"


@pytest.fixture(scope="module")
def vcenter(start_simulator: StartSimulator) -> Simulator:
    return start_simulator("-source", "golden", "-frozen", "golden", "-tools", "0s", "-vm", 0)


@pytest.fixture
def client(vcenter: Simulator) -> Iterator[Client]:
    with Client(vcenter) as client:
        yield client


def in_folder(bench: Bench, folder: str, owner: str, name: str) -> dict[str, Any]:
    marker = f"{owner}/web/{name}/{bench.source.uuid}/1"
    return clones(bench.source, bench.release, [name], folder=folder, extra_config={OWNER_KEY: marker})


def test_fleets_stay_separate_when_one_folder_name_matches_the_other_as_a_pattern(
    bench: Bench, client: Client, new_terraform: NewTerraform
) -> None:
    """Earlier, an import by inventory path read the clone of the other fleet, and a destroy removed that clone."""
    vms = client.find("vm")
    first, second = vms.CreateFolder("rack1"), vms.CreateFolder("rack[1-3]")
    bench.terraform.write(in_folder(bench, "rack1", OWNER.format(1), "node"))
    bench.terraform.apply()
    other = new_terraform(bench.simulator)
    other.write(in_folder(bench, "rack[1-3]", OWNER.format(2), "node"))

    applied = other.apply()

    (first_vm,), (second_vm,) = first.childEntity, second.childEntity
    assert applied.diagnostics == []
    assert bench.terraform.attributes("node")["moid"] == first_vm._moId
    assert other.attributes("node")["moid"] == second_vm._moId
    assert other.attributes("node")["folder"] == "rack[1-3]"
    assert other.plan() == {}
    other.destroy()
    assert bench.methods(first_vm._moId) == []
    assert (len(first.childEntity), len(second.childEntity)) == (1, 0)
    assert bench.terraform.plan() == {}


def test_moves_a_clone_to_the_folder_with_the_exact_name(bench: Bench, client: Client) -> None:
    vms = client.find("vm")
    for name in ("[Prod] Web", "P Web", "Archive *?", "Archive 12"):
        vms.CreateFolder(name)
    marker = OWNER.format(3)
    bench.terraform.write(in_folder(bench, "[Prod] Web", marker, "wanderer"))
    bench.terraform.apply()
    assert bench.terraform.plan() == {}
    moid = client.vm("[Prod] Web/wanderer")._moId
    bench.terraform.write(in_folder(bench, "Archive *?", marker, "wanderer"))

    bench.terraform.apply()

    assert client.vm("Archive *?/wanderer")._moId == moid
    assert bench.terraform.attributes("wanderer")["folder"] == "Archive *?"
    assert bench.methods(moid) == ["MoveIntoFolder_Task"]
    assert bench.terraform.plan() == {}


def test_clones_a_source_in_a_folder_with_a_pattern_as_its_name(bench: Bench, client: Client) -> None:
    vms = client.find("vm")
    folder, decoy = vms.CreateFolder("gold [a]"), vms.CreateFolder("gold a")
    golden = client.vm("golden")
    result(folder.MoveIntoFolder_Task([golden]))
    try:
        bench.terraform.write(clones(bench.source, bench.release, ["nugget"]))
        bench.terraform.apply()
        assert bench.terraform.plan() == {}
    finally:
        result(vms.MoveIntoFolder_Task([golden]))
    assert list(decoy.childEntity) == []


@pytest.mark.parametrize(
    ("name", "other", "stored"),
    [
        ("team [x]", "team x", "team [x]"),
        ("50% a/b\\c", "50 a", "50%25 a%2fb%5cc"),
    ],
)
def test_creates_a_folder_in_the_parent_with_the_exact_name(
    bench: Bench, client: Client, name: str, other: str, stored: str
) -> None:
    vms = client.find("vm")
    parent, decoy = vms.CreateFolder(name), vms.CreateFolder(other)
    datacenter = "${data.vsphere_datacenter.datacenter.id}"
    body = machine(bench.source, bench.release, name="inside", folder="${vsphere_folder.own.path}")
    whole = document(bench.release, {"inside": body})
    whole["resource"]["vsphere_folder"] = {
        "own": {"path": f"{stored}/own *", "type": "vm", "datacenter_id": datacenter}
    }
    bench.terraform.write(whole)

    bench.terraform.apply()

    assert [each.name for each in parent.childEntity] == ["own *"]
    assert bench.terraform.plan() == {}
    bench.terraform.destroy()
    assert (list(parent.childEntity), list(decoy.childEntity)) == ([], [])


def test_import_command_in_the_error_imports_the_vm_with_the_exact_name(
    bench: Bench, client: Client, new_terraform: NewTerraform
) -> None:
    """An inventory path without escapes also imports the VM, if a VM exists at exactly that path."""
    vms = client.find("vm")
    vms.CreateFolder("it's [7]")
    decoy = vms.CreateFolder("it's 7")
    bench.terraform.write(clones(bench.source, bench.release, ["taken"], folder="it's [7]"))
    bench.terraform.apply()
    moid = client.vm("it's [7]/taken")._moId
    elsewhere = in_folder(bench, "it's 7", OWNER.format(5), "taken")
    decoys = new_terraform(bench.simulator)
    decoys.write(elsewhere)
    decoys.apply()
    (decoy_vm,) = decoy.childEntity
    other = new_terraform(bench.simulator)
    other.write(in_folder(bench, "it's [7]", OWNER.format(6), "taken"))
    (error,) = other.run("plan").errors
    command = re.search(r"terraform import ADDRESS '(.*)', with", error.detail)
    assert command is not None
    escaped_path = command[1].replace("'\\''", "'")

    for path in (escaped_path, "/DC0/vm/it's [7]/taken"):
        other.run("import", "-input=false", 'vsphere_virtual_machine.vm["taken"]', path).require()
        assert other.attributes("taken")["moid"] == moid
        other.run("state", "rm", 'vsphere_virtual_machine.vm["taken"]').require()

    assert escaped_path == "/DC0/vm/it's \\[7]/taken"
    assert bench.methods(moid, decoy_vm._moId) == []


def test_uses_a_network_whose_name_is_the_id_of_another_network(bench: Bench, client: Client) -> None:
    other = client.find("network/DC0_DVPG1")
    name = str(other._moId)
    spec = vim.dvs.DistributedVirtualPortgroup.ConfigSpec(name=name, type="earlyBinding", numPorts=8)
    result(client.find("network/DVS0").AddDVPortgroup_Task([spec]))
    body = machine(bench.source, bench.release, name="connected")
    body["network_interface"][0]["network_id"] = "${data.vsphere_network.named.id}"
    whole = document(bench.release, {"connected": body})
    datacenter = "${data.vsphere_datacenter.datacenter.id}"
    whole["data"]["vsphere_network"] = {"named": {"name": finder_pattern(name), "datacenter_id": datacenter}}
    bench.terraform.write(whole)

    bench.terraform.apply()

    assert [each.name for each in client.vm("connected").network] == [name]
    assert bench.terraform.plan() == {}
