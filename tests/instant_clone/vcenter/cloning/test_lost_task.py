# SPDX-License-Identifier: MPL-2.0
"""Tests of clones whose task was lost: the plugin searches for the clone and does not create it twice."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pyVmomi import vim, vmodl

from instant_clone.errors import ConnectError, NotFoundError, VcenterError
from instant_clone.vcenter.cloning import clone_task as module
from instant_clone.vcenter.cloning import lost_task as recovery
from instant_clone.vcenter.cloning.clone_task import Cloner, CloneRequest
from instant_clone.vcenter.cloning.live_vm import LiveVm
from instant_clone.vcenter.cloning.lost_task import find_lost_clone
from instant_clone.vcenter.session import polling
from instant_clone.vcenter.session.connection import Session, connect
from testkit.clock import Clock
from testkit.processes import until
from testkit.simulator import Simulator
from tests.conftest import StartSimulator
from tests.instant_clone.vcenter.conftest import settings_of
from tests.vcsim.client import Client

pytestmark = pytest.mark.simulator

UNSEEN = pytest.mark.parametrize(
    "failure",
    [
        # vCenter forgets its tasks when it restarts.
        vmodl.fault.ManagedObjectNotFound(),
        ConnectionResetError(104, "Connection reset by peer"),
    ],
    ids=["forgotten", "unheard"],
)


@pytest.fixture(scope="module")
def simulator(start_simulator: StartSimulator) -> Simulator:
    return start_simulator("-source", "golden")


@pytest.fixture
def client(simulator: Simulator) -> Iterator[Client]:
    with Client(simulator) as opened:
        yield opened


@pytest.fixture
def failure_of_the_wait(monkeypatch: pytest.MonkeyPatch, failure: Exception) -> None:
    """Make each wait for a task raise `failure` immediately, independent of the task."""

    def fails(task: object, *, seconds: float) -> object:
        raise failure

    monkeypatch.setattr(module, "wait_for", fails)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(recovery, "time", clock)
    monkeypatch.setattr(polling, "time", clock)
    return clock


def _clone(client: Client, simulator: Simulator, name: str) -> str:
    """Create a clone, and return its UUID."""
    request = CloneRequest(
        name=name,
        resource_pool_id=client.find("host/DC0_C0/Resources")._moId,
        folder="",
        datastore_id=None,
        interfaces=(),
        extra_config={},
        timeout=5,
    )
    with connect(settings_of(simulator)) as session:
        cloner = Cloner(session)
        return cloner.clone(cloner.live_vm(client.vm("golden").config.uuid), request, stopped=lambda: False).uuid


@UNSEEN
@pytest.mark.usefixtures("failure_of_the_wait")
def test_waits_for_a_clone_that_appears_later(
    simulator: Simulator, client: Client, failure: Exception, request: pytest.FixtureRequest
) -> None:
    name = f"coming-{request.node.callspec.id}"
    simulator.requests(reset=True)
    simulator.hold("InstantClone_Task", at="task")

    with ThreadPoolExecutor(1) as threads:
        cloning = threads.submit(_clone, client, simulator, name)
        until(simulator.held, "the clone task")
        looked = simulator.requests().get("FindByUuid", 0)
        until(lambda: simulator.requests().get("FindByUuid", 0) > looked + 1, "the clone to be looked for twice")
        simulator.release()
        uuid = cloning.result()

    assert client.vm(name).config.uuid == uuid
    assert client.vm(name).runtime.powerState == "poweredOn"
    assert simulator.requests()["InstantClone_Task"] == 1


@UNSEEN
@pytest.mark.usefixtures("failure_of_the_wait")
def test_raises_the_first_error_if_no_clone_appears(simulator: Simulator, client: Client, failure: Exception) -> None:
    simulator.fault("InstantClone_Task", "NoDiskSpace", vm="missing")
    simulator.requests(reset=True)

    with pytest.raises(VcenterError, match=r"\(cloning /DC0/vm/golden as missing\)") as caught:
        _clone(client, simulator, "missing")

    assert type(caught.value) is (ConnectError if isinstance(failure, OSError) else NotFoundError)
    assert client.vm("missing") is None
    assert simulator.requests()["InstantClone_Task"] == 1


CUT = ConnectionResetError(104, "Connection reset by peer")
CLONE = vim.VirtualMachine("vm-7")
GOLDEN = vim.VirtualMachine("vm-1")
Collector = vmodl.query.PropertyCollector


class _Answers:
    """A pyvmomi stub that answers as a vCenter that clones golden.

    Searches for the clone return or raise the values of `found` in turn. The last value repeats.
    """

    def __init__(self, *found: vim.VirtualMachine | Exception | None) -> None:
        self._found = list(found)

    def InvokeMethod(self, _: object, method: Any, arguments: Any) -> object:  # noqa: N802 - pyvmomi's name
        if method.wsdlName == "FindByUuid":
            found = self._found.pop(0) if len(self._found) > 1 else self._found[0]
            if isinstance(found, Exception):
                raise found
            return found
        assert method.wsdlName == "RetrievePropertiesEx"
        ((specification,), _) = arguments
        machine = specification.objectSet[0].obj
        known = {
            "vm-1": vmodl.DynamicProperty(name="recentTask", val=cast(Any, vim.Task).Array([vim.Task("task-1", self)])),
            "vm-7": vmodl.DynamicProperty(name="runtime.powerState", val=vim.VirtualMachine.PowerState.poweredOn),
        }
        return Collector.RetrieveResult(
            objects=[Collector.ObjectContent(obj=machine, propSet=[known[machine._moId]])], token=None
        )

    def InvokeAccessor(self, *_: object) -> vim.TaskInfo:  # noqa: N802 - pyvmomi's name
        return vim.TaskInfo(state="running", descriptionId="VirtualMachine.instantClone")


def _find_lost_clone(*found: vim.VirtualMachine | Exception | None) -> vim.VirtualMachine | None:
    """Return the result of find_lost_clone. The searches return `found` in turn, one per second."""
    stub = _Answers(*found)
    content = SimpleNamespace(propertyCollector=Collector("propertyCollector", stub))
    session = SimpleNamespace(content=content, search_index=vim.SearchIndex("SearchIndex", stub))
    source = SimpleNamespace(machine=GOLDEN)
    return find_lost_clone(cast(Session, session), cast(LiveVm, source), "a UUID", seconds=600)


def test_search_survives_another_lost_connection(clock: Clock) -> None:
    silence = [CUT] * 100

    assert _find_lost_clone(*silence, None, *silence, CLONE) is CLONE
    assert clock.now == 201


def test_raises_after_two_minutes_without_an_answer(clock: Clock) -> None:
    with pytest.raises(ConnectionResetError):
        _find_lost_clone(None, CUT)
    assert 120 < clock.now <= 122


def test_search_ends_after_the_time_out(clock: Clock) -> None:
    assert _find_lost_clone(None) is None
    assert 599 <= clock.now <= 601
