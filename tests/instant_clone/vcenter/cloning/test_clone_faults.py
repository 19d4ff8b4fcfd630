# SPDX-License-Identifier: MPL-2.0
from __future__ import annotations

import pytest
from pyVmomi import vim, vmodl

from instant_clone.vcenter.cloning.clone_faults import clone_error, text_with_cure

POWER = vim.fault.InvalidPowerState(msg="The attempted operation cannot be performed in the current state.")
PERMISSION = vim.fault.NoPermission(msg="Permission was denied.")


def test_dry_run_and_task_have_the_same_cure() -> None:
    cure = "Power the source on. vCenter can instant-clone only a running VM."
    text = "InvalidPowerState: The attempted operation cannot be performed in the current state."

    refused = clone_error(POWER, server="vcenter", source="golden", clone="web-0")

    assert refused is not None
    assert str(refused) == f"vcenter (cloning golden as web-0): vCenter answers with {text} {cure}"
    assert refused.argument == "instantclone.source_uuid"
    assert text_with_cure(POWER) == f"{text} {cure}"


@pytest.mark.parametrize("fault", [PERMISSION, vmodl.fault.SystemError(msg="")])
def test_fault_that_is_not_specific_to_cloning_has_no_cure(fault: vmodl.MethodFault) -> None:
    assert clone_error(fault, server="vcenter", source="golden", clone="web-0") is None
    assert text_with_cure(fault) in ("NoPermission: Permission was denied", "SystemError")
