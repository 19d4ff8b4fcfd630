"""An apply of ten clones that is killed: nothing hangs, and the next apply ends as if nothing had happened."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from pyVmomi import vim

from instant_clone.owner import OWNER_KEY
from instant_clone.source import SourceVm
from tests.conftest import StartSimulator
from tests.e2e.conftest import Bench, NewTerraform, Plugin
from tests.e2e.terraform import MARK, Running
from tests.support.clone_stack import clones, source_of
from tests.support.processes import marked, until
from tests.support.simulator import Simulator
from tests.vcsim.client import Client

OWNER = "5f3759df-0000-4000-8000-000000000001"
ENDED_SECONDS = 60
"""A process that is gone is noticed within seconds; the rest is for a machine that is busy."""

Point = Callable[[Bench, list[str]], bool]


def _asked(bench: Bench, method: str) -> int:
    return bench.simulator.requests().get(method, 0)


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


POINTS: dict[str, Point] = {
    "log-in": lambda bench, names: _asked(bench, "Login") > 0,
    "planning": lambda bench, names: _asked(bench, "FindByUuid") > 0,
    "first-task": lambda bench, names: _asked(bench, "InstantClone_Task") > 0,
    "many-tasks": lambda bench, names: _asked(bench, "InstantClone_Task") > 3,
    "all-tasks": lambda bench, names: _asked(bench, "InstantClone_Task") > 9,
    "first-clone": lambda bench, names: len(_made(bench, names)) > 0,
    "importing": lambda bench, names: len(_made(bench, names)) > 4,
    "all-clones": lambda bench, names: len(_made(bench, names)) > 9,
    "first-answer": lambda bench, names: _noted(bench) > 0,
    "most-answers": lambda bench, names: _noted(bench) > 5,
}


def _kill(running: Running, kind: str) -> None:
    # At the last points, an apply may have come to its end meanwhile.
    wrapper, stock = running.plugins
    if kind in ("terraform", "all"):
        running.kill()
    if kind in ("plugin", "all") and wrapper is not None:
        wrapper.kill()
    if kind in ("stock", "all") and stock is not None:
        stock.kill()


@pytest.fixture(scope="module")
def vcenter(start_simulator: StartSimulator) -> Simulator:
    """A clone takes a moment, and the source is frozen: its disks' chains stay short however many there are."""
    return start_simulator("-source", "golden", "-frozen", "golden", "-delay", "400ms", "-tools", "0s")


@pytest.fixture(scope="module")
def golden(vcenter: Simulator) -> SourceVm:
    return source_of(vcenter, "golden")


@pytest.fixture
def bench(vcenter: Simulator, golden: SourceVm, plugin: Plugin, new_terraform: NewTerraform) -> Bench:
    vcenter.requests(reset=True)
    return Bench(vcenter, golden, plugin.release, new_terraform(vcenter))


def _inventory(bench: Bench) -> dict[str, str]:
    """The UUIDs of all VMs, by name."""
    with Client(bench.simulator) as client:
        view: Any = client.content.viewManager.CreateContainerView(
            client.content.rootFolder, [vim.VirtualMachine], recursive=True
        )
        return {each.name: each.config.uuid for each in view.view}


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


@pytest.mark.parametrize(("kind", "point"), MATRIX)
def test_an_apply_that_was_killed_is_completed_by_the_next(bench: Bench, kind: str, point: str) -> None:
    names = [f"{kind}-{point}-{index}" for index in range(10)]
    mark = f"{OWNER}/web/${{each.key}}/{bench.source.uuid}/1"
    bench.terraform.write(clones(bench.source, bench.release, names, extra_config={OWNER_KEY: mark}))
    others = _inventory(bench)
    bench.simulator.requests(reset=True)

    with bench.terraform.start("apply") as running:
        until(lambda: POINTS[point](bench, names), point, seconds=ENDED_SECONDS)
        _kill(running, kind)
        ended = running.finish(seconds=ENDED_SECONDS)
        until(lambda: not marked(MARK, running.mark), "all processes to end", seconds=ENDED_SECONDS)
    assert "mistake in the plugin" not in ended.stdout
    made = {name: bench.simulator.vm(name).moid for name in _made(bench, names)}

    bench.terraform.apply()

    inventory = _inventory(bench)
    assert sorted(inventory.keys() - others.keys()) == sorted(names)
    state = bench.terraform.instances()
    assert {name: each["attributes"]["uuid"] for name, each in state.items()} == {
        name: inventory[name] for name in names
    }
    assert [name for name, moid in made.items() if bench.simulator.vm(name).moid != moid] == []
    assert bench.methods(*names) == []
    assert bench.terraform.plan() == {}
