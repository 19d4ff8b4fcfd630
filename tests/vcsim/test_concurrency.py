# SPDX-License-Identifier: MPL-2.0
"""Tests of parallel sessions, parallel requests and long-running tasks."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from pyVim.task import WaitForTask
from pyVmomi import vim, vmodl

from testkit.simulator import Simulator
from tests.conftest import StartSimulator
from tests.vcsim.client import Client, clone, fault_of, in_threads, nics, result, spec, until

pytestmark = pytest.mark.simulator


@pytest.fixture(scope="module")
def shared(start_simulator: StartSimulator) -> Simulator:
    return start_simulator()


@pytest.fixture(scope="module")
def shared_client(shared: Simulator) -> Iterator[Client]:
    with Client(shared) as client:
        yield client


def test_parallel_sessions_clone_one_source(start_simulator: StartSimulator) -> None:
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


def test_clone_call_returns_and_the_source_is_readable_while_the_task_runs(
    shared: Simulator, shared_client: Client
) -> None:
    source = shared_client.vm("golden-web")
    shared.hold("InstantClone_Task", at="task")

    task = source.InstantClone_Task(spec("slow"))
    name = source.config.name

    assert (name, task.info.state) == ("golden-web", "running")
    shared.release()
    assert result(task).name == "slow"


def _release_when_all_wait(simulated: Simulator, count: int) -> None:
    """Release the held tasks after `count` tasks are held and `count` clients wait for them."""
    until(lambda: len(simulated.held()) == count)
    # pyVim's WaitForTask sends WaitForUpdates. The simulator answers the first request of a task immediately.
    until(lambda: simulated.requests().get("WaitForUpdates", 0) >= 2 * count)
    simulated.release()


def test_parallel_sessions_wait_for_running_tasks(shared: Simulator) -> None:
    shared.requests(reset=True)
    shared.hold("InstantClone_Task", at="task")

    def work(index: int) -> None:
        if index == 8:
            _release_when_all_wait(shared, 8)
            return
        with Client(shared) as client:
            task = client.vm("golden-web").InstantClone_Task(spec(f"waited-{index}"))
            WaitForTask(task, si=client.instance)

    assert in_threads(9, work) == []


def test_parallel_requests_wait_on_the_collector_of_one_session(shared: Simulator, shared_client: Client) -> None:
    """Wait on one collector in parallel, as the stock provider does. govmomi sends an update to only one request."""
    shared.requests(reset=True)
    shared.hold("InstantClone_Task", at="task")

    def work(index: int) -> None:
        if index == 8:
            _release_when_all_wait(shared, 8)
            return
        task = shared_client.vm("golden-web").InstantClone_Task(spec(f"shared-{index}"))
        WaitForTask(task, si=shared_client.instance)

    assert in_threads(9, work) == []


def test_waiting_request_ends_when_it_is_canceled(shared_client: Client) -> None:
    query = vmodl.query.PropertyCollector
    collector = shared_client.content.propertyCollector.CreatePropertyCollector()
    collector.CreateFilter(
        query.FilterSpec(
            objectSet=[query.ObjectSpec(obj=shared_client.vm("golden-off"))],
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


def test_destroyed_object_is_removed_from_the_filter(shared_client: Client) -> None:
    vm = clone(shared_client.vm("golden-web"), "leaving")
    query = vmodl.query.PropertyCollector
    collector = shared_client.content.propertyCollector.CreatePropertyCollector()
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

    update = collector.WaitForUpdatesEx(version, query.WaitOptions(maxWaitSeconds=120))

    assert [(each.kind, each.obj) for each in update.filterSet[0].objectSet] == [("leave", vm)]
    collector.Destroy()


def test_source_moves_into_a_folder_while_it_is_cloned_there(start_simulator: StartSimulator) -> None:
    simulated = start_simulator("-vm", 0)
    with Client(simulated) as client:
        client.find("vm").CreateFolder("busy")
        moid = client.vm("golden-web")._moId

    def work(index: int) -> None:
        with Client(simulated) as client:
            root = client.find("vm")
            busy = client.find("vm/busy")
            source = vim.VirtualMachine(
                moid, client.instance._stub
            )  # found by id, because no folder lists the VM while it moves
            for number in range(10):
                if index:
                    result(source.InstantClone_Task(spec(f"clone-{index}-{number}", folder=busy)))
                else:
                    result((root if number % 2 else busy).MoveIntoFolder_Task([source]))

    assert in_threads(4, work) == []
