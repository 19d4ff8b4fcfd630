# SPDX-License-Identifier: MPL-2.0
"""What a plan of new clones asks vCenter, and what it says before anything is made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import pytest

from testkit.clone_stack import clones, document, machine, source_of
from tests.conftest import StartSimulator
from tests.e2e.conftest import Bench, NewTerraform, Plugin
from tests.e2e.new_clones import DRY_RUN, IN_DATACENTER, numbered, planned, told
from tests.vcsim.client import Client

pytestmark = pytest.mark.attached


def test_one_dry_run_stands_for_all_clones_of_one_target(bench: Bench) -> None:
    """Names and addresses of their own make no other target."""
    interfaces = machine(bench.source, bench.release)["network_interface"]
    static = {**interfaces[0], "use_static_mac": True, "mac_address": "00:50:56:3a:00:0${each.key}"}
    names = [str(index) for index in range(10)]

    plan, asked = planned(
        bench, clones(bench.source, bench.release, names, network_interface=[static, *interfaces[1:]])
    )

    assert len(plan.require().changes) == 10
    assert plan.diagnostics == []
    assert (asked[DRY_RUN], asked["FindAllByUuid"]) == (1, 1)


def test_each_other_target_is_one_more(bench: Bench) -> None:
    """Another pool, another network, another source, another folder."""
    own = machine(bench.source, bench.release)
    elsewhere = [
        interface | {"network_id": "${data.vsphere_network.other.id}"} for interface in own["network_interface"]
    ]
    silver = machine(source_of(bench.simulator, "silver"), bench.release)
    kinds: dict[str, dict[str, Any]] = {
        "same": {},
        "pool": {"resource_pool_id": "${data.vsphere_resource_pool.other.id}"},
        "network": {"network_interface": elsewhere},
        "folder": {"folder": "targets"},
    }
    with Client(bench.simulator) as client:
        client.find("vm").CreateFolder("targets")
    machines = {
        f"{kind}{number}": own | change | {"name": f"target-{kind}-{number}"}
        for kind, change in kinds.items()
        for number in range(2)
    }
    machines["silver"] = silver | {"name": "target-silver"}
    whole = document(bench.release, machines)
    whole["data"]["vsphere_network"] = {"other": {"name": "DC0_DVPG1", **IN_DATACENTER}}
    whole["data"]["vsphere_resource_pool"]["other"] = {"name": "DC0_C0/Resources/DC0_C0_RP1", **IN_DATACENTER}

    plan, asked = planned(bench, whole)

    assert len(plan.require().changes) == 9
    assert (asked[DRY_RUN], asked["FindAllByUuid"]) == (5, 2)


def test_a_clone_more_costs_the_plan_no_request_of_the_plugin_s(
    bench: Bench, record_property: Callable[[str, object], None]
) -> None:
    counted = {}
    for count in (1, 10):
        plan, asked = planned(bench, clones(bench.source, bench.release, numbered("counted", count)))
        assert len(plan.require().changes) == count
        counted[count] = asked
        record_property(f"requests of a plan of {count} clones", sum(asked.values()))

    # The stock provider's own checks of each clone use none of these.
    ours = ("CheckInstantClone_Task", "FindAllByUuid", "FindByInventoryPath", "Login", "RetrievePropertiesEx")
    assert {name: counted[1].get(name) for name in ours} == {name: counted[10].get(name) for name in ours}


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("missing", "MethodNotFound (the method exists since vCenter 6.7)"),
        ("forbidden", "NoPermission (the method needs the privilege System.View)"),
    ],
)
def test_without_a_dry_run_clones_are_planned_and_that_is_said_once(
    start_simulator: StartSimulator, plugin: Plugin, new_terraform: NewTerraform, value: str, why: str
) -> None:
    simulator = start_simulator("-source", "golden", "-tools", "0s", "-vm", 0)
    bench = Bench(simulator, source_of(simulator, "golden"), plugin.release, new_terraform(simulator))
    simulator.quirk("check", value)
    own = machine(bench.source, bench.release)
    pool = {"resource_pool_id": "${data.vsphere_resource_pool.other.id}"}
    machines = {name: own | {"name": name} | (pool if name == "c" else {}) for name in "abc"}
    whole = document(bench.release, machines)
    whole["data"]["vsphere_resource_pool"]["other"] = {"name": "DC0_C0/Resources/DC0_C0_RP1", **IN_DATACENTER}

    plan, asked = planned(bench, whole)

    assert len(plan.require().changes) == 3
    (warning,) = plan.diagnostics
    assert (warning.severity, warning.summary, warning.detail) == (
        "warning",
        "No dry run",
        "vCenter could not be asked whether clones can be made before they are: CheckInstantClone_Task answers with "
        f"{why}. The apply will show.",
    )
    assert asked[DRY_RUN] == 2
    bench.terraform.apply()
    assert bench.methods("a", "b", "c") == []


def test_what_the_dry_run_says_is_an_error(
    start_simulator: StartSimulator, plugin: Plugin, new_terraform: NewTerraform
) -> None:
    simulator = start_simulator("-source", "golden", "-chain-limit", 0, "-tools", "0s", "-vm", 0)
    bench = Bench(simulator, source_of(simulator, "golden"), plugin.release, new_terraform(simulator))

    plan, asked = planned(bench, clones(bench.source, bench.release, numbered("unfit", 2)))

    assert told(plan) == [("error", "vCenter would refuse the clone")] * 2
    assert plan.errors[0].detail.startswith("A dry run of cloning /DC0/vm/golden ended with:\n  GenericVmConfigFault")
    assert asked[DRY_RUN] == 1


@pytest.mark.parametrize("at", ["call", "task"])
@pytest.mark.parametrize("fault", ["InsufficientResourcesFault", "InvalidArgument", "NoPermission", "NotSupported"])
def test_a_fault_of_the_dry_run_is_one_warning_and_the_apply_goes_on(
    bench: Bench, fault: str, at: Literal["call", "task"]
) -> None:
    """As against a fault that its result lists."""
    own = machine(bench.source, bench.release)
    names = numbered(f"unasked-{fault.lower()}-{at}", 3)
    # Two targets: the folder is another one.
    folder = {"folder": f"{fault}-{at}"}
    with Client(bench.simulator) as client:
        client.find("vm").CreateFolder(folder["folder"])
    machines = {name: own | {"name": name} | (folder if name == names[-1] else {}) for name in names}
    bench.simulator.fault(DRY_RUN, fault, times=2, at=at)

    plan, asked = planned(bench, document(bench.release, machines))

    assert len(plan.require().changes) == 3
    (warning,) = plan.diagnostics
    assert (warning.severity, warning.summary) == ("warning", "No dry run")
    assert f"CheckInstantClone_Task answers with {fault}" in warning.detail
    assert asked[DRY_RUN] == 2
    bench.simulator.fault(DRY_RUN, fault, times=2, at=at)
    bench.terraform.apply()
    assert bench.methods(*names[:2]) == []
    assert bench.terraform.plan() == {}
    bench.terraform.destroy()


def test_a_dry_run_is_asked_about_no_datastore_and_the_clone_gets_it(bench: Bench) -> None:
    """The simulator refuses a dry run with a datastore, as the API reference says."""
    whole = clones(bench.source, bench.release, ["placed"])
    whole["data"]["vsphere_datastore"]["datastore"]["name"] = "LocalDS_1"

    plan, asked = planned(bench, whole)

    assert plan.require().diagnostics == []
    assert asked[DRY_RUN] == 1
    bench.terraform.apply()
    with Client(bench.simulator) as client:
        assert client.vm("placed").config.files.vmPathName.startswith("[LocalDS_1] ")
    bench.terraform.destroy()


def test_a_vcenter_that_takes_a_datastore_is_asked_about_none_either(bench: Bench) -> None:
    bench.simulator.quirk("check", "accepts-datastore")
    try:
        plan, asked = planned(bench, clones(bench.source, bench.release, ["accepted"]))
    finally:
        bench.simulator.reset_quirks("check")

    assert plan.require().diagnostics == []
    assert asked[DRY_RUN] == 1
