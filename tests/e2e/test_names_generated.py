# SPDX-License-Identifier: MPL-2.0
"""Fleets with inventory names that together contain all printable characters.

Each object has a decoy. If the object's name is used as a pattern, it matches the name of the decoy.
"""

from __future__ import annotations

import json
import os
import random
import re
import string
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cdktf import App, TerraformStack
from pyVmomi import vim

from constructs.finder_patterns import finder_template
from instant_clone.inventory_names import finder_pattern, stored_name
from testkit.clone_stack import source_of
from testkit.releases import skip_unless_repeatable
from testkit.simulator import Simulator
from testkit.stock import StockProvider
from testkit.workspace import Finished, Workspace
from tests.conftest import StartSimulator
from tests.e2e.conftest import Bench
from tests.vcsim.client import Client, clone, controller, disk, disks, machine_spec, nic, result

pytestmark = pytest.mark.attached

SEED = 2026
FLEETS = 4


@pytest.fixture(scope="module")
def vcenter(start_simulator: StartSimulator) -> Simulator:
    return start_simulator("-source", "golden", "-frozen", "golden", "-tools", "0s", "-vm", 0)


@pytest.fixture
def client(vcenter: Simulator) -> Iterator[Client]:
    with Client(vcenter) as client:
        yield client


def test_finder_template_returns_the_same_pattern_as_finder_pattern(bench: Bench, tmp_path: Path) -> None:
    chance = random.Random(SEED)
    texts = [*(name for place in map(names, [chance] * 20) for name in (place.network, place.pool))]
    texts += ["network-12", "vm-network", ".hidden", "Network:x", "domain-c8/x", "*", "[", "]", "?", "\\"]
    stack = TerraformStack(App(outdir=str(tmp_path / "out"), skip_validation=True), "names")
    bench.terraform.write(
        {
            "variable": {"texts": {"default": {f"n{index}": text for index, text in enumerate(texts)}}},
            "locals": {f"l{index}": f"${{var.texts.n{index}}}" for index in range(len(texts))},
            "output": {
                f"o{index}": {"value": finder_template(stack, f"${{var.texts.n{index}}}", local=f"l{index}")}
                for index in range(len(texts))
            },
        }
    )
    bench.terraform.apply()

    outputs = json.loads(bench.terraform.run("output", "-json").require().stdout)

    assert [outputs[f"o{index}"]["value"] for index in range(len(texts))] == [finder_pattern(text) for text in texts]


@dataclass(frozen=True)
class Place:
    """The display names of the inventory objects that one fleet uses."""

    folders: tuple[str, str]
    source: str
    network: str
    datastore: str
    pool: str


def names(chance: random.Random) -> Place:
    """Return names that together contain all printable characters."""
    characters = [*string.printable[:95], *"ß漢é"]
    chance.shuffle(characters)
    parts = ["".join(characters[start::6]) for start in range(6)]
    # Each name starts and ends with a letter, because a blank at the end is invisible.
    first, second, source, network, datastore, pool = (f"n{part}n" for part in parts)
    return Place((first, second), source, network, datastore.replace("]", ""), pool)


def decoy_of(name: str) -> str:
    """Return a name that the pattern `name` matches, or `name` itself if `name` is not a pattern."""
    classes = re.sub(r"\[\^?(.)[^\]]*\]", r"\1", name)
    return classes.replace("*", "many").replace("?", "1")


def written(name: str, chance: random.Random) -> str:
    """Return a name as a user may write it in a path: with the necessary escapes only, or with all escapes."""
    if chance.random() < 0.5:
        return stored_name(name)
    bare = re.sub("%(?=25|2f|5c)", "%25", name, flags=re.IGNORECASE)
    return bare.replace("/", "%2f")


