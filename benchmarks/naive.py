"""Finding VMs as most scripts do: a container view of all VMs, and a loop that reads a property of each."""

from __future__ import annotations

from collections.abc import Callable, Collection

from pyVmomi import vim

from instant_clone.vcenter.session import Session

__all__ = ["by_name", "by_uuid"]


def by_name(session: Session, names: Collection[str]) -> dict[str, list[vim.vm.ConfigInfo]]:
    """The configurations of the VMs with these names, of which there may be several with one name."""
    return _loop(session, names, lambda machine: machine.name)


def by_uuid(session: Session, uuids: Collection[str]) -> dict[str, list[vim.vm.ConfigInfo]]:
    """The configurations of the VMs with these BIOS UUIDs, of which there may be several with one UUID."""
    return _loop(session, uuids, lambda machine: _config(machine).uuid)


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
