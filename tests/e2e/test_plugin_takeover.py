# SPDX-License-Identifier: MPL-2.0
"""VMs that have the names of clones: left by an interruption, being replaced, or somebody else's."""

from __future__ import annotations

from typing import Any

import pytest

from instant_clone.ownership import OWNER_KEY
from testkit.clone_stack import clones, document, machine, source_of
from testkit.processes import until
from tests.e2e.conftest import Bench, NewTerraform
from tests.vcsim.client import Client, clone, result

pytestmark = pytest.mark.attached

OWNER = "5f3759df-0000-4000-8000-000000000001"


def _marked(bench: Bench, name: str, *, owner: str = OWNER, generation: int = 1, **others: Any) -> dict[str, Any]:
    """One clone that says whose it is."""
    source = others.pop("source", bench.source)
    mark = f"{owner}/web/{name}/{source.uuid}/{generation}"
    return clones(source, bench.release, [name], extra_config={OWNER_KEY: mark}, **others)


def _left_behind(bench: Bench, new_terraform: NewTerraform, name: str, **others: Any) -> str:
    """A clone that no state has, as after a crash; its managed object id."""
    other = new_terraform(bench.simulator)
    other.write(_marked(bench, name, **others))
    other.apply()
    return bench.simulator.vm(name).moid


def test_a_clone_of_this_state_that_was_left_behind_is_taken_over(bench: Bench, new_terraform: NewTerraform) -> None:
    left = _left_behind(bench, new_terraform, "mine")
    bench.terraform.write(_marked(bench, "mine"))

    applied = bench.terraform.apply()

    assert bench.simulator.vm("mine").moid == left
    assert bench.methods(left) == []
    (warning,) = [each for each in applied.diagnostics if each.summary == "Clone taken over"]
    assert warning.detail.startswith("/DC0/vm/mine (UUID ")
    assert bench.terraform.plan() == {}


def test_a_clone_that_was_there_already_is_not_removed_for_a_fault(bench: Bench, new_terraform: NewTerraform) -> None:
    """It may have run for months, and its state have been lost."""
    left = _left_behind(bench, new_terraform, "old")
    bench.terraform.write(_marked(bench, "old", annotation="since then"))
    bench.simulator.fault("ReconfigVM_Task", "SystemError", vm="old")

    ended = bench.terraform.run("apply")

    (error,) = [each for each in ended.errors if each.summary == "Clone left to the next apply"]
    uuid = error.detail.partition("UUID ")[2][:36]
    assert error.detail == (
        f"/DC0/vm/old (UUID {uuid}) was there already, but it could not be read. The clone runs and carries the mark "
        "of this state: apply again, and it is taken over."
    )
    assert bench.simulator.vm("old").moid == left
    assert bench.terraform.instances() == {}
    assert [each.summary for each in bench.terraform.apply().diagnostics] == ["Clone taken over"]
    assert bench.simulator.vm("old").moid == left
    assert bench.terraform.attributes("old")["annotation"] == "since then"
    assert bench.terraform.plan() == {}


def test_a_clone_is_taken_over_with_the_values_that_it_was_made_with(bench: Bench, new_terraform: NewTerraform) -> None:
    """A state that had the new address would call two clones by one."""
    mark = {OWNER_KEY: f"{OWNER}/web/addressed/{bench.source.uuid}/1"}
    other = new_terraform(bench.simulator)
    first = mark | {"guestinfo.ic.ipaddress": "10.0.0.1"}
    other.write(clones(bench.source, bench.release, ["addressed"], extra_config=first))
    other.apply()
    then = mark | {"guestinfo.ic.ipaddress": "10.0.0.2"}
    bench.terraform.write(clones(bench.source, bench.release, ["addressed"], extra_config=then))

    applied = bench.terraform.apply()

    assert bench.terraform.attributes("addressed")["extra_config"] == first
    assert [each.summary for each in applied.diagnostics] == ["Clone taken over", "Clone taken over as it was made"]
    assert (
        '  extra_config.guestinfo.ic.ipaddress: the configuration has "10.0.0.2", the clone "10.0.0.1".'
        in applied.diagnostics[1].detail
    )
    assert bench.methods(bench.simulator.vm("addressed").moid) == []
    # Whether the change may be made while the clone runs is another matter, and the release's.
    planned = bench.terraform.run("plan")
    assert planned.changes or [each.summary for each in planned.errors] == [
        "Change would power-cycle or move the clone"
    ]


def test_a_clone_of_this_state_that_does_not_run_is_refused(bench: Bench, new_terraform: NewTerraform) -> None:
    names = ["dead", "asleep"]
    mark = {OWNER_KEY: f"{OWNER}/web/${{each.key}}/{bench.source.uuid}/1"}
    wanted = clones(bench.source, bench.release, names, extra_config=mark)
    other = new_terraform(bench.simulator)
    other.write(wanted)
    other.apply()
    left = {name: bench.simulator.vm(name).moid for name in names}
    bench.terraform.write(wanted)
    with Client(bench.simulator) as client:
        result(client.vm("dead").PowerOffVM_Task())
        result(client.vm("asleep").SuspendVM_Task())

        refused = bench.terraform.run("apply")

        uuids = {name: client.vm(name).config.uuid for name in names}
        assert sorted((each.severity, each.summary, each.detail) for each in refused.diagnostics) == [
            (
                "error",
                "Clone does not run",
                f"/DC0/vm/{name} (UUID {uuids[name]}) is this clone, left by an apply that was interrupted, and does "
                "not run. Remove it in vCenter, and apply again.",
            )
            for name in ("asleep", "dead")
        ]
        assert bench.terraform.instances() == {}
        assert bench.methods(*left.values()) == ["PowerOffVM_Task", "SuspendVM_Task"]
        result(client.vm("asleep").PowerOffVM_Task())
        for name in names:
            result(client.vm(name).Destroy_Task())

    applied = bench.terraform.apply()

    assert applied.diagnostics == []
    assert [bench.simulator.vm(name).power for name in names] == ["poweredOn", "poweredOn"]
    assert sorted(bench.terraform.instances()) == ["asleep", "dead"]


