# SPDX-License-Identifier: MPL-2.0
"""cdktf's own import, and Terraform's import blocks beside a fleet."""

from __future__ import annotations

from cdktf import TerraformStack

from tests.constructs.conftest import Synthesize
from tests.constructs.test_instant_clone_fleet import SOURCE, add_fleet


def test_cdktf_s_import_names_a_fleet_s_resource(stack: TerraformStack, synthesize: Synthesize) -> None:
    """It has no word for one of several instances: that is what an override is for."""
    fleet = add_fleet(stack, SOURCE)

    fleet.virtual_machines["vm"].import_from("/DC0/vm/web-0")

    synthesized = synthesize()
    assert synthesized["import"] == [{"to": "vsphere_virtual_machine.vm", "id": "/DC0/vm/web-0"}]
    assert "vm" in synthesized["resource"]["vsphere_virtual_machine"]


def test_one_block_takes_all_clones_of_a_fleet(stack: TerraformStack, synthesize: Synthesize) -> None:
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
