"""VMs that have the names of clones: left by an interruption, being replaced, or somebody else's."""

from __future__ import annotations

from typing import Any

from instant_clone.owner import OWNER_KEY
from tests.e2e.conftest import Bench, NewTerraform
from tests.support.clone_stack import clones, document, machine, source_of

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


def test_a_clone_of_another_state_is_never_taken_over(bench: Bench, new_terraform: NewTerraform) -> None:
    left = _left_behind(bench, new_terraform, "theirs", owner="5f3759df-0000-4000-8000-000000000002")
    bench.terraform.write(_marked(bench, "theirs"))

    (error,) = bench.terraform.run("apply").errors

    assert error.summary == "Name is taken"
    assert "It is the clone theirs of the fleet web in another state (5f3759df-0000-4000-8000-000000000002)" in (
        error.detail
    )
    assert "terraform import ADDRESS '/DC0/vm/theirs'" in error.detail
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
