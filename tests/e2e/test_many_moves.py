# SPDX-License-Identifier: MPL-2.0
"""More members go from one source to another than Terraform has hands."""

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
def test_members_that_all_move_at_once(
    start_simulator: StartSimulator, plugin: Plugin, new_terraform: NewTerraform, parallelism: str
) -> None:
    """Each is pinned, and its pin has to go before it can.

    By default all of Terraform's hands may hold new clones that wait for old ones to go. Those that give up make room
    for the others, and another apply ends it.
    """
    simulator = start_simulator("-source", "golden,silver", "-vm", 0, "-tools", "0s")
    terraform = new_terraform(simulator)
    wishes = {
        "web": Wish(source_of(simulator, "golden"), MOVING),
        "lab": Wish(source_of(simulator, "silver"), frozenset({"stays"})),
    }
    terraform.write(fleet_document(plugin.release, wishes, pinned=True, annotation="fleet"))
    terraform.apply()
    stays = simulator.vm("stays").moid
    wishes = {
        "web": replace(wishes["web"], members=frozenset()),
        "lab": replace(wishes["lab"], members=MOVING | {"stays"}),
    }
    terraform.write(fleet_document(plugin.release, wishes, pinned=True, annotation="fleet"))

    moved = terraform.run("apply", f"-parallelism={parallelism}")

    assert {each.summary for each in moved.errors} <= {"Name is not free yet"}
    assert all("a higher -parallelism" in each.detail for each in moved.errors)
    assert len(moved.errors) <= (6 if parallelism == "10" else 0)
    terraform.apply()
    with Client(simulator) as client:
        assert (
            disagreements(wishes, terraform, client, others={"golden", "golden-off", "silver"}, annotation="fleet")
            == {}
        )
    assert simulator.vm("stays").moid == stays
    assert terraform.plan() == {}
