# SPDX-License-Identifier: MPL-2.0
"""Tests of holding and releasing calls and tasks."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from pyVmomi import vim

from testkit.forwarding import Forwarder
from testkit.simulator import Held, HoldPoint, Simulator, SimulatorError
from tests.conftest import StartSimulator
from tests.vcsim.client import Client, clone, fault_of, result, spec, until

pytestmark = pytest.mark.simulator

POINTS: list[HoldPoint] = ["call", "answer", "task", "end"]


@pytest.fixture(scope="module")
def shared(start_simulator: StartSimulator) -> Simulator:
    return start_simulator("-tools", "0s")


@pytest.fixture
def simulated(shared: Simulator) -> Iterator[Simulator]:
    yield shared
    shared.release()


@pytest.fixture
def client(simulated: Simulator) -> Iterator[Client]:
    with Client(simulated) as client:
        yield client


def _is_held(simulated: Simulator, *expected: Held) -> Callable[[], bool]:
    return lambda: simulated.held() == list(expected)


def _held(name: str, at: HoldPoint) -> Held:
    return Held("InstantClone_Task", at, name)


@pytest.mark.parametrize("at", POINTS)
def test_clone_waits_at_a_hold_and_completes_after_the_release(
    simulated: Simulator, client: Client, at: HoldPoint
) -> None:
    name = f"held-at-{at}"
    simulated.hold("InstantClone_Task", at=at)

    with Client(simulated) as other, ThreadPoolExecutor(1) as threads:
        made = threads.submit(clone, other.vm("golden-web"), name)
        until(_is_held(simulated, _held(name, at)))
        # At the point "answer" the task already runs. It does not wait for the answer to be sent.
        if at == "answer":
            until(lambda: client.vm(name))
        assert (client.vm(name) is not None) == (at in ("answer", "end"))
        assert not made.done()
        simulated.release()

        assert made.result(60).name == name

    assert simulated.held() == []


@pytest.mark.parametrize("at", ["task", "end"])
def test_held_task_is_running_and_its_source_is_readable(simulated: Simulator, client: Client, at: HoldPoint) -> None:
    source = client.vm("golden-web")
    simulated.hold("InstantClone_Task", at=at)

    task = source.InstantClone_Task(spec(f"running-{at}"))
    until(_is_held(simulated, _held(f"running-{at}", at)))

    assert task.info.state == "running"
    assert (task.info.entity, task.info.entityName) == (source, "golden-web")
    assert task in source.recentTask
    assert simulated.vm("golden-web").power == "poweredOn"
    simulated.release()
    assert result(task).name == f"running-{at}"


def test_other_calls_continue_while_a_call_is_held(simulated: Simulator, client: Client) -> None:
    simulated.hold("FindByUuid")

    with Client(simulated) as other, ThreadPoolExecutor(1) as threads:
        found = threads.submit(other.content.searchIndex.FindByUuid, None, "nobody", True, False)
        until(_is_held(simulated, Held("FindByUuid", "call", "")))
        assert clone(client.vm("golden-web"), "beside").name == "beside"
        simulated.release("FindByUuid")

        assert found.result(60) is None


def test_hold_applies_after_the_given_number_of_calls(simulated: Simulator, client: Client) -> None:
    source = client.vm("golden-web")
    simulated.hold("InstantClone_Task", at="task", after=2)

    tasks = [source.InstantClone_Task(spec(f"counted-{index}")) for index in range(4)]

    assert [result(task).name for task in tasks[:2]] == ["counted-0", "counted-1"]
    # The tasks run in parallel, so that the order in which they are held varies.
    until(lambda: len(simulated.held()) == 2)
    assert {each.clone for each in simulated.held()} == {"counted-2", "counted-3"}
    assert [task.info.state for task in tasks[2:]] == ["running", "running"]


def test_hold_stops_only_calls_for_its_vm(simulated: Simulator, client: Client) -> None:
    source = client.vm("golden-web")
    simulated.hold("InstantClone_Task", at="task", vm="chosen")

    task = source.InstantClone_Task(spec("chosen"))

    assert clone(source, "not-chosen").name == "not-chosen"
    until(_is_held(simulated, _held("chosen", "task")))
    assert task.info.state == "running"


def test_release_of_some_calls_keeps_the_hold(simulated: Simulator, client: Client) -> None:
    source = client.vm("golden-web")
    simulated.hold("InstantClone_Task", at="task")
    tasks = []
    for index in range(3):
        tasks.append(source.InstantClone_Task(spec(f"some-{index}")))
        until(lambda: len(simulated.held()) == len(tasks))

    simulated.release("InstantClone_Task", times=2)

    assert [result(task).name for task in tasks[:2]] == ["some-0", "some-1"]
    tasks.append(source.InstantClone_Task(spec("some-3")))
    until(_is_held(simulated, _held("some-2", "task"), _held("some-3", "task")))


def test_release_of_a_method_keeps_the_holds_on_other_methods(simulated: Simulator, client: Client) -> None:
    simulated.hold("InstantClone_Task", at="task")
    simulated.hold("ReconfigVM_Task")

    simulated.release("ReconfigVM_Task")

    result(client.vm("golden-web").ReconfigVM_Task(vim.vm.ConfigSpec(annotation="not held")))
    client.vm("golden-web").InstantClone_Task(spec("still-held"))
    until(_is_held(simulated, _held("still-held", "task")))


def test_call_can_be_held_at_two_points_in_sequence(simulated: Simulator, client: Client) -> None:
    simulated.hold("InstantClone_Task", at="task")
    simulated.hold("InstantClone_Task", at="end")

    task = client.vm("golden-web").InstantClone_Task(spec("twice"))

    until(_is_held(simulated, _held("twice", "task")))
    simulated.release(times=1)
    until(_is_held(simulated, _held("twice", "end")))
    simulated.release(times=1)
    assert result(task).name == "twice"


def _disconnect_while_held(simulated: Simulator, name: str, at: HoldPoint) -> None:
    """Request a clone, and cut the connection while the call or its task is held."""
    simulated.hold("InstantClone_Task", at=at)
    with Forwarder(simulated.address) as between, ThreadPoolExecutor(1) as threads:
        disconnecting = Client(simulated, address=between.address)
        source = disconnecting.vm("golden-web")
        call = threads.submit(source.InstantClone_Task, spec(name))
        until(_is_held(simulated, _held(name, at)))
        if at in ("task", "end"):
            call.result(60)
        assert between.cut() == 1
        if at in ("call", "answer"):
            assert isinstance(call.exception(60), OSError | http.client.HTTPException)
        disconnecting.drop_connections()


def test_held_call_is_dropped_when_its_client_disconnects(simulated: Simulator, client: Client) -> None:
    _disconnect_while_held(simulated, "dropped", "call")

    until(lambda: simulated.held() == [])

    simulated.release()
    # An executed call would have used the name, and this clone would fail with DuplicateName.
    assert clone(client.vm("golden-web"), "dropped").name == "dropped"


def test_call_with_a_held_answer_is_executed_when_its_client_disconnects(simulated: Simulator, client: Client) -> None:
    _disconnect_while_held(simulated, "carried-out", "answer")

    until(lambda: simulated.held() == [])

    until(lambda: client.vm("carried-out"))


@pytest.mark.parametrize("at", ["task", "end"])
def test_held_task_continues_after_its_client_disconnects(simulated: Simulator, client: Client, at: HoldPoint) -> None:
    name = f"orphan-{at}"
    _disconnect_while_held(simulated, name, at)

    assert [each.clone for each in simulated.held()] == [name]
    simulated.release()

    until(lambda: client.vm(name))


def test_clone_that_fails_with_task_in_progress_is_not_held(start_simulator: StartSimulator) -> None:
    simulated = start_simulator("-parallel-limit", 1)
    simulated.hold("InstantClone_Task", at="task")
    with Client(simulated) as client:
        source = client.vm("golden-web")
        task = source.InstantClone_Task(spec("first"))

        assert fault_of(lambda: source.InstantClone_Task(spec("second"))) == "TaskInProgress"

        until(_is_held(simulated, _held("first", "task")))
        simulated.release()
        assert result(task).name == "first"


def test_reconfiguration_of_a_cluster_can_be_held(start_simulator: StartSimulator) -> None:
    simulated = start_simulator("-parallel-limit", 1)
    simulated.hold("ReconfigureComputeResource_Task", at="task")
    with Client(simulated) as client:
        cluster = client.find("host/DC0_C0")
        change = vim.cluster.ConfigSpecEx(drsConfig=vim.cluster.DrsConfigInfo(enabled=True))
        task = cluster.ReconfigureComputeResource_Task(change, True)
        until(_is_held(simulated, Held("ReconfigureComputeResource_Task", "task", "")))

        assert fault_of(lambda: cluster.ReconfigureComputeResource_Task(change, True)) == "TaskInProgress"

        simulated.release()
        result(task)
        assert cluster.configurationEx.drsConfig.enabled


def test_simulator_stops_while_calls_are_held() -> None:
    with Simulator() as simulated:
        simulated.hold("InstantClone_Task", at="task")
        with Client(simulated) as client:
            client.vm("golden-web").InstantClone_Task(spec("unfinished"))
            until(simulated.held)
        process = simulated._process
    assert process is not None
    # After SIGKILL the return code would be -9.
    assert process.returncode == 0


def test_rejects_invalid_parameters(simulated: Simulator) -> None:
    with pytest.raises(SimulatorError, match='method must be a method of the SOAP API, not "NoSuchMethod"'):
        simulated.hold("NoSuchMethod")
    with pytest.raises(SimulatorError, match='and after a non-negative integer, not "-1"'):
        simulated.hold("InstantClone_Task", after=-1)
    with pytest.raises(SimulatorError, match='at: must be call, answer, task or end, not "never"'):
        simulated.hold("InstantClone_Task", at="never")  # type: ignore[arg-type]
    with pytest.raises(SimulatorError, match="method: a task of ReconfigVM_Task cannot be held"):
        simulated.hold("ReconfigVM_Task", at="task")
    with pytest.raises(SimulatorError, match='times: must be a non-negative integer, not "-1"'):
        simulated.release(times=-1)
