# SPDX-License-Identifier: MPL-2.0
"""Add, remove and replace members and sources of a fleet. Clones that are not affected do not change.

docs/life.md describes these changes for users. test_life_page.py runs the commands of that page.
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


def _clones_of(bench: Bench, source: str, *members: str, generation: int = 1) -> Wish:
    return Wish(source_of(bench.simulator, source), frozenset(members), generation)


def _apply(bench: Bench, desired: dict[str, Wish], *options: str, **arguments: Any) -> dict[str, str]:
    """Apply the desired clones, and return the changes by resource address."""
    bench.terraform.write(fleet_document(bench.release, desired, **arguments))
    return bench.terraform.apply(*options).changes


def _planned(bench: Bench, desired: dict[str, Wish], **arguments: Any) -> dict[str, str]:
    bench.terraform.write(fleet_document(bench.release, desired, **arguments))
    return bench.terraform.plan()


@pytest.mark.parametrize("removed_index", [0, 1, 2], ids=["first", "middle", "last"])
def test_removes_and_recreates_a_member_without_changes_to_the_others(bench: Bench, removed_index: int) -> None:
    names = [f"any-{removed_index}-{index}" for index in range(3)]
    desired = {"web": _clones_of(bench, "golden", *names)}
    _apply(bench, desired)
    others = [name for name in names if name != names[removed_index]]
    before = {name: bench.simulator.vm(name).moid for name in others}

    removed = _apply(bench, {"web": _clones_of(bench, "golden", *others)})
    recreated = _apply(bench, desired)

    assert removed == {address("web", names[removed_index]): "delete"}
    assert recreated == {address("web", names[removed_index]): "create"}
    assert {name: bench.simulator.vm(name).moid for name in others} == before
    assert bench.methods(*before.values()) == []
    assert bench.terraform.plan() == {}


def test_adds_and_removes_a_source_without_changes_to_other_clones(bench: Bench) -> None:
    first, second = _clones_of(bench, "golden", "own-0", "own-1"), _clones_of(bench, "silver", "other-0", "other-1")
    _apply(bench, {"one": first})

    added = _apply(bench, {"one": first, "two": second})
    removed = _apply(bench, {"one": first})

    assert added == {address("two", "other-0"): "create", address("two", "other-1"): "create"}
    assert removed == {address("two", "other-0"): "delete", address("two", "other-1"): "delete"}
    assert bench.methods("own-0", "own-1") == []


def test_replaces_the_only_source(bench: Bench) -> None:
    _apply(bench, {"one": _clones_of(bench, "golden", "way-0")})

    changes = _apply(bench, {"two": _clones_of(bench, "silver", "way-0")})

    assert changes == {address("one", "way-0"): "delete", address("two", "way-0"): "create"}
    assert bench.terraform.plan() == {}


def test_moves_a_name_to_another_source_in_one_apply(bench: Bench) -> None:
    _apply(bench, {"one": _clones_of(bench, "golden", "a-0", "a-1"), "two": _clones_of(bench, "silver", "a-2")})
    unchanged = [bench.simulator.vm(name).moid for name in ("a-0", "a-2")]
    moved_moid = bench.simulator.vm("a-1").moid

    changes = _apply(
        bench, {"one": _clones_of(bench, "golden", "a-0"), "two": _clones_of(bench, "silver", "a-1", "a-2")}
    )

    assert changes == {address("one", "a-1"): "delete", address("two", "a-1"): "create"}
    assert bench.simulator.vm("a-1").moid != moved_moid
    assert bench.methods(moved_moid) == ["ShutdownGuest", "Destroy_Task"]
    assert bench.methods(*unchanged, bench.simulator.vm("a-1").moid) == []
    assert bench.terraform.plan() == {}


def test_sequential_apply_can_require_a_second_apply_to_move_a_name(bench: Bench) -> None:
    """Terraform may start with the new clone. Its only worker then cannot destroy the old clone."""
    _apply(bench, {"one": _clones_of(bench, "golden", "single"), "two": _clones_of(bench, "silver", "double")})
    bench.terraform.write(
        fleet_document(
            bench.release, {"one": _clones_of(bench, "golden", "double"), "two": _clones_of(bench, "silver", "single")}
        )
    )

    first = bench.terraform.run("apply", "-parallelism=1")

    for error in first.errors:
        assert error.summary == "Name is still in use"
        assert "Terraform has not started the destroy yet: apply again" in error.detail
    if first.errors:
        bench.terraform.apply("-parallelism=1")
    assert sorted(bench.terraform.instances()) == ["double", "single"]
    assert bench.terraform.plan() == {}


def test_new_generation_replaces_only_the_clones_of_its_source(bench: Bench) -> None:
    one, two = _clones_of(bench, "golden", "gen-0", "gen-1"), _clones_of(bench, "silver", "gen-2")
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


def test_another_vm_for_a_source_key_replaces_only_the_clones_of_that_key(bench: Bench) -> None:
    one, two = _clones_of(bench, "golden", "vm-0"), _clones_of(bench, "golden", "vm-1")
    _apply(bench, {"one": one, "two": two})
    kept = bench.simulator.vm("vm-1").moid

    planned = _planned(bench, {"one": _clones_of(bench, "silver", "vm-0"), "two": two})
    bench.terraform.apply()

    assert planned == {address("one", "vm-0"): "replace"}
    assert bench.simulator.vm("vm-1").moid == kept
    assert bench.methods(kept) == []
    assert bench.terraform.plan() == {}


# Changes of sources. Each test has a separate vCenter.


@pytest.fixture
def separate_bench(start_simulator: StartSimulator, plugin: Plugin, new_terraform: NewTerraform) -> Bench:
    simulator = start_simulator("-source", "golden,silver", "-vm", 0, "-tools", "0s")
    return Bench(simulator, source_of(simulator, "golden"), plugin.release, new_terraform(simulator))


def _enable_nested_virtualization(bench: Bench) -> None:
    """Change hardware of the source that cannot change on a running VM. The source keeps its UUID."""
    with Client(bench.simulator) as client:
        golden = client.vm("golden")
        result(golden.PowerOffVM_Task())
        result(golden.ReconfigVM_Task(vim.vm.ConfigSpec(nestedHVEnabled=True)))
        result(golden.PowerOnVM_Task())


def test_plan_rejects_changed_source_hardware_unless_on_reboot_is_replace(separate_bench: Bench) -> None:
    members = ("patched-0", "patched-1")
    _apply(
        separate_bench,
        {"one": _clones_of(separate_bench, "golden", *members), "two": _clones_of(separate_bench, "silver", "whole")},
    )
    old = [separate_bench.simulator.vm(name).moid for name in members]
    _enable_nested_virtualization(separate_bench)

    # With the record that was made before the change, the plan is empty.
    assert separate_bench.terraform.plan() == {}
    patched = {
        "one": _clones_of(separate_bench, "golden", *members),
        "two": _clones_of(separate_bench, "silver", "whole"),
    }
    separate_bench.terraform.write(fleet_document(separate_bench.release, patched))
    refused = separate_bench.terraform.run("plan").errors
    configuration = fleet_document(separate_bench.release, patched)
    for body in configuration["resource"]["vsphere_virtual_machine"].values():
        body["instantclone"][0]["on_reboot"] = "replace"
    separate_bench.terraform.write(configuration)
    planned = separate_bench.terraform.plan()
    separate_bench.terraform.apply()

    assert {error.summary for error in refused} == {"Change requires reboot or move"}
    assert {error.address for error in refused} == {address("one", name) for name in members}
    assert separate_bench.methods(*old) == ["ShutdownGuest", "Destroy_Task"] * 2
    assert {at: change for at, change in planned.items() if change == "replace"} == {
        address("one", name): "replace" for name in members
    }
    assert [separate_bench.terraform.attributes(name)["nested_hv_enabled"] for name in (*members, "whole")] == [
        True,
        True,
        False,
    ]
    assert separate_bench.methods("whole") == []
    assert separate_bench.terraform.plan() == {}


def _disconnect_host_of(bench: Bench, name: str) -> None:
    """Disconnect the host of a VM from vCenter."""
    # The simulator changes only the state of the host. In extra_config, a key with the prefix SET. sets a VM property.
    states = {f"SET.{path}runtime.connectionState": "disconnected" for path in ("", "summary.")}
    with Client(bench.simulator) as client:
        vm = client.vm(name)
        result(vm.ReconfigVM_Task(vim.vm.ConfigSpec(extraConfig=extra_config(states))))
        result(vm.runtime.host.DisconnectHost_Task())
        assert vm.runtime.connectionState == "disconnected"


@pytest.mark.parametrize("change", ["off", "deleted", "frozen", "unreachable"])
def test_existing_clones_do_not_depend_on_their_source(separate_bench: Bench, change: str) -> None:
    golden_clones = _clones_of(separate_bench, "golden", "on-0", "on-1", "on-2")
    other = _clones_of(separate_bench, "silver", "on-3")
    _apply(separate_bench, {"one": golden_clones, "two": other})
    if change == "frozen":
        separate_bench.simulator.freeze("golden")
    elif change == "unreachable":
        _disconnect_host_of(separate_bench, "golden")
    else:
        with Client(separate_bench.simulator) as client:
            golden = client.vm("golden")
            result(golden.PowerOffVM_Task())
            if change == "deleted":
                result(golden.Destroy_Task())

    assert separate_bench.terraform.plan() == {}
    assert separate_bench.terraform.run("refresh").require().diagnostics == []
    removed = _apply(separate_bench, {"one": replace(golden_clones, members=frozenset({"on-0", "on-2"})), "two": other})
    grown = _apply(
        separate_bench,
        {
            "one": replace(golden_clones, members=frozenset({"on-0", "on-2"})),
            "two": replace(other, members=frozenset({"on-3", "on-4"})),
        },
    )

    assert removed == {address("one", "on-1"): "delete"}
    assert grown == {address("two", "on-4"): "create"}
    assert separate_bench.methods("on-0", "on-2", "on-3") == []
    # Only a new clone requires the source.
    separate_bench.terraform.write(fleet_document(separate_bench.release, {"one": golden_clones, "two": other}))
    new = separate_bench.terraform.run("plan")
    if change == "frozen":
        assert new.require().changes == {address("one", "on-1"): "create", address("two", "on-4"): "delete"}
    else:
        assert [error.address for error in new.errors] == [address("one", "on-1")]
        # `terraform destroy` also plans this clone, unless it runs with -refresh=false.
        assert [error.address for error in separate_bench.terraform.run("destroy").errors] == [address("one", "on-1")]
    separate_bench.terraform.run("destroy", "-refresh=false").require()
    assert separate_bench.terraform.instances() == {}
