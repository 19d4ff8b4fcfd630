# SPDX-License-Identifier: MPL-2.0
"""Search for a clone whose task was lost, because the connection broke or vCenter restarted."""

from __future__ import annotations

import time

from pyVmomi import vim, vmodl

from instant_clone.vcenter.cloning.live_vm import LiveVm
from instant_clone.vcenter.session.connection import Session, read_properties
from instant_clone.vcenter.session.polling import poll
from instant_clone.vcenter.session.tasks import LOST_CONNECTION

__all__ = ["find_lost_clone", "is_cloning"]

_UNREACHABLE_SECONDS = 120
"""the maximum time without an answer from vCenter, in seconds; vCenter may be restarting"""
_SETTLE_SECONDS = 5
"""seconds to keep searching for a missing clone, because vCenter may not have received the clone request yet"""
_PAUSE_SECONDS = 1
_TASK = "VirtualMachine.instantClone"


def find_lost_clone(session: Session, source: LiveVm, uuid: str, *, seconds: float) -> vim.VirtualMachine | None:
    """Return the running clone with the BIOS UUID `uuid`, or None if vCenter does not create the clone.

    Wait while vCenter clones the source, but at most `seconds`.

    Raises:
        LOST_CONNECTION: vCenter no longer answers.
    """
    first_answer: float | None = None

    def look() -> tuple[vim.VirtualMachine | None] | None:
        nonlocal first_answer
        if (found := _running(session, uuid)) is not None:
            return (found,)
        now = time.monotonic()
        first_answer = now if first_answer is None else first_answer
        settled = now - first_answer > _SETTLE_SECONDS and not is_cloning(session, source)
        return (None,) if settled else None

    found = poll(look, pauses=_PAUSE_SECONDS, seconds=seconds, retried=LOST_CONNECTION, silence=_UNREACHABLE_SECONDS)
    return found[0] if found else None


def _running(session: Session, uuid: str) -> vim.VirtualMachine | None:
    machine = session.search_index.FindByUuid(None, uuid, True, False)
    if not isinstance(machine, vim.VirtualMachine):
        return None
    try:
        state = read_properties(session, machine, "runtime.powerState").get("runtime.powerState")
    except vmodl.fault.ManagedObjectNotFound:
        return None
    return machine if state == vim.VirtualMachine.PowerState.poweredOn else None


def is_cloning(session: Session, source: LiveVm) -> bool:
    """Return whether a task in vCenter clones the source. The task may create any clone of the source."""
    for task in read_properties(session, source.machine, "recentTask").get("recentTask") or ():
        try:
            info = task.info
        except vmodl.fault.ManagedObjectNotFound:
            continue
        under_way = info.state in (vim.TaskInfo.State.running, vim.TaskInfo.State.queued)
        if under_way and str(info.descriptionId or "").lower() == _TASK.lower():
            return True
    return False
