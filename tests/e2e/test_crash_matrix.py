"""An apply of ten clones that is killed: nothing hangs, and the next apply ends as if nothing had happened."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from pyVmomi import vim

from tests.conftest import StartSimulator
from tests.e2e.conftest import Bench
from tests.e2e.terraform import MARK, Running
from tests.support.fleets import Wish, fleet_document
from tests.support.processes import Process, marked, until
from tests.support.simulator import Simulator
from tests.vcsim.client import Client

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


LAST = ("all-clones", "most-answers")
"""points at which an apply may come to its honest end before the signal reaches it"""


def _kill(running: Running, kind: str) -> tuple[list[str], list[str]]:
    """Whom the signal was meant for, and whom it found running."""
    wrapper, stock = running.plugins
    victims = {"stock": stock, "plugin": wrapper, "terraform": _terraform(running)}
    meant = [kind] if kind != "all" else [*victims]
    for each in meant:
        # Each ends by itself when another one does: the signal is to come first.
        if (victim := victims[each]) is not None and victim.runs():
            with contextlib.suppress(ProcessLookupError):
                os.kill(victim.pid, signal.SIGSTOP)
    return meant, [each for each in meant if _was_killed(victims[each])]


def _terraform(running: Running) -> Process | None:
    return next((each for each in marked(MARK, running.mark) if each.pid == running.process.pid), None)


def _was_killed(victim: Process | None) -> bool:
    if victim is None or not victim.runs():
        return False
    try:
        os.kill(victim.pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture(scope="module")
def vcenter(start_simulator: StartSimulator) -> Simulator:
    """A clone takes a moment, and the source is frozen: its disks' chains stay short however many there are."""
    return start_simulator("-source", "golden", "-frozen", "golden", "-delay", "400ms", "-tools", "0s")


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
    names = [f"{kind}-{point}-{index}" for index in range(10)]
    # The state is a file, to which Terraform writes the owner before it asks for the first clone.
    bench.terraform.write(fleet_document(bench.release, {"vm": Wish(bench.source, frozenset(names))}))
    with Client(bench.simulator) as client:
        others, earlier = _inventory(client), _cloned(client)
    bench.simulator.requests(reset=True)

    with bench.terraform.start("apply") as running:
        until(lambda: POINTS[point](bench, names), point, seconds=ENDED_SECONDS)
        meant, killed = _kill(running, kind)
        ended = running.finish(seconds=ENDED_SECONDS)
        until(lambda: not marked(MARK, running.mark), "all processes to end", seconds=ENDED_SECONDS)
    if point not in LAST or ended.code != 0:
        assert killed == meant
        assert ended.code == (-signal.SIGKILL if "terraform" in killed else 1)
    assert "mistake in the plugin" not in ended.stdout
    made = {name: bench.simulator.vm(name).moid for name in _made(bench, names)}
    if bench.terraform.state_is_lost():
        _inherit(bench, made)

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
