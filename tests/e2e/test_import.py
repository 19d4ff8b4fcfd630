# SPDX-License-Identifier: MPL-2.0
"""Import VMs into a state, and move clones to another resource address."""

from __future__ import annotations

import json
from typing import Any

import pytest

from instant_clone.ownership import OWNER_KEY
from testkit.clone_stack import clones, document, machine, source_of
from testkit.simulator import Simulator
from tests.conftest import StartSimulator
from tests.e2e.conftest import Bench, NewTerraform, Plugin
from tests.e2e.terraform import Terraform

pytestmark = pytest.mark.attached

ADDRESS = "vsphere_virtual_machine.{}"
STATE_ONLY_ATTRIBUTES = {
    *("extra_config", "extra_config_reboot_required", "imported", "instantclone", "wait_for_guest_net_timeout"),
    *("disk", "replace_trigger"),
    # The stock provider imports the interfaces in the order of vCenter's device list.
    "network_interface",
}
"""attributes that a plan after an import may change in the state; the VM already has their values"""


@pytest.fixture(scope="module")
def import_vcenter(start_simulator: StartSimulator) -> Simulator:
    """Start a vCenter. Clones of golden get another device order and German labels, and report no disk fields.

    Clones of plain are not affected.
    """
    simulator = start_simulator(
        *("-source", "golden,plain", "-layout", "golden=two-controllers", "-layout", "plain=two-controllers"),
        *("-vm", 0, "-tools", "0s"),
    )
    for quirk, value in (("device-order", "reversed"), ("device-labels", "de"), ("delta-fields", "unset")):
        simulator.quirk(quirk, value, vm="golden")
    return simulator


@pytest.fixture(params=["golden", "plain"])
def bench_and_options(
    request: pytest.FixtureRequest, import_vcenter: Simulator, plugin: Plugin, new_terraform: NewTerraform
) -> tuple[Bench, dict[str, str]]:
    """Return a bench for each source, and the extra_config of a clone of a fleet."""
    bench = Bench(
        import_vcenter, source_of(import_vcenter, request.param), plugin.release, new_terraform(import_vcenter)
    )
    return bench, {OWNER_KEY: f"owner/web/${{each.key}}/{bench.source.uuid}/1", "guestinfo.hostname": "${each.key}"}


def _names(request: pytest.FixtureRequest) -> list[str]:
    base = "-".join(word for word in request.node.name.replace("[", "-").replace("]", "").split("_")[-2:])
    return [f"{base.replace('.', '')[-40:]}-{number}" for number in range(2)]


def _changed(terraform: Terraform) -> dict[str, set[str]]:
    """Return the attributes that a plan changes, by resource address."""
    terraform.run("plan", "-out=saved").require()
    shown = json.loads(terraform.run("show", "-json", "saved").require().stdout)
    return {
        each["address"]: {
            name
            for name, value in each["change"]["after"].items()
            if value != each["change"]["before"].get(name) or each["change"]["after_unknown"].get(name)
        }
        for each in shown["resource_changes"]
        if each["change"]["actions"] != ["no-op"]
    }


@pytest.mark.parametrize("method", ["command", "blocks", "one-block"])
def test_imported_clones_of_a_fleet_change_only_in_the_state(
    bench_and_options: tuple[Bench, dict[str, str]],
    new_terraform: NewTerraform,
    request: pytest.FixtureRequest,
    method: str,
) -> None:
    bench, extra = bench_and_options
    names = _names(request)
    whole = clones(bench.source, bench.release, names, extra_config=extra)
    bench.terraform.write(whole)
    bench.terraform.apply()
    before = {name: bench.terraform.attributes(name) for name in names}
    other = new_terraform(bench.simulator)
    if method == "command":
        other.write(whole)
        for name in names:
            other.run("import", "-input=false", f'{ADDRESS.format("vm")}["{name}"]', f"/DC0/vm/{name}").require()
        for state in (other.attributes(name) for name in names):
            assert [disk["label"] for disk in state["disk"]] == ["disk0", "disk1", "disk2", "disk3"]
            assert [each["source_uuid"] for each in state["instantclone"]] == [bench.source.uuid]
    elif method == "blocks":
        imports = [{"to": f'{ADDRESS.format("vm")}["{name}"]', "id": f"/DC0/vm/{name}"} for name in names]
        other.write({**whole, "import": imports})
    else:
        each = {"to": f"{ADDRESS.format('vm')}[each.key]", "id": "/DC0/vm/${each.key}"}
        other.write({**whole, "import": [{"for_each": {name: name for name in names}, **each}]})

    changed = _changed(other)
    applied = other.apply()

    assert {name for attributes in changed.values() for name in attributes} <= STATE_ONLY_ATTRIBUTES
    assert applied.diagnostics == []
    assert bench.methods(*names) == []
    assert other.plan() == {}
    after = {name: other.attributes(name) for name in names}
    left_out = ("reboot_required", "change_version", "moid")
    for name in names:
        same = {key: value for key, value in before[name].items() if key not in left_out}
        assert {key: after[name][key] for key in same} == same


