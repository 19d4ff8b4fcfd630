# SPDX-License-Identifier: MPL-2.0
"""Move more members from one source to another than Terraform has parallel workers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from testkit.clone_stack import source_of
from testkit.fleets import Wish, fleet_document
from tests.conftest import StartSimulator
from tests.e2e.agreement import disagreements
from tests.e2e.conftest import NewTerraform, Plugin
from tests.vcsim.client import Client

MOVING = frozenset(f"moved-{index:02d}" for index in range(14))


@pytest.mark.long
@pytest.mark.parametrize("parallelism", ["10", "64"])
def test_moves_all_members_to_another_source(
    start_simulator: StartSimulator, plugin: Plugin, new_terraform: NewTerraform, parallelism: str
) -> None:
    """Each clone is pinned. Terraform destroys the pin before it destroys the clone.

    With the default -parallelism, new clones that wait for the destruction of old clones may occupy all workers of
    Terraform. A clone that stops waiting releases its worker, and a second apply completes the move.
    """
    simulator = start_simulator("-source", "golden,silver", "-vm", 0, "-tools", "0s")
    terraform = new_terraform(simulator)
    desired = {
        "web": Wish(source_of(simulator, "golden"), MOVING),
        "lab": Wish(source_of(simulator, "silver"), frozenset({"stays"})),
    }
    terraform.write(fleet_document(plugin.release, desired, pinned=True, annotation="fleet"))
    terraform.apply()
    staying = simulator.vm("stays").moid
    desired = {
        "web": replace(desired["web"], members=frozenset()),
        "lab": replace(desired["lab"], members=MOVING | {"stays"}),
    }
    terraform.write(fleet_document(plugin.release, desired, pinned=True, annotation="fleet"))

    moved = terraform.run("apply", f"-parallelism={parallelism}")

    assert {each.summary for each in moved.errors} <= {"Name is still in use"}
    assert all("increase -parallelism" in each.detail for each in moved.errors)
    assert len(moved.errors) <= (6 if parallelism == "10" else 0)
    terraform.apply()
    with Client(simulator) as client:
        assert (
            disagreements(desired, terraform, client, others={"golden", "golden-off", "silver"}, annotation="fleet")
            == {}
        )
    assert simulator.vm("stays").moid == staying
    assert terraform.plan() == {}
