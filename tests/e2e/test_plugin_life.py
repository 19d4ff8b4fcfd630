# SPDX-License-Identifier: MPL-2.0
"""Create clones, add clones, and destroy all clones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from testkit.clone_stack import clones, document, machine
from tests.e2e.conftest import Bench
from tests.vcsim.client import Client, disks, nics, result

pytestmark = pytest.mark.attached

NAMES = ["life-0", "life-1"]
MORE = [*NAMES, "life-2"]


@pytest.fixture
def client(bench: Bench) -> Iterator[Client]:
    with Client(bench.simulator) as client:
        yield client


def _files(vm: Any) -> list[str]:
    return [vm.config.files.vmPathName, *(disk.backing.fileName for disk in disks(vm))]


def _extra_config(vm: Any) -> dict[str, str]:
    return {option.key: option.value for option in vm.config.extraConfig}


def test_creates_keeps_adds_and_destroys_clones(bench: Bench, client: Client) -> None:
    terraform = bench.terraform
    terraform.write(clones(bench.source, bench.release, NAMES))
    before = bench.methods("golden")

    applied = terraform.apply()

    assert applied.changes == {
        'vsphere_virtual_machine.vm["life-0"]': "create",
        'vsphere_virtual_machine.vm["life-1"]': "create",
    }
    assert applied.diagnostics == []
    assert sorted(terraform.instances()) == NAMES
    assert [bench.simulator.vm(name).power for name in NAMES] == ["poweredOn", "poweredOn"]
    assert bench.methods("golden") == [*before, "InstantClone_Task", "InstantClone_Task"]
    assert terraform.plan() == {}

    terraform.write(clones(bench.source, bench.release, MORE))
    assert terraform.apply().changes == {'vsphere_virtual_machine.vm["life-2"]': "create"}
    assert terraform.plan() == {}
    assert bench.methods(*MORE) == []

    files = [file for name in MORE for file in _files(client.vm(name))]
    assert len(files) == 9
    assert all(client.has_file(file) for file in files)
    terraform.destroy()
    assert terraform.instances() == {}
    assert [client.vm(name) for name in MORE] == [None, None, None]
    assert [file for file in files if client.has_file(file)] == []
    assert bench.methods("life-0") == ["ShutdownGuest", "Destroy_Task"]


def test_clones_have_unique_uuids_and_mac_addresses(bench: Bench, client: Client) -> None:
    source = client.vm("golden")
    bench.terraform.write(clones(bench.source, bench.release, ["own-0", "own-1"]))
    bench.terraform.apply()

    states = [bench.terraform.attributes(name) for name in ("own-0", "own-1")]
    uuids = {source.config.uuid, *(state["uuid"] for state in states)}
    addresses = {
        *(interface.macAddress for interface in nics(source)),
        *(state["network_interface"][0]["mac_address"] for state in states),
    }
    assert (len(uuids), len(addresses)) == (3, 3)
    assert [state["network_interface"][0]["use_static_mac"] for state in states] == [False, False]


def test_keeps_a_static_mac_address(bench: Bench) -> None:
    interfaces = machine(bench.source, bench.release)["network_interface"]
    static = {**interfaces[0], "use_static_mac": True, "mac_address": "00:50:56:3f:00:01"}
    bench.terraform.write(
        clones(bench.source, bench.release, ["static-0"], network_interface=[static, *interfaces[1:]])
    )

    bench.terraform.apply()

    assert bench.terraform.attributes("static-0")["network_interface"][0]["mac_address"] == "00:50:56:3f:00:01"
    assert bench.terraform.plan() == {}
    assert bench.methods("static-0") == []


def test_sets_extra_config_of_the_clone_only(bench: Bench, client: Client) -> None:
    given = {"guestinfo.ic.hostname": "${each.key}", "guestinfo.ic.index": "7"}
    bench.terraform.write(clones(bench.source, bench.release, ["extra-0"], extra_config=given))

    bench.terraform.apply()

    found = _extra_config(client.vm("extra-0"))
    assert {key: found.get(key) for key in given} == {"guestinfo.ic.hostname": "extra-0", "guestinfo.ic.index": "7"}
    assert bench.terraform.plan() == {}
    assert bench.methods("extra-0") == []
    assert set(given).isdisjoint(_extra_config(client.vm("golden")))


def test_creates_clones_together_with_other_resources_of_the_stock_provider(bench: Bench, client: Client) -> None:
    """The configuration also contains a folder, a resource pool and variables.

    The ids of the folder and of the resource pool are unknown in the plan.
    """
    body = machine(
        bench.source,
        bench.release,
        name="${var.prefix}-0",
        folder="${vsphere_folder.clones.path}",
        resource_pool_id="${vsphere_resource_pool.clones.id}",
        extra_config={"guestinfo.ic.folder": "${vsphere_folder.clones.id}"},
        instantclone=[{"source_uuid": "${data.vsphere_virtual_machine.source.id}", "timeout": "${var.minutes}"}],
    )
    whole = document(
        bench.release,
        {"vm": body},
        variable={"prefix": {"type": "string"}, "minutes": {"type": "number", "default": 3}},
    )
    in_datacenter = "${data.vsphere_datacenter.datacenter.id}"
    whole["data"]["vsphere_virtual_machine"] = {"source": {"name": "golden", "datacenter_id": in_datacenter}}
    whole["resource"] |= {
        "vsphere_folder": {"clones": {"path": "beside", "type": "vm", "datacenter_id": in_datacenter}},
        "vsphere_resource_pool": {
            "clones": {
                "name": "beside",
                "parent_resource_pool_id": "${data.vsphere_resource_pool.pool.id}",
            }
        },
    }
    bench.terraform.write({key: value for key, value in whole.items() if value})

    applied = bench.terraform.run("apply", TF_VAR_prefix="beside").require()

    assert applied.changes == {
        "vsphere_folder.clones": "create",
        "vsphere_resource_pool.clones": "create",
        "vsphere_virtual_machine.vm": "create",
    }
    assert client.vm("beside/beside-0") is not None
    assert bench.terraform.attributes("vm")["instantclone"] == [
        {"source_uuid": bench.source.uuid, "timeout": 3, "on_reboot": None}
    ]
    assert bench.terraform.run("plan", TF_VAR_prefix="beside").require().changes == {}
    assert bench.methods("beside-0") == []
    bench.terraform.run("destroy", TF_VAR_prefix="beside").require()
    assert client.vm("beside") is None


def test_refresh_changes_nothing(bench: Bench) -> None:
    bench.terraform.write(clones(bench.source, bench.release, ["refreshed"]))
    bench.terraform.apply()
    before = bench.terraform.instances()["refreshed"]

    refreshed = bench.terraform.run("refresh").require()

    after = bench.terraform.instances()["refreshed"]
    assert refreshed.diagnostics == []
    assert after["attributes"] == before["attributes"]
    assert bench.methods("refreshed") == []


def test_every_plan_warns_of_clones_that_do_not_run(bench: Bench, client: Client) -> None:
    names = ["off-0", "off-1", "on-0"]
    bench.terraform.write(clones(bench.source, bench.release, names))
    bench.terraform.apply()
    result(client.vm("off-0").PowerOffVM_Task())
    result(client.vm("off-1").SuspendVM_Task())

    planned = bench.terraform.run("plan").require()

    assert planned.changes == {}
    warnings = {each.detail.partition(".")[0]: each for each in planned.diagnostics}
    uuids = {name: bench.terraform.attributes(name)["uuid"] for name in names}
    suspended = "suspended" if "power_state" in bench.terraform.attributes("off-1") else "powered off"
    assert warnings.keys() == {
        f"off-0 (UUID {uuids['off-0']}): the clone is powered off",
        f"off-1 (UUID {uuids['off-1']}): the clone is {suspended}",
    }
    assert {(each.severity, each.summary) for each in warnings.values()} == {("warning", "Clone is not running")}

    replaced = bench.terraform.apply("-replace", 'vsphere_virtual_machine.vm["off-0"]')

    assert replaced.changes == {'vsphere_virtual_machine.vm["off-0"]': "replace"}
    assert bench.simulator.vm("off-0").power == "poweredOn"
