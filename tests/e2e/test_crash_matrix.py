# SPDX-License-Identifier: MPL-2.0
"""An apply of ten clones that is killed: nothing hangs, and the next apply ends as if nothing had happened."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from pyVmomi import vim

from instant_clone.vm.source_vm import SourceVm
from testkit.clone_stack import source_of
from testkit.fleets import Wish, fleet_document
from testkit.processes import marked, until
from testkit.simulator import HoldPoint, Simulator
from tests.conftest import StartSimulator
from tests.e2e.conftest import Bench
from tests.e2e.terraform import MARK, Running
from tests.vcsim.client import Client

ENDED_SECONDS = 120
"""A process that is gone is noticed within seconds, and a point is reached within as many; the rest is for a machine
that is busy."""
AT_ONCE = 8
"""clones of one source that the plugin asks for at a time"""
COUNT = 10
"""as many as Terraform creates at a time"""
TASK = "InstantClone_Task"
READ = "FindByUuid"
"""how the plugin looks the source up for the plan, and how the stock provider reads a clone that it imports"""


def _made(bench: Bench, names: list[str]) -> list[str]:
    """Those of the names that VMs have."""
    found = []
    for name in names:
        with contextlib.suppress(KeyError):
            bench.simulator.vm(name)
            found.append(name)
    return found


def _noted(bench: Bench) -> int:
    """How many clones the state has; while it is written, none can be read."""
    try:
        return len(bench.terraform.instances())
    except (OSError, json.JSONDecodeError):
        return 0


def _held(simulator: Simulator) -> Counter[tuple[str, HoldPoint]]:
    """How many calls and tasks are held, by method and point."""
    return Counter((each.method, each.at) for each in simulator.held())


def _await_held(bench: Bench, running: Running, expected: Mapping[tuple[str, HoldPoint], int]) -> None:
    _await(running, lambda: _held(bench.simulator) == expected, f"{expected} to be held")


def _await(running: Running, condition: Callable[[], object], what: str) -> None:
    """Wait for a condition of an apply. AssertionError if the apply ends before."""
    until(lambda: condition() or running.process.poll() is not None, what, seconds=ENDED_SECONDS)
    assert running.process.poll() is None, running.finish().require()


Reach = Callable[[Bench, Running], None]


def _hold_calls(method: str) -> Reach:
    """Hold the first calls of a method."""

    def reach(bench: Bench, running: Running) -> None:
        bench.simulator.hold(method)
        _await(running, lambda: bench.simulator.held(method), f"{method} to be held")

    return reach


def _hold_tasks(count: int) -> Reach:
    """Hold so many tasks at their begin, and the requests for other clones."""

    def reach(bench: Bench, running: Running) -> None:
        bench.simulator.hold(TASK, after=count)
        bench.simulator.hold(TASK, at="task")
        _await_held(bench, running, {(TASK, "task"): count, (TASK, "call"): AT_ONCE - count})

    return reach


def _hold_end_of_first(bench: Bench, running: Running) -> None:
    """Hold the first task at its end, and the other tasks at their begin."""
    bench.simulator.hold(TASK, at="task", after=1)
    bench.simulator.hold(TASK, at="end")
    _await_held(bench, running, {(TASK, "end"): 1, (TASK, "task"): AT_ONCE - 1})


def _hold_imports(count: int, at: HoldPoint) -> Reach:
    """Hold so many clones as the stock provider reads them, and the tasks of the others."""

    def reach(bench: Bench, running: Running) -> None:
        bench.simulator.hold(TASK, at=at)
        _await_held(bench, running, {(TASK, at): AT_ONCE})
        # Only now: the plan has asked the same.
        bench.simulator.hold(READ)
        bench.simulator.release(TASK, times=count)
        _await_held(bench, running, {(TASK, at): min(AT_ONCE, COUNT - count), (READ, "call"): count})

    return reach


def _hold_others(count: int) -> Reach:
    """Let so many clones reach the state, and hold the tasks of the others."""

    def reach(bench: Bench, running: Running) -> None:
        bench.simulator.hold(TASK, at="task", after=count)
        _await_held(bench, running, {(TASK, "task"): min(AT_ONCE, COUNT - count)})

    return reach


@dataclass(frozen=True)
class Point:
    """A point of an apply at which the simulator holds it."""

    reach: Reach
    """holds the apply, which has just been started, and returns when it has got there"""
    made: int = 0
    """clones that exist then"""
    noted: int = 0
    """clones that the state has then"""


POINTS = {
    "log-in": Point(_hold_calls("Login")),
    "planning": Point(_hold_calls(READ)),
    "first-task": Point(_hold_tasks(1)),
    "many-tasks": Point(_hold_tasks(4)),
    "all-tasks": Point(_hold_imports(2, "task"), made=2),
    "first-clone": Point(_hold_end_of_first, made=1),
    "importing": Point(_hold_imports(5, "task"), made=5),
    "all-clones": Point(_hold_imports(2, "end"), made=10),
    "first-answer": Point(_hold_others(1), made=1, noted=1),
    "most-answers": Point(_hold_others(6), made=6, noted=6),
}


def _kill(running: Running, kind: str) -> None:
    """Kill one of the processes of an apply, or all of them. AssertionError if one of them does not run."""
    wrapper, stock = running.plugins
    terraform = next((each for each in marked(MARK, running.mark) if each.pid == running.process.pid), None)
    victims = {"stock": stock, "plugin": wrapper, "terraform": terraform}
    meant = [victims[each] for each in ([kind] if kind != "all" else victims)]
    # Each ends by itself when another one does: all are stopped before the first one is killed.
    for signal_number in (signal.SIGSTOP, signal.SIGKILL):
        for victim in meant:
            assert victim is not None
            assert victim.runs()
            os.kill(victim.pid, signal_number)


@pytest.fixture(scope="module")
def held_vcenter(start_simulator: StartSimulator) -> Simulator:
    """The source is frozen: its disks' chains stay short however many clones there are."""
    return start_simulator("-source", "golden", "-frozen", "golden", "-tools", "0s")


