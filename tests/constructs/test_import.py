# SPDX-License-Identifier: MPL-2.0
"""Tests of cdktf's import_from and of Terraform's import blocks with a fleet."""

from __future__ import annotations

from cdktf import TerraformStack

from tests.constructs.conftest import Synthesize
from tests.constructs.test_instant_clone_fleet import SOURCE, add_fleet


def test_import_from_addresses_the_resource_of_a_fleet(stack: TerraformStack, synthesize: Synthesize) -> None:
    """import_from cannot address one of several instances. To import an instance, override the import block."""
    fleet = add_fleet(stack, SOURCE)

    fleet.virtual_machines["vm"].import_from("/DC0/vm/web-0")

    synthesized = synthesize()
    assert synthesized["import"] == [{"to": "vsphere_virtual_machine.vm", "id": "/DC0/vm/web-0"}]
    assert "vm" in synthesized["resource"]["vsphere_virtual_machine"]


def test_one_import_block_imports_all_clones_of_a_fleet(stack: TerraformStack, synthesize: Synthesize) -> None:
    add_fleet(stack, SOURCE)
    whole = {
        "for_each": "${local.vm_members}",
        "to": "vsphere_virtual_machine.vm[each.key]",
        "id": "/DC0/vm/${each.key}",
    }

    stack.add_override("import", [whole])

    synthesized = synthesize()
    assert synthesized["import"] == [whole]
    assert synthesized["locals"]["vm_members"].keys() == {"web-0", "web-1"}
    assert synthesized["resource"]["vsphere_virtual_machine"]["vm"]["for_each"] == "${local.vm_members}"
