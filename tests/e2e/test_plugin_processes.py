# SPDX-License-Identifier: MPL-2.0
"""Killed processes and interrupts.

No command hangs, no process is orphaned, and each clone that can be saved reaches the state.
"""

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
"""The delay of the first VMware Tools report after the power on. No test waits that long."""
OWNER = "5f3759df-0000-4000-8000-000000000001"
NO_DEATH_SIGNAL = {"INSTANT_CLONE_NO_DEATH_SIGNAL": "1"}
TASK = "InstantClone_Task"
DEATH_SIGNAL = pytest.mark.parametrize("environment", [{}, NO_DEATH_SIGNAL], ids=["death-signal", "watchdog"])


@pytest.fixture(scope="module")
def shared(start_simulator: StartSimulator) -> Simulator:
    return start_simulator("-source", "golden")


@pytest.fixture
def shared_bench(shared: Simulator, plugin: Plugin, new_terraform: NewTerraform) -> Iterator[Bench]:
    """Yield a bench with a simulator that several tests share. After each test, release all held calls."""
    yield Bench(shared, source_of(shared, "golden"), plugin.release, new_terraform(shared))
    shared.release()


def _bench(start: StartSimulator, plugin: Plugin, new_terraform: NewTerraform, *flags: str) -> Bench:
    simulator = start("-source", "golden", *flags)
    return Bench(simulator, source_of(simulator, "golden"), plugin.release, new_terraform(simulator))


def _marked(bench: Bench, names: list[str], **arguments: Any) -> dict[str, Any]:
    """Return clones with an owner marker."""
    mark = f"{OWNER}/web/${{each.key}}/{bench.source.uuid}/1"
    return clones(bench.source, bench.release, names, extra_config={OWNER_KEY: mark}, **arguments)


def _tasks(bench: Bench) -> int:
    return bench.simulator.requests().get(TASK, 0)


def _moids(bench: Bench, names: list[str]) -> dict[str, str]:
    """Return the managed object ids of the VMs with these names, by name. Omit names without a VM."""
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
    """Start an apply, and hold its clone tasks. Yield the apply, the plugin and the stock provider."""
    bench.terraform.write(_marked(bench, names))
    bench.simulator.hold(TASK, at="task")
    with bench.terraform.start("apply", **environment) as running:
        _await_tasks(bench, len(names))
        yield running, *_plugins(running)


def _await_tasks(bench: Bench, count: int) -> None:
    """Wait until vCenter holds `count` clone tasks."""
    until(lambda: len(bench.simulator.held(TASK)) == count, f"{count} clone tasks")


@DEATH_SIGNAL
def test_terraform_ends_if_the_plugin_is_killed(shared_bench: Bench, environment: dict[str, str]) -> None:
    with _cloning(shared_bench, [f"killed-{len(environment)}"], environment) as (running, wrapper, stock):
        wrapper.kill()
        ended = running.finish()

    assert ended.code == 1
    assert ended.errors
    until(lambda: not stock.runs(), "the stock provider to end")
    until(lambda: not marked(MARK, ended.mark), "all processes to end")


@DEATH_SIGNAL
def test_terraform_ends_if_the_stock_provider_is_killed(shared_bench: Bench, environment: dict[str, str]) -> None:
    with _cloning(shared_bench, [f"alone-{len(environment)}"], environment) as (running, wrapper, stock):
        stock.kill()
        ended = running.finish()

    assert ended.code == 1
    assert ended.errors
    until(lambda: not wrapper.runs(), "the plugin to end")
    until(lambda: not marked(MARK, ended.mark), "all processes to end")


@DEATH_SIGNAL
def test_plugins_end_if_terraform_is_killed(shared_bench: Bench, environment: dict[str, str]) -> None:
    with _cloning(shared_bench, [f"left-{len(environment)}"], environment) as (running, wrapper, stock):
        running.kill()
        running.finish()

    until(lambda: not (wrapper.runs() or stock.runs()), "both plugins to end")
    until(lambda: not marked(MARK, running.mark), "all processes to end")


