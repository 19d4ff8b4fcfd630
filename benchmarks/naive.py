# SPDX-License-Identifier: MPL-2.0
"""The usual script: find VMs with a loop that reads a property of each VM, and clone them without Terraform."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor

from pyVmomi import vim

from instant_clone.vcenter.session.connection import Session

__all__ = ["by_name", "by_uuid", "clone_all"]

_PAUSE_SECONDS = 0.05
"""the pause between two reads of a task's state"""


def by_name(session: Session, names: Collection[str]) -> dict[str, list[vim.vm.ConfigInfo]]:
    """Return the configurations of the VMs with these names, by name. Several VMs can have the same name."""
    return _loop(session, names, lambda machine: machine.name)


def by_uuid(session: Session, uuids: Collection[str]) -> dict[str, list[vim.vm.ConfigInfo]]:
    """Return the configurations of the VMs with these BIOS UUIDs, by UUID. Several VMs can have the same UUID."""
    return _loop(session, uuids, lambda machine: _config(machine).uuid)


def clone_all(session: Session, source: str, names: Collection[str], *, threads: int) -> None:
    """Clone the VM with the inventory path `source` into the same folder and resource pool, `threads` clones at a time.

    Raises:
        vmodl.MethodFault: The first fault of a clone task.
    """
    index = session.content.searchIndex
    assert index is not None
    machine = index.FindByInventoryPath(source)
    assert isinstance(machine, vim.VirtualMachine)
    folder, pool = machine.parent, machine.resourcePool
    assert isinstance(folder, vim.Folder)

    def clone(name: str) -> None:
        location = vim.vm.RelocateSpec(folder=folder, pool=pool)
        task = machine.InstantClone_Task(vim.vm.InstantCloneSpec(name=name, location=location))
        while (info := task.info).state in (vim.TaskInfo.State.queued, vim.TaskInfo.State.running):
            time.sleep(_PAUSE_SECONDS)
        if info.error is not None:
            raise info.error

    with ThreadPoolExecutor(threads) as pool_of_threads:
        for _ in pool_of_threads.map(clone, names):
            pass


def _loop(
    session: Session, wanted: Collection[str], of: Callable[[vim.VirtualMachine], str]
) -> dict[str, list[vim.vm.ConfigInfo]]:
    """Return the configurations of all VMs for which `of` returns a value in `wanted`, by that value.

    One loop over all VMs searches for all wanted values. It does not stop at the first match, because it must detect a
    second VM with the same value. Many scripts use a separate loop for each wanted VM, which multiplies the time.
    """
    manager = session.content.viewManager
    assert manager is not None
    view = manager.CreateContainerView(session.content.rootFolder, [vim.VirtualMachine], recursive=True)
    found: dict[str, list[vim.vm.ConfigInfo]] = {each: [] for each in wanted}
    for machine in view.view:
        assert isinstance(machine, vim.VirtualMachine)
        value = of(machine)
        if value in found:
            found[value].append(_config(machine))
    view.Destroy()
    return found


def _config(machine: vim.VirtualMachine) -> vim.vm.ConfigInfo:
    config = machine.config
    assert config is not None
    return config
