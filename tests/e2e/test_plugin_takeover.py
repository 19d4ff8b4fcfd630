# SPDX-License-Identifier: MPL-2.0
"""Existing VMs with the names of new clones.

An interrupted apply has left the VM behind, the VM is being replaced, or the VM does not belong to this state.
"""

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
    """Return one clone with an owner marker."""
    source = others.pop("source", bench.source)
    mark = f"{owner}/web/{name}/{source.uuid}/{generation}"
    return clones(source, bench.release, [name], extra_config={OWNER_KEY: mark}, **others)


def _left_behind(bench: Bench, new_terraform: NewTerraform, name: str, **others: Any) -> str:
    """Create a clone that is missing from the state, as after a crash. Return its managed object id."""
    other = new_terraform(bench.simulator)
    other.write(_marked(bench, name, **others))
    other.apply()
    return bench.simulator.vm(name).moid


def test_adopts_a_clone_that_an_apply_of_this_state_has_left_behind(bench: Bench, new_terraform: NewTerraform) -> None:
    left_behind = _left_behind(bench, new_terraform, "mine")
    bench.terraform.write(_marked(bench, "mine"))

    applied = bench.terraform.apply()

    assert bench.simulator.vm("mine").moid == left_behind
    assert bench.methods(left_behind) == []
    (warning,) = [each for each in applied.diagnostics if each.summary == "Existing clone adopted"]
    assert warning.detail.startswith("/DC0/vm/mine (UUID ")
    assert bench.terraform.plan() == {}


def test_keeps_an_existing_clone_if_its_adoption_fails(bench: Bench, new_terraform: NewTerraform) -> None:
    """The clone may have run for months before its state was lost."""
    left_behind = _left_behind(bench, new_terraform, "old")
    bench.terraform.write(_marked(bench, "old", annotation="since then"))
    bench.simulator.fault("ReconfigVM_Task", "SystemError", vm="old")

    ended = bench.terraform.run("apply")

    (error,) = [each for each in ended.errors if each.summary == "Clone not added to state"]
    uuid = error.detail.partition("UUID ")[2][:36]
    assert error.detail == (
        f"/DC0/vm/old (UUID {uuid}): the clone already existed, but it could not be read. The clone is running and has "
        "the owner marker of this state. Apply again to adopt the clone."
    )
    assert bench.simulator.vm("old").moid == left_behind
    assert bench.terraform.instances() == {}
    assert [each.summary for each in bench.terraform.apply().diagnostics] == ["Existing clone adopted"]
    assert bench.simulator.vm("old").moid == left_behind
    assert bench.terraform.attributes("old")["annotation"] == "since then"
    assert bench.terraform.plan() == {}


def test_adopts_a_clone_with_the_extra_config_of_its_creation(bench: Bench, new_terraform: NewTerraform) -> None:
    """If the state contained the new address, two clones could have the same address in the state."""
    mark = {OWNER_KEY: f"{OWNER}/web/addressed/{bench.source.uuid}/1"}
    other = new_terraform(bench.simulator)
    first = mark | {"guestinfo.ic.ipaddress": "10.0.0.1"}
    other.write(clones(bench.source, bench.release, ["addressed"], extra_config=first))
    other.apply()
    then = mark | {"guestinfo.ic.ipaddress": "10.0.0.2"}
    bench.terraform.write(clones(bench.source, bench.release, ["addressed"], extra_config=then))

    applied = bench.terraform.apply()

    assert bench.terraform.attributes("addressed")["extra_config"] == first
    assert [each.summary for each in applied.diagnostics] == [
        "Existing clone adopted",
        "Adopted clone differs from configuration",
    ]
    assert (
        '  extra_config.guestinfo.ic.ipaddress: the configuration has "10.0.0.2", the clone has "10.0.0.1".'
        in applied.diagnostics[1].detail
    )
    assert bench.methods(bench.simulator.vm("addressed").moid) == []
    # The release determines whether the change requires a power cycle, which the plan rejects.
    planned = bench.terraform.run("plan")
    assert planned.changes or [each.summary for each in planned.errors] == ["Change requires reboot or move"]


