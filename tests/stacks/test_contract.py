# SPDX-License-Identifier: MPL-2.0
"""Tests of names that must not change after a release, because users depend on them.

States, `moved` blocks and command lines contain Terraform addresses. A changed address destroys and recreates clones.
Aspects and overrides of cdktf apps use the paths of constructs. A change of these names needs a major release and a
migration page.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cdktf import App

from instant_clone.fleet import FleetFile, Source
from stacks import add_stacks
from tests.instant_clone.replica.replica_layouts import default, two_controllers
from tests.stacks.conftest import fleet, synthesize

SOURCES = (
    Source(key="a", vm="golden-a", members="0-1"),
    Source(key="b", vm="golden-b", members="2"),
)
VMS = {"a": default(), "b": two_controllers()}
EVERYTHING: dict[str, Any] = {
    "sources": SOURCES,
    "folder": "ci/web",
    "create_folder": True,
    "tags": ("environment/lab",),
    "custom_attributes": {"owner": "ci"},
    "networks": ({"network": "VM Network", "mac": "00:50:56:00:00:00", "cidr": "10.0.0.0/24", "first": "10.0.0.10"},),
    "changes": {"networks": ({"network": "backup"},)},
    "wait_for_network": 5,
    "guestinfo": {"guestinfo.ip": "{ip}"},
}
ADDRESSES = {
    "data.vsphere_compute_cluster.cluster",
    "data.vsphere_custom_attribute.owner",
    "data.vsphere_datacenter.datacenter",
    "data.vsphere_datastore.datastore",
    "data.vsphere_network.VM_Network",
    "data.vsphere_network.backup",
    "data.vsphere_resource_pool.resource_pool",
    "data.vsphere_tag.environment_lab",
    "data.vsphere_tag_category.environment",
    "local.a_members",
    "local.b_members",
    "output.addresses",
    "output.clones",
    "provider.vsphere",
    "terraform_data.owner",
    "vsphere_drs_vm_override.a",
    "vsphere_drs_vm_override.b",
    "vsphere_folder.folder",
    "vsphere_virtual_machine.a",
    "vsphere_virtual_machine.b",
}
SOURCE_ADDRESSES = {
    "data.vsphere_virtual_machine.a",
    "data.vsphere_virtual_machine.b",
    "local.a_recorded",
    "local.b_recorded",
}


def addresses(stack: dict[str, Any]) -> set[str]:
    """Return all addresses that a stack's JSON defines."""
    found = {f"{kind}.{name}" for kind, named in stack["resource"].items() for name in named}
    found |= {f"data.{kind}.{name}" for kind, named in stack["data"].items() for name in named}
    found |= {f"local.{name}" for name in stack["locals"]} | {f"output.{name}" for name in stack["output"]}
    return found | {f"provider.{name}" for name in stack["provider"]}


@pytest.mark.parametrize(("kind", "more"), [("dynamic", set()), ("static", SOURCE_ADDRESSES)])
def test_terraform_addresses_are_unchanged(kind: str, more: set[str]) -> None:
    stack = synthesize(fleet(stack=kind, **EVERYTHING), sources=VMS)["web"]

    assert addresses(stack) == ADDRESSES | more


def test_construct_paths_are_unchanged() -> None:
    web = fleet(stack="static", **EVERYTHING)
    app = App(outdir=str(Path.cwd() / "cdktf.out"), stack_traces=False)
    (stack,) = add_stacks(app, FleetFile(fleets={"web": web}), {("web", key): vm for key, vm in VMS.items()})

    paths = {each.node.path for each in stack.node.find_all()}

    assert paths == {
        "web",
        "web/backend",
        "web/fleet",
        "web/fleet/a.clones",
        "web/fleet/a.members",
        "web/fleet/a.pins",
        "web/fleet/addresses",
        "web/fleet/b.clones",
        "web/fleet/b.members",
        "web/fleet/b.pins",
        "web/fleet/clones",
        "web/fleet/owner",
        "web/labels",
        "web/labels/attribute_owner",
        "web/labels/category_environment",
        "web/labels/tag_environment_lab",
        "web/networks",
        "web/networks/VM_Network",
        "web/networks/backup",
        "web/placement",
        "web/placement/cluster",
        "web/placement/datacenter",
        "web/placement/datastore",
        "web/placement/folder",
        "web/placement/resource_pool",
        "web/source_a",
        "web/source_a/data",
        "web/source_a/recorded",
        "web/source_b",
        "web/source_b/data",
        "web/source_b/recorded",
        "web/vsphere",
    }