@pytest.fixture
def vcenter(held_vcenter: Simulator) -> Iterator[Simulator]:
    """A simulator that holds nothing at the end of a test, whatever has failed."""
    yield held_vcenter
    held_vcenter.release()


@pytest.fixture
def golden(vcenter: Simulator) -> SourceVm:
    return source_of(vcenter, "golden")


def _inventory(client: Client) -> dict[str, str]:
    """The UUIDs of all VMs, by name."""
    view: Any = client.content.viewManager.CreateContainerView(
        client.content.rootFolder, [vim.VirtualMachine], recursive=True
    )
    try:
        return {each.name: each.config.uuid for each in view.view}
    finally:
        view.DestroyView()


def _cloned(client: Client) -> dict[int, str]:
    """The names of all clones that were ever made, be they there or not, by the keys of vCenter's events."""
    made = vim.event.EventFilterSpec(eventTypeId=["com.vmware.vc.VmInstantClonedEvent"], maxCount=1000)
    return {event.key: event.objectName for event in client.content.eventManager.QueryEvents(made)}


USUAL = [
    ("plugin", "first-task"),
    ("plugin", "importing"),
    ("stock", "first-clone"),
    ("stock", "most-answers"),
    ("terraform", "many-tasks"),
    ("terraform", "first-answer"),
    ("all", "planning"),
    ("all", "first-clone"),
]
MATRIX = [
    pytest.param(kind, point, id=f"{kind}-{point}", marks=() if (kind, point) in USUAL else pytest.mark.long)
    for kind in ("plugin", "stock", "terraform", "all")
    for point in POINTS
]


