# SPDX-License-Identifier: MPL-2.0
"""Killed processes and interrupts: nothing hangs, nothing is orphaned, and no clone is lost that can be saved."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from instant_clone.ownership import OWNER_KEY
from testkit.clone_stack import clones, source_of
from testkit.processes import Process, marked, until
from testkit.simulator import Simulator
from tests.conftest import StartSimulator
from tests.e2e.conftest import Bench, NewTerraform, Plugin
from tests.e2e.terraform import LOGGED, MARK, Outcome, Running

NEVER = "1000h"
"""how long after power on VMware Tools report, if no test waits for that"""
OWNER = "5f3759df-0000-4000-8000-000000000001"
NO_DEATH_SIGNAL = {"INSTANT_CLONE_NO_DEATH_SIGNAL": "1"}
TASK = "InstantClone_Task"
DEATH_SIGNAL = pytest.mark.parametrize("environment", [{}, NO_DEATH_SIGNAL], ids=["death-signal", "watchdog"])


@pytest.fixture(scope="module")
def shared(start_simulator: StartSimulator) -> Simulator:
    return start_simulator("-source", "golden")


@pytest.fixture
def shared_bench(shared: Simulator, plugin: Plugin, new_terraform: NewTerraform) -> Iterator[Bench]:
    """A simulator that several tests use one after another. At the end of a test it holds nothing."""
    yield Bench(shared, source_of(shared, "golden"), plugin.release, new_terraform(shared))
    shared.release()


def _bench(start: StartSimulator, plugin: Plugin, new_terraform: NewTerraform, *flags: str) -> Bench:
    simulator = start("-source", "golden", *flags)
    return Bench(simulator, source_of(simulator, "golden"), plugin.release, new_terraform(simulator))


def _marked(bench: Bench, names: list[str], **arguments: Any) -> dict[str, Any]:
    """Clones that say whose they are."""
    mark = f"{OWNER}/web/${{each.key}}/{bench.source.uuid}/1"
    return clones(bench.source, bench.release, names, extra_config={OWNER_KEY: mark}, **arguments)


def _tasks(bench: Bench) -> int:
    return bench.simulator.requests().get(TASK, 0)


def _made(bench: Bench, names: list[str]) -> dict[str, str]:
    """Those of the names that VMs have, with their managed object ids."""
    found = {}
    for name in names:
        with suppress(KeyError):
            found[name] = bench.simulator.vm(name).moid
    return found


def _plugins(running: Running) -> tuple[Process, Process]:
    wrapper, stock = running.plugins
    assert wrapper is not None
    assert stock is not None
    return wrapper, stock


@contextmanager
def _cloning(bench: Bench, names: list[str], environment: dict[str, str]) -> Iterator[tuple[Running, Process, Process]]:
    """An apply whose clone tasks are held, our plugin, and the stock provider."""
    bench.terraform.write(_marked(bench, names))
    bench.simulator.hold(TASK, at="task")
    with bench.terraform.start("apply", **environment) as running:
        _await_tasks(bench, len(names))
        yield running, *_plugins(running)


def _await_tasks(bench: Bench, count: int) -> None:
    """Wait until so many clone tasks are held."""
    until(lambda: len(bench.simulator.held(TASK)) == count, f"{count} clone tasks")


@DEATH_SIGNAL
def test_terraform_ends_when_our_plugin_is_killed(shared_bench: Bench, environment: dict[str, str]) -> None:
    with _cloning(shared_bench, [f"killed-{len(environment)}"], environment) as (running, wrapper, stock):
        wrapper.kill()
        ended = running.finish()

    assert ended.code == 1
    assert ended.errors
    until(lambda: not stock.runs(), "the stock provider to end")
    until(lambda: not marked(MARK, ended.mark), "all processes to end")


@DEATH_SIGNAL
def test_terraform_ends_when_the_stock_provider_is_killed(shared_bench: Bench, environment: dict[str, str]) -> None:
    with _cloning(shared_bench, [f"alone-{len(environment)}"], environment) as (running, wrapper, stock):
        stock.kill()
        ended = running.finish()

    assert ended.code == 1
    assert ended.errors
    until(lambda: not wrapper.runs(), "our plugin to end")
    until(lambda: not marked(MARK, ended.mark), "all processes to end")


@DEATH_SIGNAL
def test_nothing_is_left_when_terraform_is_killed(shared_bench: Bench, environment: dict[str, str]) -> None:
    with _cloning(shared_bench, [f"left-{len(environment)}"], environment) as (running, wrapper, stock):
        running.kill()
        running.finish()

    until(lambda: not (wrapper.runs() or stock.runs()), "both plugins to end")
    until(lambda: not marked(MARK, running.mark), "all processes to end")


def test_clones_in_flight_reach_the_state_after_an_interrupt(
    start_simulator: StartSimulator, plugin: Plugin, new_terraform: NewTerraform
) -> None:
    bench = _bench(start_simulator, plugin, new_terraform)

    with _cloning(bench, ["flight-0", "flight-1"], LOGGED) as (running, _, _):
        running.interrupt()
        bench.simulator.release()
        ended = running.finish()

    assert ended.code == 1
    assert [bench.simulator.vm(name).power for name in ("flight-0", "flight-1")] == ["poweredOn", "poweredOn"]
    assert sorted(bench.terraform.instances()) == ["flight-0", "flight-1"]
    assert bench.terraform.plan() == {}
    assert bench.methods("flight-0", "flight-1") == []


def test_no_clone_is_started_after_an_interrupt(
    start_simulator: StartSimulator, plugin: Plugin, new_terraform: NewTerraform
) -> None:
    bench = _bench(start_simulator, plugin, new_terraform)
    bench.terraform.write(clones(bench.source, bench.release, ["one-0", "one-1", "one-2"]))
    bench.simulator.hold(TASK, at="task")

    with bench.terraform.start("apply", "-parallelism=1", **LOGGED) as running:
        _await_tasks(bench, 1)
        running.interrupt()
        bench.simulator.release()
        running.finish()

    assert _tasks(bench) == 1
    assert len(bench.terraform.instances()) == 1
    assert sorted(bench.terraform.plan().values()) == ["create", "create"]


def test_clones_that_wait_for_their_turns_are_not_started_after_an_interrupt(
    start_simulator: StartSimulator, plugin: Plugin, new_terraform: NewTerraform
) -> None:
    bench = _bench(start_simulator, plugin, new_terraform)
    names = [f"turn-{index}" for index in range(10)]
    bench.terraform.write(_marked(bench, names))
    bench.simulator.hold(TASK, at="task")

    with bench.terraform.start("apply", INSTANT_CLONE_PARALLELISM="2", **LOGGED) as running:
        _await_tasks(bench, 2)
        running.interrupt()
        bench.simulator.release()
        ended = running.finish()

    made = _made(bench, names)
    assert len(made) == _tasks(bench) == 2
    assert bench.terraform.instances().keys() == made.keys()
    stopped = [each for each in ended.errors if each.summary == "Instant clone failed"]
    assert stopped
    assert [each for each in stopped if not each.detail.startswith("Stopped before the clone /DC0/vm/turn-")] == []

    bench.terraform.apply()

    assert _tasks(bench) == 10
    assert _made(bench, names).items() >= made.items()
    assert sorted(bench.terraform.instances()) == names
    assert bench.methods(*names) == []
    assert bench.terraform.plan() == {}


def test_an_interrupt_ends_the_wait_for_a_network_and_keeps_the_clone(
    start_simulator: StartSimulator, plugin: Plugin, new_terraform: NewTerraform
) -> None:
    bench = _bench(start_simulator, plugin, new_terraform, "-tools", NEVER)
    bench.terraform.write(_marked(bench, ["silent"], wait_for_guest_net_timeout=60))

    with _waiting_for_its_network(bench, "silent") as running:
        running.interrupt()
        bench.simulator.release()
        ended = running.finish()

    assert [(each.severity, each.detail) for each in ended.diagnostics if each.summary == "Network not awaited"] == [
        (
            "warning",
            "The apply was interrupted before the guest of /DC0/vm/silent had reported a network address. The clone "
            "runs and is in the state; a later refresh brings its addresses.",
        )
    ]
    assert "status" not in bench.terraform.instances()["silent"]
    assert bench.terraform.plan() == {}
    assert bench.methods("silent") == []


@contextmanager
def _waiting_for_its_network(bench: Bench, name: str) -> Iterator[Running]:
    """An apply that has made a clone, and whose first request for its guest is held."""
    # How pyvmomi reads a property. Nobody but the wait for the network reads one of the clone.
    bench.simulator.hold("Fetch", vm=name)
    with bench.terraform.start("apply", **LOGGED) as running:
        until(lambda: bench.simulator.held("Fetch"), "the wait for the network")
        yield running


def _left_to_the_next(bench: Bench, name: str, ended: Outcome) -> None:
    """Asserts that the clone was left, and that the next apply takes it over."""
    (left,) = [each for each in ended.errors if each.summary == "Clone left to the next apply"]
    assert left.detail.startswith(f"/DC0/vm/{name} (UUID ")
    assert left.detail.endswith(
        "was made, but the stock vSphere provider has ended. The clone runs and carries the mark of this state: apply "
        "again, and it is taken over."
    )
    assert bench.terraform.instances() == {}
    made = _made(bench, [name])
    bench.terraform.write(_marked(bench, [name]))

    applied = bench.terraform.apply()

    assert [each.summary for each in applied.diagnostics] == ["Clone taken over"]
    assert _made(bench, [name]) == made
    assert bench.methods(name) == []
    assert bench.terraform.plan() == {}


def test_a_clone_whose_stock_provider_ends_as_it_is_read_is_left_to_the_next_apply(
    start_simulator: StartSimulator, plugin: Plugin, new_terraform: NewTerraform
) -> None:
    bench = _bench(start_simulator, plugin, new_terraform)

    with _cloning(bench, ["unread"], {}) as (running, _, stock):
        # The stock provider reads a clone that it imports by its UUID.
        bench.simulator.hold("FindByUuid")
        bench.simulator.release(TASK)
        until(lambda: bench.simulator.held("FindByUuid"), "the clone to be read")
        stock.kill()
        ended = running.finish()

    bench.simulator.release()
    _left_to_the_next(bench, "unread", ended)


def test_a_clone_whose_stock_provider_ends_as_its_network_is_waited_for_is_left_to_the_next_apply(
    start_simulator: StartSimulator, plugin: Plugin, new_terraform: NewTerraform
) -> None:
    bench = _bench(start_simulator, plugin, new_terraform, "-tools", NEVER)
    bench.terraform.write(_marked(bench, ["unheard"], wait_for_guest_net_timeout=60))

    with _waiting_for_its_network(bench, "unheard") as running:
        _plugins(running)[1].kill()
        bench.simulator.release()
        ended = running.finish()

    _left_to_the_next(bench, "unheard", ended)


@pytest.mark.parametrize("victim", ["plugin", "stock", "terraform"])
def test_without_a_death_signal_the_next_apply_completes_what_was_killed(
    start_simulator: StartSimulator, plugin: Plugin, new_terraform: NewTerraform, victim: str
) -> None:
    bench = _bench(start_simulator, plugin, new_terraform)
    names = [f"{victim}-0", f"{victim}-1"]

    with _cloning(bench, names, NO_DEATH_SIGNAL) as (running, wrapper, stock):
        assert [each for each in marked(MARK, running.mark) if f"kill -9 {stock.pid} " in each.command]
        {"plugin": wrapper.kill, "stock": stock.kill, "terraform": running.kill}[victim]()
        running.finish()
        until(lambda: not marked(MARK, running.mark), "all processes to end")
    bench.simulator.release()
    until(lambda: len(_made(bench, names)) == len(names), "vCenter to end the tasks")
    left = _made(bench, names)

    bench.terraform.run("apply", **NO_DEATH_SIGNAL).require()

    assert {name: bench.terraform.attributes(name)["moid"] for name in names} == left
    assert _made(bench, names) == left
    assert bench.methods(*names) == []
    assert bench.terraform.plan() == {}
