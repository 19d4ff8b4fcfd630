# SPDX-License-Identifier: MPL-2.0
"""Checks that the virtual machine that the stock provider finds is the virtual machine of the state.

The stock provider finds a virtual machine by its BIOS UUID only (virtual_machine_helper.go, FromUUID: one FindByUuid).
The plugin also compares the managed object id and the owner marker in extra_config. It rejects a request for a UUID
that several virtual machines have:

- A refresh reads the UUIDs of all virtual machines once.
- A change searches for its UUID directly before the change.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from cachetools import cachedmethod

from instant_clone.errors import VcenterError
from instant_clone.ownership import Owner
from instant_clone.plugin.resource.diagnostics import STATE_RM
from instant_clone.plugin.resource.vcenter_client import VcenterClient
from instant_clone.plugin.wire.codec import error, failed, warning
from instant_clone.plugin.wire.tfplugin5 import Diagnostic
from instant_clone.plugin.wire.upstream_client import RefusedError
from instant_clone.plugin.wire.values import Config, State

if TYPE_CHECKING:
    from instant_clone.vcenter.lookup.identity import IdentifiedVm

__all__ = ["Identities", "differences_from_state"]

_SINGLE_SEARCHES = 2
"""the number of refreshes per process that search for one UUID each; one read of all UUIDs sends as many requests"""
_PAGE = 'docs/life.md, "Copies, restores and test failovers"'


class Identities:
    """Compare virtual machines with the state. The class is thread-safe.

    All methods raise RefusedError with the diagnostics of a failed check.
    They raise VcenterError if vCenter rejects a request.
    """

    def __init__(self, vcenter: VcenterClient) -> None:
        self._vcenter = vcenter
        self._lock = threading.Lock()
        self._searches = 0
        self._inventories: dict[Any, Mapping[str, Sequence[str]] | VcenterError] = {}
        self._counts: dict[Any, int] = {}
        self._searching = threading.Condition()

    def before_refresh(self, name: str, uuid: str) -> None:
        """Reject the refresh of a VM or of its override if several VMs have the BIOS UUID `uuid`.

        The error message begins with `name`. The method does not send a request for each VM. Call it before the stock
        provider reads the resource. The stock provider may read another VM, and release 2.0.2 panics if that VM is a
        template.
        """
        if self._count(uuid) > 1:
            self.require_unique_uuid(name, uuid)

    def after_refresh(self, before: State, after: State) -> list[Diagnostic]:
        """Return warnings about the VM `after` that the stock provider read for the state `before`.

        Both arguments are values of vsphere_virtual_machine. The method sends requests only if the values differ.
        """
        moid = before.get("moid")
        expected, found = Owner.among(before.get("extra_config")), Owner.among(after.get("extra_config"))
        same_owner = expected is None or found is None or expected.is_of_the_same_member(found)
        if moid in (None, after.get("moid")) and same_owner:
            return []
        vms = self._vcenter.cloner().vms_with_uuid(str(after.get("uuid")))
        return _require(differences_from_state(vms, before) or _changed_meanwhile(vms, after))

    def before_change(self, prior: State, config: Config | None = None) -> list[Diagnostic]:
        """Check the VM of the state `prior` directly before a change or a destroy. Return warnings.

        `config` has the owner marker that the change writes to the VM. The method sends two requests.
        """
        found = self._vcenter.cloner().vms_with_uuid(str(prior.get("uuid")))
        expected = Owner.among(config.get("extra_config")) if config is not None else None
        return _require(differences_from_state(found, prior, expected=expected))

    def require_unique_uuid(self, name: str, uuid: str) -> None:
        """Reject a change if several VMs have the UUID now. The error message begins with `name`.

        The method sends two requests.
        """
        found = self._vcenter.cloner().vms_with_uuid(uuid)
        if len(found) > 1:
            raise RefusedError([_not_unique(name, uuid, found)])

    @cachedmethod(attrgetter("_counts"), key=lambda _, uuid: uuid.lower(), condition=attrgetter("_searching"))
    def _count(self, uuid: str) -> int:
        """Return the number of VMs that had the UUID at the first call in this process."""
        with self._lock:
            self._searches += 1
            single = self._searches <= _SINGLE_SEARCHES
        cloner = self._vcenter.cloner()
        if single:
            return len(cloner.vms_with_uuid(uuid))
        inventory = self._inventory()
        if isinstance(inventory, VcenterError):
            raise inventory
        return len(inventory.get(uuid.lower(), ()))

    @cachedmethod(attrgetter("_inventories"), condition=attrgetter("_searching"))
    def _inventory(self) -> Mapping[str, Sequence[str]] | VcenterError:
        """Return the managed object ids by UUID, or the error that prevents the read.

        The method returns an error, so that the error is cached. If the method raised it, each waiting refresh would
        repeat the request.
        """
        try:
            return self._vcenter.cloner().moids_by_uuid()
        except VcenterError as failure:
            return failure


def differences_from_state(
    found: Sequence[IdentifiedVm], state: State, *, expected: Owner | None = None
) -> list[Diagnostic]:
    """Return errors and warnings about the VMs `found`, which have the UUID of `state`.

    The function compares their managed object ids and owner markers with those of `state`. `expected` is the owner in
    the configuration. It is needed because an imported state has no marker, and because an interrupted change may
    already have written the new marker. An empty `found` is not a difference, because the stock provider handles a VM
    that no longer exists.
    """
    name, uuid, moid = str(state.get("name")), str(state.get("uuid")), state.get("moid")
    owners = [owner for owner in (Owner.among(state.get("extra_config")), expected) if owner is not None]
    if len(found) > 1:
        return [_not_unique(name, uuid, found)]
    if not found:
        return []
    (vm,) = found
    marked = Owner.parse(vm.marker)
    if marked and not any(owner.is_of_the_same_member(marked) for owner in owners):
        return [_another_owner(vm, owners[0], marked) if owners else _unverified_owner(vm, marked)]
    if moid in (None, vm.moid):
        return []
    if marked:
        return [_registered_again(name, vm, str(moid))]
    return [_another_vm(name, uuid, vm, str(moid))]


def _require(diagnostics: list[Diagnostic]) -> list[Diagnostic]:
    """Return the diagnostics if they are all warnings. Raise RefusedError if one of them is an error."""
    if failed(diagnostics):
        raise RefusedError(diagnostics)
    return diagnostics


def _not_unique(name: str, uuid: str, found: Sequence[IdentifiedVm]) -> Diagnostic:
    lines = "\n".join(f"  {vm}" for vm in found)
    return error(
        "BIOS UUID is not unique",
        f"{name}: {len(found)} virtual machines have the BIOS UUID {uuid}:\n{lines}\n"
        "The stock provider finds a virtual machine by this UUID and could use any of them, so nothing was changed. "
        f"Remove the copy from the inventory, or power it off and change its UUID ({_PAGE}). Then run the "
        "command again.",
    )


def _another_owner(vm: IdentifiedVm, expected: Owner, owner: Owner) -> Diagnostic:
    return error(
        "Virtual machine has another owner",
        f"{vm.path} ({vm.moid}): its owner marker names the clone {owner.member} of the fleet {owner.fleet} in the "
        f"state {owner.state}. This address belongs to the clone {expected.member} of the fleet {expected.fleet} "
        f"in the state {expected.state}. Nothing was changed. To remove the virtual machine from this state without "
        f"changing it, run {STATE_RM}.",
    )


def _unverified_owner(vm: IdentifiedVm, owner: Owner) -> Diagnostic:
    return error(
        "Virtual machine has another owner",
        f"{vm.path} ({vm.moid}): its owner marker names the clone {owner.member} of the fleet {owner.fleet} in the "
        f"state {owner.state}. This address has no marker for a comparison, because it was imported or its "
        "configuration has no marker. Nothing was changed. If this is an imported clone of this state, run an apply "
        "that does not destroy it: the apply compares the markers. If it is not, remove the virtual machine from this "
        f"state without changing it: {STATE_RM}.",
    )


def _another_vm(name: str, uuid: str, vm: IdentifiedVm, moid: str) -> Diagnostic:
    return error(
        "Another virtual machine has this UUID",
        f"{name}: the state contains the virtual machine {moid}, but the only virtual machine with its BIOS UUID "
        f"{uuid} is {vm}. Nothing was changed. Remove the clone from the state: {STATE_RM}. If the virtual machine is "
        f"the clone itself and was registered again, import it afterwards ({_PAGE}).",
    )


def _registered_again(name: str, vm: IdentifiedVm, moid: str) -> Diagnostic:
    return warning(
        "Clone was registered again",
        f"{name}: the state contains the virtual machine {moid}, but the only virtual machine with its BIOS UUID and "
        f"its owner marker is {vm}. The clone was removed from the inventory and registered again. The state now "
        "contains the new managed object id. If the clone was powered off in the meantime, it no longer shares memory "
        f"with its source ({_PAGE}).",
    )


def _changed_meanwhile(found: Sequence[IdentifiedVm], after: State) -> list[Diagnostic]:
    """Return the error for a VM that lost its UUID while the stock provider read it."""
    if found and after.get("moid") in (None, found[0].moid):
        return []
    now = f"{found[0]} has its BIOS UUID now" if found else "no virtual machine has its BIOS UUID now"
    return [
        error(
            "Another virtual machine was read",
            f"{after.get('name')}: the stock provider read the virtual machine {after.get('moid')}, but {now}. "
            "Nothing was changed. Run the command again.",
        )
    ]
