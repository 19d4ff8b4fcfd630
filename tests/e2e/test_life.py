# SPDX-License-Identifier: MPL-2.0
"""How a fleet lives: members and sources come and go, and nothing happens to the clones that are not meant.

docs/life.md tells users; test_life_page.py runs each command that it names.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pyVmomi import vim

from testkit.clone_stack import source_of
from testkit.fleets import Wish, address, fleet_document
from tests.conftest import StartSimulator
from tests.e2e.conftest import Bench, NewTerraform, Plugin
from tests.vcsim.client import Client, extra_config, result

pytestmark = pytest.mark.attached


def _wish(bench: Bench, source: str, *members: str, generation: int = 1) -> Wish:
    return Wish(source_of(bench.simulator, source), frozenset(members), generation)


def _apply(bench: Bench, wishes: dict[str, Wish], *options: str, **arguments: Any) -> dict[str, str]:
    """What an apply of the wishes changed."""
    bench.terraform.write(fleet_document(bench.release, wishes, **arguments))
    return bench.terraform.apply(*options).changes


def _planned(bench: Bench, wishes: dict[str, Wish], **arguments: Any) -> dict[str, str]:
    bench.terraform.write(fleet_document(bench.release, wishes, **arguments))
    return bench.terraform.plan()


@pytest.mark.parametrize("leaving", [0, 1, 2], ids=["first", "middle", "last"])
def test_a_member_of_any_index_goes_and_comes_back_and_the_others_are_left_alone(bench: Bench, leaving: int) -> None:
    names = [f"any-{leaving}-{index}" for index in range(3)]
    whole = {"web": _wish(bench, "golden", *names)}
    _apply(bench, whole)
    others = [name for name in names if name != names[leaving]]
    before = {name: bench.simulator.vm(name).moid for name in others}

    gone = _apply(bench, {"web": _wish(bench, "golden", *others)})
    back = _apply(bench, whole)

    assert gone == {address("web", names[leaving]): "delete"}
    assert back == {address("web", names[leaving]): "create"}
    assert {name: bench.simulator.vm(name).moid for name in others} == before
    assert bench.methods(*before.values()) == []
    assert bench.terraform.plan() == {}


def test_a_source_comes_and_goes_with_its_clones_and_those_of_the_other_are_left_alone(bench: Bench) -> None:
    first, second = _wish(bench, "golden", "own-0", "own-1"), _wish(bench, "silver", "other-0", "other-1")
    _apply(bench, {"one": first})

    come = _apply(bench, {"one": first, "two": second})
    gone = _apply(bench, {"one": first})

    assert come == {address("two", "other-0"): "create", address("two", "other-1"): "create"}
    assert gone == {address("two", "other-0"): "delete", address("two", "other-1"): "delete"}
    assert bench.methods("own-0", "own-1") == []


def test_the_only_source_gives_way_to_another(bench: Bench) -> None:
    _apply(bench, {"one": _wish(bench, "golden", "way-0")})

    changes = _apply(bench, {"two": _wish(bench, "silver", "way-0")})

    assert changes == {address("one", "way-0"): "delete", address("two", "way-0"): "create"}
    assert bench.terraform.plan() == {}


def test_a_name_moves_from_one_source_to_another_within_one_apply(bench: Bench) -> None:
    _apply(bench, {"one": _wish(bench, "golden", "a-0", "a-1"), "two": _wish(bench, "silver", "a-2")})
    left_alone = [bench.simulator.vm(name).moid for name in ("a-0", "a-2")]
    moved = bench.simulator.vm("a-1").moid

    changes = _apply(bench, {"one": _wish(bench, "golden", "a-0"), "two": _wish(bench, "silver", "a-1", "a-2")})

    assert changes == {address("one", "a-1"): "delete", address("two", "a-1"): "create"}
    assert bench.simulator.vm("a-1").moid != moved
    assert bench.methods(moved) == ["ShutdownGuest", "Destroy_Task"]
    assert bench.methods(*left_alone, bench.simulator.vm("a-1").moid) == []
    assert bench.terraform.plan() == {}


def test_one_thing_at_a_time_a_name_may_take_a_second_apply_to_move(bench: Bench) -> None:
    """Terraform may begin with the new clone, and then nothing ends the old one meanwhile."""
    _apply(bench, {"one": _wish(bench, "golden", "single"), "two": _wish(bench, "silver", "double")})
    bench.terraform.write(
        fleet_document(
            bench.release, {"one": _wish(bench, "golden", "double"), "two": _wish(bench, "silver", "single")}
        )
    )

    first = bench.terraform.run("apply", "-parallelism=1")

    for error in first.errors:
        assert error.summary == "Name is not free yet"
        assert "If this apply is to remove it, Terraform has not come to that yet: apply again" in error.detail
    if first.errors:
        bench.terraform.apply("-parallelism=1")
    assert sorted(bench.terraform.instances()) == ["double", "single"]
    assert bench.terraform.plan() == {}


def test_another_generation_replaces_the_clones_of_its_source_alone(bench: Bench) -> None:
    one, two = _wish(bench, "golden", "gen-0", "gen-1"), _wish(bench, "silver", "gen-2")
    _apply(bench, {"one": one, "two": two})
    old, kept = [bench.simulator.vm(name).moid for name in ("gen-0", "gen-1")], bench.simulator.vm("gen-2").moid
    raised = {"one": replace(one, generation=2), "two": two}

    planned = _planned(bench, raised)
    bench.terraform.apply()

    assert planned == {address("one", "gen-0"): "replace", address("one", "gen-1"): "replace"}
    assert bench.methods(old[0]) == ["ShutdownGuest", "Destroy_Task"]
    assert bench.simulator.vm("gen-2").moid == kept
    assert bench.methods(kept, *(bench.simulator.vm(name).moid for name in ("gen-0", "gen-1"))) == []
    assert bench.terraform.plan() == {}


def test_another_vm_for_the_same_key_replaces_its_clones_alone(bench: Bench) -> None:
    one, two = _wish(bench, "golden", "vm-0"), _wish(bench, "golden", "vm-1")
    _apply(bench, {"one": one, "two": two})
    kept = bench.simulator.vm("vm-1").moid

    planned = _planned(bench, {"one": _wish(bench, "silver", "vm-0"), "two": two})
    bench.terraform.apply()

    assert planned == {address("one", "vm-0"): "replace"}
    assert bench.simulator.vm("vm-1").moid == kept
    assert bench.methods(kept) == []
    assert bench.terraform.plan() == {}


# What becomes of sources: each test has a vCenter of its own.


@pytest.fixture
def alone(start_simulator: StartSimulator, plugin: Plugin, new_terraform: NewTerraform) -> Bench:
    simulator = start_simulator("-source", "golden,silver", "-vm", 0, "-tools", "0s")
    return Bench(simulator, source_of(simulator, "golden"), plugin.release, new_terraform(simulator))


def _nest(bench: Bench) -> None:
    """The source is patched under its UUID: it gets hardware that no running VM can be given."""
    with Client(bench.simulator) as client:
        golden = client.vm("golden")
        result(golden.PowerOffVM_Task())
        result(golden.ReconfigVM_Task(vim.vm.ConfigSpec(nestedHVEnabled=True)))
        result(golden.PowerOnVM_Task())


def test_hardware_that_changes_under_the_same_uuid_is_refused_unless_clones_are_to_be_made_anew(alone: Bench) -> None:
    members = ("patched-0", "patched-1")
    _apply(alone, {"one": _wish(alone, "golden", *members), "two": _wish(alone, "silver", "whole")})
    old = [alone.simulator.vm(name).moid for name in members]
    _nest(alone)

    # As recorded before, it concerns nobody.
    assert alone.terraform.plan() == {}
    patched = {"one": _wish(alone, "golden", *members), "two": _wish(alone, "silver", "whole")}
    alone.terraform.write(fleet_document(alone.release, patched))
    refused = alone.terraform.run("plan").errors
    whole = fleet_document(alone.release, patched)
    for body in whole["resource"]["vsphere_virtual_machine"].values():
        body["instantclone"][0]["on_reboot"] = "replace"
    alone.terraform.write(whole)
    planned = alone.terraform.plan()
    alone.terraform.apply()

    assert {error.summary for error in refused} == {"Change would power-cycle or move the clone"}
    assert {error.address for error in refused} == {address("one", name) for name in members}
    assert alone.methods(*old) == ["ShutdownGuest", "Destroy_Task"] * 2
    assert {at: change for at, change in planned.items() if change == "replace"} == {
        address("one", name): "replace" for name in members
    }
    assert [alone.terraform.attributes(name)["nested_hv_enabled"] for name in (*members, "whole")] == [
        True,
        True,
        False,
    ]
    assert alone.methods("whole") == []
    assert alone.terraform.plan() == {}


def _lose_sight_of(bench: Bench, name: str) -> None:
    """The VM's host does not answer vCenter any more."""
    # The simulator takes the host's state from it alone, and lets a key that starts with SET. write a property.
    states = {f"SET.{path}runtime.connectionState": "disconnected" for path in ("", "summary.")}
    with Client(bench.simulator) as client:
        vm = client.vm(name)
        result(vm.ReconfigVM_Task(vim.vm.ConfigSpec(extraConfig=extra_config(states))))
        result(vm.runtime.host.DisconnectHost_Task())
        assert vm.runtime.connectionState == "disconnected"


