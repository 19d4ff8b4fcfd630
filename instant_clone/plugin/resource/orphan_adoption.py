# SPDX-License-Identifier: MPL-2.0
"""Adoption of an existing VM that has the name of a planned clone.

If an apply is interrupted after it cloned the source and before it wrote the state, the clone is in vCenter only. Its
extra_config contains an owner marker. The next apply with the same state adopts the clone and does not create another.
The plugin never adopts a VM with another marker or without a marker.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from instant_clone.errors import CloneError
from instant_clone.ownership import Owner
from instant_clone.plugin.resource.diagnostics import WHICH_ADDRESS, import_id
from instant_clone.plugin.resource.identity import Identities
from instant_clone.plugin.resource.updates import DestroyTracker
from instant_clone.vcenter.session.polling import poll

if TYPE_CHECKING:
    from instant_clone.vcenter.cloning.clone_task import Clone, Cloner, CloneRequest
    from instant_clone.vcenter.cloning.dry_run import Namesake
    from instant_clone.vcenter.cloning.live_vm import LiveVm

__all__ = ["OrphanAdoption", "name_in_use_error"]

_PATIENCE_SECONDS = 30
"""the time to wait for the start of a destroy while Terraform sends no other request to the plugin"""
_SETTLE_SECONDS = 5
"""the time to wait until a destroyed VM leaves the inventory, or until a new clone is powered on"""
_PAUSE_SECONDS = 0.5


class OrphanAdoption:
    """Adopt existing clones, and wait for VMs that still have the name of a planned clone. The class is thread-safe."""

    def __init__(
        self, cloner: Cloner, destroy_tracker: DestroyTracker, identities: Identities, *, stopped: Callable[[], bool]
    ) -> None:
        self._cloner = cloner
        self._destroy_tracker = destroy_tracker
        self._identities = identities
        self._stopped = stopped

    def occupied(self, request: CloneRequest, source_folder: str) -> CloneRequest | None:
        """Return the request for the folder in which a VM has the name of the requested clone, or None.

        Use this method after vCenter has reported that the name is in use. vCenter may not heed the requested folder.
        The method therefore also searches the datacenter's VM folder and `source_folder`, the folder of the source.
        """
        places = [replace(request, folder=folder) for folder in dict.fromkeys((request.folder, "", source_folder))]
        return next((place for place in places if self._cloner.occupant(place) is not None), None)

    def clone_in_place(self, source: LiveVm, request: CloneRequest, owner: Owner | None) -> Clone | None:
        """Return the existing clone of `source` for `request` and `owner`, or None when the name is free.

        The returned clone belongs to this address, and no other address may destroy it. If this apply
        destroys the VM that has the name, the method waits until that VM no longer exists.

        Raises:
            CloneError: another VM has the name, or the name does not become free in time.
            RefusedError: another VM has the clone's UUID.
        """
        deadline = time.monotonic() + 60 * request.timeout
        powered_off_since: float | None = None
        while True:
            occupant = self._cloner.occupant(request)
            if occupant is None:
                return None
            clone, namesake = occupant
            existing_owner = Owner.parse(namesake.owner)
            if not namesake.uuid and time.monotonic() < deadline and self._cloner.is_cloning(source):
                # vCenter has registered the VM of a running clone task and does not report its properties yet.
                time.sleep(_PAUSE_SECONDS)
            elif clone.uuid in self._destroy_tracker:
                self._wait(clone, existing_owner, seconds=deadline - time.monotonic())
            elif owner is None or existing_owner is None or not owner.is_of_the_same_member(existing_owner):
                raise name_in_use_error(clone.inventory_path, namesake, existing_owner, expected=owner)
            elif owner != existing_owner:
                # Terraform sends the destroy of a VM at another address only when a worker is free for it.
                self._wait(clone, existing_owner, seconds=deadline - time.monotonic())
            elif namesake.running:
                # The stock provider identifies a VM in the state by its UUID only.
                self._identities.require_unique_uuid(clone.inventory_path, clone.uuid)
                if self._destroy_tracker.take_over(clone.uuid):
                    return clone
            else:
                now = time.monotonic()
                # vCenter may still be creating the clone.
                if powered_off_since is None or self._cloner.is_cloning(source):
                    powered_off_since = now
                if now > min(deadline, powered_off_since + _SETTLE_SECONDS) or self._stopped():
                    raise CloneError(
                        f"{clone.inventory_path} (UUID {clone.uuid}): an interrupted apply created this clone, and it "
                        "is not running. Delete it in vCenter and apply again.",
                        summary="Clone is not running",
                        argument="name",
                    )
                time.sleep(_PAUSE_SECONDS)

    def _wait(self, clone: Clone, owner: Owner | None, *, seconds: float) -> None:
        """Wait until the VM no longer exists. Raise CloneError if it still exists after `seconds`."""
        if self._destroy_tracker.wait_for(clone.uuid, patience=_PATIENCE_SECONDS, seconds=seconds):
            gone = poll(lambda: not self._cloner.exists(clone) or None, pauses=_PAUSE_SECONDS, seconds=_SETTLE_SECONDS)
            if gone:
                return
        origin = f" (source {owner.source_uuid}, generation {owner.generation})" if owner else ""
        raise CloneError(
            f"{clone.inventory_path} (UUID {clone.uuid}): the virtual machine still has the clone's name{origin}. If "
            "this apply destroys the virtual machine, Terraform has not started the destroy yet: apply again. If "
            "many members exchange names at once, increase -parallelism to give Terraform workers for the destroys. If "
            "the virtual machine is not in the state because an earlier apply was interrupted, delete it in vCenter.",
            summary="Name is still in use",
            argument="name",
        )


def name_in_use_error(path: str, namesake: Namesake, owner: Owner | None, *, expected: Owner | None) -> CloneError:
    """Return the error for a planned clone if another VM already has its name.

    `owner` is the owner in the marker of that VM, or None without a marker.
    """
    remedy = (
        "If this virtual machine is the clone, import it: terraform import ADDRESS "
        f"{import_id(path)}, {WHICH_ADDRESS}. "
    )
    if owner is not None:
        this = expected is not None and expected.state == owner.state
        # The plugin would reject an import, because the marker proves that the VM is another clone.
        remedy = (
            f"It is the clone {owner.member} of the fleet {owner.fleet} in {'this' if this else 'another'} state "
            f"({owner.state}), created from the source {owner.source_uuid}. "
        )
        if not this:
            remedy += (
                "If that state is lost because Terraform was killed before or while it wrote the state, transfer the "
                f"ownership to this state: terraform import terraform_data.owner {owner.state}. Then apply again. Do "
                "this only if the other state is lost. "
            )
    return CloneError(
        f"{path}: a virtual machine with this name already exists, with the UUID {namesake.uuid}. {remedy}"
        "Otherwise choose another name, or delete the virtual machine.",
        summary="Name already in use",
        argument="name",
    )
