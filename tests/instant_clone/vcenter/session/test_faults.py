# SPDX-License-Identifier: MPL-2.0
"""Tests of the translation of vCenter's faults, with the faults that caused them."""

from __future__ import annotations

import pytest
from pyVmomi import SoapAdapter, vim, vmodl

from instant_clone.errors import LoginError, NotFoundError, VcenterError
from instant_clone.vcenter.session.faults import fault_chain, fault_text, find_cause, vcenter_errors

Message = vmodl.LocalizableMessage


def chain_too_long() -> vmodl.fault.SystemError:
    """Return the fault for a disk chain that is too long (VMware knowledge base, article 320221)."""
    return vmodl.fault.SystemError(
        reason="Launch failure",
        faultCause=vim.fault.GenericVmConfigFault(
            msg="Unable to prepare migration.",
            reason="Unable to prepare migration.",
            faultMessage=[Message(key="msg.migrate.prepare.failed", message="Unable to prepare migration.")],
        ),
    )


def test_text_contains_the_cause() -> None:
    assert fault_text(chain_too_long()) == (
        "SystemError: Launch failure, caused by GenericVmConfigFault: Unable to prepare migration"
    )


def test_text_contains_a_cause_that_is_nested_twice() -> None:
    inner = vim.fault.NoDiskSpace(msg="Insufficient disk space on datastore 'ssd'.", datastore="ssd")
    middle = vim.fault.GenericVmConfigFault(msg="", faultCause=inner)
    outer = vmodl.fault.SystemError(msg="A general system error occurred: Launch failure", reason="Launch failure")
    outer.faultCause = middle

    assert fault_text(outer) == (
        "SystemError: A general system error occurred: Launch failure, caused by GenericVmConfigFault, "
        "caused by NoDiskSpace: Insufficient disk space on datastore 'ssd'"
    )


def test_text_contains_the_messages_of_a_fault() -> None:
    fault = vim.fault.GenericVmConfigFault(
        msg="Unable to prepare migration.",
        faultMessage=[
            Message(key="msg.migrate.prepare.failed", message="Unable to prepare migration."),
            Message(key="msg.disk.chain", message="The disk chain has 256 levels."),
            Message(
                key="msg.disk.limit",
                arg=[vmodl.KeyAnyValue(key="1", value="255"), vmodl.KeyAnyValue(key="disk", value="golden.vmdk")],
            ),
            Message(key="msg.hbacommon.outofspace"),
        ],
    )

    assert fault_text(fault) == (
        "GenericVmConfigFault: Unable to prepare migration; The disk chain has 256 levels; "
        "msg.disk.limit (1=255, disk=golden.vmdk); msg.hbacommon.outofspace"
    )


def test_text_contains_the_messages_of_a_cause_in_an_answer_of_vcenter() -> None:
    """The text of a nested fault is in localizedMessage, beside the fault (LocalizedMethodFault in the API)."""
    sent = vim.vm.check.Result(error=[chain_too_long()])
    answer = SoapAdapter.Serialize(sent, version="vim.version.v7_0_3_0")
    (received,) = SoapAdapter.Deserialize(answer, vim.vm.check.Result).error

    assert answer.count(b"<localizedMessage>Unable to prepare migration.</localizedMessage>") == 1
    assert fault_text(received) == fault_text(chain_too_long())


def test_faults_that_cause_each_other_are_listed_once() -> None:
    first = vmodl.fault.SystemError(msg="First")
    second = vim.fault.InvalidState(msg="Second", faultCause=first)
    first.faultCause = second

    assert fault_chain(first) == (first, second)
    assert fault_text(first) == "SystemError: First, caused by InvalidState: Second"


def test_fault_without_a_cause_has_only_its_own_text() -> None:
    fault = vmodl.fault.SystemError(msg="Out of luck.", faultCause=None, faultMessage=[])
    assert fault_text(fault) == "SystemError: Out of luck"
    assert fault_chain(fault) == (fault,)


def test_none_has_an_empty_fault_chain() -> None:
    assert fault_chain(None) == ()
    assert find_cause(None, vmodl.MethodFault) is None


def test_find_cause_returns_the_innermost_fault_of_a_type() -> None:
    inner = vim.fault.InvalidPowerState(msg="off")
    outer = vim.fault.InvalidState(msg="state", faultCause=inner)

    assert find_cause(vmodl.fault.SystemError(faultCause=outer), vim.fault.InvalidState) is inner
    assert find_cause(outer, vim.fault.NoPermission) is None


def wrapped_twice(fault: vmodl.MethodFault) -> vmodl.fault.SystemError:
    return vmodl.fault.SystemError(
        reason="Launch failure", faultCause=vim.fault.GenericVmConfigFault(msg="Failed.", faultCause=fault)
    )


@pytest.mark.parametrize(
    ("fault", "kind", "text"),
    [
        (
            vim.fault.NoPermission(privilegeId="Datastore.AllocateSpace"),
            VcenterError,
            "the user lacks the privilege Datastore.AllocateSpace. Ask for the privilege, or log in as another user.",
        ),
        (
            vim.fault.InvalidLogin(msg="no"),
            LoginError,
            "vCenter refuses the user name or the password. Check VSPHERE_USER and VSPHERE_PASSWORD.",
        ),
        (vim.fault.NotAuthenticated(msg="no"), LoginError, "the session has ended. Run the command again."),
    ],
)
def test_wrapped_fault_has_the_same_error_as_the_fault_alone(
    fault: vmodl.MethodFault, kind: type[VcenterError], text: str
) -> None:
    for raised in (fault, wrapped_twice(fault)):
        with pytest.raises(kind) as caught, vcenter_errors("vcenter"):
            raise raised
        assert type(caught.value) is kind
        assert str(caught.value) == f"vcenter: {text}"


def test_missing_object_in_a_cause_is_not_a_not_found_error() -> None:
    """Callers treat NotFoundError as "the VM no longer exists", but a cause may be about another object."""
    missing = vmodl.fault.ManagedObjectNotFound(msg="Gone.", obj=vim.VirtualMachine("vm-42"))
    with pytest.raises(NotFoundError), vcenter_errors("vcenter"):
        raise missing
    with pytest.raises(VcenterError) as caught, vcenter_errors("vcenter"):
        raise wrapped_twice(missing)
    assert type(caught.value) is VcenterError
    assert str(caught.value) == (
        "vcenter: vCenter answers with SystemError: Launch failure, caused by GenericVmConfigFault: Failed, "
        "caused by ManagedObjectNotFound: Gone."
    )
