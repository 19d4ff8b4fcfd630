# SPDX-License-Identifier: MPL-2.0
"""Tests of the JSON that the keys of fleets.toml produce."""

from __future__ import annotations

from pathlib import Path

import pytest

from instant_clone.errors import FleetFileError, InstantCloneError
from instant_clone.fleet import Source, StateSettings
from tests.instant_clone.replica.replica_layouts import IDE, default, disk, two_controllers
from tests.stacks.conftest import fleet, machine, synthesize


@pytest.mark.parametrize("stack", ["dynamic", "static"])
def test_writes_datastore_cluster_tags_custom_attributes_and_ignore_changes(stack: str) -> None:
    made = synthesize(
        fleet(
            stack=stack,
            datastore=None,
            datastore_cluster="DC0_POD0",
            tags=("environment/lab",),
            custom_attributes={"team": "ci"},
            ignore_changes=("memory_share_level",),
        )
    )["web"]
    vm = machine(made)
    assert vm["datastore_cluster_id"] == "${data.vsphere_datastore_cluster.datastore_cluster.id}"
    assert "datastore_id" not in vm
    assert vm["tags"] == ["${data.vsphere_tag.environment_lab.id}"]
    assert vm["custom_attributes"] == {"${data.vsphere_custom_attribute.team.id}": "ci"}
    assert vm["lifecycle"] == {"ignore_changes": ["memory_share_level"]}


def test_networks_and_mac_addresses_follow_the_order_of_interfaces() -> None:
    networks = ({"mac": "00:50:56:20:00:00"}, {"network": "backup"})
    sources = (Source(vm="golden", members="3"),)
    stack = synthesize(fleet(networks=networks, sources=sources), source=two_controllers())["web"]
    assert stack["locals"]["vm_members"] == {"web-3": {"mac": "00:50:56:20:00:03"}}
    first, second = machine(stack)["network_interface"]
    assert (first["use_static_mac"], first["mac_address"]) == (True, "${each.value.mac}")
    assert first["network_id"] == "dvportgroup-12"
    assert second["network_id"] == "${data.vsphere_network.backup.id}"
    assert "use_static_mac" not in second


def test_networks_follow_the_order_of_pci_units_in_old_releases() -> None:
    # The source's second interface has the lower unit.
    networks = ({"mac": "00:50:56:20:00:00"}, {"network": "backup"})
    source = two_controllers().model_copy(update={"cdroms": ()})
    stack = synthesize(fleet(networks=networks), source=source, release="2.5.1")["web"]
    first, second = machine(stack)["network_interface"]
    assert (first["adapter_type"], first["network_id"]) == ("e1000e", "${data.vsphere_network.backup.id}")
    assert (second["adapter_type"], second["network_id"]) == ("vmxnet3", "dvportgroup-12")
    assert second["mac_address"] == "${each.value.mac}"
    assert stack["locals"]["vm_members"] == {"web-0": {"mac": "00:50:56:20:00:00"}}


def test_mac_source_gives_all_clones_the_source_address() -> None:
    made = fleet(networks=({"mac": "source"},), allow_duplicate_macs=True)
    stack = synthesize(made)["web"]
    assert stack["locals"]["vm_members"] == {"web-0": {}}
    assert machine(stack)["network_interface"][0]["mac_address"] == "00:50:56:80:00:01"


def test_guestinfo_contains_the_address_plan() -> None:
    made = fleet(
        sources=(Source(vm="golden", members="0-1"),),
        networks=({"cidr": "192.168.0.0/24", "first": "192.168.0.10", "gateway": "192.168.0.1"},),
        guestinfo={"guestinfo.ip": "{ip}/{prefix} via {gateway}"},
    )
    stack = synthesize(made)["web"]
    assert stack["locals"]["vm_members"] == {"web-0": {"ip": "192.168.0.10"}, "web-1": {"ip": "192.168.0.11"}}
    assert machine(stack)["extra_config"]["guestinfo.ip"] == "${each.value.ip}/24 via 192.168.0.1"


def test_generation_is_per_source() -> None:
    sources = (
        Source(key="a", vm="golden", members="0", generation=2),
        Source(key="b", vm="golden", members="1"),
    )
    stack = synthesize(fleet(sources=sources))["web"]
    assert machine(stack, "a")["replace_trigger"] == "2"
    assert "replace_trigger" not in machine(stack, "b")


