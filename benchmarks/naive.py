# SPDX-License-Identifier: MPL-2.0
"""Finding VMs as most scripts do, with a loop that reads a property of each, and cloning them without Terraform."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor

from pyVmomi import vim

from instant_clone.vcenter.session.connection import Session

__all__ = ["by_name", "by_uuid", "clone_all"]

_PAUSE_SECONDS = 0.05
"""between two looks at a task"""


def by_name(session: Session, names: Collection[str]) -> dict[str, list[vim.vm.ConfigInfo]]:
    """The configurations of the VMs with these names, of which there may be several with one name."""
    return _loop(session, names, lambda machine: machine.name)


def by_uuid(session: Session, uuids: Collection[str]) -> dict[str, list[vim.vm.ConfigInfo]]:
    """The configurations of the VMs with these BIOS UUIDs, of which there may be several with one UUID."""
    return _loop(session, uuids, lambda machine: _config(machine).uuid)


def clone_all(session: Session, source: str, names: Collection[str], *, threads: int) -> None:
    """Clones of the VM with the inventory path `source`, in its folder and pool, `threads` at a time.

    Raises the first fault of a task (vmodl.MethodFault).
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
    """One loop for all of them, to the last VM: one that ends sooner does not notice a second VM of that name.

    A loop for each that is looked for, as is often seen, takes as many times as long.
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