def test_clones_in_progress_reach_the_state_after_an_interrupt(
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


def test_starts_no_clone_after_an_interrupt(
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


def test_starts_no_queued_clone_after_an_interrupt(
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

    made = _moids(bench, names)
    assert len(made) == _tasks(bench) == 2
    assert bench.terraform.instances().keys() == made.keys()
    stopped = [each for each in ended.errors if each.summary == "Instant clone failed"]
    assert stopped
    assert [each for each in stopped if not each.detail.startswith("Clone /DC0/vm/turn-")] == []
    assert [each for each in stopped if ": stopped before its task started." not in each.detail] == []

    bench.terraform.apply()

    assert _tasks(bench) == 10
    assert _moids(bench, names).items() >= made.items()
    assert sorted(bench.terraform.instances()) == names
    assert bench.methods(*names) == []
    assert bench.terraform.plan() == {}


def test_interrupt_ends_the_wait_for_the_network_and_keeps_the_clone(
    start_simulator: StartSimulator, plugin: Plugin, new_terraform: NewTerraform
) -> None:
    bench = _bench(start_simulator, plugin, new_terraform, "-tools", NEVER)
    bench.terraform.write(_marked(bench, ["silent"], wait_for_guest_net_timeout=60))

    with _waiting_for_network(bench, "silent") as running:
        running.interrupt()
        bench.simulator.release()
        ended = running.finish()

    assert [
        (each.severity, each.detail) for each in ended.diagnostics if each.summary == "Guest network wait interrupted"
    ] == [
        (
            "warning",
            "/DC0/vm/silent: the apply was interrupted before the guest reported a network address. The clone is "
            "running and is in the state. The next refresh reads its addresses.",
        )
    ]
    assert "status" not in bench.terraform.instances()["silent"]
    assert bench.terraform.plan() == {}
    assert bench.methods("silent") == []


@contextmanager
def _waiting_for_network(bench: Bench, name: str) -> Iterator[Running]:
    """Start an apply, and hold the first request for the guest of the new clone. Yield the apply."""
    # pyvmomi reads a property with Fetch. Only the wait for the network reads a property of the clone.
    bench.simulator.hold("Fetch", vm=name)
    with bench.terraform.start("apply", **LOGGED) as running:
        until(lambda: bench.simulator.held("Fetch"), "the wait for the network")
        yield running


def _check_next_apply_adopts(bench: Bench, name: str, ended: Outcome) -> None:
    """Check that the apply has left the clone behind, and that the next apply adopts it."""
    (error,) = [each for each in ended.errors if each.summary == "Clone not added to state"]
    assert error.detail.startswith(f"/DC0/vm/{name} (UUID ")
    assert error.detail.endswith(
        "the clone was created, but the stock vSphere provider exited. The clone is running and has the owner marker "
        "of this state. Apply again to adopt the clone."
    )
    assert bench.terraform.instances() == {}
    made = _moids(bench, [name])
    bench.terraform.write(_marked(bench, [name]))

    applied = bench.terraform.apply()

    assert [each.summary for each in applied.diagnostics] == ["Existing clone adopted"]
    assert _moids(bench, [name]) == made
    assert bench.methods(name) == []
    assert bench.terraform.plan() == {}


def test_next_apply_adopts_a_clone_if_the_stock_provider_ends_during_the_read(
    start_simulator: StartSimulator, plugin: Plugin, new_terraform: NewTerraform
) -> None:
    bench = _bench(start_simulator, plugin, new_terraform)

    with _cloning(bench, ["unread"], {}) as (running, _, stock):
        # The stock provider reads an imported clone by its UUID.
        bench.simulator.hold("FindByUuid")
        bench.simulator.release(TASK)
        until(lambda: bench.simulator.held("FindByUuid"), "the clone to be read")
        stock.kill()
        ended = running.finish()

    bench.simulator.release()
    _check_next_apply_adopts(bench, "unread", ended)


def test_next_apply_adopts_a_clone_if_the_stock_provider_ends_during_the_wait_for_the_network(
    start_simulator: StartSimulator, plugin: Plugin, new_terraform: NewTerraform
) -> None:
    bench = _bench(start_simulator, plugin, new_terraform, "-tools", NEVER)
    bench.terraform.write(_marked(bench, ["unheard"], wait_for_guest_net_timeout=60))

    with _waiting_for_network(bench, "unheard") as running:
        _plugins(running)[1].kill()
        bench.simulator.release()
        ended = running.finish()

    _check_next_apply_adopts(bench, "unheard", ended)


@pytest.mark.parametrize("victim", ["plugin", "stock", "terraform"])
def test_next_apply_completes_a_killed_apply_without_a_death_signal(
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
    until(lambda: len(_moids(bench, names)) == len(names), "vCenter to end the tasks")
    completed = _moids(bench, names)

    bench.terraform.run("apply", **NO_DEATH_SIGNAL).require()

    assert {name: bench.terraform.attributes(name)["moid"] for name in names} == completed
    assert _moids(bench, names) == completed
    assert bench.methods(*names) == []
    assert bench.terraform.plan() == {}