def test_vm_without_a_marker_imports_as_with_the_stock_provider(
    bench_and_options: tuple[Bench, dict[str, str]], new_terraform: NewTerraform, request: pytest.FixtureRequest
) -> None:
    """The import does not recognize the VM as a clone. The plan adds the block instantclone to the state of the VM."""
    bench, _ = bench_and_options
    names = _names(request)
    whole = clones(bench.source, bench.release, names)
    bench.terraform.write(whole)
    bench.terraform.apply()
    other = new_terraform(bench.simulator)
    other.write(whole)
    for name in names:
        other.run("import", "-input=false", f'{ADDRESS.format("vm")}["{name}"]', f"/DC0/vm/{name}").require()
    assert [other.attributes(name)["instantclone"] for name in names] == [[], []]
    assert [each.summary for each in other.run("plan").require().diagnostics] == ["Imported VM has no marker"] * 2

    changed = _changed(other)
    other.apply()

    assert {name for attributes in changed.values() for name in attributes} <= STATE_ONLY_ATTRIBUTES
    assert bench.methods(*names) == []
    assert [other.attributes(name)["instantclone"][0]["source_uuid"] for name in names] == [bench.source.uuid] * 2
    assert other.plan() == {}


def test_plan_after_an_import_shows_real_differences(
    bench_and_options: tuple[Bench, dict[str, str]], new_terraform: NewTerraform, request: pytest.FixtureRequest
) -> None:
    bench, extra = bench_and_options
    hot, cold = _names(request)
    bench.terraform.write(clones(bench.source, bench.release, [hot, cold], extra_config=extra))
    bench.terraform.apply()
    other = new_terraform(bench.simulator)

    def configuration(**changes: dict[str, Any]) -> dict[str, Any]:
        machines = {}
        for key, name in (("hot", hot), ("cold", cold)):
            options = {name_: value.replace("${each.key}", name) for name_, value in extra.items()}
            body = machine(bench.source, bench.release, name=name, extra_config=options)
            machines[key] = body | changes.get(key, {})
        return document(bench.release, machines)

    other.write(configuration(hot={"num_cpus": 4}, cold={"nested_hv_enabled": True}))
    for key, name in (("hot", hot), ("cold", cold)):
        other.run("import", "-input=false", ADDRESS.format(key), f"/DC0/vm/{name}").require()

    (refused,) = other.run("plan").errors
    assert (refused.summary, refused.address) == ("Change requires reboot or move", ADDRESS.format("cold"))
    other.write(configuration(hot={"num_cpus": 4}))
    assert "num_cpus" in _changed(other)[ADDRESS.format("hot")]
    other.apply()
    assert (bench.methods(hot), bench.methods(cold)) == (["ReconfigVM_Task"], [])
    assert other.plan() == {}


def test_moved_block_changes_clone_addresses(
    bench_and_options: tuple[Bench, dict[str, str]], request: pytest.FixtureRequest
) -> None:
    bench, extra = bench_and_options
    first, second = _names(request)
    bench.terraform.write(clones(bench.source, bench.release, [first, second], extra_config=extra))
    bench.terraform.apply()
    body = clones(bench.source, bench.release, [first, second], extra_config=extra)
    machines = body["resource"]["vsphere_virtual_machine"]
    machines["web"] = machines.pop("vm")
    body["moved"] = [{"from": ADDRESS.format("vm"), "to": ADDRESS.format("web")}]
    bench.terraform.write(body)

    planned = bench.terraform.run("plan").require()

    assert set(planned.changes.values()) <= {"move"}
    assert planned.diagnostics == []
    bench.terraform.apply()
    assert sorted(bench.terraform.instances()) == sorted([first, second])
    assert bench.methods(first, second) == []
    assert bench.terraform.plan() == {}


def test_plan_rejects_an_imported_source_or_other_clone(
    bench_and_options: tuple[Bench, dict[str, str]], request: pytest.FixtureRequest
) -> None:
    """With on_reboot = "replace", Terraform would destroy the imported VM to create the clone."""
    bench, extra_config = bench_and_options
    name, other = _names(request)
    bench.terraform.write(clones(bench.source, bench.release, [other], extra_config=extra_config))
    bench.terraform.apply()
    bench.terraform.run("state", "rm", f'vsphere_virtual_machine.vm["{other}"]').require()
    whole = clones(bench.source, bench.release, [name], extra_config=extra_config)
    whole["resource"]["vsphere_virtual_machine"]["vm"]["instantclone"][0]["on_reboot"] = "replace"
    bench.terraform.write(whole)
    errors = {}
    for wrong in (bench.source.inventory_path, f"/DC0/vm/{other}"):
        address = f'vsphere_virtual_machine.vm["{name}"]'
        bench.terraform.run("import", "-input=false", address, wrong).require()
        planned = bench.terraform.run("plan")
        errors[wrong] = [(each.summary, each.detail.partition("): ")[2].partition(". ")[0]) for each in planned.errors]
        bench.terraform.run("state", "rm", address).require()

    assert errors == {
        bench.source.inventory_path: [
            ("Another virtual machine was imported", f"the virtual machine is the source of this clone, and not {name}")
        ],
        f"/DC0/vm/{other}": [
            (
                "Another virtual machine was imported",
                f"the virtual machine is the clone {other} of the fleet web (state owner), and not {name}",
            )
        ],
    }
