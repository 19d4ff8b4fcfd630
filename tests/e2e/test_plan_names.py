# SPDX-License-Identifier: MPL-2.0
"""Plans of new clones with names that other VMs already have."""

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
def names_vcenter(start_simulator: StartSimulator) -> Simulator:
    return start_simulator("-source", "golden,silver", "-tools", "0s", "-vm", 0)


@pytest.fixture
def name_bench(names_vcenter: Simulator, plugin: Plugin, new_terraform: NewTerraform) -> Bench:
    return Bench(names_vcenter, source_of(names_vcenter, "golden"), plugin.release, new_terraform(names_vcenter))


def _planned(bench: Bench, whole: Mapping[str, Any]) -> tuple[Outcome, dict[str, int]]:
    """Return the outcome of the plan, and the number of its requests by method."""
    bench.terraform.write(whole)
    bench.simulator.requests(reset=True)
    return bench.terraform.run("plan"), bench.simulator.requests()


def _with_data(whole: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the document with a terraform_data resource of that name. The id of the resource identifies the state."""
    return {**whole, "resource": {**whole["resource"], "terraform_data": {name: {}}}}


def _owned(bench: Bench, names: Iterable[str], **arguments: Any) -> dict[str, Any]:
    """Return clones with the owner marker of this state's fleet."""
    marker = "${terraform_data.owner.id}/web/${each.key}/" + bench.source.uuid + "/1"
    whole = clones(bench.source, bench.release, names, **{"extra_config": {OWNER_KEY: marker}} | arguments)
    return _with_data(whole, "owner")


def _owner_of(bench: Bench) -> str:
    return str(bench.terraform.instances("terraform_data")["owner"]["attributes"]["id"])


def test_rejects_the_name_of_another_vm_in_upper_or_lower_case(name_bench: Bench) -> None:
    plan, _ = _planned(name_bench, _owned(name_bench, ["SILVER"]))

    (error,) = plan.errors
    assert error.summary == "Name already in use"
    assert "terraform import ADDRESS '/DC0/vm/SILVER'" in error.detail


def test_plan_accepts_a_vm_with_the_marker_of_this_state(name_bench: Bench) -> None:
    """An apply leaves such a VM behind if the apply ends after the clone task and before the state is written."""
    name_bench.terraform.write(_owned(name_bench, ["kept"]))
    name_bench.terraform.apply()
    marker = f"{_owner_of(name_bench)}/web/half-made/{name_bench.source.uuid}/1"
    with Client(name_bench.simulator) as client:
        clone(client.vm("golden"), "half-made", config={OWNER_KEY: marker})
        clone(client.vm("golden"), "stranger", config={OWNER_KEY: f"other/web/stranger/{name_bench.source.uuid}/1"})

    postponed, requests = _planned(name_bench, _owned(name_bench, ["kept", "half-made"]))
    refused, _ = _planned(name_bench, _owned(name_bench, ["kept", "stranger"]))

    assert postponed.require().changes == {'vsphere_virtual_machine.vm["half-made"]': "create"}
    assert postponed.diagnostics == []
    assert requests["CheckInstantClone_Task"] == 1
    (error,) = refused.errors
    assert error.summary == "Name already in use"
    assert (
        "It is the clone stranger of the fleet web in another state (other), created from the source " in error.detail
    )


@pytest.mark.parametrize("refresh", [(), ("-refresh=false",)], ids=["refreshed", "unrefreshed"])
def test_replaces_a_clone_that_keeps_its_name(name_bench: Bench, refresh: tuple[str, ...]) -> None:
    """The clone may have an owner marker or not. The test covers each cause of a replacement."""
    silver = source_of(name_bench.simulator, "silver")
    causes: dict[str, dict[str, Any]] = {
        "replaced": {},
        "tainted": {},
        "source": {"instantclone": [{"source_uuid": silver.uuid}]},
        "trigger": {"replace_trigger": "2"},
    }
    names = {f"{cause}-{mark}-{len(refresh)}": cause for cause in causes for mark in ("marked", "bare")}

    def written(*, changed: bool) -> dict[str, Any]:
        machines = {}
        for name, cause in names.items():
            marker = {OWNER_KEY: f"${{terraform_data.later.id}}/web/{name}/{name_bench.source.uuid}/1"}
            extra = {"extra_config": marker} if "marked" in name else {}
            machines[name] = machine(name_bench.source, name_bench.release, name=name, **extra) | (
                causes[cause] if changed else {}
            )
        return _with_data(document(name_bench.release, machines), "later")

    name_bench.terraform.write(written(changed=False))
    name_bench.terraform.apply("-parallelism=20")
    first = {name: name_bench.simulator.vm(name).moid for name in names}
    replaced = [f"-replace=vsphere_virtual_machine.{name}" for name, cause in names.items() if cause == "replaced"]
    for name, cause in names.items():
        if cause == "tainted":
            name_bench.terraform.run("taint", f"vsphere_virtual_machine.{name}").require()
    name_bench.terraform.write(written(changed=True))

    applied = name_bench.terraform.run("apply", *refresh, *replaced).require()

    assert applied.diagnostics == []
    assert applied.changes == {f"vsphere_virtual_machine.{name}": "replace" for name in names}
    assert {tuple(name_bench.methods(moid)) for moid in first.values()} == {("ShutdownGuest", "Destroy_Task")}
    second = {name: name_bench.simulator.vm(name).moid for name in names}
    assert set(second.values()).isdisjoint(first.values())
    assert name_bench.methods(*second.values()) == []
    assert name_bench.terraform.plan() == {}
