# SPDX-License-Identifier: MPL-2.0
"""Tests of the faults of InstantClone_Task and CheckInstantClone_Task."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pyVmomi import vim

from testkit.simulator import Simulator
from tests.conftest import StartSimulator
from tests.vcsim.client import Client, clone, disks, fault_of, nics, result, spec

pytestmark = pytest.mark.simulator


@pytest.fixture(scope="module")
def simulated(start_simulator: StartSimulator) -> Simulator:
    return start_simulator("-source", "golden-web,golden-db", "-vm", 0)


@pytest.fixture(scope="module")
def client(simulated: Simulator) -> Iterator[Client]:
    with Client(simulated) as client:
        yield client


@pytest.fixture
def check(client: Client) -> Callable[..., list[str]]:
    """Return a function that returns the names of the faults in the result of CheckInstantClone_Task."""

    def check(vm: Any, name: str = "checked", **location: Any) -> list[str]:
        checker = client.content.vmProvisioningChecker
        found = result(checker.CheckInstantClone_Task(vm, spec(name, **location)))
        return [type(error).__name__.rpartition(".")[2] for each in found for error in each.error]

    return check


def test_check_of_a_running_vm_returns_no_fault_and_creates_no_clone(
    client: Client, check: Callable[..., list[str]]
) -> None:
    assert check(client.vm("golden-web")) == []
    assert client.vm("checked") is None


def test_check_returns_invalid_power_state_for_a_powered_off_vm(
    client: Client, check: Callable[..., list[str]]
) -> None:
    assert check(client.vm("golden-off")) == ["InvalidPowerState"]


def test_check_returns_invalid_argument_for_an_unknown_pool(client: Client, check: Callable[..., list[str]]) -> None:
    nowhere = vim.ResourcePool("resgroup-0", client.instance._stub)

    assert check(client.vm("golden-web"), pool=nowhere) == ["InvalidArgument"]


def test_check_returns_duplicate_name_for_a_used_name(client: Client, check: Callable[..., list[str]]) -> None:
    assert check(client.vm("golden-web"), "golden-off") == ["DuplicateName"]


@pytest.mark.parametrize("field", ["datastore", "host"])
def test_check_rejects_a_datastore_and_a_host_that_the_task_accepts(field: str, client: Client) -> None:
    source = client.vm("golden-web")
    location = {"datastore": source.datastore[0], "host": source.runtime.host}
    checker = client.content.vmProvisioningChecker
    checked = spec("checked", **{field: location[field]})

    assert fault_of(lambda: checker.CheckInstantClone_Task(source, checked)) == "InvalidArgument"
    assert fault_of(lambda: source.InstantClone_Task(spec(f"on-{field}", **{field: location[field]}))) is None


def test_rejects_a_powered_off_vm(client: Client) -> None:
    assert fault_of(lambda: client.vm("golden-off").InstantClone_Task(spec("refused"))) == "InvalidPowerState"
    assert client.vm("refused") is None


def test_rejects_a_used_name_in_the_same_folder_only(client: Client) -> None:
    source = client.vm("golden-web")
    folder = client.find("vm").CreateFolder("names")
    clone(source, "once")

    assert fault_of(lambda: source.InstantClone_Task(spec("once"))) == "DuplicateName"
    assert fault_of(lambda: source.InstantClone_Task(spec("once", folder=folder))) is None


@pytest.mark.parametrize("name", ["", "n" * 81])
def test_rejects_an_invalid_name(client: Client, name: str) -> None:
    assert fault_of(lambda: client.vm("golden-web").InstantClone_Task(spec(name))) == "InvalidName"


def test_rejects_an_invalid_bios_uuid(client: Client) -> None:
    request = spec("refused", bios_uuid="no-uuid")

    assert fault_of(lambda: client.vm("golden-web").InstantClone_Task(request)) == "InvalidArgument"


def test_rejects_the_removal_of_a_device(client: Client) -> None:
    source = client.vm("golden-web")
    removal = vim.vm.device.VirtualDeviceSpec(operation="remove", device=disks(source)[0])

    assert fault_of(lambda: source.InstantClone_Task(spec("refused", [removal]))) == "InvalidDeviceSpec"


def test_rejects_the_edit_of_a_disk(client: Client) -> None:
    source = client.vm("golden-web")
    edit = vim.vm.device.VirtualDeviceSpec(operation="edit", device=disks(source)[0])

    assert fault_of(lambda: source.InstantClone_Task(spec("refused", [edit]))) == "InvalidDeviceSpec"


def test_rejects_an_unknown_network(client: Client) -> None:
    source = client.vm("golden-web")
    nic = nics(source)[0]
    nic.backing = vim.vm.device.VirtualEthernetCard.NetworkBackingInfo(deviceName="no network")
    edit = vim.vm.device.VirtualDeviceSpec(operation="edit", device=nic)

    assert fault_of(lambda: source.InstantClone_Task(spec("refused", [edit]))) == "InvalidDeviceSpec"


def test_accepts_a_host_without_the_strict_flag(client: Client, start_simulator: StartSimulator) -> None:
    source = client.vm("golden-web")
    assert clone(source, "hosted", host=source.runtime.host).runtime.host == source.runtime.host

    with Client(start_simulator("-strict")) as strict:
        source = strict.vm("golden-web")
        request = spec("refused", host=source.runtime.host)

        assert fault_of(lambda: source.InstantClone_Task(request)) == "NotSupported"


def test_rejects_a_clone_beyond_the_chain_limit(start_simulator: StartSimulator) -> None:
    simulated = start_simulator("-chain-limit", 2)
    with Client(simulated) as client:
        source = client.vm("golden-web")

        clone(source, "first")
        clone(source, "second")

        assert fault_of(lambda: source.InstantClone_Task(spec("third"))) == "GenericVmConfigFault"
        assert simulated.vm("golden-web").deltas == {2000: 2, 2001: 2}


def test_default_chain_limit_is_255_delta_disks(simulated: Simulator, client: Client) -> None:
    source = client.vm("golden-db")
    for index in range(255):
        clone(source, f"deep-{index}")

    assert simulated.vm("golden-db").deltas == {2000: 255, 2001: 255}
    assert fault_of(lambda: source.InstantClone_Task(spec("deep-255"))) == "GenericVmConfigFault"


def test_frozen_vm_gets_no_delta_disks_and_stays_below_the_chain_limit(start_simulator: StartSimulator) -> None:
    simulated = start_simulator("-frozen", "golden-web", "-chain-limit", 2)
    with Client(simulated) as client:
        source = client.vm("golden-web")

        for index in range(20):
            clone(source, f"cold-{index}")

        assert simulated.vm("golden-web").deltas == {2000: 0, 2001: 0}
        assert simulated.vm("cold-19").deltas == {2000: 1, 2001: 1}
