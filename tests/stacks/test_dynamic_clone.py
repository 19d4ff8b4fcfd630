# SPDX-License-Identifier: MPL-2.0
"""Tests of stacks with hardware as values."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from instant_clone.errors import ReplicaError
from instant_clone.fleet import Source
from instant_clone.vm.source_vm import Numa, OtherDevice
from tests.instant_clone.replica.replica_layouts import default, two_controllers
from tests.stacks.conftest import fleet, machine, synthesize


def printed_annotations(stack: str) -> list[tuple[str, str]]:
    """Return the level and the message of each annotation that cdktf prints for a stack."""
    manifest = json.loads(Path("cdktf.out", "manifest.json").read_text())
    return [(note["level"], note["message"]) for note in manifest["stacks"][stack]["annotations"]]


def test_doubtful_device_is_a_warning_and_changes_no_argument() -> None:
    plain = synthesize(fleet())
    port = OtherDevice(type="VirtualSerialPort", label="Serial port 1", backing="FileBackingInfo")
    assert synthesize(fleet(), source=default(other_devices=(port,))) == plain
    ((level, message),) = printed_annotations("web")
    assert level == "@cdktf/warn"
    assert message.startswith("/DC0/vm/golden-0, Serial port 1: vCenter was seen to refuse an instant clone")


def test_each_fleet_becomes_a_stack_with_a_separate_state() -> None:
    stacks = synthesize(fleet("web"), fleet("ci", sources=(Source(key="a", vm="golden", members="4"),)))
    assert {name: stack["terraform"]["backend"] for name, stack in stacks.items()} == {
        "web": {"local": {"path": "../../../state/web.tfstate"}},
        "ci": {"local": {"path": "../../../state/ci.tfstate"}},
    }
    assert [list(stack["locals"].items()) for stack in stacks.values()] == [
        [("a_members", {"ci-4": {}})],
        [("vm_members", {"web-0": {}})],
    ]


def test_requires_a_supported_terraform_version() -> None:
    assert synthesize(fleet())["web"]["terraform"]["required_version"] == ">= 1.5"


def test_annotation_of_the_fleet_overrides_the_source() -> None:
    stacks = synthesize(fleet("web"), fleet("ci", annotation="made by CI"))
    assert machine(stacks["web"])["annotation"] == "made by vcsim"
    assert machine(stacks["ci"])["annotation"] == "made by CI"


def test_pins_clones_unless_pin_is_false() -> None:
    stacks = synthesize(fleet("web"), fleet("ci", pin=False))
    assert list(stacks["web"]["resource"]) == [
        "terraform_data",
        "vsphere_drs_vm_override",
        "vsphere_virtual_machine",
    ]
    assert stacks["web"]["data"]["vsphere_compute_cluster"]["cluster"]["name"] == "DC0_C0"
    assert list(stacks["ci"]["resource"]) == ["terraform_data", "vsphere_virtual_machine"]
    assert "vsphere_compute_cluster" not in stacks["ci"]["data"]


def test_clones_on_a_standalone_host_have_no_pins_and_a_notice() -> None:
    source = default(standalone_host=True)
    stacks = synthesize(fleet("web", resource_pool="DC0_H0/Resources"), fleet("ci", pin=False), source=source)
    assert list(stacks["web"]["resource"]) == ["terraform_data", "vsphere_virtual_machine"]
    assert "vsphere_compute_cluster" not in stacks["web"]["data"]
    assert stacks["web"]["data"]["vsphere_resource_pool"]["resource_pool"]["name"] == "DC0_H0/Resources"
    assert printed_annotations("web") == [
        (
            "@cdktf/info",
            "[fleets.web] pin: the host of the source is in no cluster, so the clones have no DRS override. Set "
            "pin = false to remove this notice.",
        )
    ]
    assert printed_annotations("ci") == []


def test_pins_clones_unless_the_hosts_of_all_sources_are_standalone() -> None:
    pair = (Source(key="a", vm="golden", members="0"), Source(key="b", vm="golden", members="1"))
    stack = synthesize(fleet(sources=pair), sources={"a": default(standalone_host=True), "b": default()})["web"]
    assert list(stack["resource"]["vsphere_drs_vm_override"]) == ["a", "b"]


def test_managed_object_id_of_a_network_needs_no_data_source() -> None:
    networks = ({"network": "moid:dvportgroup-57"},)
    added = {"networks": [{"network": "moid:network-7"}, {"network": "VM Network"}]}
    stack = synthesize(fleet(networks=networks, changes=added))["web"]
    assert [each["network_id"] for each in machine(stack)["network_interface"]] == [
        "dvportgroup-57",
        "network-7",
        "${data.vsphere_network.VM_Network.id}",
    ]
    assert [each["name"] for each in stack["data"]["vsphere_network"].values()] == ["VM Network"]


def test_escapes_strings_from_the_fleet_file_and_the_source() -> None:
    web = fleet(
        datacenter="${dc}",
        datastore="%{ds}",
        resource_pool="${c}/Resources",
        folder="${f}",
        names="${{x}}-{index}",
        guestinfo={"guestinfo.${k}": "%{{v}} ${{w}}"},
    )
    stack = synthesize(web, source=default(annotation="Price: ${p} %{if}", alternate_guest_name="${os}"))["web"]
    assert {kind: next(iter(found.values()))["name"] for kind, found in stack["data"].items()} == {
        "vsphere_datacenter": "$${dc}",
        "vsphere_datastore": "%25{ds}",
        "vsphere_resource_pool": "$${c}/Resources",
        "vsphere_compute_cluster": "$${c}",
    }
    assert stack["locals"]["vm_members"] == {"$${x}-0": {}}
    assert machine(stack)["extra_config"]["guestinfo.$${k}"] == "%%{v} $${w}"
    assert machine(stack)["folder"] == "$${f}"
    assert machine(stack)["annotation"] == "Price: $${p} %%{if}"
    assert machine(stack)["alternate_guest_name"] == "$${os}"


@pytest.mark.parametrize(
    ("release", "unknown"),
    [
        (
            "2.0.2",
            {
                "extra_config_reboot_required",
                "memory_reservation_locked_to_max",
                "num_cores_per_numa_node",
                "nvme_controller_count",
                "tools_upgrade_policy",
            },
        ),
        ("2.15.0", {"num_cores_per_numa_node"}),
        ("2.16.1", set()),
    ],
)
def test_writes_only_arguments_of_the_release(release: str, unknown: set[str]) -> None:
    source = default(numa=Numa(auto_cores_per_node=True), hardware_version=19)
    stack = synthesize(fleet(), source=source, release=release)["web"]
    newer_arguments = {
        "extra_config_reboot_required",
        "memory_reservation_locked_to_max",
        "num_cores_per_numa_node",
        "nvme_controller_count",
        "tools_upgrade_policy",
    }
    assert newer_arguments - machine(stack).keys() == unknown
    assert stack["terraform"]["required_providers"]["vsphere"]["version"] == release


def test_disks_and_controllers_match_the_source() -> None:
    vm = machine(synthesize(fleet(), source=two_controllers())["web"])
    assert [disk["label"] for disk in vm["disk"]] == [f"disk{number}" for number in range(len(vm["disk"]))]
    assert vm["scsi_controller_count"] == 2


def test_reports_sources_of_all_fleets_that_cannot_be_reproduced_before_any_output() -> None:
    with pytest.raises(ReplicaError) as caught:
        synthesize(fleet("web"), fleet("ci"), source=default(template=True))
    assert [str(finding) for finding in caught.value.findings] == 2 * [
        "/DC0/vm/golden-0: The source is a template, which never runs. Convert it to a virtual machine."
    ]
    assert list(Path("cdktf.out").rglob("*.json")) == []


def test_passes_warnings_to_the_cdktf_command() -> None:
    synthesize(fleet(), source=default(vapp_property_ids=("hostname",)))
    assert printed_annotations("web") == [
        (
            "@cdktf/warn",
            "/DC0/vm/golden-0, vapp: The values of hostname are not configured; "
            "the provider still reads them into the state.",
        )
    ]
