# SPDX-License-Identifier: MPL-2.0
"""Tests of the faults of InstantClone_Task and CheckInstantClone_Task."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pyVmomi import vim, vmodl

from testkit.simulator import Simulator
from tests.conftest import StartSimulator
from tests.vcsim.client import (
    Client,
    clone,
    controller,
    devices,
    disk,
    disks,
    fault_of,
    machine_spec,
    make,
    nics,
    result,
    spec,
)

pytestmark = pytest.mark.simulator

Device = vim.vm.device
PORT_MESSAGE = (
    "Virtual machine is configured to use a device that prevents the operation: Device '{} port 1' is not supported."
)


@pytest.fixture(scope="module")
def simulated(start_simulator: StartSimulator) -> Simulator:
    return start_simulator("-source", "golden-web,golden-db", "-vm", 0)


@pytest.fixture(scope="module")
def client(simulated: Simulator) -> Iterator[Client]:
    with Client(simulated) as client:
        yield client


@pytest.fixture
def check(client: Client) -> Callable[..., list[str]]:
    """Return a function that calls CheckInstantClone_Task and returns the names of the faults in its result."""

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

        with pytest.raises(vmodl.fault.SystemError) as refused:
            clone(source, "third")
        fault: Any = refused.value
        cause: Any = fault.faultCause
        assert (fault.reason, fault.msg) == ("Launch failure", "A general system error occurred: Launch failure")
        assert (cause.reason, cause.msg) == ("Unable to prepare migration.", "Unable to prepare migration.")
        assert [message.key for message in cause.faultMessage] == ["msg.migrate.prepare.failed"]
        assert isinstance(cause, vim.fault.GenericVmConfigFault)
        assert simulated.vm("golden-web").deltas == {2000: 2, 2001: 2}


def test_check_returns_a_fault_with_a_cause_if_a_chain_is_too_long(start_simulator: StartSimulator) -> None:
    with Client(start_simulator("-chain-limit", 0)) as client:
        checker = client.content.vmProvisioningChecker

        (found,) = result(checker.CheckInstantClone_Task(client.vm("golden-web"), spec("checked")))

        error: Any = found.error[0]
        assert isinstance(error, vmodl.fault.SystemError)
        cause: Any = error.faultCause
        assert cause.reason == "Unable to prepare migration."


def port(kind: Any, file: str) -> Any:
    """Return a file-backed serial or parallel port."""
    added = kind(key=-9, backing=kind.FileBackingInfo(fileName=f"[LocalDS_0] {file}"))
    if kind is Device.VirtualSerialPort:
        added.yieldOnPoll = True
    return added


def running(client: Client, name: str, device: Any) -> Any:
    """Create a VM with one disk and this device, and power it on."""
    added = [controller(Device.ParaVirtualSCSIController, -1), disk(-1, 0, 1 << 30), device]
    vm = make(client, machine_spec(name, added, firmware="efi"))
    result(vm.PowerOn())
    return vm


@pytest.mark.parametrize(
    ("name", "device", "message"),
    [
        ("with-serial-port", port(Device.VirtualSerialPort, "serial.log"), PORT_MESSAGE.format("Serial")),
        ("with-parallel-port", port(Device.VirtualParallelPort, "parallel.log"), PORT_MESSAGE.format("Parallel")),
        ("with-tpm", Device.VirtualTPM(key=-9), PORT_MESSAGE.replace("{} port 1", "Virtual TPM")),
    ],
)
def test_task_and_check_reject_a_source_with_an_unsupported_device(
    client: Client, name: str, device: Any, message: str
) -> None:
    source = running(client, name, device)

    with pytest.raises(vim.fault.DisallowedMigrationDeviceAttached) as refused:
        clone(source, f"of-{name}")
    (found,) = result(client.content.vmProvisioningChecker.CheckInstantClone_Task(source, spec(f"of-{name}")))

    fault: Any = refused.value
    assert isinstance(fault.fault, vim.fault.DeviceNotSupported)
    assert f"Device '{fault.fault.device}' is not supported." in message
    assert [fault.msg, *(error.msg for error in found.error)] == [message, message]
    assert client.vm(f"of-{name}") is None


@pytest.mark.parametrize("kind", [Device.VirtualSerialPort, Device.VirtualParallelPort])
def test_clones_a_source_whose_port_the_request_edits_or_removes(client: Client, kind: Any) -> None:
    name = kind.__name__.rpartition(".")[2]
    source = running(client, name, port(kind, "source.log"))
    (attached,) = devices(source, kind)
    remove = Device.VirtualDeviceSpec(operation="remove", device=attached)
    replaced = port(kind, "clone.log")
    replaced.key = attached.key
    edit = Device.VirtualDeviceSpec(operation="edit", device=replaced)

    without, edited = clone(source, f"{name}-without", [remove]), clone(source, f"{name}-edited", [edit])

    assert devices(without, kind) == []
    assert [each.backing.fileName for each in devices(edited, kind)] == ["[LocalDS_0] clone.log"]
    assert [each.backing.fileName for each in devices(source, kind)] == ["[LocalDS_0] source.log"]


def test_default_chain_limit_is_255_delta_disks(simulated: Simulator, client: Client) -> None:
    source = client.vm("golden-db")
    for index in range(255):
        clone(source, f"deep-{index}")

    assert simulated.vm("golden-db").deltas == {2000: 255, 2001: 255}
    assert fault_of(lambda: source.InstantClone_Task(spec("deep-255"))) == "SystemError"


def test_frozen_vm_gets_no_delta_disks_and_stays_below_the_chain_limit(start_simulator: StartSimulator) -> None:
    simulated = start_simulator("-frozen", "golden-web", "-chain-limit", 2)
    with Client(simulated) as client:
        source = client.vm("golden-web")

        for index in range(20):
            clone(source, f"cold-{index}")

        assert simulated.vm("golden-web").deltas == {2000: 0, 2001: 0}
        assert simulated.vm("cold-19").deltas == {2000: 1, 2001: 1}
