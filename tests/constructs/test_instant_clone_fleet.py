# SPDX-License-Identifier: MPL-2.0
"""Tests of the construct for the clones of a fleet."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from cdktf import TerraformOutput, TerraformStack, TerraformVariable
from cdktf_cdktf_provider_vsphere.data_vsphere_virtual_machine import DataVsphereVirtualMachine
from cdktf_cdktf_provider_vsphere.provider import VsphereProvider
from cdktf_cdktf_provider_vsphere.virtual_machine import VirtualMachine

from constructs import instant_clone_fleet
from constructs.bindings import resource_address
from constructs.instant_clone_fleet import CloneSource, InstantCloneFleet
from constructs.placement import Placement
from instant_clone.ownership import OWNER_KEY
from instant_clone.replica import DeviceBlock, Replica, Template, assign_mac_addresses
from instant_clone.stock_provider.releases import ProviderVersion
from tests.constructs.conftest import Synthesize

HARDWARE = Replica(
    arguments={"num_cpus": 2, "guest_id": "ubuntu64Guest", "enable_logging": True},
    disks=(
        DeviceBlock({"label": "disk0", "size": 16, "unit_number": 0}),
        DeviceBlock({"label": "disk1", "size": 8, "unit_number": 1}),
    ),
    network_interfaces=(DeviceBlock({"network_id": "dvportgroup-12", "adapter_type": "vmxnet3"}),),
)
SOURCE = CloneSource(
    key="vm",
    source_uuid="0eb40835-47d3-46b7-b7f4-7eb496c06c96",
    hardware=HARDWARE,
    members={"web-0": {"ip": "10.0.0.10"}, "web-1": {"ip": "10.0.0.11"}},
    guestinfo={"guestinfo.hostname": "${each.key}", "guestinfo.ip": "${each.value.ip}"},
)


def placement(stack: TerraformStack, *, cluster: str | None = None, **values: Any) -> Placement:
    return Placement(
        stack, "placement", datacenter="DC0", datastore="LocalDS_0", resource_pool="p", cluster=cluster, **values
    )


def add_fleet(stack: TerraformStack, *sources: CloneSource, **values: Any) -> InstantCloneFleet:
    arguments: dict[str, Any] = {"name": "web", "release": ProviderVersion("2.16.1"), **values}
    if "placement" not in arguments:
        arguments["placement"] = placement(stack)
    return InstantCloneFleet(stack, "fleet", sources=sources, **arguments)


def machine(synthesized: dict[str, Any], name: str = "vm") -> dict[str, Any]:
    found: dict[str, Any] = synthesized["resource"]["vsphere_virtual_machine"][name]
    return found


def owner(vm: dict[str, Any]) -> str:
    mark: str = vm["extra_config"][OWNER_KEY]
    return mark


def with_scalars(**scalars: str | int | bool) -> CloneSource:
    return replace(SOURCE, hardware=replace(HARDWARE, arguments={**HARDWARE.arguments, **scalars}))


def test_source_becomes_one_resource_for_all_members(stack: TerraformStack, synthesize: Synthesize) -> None:
    add_fleet(stack, SOURCE, placement=placement(stack, folder="web"), timeout=5, wait_for_network=2)
    synthesized = synthesize()
    assert synthesized["locals"] == {"vm_members": {"web-0": {"ip": "10.0.0.10"}, "web-1": {"ip": "10.0.0.11"}}}
    assert synthesized["resource"] == {
        "terraform_data": {"owner": {}},
        "vsphere_virtual_machine": {
            "vm": {
                "for_each": "${local.vm_members}",
                "name": "${each.key}",
                "instantclone": {"source_uuid": "0eb40835-47d3-46b7-b7f4-7eb496c06c96", "timeout": 5},
                "resource_pool_id": "${data.vsphere_resource_pool.resource_pool.id}",
                "datastore_id": "${data.vsphere_datastore.datastore.id}",
                "folder": "web",
                "num_cpus": 2,
                "guest_id": "ubuntu64Guest",
                "enable_logging": True,
                "disk": [
                    {"label": "disk0", "size": 16, "unit_number": 0},
                    {"label": "disk1", "size": 8, "unit_number": 1},
                ],
                "network_interface": [{"network_id": "dvportgroup-12", "adapter_type": "vmxnet3"}],
                "extra_config": {
                    "guestinfo.hostname": "${each.key}",
                    "guestinfo.ip": "${each.value.ip}",
                    "guestinfo.instantclone.owner": (
                        "${terraform_data.owner.id}/web/${each.key}/0eb40835-47d3-46b7-b7f4-7eb496c06c96/1"
                    ),
                },
                "extra_config_reboot_required": False,
                "wait_for_guest_net_timeout": 2,
            }
        },
    }


def test_clones_reference_the_created_folder(stack: TerraformStack, synthesize: Synthesize) -> None:
    add_fleet(stack, SOURCE, placement=placement(stack, folder="web", create_folder=True))
    assert machine(synthesize())["folder"] == "${vsphere_folder.folder.path}"


def test_pins_each_clone_in_a_cluster(stack: TerraformStack, synthesize: Synthesize) -> None:
    add_fleet(stack, SOURCE, placement=placement(stack, cluster="DC0_C0"))
    assert synthesize()["resource"]["vsphere_drs_vm_override"] == {
        "vm": {
            "for_each": "${local.vm_members}",
            "compute_cluster_id": "${data.vsphere_compute_cluster.cluster.id}",
            "virtual_machine_id": "${vsphere_virtual_machine.vm[each.key].id}",
            "drs_enabled": False,
        }
    }


def test_outputs_map_names_to_uuids_and_addresses(stack: TerraformStack, synthesize: Synthesize) -> None:
    add_fleet(stack, SOURCE, wait_for_network=1)
    assert synthesize()["output"] == {
        "clones": {
            "description": "UUIDs of the clones, by name",
            "value": "${{for name, clone in vsphere_virtual_machine.vm : name => clone.id}}",
        },
        "addresses": {
            "description": "Addresses of the clones, by name",
            "value": "${{for name, clone in vsphere_virtual_machine.vm : name => clone.default_ip_address}}",
        },
    }


def test_has_no_addresses_output_without_wait_for_network(stack: TerraformStack, synthesize: Synthesize) -> None:
    add_fleet(stack, SOURCE)
    assert list(synthesize()["output"]) == ["clones"]


def test_each_source_becomes_a_resource_named_after_its_key(stack: TerraformStack, synthesize: Synthesize) -> None:
    other = replace(SOURCE, key="host-b", members={"web-7": {}})
    fleet = add_fleet(stack, SOURCE, other)
    synthesized = synthesize()
    assert list(fleet.virtual_machines) == ["vm", "host-b"]
    assert sorted(synthesized["resource"]["vsphere_virtual_machine"]) == ["host-b", "vm"]
    assert synthesized["locals"]["host-b_members"] == {"web-7": {}}
    assert synthesized["output"]["clones"]["value"] == (
        "${merge({for name, clone in vsphere_virtual_machine.vm : name => clone.id}, "
        "{for name, clone in vsphere_virtual_machine.host-b : name => clone.id})}"
    )


def test_source_can_have_no_clones(stack: TerraformStack, synthesize: Synthesize) -> None:
    add_fleet(stack, replace(SOURCE, members={}))
    assert synthesize()["locals"] == {"vm_members": {}}


def test_writes_cdroms_vtpm_and_ignore_changes(stack: TerraformStack, synthesize: Synthesize) -> None:
    hardware = replace(
        HARDWARE,
        cdroms=(DeviceBlock({"client_device": True}), DeviceBlock({})),
        vtpm=True,
        ignore_changes=("ide_controller_count", "disk[0].disk_sharing"),
    )
    add_fleet(stack, replace(SOURCE, hardware=hardware))
    vm = machine(synthesize())
    assert vm["cdrom"] == [{"client_device": True}, {}]
    assert vm["vtpm"] == {}
    assert vm["lifecycle"] == {"ignore_changes": ["ide_controller_count", "disk[0].disk_sharing"]}


@pytest.mark.parametrize(("release", "known"), [("2.0.2", False), ("2.2.0", False), ("2.3.0", True), ("2.16.1", True)])
def test_disables_reboot_for_extra_config_if_the_release_supports_it(
    release: str, known: bool, stack: TerraformStack, synthesize: Synthesize
) -> None:
    add_fleet(stack, SOURCE, release=ProviderVersion(release))
    assert machine(synthesize()).get("extra_config_reboot_required") == (False if known else None)


def test_writes_an_argument_that_the_bindings_lack(stack: TerraformStack, synthesize: Synthesize) -> None:
    add_fleet(stack, with_scalars(num_cores_per_numa_node=0))
    assert machine(synthesize())["num_cores_per_numa_node"] == 0


def test_rejects_a_misspelt_argument(stack: TerraformStack) -> None:
    with pytest.raises(TypeError, match="num_cpu"):
        add_fleet(stack, with_scalars(num_cpu=2))


def test_rejects_a_misspelt_argument_of_a_disk(stack: TerraformStack) -> None:
    hardware = replace(HARDWARE, disks=(DeviceBlock({"label": "disk0", "sise": 16}),))
    with pytest.raises(TypeError, match="sise"):
        add_fleet(stack, replace(SOURCE, hardware=hardware))


def test_escapes_strings_of_hardware(stack: TerraformStack, synthesize: Synthesize) -> None:
    add_fleet(stack, with_scalars(annotation="${x} %{y}"))
    assert machine(synthesize())["annotation"] == "$${x} %%{y}"


def test_hardware_can_reference_a_data_source(stack: TerraformStack, synthesize: Synthesize) -> None:
    data = DataVsphereVirtualMachine(stack, "golden", name="golden")
    golden = "data.vsphere_virtual_machine.golden"
    scalars = {
        "num_cpus": Template(f"${{{golden}.num_cpus}}"),
        "guest_id": Template(data.guest_id),
        "enable_logging": Template(f"${{{golden}.enable_logging}}"),
    }
    disk: dict[str, str | int] = {"label": "disk0", "size": Template(f"${{{golden}.disks[0].size}}"), "unit_number": 0}
    hardware = replace(HARDWARE, arguments=scalars, disks=(DeviceBlock(disk),))
    add_fleet(stack, replace(SOURCE, source_uuid=data.uuid, hardware=hardware))
    vm = machine(synthesize())
    assert vm["num_cpus"] == "${data.vsphere_virtual_machine.golden.num_cpus}"
    assert vm["guest_id"] == "${data.vsphere_virtual_machine.golden.guest_id}"
    assert vm["enable_logging"] == "${data.vsphere_virtual_machine.golden.enable_logging}"
    assert vm["disk"] == [
        {"label": "disk0", "size": "${data.vsphere_virtual_machine.golden.disks[0].size}", "unit_number": 0}
    ]
    assert vm["instantclone"]["source_uuid"] == "${data.vsphere_virtual_machine.golden.uuid}"


def test_guestinfo_can_be_a_reference(stack: TerraformStack, synthesize: Synthesize) -> None:
    token = TerraformVariable(stack, "token", type="string")
    members = {"web-0": {"token": token.string_value}}
    guestinfo = {"guestinfo.one": token.string_value, "guestinfo.other": "${each.value.token}"}
    add_fleet(stack, replace(SOURCE, members=members, guestinfo=guestinfo))
    synthesized = synthesize()
    assert synthesized["locals"]["vm_members"] == {"web-0": {"token": "${var.token}"}}
    extra_config = machine(synthesized)["extra_config"]
    assert (extra_config["guestinfo.one"], extra_config["guestinfo.other"]) == ("${var.token}", "${each.value.token}")


def test_two_fleets_of_a_stack_use_different_prefixes_and_providers(
    stack: TerraformStack, synthesize: Synthesize
) -> None:
    provider = VsphereProvider(stack, "vsphere", user="", password="", alias="lab")
    here = placement(stack, cluster="DC0_C0")
    for prefix in ("web_", "ci_"):
        InstantCloneFleet(
            stack,
            f"{prefix}fleet",
            name=prefix.rstrip("_"),
            placement=here,
            sources=[SOURCE],
            release=ProviderVersion("2.15.0"),
            prefix=prefix,
            provider=provider,
        )
    synthesized = synthesize()
    assert sorted(synthesized["locals"]) == ["ci_vm_members", "web_vm_members"]
    assert sorted(synthesized["output"]) == ["ci_clones", "web_clones"]
    for kind in ("vsphere_virtual_machine", "vsphere_drs_vm_override"):
        resources = synthesized["resource"][kind]
        assert {name: resource["provider"] for name, resource in resources.items()} == {
            "ci_vm": "vsphere.lab",
            "web_vm": "vsphere.lab",
        }
    assert machine(synthesized, "ci_vm")["for_each"] == "${local.ci_vm_members}"
    assert sorted(synthesized["resource"]["terraform_data"]) == ["ci_owner", "web_owner"]
    assert owner(machine(synthesized, "ci_vm")).startswith("${terraform_data.ci_owner.id}/ci/${each.key}/")


def test_hardware_can_reference_the_values_of_a_clone(stack: TerraformStack, synthesize: Synthesize) -> None:
    members = {"web-0": {"mac": "00:50:56:00:00:10"}, "web-1": {"mac": "00:50:56:00:00:11"}}
    hardware = assign_mac_addresses(HARDWARE, ["${each.value.mac}"])
    add_fleet(stack, replace(SOURCE, hardware=hardware, members=members))
    synthesized = synthesize()
    assert synthesized["locals"]["vm_members"] == members
    assert machine(synthesized)["network_interface"] == [
        {
            "network_id": "dvportgroup-12",
            "adapter_type": "vmxnet3",
            "use_static_mac": True,
            "mac_address": "${each.value.mac}",
        }
    ]


def test_rejects_clones_with_different_value_names(stack: TerraformStack) -> None:
    members = {"web-0": {"ip": "10.0.0.10"}, "web-1": {"ip": "10.0.0.11", "mac": "00:50:56:00:00:11"}}
    expected = r"^source vm: clones must have the same value names; web-0 has ip, and web-1 has ip, mac$"
    with pytest.raises(ValueError, match=expected):
        add_fleet(stack, replace(SOURCE, members=members))


def test_replace_trigger_is_the_generation_after_the_first_one(stack: TerraformStack, synthesize: Synthesize) -> None:
    add_fleet(stack, SOURCE, replace(SOURCE, key="later", generation=3, members={"web-7": {}}))
    synthesized = synthesize()
    assert "replace_trigger" not in machine(synthesized)
    assert machine(synthesized, "later")["replace_trigger"] == "3"
    assert owner(machine(synthesized, "later")).endswith("/3")


def test_uses_a_datastore_cluster_instead_of_a_datastore(stack: TerraformStack, synthesize: Synthesize) -> None:
    here = Placement(stack, "placement", datacenter="DC0", datastore_cluster="DC0_POD0", resource_pool="p")
    add_fleet(stack, SOURCE, placement=here)
    vm = machine(synthesize())
    assert vm["datastore_cluster_id"] == "${data.vsphere_datastore_cluster.datastore_cluster.id}"
    assert "datastore_id" not in vm


def test_all_clones_have_the_tags_and_custom_attributes(stack: TerraformStack, synthesize: Synthesize) -> None:
    add_fleet(stack, SOURCE, tags=("urn:1", "urn:2"), custom_attributes={"${data.x.y.id}": "ci"})
    vm = machine(synthesize())
    assert vm["tags"] == ["urn:1", "urn:2"]
    assert vm["custom_attributes"] == {"${data.x.y.id}": "ci"}


def test_ignore_changes_lists_hardware_arguments_first(stack: TerraformStack, synthesize: Synthesize) -> None:
    hardware = replace(HARDWARE, ignore_changes=("vapp",))
    add_fleet(stack, replace(SOURCE, hardware=hardware), ignore_changes=("memory_share_level", "vapp"))
    assert machine(synthesize())["lifecycle"] == {"ignore_changes": ["vapp", "memory_share_level"]}


def test_returns_references_to_single_clones(stack: TerraformStack, synthesize: Synthesize) -> None:
    fleet = add_fleet(stack, SOURCE, replace(SOURCE, key="later", members={"web-7": {}}))
    assert list(fleet.clones) == ["web-0", "web-1", "web-7"]
    assert len(fleet.clones) == 3
    with pytest.raises(KeyError):
        fleet.clones["web-9"]
    TerraformOutput(stack, "one", value=fleet.clones["web-7"].id)
    TerraformOutput(stack, "address", value=fleet.clones["web-0"].default_ip_address)
    TerraformOutput(stack, "all", value=fleet.addresses)

    outputs = {name: output["value"] for name, output in synthesize()["output"].items()}

    assert outputs["one"] == '${vsphere_virtual_machine.later["web-7"].id}'
    assert outputs["address"] == '${vsphere_virtual_machine.vm["web-0"].default_ip_address}'
    assert outputs["all"] == (
        "${merge({for name, clone in vsphere_virtual_machine.vm : name => clone.default_ip_address}, "
        "{for name, clone in vsphere_virtual_machine.later : name => clone.default_ip_address})}"
    )


def test_builds_the_reference_of_a_clone_only_on_access(stack: TerraformStack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each reference asks jsii for the address of the resource. A fleet can have thousands of clones."""
    asked: list[object] = []

    def counted(machine: VirtualMachine) -> str:
        asked.append(machine)
        return resource_address(machine)

    monkeypatch.setattr(instant_clone_fleet, "resource_address", counted)
    add_fleet(stack, replace(SOURCE, members={f"web-{index}": {} for index in range(50)}))

    assert len(asked) < 10


def test_keeps_a_quotation_mark_in_the_fleet_name(stack: TerraformStack, synthesize: Synthesize) -> None:
    add_fleet(stack, SOURCE, name='the "web"')
    assert '.id}/the "web"/${each.key}' in owner(machine(synthesize()))


def test_guestinfo_cannot_override_the_owner_marker(stack: TerraformStack, synthesize: Synthesize) -> None:
    add_fleet(stack, replace(SOURCE, guestinfo={OWNER_KEY: "somebody"}))
    assert owner(machine(synthesize())).startswith("${terraform_data.owner.id}/")