def make_place(client: Client, place: Place, folder: Path) -> None:
    """Create the objects of a fleet, and a decoy for each of them."""
    pool = client.find("host/DC0_C0").resourcePool
    switch = client.find("network/DVS0")
    golden = client.vm("golden")
    vms = client.find("vm")
    outer = None
    for kind, name in (("network", place.network), ("datastore", place.datastore), ("pool", place.pool)):
        for each in dict.fromkeys((name, decoy_of(name))):
            stored = stored_name(each)
            if kind == "network":
                spec = vim.dvs.DistributedVirtualPortgroup.ConfigSpec(name=stored, type="earlyBinding", numPorts=8)
                result(switch.AddDVPortgroup_Task([spec]))
            elif kind == "pool":
                pool.CreateResourcePool(stored, vim.ResourceConfigSpec(**_shares()))
            else:
                path = folder / f"store-{len(list(folder.iterdir()))}"
                path.mkdir()
                golden.runtime.host.configManager.datastoreSystem.CreateLocalDatastore(stored, str(path))
    for each in dict.fromkeys((place.folders[0], decoy_of(place.folders[0]))):
        made = vms.CreateFolder(each)
        outer = outer or made
    assert outer is not None
    inner = outer.CreateFolder(place.folders[1])
    for each in dict.fromkeys((place.source, decoy_of(place.source))):
        copy = clone(golden, "copy", folder=inner)
        result(copy.Rename_Task(stored_name(each)))


def _shares() -> dict[str, Any]:
    allocation = vim.ResourceAllocationInfo(
        shares=vim.SharesInfo(level="normal", shares=4000), reservation=0, limit=-1, expandableReservation=True
    )
    return {"cpuAllocation": allocation, "memoryAllocation": allocation}


def fleet_of(name: str, place: Place, stack: str, chance: random.Random, cluster: str) -> str:
    path = "/".join(written(part, chance) for part in place.folders)
    return f"""
[fleets.{name}]
stack         = "{stack}"
datacenter    = "DC0"
datastore     = {json.dumps(written(place.datastore, chance))}
resource_pool = {json.dumps(f"{written(cluster, chance)}/Resources/{written(place.pool, chance)}")}
folder        = {json.dumps(path)}
names         = "{{fleet}} [{{index}}]*?"

[[fleets.{name}.sources]]
vm    = {json.dumps(f"{path}/{written(place.source, chance)}")}
count = 2

[[fleets.{name}.networks]]
network = {json.dumps(written(place.network, chance))}
"""


def done(finished: Finished) -> Finished:
    assert finished.code == 0, finished.output
    return finished


def check_generated_names(simulator: Simulator, stock: StockProvider, folder: Path, *, count: int, seed: int) -> None:
    """Deploy and destroy fleets with generated names, and check where vCenter created their clones."""
    chance = random.Random(seed)
    places = {f"fleet-{number}": names(chance) for number in range(count)}
    cluster = names(chance).pool
    skip_unless_repeatable(source_of(simulator, "golden"), stock.release)
    stores = folder / "stores"
    stores.mkdir(parents=True)
    with Client(simulator) as client:
        for place in places.values():
            make_place(client, place, stores)
        result(client.find("host/DC0_C0").Rename_Task(stored_name(cluster)))
        decoys = {each._moId for each in _all(client, vim.VirtualMachine)}
        workspace = Workspace(folder / "workspace", stock_binary=stock.path, vcenter=simulator.environment(base={}))
        text = "".join(
            fleet_of(name, place, ("dynamic", "static")[number % 2], chance, cluster)
            for number, (name, place) in enumerate(places.items())
        )
        (workspace.folder / "fleets.toml").write_text(text, encoding="utf-8")
        done(workspace.run("python", "main.py"))
        for name, place in places.items():
            _deploy_and_destroy(client, workspace, name, place)
        assert {each._moId for each in _all(client, vim.VirtualMachine)} == decoys
        made = [call.clone for call in simulator.calls() if call.method == "InstantClone_Task" and call.clone != "copy"]
        assert sorted(made) == sorted(f"{name} [{index}]*?" for name in places for index in range(2))
        changed = {call.method for call in simulator.calls() if call.moref in decoys}
        assert changed <= {"InstantClone_Task", "Rename_Task"}


def _deploy_and_destroy(client: Client, workspace: Workspace, name: str, place: Place) -> None:
    stack = workspace.folder / "cdktf.out" / "stacks" / name

    def terraform(*command: str) -> str:
        return done(workspace.run("terraform", *command, "-input=false", "-no-color", folder=stack)).output

    terraform("init")
    terraform("plan")
    terraform("apply", "-auto-approve")
    path = "/".join(stored_name(part) for part in place.folders)
    source = client.vm(f"{path}/{stored_name(place.source)}")
    for index in range(2):
        made = client.vm(f"{path}/{name} [{index}]*?")
        assert made.resourcePool.name == stored_name(place.pool)
        assert made.config.files.vmPathName.startswith(f"[{stored_name(place.datastore)}] ")
        assert [each.name for each in made.network] == [stored_name(place.network)]
        assert _base(made) in _chain(source)
    assert "No changes." in terraform("plan")
    terraform("destroy", "-auto-approve")


