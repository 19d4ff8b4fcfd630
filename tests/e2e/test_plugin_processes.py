"""Killed processes and interrupts: nothing hangs, nothing is orphaned, and no clone is lost that can be saved."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.conftest import StartSimulator
from tests.e2e.conftest import Bench, NewTerraform, Plugin
from tests.e2e.terraform import MARK, Running
from tests.support.clone_stack import clones, source_of
from tests.support.processes import Process, marked, until
from tests.support.simulator import Simulator

DEATH_SIGNAL = pytest.mark.parametrize(
    "environment", [{}, {"INSTANT_CLONE_NO_DEATH_SIGNAL": "1"}], ids=["death-signal", "watchdog"]
)


@pytest.fixture(scope="module")
def slow(start_simulator: StartSimulator) -> Simulator:
    """A simulator in which a clone takes longer than anything is waited for here."""
    return start_simulator("-source", "golden", "-delay", "10m")


@pytest.fixture
def slow_bench(slow: Simulator, plugin: Plugin, new_terraform: NewTerraform) -> Bench:
    slow.requests(reset=True)
    return Bench(slow, source_of(slow, "golden"), plugin.release, new_terraform(slow))


@contextmanager
def _cloning(bench: Bench, names: list[str], environment: dict[str, str]) -> Iterator[tuple[Running, Process, Process]]:
    """An apply that is in the midst of making clones, our plugin, and the stock provider."""
    bench.terraform.write(clones(bench.source, bench.release, names))
    with bench.terraform.start("apply", **environment) as running:
        until(lambda: bench.simulator.requests().get("InstantClone_Task") == len(names), "the clone tasks", seconds=60)
        wrapper, stock = running.plugins
        assert wrapper is not None
        assert stock is not None
        yield running, wrapper, stock


@DEATH_SIGNAL
def test_terraform_ends_when_our_plugin_is_killed(slow_bench: Bench, environment: dict[str, str]) -> None:
    with _cloning(slow_bench, [f"killed-{len(environment)}"], environment) as (running, wrapper, stock):
        wrapper.kill()
        ended = running.finish()

    assert ended.code == 1
    assert ended.errors
    until(lambda: not stock.runs(), "the stock provider to end")
    until(lambda: not marked(MARK, ended.mark), "all processes to end")


@DEATH_SIGNAL
def test_terraform_ends_when_the_stock_provider_is_killed(slow_bench: Bench, environment: dict[str, str]) -> None:
    with _cloning(slow_bench, [f"alone-{len(environment)}"], environment) as (running, wrapper, stock):
        stock.kill()
        ended = running.finish()

    assert ended.code == 1
    assert ended.errors
    until(lambda: not wrapper.runs(), "our plugin to end")
    until(lambda: not marked(MARK, ended.mark), "all processes to end")


@DEATH_SIGNAL
def test_nothing_is_left_when_terraform_is_killed(slow_bench: Bench, environment: dict[str, str]) -> None:
    with _cloning(slow_bench, [f"left-{len(environment)}"], environment) as (running, wrapper, stock):
        running.kill()
        running.finish()

    until(lambda: not (wrapper.runs() or stock.runs()), "both plugins to end")
    until(lambda: not marked(MARK, running.mark), "all processes to end")


def test_clones_in_flight_reach_the_state_after_an_interrupt(
    start_simulator: StartSimulator, plugin: Plugin, new_terraform: NewTerraform
) -> None:
    simulator = start_simulator("-source", "golden", "-delay", "3s")
    bench = Bench(simulator, source_of(simulator, "golden"), plugin.release, new_terraform(simulator))

    with _cloning(bench, ["flight-0", "flight-1"], {}) as (running, _, _):
        running.interrupt()
        ended = running.finish()

    assert ended.code == 1
    assert [simulator.vm(name).power for name in ("flight-0", "flight-1")] == ["poweredOn", "poweredOn"]
    assert sorted(bench.terraform.instances()) == ["flight-0", "flight-1"]
    assert bench.terraform.plan() == {}
    assert bench.methods("flight-0", "flight-1") == []


def test_no_clone_is_started_after_an_interrupt(
    start_simulator: StartSimulator, plugin: Plugin, new_terraform: NewTerraform
) -> None:
    simulator = start_simulator("-source", "golden", "-delay", "3s")
    bench = Bench(simulator, source_of(simulator, "golden"), plugin.release, new_terraform(simulator))
    bench.terraform.write(clones(bench.source, bench.release, ["one-0", "one-1", "one-2"]))

    with bench.terraform.start("apply", "-parallelism=1") as running:
        until(lambda: simulator.requests().get("InstantClone_Task") == 1, "the first clone task", seconds=60)
        running.interrupt()
        running.finish()

    assert simulator.requests()["InstantClone_Task"] == 1
    assert len(bench.terraform.instances()) == 1
    assert sorted(bench.terraform.plan().values()) == ["create", "create"]