def _inherit(bench: Bench, made: Mapping[str, str]) -> None:
    """Does what a plan says to whose state was lost, with the owner of the clones that were made."""
    (bench.terraform.folder / "terraform.tfstate").unlink()
    if not made:
        return
    refused = bench.terraform.run("plan")
    told = [
        re.search(r"terraform (import) (terraform_data\.owner) ([0-9a-f-]{36})\.", str(each)) for each in refused.errors
    ]
    assert len(told) == len(made)
    (command,) = {found.groups() for found in told if found is not None}
    bench.terraform.run(*command).require()


@pytest.mark.parametrize(("kind", "point"), MATRIX)
def test_an_apply_that_was_killed_is_completed_by_the_next(bench: Bench, kind: str, point: str) -> None:
    names = [f"{kind}-{point}-{index}" for index in range(COUNT)]
    at = POINTS[point]
    # The state is a file, to which Terraform writes the owner before it asks for the first clone.
    bench.terraform.write(fleet_document(bench.release, {"vm": Wish(bench.source, frozenset(names))}))
    with Client(bench.simulator) as client:
        others, earlier = _inventory(client), _cloned(client)

    with bench.terraform.start("apply") as running:
        at.reach(bench, running)
        _await(running, lambda: _noted(bench) == at.noted, f"{at.noted} clones in the state")
        assert len(_made(bench, names)) == at.made
        _kill(running, kind)
        ended = running.finish(seconds=ENDED_SECONDS)
        until(lambda: not marked(MARK, running.mark), "all processes to end", seconds=ENDED_SECONDS)
    assert ended.code == (-signal.SIGKILL if kind in ("terraform", "all") else 1)
    assert "mistake in the plugin" not in ended.stdout
    made = _release(bench, names)
    # Terraform creates an empty file before it plans. It writes nothing while vCenter holds the apply.
    assert not (bench.terraform.state_is_lost() and made)

    bench.terraform.apply()

    with Client(bench.simulator) as client:
        inventory, later = _inventory(client), _cloned(client)
    assert sorted(inventory.keys() - others.keys()) == sorted(names)
    assert sorted(later[key] for key in later.keys() - earlier.keys()) == sorted(names)
    state = bench.terraform.instances()
    assert {name: each["attributes"]["uuid"] for name, each in state.items()} == {
        name: inventory[name] for name in names
    }
    assert [name for name, moid in made.items() if bench.simulator.vm(name).moid != moid] == []
    assert bench.methods(*names) == []
    assert bench.terraform.plan() == {}


def _release(bench: Bench, names: list[str]) -> dict[str, str]:
    """End what vCenter holds for clients that are gone. Return the ids of the clones that exist then, by name."""
    # It notices that connections have ended, and drops the calls. The tasks go on.
    until(
        lambda: {each.at for each in bench.simulator.held()} <= {"task", "end"},
        "the calls to be dropped",
        seconds=ENDED_SECONDS,
    )
    under_way = {each.clone for each in bench.simulator.held()}
    bench.simulator.release()
    until(lambda: under_way <= set(_made(bench, names)), f"{under_way} to be made", seconds=ENDED_SECONDS)
    return {name: bench.simulator.vm(name).moid for name in _made(bench, names)}


def test_a_state_that_was_lost_as_it_was_written_has_an_heir(bench: Bench) -> None:
    """Terraform empties a state's file before it writes it: two of sixty kills of the matrix met that moment once."""
    names = ["lost-0", "lost-1"]
    bench.terraform.write(fleet_document(bench.release, {"vm": Wish(bench.source, frozenset(names))}))
    bench.terraform.apply()
    made = {name: bench.simulator.vm(name).moid for name in names}
    (bench.terraform.folder / "terraform.tfstate").write_text("")

    _inherit(bench, made)
    applied = bench.terraform.apply()

    assert [each.summary for each in applied.diagnostics] == ["Clone taken over"] * 2
    assert {name: each["attributes"]["moid"] for name, each in bench.terraform.instances().items()} == made
    assert bench.methods(*made.values()) == []
    assert bench.terraform.plan() == {}
