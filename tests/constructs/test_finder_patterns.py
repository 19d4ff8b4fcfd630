# SPDX-License-Identifier: MPL-2.0
"""Tests of the patterns in the names of data sources. tests/e2e/test_names.py evaluates the patterns with Terraform."""

from __future__ import annotations

import pytest
from cdktf import TerraformStack, TerraformVariable

from constructs.finder_patterns import finder_template
from constructs.networks import Networks
from constructs.placement import Placement
from tests.constructs.conftest import Synthesize

SPECIAL = (
    '"/^\\\\.|^(?:datacenter|datastore|domain|dvportgroup|dvs|group|host|network|resgroup|vm)-[a-z]?[0-9]+$'
    '|^[A-Z][A-Za-z]*:|[*?\\\\[\\\\\\\\]/"'
)
ESCAPED = '"\\\\$0"'


@pytest.mark.parametrize(
    ("template", "pattern"),
    [("VM Network", "VM Network"), ("dmz[1]", "dmz\\[1]"), ("$${x}*%%{y}", "$${x}\\*%%{y}")],
)
def test_escapes_a_literal_name(template: str, pattern: str, stack: TerraformStack, synthesize: Synthesize) -> None:
    assert finder_template(stack, template, local="unused") == pattern
    assert "locals" not in synthesize()


@pytest.mark.parametrize("template", ["${var.name}", 'say "[${var.name}]"', "%{ if true }[b]%{ endif }"])
def test_template_with_references_becomes_a_local_value(
    template: str, stack: TerraformStack, synthesize: Synthesize
) -> None:
    assert finder_template(stack, template, local="own") == f"${{replace(local.own, {SPECIAL}, {ESCAPED})}}"
    assert synthesize()["locals"] == {"own": template}


def test_placement_and_networks_match_names_exactly(stack: TerraformStack, synthesize: Synthesize) -> None:
    name = TerraformVariable(stack, "name", type="string").string_value
    Placement(stack, "other", datacenter="d", datastore_cluster="pod[1]", resource_pool="p", prefix="other_")
    Placement(
        stack,
        "placement",
        datacenter="europe/DC[0]",
        datastore="ssd?",
        resource_pool="C*/Resources",
        folder="[Prod] Web",
        create_folder=True,
        cluster=name,
        prefix="my_",
    )
    Networks(stack, "networks", names=["network-12"], datacenter_id="dc")

    document = synthesize()

    names = {name: body["name"] for found in document["data"].values() for name, body in found.items()}
    assert document["locals"] == {"my_cluster_name": "${var.name}"}
    assert names == {
        "my_datacenter": "europe/DC\\[0]",
        "my_datastore": "ssd\\?",
        "my_resource_pool": "C\\*/Resources",
        "my_cluster": f"${{replace(local.my_cluster_name, {SPECIAL}, {ESCAPED})}}",
        "network-12": "\\network-12",
        "other_datacenter": "d",
        "other_datastore_cluster": "pod\\[1]",
        "other_resource_pool": "p",
    }
    assert document["resource"]["vsphere_folder"]["my_folder"]["path"] == "[Prod] Web"
