# SPDX-License-Identifier: MPL-2.0
"""What the keys of fleets.toml become in Terraform's JSON."""

from __future__ import annotations

from pathlib import Path

import pytest

from instant_clone.errors import FleetFileError, InstantCloneError
from instant_clone.fleet import Source, StateSettings
from tests.instant_clone.replica.replica_layouts import IDE, default, disk, two_controllers
from tests.stacks.conftest import fleet, machine, synthesize


@pytest.mark.parametrize("stack", ["dynamic", "static"])
def test_a_datastore_cluster_tags_custom_attributes_and_ignored_changes(stack: str) -> None:
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


def test_networks_and_mac_addresses_follow_the_sources_interfaces() -> None:
    networks = ({"mac": "00:50:56:20:00:00"}, {"network": "backup"})
    sources = (Source(vm="golden", members="3"),)
    stack = synthesize(fleet(networks=networks, sources=sources), source=two_controllers())["web"]
    assert stack["locals"]["vm_members"] == {"web-3": {"mac": "00:50:56:20:00:03"}}
    first, second = machine(stack)["network_interface"]
    assert (first["use_static_mac"], first["mac_address"]) == (True, "${each.value.mac}")
    assert first["network_id"] == "dvportgroup-12"
    assert second["network_id"] == "${data.vsphere_network.backup.id}"
    assert "use_static_mac" not in second


def test_an_old_release_gets_them_in_the_order_of_the_pci_units() -> None:
    # The source's second interface has the lower unit.
    networks = ({"mac": "00:50:56:20:00:00"}, {"network": "backup"})
    source = two_controllers().model_copy(update={"cdroms": ()})
    stack = synthesize(fleet(networks=networks), source=source, release="2.5.1")["web"]
    first, second = machine(stack)["network_interface"]
    assert (first["adapter_type"], first["network_id"]) == ("e1000e", "${data.vsphere_network.backup.id}")
    assert (second["adapter_type"], second["network_id"]) == ("vmxnet3", "dvportgroup-12")
    assert second["mac_address"] == "${each.value.mac}"
    assert stack["locals"]["vm_members"] == {"web-0": {"mac": "00:50:56:20:00:00"}}


def test_the_sources_mac_address_is_the_same_for_all_clones() -> None:
    made = fleet(networks=({"mac": "source"},), allow_duplicate_macs=True)
    stack = synthesize(made)["web"]
    assert stack["locals"]["vm_members"] == {"web-0": {}}
    assert machine(stack)["network_interface"][0]["mac_address"] == "00:50:56:80:00:01"


def test_an_address_plan_reaches_the_guests() -> None:
    made = fleet(
        sources=(Source(vm="golden", members="0-1"),),
        networks=({"cidr": "192.168.0.0/24", "first": "192.168.0.10", "gateway": "192.168.0.1"},),
        guestinfo={"guestinfo.ip": "{ip}/{prefix} via {gateway}"},
    )
    stack = synthesize(made)["web"]
    assert stack["locals"]["vm_members"] == {"web-0": {"ip": "192.168.0.10"}, "web-1": {"ip": "192.168.0.11"}}
    assert machine(stack)["extra_config"]["guestinfo.ip"] == "${each.value.ip}/24 via 192.168.0.1"


def test_each_source_has_its_own_generation() -> None:
    sources = (
        Source(key="a", vm="golden", members="0", generation=2),
        Source(key="b", vm="golden", members="1"),
    )
    stack = synthesize(fleet(sources=sources))["web"]
    assert machine(stack, "a")["replace_trigger"] == "2"
    assert "replace_trigger" not in machine(stack, "b")


def test_a_comment_says_where_the_values_come_from() -> None:
    assert machine(synthesize(fleet())["web"])["//"]["about"] == (
        "instant clones of /DC0/vm/golden-0, see sources/web.json"
    )


def test_any_backend_of_terraform_keeps_the_state() -> None:
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


def test_a_local_state_is_found_from_the_synthesized_stack() -> None:
    state = StateSettings(arguments={"path": "elsewhere/{fleet}/state", "workspace_dir": "workspaces"})
    assert synthesize(fleet("web"), state=state)["web"]["terraform"]["backend"] == {
        "local": {"path": "../../../elsewhere/web/state", "workspace_dir": "../../../workspaces"}
    }


def test_terraform_s_cloud_is_a_block_of_its_own() -> None:
    state = StateSettings(backend="cloud", arguments={"workspaces": {"name": "clones-{fleet}"}})
    terraform = synthesize(fleet("web"), state=state)["web"]["terraform"]
    assert terraform["cloud"] == {"workspaces": {"name": "clones-web"}}
    assert "backend" not in terraform


def test_a_fleet_that_does_not_fit_its_source_is_an_error_before_anything_is_written() -> None:
    with pytest.raises(FleetFileError) as caught:
        synthesize(fleet(changes={"memory": 2048}), fleet("ci", changes={"memory": 1024}))
    assert [finding.where for finding in caught.value.findings] == [
        "[fleets.web.changes] memory",
        "[fleets.ci.changes] memory",
    ]
    assert not list(Path("cdktf.out").rglob("*.json"))


def test_disks_that_no_controller_can_take_are_an_error() -> None:
    on_ide = default(controllers=IDE, disks=(disk("ide", unit=1),))
    with pytest.raises(FleetFileError) as caught:
        synthesize(fleet(changes={"disks": ({"size": 5},)}), source=on_ide)
    assert str(caught.value) == (
        "[[fleets.web.changes.disks]]: do not fit the source /DC0/vm/golden-0: its first disk is on an IDE "
        "controller, which takes none while the VM runs. Add them to the source."
    )


def test_findings_of_both_kinds_come_together() -> None:
    with pytest.raises(InstantCloneError) as caught:
        synthesize(fleet(changes={"memory": 2048}), source=default(template=True))
    assert type(caught.value) is InstantCloneError
    assert [finding.where for finding in caught.value.findings] == [
        "[fleets.web.changes] memory",
        "/DC0/vm/golden-0",
    ]


@pytest.mark.parametrize("stack", ["dynamic", "static"])
@pytest.mark.parametrize(("on_reboot", "told"), [("error", {}), ("replace", {"on_reboot": "replace"})])
def test_on_reboot_stands_in_the_block_unless_it_is_the_default(
    stack: str, on_reboot: str, told: dict[str, str]
) -> None:
    block = machine(synthesize(fleet(stack=stack, on_reboot=on_reboot))["web"])["instantclone"]
    assert {key: value for key, value in block.items() if key == "on_reboot"} == told


@pytest.mark.parametrize("stack", ["dynamic", "static"])
def test_added_memory_is_reserved_where_all_of_the_sources_is(stack: str) -> None:
    source = default()
    locked = source.memory.model_copy(update={"reservation_locked_to_max": True, "hot_add_enabled": True})
    grown = fleet(stack=stack, changes={"memory": 16384})

    made = machine(synthesize(grown, source=source.model_copy(update={"memory": locked}))["web"])

    assert (made["memory"], made["memory_reservation"]) == (16384, 16384)
    free = machine(synthesize(grown, source=source)["web"])
    assert free["memory"] == 16384
    assert free.get("memory_reservation") != 16384
