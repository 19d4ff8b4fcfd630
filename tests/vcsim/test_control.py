# SPDX-License-Identifier: MPL-2.0
"""Tests of the control requests: the list of calls, injected faults and dropped connections."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from typing import Any

import pytest
from pyVmomi import vim

from testkit.simulator import Simulator, SimulatorError
from tests.conftest import StartSimulator
from tests.vcsim.client import Client, clone, fault_of, result, spec, until

pytestmark = pytest.mark.simulator


@pytest.fixture(scope="module")
def simulated(start_simulator: StartSimulator) -> Simulator:
    return start_simulator("-tools", "100ms")


@pytest.fixture(scope="module")
def client(simulated: Simulator) -> Iterator[Client]:
    with Client(simulated) as client:
        yield client


@pytest.fixture(scope="module")
def source(client: Client) -> Any:
    return client.vm("golden-web")


def test_returns_the_state_of_a_vm(simulator: Simulator) -> None:
    with Client(simulator) as client:
        clone(client.vm("golden-web"), "state")

    state = simulator.vm("state")

    assert (state.name, state.power, state.frozen) == ("state", "poweredOn", False)
    assert state.deltas == {2000: 1, 2001: 1}
    assert simulator.vm(state.moid) == state


def test_raises_key_error_for_an_unknown_vm(simulated: Simulator) -> None:
    with pytest.raises(KeyError, match="nobody"):
        simulated.vm("nobody")


def test_counts_requests_by_method_until_reset(simulated: Simulator, source: Any) -> None:
    simulated.requests(reset=True)
    assert simulated.requests() == {}

    source.InstantClone_Task(spec("counted"))
    source.RefreshStorageInfo()
    source.RefreshStorageInfo()

    assert simulated.requests() == {"InstantClone_Task": 1, "RefreshStorageInfo": 2}


def test_lists_no_calls_for_an_unchanged_clone(simulated: Simulator, source: Any) -> None:
    vm = clone(source, "quiet")
    _ = vm.config, vm.guest

    assert simulated.calls("quiet") == []


def test_lists_an_instant_clone_as_a_call_on_its_source(simulated: Simulator, source: Any) -> None:
    clone(source, "recorded")

    call = simulated.calls("golden-web")[-1]

    assert (call.method, call.moref, call.vm, call.clone) == (
        "InstantClone_Task",
        source._moId,
        "golden-web",
        "recorded",
    )


def test_lists_all_calls_that_change_a_vm(simulated: Simulator, client: Client, source: Any) -> None:
    vm = clone(source, "busy")
    moid = vm._moId
    hosts = client.find("host/DC0_C0").host
    result(vm.ReconfigVM_Task(vim.vm.ConfigSpec(annotation="x")))
    result(vm.Relocate(vim.vm.RelocateSpec(host=hosts[1])))
    fault_of(lambda: vm.Migrate(host=hosts[0], priority="defaultPriority"))
    until(lambda: vm.guest.toolsRunningStatus == "guestToolsRunning")
    vm.RebootGuest()
    result(vm.Reset())
    result(client.find("vm").CreateFolder("away").MoveInto([vm]))
    result(vm.Rename("renamed"))
    result(vm.PowerOff())
    fault_of(vm.UpgradeVM_Task)
    vm.MarkAsTemplate()
    result(vm.Destroy())

    calls = simulated.calls(moid)

    assert [call.method for call in calls] == [
        "ReconfigVM_Task",
        "RelocateVM_Task",
        "MigrateVM_Task",
        "RebootGuest",
        "ResetVM_Task",
        "MoveIntoFolder_Task",
        "Rename_Task",
        "PowerOffVM_Task",
        "UpgradeVM_Task",
        "MarkAsTemplate",
        "Destroy_Task",
    ]
    assert [call.vm for call in calls] == ["busy"] * 7 + ["renamed"] * 4


@pytest.mark.parametrize(
    "name",
    [
        "DisallowedMigrationDeviceAttached",
        "DuplicateName",
        "FileFault",
        "InsufficientResourcesFault",
        "InvalidDatastore",
        "InvalidPowerState",
        "InvalidState",
        "ManagedObjectNotFound",
        "NoPermission",
        "TaskInProgress",
    ],
)
def test_next_task_ends_with_the_injected_fault(simulated: Simulator, source: Any, name: str) -> None:
    simulated.fault("InstantClone_Task", name)

    task = source.InstantClone_Task(spec(f"faulty-{name}"))

    assert fault_of(lambda: task) == name
    assert task.info.name.info.wsdlName == "InstantClone_Task"


@pytest.mark.parametrize("name", ["GenericVmConfigFault", "InvalidPowerState", "NoPermission", "NotSupported"])
def test_task_of_a_dry_run_ends_with_the_injected_fault(
    simulated: Simulator, client: Client, source: Any, name: str
) -> None:
    """Expect the VM to be cloned as the entity of the task, because the checker is not a managed entity."""
    simulated.fault("CheckInstantClone_Task", name, vm="tried")
    checker = client.content.vmProvisioningChecker

    assert fault_of(lambda: checker.CheckInstantClone_Task(vm=source, spec=spec("another"))) is None
    task = checker.CheckInstantClone_Task(vm=source, spec=spec("tried"))

    assert fault_of(lambda: task) == name
    assert (task.info.entity, task.info.entityName) == (source, "golden-web")


def test_failed_task_has_no_entity_if_the_call_names_no_vm(simulated: Simulator, client: Client) -> None:
    simulated.fault("ApplyStorageDrsRecommendation_Task", "InvalidState")

    task = client.content.storageResourceManager.ApplyStorageDrsRecommendation_Task(key=["1"])

    assert fault_of(lambda: task) == "InvalidState"
    assert (task.info.entity, task.info.entityName) == (None, None)


def test_injected_fault_applies_once(simulated: Simulator, source: Any) -> None:
    simulated.fault("InstantClone_Task", "InvalidState")

    assert fault_of(lambda: source.InstantClone_Task(spec("used"))) == "InvalidState"
    assert fault_of(lambda: source.InstantClone_Task(spec("used"))) is None


def test_injected_fault_applies_to_the_named_clone_and_number_of_times(simulated: Simulator, source: Any) -> None:
    simulated.fault("InstantClone_Task", "TaskInProgress", times=2, vm="unlucky")

    faults = [
        fault_of(lambda: source.InstantClone_Task(spec("lucky"))),
        fault_of(lambda: source.InstantClone_Task(spec("unlucky"))),
        fault_of(lambda: source.InstantClone_Task(spec("unlucky"))),
        fault_of(lambda: source.InstantClone_Task(spec("unlucky"))),
    ]

    assert faults == [None, "TaskInProgress", "TaskInProgress", None]


def test_call_fails_without_a_task_if_the_fault_is_at_the_call(simulated: Simulator, source: Any) -> None:
    vm = clone(source, "guarded")
    simulated.fault("PowerOffVM_Task", "NoPermission", vm="guarded", at="call")

    with pytest.raises(vim.fault.NoPermission) as refused:
        vm.PowerOff()

    assert refused.value.privilegeId == "VirtualMachine.Inventory.CreateFromExisting"
    assert vm.runtime.powerState == "poweredOn"


def test_method_without_a_task_fails_with_the_injected_fault(simulated: Simulator, client: Client) -> None:
    simulated.fault("FindByUuid", "InvalidState")

    with pytest.raises(vim.fault.InvalidState):
        client.content.searchIndex.FindByUuid(None, "4210cafe-0000-1111-2222-333344445555", True, False)


def test_connection_drops_before_the_call_is_executed(simulated: Simulator, client: Client) -> None:
    simulated.drop("InstantClone_Task", when="before")

    clone_over_a_dropped_connection(simulated, "never-made")

    assert client.vm("never-made") is None
    assert fault_of(lambda: client.vm("golden-web").InstantClone_Task(spec("never-made"))) is None


def test_connection_drops_after_the_call_is_executed(simulated: Simulator, client: Client) -> None:
    simulated.drop("InstantClone_Task", when="after")

    clone_over_a_dropped_connection(simulated, "made-in-secret")

    until(lambda: client.vm("made-in-secret"))


def clone_over_a_dropped_connection(simulated: Simulator, name: str) -> None:
    with Client(simulated) as unlucky, pytest.raises((http.client.HTTPException, OSError)):
        unlucky.vm("golden-web").InstantClone_Task(spec(name))


def test_rejects_invalid_parameters(simulated: Simulator) -> None:
    with pytest.raises(SimulatorError, match="is not a fault of the API"):
        simulated.fault("InstantClone_Task", "NoSuchFault")
    with pytest.raises(SimulatorError, match='method must be a method of the SOAP API, not "NoSuchMethod"'):
        simulated.fault("NoSuchMethod", "InvalidState")
    with pytest.raises(SimulatorError, match='and times a positive integer, not "0"'):
        simulated.fault("InstantClone_Task", "InvalidState", times=0)
    with pytest.raises(SimulatorError, match='when: must be before or after, not "never"'):
        simulated.drop("InstantClone_Task", when="never")  # type: ignore[arg-type]
