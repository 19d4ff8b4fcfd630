# SPDX-License-Identifier: MPL-2.0
"""Names of new clones that are taken, and by whom."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from instant_clone.ownership import OWNER_KEY
from testkit.clone_stack import clones, document, machine, source_of
from testkit.simulator import Simulator
from tests.conftest import StartSimulator
from tests.e2e.conftest import Bench, NewTerraform, Plugin
from tests.e2e.terraform import Outcome
from tests.vcsim.client import Client, clone

pytestmark = pytest.mark.attached


@pytest.fixture(scope="module")
def own_vcenter(start_simulator: StartSimulator) -> Simulator:
    return start_simulator("-source", "golden,silver", "-tools", "0s", "-vm", 0)


@pytest.fixture
def named(own_vcenter: Simulator, plugin: Plugin, new_terraform: NewTerraform) -> Bench:
    return Bench(own_vcenter, source_of(own_vcenter, "golden"), plugin.release, new_terraform(own_vcenter))


def _planned(bench: Bench, whole: Mapping[str, Any]) -> tuple[Outcome, dict[str, int]]:
    """The plan, and the requests that it took."""
    bench.terraform.write(whole)
    bench.simulator.requests(reset=True)
    return bench.terraform.run("plan"), bench.simulator.requests()


def _with_data(whole: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A document with a terraform_data of that name, whose id stands for the state."""
    return {**whole, "resource": {**whole["resource"], "terraform_data": {name: {}}}}


def _owned(bench: Bench, names: Iterable[str], **arguments: Any) -> dict[str, Any]:
    """Clones that carry the marker of this state's fleet."""
    marker = "${terraform_data.owner.id}/web/${each.key}/" + bench.source.uuid + "/1"
    whole = clones(bench.source, bench.release, names, **{"extra_config": {OWNER_KEY: marker}} | arguments)
    return _with_data(whole, "owner")


def _owner_of(bench: Bench) -> str:
    return str(bench.terraform.instances("terraform_data")["owner"]["attributes"]["id"])


def test_a_name_in_any_case_that_somebody_else_s_vm_has(named: Bench) -> None:
    plan, _ = _planned(named, _owned(named, ["SILVER"]))

    (error,) = plan.errors
    assert error.summary == "Name is taken"
    assert "terraform import ADDRESS '/DC0/vm/SILVER'" in error.detail


def test_a_vm_with_this_state_s_marker_is_for_the_apply_to_judge(named: Bench) -> None:
    """As an apply leaves it that ended between cloning and writing the state."""
    named.terraform.write(_owned(named, ["kept"]))
    named.terraform.apply()
    marker = f"{_owner_of(named)}/web/half-made/{named.source.uuid}/1"
    with Client(named.simulator) as client:
        clone(client.vm("golden"), "half-made", config={OWNER_KEY: marker})
        clone(client.vm("golden"), "stranger", config={OWNER_KEY: f"other/web/stranger/{named.source.uuid}/1"})

    postponed, asked = _planned(named, _owned(named, ["kept", "half-made"]))
    refused, _ = _planned(named, _owned(named, ["kept", "stranger"]))

    assert postponed.require().changes == {'vsphere_virtual_machine.vm["half-made"]': "create"}
    assert postponed.diagnostics == []
    assert asked["CheckInstantClone_Task"] == 1
    (error,) = refused.errors
    assert error.summary == "Name is taken"
    assert "It is the clone stranger of the fleet web in another state (other), made from the source " in error.detail


@pytest.mark.parametrize("refresh", [(), ("-refresh=false",)], ids=["refreshed", "unrefreshed"])
def test_the_clone_that_is_replaced_does_not_stand_in_its_own_way(named: Bench, refresh: tuple[str, ...]) -> None:
    """Whether it carries a marker or not, and whatever it is replaced for."""
    silver = source_of(named.simulator, "silver")
    ways: dict[str, dict[str, Any]] = {
        "replaced": {},
        "tainted": {},
        "source": {"instantclone": [{"source_uuid": silver.uuid}]},
        "trigger": {"replace_trigger": "2"},
    }
    names = {f"{way}-{mark}-{len(refresh)}": way for way in ways for mark in ("marked", "bare")}

    def written(*, changed: bool) -> dict[str, Any]:
        machines = {}
        for name, way in names.items():
            marker = {OWNER_KEY: f"${{terraform_data.later.id}}/web/{name}/{named.source.uuid}/1"}
            extra = {"extra_config": marker} if "marked" in name else {}
            machines[name] = machine(named.source, named.release, name=name, **extra) | (ways[way] if changed else {})
        return _with_data(document(named.release, machines), "later")

    named.terraform.write(written(changed=False))
    named.terraform.apply("-parallelism=20")
    first = {name: named.simulator.vm(name).moid for name in names}
    replaced = [f"-replace=vsphere_virtual_machine.{name}" for name, way in names.items() if way == "replaced"]
    for name, way in names.items():
        if way == "tainted":
            named.terraform.run("taint", f"vsphere_virtual_machine.{name}").require()
    named.terraform.write(written(changed=True))

    applied = named.terraform.run("apply", *refresh, *replaced).require()

    assert applied.diagnostics == []
    assert applied.changes == {f"vsphere_virtual_machine.{name}": "replace" for name in names}
    assert {tuple(named.methods(moid)) for moid in first.values()} == {("ShutdownGuest", "Destroy_Task")}
    second = {name: named.simulator.vm(name).moid for name in names}
    assert set(second.values()).isdisjoint(first.values())
    assert named.methods(*second.values()) == []
    assert named.terraform.plan() == {}