def test_comment_names_source_and_record() -> None:
    assert machine(synthesize(fleet())["web"])["//"]["about"] == (
        "instant clones of /DC0/vm/golden-0, see sources/web.json"
    )


def test_writes_any_terraform_backend() -> None:
    state = StateSettings(
        backend="s3",
        arguments={"bucket": "states", "key": "{fleet}.tfstate", "assume_role": {"role_arn": "${x}"}, "encrypt": True},
    )
    assert synthesize(fleet("web"), state=state)["web"]["terraform"]["backend"] == {
        "s3": {
            "bucket": "states",
            "key": "web.tfstate",
            "assume_role": {"role_arn": "$${x}"},
            "encrypt": True,
        }
    }


def test_local_state_path_is_relative_to_the_stack_folder() -> None:
    state = StateSettings(arguments={"path": "elsewhere/{fleet}/state", "workspace_dir": "workspaces"})
    assert synthesize(fleet("web"), state=state)["web"]["terraform"]["backend"] == {
        "local": {"path": "../../../elsewhere/web/state", "workspace_dir": "../../../workspaces"}
    }


def test_cloud_backend_is_a_cloud_block() -> None:
    state = StateSettings(backend="cloud", arguments={"workspaces": {"name": "clones-{fleet}"}})
    terraform = synthesize(fleet("web"), state=state)["web"]["terraform"]
    assert terraform["cloud"] == {"workspaces": {"name": "clones-web"}}
    assert "backend" not in terraform


def test_rejects_fleets_incompatible_with_their_source_before_any_output() -> None:
    with pytest.raises(FleetFileError) as caught:
        synthesize(fleet(changes={"memory": 2048}), fleet("ci", changes={"memory": 1024}))
    assert [finding.where for finding in caught.value.findings] == [
        "[fleets.web.changes] memory",
        "[fleets.ci.changes] memory",
    ]
    assert not list(Path("cdktf.out").rglob("*.json"))


def test_rejects_added_disks_without_a_suitable_controller() -> None:
    on_ide = default(controllers=IDE, disks=(disk("ide", unit=1),))
    with pytest.raises(FleetFileError) as caught:
        synthesize(fleet(changes={"disks": ({"size": 5},)}), source=on_ide)
    assert str(caught.value) == (
        "[[fleets.web.changes.disks]]: cannot be added to clones of /DC0/vm/golden-0: its first disk is on an IDE "
        "controller, which accepts no disk while the VM runs. Add the disks to the source."
    )


def test_reports_findings_of_both_kinds_in_one_error() -> None:
    with pytest.raises(InstantCloneError) as caught:
        synthesize(fleet(changes={"memory": 2048}), source=default(template=True))
    assert type(caught.value) is InstantCloneError
    assert [finding.where for finding in caught.value.findings] == [
        "[fleets.web.changes] memory",
        "/DC0/vm/golden-0",
    ]


@pytest.mark.parametrize("stack", ["dynamic", "static"])
@pytest.mark.parametrize(("on_reboot", "expected"), [("error", {}), ("replace", {"on_reboot": "replace"})])
def test_writes_on_reboot_unless_it_is_the_default(stack: str, on_reboot: str, expected: dict[str, str]) -> None:
    block = machine(synthesize(fleet(stack=stack, on_reboot=on_reboot))["web"])["instantclone"]
    assert {key: value for key, value in block.items() if key == "on_reboot"} == expected


@pytest.mark.parametrize("stack", ["dynamic", "static"])
def test_reserves_added_memory_if_the_source_reserves_all_memory(stack: str) -> None:
    source = default()
    locked = source.memory.model_copy(update={"reservation_locked_to_max": True, "hot_add_enabled": True})
    grown = fleet(stack=stack, changes={"memory": 16384})

    made = machine(synthesize(grown, source=source.model_copy(update={"memory": locked}))["web"])

    assert (made["memory"], made["memory_reservation"]) == (16384, 16384)
    free = machine(synthesize(grown, source=source)["web"])
    assert free["memory"] == 16384
    assert free.get("memory_reservation") != 16384
