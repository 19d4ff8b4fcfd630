# SPDX-License-Identifier: MPL-2.0
"""What a plan of new clones asks vCenter, and what it says before anything is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import pytest
from pyVmomi import vim

from instant_clone.owner import OWNER_KEY
from testkit.clone_stack import clones, document, machine, source_of
from tests.conftest import StartSimulator
from tests.e2e.conftest import Bench, NewTerraform, Plugin
from tests.e2e.terraform import Outcome
from tests.vcsim.client import Client

IN_DATACENTER = {"datacenter_id": "${data.vsphere_datacenter.datacenter.id}"}
DRY_RUN = "CheckInstantClone_Task"
LATER: dict[str, Any] = {"terraform_data": {"later": {}}}
AFTER = {"depends_on": ["terraform_data.later"]}
"""of a data source: read in the apply"""


def _all(document: Mapping[str, Any], **more: Mapping[str, Any]) -> dict[str, Any]:
    """A document with more data sources or resources, by "data" and "resource"."""
    return {**document, **{kind: {**document.get(kind, {}), **added} for kind, added in more.items()}}


def _planned(bench: Bench, whole: Mapping[str, Any], *arguments: str) -> tuple[Outcome, dict[str, int]]:
    """The plan, and the requests that it took."""
    bench.terraform.write(whole)
    bench.simulator.requests(reset=True)
    return bench.terraform.run("plan", *arguments), bench.simulator.requests()


def _names(prefix: str, count: int) -> list[str]:
    return [f"{prefix}-{index}" for index in range(count)]


def _told(outcome: Outcome) -> list[tuple[str, str]]:
    return [(each.severity, each.summary) for each in outcome.diagnostics]


# --- the dry run -------------------------------------------------------------------------------------------------


def test_one_dry_run_stands_for_all_clones_of_one_target(bench: Bench) -> None:
    """Names and addresses of their own make no other target."""
    interfaces = machine(bench.source, bench.release)["network_interface"]
    static = {**interfaces[0], "use_static_mac": True, "mac_address": "00:50:56:3a:00:0${each.key}"}
    names = [str(index) for index in range(10)]

    plan, asked = _planned(
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

    plan, asked = _planned(bench, whole)

    assert len(plan.require().changes) == 9
    assert (asked[DRY_RUN], asked["FindAllByUuid"]) == (5, 2)


def test_a_clone_more_costs_the_plan_no_request_of_the_plugin_s(
    bench: Bench, record_property: Callable[[str, object], None]
) -> None:
    counted = {}
    for count in (1, 10):
        plan, asked = _planned(bench, clones(bench.source, bench.release, _names("counted", count)))
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

    plan, asked = _planned(bench, whole)

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

    plan, asked = _planned(bench, clones(bench.source, bench.release, _names("unfit", 2)))

    assert _told(plan) == [("error", "vCenter would refuse the clone")] * 2
    assert plan.errors[0].detail.startswith("A dry run of cloning /DC0/vm/golden ended with:\n  GenericVmConfigFault")
    assert asked[DRY_RUN] == 1


@pytest.mark.parametrize("at", ["call", "task"])
@pytest.mark.parametrize("fault", ["InsufficientResourcesFault", "InvalidArgument", "NoPermission", "NotSupported"])
def test_a_fault_of_the_dry_run_is_one_warning_and_the_apply_goes_on(
    bench: Bench, fault: str, at: Literal["call", "task"]
) -> None:
    """As against a fault that its result lists."""
    own = machine(bench.source, bench.release)
    names = _names(f"unasked-{fault.lower()}-{at}", 3)
    # Two targets: the folder is another one.
    folder = {"folder": f"{fault}-{at}"}
    with Client(bench.simulator) as client:
        client.find("vm").CreateFolder(folder["folder"])
    machines = {name: own | {"name": name} | (folder if name == names[-1] else {}) for name in names}
    bench.simulator.fault(DRY_RUN, fault, times=2, at=at)

    plan, asked = _planned(bench, document(bench.release, machines))

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

    plan, asked = _planned(bench, whole)

    assert plan.require().diagnostics == []
    assert asked[DRY_RUN] == 1
    bench.terraform.apply()
    with Client(bench.simulator) as client:
        assert client.vm("placed").config.files.vmPathName.startswith("[LocalDS_1] ")
    bench.terraform.destroy()


def test_a_vcenter_that_takes_a_datastore_is_asked_about_none_either(bench: Bench) -> None:
    bench.simulator.quirk("check", "accepts-datastore")

    plan, asked = _planned(bench, clones(bench.source, bench.release, ["accepted"]))

    assert plan.require().diagnostics == []
    assert asked[DRY_RUN] == 1
    bench.simulator.reset_quirks("check")


# --- what is not known yet ---------------------------------------------------------------------------------------


def _with_unknown(bench: Bench, what: str, name: str) -> dict[str, Any]:
    """A clone of which one thing becomes known in the apply."""
    body = machine(bench.source, bench.release, name=name)
    data: dict[str, Any] = {}
    if what == "source":
        data = {"vsphere_virtual_machine": {"later": {"name": "golden", **IN_DATACENTER, **AFTER}}}
        body["instantclone"] = [{"source_uuid": "${data.vsphere_virtual_machine.later.id}"}]
    elif what == "pool":
        data = {"vsphere_resource_pool": {"pool": {"name": "DC0_C0/Resources", **IN_DATACENTER, **AFTER}}}
    elif what == "network":
        data = {"vsphere_network": {"later": {"name": "DC0_DVPG1", **IN_DATACENTER, **AFTER}}}
        body["network_interface"] = [
            interface | {"network_id": "${data.vsphere_network.later.id}"} for interface in body["network_interface"]
        ]
    elif what == "folder":
        body["folder"] = "${terraform_data.later.id}-${terraform_data.later.id}"
    return _all(document(bench.release, {"vm": body}), resource=LATER, data=data)


@pytest.mark.parametrize("what", ["source", "pool", "network", "folder"])
def test_what_is_unknown_until_the_apply_postpones_the_dry_run(bench: Bench, what: str) -> None:
    plan, asked = _planned(bench, _with_unknown(bench, what, f"later-{what}"))

    assert plan.require().changes["vsphere_virtual_machine.vm"] == "create"
    assert plan.diagnostics == []
    assert DRY_RUN not in asked
    if what == "folder":
        # There never is one: now the apply says so, and nothing was made.
        (error,) = bench.terraform.run("apply").errors
        assert error.detail.startswith("vCenter has no folder /DC0/vm/")
        with pytest.raises(KeyError):
            bench.simulator.vm("later-folder")
    else:
        bench.terraform.apply()
        assert bench.methods(f"later-{what}") == []
        assert bench.terraform.plan() == {}


def test_what_the_plan_could_not_check_the_apply_does_before_it_clones(bench: Bench) -> None:
    whole = _with_unknown(bench, "source", "unchecked")
    whole["resource"]["vsphere_virtual_machine"]["vm"]["nested_hv_enabled"] = True
    bench.terraform.write(whole)
    assert bench.terraform.run("plan").code == 0

    (error,) = bench.terraform.run("apply").errors

    assert error.summary == "Configuration would power-cycle the clone"
    with pytest.raises(KeyError):
        bench.simulator.vm("unchecked")


def test_unknown_values_of_extra_config_postpone_nothing(bench: Bench) -> None:
    """The owner's id at the first deploy."""
    extra = {OWNER_KEY: "${terraform_data.later.id}/web/marked/" + bench.source.uuid + "/1"}
    body = machine(bench.source, bench.release, name="marked", extra_config=extra)

    plan, asked = _planned(bench, _all(document(bench.release, {"vm": body}), resource=LATER))

    assert plan.require().diagnostics == []
    assert asked[DRY_RUN] == 1
    body["nested_hv_enabled"] = True
    refused, _ = _planned(bench, _all(document(bench.release, {"vm": body}), resource=LATER))
    assert [error.summary for error in refused.errors] == ["Configuration would power-cycle the clone"]


