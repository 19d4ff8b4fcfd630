# SPDX-License-Identifier: MPL-2.0
"""The vCenter requests and the diagnostics of plans with new clones."""

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


def test_makes_one_dry_run_for_all_clones_with_the_same_target(bench: Bench) -> None:
    """Different names and MAC addresses do not make different targets."""
    interfaces = machine(bench.source, bench.release)["network_interface"]
    static = {**interfaces[0], "use_static_mac": True, "mac_address": "00:50:56:3a:00:0${each.key}"}
    names = [str(index) for index in range(10)]

    plan, requests = planned(
        bench, clones(bench.source, bench.release, names, network_interface=[static, *interfaces[1:]])
    )

    assert len(plan.require().changes) == 10
    assert plan.diagnostics == []
    assert (requests[DRY_RUN], requests["FindAllByUuid"]) == (1, 1)


def test_makes_one_dry_run_for_each_target(bench: Bench) -> None:
    """A different resource pool, network, source or folder makes another target."""
    body = machine(bench.source, bench.release)
    elsewhere = [
        interface | {"network_id": "${data.vsphere_network.other.id}"} for interface in body["network_interface"]
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
        f"{kind}{number}": body | change | {"name": f"target-{kind}-{number}"}
        for kind, change in kinds.items()
        for number in range(2)
    }
    machines["silver"] = silver | {"name": "target-silver"}
    whole = document(bench.release, machines)
    whole["data"]["vsphere_network"] = {"other": {"name": "DC0_DVPG1", **IN_DATACENTER}}
    whole["data"]["vsphere_resource_pool"]["other"] = {"name": "DC0_C0/Resources/DC0_C0_RP1", **IN_DATACENTER}

    plan, requests = planned(bench, whole)

    assert len(plan.require().changes) == 9
    assert (requests[DRY_RUN], requests["FindAllByUuid"]) == (5, 2)


def test_plugin_sends_as_many_requests_for_ten_clones_as_for_one(
    bench: Bench, record_property: Callable[[str, object], None]
) -> None:
    counted = {}
    for count in (1, 10):
        plan, requests = planned(bench, clones(bench.source, bench.release, numbered("counted", count)))
        assert len(plan.require().changes) == count
        counted[count] = requests
        record_property(f"requests of a plan of {count} clones", sum(requests.values()))

    # The stock provider also checks each clone. Its checks call none of these methods.
    plugin_methods = ("CheckInstantClone_Task", "FindAllByUuid", "FindByInventoryPath", "Login", "RetrievePropertiesEx")
    assert {name: counted[1].get(name) for name in plugin_methods} == {
        name: counted[10].get(name) for name in plugin_methods
    }


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("missing", "MethodNotFound (the method requires vCenter 6.7 or later)"),
        ("forbidden", "NoPermission (the method requires the privilege System.View)"),
    ],
)
def test_plans_clones_with_one_warning_if_vcenter_refuses_dry_runs(
    start_simulator: StartSimulator, plugin: Plugin, new_terraform: NewTerraform, value: str, reason: str
) -> None:
    simulator = start_simulator("-source", "golden", "-tools", "0s", "-vm", 0)
    bench = Bench(simulator, source_of(simulator, "golden"), plugin.release, new_terraform(simulator))
    simulator.quirk("check", value)
    body = machine(bench.source, bench.release)
    pool = {"resource_pool_id": "${data.vsphere_resource_pool.other.id}"}
    machines = {name: body | {"name": name} | (pool if name == "c" else {}) for name in "abc"}
    whole = document(bench.release, machines)
    whole["data"]["vsphere_resource_pool"]["other"] = {"name": "DC0_C0/Resources/DC0_C0_RP1", **IN_DATACENTER}

    plan, requests = planned(bench, whole)

    assert len(plan.require().changes) == 3
    (warning,) = plan.diagnostics
    assert (warning.severity, warning.summary, warning.detail) == (
        "warning",
        "Dry run not available",
        "/DC0/vm/golden: vCenter could not check the clones in a dry run: CheckInstantClone_Task failed with "
        f"{reason}. vCenter checks them during the apply.",
    )
    assert requests[DRY_RUN] == 2
    bench.terraform.apply()
    assert bench.methods("a", "b", "c") == []


def test_reports_a_fault_in_the_result_of_the_dry_run_as_an_error(
    start_simulator: StartSimulator, plugin: Plugin, new_terraform: NewTerraform
) -> None:
    simulator = start_simulator("-source", "golden", "-chain-limit", 0, "-tools", "0s", "-vm", 0)
    bench = Bench(simulator, source_of(simulator, "golden"), plugin.release, new_terraform(simulator))

    plan, requests = planned(bench, clones(bench.source, bench.release, numbered("unfit", 2)))

    assert told(plan) == [("error", "vCenter would reject the clone")] * 2
    assert plan.errors[0].detail.startswith("/DC0/vm/golden: the dry run of a clone failed:\n  SystemError")
    assert "caused by GenericVmConfigFault: Unable to prepare migration." in plan.errors[0].detail
    assert requests[DRY_RUN] == 1


@pytest.mark.parametrize("at", ["call", "task"])
@pytest.mark.parametrize("fault", ["InsufficientResourcesFault", "InvalidArgument", "NoPermission", "NotSupported"])
def test_fault_of_the_dry_run_is_one_warning_and_does_not_stop_the_apply(
    bench: Bench, fault: str, at: Literal["call", "task"]
) -> None:
    """A fault in the result of the dry run is an error instead."""
    body = machine(bench.source, bench.release)
    names = numbered(f"unasked-{fault.lower()}-{at}", 3)
    # The last clone has a different folder. The clones have two targets.
    folder = {"folder": f"{fault}-{at}"}
    with Client(bench.simulator) as client:
        client.find("vm").CreateFolder(folder["folder"])
    machines = {name: body | {"name": name} | (folder if name == names[-1] else {}) for name in names}
    bench.simulator.fault(DRY_RUN, fault, times=2, at=at)

    plan, requests = planned(bench, document(bench.release, machines))

    assert len(plan.require().changes) == 3
    (warning,) = plan.diagnostics
    assert (warning.severity, warning.summary) == ("warning", "Dry run not available")
    assert f"CheckInstantClone_Task failed with {fault}" in warning.detail
    assert requests[DRY_RUN] == 2
    bench.simulator.fault(DRY_RUN, fault, times=2, at=at)
    bench.terraform.apply()
    assert bench.methods(*names[:2]) == []
    assert bench.terraform.plan() == {}
    bench.terraform.destroy()


def test_dry_run_omits_the_datastore_and_the_clone_uses_it(bench: Bench) -> None:
    """The simulator refuses a dry run with a datastore, as the API reference requires."""
    whole = clones(bench.source, bench.release, ["placed"])
    whole["data"]["vsphere_datastore"]["datastore"]["name"] = "LocalDS_1"

    plan, requests = planned(bench, whole)

    assert plan.require().diagnostics == []
    assert requests[DRY_RUN] == 1
    bench.terraform.apply()
    with Client(bench.simulator) as client:
        assert client.vm("placed").config.files.vmPathName.startswith("[LocalDS_1] ")
    bench.terraform.destroy()


def test_dry_run_omits_the_datastore_if_vcenter_accepts_one(bench: Bench) -> None:
    bench.simulator.quirk("check", "accepts-datastore")
    try:
        plan, requests = planned(bench, clones(bench.source, bench.release, ["accepted"]))
    finally:
        bench.simulator.reset_quirks("check")

    assert plan.require().diagnostics == []
    assert requests[DRY_RUN] == 1
