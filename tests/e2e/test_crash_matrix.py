# SPDX-License-Identifier: MPL-2.0
"""Kill an apply of ten clones. All processes end, and the next apply creates exactly the missing clones."""

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
"""Timeout of each wait. An idle machine reaches a point, or notices a killed process, within seconds."""
AT_ONCE = 8
"""number of clones of one source that the plugin creates concurrently"""
COUNT = 10
"""number of resources that Terraform creates concurrently"""
TASK = "InstantClone_Task"
READ = "FindByUuid"
"""A plan looks up the source with this method. The stock provider reads an imported clone with it."""


def _existing(bench: Bench, names: list[str]) -> list[str]:
    """Return the names in `names` that a VM in vCenter has."""
    found = []
    for name in names:
        with contextlib.suppress(KeyError):
            bench.simulator.vm(name)
            found.append(name)
    return found


def _count_in_state(bench: Bench) -> int:
    """Return the number of clones in the state, or 0 while Terraform writes the state file."""
    try:
        return len(bench.terraform.instances())
    except (OSError, json.JSONDecodeError):
        return 0


def _held(simulator: Simulator) -> Counter[tuple[str, HoldPoint]]:
    """Return the number of held calls and tasks, by method and point."""
    return Counter((each.method, each.at) for each in simulator.held())


def _await_held(bench: Bench, running: Running, expected: Mapping[tuple[str, HoldPoint], int]) -> None:
    _await(running, lambda: _held(bench.simulator) == expected, f"{expected} to be held")


def _await(running: Running, condition: Callable[[], object], what: str) -> None:
    """Wait until a condition is true during an apply.

    Raises:
        AssertionError: the apply ends before the condition is true, or the wait times out.
    """
    until(lambda: condition() or running.process.poll() is not None, what, seconds=ENDED_SECONDS)
    assert running.process.poll() is None, running.finish().require()


Reach = Callable[[Bench, Running], None]


def _hold_calls(method: str) -> Reach:
    """Return a function that holds the calls of a method and waits for the first call."""

    def reach(bench: Bench, running: Running) -> None:
        bench.simulator.hold(method)
        _await(running, lambda: bench.simulator.held(method), f"{method} to be held")

    return reach


def _hold_tasks(count: int) -> Reach:
    """Return a function that holds `count` tasks before they start, and the calls for the other clones."""

    def reach(bench: Bench, running: Running) -> None:
        bench.simulator.hold(TASK, after=count)
        bench.simulator.hold(TASK, at="task")
        _await_held(bench, running, {(TASK, "task"): count, (TASK, "call"): AT_ONCE - count})

    return reach


def _hold_end_of_first(bench: Bench, running: Running) -> None:
    """Hold the first task before its end, and the other tasks before they start."""
    bench.simulator.hold(TASK, at="task", after=1)
    bench.simulator.hold(TASK, at="end")
    _await_held(bench, running, {(TASK, "end"): 1, (TASK, "task"): AT_ONCE - 1})


def _hold_imports(count: int, at: HoldPoint) -> Reach:
    """Return a function that holds the stock provider's reads of `count` clones, and the tasks of the others."""

    def reach(bench: Bench, running: Running) -> None:
        bench.simulator.hold(TASK, at=at)
        _await_held(bench, running, {(TASK, at): AT_ONCE})
        # The plan calls the same method, so the hold must start after the plan.
        bench.simulator.hold(READ)
        bench.simulator.release(TASK, times=count)
        _await_held(bench, running, {(TASK, at): min(AT_ONCE, COUNT - count), (READ, "call"): count})

    return reach


def _hold_others(count: int) -> Reach:
    """Return a function that lets `count` clones reach the state and holds the tasks of the other clones."""

    def reach(bench: Bench, running: Running) -> None:
        bench.simulator.hold(TASK, at="task", after=count)
        _await_held(bench, running, {(TASK, "task"): min(AT_ONCE, COUNT - count)})

    return reach


@dataclass(frozen=True)
class Point:
    """A point at which the simulator holds an apply."""

    reach: Reach
    """function that blocks a new apply at the point; it returns when the apply has reached the point"""
    existing: int = 0
    """number of clones in vCenter at the point"""
    in_state: int = 0
    """number of clones in the state at the point"""


POINTS = {
    "log-in": Point(_hold_calls("Login")),
    "planning": Point(_hold_calls(READ)),
    "first-task": Point(_hold_tasks(1)),
    "many-tasks": Point(_hold_tasks(4)),
    "all-tasks": Point(_hold_imports(2, "task"), existing=2),
    "first-clone": Point(_hold_end_of_first, existing=1),
    "importing": Point(_hold_imports(5, "task"), existing=5),
    "all-clones": Point(_hold_imports(2, "end"), existing=10),
    "first-answer": Point(_hold_others(1), existing=1, in_state=1),
    "most-answers": Point(_hold_others(6), existing=6, in_state=6),
}


def _kill(running: Running, kind: str) -> None:
    """Kill one of the processes of an apply, or all of them.

    Raises:
        AssertionError: one of the processes does not run.
    """
    wrapper, stock = running.plugins
    terraform = next((each for each in marked(MARK, running.mark) if each.pid == running.process.pid), None)
    victims = {"stock": stock, "plugin": wrapper, "terraform": terraform}
    targets = [victims[each] for each in ([kind] if kind != "all" else victims)]
    # Each process exits when another process ends. Therefore, stop all processes before killing the first one.
    for signal_number in (signal.SIGSTOP, signal.SIGKILL):
        for victim in targets:
            assert victim is not None
            assert victim.runs()
            os.kill(victim.pid, signal_number)


