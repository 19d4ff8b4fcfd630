# SPDX-License-Identifier: MPL-2.0
"""Proof that the virtual machine that the stock provider finds is the one that the state means.

The stock provider finds a virtual machine by its BIOS UUID alone (virtual_machine_helper.go, FromUUID: one FindByUuid).
Here its managed object id and the owner marker in its extra_config are compared as well, and a UUID that occurs twice
ends the request: for a refresh by one read of all UUIDs, for a change by a search right before it.
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
"""the refreshes of a process that search for their own UUID: reading all UUIDs takes as many requests"""
_PAGE = 'docs/life.md, "Copies, restores and test failovers"'


class Identities:
    """Compares virtual machines with the state. Safe for several threads.

    All methods raise RefusedError with what is wrong, and VcenterError.
    """

    def __init__(self, vcenter: VcenterClient) -> None:
        self._vcenter = vcenter
        self._lock = threading.Lock()
        self._searches = 0
        self._inventories: dict[Any, Mapping[str, Sequence[str]] | VcenterError] = {}
        self._counts: dict[Any, int] = {}
        self._searching = threading.Condition()

    def before_refresh(self, name: str, uuid: str) -> None:
        """Refuse the refresh of a resource that is, or refers to, a VM whose UUID other VMs have.

        `name` is the object of the message. No request per VM. To be asked before the stock provider is, which may
        take another VM, and ends with a panic if that is a template (release 2.0.2).
        """
        if self._count(uuid) > 1:
            self.searched_uuid(name, uuid)

    def after_refresh(self, before: State, after: State) -> list[Diagnostic]:
        """Return warnings about a VM that the stock provider read, `after`, for the state `before`.

        Both are values of vsphere_virtual_machine. No request, unless something is wrong.
        """
        moid = before.get("moid")
        expected, found = Owner.among(before.get("extra_config")), Owner.among(after.get("extra_config"))
        same_owner = expected is None or found is None or expected.is_of_the_same_member(found)
        if moid in (None, after.get("moid")) and same_owner:
            return []
        vms = self._vcenter.cloner().vms_with_uuid(str(after.get("uuid")))
        return _require(differences_from_state(vms, before) or _changed_meanwhile(vms, after))

    def before_change(self, prior: State, config: Config | None = None) -> list[Diagnostic]:
        """Return warnings about the VM that the state `prior` means, right before it is changed or destroyed.

        `config` has the marker that the VM is to have. Two requests.
        """
        found = self._vcenter.cloner().vms_with_uuid(str(prior.get("uuid")))
        expected = Owner.among(config.get("extra_config")) if config is not None else None
        return _require(differences_from_state(found, prior, expected=expected))

    def searched_uuid(self, name: str, uuid: str) -> None:
        """Refuse a change if at this moment several VMs have the UUID; `name` is the object of the message.

        Two requests.
        """
        found = self._vcenter.cloner().vms_with_uuid(uuid)
        if len(found) > 1:
            raise RefusedError([_not_unique(name, uuid, found)])

    @cachedmethod(attrgetter("_counts"), key=lambda _, uuid: uuid.lower(), condition=attrgetter("_searching"))
    def _count(self, uuid: str) -> int:
        """The number of VMs that have the UUID, as of this process's first look."""
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
        """The managed object ids by UUID, or why they cannot be read: each refresh that waits would try again."""
        try:
            return self._vcenter.cloner().moids_by_uuid()
        except VcenterError as failure:
            return failure


def differences_from_state(
    found: Sequence[IdentifiedVm], state: State, *, expected: Owner | None = None
) -> list[Diagnostic]:
    """Compare the VMs that have the UUID of `state` with the VM that it means. Return errors and warnings.

    `expected` is the owner in the configuration. An imported state has no marker, and an interrupted change may have
    written the new one already. No VM at all is no difference: the stock provider handles a VM that is gone.
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
        return [_another_owner(vm, owners[0], marked) if owners else _unproved_owner(vm, marked)]
    if moid in (None, vm.moid):
        return []
    if marked:
        return [_registered_again(name, vm, str(moid))]
    return [_another_vm(name, uuid, vm, str(moid))]


def _require(diagnostics: list[Diagnostic]) -> list[Diagnostic]:
    """Return warnings. Raise RefusedError if there is an error."""
    if failed(diagnostics):
        raise RefusedError(diagnostics)
    return diagnostics


def _not_unique(name: str, uuid: str, found: Sequence[IdentifiedVm]) -> Diagnostic:
    lines = "\n".join(f"  {vm}" for vm in found)
    return error(
        "BIOS UUID is not unique",
        f"{name}: {len(found)} virtual machines have the BIOS UUID {uuid}:\n{lines}\n"
        "The stock provider finds a virtual machine by this UUID and could take any of them, so nothing was changed. "
        f"Remove the copy from the inventory, or give it a UUID of its own while it is off ({_PAGE}). Then run the "
        "command again.",
    )


def _another_owner(vm: IdentifiedVm, expected: Owner, owner: Owner) -> Diagnostic:
    return error(
        "Virtual machine has another owner",
        f"{vm.path} ({vm.moid}): its marker names the clone {owner.member} of the fleet {owner.fleet} in the state "
        f"{owner.state}, and this address holds the clone {expected.member} of the fleet {expected.fleet} in the state "
        f"{expected.state}. Nothing was changed. Take the virtual machine out of this state, which leaves it as it is: "
        f"{STATE_RM}.",
    )


def _unproved_owner(vm: IdentifiedVm, owner: Owner) -> Diagnostic:
    return error(
        "Virtual machine has another owner",
        f"{vm.path} ({vm.moid}): its marker names the clone {owner.member} of the fleet {owner.fleet} in the state "
        f"{owner.state}, and this address has no marker to compare it with, because it was imported or its "
        "configuration has none. Nothing was changed. A clone of this state that was imported is compared by an apply: "
        "run one without destroying it. Else take the virtual machine out of this state, which leaves it as it is: "
        f"{STATE_RM}.",
    )


def _another_vm(name: str, uuid: str, vm: IdentifiedVm, moid: str) -> Diagnostic:
    return error(
        "Another virtual machine has this UUID",
        f"{name}: the state means the virtual machine {moid}, and the only one with its BIOS UUID {uuid} is "
        f"{vm}. Nothing was changed. If this is a copy of the clone, take the clone out of the state: "
        f"{STATE_RM}. If it is the clone itself, registered again, import it after "
        f"that ({_PAGE}).",
    )


def _registered_again(name: str, vm: IdentifiedVm, moid: str) -> Diagnostic:
    return warning(
        "Clone was registered again",
        f"{name}: the state means the virtual machine {moid}, and {vm} carries the clone's marker and is "
        "the only one with its BIOS UUID. It was removed from the inventory and registered again. The state follows "
        f"it. A clone that was powered off meanwhile shares no memory with its source any more ({_PAGE}).",
    )


def _changed_meanwhile(found: Sequence[IdentifiedVm], after: State) -> list[Diagnostic]:
    """The error for a VM that the stock provider read and that has its UUID no longer."""
    if found and after.get("moid") in (None, found[0].moid):
        return []
    now = f"{found[0]} has its BIOS UUID now" if found else "no virtual machine has its BIOS UUID now"
    return [
        error(
            "Another virtual machine was read",
            f"{after.get('name')}: the stock provider read the virtual machine {after.get('moid')}, and {now}. "
            "Nothing was changed. Run the command again.",
        )
    ]
