# SPDX-License-Identifier: MPL-2.0
"""When instant cloning is refused, by the task and by the check that vCenter offers beside it."""

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
    """Names of the faults that CheckInstantClone_Task foretells."""

    def check(vm: Any, name: str = "checked", **location: Any) -> list[str]:
        checker = client.content.vmProvisioningChecker
        found = result(checker.CheckInstantClone_Task(vm, spec(name, **location)))
        return [type(error).__name__.rpartition(".")[2] for each in found for error in each.error]

    return check


def test_check_of_a_running_vm_finds_nothing_and_clones_nothing(
    client: Client, check: Callable[..., list[str]]
) -> None:
    assert check(client.vm("golden-web")) == []
    assert client.vm("checked") is None


def test_check_foretells_that_a_vm_which_is_off_cannot_be_cloned(
    client: Client, check: Callable[..., list[str]]
) -> None:
    assert check(client.vm("golden-off")) == ["InvalidPowerState"]


def test_check_foretells_that_there_is_no_such_pool(client: Client, check: Callable[..., list[str]]) -> None:
    nowhere = vim.ResourcePool("resgroup-0", client.instance._stub)

    assert check(client.vm("golden-web"), pool=nowhere) == ["InvalidArgument"]


def test_check_foretells_that_a_name_is_taken(client: Client, check: Callable[..., list[str]]) -> None:
    assert check(client.vm("golden-web"), "golden-off") == ["DuplicateName"]


@pytest.mark.parametrize("field", ["datastore", "host"])
def test_check_does_not_take_what_the_task_takes(field: str, client: Client) -> None:
    source = client.vm("golden-web")
    location = {"datastore": source.datastore[0], "host": source.runtime.host}
    checker = client.content.vmProvisioningChecker
    checked = spec("checked", **{field: location[field]})

    assert fault_of(lambda: checker.CheckInstantClone_Task(source, checked)) == "InvalidArgument"
    assert fault_of(lambda: source.InstantClone_Task(spec(f"on-{field}", **{field: location[field]}))) is None


def test_vm_that_is_off_is_refused(client: Client) -> None:
    assert fault_of(lambda: client.vm("golden-off").InstantClone_Task(spec("refused"))) == "InvalidPowerState"
    assert client.vm("refused") is None


def test_name_is_refused_in_the_same_folder_and_taken_in_another(client: Client) -> None:
    source = client.vm("golden-web")
    folder = client.find("vm").CreateFolder("names")
    clone(source, "once")

    assert fault_of(lambda: source.InstantClone_Task(spec("once"))) == "DuplicateName"
    assert fault_of(lambda: source.InstantClone_Task(spec("once", folder=folder))) is None


@pytest.mark.parametrize("name", ["", "n" * 81])
def test_name_that_vcenter_does_not_take_is_refused(client: Client, name: str) -> None:
    assert fault_of(lambda: client.vm("golden-web").InstantClone_Task(spec(name))) == "InvalidName"


def test_bios_uuid_that_is_none_is_refused(client: Client) -> None:
    request = spec("refused", bios_uuid="no-uuid")

    assert fault_of(lambda: client.vm("golden-web").InstantClone_Task(request)) == "InvalidArgument"


def test_removal_of_a_device_is_refused(client: Client) -> None:
    source = client.vm("golden-web")
    removal = vim.vm.device.VirtualDeviceSpec(operation="remove", device=disks(source)[0])

    assert fault_of(lambda: source.InstantClone_Task(spec("refused", [removal]))) == "InvalidDeviceSpec"


def test_edit_of_a_disk_is_refused(client: Client) -> None:
    source = client.vm("golden-web")
    edit = vim.vm.device.VirtualDeviceSpec(operation="edit", device=disks(source)[0])

    assert fault_of(lambda: source.InstantClone_Task(spec("refused", [edit]))) == "InvalidDeviceSpec"


def test_network_that_does_not_exist_is_refused(client: Client) -> None:
    source = client.vm("golden-web")
    nic = nics(source)[0]
    nic.backing = vim.vm.device.VirtualEthernetCard.NetworkBackingInfo(deviceName="no network")
    edit = vim.vm.device.VirtualDeviceSpec(operation="edit", device=nic)

    assert fault_of(lambda: source.InstantClone_Task(spec("refused", [edit]))) == "InvalidDeviceSpec"


def test_host_is_taken_unless_strict(client: Client, start_simulator: StartSimulator) -> None:
    source = client.vm("golden-web")
    assert clone(source, "hosted", host=source.runtime.host).runtime.host == source.runtime.host

    with Client(start_simulator("-strict")) as strict:
        source = strict.vm("golden-web")
        request = spec("refused", host=source.runtime.host)

        assert fault_of(lambda: source.InstantClone_Task(request)) == "NotSupported"


def test_disk_chain_ends_at_the_limit(start_simulator: StartSimulator) -> None:
    simulated = start_simulator("-chain-limit", 2)
    with Client(simulated) as client:
        source = client.vm("golden-web")

        clone(source, "first")
        clone(source, "second")

        assert fault_of(lambda: source.InstantClone_Task(spec("third"))) == "GenericVmConfigFault"
        assert simulated.vm("golden-web").deltas == {2000: 2, 2001: 2}


def test_limit_is_255_deltas_unless_told_otherwise(simulated: Simulator, client: Client) -> None:
    source = client.vm("golden-db")
    for index in range(255):
        clone(source, f"deep-{index}")

    assert simulated.vm("golden-db").deltas == {2000: 255, 2001: 255}
    assert fault_of(lambda: source.InstantClone_Task(spec("deep-255"))) == "GenericVmConfigFault"


def test_frozen_vm_gains_no_deltas_and_can_be_cloned_on(start_simulator: StartSimulator) -> None:
    simulated = start_simulator("-frozen", "golden-web", "-chain-limit", 2)
    with Client(simulated) as client:
        source = client.vm("golden-web")

        for index in range(20):
            clone(source, f"cold-{index}")

        assert simulated.vm("golden-web").deltas == {2000: 0, 2001: 0}
        assert simulated.vm("cold-19").deltas == {2000: 1, 2001: 1}