@pytest.mark.parametrize("fate", ["off", "deleted", "frozen", "unreachable"])
def test_clones_live_on_whatever_becomes_of_their_source(alone: Bench, fate: str) -> None:
    wish = _wish(alone, "golden", "on-0", "on-1", "on-2")
    other = _wish(alone, "silver", "on-3")
    _apply(alone, {"one": wish, "two": other})
    if fate == "frozen":
        alone.simulator.freeze("golden")
    elif fate == "unreachable":
        _lose_sight_of(alone, "golden")
    else:
        with Client(alone.simulator) as client:
            golden = client.vm("golden")
            result(golden.PowerOffVM_Task())
            if fate == "deleted":
                result(golden.Destroy_Task())

    assert alone.terraform.plan() == {}
    assert alone.terraform.run("refresh").require().diagnostics == []
    removed = _apply(alone, {"one": replace(wish, members=frozenset({"on-0", "on-2"})), "two": other})
    grown = _apply(
        alone,
        {
            "one": replace(wish, members=frozenset({"on-0", "on-2"})),
            "two": replace(other, members=frozenset({"on-3", "on-4"})),
        },
    )

    assert removed == {address("one", "on-1"): "delete"}
    assert grown == {address("two", "on-4"): "create"}
    assert alone.methods("on-0", "on-2", "on-3") == []
    # Only a new clone needs it.
    alone.terraform.write(fleet_document(alone.release, {"one": wish, "two": other}))
    new = alone.terraform.run("plan")
    if fate == "frozen":
        assert new.require().changes == {address("one", "on-1"): "create", address("two", "on-4"): "delete"}
    else:
        assert [error.address for error in new.errors] == [address("one", "on-1")]
        # A destroy of Terraform's plans that clone too, unless told not to refresh.
        assert [error.address for error in alone.terraform.run("destroy").errors] == [address("one", "on-1")]
    alone.terraform.run("destroy", "-refresh=false").require()
    assert alone.terraform.instances() == {}
