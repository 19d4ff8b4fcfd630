# SPDX-License-Identifier: MPL-2.0
"""Clones of sources that were made by chance, of what vSphere allows, are their sources again."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from testkit.clone_stack import document
from testkit.layouts.generated import generated
from testkit.layouts.machine import Bus, Machine
from testkit.layouts.named import FLAGS
from testkit.layouts.site import build
from testkit.layouts.trial import Pair, Trial, repeated, tried
from testkit.simulator import Simulator
from tests.e2e.conftest import Plugin
from tests.e2e.terraform import Terraform
from tests.vcsim.client import Client, result

BATCHES = 4
CASES_OF_A_BATCH = 50
"""sources of one simulator, and clones of one run of Terraform at the most"""
SEED = 2
MANY_CASES, OTHER_SEED = 2000, 3


def trial_of(
    machines: Sequence[Machine],
    plugin: Plugin,
    folder: Path,
    prepare: Callable[[Simulator, Client], None] = lambda simulator, client: None,
) -> Trial:
    """The clones of those machines that the release can express, judged; `prepare` comes before Terraform."""
    with (
        Simulator("-vm", 0, *FLAGS["7.0.3"]) as simulator,
        Client(simulator) as client,
        plugin.attached(simulator) as own,
    ):
        site = build(simulator, client, ((f"source-{number}", each, "") for number, each in enumerate(machines)))
        prepare(simulator, client)
        clones = {vm: vm.replace("source", "clone") for vm in site.repeatable(plugin.release)}
        whole = document(
            plugin.release, {name: repeated(site.sources[vm], plugin.release, name) for vm, name in clones.items()}
        )
        pairs = {f"vsphere_virtual_machine.{name}": Pair(vm, name) for vm, name in clones.items()}
        environment = simulator.environment(plugin.environment)
        with Terraform(folder, environment, initialised=plugin.initialised, attached=own) as terraform:
            return tried(terraform, simulator, client, whole, pairs, stock_source=plugin.stock_source)


def hold(machines: Sequence[Machine], plugin: Plugin, folder: Path) -> None:
    trial = trial_of(machines, plugin, folder)
    refused = len(machines) - len(trial.calls)
    print(f"{plugin.release}: {len(trial.calls)} clones, {sum(trial.calls.values())} calls, {refused} refused")
    print(trial.seconds)
    wrong = {address: problems for address, problems in trial.wrong.items() if problems}
    made_of = {f"vsphere_virtual_machine.clone-{number}": each for number, each in enumerate(machines)}
    assert {address: (made_of.get(address), problems) for address, problems in wrong.items()} == {}
    assert len(trial.calls) >= len(machines) / 2


@pytest.mark.parametrize("batch", range(BATCHES))
def test_clones_are_their_sources(batch: int, plugin: Plugin, tmp_path: Path) -> None:
    machines = generated(BATCHES * CASES_OF_A_BATCH, number=SEED)[batch::BATCHES]
    assert len(machines) == CASES_OF_A_BATCH
    hold(machines, plugin, tmp_path / "terraform")


@pytest.mark.long
def test_clones_of_many_more_sources_are_their_sources(plugin: Plugin, tmp_path: Path) -> None:
    machines = generated(int(os.environ.get("INSTANT_CLONE_CASES") or MANY_CASES), number=OTHER_SEED)
    for start in range(0, len(machines), CASES_OF_A_BATCH):
        hold(machines[start : start + CASES_OF_A_BATCH], plugin, tmp_path / f"from-{start}")


def test_what_is_not_exact_is_found(plugin: Plugin, tmp_path: Path) -> None:
    """In a clone that comes out otherwise, and in a source that is off; the BusLogic controller is nobody's fault."""

    def prepare(simulator: Simulator, client: Client) -> None:
        simulator.clone_differs("config.memoryAllocation.reservation", "7", vm="source-1")
        result(client.vm("source-2").PowerOff())

    machines = [Machine(), Machine(), Machine(), Machine((Bus("buslogic"),))]

    trial = trial_of(machines, plugin, tmp_path / "terraform", prepare)

    exact, bent, off = (trial.wrong.pop(f"vsphere_virtual_machine.clone-{number}") for number in range(3))
    assert (exact, trial.wrong) == ([], {})
    assert bent[0].startswith("apply: warning: Clone came out otherwise than its source: ")
    assert bent[1:] == [
        "differs: memoryAllocation.reservation: 0 → 7",
        "second plan: update memory_reservation: 7 → 0",
        "stock provider alone: update memory_reservation: 7 → 0",
    ]
    assert off[0].startswith("apply: error: Source cannot be cloned: The source /DC0/vm/source-2 is not powered on.")
    assert off[1:] == ["was not made"]