def test_rejects_a_clone_of_this_state_that_does_not_run(bench: Bench, new_terraform: NewTerraform) -> None:
    names = ["dead", "asleep"]
    mark = {OWNER_KEY: f"{OWNER}/web/${{each.key}}/{bench.source.uuid}/1"}
    wanted = clones(bench.source, bench.release, names, extra_config=mark)
    other = new_terraform(bench.simulator)
    other.write(wanted)
    other.apply()
    left_behind = {name: bench.simulator.vm(name).moid for name in names}
    bench.terraform.write(wanted)
    with Client(bench.simulator) as client:
        result(client.vm("dead").PowerOffVM_Task())
        result(client.vm("asleep").SuspendVM_Task())

        refused = bench.terraform.run("apply")

        uuids = {name: client.vm(name).config.uuid for name in names}
        assert sorted((each.severity, each.summary, each.detail) for each in refused.diagnostics) == [
            (
                "error",
                "Clone is not running",
                f"/DC0/vm/{name} (UUID {uuids[name]}): an interrupted apply created this clone, and it is not running. "
                "Delete it in vCenter and apply again.",
            )
            for name in ("asleep", "dead")
        ]
        assert bench.terraform.instances() == {}
        assert bench.methods(*left_behind.values()) == ["PowerOffVM_Task", "SuspendVM_Task"]
        result(client.vm("asleep").PowerOffVM_Task())
        for name in names:
            result(client.vm(name).Destroy_Task())

    applied = bench.terraform.apply()

    assert applied.diagnostics == []
    assert [bench.simulator.vm(name).power for name in names] == ["poweredOn", "poweredOn"]
    assert sorted(bench.terraform.instances()) == ["asleep", "dead"]


def test_adopts_or_rejects_a_vm_that_gets_the_name_during_the_clone_request(bench: Bench) -> None:
    """For example, vCenter completes the clone task of a killed apply at that time."""
    mark = f"{OWNER}/web/${{each.key}}/{bench.source.uuid}/1"
    bench.terraform.write(clones(bench.source, bench.release, ["early", "alien"], extra_config={OWNER_KEY: mark}))
    with Client(bench.simulator) as client:
        golden = client.vm("golden")
        elsewhere = client.find("vm").CreateFolder("elsewhere")
        marker = {OWNER_KEY: f"{OWNER}/web/early/{bench.source.uuid}/1"}
        early = clone(golden, "early", config=marker, folder=elsewhere)
        alien = clone(golden, "alien", folder=elsewhere)
        left_behind = [early._moId, alien._moId]
        # vCenter has received both clone requests when the other VMs get the names.
        bench.simulator.hold("InstantClone_Task")
        with bench.terraform.start("apply") as running:
            until(lambda: len(bench.simulator.held()) == 2, "the clone tasks")
            result(client.find("vm").MoveIntoFolder_Task([early, alien]))
            bench.simulator.release()
            ended = running.finish()

    assert sorted((each.severity, each.summary) for each in ended.diagnostics) == [
        ("error", "Name already in use"),
        ("warning", "Existing clone adopted"),
    ]
    assert {name: each["attributes"]["moid"] for name, each in bench.terraform.instances().items()} == {
        "early": left_behind[0]
    }
    assert bench.methods(*left_behind) == ["MoveIntoFolder_Task", "MoveIntoFolder_Task"]


def test_never_adopts_a_clone_of_another_state(bench: Bench, new_terraform: NewTerraform) -> None:
    left_behind = _left_behind(bench, new_terraform, "theirs", owner="5f3759df-0000-4000-8000-000000000002")
    bench.terraform.write(_marked(bench, "theirs"))

    (error,) = bench.terraform.run("apply").errors

    assert error.summary == "Name already in use"
    assert "It is the clone theirs of the fleet web in another state (5f3759df-0000-4000-8000-000000000002)" in (
        error.detail
    )
    assert "terraform import ADDRESS" not in error.detail
    assert "terraform import terraform_data.owner 5f3759df-0000-4000-8000-000000000002. Then apply " in error.detail
    assert bench.methods(left_behind) == []


def test_adopts_no_clone_into_an_empty_state(bench: Bench, new_terraform: NewTerraform) -> None:
    """The owner id is unknown in the plan, because the same apply creates it."""
    left_behind = _left_behind(bench, new_terraform, "shared")
    whole = _marked(bench, "shared")
    whole["resource"]["terraform_data"] = {"owner": {}}
    mark = f"${{terraform_data.owner.id}}/web/shared/{bench.source.uuid}/1"
    whole["resource"]["vsphere_virtual_machine"]["vm"]["extra_config"] = {OWNER_KEY: mark}
    bench.terraform.write(whole)

    (error,) = bench.terraform.run("plan").errors

    assert error.summary == "Name already in use"
    assert bench.methods(left_behind) == []


def test_waits_for_the_old_clone_if_its_name_moves_to_another_source(bench: Bench) -> None:
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


def test_renamed_resource_address_never_loses_its_clone(bench: Bench) -> None:
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


def test_error_names_a_clone_of_another_generation_that_was_left_behind(
    bench: Bench, new_terraform: NewTerraform
) -> None:
    """The test takes half a minute, because the apply waits that long for the destruction of the old clone."""
    left_behind = _left_behind(bench, new_terraform, "older")
    bench.terraform.write(_marked(bench, "older", generation=2))

    (error,) = bench.terraform.run("apply").errors

    assert error.summary == "Name is still in use"
    assert f"(source {bench.source.uuid}, generation 1)" in error.detail
    assert bench.methods(left_behind) == []
