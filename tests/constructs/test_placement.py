# SPDX-License-Identifier: MPL-2.0
"""Tests of the construct for the placement of clones."""

from __future__ import annotations

from typing import Any

import pytest
from cdktf import TerraformStack
from cdktf_cdktf_provider_vsphere.provider import VsphereProvider

from constructs.placement import Placement
from tests.constructs.conftest import Synthesize


def test_looks_up_the_objects_in_the_datacenter(stack: TerraformStack, synthesize: Synthesize) -> None:
    placement = Placement(
        stack, "placement", datacenter="DC0", datastore="LocalDS_0", resource_pool="DC0_C0/Resources", cluster="DC0_C0"
    )
    synthesized = synthesize()
    datacenter = "${data.vsphere_datacenter.datacenter.id}"
    assert synthesized["data"] == {
        "vsphere_datacenter": {"datacenter": {"name": "DC0"}},
        "vsphere_datastore": {"datastore": {"name": "LocalDS_0", "datacenter_id": datacenter}},
        "vsphere_resource_pool": {"resource_pool": {"name": "DC0_C0/Resources", "datacenter_id": datacenter}},
        "vsphere_compute_cluster": {"cluster": {"name": "DC0_C0", "datacenter_id": datacenter}},
    }
    assert "resource" not in synthesized
    assert placement.folder is None


def test_looks_up_no_cluster_without_a_cluster(stack: TerraformStack, synthesize: Synthesize) -> None:
    placement = Placement(stack, "placement", datacenter="DC0", datastore="LocalDS_0", resource_pool="ci")
    assert placement.cluster_id is None
    assert list(synthesize()["data"]) == ["vsphere_datacenter", "vsphere_datastore", "vsphere_resource_pool"]


def test_uses_an_existing_folder_by_path(stack: TerraformStack, synthesize: Synthesize) -> None:
    placement = Placement(stack, "placement", datacenter="d", datastore="d", resource_pool="p", folder="ci/web")
    assert placement.folder == "ci/web"
    assert "resource" not in synthesize()


def test_created_folder_is_a_resource(stack: TerraformStack, synthesize: Synthesize) -> None:
    Placement(stack, "placement", datacenter="d", datastore="d", resource_pool="p", folder="ci/web", create_folder=True)
    assert synthesize()["resource"] == {
        "vsphere_folder": {
            "folder": {"path": "ci/web", "type": "vm", "datacenter_id": "${data.vsphere_datacenter.datacenter.id}"}
        }
    }


def test_two_placements_of_a_stack_use_different_prefixes_and_providers(
    stack: TerraformStack, synthesize: Synthesize
) -> None:
    provider = VsphereProvider(stack, "vsphere", user="", password="", alias="lab")
    Placement(stack, "first", datacenter="d1", datastore="d", resource_pool="p")
    Placement(stack, "second", datacenter="d2", datastore="d", resource_pool="p", prefix="lab_", provider=provider)
    assert synthesize()["data"]["vsphere_datacenter"] == {
        "datacenter": {"name": "d1"},
        "lab_datacenter": {"name": "d2", "provider": "vsphere.lab"},
    }


def test_looks_up_a_datastore_cluster_instead_of_a_datastore(stack: TerraformStack, synthesize: Synthesize) -> None:
    placement = Placement(stack, "placement", datacenter="d", datastore_cluster="pod", resource_pool="p")
    data = synthesize()["data"]
    assert data["vsphere_datastore_cluster"] == {
        "datastore_cluster": {"name": "pod", "datacenter_id": "${data.vsphere_datacenter.datacenter.id}"}
    }
    assert "vsphere_datastore" not in data
    assert placement.datastore_id is None


@pytest.mark.parametrize("stores", [{}, {"datastore": "d", "datastore_cluster": "pod"}])
def test_rejects_neither_or_both_of_datastore_and_datastore_cluster(
    stores: dict[str, Any], stack: TerraformStack
) -> None:
    with pytest.raises(ValueError, match="set exactly one of datastore and datastore_cluster"):
        Placement(stack, "placement", datacenter="d", resource_pool="p", **stores)
