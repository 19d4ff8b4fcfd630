# SPDX-License-Identifier: MPL-2.0
"""Clones whose devices vCenter lists with another order, other keys or other labels than for the source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from pyVmomi import vim

from testkit.clone_stack import document, machine, source_of
from testkit.simulator import Simulator
from tests.conftest import StartSimulator
from tests.e2e.conftest import Attach, Plugin
from tests.e2e.terraform import Outcome, Terraform
from tests.vcsim.client import Client, controller, disk, disks, machine_spec, make, nic, nics, result

GIB = 1 << 30
IN_DATACENTER = {"datacenter_id": "${data.vsphere_datacenter.datacenter.id}"}
Device = vim.vm.device

DEVICES: Mapping[str, Mapping[str, str]] = {
    "reversed": {"device-order": "reversed"},
    "shuffled": {"device-order": "shuffled"},
    "renumbered": {"device-keys": "renumbered"},
    "labelled": {"device-labels": "renumbered"},
    "localized": {"device-labels": "de"},
    "everything": {"device-order": "reversed", "device-keys": "renumbered", "device-labels": "renumbered"},
}
NETWORKS = ["VM Network", "DC0_DVPG1", "DC0_DVPG0", "DC0_DVPG0"]
"""The networks of a clone's interfaces. The source has DC0_DVPG0, VM Network, DC0_DVPG1 and DC0_DVPG1."""


def _methods(simulator: Simulator, name: str) -> list[str]:
    return [call.method for call in simulator.calls(name)]


def _with_many_devices(client: Client, name: str) -> None:
    """Create a running VM with three disks on two controllers, and four network interfaces of one type."""

    def on(group: str) -> Any:
        found = client.find(f"network/{group}")
        port = vim.dvs.PortConnection(portgroupKey=found.key, switchUuid=found.config.distributedVirtualSwitch.uuid)
        return Device.VirtualEthernetCard.DistributedVirtualPortBackingInfo(port=port)

    standard: Any = Device.VirtualEthernetCard.NetworkBackingInfo
    vm = make(
        client,
        machine_spec(
            name,
            [
                controller(Device.ParaVirtualSCSIController, -1),
                controller(Device.ParaVirtualSCSIController, -2, 1),
                disk(-1, 0, 3 * GIB),
                disk(-1, 8, 2 * GIB, thinProvisioned=False, eagerlyScrub=True),
                disk(-2, 3, GIB),
                nic(Device.VirtualVmxnet3, on("DC0_DVPG0")),
                nic(Device.VirtualVmxnet3, standard(deviceName="VM Network")),
                nic(Device.VirtualVmxnet3, on("DC0_DVPG1")),
                nic(Device.VirtualVmxnet3, on("DC0_DVPG1")),
            ],
            cpuHotAddEnabled=True,
            memoryHotAddEnabled=True,
        ),
    )
    result(vm.PowerOn())


@dataclass(frozen=True)
class Devices:
    """Clones with static addresses ("static-…"), generated addresses ("plain-…") and more devices ("more-…")."""

    simulator: Simulator
    terraform: Terraform
    applied: Outcome
    next_plan: Outcome
    refreshed: Outcome


def _mac(index: int, position: int) -> str:
    return f"00:50:56:2a:{index:02x}:{position:02x}"


