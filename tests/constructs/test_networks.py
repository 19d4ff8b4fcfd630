# SPDX-License-Identifier: MPL-2.0
"""Tests of the construct for networks, and of resource names derived from names in vCenter."""

from __future__ import annotations

import re

from cdktf import TerraformStack
from hypothesis import given
from hypothesis import strategies as st

from constructs.names import resource_names
from constructs.networks import Networks
from tests.constructs.conftest import Synthesize


def test_looks_up_each_network_once(stack: TerraformStack, synthesize: Synthesize) -> None:
    networks = Networks(
        stack, "networks", names=["VM Network", "10 Gbit", "VM Network"], datacenter_id="datacenter-2", prefix="web_"
    )
    assert synthesize()["data"]["vsphere_network"] == {
        "web_VM_Network": {"name": "VM Network", "datacenter_id": "datacenter-2"},
        "web__10_Gbit": {"name": "10 Gbit", "datacenter_id": "datacenter-2"},
    }
    assert list(networks.ids) == ["VM Network", "10 Gbit"]


def test_numbers_names_that_would_collide() -> None:
    assert resource_names(["a b", "a_b", "a.b"]) == {"a b": "a_b", "a_b": "a_b_2", "a.b": "a_b_3"}


@given(st.lists(st.text()))
def test_resource_names_are_valid_and_unique(texts: list[str]) -> None:
    names = resource_names(texts)
    assert names.keys() == set(texts)
    assert len(set(names.values())) == len(names)
    assert all(re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", name) for name in names.values())
