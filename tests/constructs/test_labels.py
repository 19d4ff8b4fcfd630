# SPDX-License-Identifier: MPL-2.0
"""Tests of the construct for tags and custom attributes."""

from __future__ import annotations

import pytest
from cdktf import TerraformStack

from constructs.labels import Labels
from tests.constructs.conftest import Synthesize


def test_looks_up_tags_in_their_categories(stack: TerraformStack, synthesize: Synthesize) -> None:
    labels = Labels(stack, "labels", tags=("environment/lab", "environment/a/b", "owner/ci team"), prefix="x_")
    data = synthesize()["data"]
    assert data["vsphere_tag_category"] == {
        "x_environment": {"name": "environment"},
        "x_owner": {"name": "owner"},
    }
    environment = "${data.vsphere_tag_category.x_environment.id}"
    assert data["vsphere_tag"] == {
        "x_environment_lab": {"name": "lab", "category_id": environment},
        "x_environment_a_b": {"name": "a/b", "category_id": environment},
        "x_owner_ci_team": {"name": "ci team", "category_id": "${data.vsphere_tag_category.x_owner.id}"},
    }
    assert len(labels.tag_ids) == 3


def test_custom_attributes_have_ids_as_keys(stack: TerraformStack, synthesize: Synthesize) -> None:
    labels = Labels(stack, "labels", custom_attributes={"team": "ci", "cost centre": "42"})
    assert synthesize()["data"] == {
        "vsphere_custom_attribute": {"team": {"name": "team"}, "cost_centre": {"name": "cost centre"}}
    }
    assert labels.custom_attributes == {
        "${data.vsphere_custom_attribute.team.id}": "ci",
        "${data.vsphere_custom_attribute.cost_centre.id}": "42",
    }


@pytest.mark.parametrize("tag", ["lab", "/lab", "environment/"])
def test_rejects_a_tag_without_category_or_name(tag: str, stack: TerraformStack) -> None:
    with pytest.raises(ValueError, match='it must have the form "category/name"'):
        Labels(stack, "labels", tags=[tag])