def _chain(machine: Any) -> list[str]:
    """Return the files of a VM's first disk chain, topmost file first."""
    backing = disks(machine)[0].backing
    chain = []
    while backing is not None:
        chain.append(backing.fileName)
        backing = backing.parent
    return chain


def _base(machine: Any) -> str:
    """Return the parent file of the delta disk that is a clone's first disk."""
    return _chain(machine)[1]


def _all(client: Client, kind: Any) -> list[Any]:
    view = client.content.viewManager.CreateContainerView(client.content.rootFolder, [kind], recursive=True)
    try:
        return list(view.view)
    finally:
        view.DestroyView()


def test_deploys_fleets_with_all_printable_characters_in_names(
    start_simulator: StartSimulator, stock: StockProvider, tmp_path: Path
) -> None:
    simulator = start_simulator("-source", "golden", "-tools", "0s", "-vm", 0)
    check_generated_names(simulator, stock, tmp_path, count=FLEETS, seed=SEED)


def test_deploys_on_a_standalone_host_with_special_characters_in_its_name(
    start_simulator: StartSimulator, stock: StockProvider, tmp_path: Path
) -> None:
    chance = random.Random(SEED)
    place, host_name = names(chance), names(chance).pool
    simulator = start_simulator("-source", "golden", "-tools", "0s", "-vm", 0)
    store = tmp_path / "store"
    store.mkdir()
    with Client(simulator) as client:
        hosts = client.find("host")
        for each in dict.fromkeys((stored_name(host_name), decoy_of(stored_name(host_name)))):
            connect = vim.host.ConnectSpec(hostName=each, userName="root", password="word", force=True)
            result(hosts.AddStandaloneHost_Task(connect, addConnected=True))
        host = client.find(f"host/{stored_name(host_name)}").host[0]
        host.configManager.datastoreSystem.CreateLocalDatastore("own", str(store))
        spec = machine_spec(
            stored_name(place.source),
            [
                controller(vim.vm.device.ParaVirtualSCSIController, -1),
                disk(-1, 0, 1 << 30),
                nic(
                    vim.vm.device.VirtualVmxnet3,
                    vim.vm.device.VirtualEthernetCard.NetworkBackingInfo(deviceName="VM Network"),
                ),
            ],
            files=vim.vm.FileInfo(vmPathName="[own]"),
        )
        source = result(client.find("vm").CreateVM_Task(config=spec, pool=host.parent.resourcePool, host=host))
        result(source.PowerOnVM_Task())
        workspace = Workspace(tmp_path / "workspace", stock_binary=stock.path, vcenter=simulator.environment(base={}))
        (workspace.folder / "fleets.toml").write_text(
            f"""
[fleets.alone]
datacenter    = "DC0"
datastore     = "own"
resource_pool = {json.dumps(f"{written(host_name, chance)}/Resources")}
pin           = false

[[fleets.alone.sources]]
vm    = {json.dumps(written(place.source, chance))}
count = 1
""",
            encoding="utf-8",
        )
        done(workspace.run("python", "main.py"))
        stack = workspace.folder / "cdktf.out" / "stacks" / "alone"
        for command in (("init",), ("plan",), ("apply", "-auto-approve")):
            done(workspace.run("terraform", *command, "-input=false", "-no-color", folder=stack))
        made = client.vm("alone-0")
        assert made.runtime.host == host
        assert "No changes." in done(workspace.run("terraform", "plan", "-no-color", folder=stack)).output
        done(workspace.run("terraform", "destroy", "-auto-approve", "-no-color", folder=stack))
        assert client.vm("alone-0") is None


@pytest.mark.long
def test_deploys_many_fleets_with_generated_names(
    start_simulator: StartSimulator, stock: StockProvider, tmp_path: Path
) -> None:
    cases = min(int(os.environ.get("INSTANT_CLONE_CASES") or 100), 200)
    for number in range(cases // 20):
        simulator = start_simulator("-source", "golden", "-tools", "0s", "-vm", 0)
        check_generated_names(simulator, stock, tmp_path / str(number), count=20, seed=SEED + 1 + number)
