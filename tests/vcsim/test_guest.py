# SPDX-License-Identifier: MPL-2.0
"""Tests of the reports of VMware Tools after clone, power and reset operations, and of freezing guests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest
from pyVmomi import vim, vmodl

from testkit.simulator import Simulator
from tests.conftest import StartSimulator
from tests.vcsim.client import Client, clone, extra_config, fault_of, result, until

pytestmark = pytest.mark.simulator

NAMES = count()


@pytest.fixture(scope="module")
def simulated(start_simulator: StartSimulator) -> Simulator:
    return start_simulator("-source", "golden-web,golden-ice", "-frozen", "golden-ice", "-vm", 0, "-tools", "300ms")


@pytest.fixture(scope="module")
def client(simulated: Simulator) -> Iterator[Client]:
    with Client(simulated) as client:
        yield client


@pytest.fixture
def running(client: Client) -> Any:
    """Return a new clone for one test. Its guest reports the address 192.0.2.7."""
    vm = clone(client.vm("golden-web"), f"guest-{next(NAMES)}", config={"guestinfo.ic.ipaddress": "192.0.2.7"})
    until(lambda: vm.guest.ipAddress == "192.0.2.7")
    return vm


@pytest.fixture(scope="module")
def quiet(start_simulator: StartSimulator) -> Simulator:
    """Return a simulator in which VMware Tools report only on request."""
    return start_simulator("-vm", 0, "-tools", "1000h")


@pytest.fixture
def quiet_client(quiet: Simulator) -> Iterator[Client]:
    quiet.report("golden-web")
    with Client(quiet) as client:
        yield client


def test_tools_report_on_request(quiet: Simulator, quiet_client: Client) -> None:
    vm = clone(quiet_client.vm("golden-web"), "asked")
    assert vm.guest.toolsRunningStatus == "guestToolsNotRunning"

    quiet.report("asked")

    assert vm.guest.toolsRunningStatus == "guestToolsRunning"
    with pytest.raises(KeyError):
        quiet.report("nobody")


def test_clone_reports_no_address_and_then_the_address_of_its_source(quiet: Simulator, quiet_client: Client) -> None:
    client = quiet_client
    vm = clone(client.vm("golden-web"), "watched")
    source_address = client.vm("golden-web").guest.ipAddress
    collector = client.content.propertyCollector
    query = vmodl.query.PropertyCollector
    watched = collector.CreateFilter(
        query.FilterSpec(
            objectSet=[query.ObjectSpec(obj=vm)],
            propSet=[query.PropertySpec(type=vim.VirtualMachine, pathSet=["guest.net", "guest.ipStack"])],
        ),
        False,
    )

    first = collector.WaitForUpdatesEx("", query.WaitOptions(maxWaitSeconds=60))
    quiet.report("watched")
    second = collector.WaitForUpdatesEx(first.version, query.WaitOptions(maxWaitSeconds=60))
    third = collector.WaitForUpdatesEx(second.version, query.WaitOptions(maxWaitSeconds=0))
    watched.Destroy()

    assert [nic.ipAddress for nic in changes(first)["guest.net"]] == [[]]
    assert [nic.ipAddress for nic in changes(second)["guest.net"]] == [[source_address]]
    assert third is None
    # The stock provider's network waiter knows the gateway only if guest.ipStack comes before guest.net.
    assert list(changes(second)) == ["guest.ipStack", "guest.net"]


def test_gateway_is_in_the_same_network_as_the_address(running: Any) -> None:
    routes = running.guest.ipStack[0].ipRouteConfig.ipRoute

    assert [(route.network, route.gateway.ipAddress) for route in routes] == [("0.0.0.0", "192.0.2.1")]
    assert running.guest.net[0].ipConfig.ipAddress[0].prefixLength == 24


def test_power_off_clears_tools_status_address_and_shared_memory(running: Any) -> None:
    assert running.summary.quickStats.sharedMemory == 4096

    result(running.PowerOff())

    until(lambda: running.guest.toolsRunningStatus == "guestToolsNotRunning")
    assert not running.guest.ipAddress
    assert not running.summary.quickStats.sharedMemory


def test_guest_reports_its_address_again_after_power_on(running: Any) -> None:
    result(running.PowerOff())
    until(lambda: not running.guest.ipAddress)
    result(running.PowerOn())

    until(lambda: running.guest.ipAddress == "192.0.2.7")


def test_guest_reports_its_address_again_after_reset(running: Any) -> None:
    result(running.Reset())

    assert running.runtime.powerState == "poweredOn"
    until(lambda: running.guest.ipAddress == "192.0.2.7")


def test_suspend_clears_the_address(running: Any) -> None:
    result(running.Suspend())

    assert running.runtime.powerState == "suspended"
    until(lambda: not running.guest.ipAddress)


def test_shutdown_powers_the_vm_off(running: Any) -> None:
    running.ShutdownGuest()

    until(lambda: running.runtime.powerState == "poweredOff")


def test_frozen_flag_freezes_a_vm_at_start(client: Client) -> None:
    vm = client.vm("golden-ice")

    assert vm.runtime.instantCloneFrozen is True
    assert vm.summary.runtime.instantCloneFrozen is True
    assert client.vm("golden-web").runtime.instantCloneFrozen is False


def test_freezing_a_vm_does_not_freeze_other_vms(simulated: Simulator, client: Client, running: Any) -> None:
    assert simulated.freeze(running.name).frozen is True

    assert running.runtime.instantCloneFrozen is True
    assert client.vm("golden-web").runtime.instantCloneFrozen is False
    assert simulated.freeze(running.name, frozen=False).frozen is False


def test_clone_of_a_frozen_vm_is_not_frozen(client: Client) -> None:
    assert clone(client.vm("golden-ice"), "thawed").runtime.instantCloneFrozen is False


def test_reconfiguration_thaws_a_vm(simulated: Simulator, running: Any) -> None:
    simulated.freeze(running.name)

    result(running.ReconfigVM_Task(freeze_option(value=False)))

    assert running.runtime.instantCloneFrozen is False


def test_power_off_thaws_a_vm(simulated: Simulator, running: Any) -> None:
    simulated.freeze(running.name)

    result(running.PowerOff())

    until(lambda: running.runtime.instantCloneFrozen is False)


def test_task_that_panics_in_the_simulator_ends_with_system_error(running: Any) -> None:
    assert fault_of(lambda: running.ReconfigVM_Task(freeze_option(value="a string"))) == "SystemError"
    assert running.runtime.powerState == "poweredOn"


def test_guest_operations_are_always_unavailable(client: Client, running: Any) -> None:
    login = vim.vm.guest.NamePasswordAuthentication(username="anybody", password="anything")
    program = vim.vm.guest.ProcessManager.ProgramSpec(programPath="/bin/true", arguments="")
    start: Callable[..., Any] = client.content.guestOperationsManager.processManager.StartProgramInGuest

    faults = [fault_of(lambda: start(running, login, program)) for _ in range(2)]

    assert faults == ["GuestOperationsUnavailable", "GuestOperationsUnavailable"]


def freeze_option(*, value: object) -> Any:
    return vim.vm.ConfigSpec(extraConfig=extra_config({"SET.runtime.instantCloneFrozen": value}))


def changes(update: Any) -> dict[str, Any]:
    """Return a mapping of property names to values from an update of one object. Keep the order of the update."""
    return {change.name: change.val for change in update.filterSet[0].objectSet[0].changeSet}