def test_a_folder_of_the_same_plan_may_be_missing_yet(bench: Bench) -> None:
    folders = {
        "outer": {"path": "outer", "type": "vm", **IN_DATACENTER},
        "inner": {"path": "${vsphere_folder.outer.path}/inner", "type": "vm", **IN_DATACENTER},
    }
    body = machine(bench.source, bench.release, name="inside", folder="${vsphere_folder.inner.path}")

    plan, asked = _planned(bench, _all(document(bench.release, {"vm": body}), resource={"vsphere_folder": folders}))

    assert len(plan.require().changes) == 3
    assert plan.diagnostics == []
    assert asked[DRY_RUN] == 1
    bench.terraform.apply()
    with Client(bench.simulator) as client:
        assert client.vm("outer/inner/inside") is not None
    assert bench.terraform.plan() == {}
    bench.terraform.destroy()


# --- where it does not fit ---------------------------------------------------------------------------------------


def test_a_folder_that_nobody_makes(bench: Bench) -> None:
    plan, asked = _planned(bench, clones(bench.source, bench.release, _names("homeless", 2), folder="no/where"))

    assert _told(plan) == [("warning", "No such folder yet")]
    assert plan.diagnostics[0].detail == (
        "vCenter has no VM folder no/where in the datacenter of the resource pool, and this provider configuration "
        "makes none. The apply will fail unless there is one by then: make it, or let a resource vsphere_folder make "
        "it and refer to its path here (create_folder in the fleet file)."
    )
    assert DRY_RUN not in asked
    for error in bench.terraform.run("apply").errors:
        assert error.detail.startswith("vCenter has no folder /DC0/vm/")
    with pytest.raises(KeyError):
        bench.simulator.vm("homeless-0")


