# SPDX-License-Identifier: MPL-2.0
from __future__ import annotations

from itertools import pairwise

import pytest
from pyVmomi import vim, vmodl

from instant_clone.vcenter.cloning.clone_faults import argument_of, clone_error, text_with_cure

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


CHAIN = vmodl.fault.SystemError(
    reason="Launch failure",
    faultCause=vim.fault.GenericVmConfigFault(
        msg="Unable to prepare migration.",
        faultMessage=[
            vmodl.LocalizableMessage(key="msg.migrate.prepare.failed", message="Unable to prepare migration."),
            vmodl.LocalizableMessage(key="msg.disk.levels", arg=[vmodl.KeyAnyValue(key="1", value="256")]),
        ],
    ),
)
"""the fault of InstantClone_Task for a disk chain that is too long (VMware knowledge base, article 320221)"""


def test_disk_chain_that_is_too_long_has_its_cure_in_dry_run_and_task() -> None:
    text = (
        "SystemError: Launch failure, caused by GenericVmConfigFault: Unable to prepare migration; "
        "msg.disk.levels (1=256)."
    )
    cure = (
        "If the disk chain is too long, freeze the source or create a new source. Each clone of a running source adds "
        "a delta disk to the source's disk chain."
    )

    refused = clone_error(CHAIN, server="vcenter", source="golden", clone="web-0")

    assert refused is not None
    assert str(refused) == f"vcenter (cloning golden as web-0): vCenter answers with {text} {cure}"
    assert refused.argument == "instantclone.source_uuid"
    assert text_with_cure(CHAIN) == f"{text} {cure}"
    assert argument_of(CHAIN) == "instantclone.source_uuid"


def _caused(*faults: vmodl.MethodFault) -> vmodl.MethodFault:
    for outer, inner in pairwise(faults):
        outer.faultCause = inner
    return faults[0]


def _cyclic() -> vmodl.MethodFault:
    state = vim.fault.InvalidState(msg="state")
    return _caused(vmodl.fault.SystemError(msg="outer"), state, vmodl.fault.SystemError(msg="inner"), state)


@pytest.mark.parametrize(
    ("fault", "argument", "cure"),
    [
        pytest.param(
            _caused(vmodl.fault.SystemError(), vim.fault.GenericVmConfigFault(), vim.fault.NoDiskSpace()),
            "datastore_id",
            "Check that the datastore has free space and is connected, and that the source's files are readable.",
            id="two-deep",
        ),
        pytest.param(
            _caused(vim.fault.InsufficientMemoryResourcesFault(), vim.fault.GenericVmConfigFault()),
            "resource_pool_id",
            "Free resources in the resource pool or on the source's host, reduce the source's reservations, or clone a "
            "source on another host.",
            id="generic-cause-of-a-specific-fault",
        ),
        pytest.param(
            _caused(vim.fault.InvalidState(), vim.fault.InvalidDatastore()),
            "datastore_id",
            "Set a writable datastore of the source's host.",
            id="the-innermost-decides",
        ),
        pytest.param(
            _caused(vmodl.fault.SystemError(), vim.fault.MigrationFault()),
            "instantclone.source_uuid",
            "Check the task in vCenter for the reason, and apply again.",
            id="without-an-action-of-its-own",
        ),
        pytest.param(
            _cyclic(),
            "instantclone.source_uuid",
            "Check in vCenter whether a snapshot, a migration or another task of the source is running, and apply "
            "again.",
            id="cycle",
        ),
    ],
)
def test_cause_determines_argument_and_cure(fault: vmodl.MethodFault, argument: str, cure: str) -> None:
    refused = clone_error(fault, server="vcenter", source="golden", clone="web-0")

    assert refused is not None
    assert refused.argument == argument_of(fault) == argument
    assert refused.findings[0].cure == cure
    assert text_with_cure(fault).endswith(f". {cure}")


@pytest.mark.parametrize("cause", [vim.fault.NoPermission(), vim.fault.InvalidLogin(), vim.fault.NotAuthenticated()])
def test_session_fault_as_a_cause_is_not_a_clone_error(cause: vmodl.MethodFault) -> None:
    fault = _caused(vim.fault.GenericVmConfigFault(), cause)

    assert clone_error(fault, server="vcenter", source="golden", clone="web-0") is None
    assert argument_of(fault) == ""
