# SPDX-License-Identifier: MPL-2.0
"""What the simulator offers beside the API: the record of calls, and disturbances to order."""

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


def test_state_of_a_vm(simulator: Simulator) -> None:
    with Client(simulator) as client:
        clone(client.vm("golden-web"), "state")

    state = simulator.vm("state")

    assert (state.name, state.power, state.frozen) == ("state", "poweredOn", False)
    assert state.deltas == {2000: 1, 2001: 1}
    assert simulator.vm(state.moid) == state


def test_vm_that_does_not_exist_is_a_key_error(simulated: Simulator) -> None:
    with pytest.raises(KeyError, match="nobody"):
        simulated.vm("nobody")


def test_requests_are_counted_by_method_until_reset(simulated: Simulator, source: Any) -> None:
    simulated.requests(reset=True)
    assert simulated.requests() == {}

    source.InstantClone_Task(spec("counted"))
    source.RefreshStorageInfo()
    source.RefreshStorageInfo()

    assert simulated.requests() == {"InstantClone_Task": 1, "RefreshStorageInfo": 2}


def test_no_call_is_on_record_for_a_clone_that_nobody_touched(simulated: Simulator, source: Any) -> None:
    vm = clone(source, "quiet")
    _ = vm.config, vm.guest

    assert simulated.calls("quiet") == []


def test_instant_clone_is_on_the_source_s_record(simulated: Simulator, source: Any) -> None:
    clone(source, "recorded")

    call = simulated.calls("golden-web")[-1]

    assert (call.method, call.moref, call.vm, call.clone) == (
        "InstantClone_Task",
        source._moId,
        "golden-web",
        "recorded",
    )


def test_all_that_changes_a_vm_is_on_its_record(simulated: Simulator, client: Client, source: Any) -> None:
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
def test_next_task_ends_with_the_fault_asked_for(simulated: Simulator, source: Any, name: str) -> None:
    simulated.fault("InstantClone_Task", name)

    task = source.InstantClone_Task(spec(f"faulty-{name}"))

    assert fault_of(lambda: task) == name
    assert task.info.name.info.wsdlName == "InstantClone_Task"


@pytest.mark.parametrize("name", ["GenericVmConfigFault", "InvalidPowerState", "NoPermission", "NotSupported"])
def test_the_task_of_a_dry_run_ends_so_too(simulated: Simulator, client: Client, source: Any, name: str) -> None:
    """Its object is none that a task can be about: the task is about the VM that would be cloned."""
    simulated.fault("CheckInstantClone_Task", name, vm="tried")
    checker = client.content.vmProvisioningChecker

    assert fault_of(lambda: checker.CheckInstantClone_Task(vm=source, spec=spec("another"))) is None
    task = checker.CheckInstantClone_Task(vm=source, spec=spec("tried"))

    assert fault_of(lambda: task) == name
    assert (task.info.entity, task.info.entityName) == (source, "golden-web")


def test_a_task_that_is_about_nothing_says_so(simulated: Simulator, client: Client) -> None:
    simulated.fault("ApplyStorageDrsRecommendation_Task", "InvalidState")

    task = client.content.storageResourceManager.ApplyStorageDrsRecommendation_Task(key=["1"])

    assert fault_of(lambda: task) == "InvalidState"
    assert (task.info.entity, task.info.entityName) == (None, None)


def test_fault_is_used_up(simulated: Simulator, source: Any) -> None:
    simulated.fault("InstantClone_Task", "InvalidState")

    assert fault_of(lambda: source.InstantClone_Task(spec("used"))) == "InvalidState"
    assert fault_of(lambda: source.InstantClone_Task(spec("used"))) is None


def test_fault_meets_only_the_clone_it_is_for_and_as_often_as_asked(simulated: Simulator, source: Any) -> None:
    simulated.fault("InstantClone_Task", "TaskInProgress", times=2, vm="unlucky")

    faults = [
        fault_of(lambda: source.InstantClone_Task(spec("lucky"))),
        fault_of(lambda: source.InstantClone_Task(spec("unlucky"))),
        fault_of(lambda: source.InstantClone_Task(spec("unlucky"))),
        fault_of(lambda: source.InstantClone_Task(spec("unlucky"))),
    ]

    assert faults == [None, "TaskInProgress", "TaskInProgress", None]


def test_fault_of_the_call_leaves_no_task(simulated: Simulator, source: Any) -> None:
    vm = clone(source, "guarded")
    simulated.fault("PowerOffVM_Task", "NoPermission", vm="guarded", at="call")

    with pytest.raises(vim.fault.NoPermission) as refused:
        vm.PowerOff()

    assert refused.value.privilegeId == "VirtualMachine.Inventory.CreateFromExisting"
    assert vm.runtime.powerState == "poweredOn"


def test_fault_of_a_method_without_a_task(simulated: Simulator, client: Client) -> None:
    simulated.fault("FindByUuid", "InvalidState")

    with pytest.raises(vim.fault.InvalidState):
        client.content.searchIndex.FindByUuid(None, "4210cafe-0000-1111-2222-333344445555", True, False)


def test_connection_breaks_before_the_call_is_carried_out(simulated: Simulator, client: Client) -> None:
    simulated.drop("InstantClone_Task", when="before")

    break_at_clone(simulated, "never-made")

    assert client.vm("never-made") is None
    assert fault_of(lambda: client.vm("golden-web").InstantClone_Task(spec("never-made"))) is None


def test_connection_breaks_after_the_call_is_carried_out(simulated: Simulator, client: Client) -> None:
    simulated.drop("InstantClone_Task", when="after")

    break_at_clone(simulated, "made-in-secret")

    until(lambda: client.vm("made-in-secret"))


def break_at_clone(simulated: Simulator, name: str) -> None:
    with Client(simulated) as unlucky, pytest.raises((http.client.HTTPException, OSError)):
        unlucky.vm("golden-web").InstantClone_Task(spec(name))


def test_nonsense_is_refused(simulated: Simulator) -> None:
    with pytest.raises(SimulatorError, match="no such fault"):
        simulated.fault("InstantClone_Task", "NoSuchFault")
    with pytest.raises(SimulatorError, match="no such method"):
        simulated.fault("NoSuchMethod", "InvalidState")
    with pytest.raises(SimulatorError, match="bad number of times"):
        simulated.fault("InstantClone_Task", "InvalidState", times=0)
    with pytest.raises(SimulatorError, match="when is before or after"):
        simulated.drop("InstantClone_Task", when="never")  # type: ignore[arg-type]