def test_a_pool_of_other_hosts(bench: Bench) -> None:
    whole = clones(bench.source, bench.release, ["abroad"])
    whole["data"]["vsphere_resource_pool"]["pool"]["name"] = "DC0_H0/Resources"

    plan, _ = _planned(bench, whole)

    (error,) = plan.errors
    assert "/DC0/vm/golden: it runs on the host DC0_C0_H" in error.detail
    assert "which is not of the cluster of the resource pool Resources (resgroup-" in error.detail
    assert error.detail.endswith("A clone starts on its source's host: name a resource pool of its cluster.")


def test_a_datastore_that_the_source_s_host_lacks(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "lonely").mkdir()
    with Client(bench.simulator) as client:
        elsewhere = client.find("host/DC0_H0/DC0_H0").configManager.datastoreSystem
        datastore = elsewhere.CreateLocalDatastore(name="lonely", path=str(tmp_path / "lonely"))
        identifier, host = datastore._moId, client.vm("golden").runtime.host.name
    whole = clones(bench.source, bench.release, ["adrift"])
    whole["data"]["vsphere_datastore"]["datastore"]["name"] = "lonely"

    plan, asked = _planned(bench, whole)

    (error,) = plan.errors
    assert error.detail == (
        f"datastore lonely ({identifier}): the host {host} of the source /DC0/vm/golden does not have it. "
        "A clone starts on the host of its source. Name a datastore of that host."
    )
    assert DRY_RUN not in asked


def test_another_host_than_the_source_s(bench: Bench) -> None:
    whole = clones(bench.source, bench.release, ["moved"], host_system_id="${data.vsphere_host.other.id}")
    with Client(bench.simulator) as client:
        own = client.vm("golden").runtime.host.name
        other = next(name for name in ("DC0_C0_H0", "DC0_C0_H1", "DC0_C0_H2") if name != own)

    plan, _ = _planned(bench, _all(whole, data={"vsphere_host": {"other": {"name": other, **IN_DATACENTER}}}))

    (error,) = plan.errors
    assert error.summary == "Clone would be moved"
    assert error.detail.endswith(
        "A clone starts on its source's host and shares memory with it there only: leave host_system_id out."
    )


def test_the_source_s_host_by_name_is_no_move(bench: Bench) -> None:
    whole = clones(bench.source, bench.release, ["at-home"], host_system_id="${data.vsphere_host.own.id}")
    with Client(bench.simulator) as client:
        own = client.vm("golden").runtime.host.name
    bench.terraform.write(_all(whole, data={"vsphere_host": {"own": {"name": own, **IN_DATACENTER}}}))

    bench.terraform.apply()

    assert bench.methods("at-home") == []
    assert bench.terraform.plan() == {}


def test_a_network_that_the_source_s_host_lacks(bench: Bench) -> None:
    with Client(bench.simulator) as client:
        host = client.vm("golden").runtime.host
        host.configManager.networkSystem.AddPortGroup(
            vim.host.PortGroup.Specification(
                name="elsewhere", vlanId=0, vswitchName="vSwitch0", policy=vim.host.NetworkPolicy()
            )
        )
    interfaces = machine(bench.source, bench.release)["network_interface"]
    wanted = [interfaces[0] | {"network_id": "${data.vsphere_network.elsewhere.id}"}]
    whole = clones(bench.source, bench.release, ["offline"], network_interface=wanted)

    plan, _ = _planned(
        bench, _all(whole, data={"vsphere_network": {"elsewhere": {"name": "elsewhere", **IN_DATACENTER}}})
    )

    (error,) = plan.errors
    assert "The host of /DC0/vm/golden has no network network-" in error.detail
    assert error.detail.endswith("A clone starts on its source's host: name a network of that host.")