@pytest.fixture(scope="module")
def held_vcenter(start_simulator: StartSimulator) -> Simulator:
    """Start a vCenter with a frozen source. Its disk chains do not grow with the number of clones."""
    return start_simulator("-source", "golden", "-frozen", "golden", "-tools", "0s")


@pytest.fixture
def vcenter(held_vcenter: Simulator) -> Iterator[Simulator]:
    """Yield the vCenter. Release all holds at the end of each test, even if the test fails."""
    yield held_vcenter
    held_vcenter.release()


@pytest.fixture
def golden(vcenter: Simulator) -> SourceVm:
    return source_of(vcenter, "golden")


def _inventory(client: Client) -> dict[str, str]:
    """Return the UUIDs of all VMs, by name."""
    view: Any = client.content.viewManager.CreateContainerView(
        client.content.rootFolder, [vim.VirtualMachine], recursive=True
    )
    try:
        return {each.name: each.config.uuid for each in view.view}
    finally:
        view.DestroyView()


def _cloned(client: Client) -> dict[int, str]:
    """Return the names of all clones that were ever created, by the keys of their vCenter events."""
    created = vim.event.EventFilterSpec(eventTypeId=["com.vmware.vc.VmInstantClonedEvent"], maxCount=1000)
    return {event.key: event.objectName for event in client.content.eventManager.QueryEvents(created)}


FAST_CASES = [
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
    pytest.param(kind, point, id=f"{kind}-{point}", marks=() if (kind, point) in FAST_CASES else pytest.mark.long)
    for kind in ("plugin", "stock", "terraform", "all")
    for point in POINTS
]


def _import_owner(bench: Bench, made: Mapping[str, str]) -> None:
    """Delete the lost state, and run the import command that the plan reports for the owner of the existing clones."""
    (bench.terraform.folder / "terraform.tfstate").unlink()
    if not made:
        return
    refused = bench.terraform.run("plan")
    commands = [
        re.search(r"terraform (import) (terraform_data\.owner) ([0-9a-f-]{36})\.", str(each)) for each in refused.errors
    ]
    assert len(commands) == len(made)
    (command,) = {found.groups() for found in commands if found is not None}
    bench.terraform.run(*command).require()


@pytest.mark.parametrize(("kind", "point"), MATRIX)
def test_next_apply_completes_an_apply_that_was_killed(bench: Bench, kind: str, point: str) -> None:
    names = [f"{kind}-{point}-{index}" for index in range(COUNT)]
    at = POINTS[point]
    # Terraform writes the owner to the local state file before the plugin creates the first clone.
    bench.terraform.write(fleet_document(bench.release, {"vm": Wish(bench.source, frozenset(names))}))
    with Client(bench.simulator) as client:
        others, earlier = _inventory(client), _cloned(client)

    with bench.terraform.start("apply") as running:
        at.reach(bench, running)
        _await(running, lambda: _count_in_state(bench) == at.in_state, f"{at.in_state} clones in the state")
        assert len(_existing(bench, names)) == at.existing
        _kill(running, kind)
        ended = running.finish(seconds=ENDED_SECONDS)
        until(lambda: not marked(MARK, running.mark), "all processes to end", seconds=ENDED_SECONDS)
    assert ended.code == (-signal.SIGKILL if kind in ("terraform", "all") else 1)
    assert "bug in the instant clone plugin" not in ended.stdout
    made = _release(bench, names)
    # Terraform creates an empty state file before the plan. It writes nothing while vCenter holds the apply.
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
    """Release all holds after the clients have ended. Return the MoRefs of the existing clones, by name."""
    # The simulator drops the calls of closed connections. Their tasks continue.
    until(
        lambda: {each.at for each in bench.simulator.held()} <= {"task", "end"},
        "the calls to be dropped",
        seconds=ENDED_SECONDS,
    )
    under_way = {each.clone for each in bench.simulator.held()}
    bench.simulator.release()
    until(lambda: under_way <= set(_existing(bench, names)), f"{under_way} to be created", seconds=ENDED_SECONDS)
    return {name: bench.simulator.vm(name).moid for name in _existing(bench, names)}


def test_adopts_the_clones_after_the_state_file_was_lost(bench: Bench) -> None:
    """Terraform truncates the state file before it writes the state. Two of sixty kills of the matrix hit this gap."""
    names = ["lost-0", "lost-1"]
    bench.terraform.write(fleet_document(bench.release, {"vm": Wish(bench.source, frozenset(names))}))
    bench.terraform.apply()
    made = {name: bench.simulator.vm(name).moid for name in names}
    (bench.terraform.folder / "terraform.tfstate").write_text("")

    _import_owner(bench, made)
    applied = bench.terraform.apply()

    assert [each.summary for each in applied.diagnostics] == ["Existing clone adopted"] * 2
    assert {name: each["attributes"]["moid"] for name, each in bench.terraform.instances().items()} == made
    assert bench.methods(*made.values()) == []
    assert bench.terraform.plan() == {}
