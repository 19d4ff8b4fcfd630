# SPDX-License-Identifier: MPL-2.0
"""Clone sources with random hardware within the limits of vSphere, and compare the clones with their sources."""

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
SHORT_BATCHES = 2
"""number of batches in `make test`; `make test-long` runs all of them, and 2,000 other cases"""
CASES_OF_A_BATCH = 50
"""number of sources per simulator, and maximum number of clones per run of Terraform"""
SEED = 2
MANY_CASES, OTHER_SEED = 2000, 3


def trial_of(
    machines: Sequence[Machine],
    plugin: Plugin,
    folder: Path,
    prepare: Callable[[Simulator, Client], None] = lambda simulator, client: None,
) -> Trial:
    """Clone the machines that the release can express, and return the trial. `prepare` runs before Terraform."""
    with (
        Simulator("-vm", 0, *FLAGS["7.0.3"]) as simulator,
        Client(simulator) as client,
        plugin.attached(simulator) as attached,
    ):
        site = build(simulator, client, ((f"source-{number}", each, "") for number, each in enumerate(machines)))
        prepare(simulator, client)
        clones = {vm: vm.replace("source", "clone") for vm in site.repeatable(plugin.release)}
        configuration = document(
            plugin.release, {name: repeated(site.sources[vm], plugin.release, name) for vm, name in clones.items()}
        )
        pairs = {f"vsphere_virtual_machine.{name}": Pair(vm, name) for vm, name in clones.items()}
        environment = simulator.environment(plugin.environment)
        with Terraform(folder, environment, initialised=plugin.initialised, attached=attached) as terraform:
            return tried(terraform, simulator, client, configuration, pairs, stock_source=plugin.stock_source)


def check_clones(machines: Sequence[Machine], plugin: Plugin, folder: Path) -> None:
    trial = trial_of(machines, plugin, folder)
    refused = len(machines) - len(trial.calls)
    print(f"{plugin.release}: {len(trial.calls)} clones, {sum(trial.calls.values())} calls, {refused} refused")
    print(trial.seconds)
    wrong = {address: problems for address, problems in trial.wrong.items() if problems}
    made_of = {f"vsphere_virtual_machine.clone-{number}": each for number, each in enumerate(machines)}
    assert {address: (made_of.get(address), problems) for address, problems in wrong.items()} == {}
    assert len(trial.calls) >= len(machines) / 2


@pytest.mark.parametrize(
    "batch",
    [*range(SHORT_BATCHES), *(pytest.param(each, marks=pytest.mark.long) for each in range(SHORT_BATCHES, BATCHES))],
)
def test_clones_equal_their_random_sources(batch: int, plugin: Plugin, tmp_path: Path) -> None:
    machines = generated(BATCHES * CASES_OF_A_BATCH, number=SEED)[batch::BATCHES]
    assert len(machines) == CASES_OF_A_BATCH
    check_clones(machines, plugin, tmp_path / "terraform")


@pytest.mark.long
def test_clones_equal_many_more_random_sources(plugin: Plugin, tmp_path: Path) -> None:
    machines = generated(int(os.environ.get("INSTANT_CLONE_CASES") or MANY_CASES), number=OTHER_SEED)
    for start in range(0, len(machines), CASES_OF_A_BATCH):
        check_clones(machines[start : start + CASES_OF_A_BATCH], plugin, tmp_path / f"from-{start}")


def test_trial_reports_clones_that_differ_or_are_missing(plugin: Plugin, tmp_path: Path) -> None:
    """One clone differs, and one source is off. A source with a BusLogic controller is skipped without a problem."""

    def prepare(simulator: Simulator, client: Client) -> None:
        simulator.clone_differs("config.memoryAllocation.reservation", "7", vm="source-1")
        result(client.vm("source-2").PowerOff())

    machines = [Machine(), Machine(), Machine(), Machine((Bus("buslogic"),))]

    trial = trial_of(machines, plugin, tmp_path / "terraform", prepare)

    exact, different, off = (trial.wrong.pop(f"vsphere_virtual_machine.clone-{number}") for number in range(3))
    assert (exact, trial.wrong) == ([], {})
    assert different[0].startswith("apply: warning: Clone differs from its source: ")
    assert different[1:] == [
        "differs: memoryAllocation.reservation: 0 → 7",
        "second plan: update memory_reservation: 7 → 0",
        "stock provider alone: update memory_reservation: 7 → 0",
    ]
    assert off[0].startswith("apply: error: Source is not powered on: /DC0/vm/source-2: the source is not powered on.")
    assert off[1:] == ["was not created"]
