# SPDX-License-Identifier: MPL-2.0
"""Where clones go."""

from __future__ import annotations

from typing import Any

import pytest
from cdktf import TerraformStack
from cdktf_cdktf_provider_vsphere.provider import VsphereProvider

from constructs.placement import Placement
from tests.constructs.conftest import Synthesize


def test_the_objects_are_looked_up_in_the_datacenter(stack: TerraformStack, synthesize: Synthesize) -> None:
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


def test_without_a_cluster_none_is_looked_up(stack: TerraformStack, synthesize: Synthesize) -> None:
    placement = Placement(stack, "placement", datacenter="DC0", datastore="LocalDS_0", resource_pool="ci")
    assert placement.cluster_id is None
    assert list(synthesize()["data"]) == ["vsphere_datacenter", "vsphere_datastore", "vsphere_resource_pool"]


def test_a_folder_that_is_there_is_taken_by_its_path(stack: TerraformStack, synthesize: Synthesize) -> None:
    placement = Placement(stack, "placement", datacenter="d", datastore="d", resource_pool="p", folder="ci/web")
    assert placement.folder == "ci/web"
    assert "resource" not in synthesize()


def test_a_folder_of_its_own_is_a_resource(stack: TerraformStack, synthesize: Synthesize) -> None:
    Placement(stack, "placement", datacenter="d", datastore="d", resource_pool="p", folder="ci/web", create_folder=True)
    assert synthesize()["resource"] == {
        "vsphere_folder": {
            "folder": {"path": "ci/web", "type": "vm", "datacenter_id": "${data.vsphere_datacenter.datacenter.id}"}
        }
    }


def test_two_placements_of_one_stack_have_their_own_prefix_and_provider(
    stack: TerraformStack, synthesize: Synthesize
) -> None:
    provider = VsphereProvider(stack, "vsphere", user="", password="", alias="lab")
    Placement(stack, "first", datacenter="d1", datastore="d", resource_pool="p")
    Placement(stack, "second", datacenter="d2", datastore="d", resource_pool="p", prefix="lab_", provider=provider)
    assert synthesize()["data"]["vsphere_datacenter"] == {
        "datacenter": {"name": "d1"},
        "lab_datacenter": {"name": "d2", "provider": "vsphere.lab"},
    }


def test_a_datastore_cluster_is_looked_up_instead_of_a_datastore(stack: TerraformStack, synthesize: Synthesize) -> None:
    placement = Placement(stack, "placement", datacenter="d", datastore_cluster="pod", resource_pool="p")
    data = synthesize()["data"]
    assert data["vsphere_datastore_cluster"] == {
        "datastore_cluster": {"name": "pod", "datacenter_id": "${data.vsphere_datacenter.datacenter.id}"}
    }
    assert "vsphere_datastore" not in data
    assert placement.datastore_id is None


@pytest.mark.parametrize("stores", [{}, {"datastore": "d", "datastore_cluster": "pod"}])
def test_a_placement_has_either_a_datastore_or_a_datastore_cluster(
    stores: dict[str, Any], stack: TerraformStack
) -> None:
    with pytest.raises(ValueError, match="and only one of them"):
        Placement(stack, "placement", datacenter="d", resource_pool="p", **stores)