def test_a_name_that_is_taken_while_its_clone_is_being_made(bench: Bench) -> None:
    """As by the task of an apply that was killed, which vCenter ends meanwhile."""
    mark = f"{OWNER}/web/${{each.key}}/{bench.source.uuid}/1"
    bench.terraform.write(clones(bench.source, bench.release, ["early", "alien"], extra_config={OWNER_KEY: mark}))
    with Client(bench.simulator) as client:
        golden = client.vm("golden")
        elsewhere = client.find("vm").CreateFolder("elsewhere")
        own = {OWNER_KEY: f"{OWNER}/web/early/{bench.source.uuid}/1"}
        early = clone(golden, "early", config=own, folder=elsewhere)
        alien = clone(golden, "alien", folder=elsewhere)
        left = [early._moId, alien._moId]
        # Both requests are on their way when the names are taken.
        bench.simulator.hold("InstantClone_Task")
        with bench.terraform.start("apply") as running:
            until(lambda: len(bench.simulator.held()) == 2, "the clone tasks")
            result(client.find("vm").MoveIntoFolder_Task([early, alien]))
            bench.simulator.release()
            ended = running.finish()

    assert sorted((each.severity, each.summary) for each in ended.diagnostics) == [
        ("error", "Name is taken"),
        ("warning", "Clone taken over"),
    ]
    assert {name: each["attributes"]["moid"] for name, each in bench.terraform.instances().items()} == {
        "early": left[0]
    }
    assert bench.methods(*left) == ["MoveIntoFolder_Task", "MoveIntoFolder_Task"]


def test_a_clone_of_another_state_is_never_taken_over(bench: Bench, new_terraform: NewTerraform) -> None:
    left = _left_behind(bench, new_terraform, "theirs", owner="5f3759df-0000-4000-8000-000000000002")
    bench.terraform.write(_marked(bench, "theirs"))

    (error,) = bench.terraform.run("apply").errors

    assert error.summary == "Name is taken"
    assert "It is the clone theirs of the fleet web in another state (5f3759df-0000-4000-8000-000000000002)" in (
        error.detail
    )
    assert "terraform import ADDRESS" not in error.detail
    assert "terraform import terraform_data.owner 5f3759df-0000-4000-8000-000000000002. Otherwise " in error.detail
    assert bench.methods(left) == []


def test_a_colleague_with_an_empty_state_takes_nothing_over(bench: Bench, new_terraform: NewTerraform) -> None:
    """The owner's id is unknown then, as it is made in the same apply."""
    left = _left_behind(bench, new_terraform, "shared")
    whole = _marked(bench, "shared")
    whole["resource"]["terraform_data"] = {"owner": {}}
    mark = f"${{terraform_data.owner.id}}/web/shared/{bench.source.uuid}/1"
    whole["resource"]["vsphere_virtual_machine"]["vm"]["extra_config"] = {OWNER_KEY: mark}
    bench.terraform.write(whole)

    (error,) = bench.terraform.run("plan").errors

    assert error.summary == "Name is taken"
    assert bench.methods(left) == []


def test_a_name_that_moves_to_another_source_waits_for_the_old_clone(bench: Bench) -> None:
    silver = source_of(bench.simulator, "silver")
    before = _marked(bench, "moving")
    bench.terraform.write(before)
    bench.terraform.apply()
    first = bench.simulator.vm("moving").moid
    mark = f"{OWNER}/web/moving/{silver.uuid}/1"
    bench.terraform.write(
        document(
            bench.release, {"other": machine(silver, bench.release, name="moving", extra_config={OWNER_KEY: mark})}
        )
    )

    applied = bench.terraform.apply()

    assert applied.errors == []
    assert bench.methods(first) == ["ShutdownGuest", "Destroy_Task"]
    second = bench.simulator.vm("moving").moid
    assert second != first
    assert bench.methods(second) == []
    assert bench.terraform.plan() == {}


def test_an_address_that_is_renamed_keeps_or_remakes_its_clone_but_never_loses_it(bench: Bench) -> None:
    bench.terraform.write(_marked(bench, "renamed"))
    bench.terraform.apply()
    mark = f"{OWNER}/web/renamed/{bench.source.uuid}/1"
    bench.terraform.write(
        document(
            bench.release,
            {"other": machine(bench.source, bench.release, name="renamed", extra_config={OWNER_KEY: mark})},
        )
    )

    bench.terraform.apply()

    assert bench.simulator.vm("renamed").power == "poweredOn"
    assert bench.terraform.plan() == {}
    bench.terraform.destroy()


def test_a_clone_of_another_generation_that_was_left_behind_is_named(bench: Bench, new_terraform: NewTerraform) -> None:
    """This takes the half minute for which its destruction is waited for."""
    left = _left_behind(bench, new_terraform, "older")
    bench.terraform.write(_marked(bench, "older", generation=2))

    (error,) = bench.terraform.run("apply").errors

    assert error.summary == "Name is not free yet"
    assert f"made from the source {bench.source.uuid} in its generation 1" in error.detail
    assert bench.methods(left) == []
