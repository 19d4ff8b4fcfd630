# SPDX-License-Identifier: MPL-2.0
"""A short and a long simulated year of a fleet."""

from __future__ import annotations

import os

import pytest

from testkit.clone_stack import source_of
from testkit.sessions import sessions_of_ours
from testkit.simulator import Simulator
from tests.conftest import StartSimulator
from tests.e2e.conftest import NewTerraform, Plugin
from tests.e2e.year import Year
from tests.vcsim.client import Client

SOURCES = ("amber", "beryl", "coral", "denim")
SEED = 2026


@pytest.fixture
def simulator(start_simulator: StartSimulator) -> Simulator:
    """Return a simulator with frozen sources. The disk chain of a running source becomes too long."""
    names = ",".join(SOURCES)
    return start_simulator("-source", names, "-frozen", names, "-vm", 0, "-tools", "0s")


def _run_year(simulator: Simulator, plugin: Plugin, new_terraform: NewTerraform, *, steps: int) -> Year:
    sources = {name: source_of(simulator, name) for name in SOURCES}
    with Client(simulator) as client:
        year = Year(new_terraform(simulator), simulator, client, plugin.release, sources, seed=SEED)
        before = {vm.name for vm in client.find("vm").childEntity}
        year.run(steps)
        assert year.disagreements() == {}
        year.terraform.destroy()
        assert {vm.name for vm in client.find("vm").childEntity} == before
    print(f"\nseed {SEED}, {steps} steps: {dict(sorted(year.counts.items()))}")
    return year


def test_short_year(simulator: Simulator, plugin: Plugin, new_terraform: NewTerraform) -> None:
    year = _run_year(simulator, plugin, new_terraform, steps=12)

    assert year.counts["agreed without another apply"] >= 5
    assert year.counts["reported by a plan"] >= 3
    assert sessions_of_ours(simulator) == 0


@pytest.mark.long
def test_long_year(simulator: Simulator, plugin: Plugin, new_terraform: NewTerraform) -> None:
    """The test takes half an hour. INSTANT_CLONE_CASES sets the number of steps, from 500 to 2000."""
    steps = max(500, min(int(os.environ.get("INSTANT_CLONE_CASES") or 500), 2000))

    year = _run_year(simulator, plugin, new_terraform, steps=steps)

    assert year.counts["agreed without another apply"] >= steps // 3
    assert year.counts["adopted"] > 0
