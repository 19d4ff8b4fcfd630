# SPDX-License-Identifier: MPL-2.0
"""Tests of faults within faults: in a dry run, in its call, and in the task that creates a clone."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pyVmomi import vim, vmodl

from instant_clone.vcenter.cloning.dry_run import DryRun, dry_run
from instant_clone.vcenter.cloning.live_vm import LiveVm
from instant_clone.vcenter.session.connection import Session

CHAIN = vim.fault.GenericVmConfigFault(msg="Unable to prepare migration.")
CHAIN_CURE = (
    "If the disk chain is too long, freeze the source or create a new source. Each clone of a running source adds a "
    "delta disk to the source's disk chain."
)


def wrapped(fault: vmodl.MethodFault) -> vmodl.fault.SystemError:
    return vmodl.fault.SystemError(reason="Launch failure", faultCause=fault)


def dry_run_with(*errors: vmodl.MethodFault, warnings: tuple[vmodl.MethodFault, ...] = ()) -> DryRun:
    """Return the plugin's DryRun for a vCenter result with these faults."""
    return run(lambda: [vim.vm.check.Result(error=list(errors), warning=list(warnings))])


def run(result: Callable[[], list[vim.vm.check.Result]]) -> DryRun:
    def check(*_: Any) -> SimpleNamespace:
        return SimpleNamespace(info=SimpleNamespace(state=vim.TaskInfo.State.success, result=result()))

    content = SimpleNamespace(vmProvisioningChecker=SimpleNamespace(CheckInstantClone_Task=check))
    session = cast(Session, SimpleNamespace(content=content))
    source = cast(LiveVm, SimpleNamespace(machine=vim.VirtualMachine("vm-1")))
    return dry_run(session, source, vim.vm.InstantCloneSpec())


def test_dry_run_reports_the_cause_with_its_cure_and_argument() -> None:
    assert dry_run_with(wrapped(CHAIN)) == DryRun(
        errors=(
            "SystemError: Launch failure, caused by GenericVmConfigFault: Unable to prepare migration. " + CHAIN_CURE,
        ),
        argument="instantclone.source_uuid",
    )


def test_warnings_of_a_dry_run_report_the_cause() -> None:
    assert dry_run_with(warnings=(wrapped(CHAIN),)) == DryRun(
        warnings=(
            "SystemError: Launch failure, caused by GenericVmConfigFault: Unable to prepare migration. " + CHAIN_CURE,
        )
    )


@pytest.mark.parametrize(
    ("faults", "argument"),
    [
        ((vim.fault.InvalidDatastore(), wrapped(vim.fault.NoDiskSpace())), "datastore_id"),
        ((vim.fault.InvalidDatastore(), wrapped(CHAIN)), ""),
        ((vmodl.fault.SystemError(msg="Out of luck."),), ""),
    ],
)
def test_dry_run_has_the_argument_that_all_errors_share(faults: tuple[vmodl.MethodFault, ...], argument: str) -> None:
    assert dry_run_with(*faults).argument == argument


def test_dry_run_ignores_a_name_in_use_as_a_cause() -> None:
    assert dry_run_with(vim.fault.DuplicateName(name="web"), wrapped(vim.fault.DuplicateName(name="web"))) == DryRun()


@pytest.mark.parametrize(
    ("cause", "hint"),
    [
        (vmodl.fault.MethodNotFound(msg="Unknown"), "(the method requires vCenter 6.7 or later)"),
        (vim.fault.NoPermission(msg="Denied"), "(the method requires the privilege System.View)"),
    ],
)
def test_hint_about_a_missing_dry_run_follows_the_cause(cause: vmodl.MethodFault, hint: str) -> None:
    def refuse() -> list[vim.vm.check.Result]:
        raise wrapped(cause)

    assert run(refuse).missing.endswith(hint)
