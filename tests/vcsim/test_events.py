# SPDX-License-Identifier: MPL-2.0
"""Tests of the events and tasks of instant clones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pyVmomi import vim

from tests.conftest import StartSimulator
from tests.vcsim.client import Client, clone, fault_of, result, spec

pytestmark = pytest.mark.simulator

PREFIX = "com.vmware.vc."
BEGUN, CLONED, FAILED = "VmBeginInstantCloneEvent", "VmInstantClonedEvent", "VmInstantCloneFailedEvent"


@pytest.fixture(scope="module")
def client(start_simulator: StartSimulator) -> Iterator[Client]:
    with Client(start_simulator("-vm", 0)) as client:
        yield client


def events(client: Client, vm: Any) -> list[Any]:
    """Return the events of a VM that are about instant clones, in order."""
    found = client.content.eventManager.QueryEvents(
        vim.event.EventFilterSpec(
            entity=vim.event.EventFilterSpec.ByEntity(entity=vm, recursion="self"),
            eventTypeId=[PREFIX + name for name in (BEGUN, CLONED, FAILED)],
        )
    )
    return sorted(found, key=lambda event: int(event.key))


def event_fields(event: Any) -> tuple[str, str, str, list[tuple[str, str]]]:
    """Return the type, the severity, the message and the arguments of an event."""
    arguments = [(argument.key, argument.value) for argument in event.arguments]
    return event.eventTypeId.removeprefix(PREFIX), event.severity, event.fullFormattedMessage, arguments


def test_successful_clone_has_one_event_of_the_source_and_one_of_the_clone(client: Client) -> None:
    source = client.vm("golden-web")
    host = source.runtime.host.name

    made = clone(source, "announced")

    assert [event_fields(event) for event in events(client, source)] == [
        (
            BEGUN,
            "info",
            f"Executing Instant Clone of golden-web on {host} to announced",
            [("destVmName", "announced")],
        )
    ]
    assert [event_fields(event) for event in events(client, made)] == [
        (CLONED, "info", f"Instant Clone of golden-web on {host} has completed", [("srcVmName", "golden-web")])
    ]


def test_failed_clone_has_an_event_with_the_fault(client: Client) -> None:
    source = client.vm("golden-off")

    assert fault_of(lambda: source.InstantClone_Task(spec("refused"))) == "InvalidPowerState"

    begun, failed = events(client, source)
    kind, severity, _, arguments = event_fields(failed)
    assert begun.eventTypeId == PREFIX + BEGUN
    assert (kind, severity, arguments) == (FAILED, "error", [("destVmName", "refused")])
    assert isinstance(failed.fault, vim.fault.InvalidPowerState)


def test_tasks_have_the_keys_of_vcenter(client: Client) -> None:
    source = client.vm("golden-web")
    dry_run = client.content.vmProvisioningChecker.CheckInstantClone_Task(source, spec("checked"))
    task = source.InstantClone_Task(spec("keyed"))
    result(dry_run)
    result(task)

    assert dry_run.info.descriptionId == "vm.check.ProvisioningChecker.checkInstantClone"
    assert task.info.descriptionId == "VirtualMachine.instantClone"
    assert dry_run.info.entity == source
