"""Several sessions and several requests at the same time, and tasks that take their time."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from pyVim.task import WaitForTask
from pyVmomi import vim, vmodl

from tests.conftest import StartSimulator
from tests.support.simulator import Simulator
from tests.vcsim.client import Client, clone, fault_of, in_threads, nics, result, spec, until

pytestmark = pytest.mark.simulator


@pytest.fixture(scope="module")
def slow(start_simulator: StartSimulator) -> Simulator:
    return start_simulator("-delay", "500ms")


@pytest.fixture(scope="module")
def slow_client(slow: Simulator) -> Iterator[Client]:
    with Client(slow) as client:
        yield client


def test_sessions_clone_one_source_at_the_same_time(start_simulator: StartSimulator) -> None:
    simulated = start_simulator()

    def work(index: int) -> None:
        with Client(simulated) as client:
            vm = client.vm("golden-web")
            for number in range(4):
                WaitForTask(vm.InstantClone_Task(spec(f"clone-{index}-{number}")), si=client.instance)

    assert in_threads(16, work) == []

    with Client(simulated) as client:
        view = client.content.viewManager.CreateContainerView(client.find("vm"), [vim.VirtualMachine], recursive=True)
        names = sorted(vm.name for vm in view.view)
        addresses = [nic.macAddress for vm in view.view for nic in nics(vm)]
    inventory = ["DC0_C0_RP0_VM0", "DC0_C0_RP0_VM1"]
    clones = [f"clone-{index}-{number}" for index in range(16) for number in range(4)]
    assert names == sorted([*inventory, *clones, "golden-off", "golden-web"])
    assert len(set(addresses)) == len(addresses)
    assert simulated.vm("golden-web").deltas == {2000: 64, 2001: 64}


def test_call_returns_and_the_source_is_readable_while_its_task_runs(slow_client: Client) -> None:
    source = slow_client.vm("golden-web")

    task = source.InstantClone_Task(spec("slow"))
    name = source.config.name

    assert (name, task.info.state) == ("golden-web", "running")
    assert result(task).name == "slow"


def test_sessions_wait_for_running_tasks_at_the_same_time(slow: Simulator) -> None:
    def work(index: int) -> None:
        with Client(slow) as client:
            task = client.vm("golden-web").InstantClone_Task(spec(f"waited-{index}"))
            WaitForTask(task, si=client.instance)

    assert in_threads(8, work) == []


def test_requests_wait_on_the_collector_of_one_session(slow_client: Client) -> None:
    """As the stock provider does: with govmomi's collector an update reaches only one of them."""

    def work(index: int) -> None:
        task = slow_client.vm("golden-web").InstantClone_Task(spec(f"shared-{index}"))
        WaitForTask(task, si=slow_client.instance)

    assert in_threads(8, work) == []


def test_request_that_waits_ends_when_it_is_canceled(slow_client: Client) -> None:
    query = vmodl.query.PropertyCollector
    collector = slow_client.content.propertyCollector.CreatePropertyCollector()
    collector.CreateFilter(
        query.FilterSpec(
            objectSet=[query.ObjectSpec(obj=slow_client.vm("golden-off"))],
            propSet=[query.PropertySpec(type=vim.VirtualMachine, pathSet=["name"])],
        ),
        False,
    )
    version = collector.WaitForUpdatesEx("", None).version
    faults: list[str | None] = []
    waiting = threading.Thread(
        target=lambda: faults.append(fault_of(lambda: collector.WaitForUpdatesEx(version, None))), daemon=True
    )
    waiting.start()

    def canceled() -> bool:
        collector.CancelWaitForUpdates()
        return bool(faults)

    until(canceled)
    assert faults == ["RequestCanceled"]
    collector.Destroy()


def test_object_that_is_destroyed_leaves_the_filter(slow_client: Client) -> None:
    vm = clone(slow_client.vm("golden-web"), "leaving")
    query = vmodl.query.PropertyCollector
    collector = slow_client.content.propertyCollector.CreatePropertyCollector()
    collector.CreateFilter(
        query.FilterSpec(
            objectSet=[query.ObjectSpec(obj=vm)],
            propSet=[query.PropertySpec(type=vim.VirtualMachine, pathSet=["name"])],
        ),
        False,
    )
    version = collector.WaitForUpdatesEx("", None).version
    result(vm.PowerOff())
    result(vm.Destroy())

    update = collector.WaitForUpdatesEx(version, query.WaitOptions(maxWaitSeconds=30))

    assert [(each.kind, each.obj) for each in update.filterSet[0].objectSet] == [("leave", vm)]
    collector.Destroy()


def test_source_moves_into_the_folder_where_it_is_being_cloned(start_simulator: StartSimulator) -> None:
    simulated = start_simulator("-vm", 0)
    with Client(simulated) as client:
        client.find("vm").CreateFolder("busy")
        moid = client.vm("golden-web")._moId

    def work(index: int) -> None:
        with Client(simulated) as client:
            root = client.find("vm")
            busy = client.find("vm/busy")
            source = vim.VirtualMachine(moid, client.instance._stub)  # which is in no folder while it moves
            for number in range(10):
                if index:
                    result(source.InstantClone_Task(spec(f"clone-{index}-{number}", folder=busy)))
                else:
                    result((root if number % 2 else busy).MoveIntoFolder_Task([source]))

    assert in_threads(4, work) == []