@pytest.fixture(scope="module")
def arranged(
    start_simulator: StartSimulator, plugin: Plugin, attach: Attach, tmp_path_factory: pytest.TempPathFactory
) -> Devices:
    simulator = start_simulator("-source", "other", "-vm", 0, "-tools", "0s")
    with Client(simulator) as client:
        for name in DEVICES:
            _with_many_devices(client, name)
    simulator.localize("localized", "fr")
    machines = {}
    for index, name in enumerate(DEVICES):
        source = source_of(simulator, name)
        body = machine(source, plugin.release)
        elsewhere = [
            interface | {"network_id": f"${{data.vsphere_network.networks[{network!r}].id}}".replace("'", '"')}
            for interface, network in zip(body["network_interface"], NETWORKS, strict=True)
        ]
        static = [
            interface | {"use_static_mac": True, "mac_address": _mac(index, position)}
            for position, interface in enumerate(elsewhere)
        ]
        more = {
            "network_interface": [*body["network_interface"], {**elsewhere[0], "bandwidth_limit": 50}],
            "disk": [*body["disk"], {"label": "added", "unit_number": 5, "size": 1}],
        }
        for kind, changed in (("static", {"network_interface": static}), ("plain", {}), ("more", more)):
            machines[f"{kind}-{name}"] = body | {"name": f"{kind}-{name}"} | changed
        for quirk, value in DEVICES[name].items():
            simulator.quirk(quirk, value, vm=name)
    whole = document(plugin.release, machines)
    names = ", ".join(f'"{name}"' for name in dict.fromkeys(NETWORKS))
    whole["data"]["vsphere_network"] = {
        "networks": {"for_each": f"${{toset([{names}])}}", "name": "${each.key}", **IN_DATACENTER}
    }
    terraform = Terraform(
        tmp_path_factory.mktemp("devices") / "terraform",
        simulator.environment(plugin.environment),
        initialised=plugin.initialised,
        attached=attach(simulator),
    )
    terraform.write(whole)
    applied = terraform.run("apply", "-parallelism=20")
    next_plan = terraform.run("plan")
    return Devices(simulator, terraform, applied, next_plan, terraform.run("apply", "-refresh-only"))


@pytest.fixture(scope="module")
def client(arranged: Devices) -> Iterator[Client]:
    with Client(arranged.simulator) as client:
        yield client


def test_creates_exact_clones_with_any_device_order(arranged: Devices) -> None:
    assert arranged.applied.require().diagnostics == []
    assert arranged.next_plan.require().changes == {}
    arranged.refreshed.require()
    untouched = [f"{kind}-{name}" for kind in ("static", "plain") for name in DEVICES]
    assert {name: _methods(arranged.simulator, name) for name in untouched} == {name: [] for name in untouched}


@pytest.mark.parametrize("name", DEVICES)
def test_each_interface_has_its_configured_address_and_network(arranged: Devices, client: Client, name: str) -> None:
    index = list(DEVICES).index(name)
    # The PCI unit number does not change. It follows the order in which the source's interfaces were created.
    cards = sorted(nics(client.vm(f"static-{name}")), key=lambda card: card.unitNumber)
    networks = [_network_of(client, card) for card in cards]
    assert [(card.macAddress, network) for card, network in zip(cards, networks, strict=True)] == [
        (_mac(index, position), network) for position, network in enumerate(NETWORKS)
    ]
    state = arranged.terraform.attributes(f"static-{name}")["network_interface"]
    assert [each["mac_address"] for each in state] == [_mac(index, position) for position in range(4)]
    assert [each["key"] for each in state] == [card.key for card in cards]


def _network_of(client: Client, card: Any) -> str:
    if isinstance(card.backing, Device.VirtualEthernetCard.NetworkBackingInfo):
        return str(card.backing.deviceName)
    groups = {client.find(f"network/{name}").key: name for name in ("DC0_DVPG0", "DC0_DVPG1")}
    return groups[card.backing.port.portgroupKey]


@pytest.mark.parametrize("name", DEVICES)
def test_disks_have_the_labels_of_their_units(arranged: Devices, name: str) -> None:
    for kind in ("static", "plain"):
        disks_in_state = arranged.terraform.attributes(f"{kind}-{name}")["disk"]
        assert [
            (each["label"], each["unit_number"], each["size"], each["eagerly_scrub"]) for each in disks_in_state
        ] == [("disk0", 0, 3, False), ("disk1", 7, 2, True), ("disk2", 18, 1, False)]


@pytest.mark.parametrize("name", DEVICES)
def test_adds_a_disk_and_an_interface_in_one_call(arranged: Devices, client: Client, name: str) -> None:
    assert _methods(arranged.simulator, f"more-{name}") == ["ReconfigVM_Task"]
    vm = client.vm(f"more-{name}")
    assert sorted(each.capacityInBytes // GIB for each in disks(vm)) == [1, 1, 2, 3]
    networks = sorted(_network_of(client, card) for card in nics(vm))
    assert networks == ["DC0_DVPG0", "DC0_DVPG1", "DC0_DVPG1", "VM Network", "VM Network"]
    assert {each["label"] for each in arranged.terraform.attributes(f"more-{name}")["disk"]} == {
        *("disk0", "disk1", "disk2", "added")
    }
    assert vm.runtime.powerState == "poweredOn"
