# SPDX-License-Identifier: MPL-2.0
"""What becomes of a VM that already has the name of a clone which is to be made.

After an interruption between cloning and writing the state, the clone is there and the state does not know it. It
carries what says whose it is, so that the next apply with the same state takes it over instead of making it again; any
other VM is left alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from instant_clone.errors import CloneError
from instant_clone.ownership import Owner
from instant_clone.plugin.resource.diagnostics import WHICH_ADDRESS, import_id
from instant_clone.plugin.resource.identity import Identities
from instant_clone.plugin.resource.updates import Departures
from instant_clone.vcenter.session.polling import poll

if TYPE_CHECKING:
    from instant_clone.vcenter.cloning.clone_task import Clone, Cloner, CloneRequest
    from instant_clone.vcenter.cloning.dry_run import Namesake
    from instant_clone.vcenter.cloning.live_vm import LiveVm

__all__ = ["Takeover", "name_is_taken"]

_PATIENCE_SECONDS = 30
"""for the destruction of a VM that has to go first to begin, while Terraform has nothing else done here"""
_SETTLE_SECONDS = 5
"""for a VM that has been destroyed to leave the inventory, and one that was made to run"""
_PAUSE_SECONDS = 0.5


class Takeover:
    """Decides about VMs with names that clones are to have. Safe for several threads."""

    def __init__(
        self, cloner: Cloner, departures: Departures, identities: Identities, *, stopped: Callable[[], bool]
    ) -> None:
        self._cloner = cloner
        self._departures = departures
        self._identities = identities
        self._stopped = stopped

    def clone_in_place(self, source: LiveVm, request: CloneRequest, owner: Owner | None) -> Clone | None:
        """The clone of `source` that `request` and `owner` describe, if it is there; None once the name is free.

        It belongs to this address then, and no other may destroy it. A VM that this apply is to destroy is waited for.
        Raises CloneError if the name is another VM's, or does not become free; RefusedError if another VM has the
        clone's UUID.
        """
        deadline = time.monotonic() + 60 * request.timeout
        lifeless_since: float | None = None
        while True:
            occupant = self._cloner.occupant(request)
            if occupant is None:
                return None
            clone, namesake = occupant
            theirs = Owner.parse(namesake.owner)
            if not namesake.uuid and time.monotonic() < deadline and self._cloner.is_cloning(source):
                # vCenter has registered a clone that is under way, and knows nothing of it yet.
                time.sleep(_PAUSE_SECONDS)
            elif clone.uuid in self._departures:
                self._wait(clone, theirs, seconds=deadline - time.monotonic())
            elif owner is None or theirs is None or not owner.is_of_the_same_member(theirs):
                raise name_is_taken(clone.inventory_path, namesake, theirs, expected=owner)
            elif owner != theirs:
                # Terraform tells of a VM under another address only when its turn comes.
                self._wait(clone, theirs, seconds=deadline - time.monotonic())
            elif namesake.running:
                # In the state it would be known by its UUID alone.
                self._identities.searched_uuid(clone.inventory_path, clone.uuid)
                if self._departures.take_over(clone.uuid):
                    return clone
            else:
                now = time.monotonic()
                # vCenter may still be making it.
                if lifeless_since is None or self._cloner.is_cloning(source):
                    lifeless_since = now
                if now > min(deadline, lifeless_since + _SETTLE_SECONDS) or self._stopped():
                    raise CloneError(
                        f"{clone.inventory_path} (UUID {clone.uuid}) is this clone, left by an apply that was "
                        "interrupted, and does not run. Remove it in vCenter, and apply again.",
                        summary="Clone does not run",
                        argument="name",
                    )
                time.sleep(_PAUSE_SECONDS)

    def _wait(self, clone: Clone, owner: Owner | None, *, seconds: float) -> None:
        """Waits until the VM with that name, which the state has, is gone. Raises CloneError if it stays."""
        if self._departures.wait_for(clone.uuid, patience=_PATIENCE_SECONDS, seconds=seconds):
            gone = poll(lambda: not self._cloner.exists(clone) or None, pauses=_PAUSE_SECONDS, seconds=_SETTLE_SECONDS)
            if gone:
                return
        of = f", made from the source {owner.source_uuid} in its generation {owner.generation}" if owner else ""
        raise CloneError(
            f"{clone.inventory_path} (UUID {clone.uuid}) still has this name{of}. If this apply is to remove it, "
            "Terraform has not come to that yet: apply again; where many members move at once, a higher -parallelism "
            "leaves it more room. If the state does not have it, because an earlier apply was interrupted, remove it "
            "in vCenter.",
            summary="Name is not free yet",
            argument="name",
        )


def name_is_taken(path: str, namesake: Namesake, owner: Owner | None, *, expected: Owner | None) -> CloneError:
    """Return the error for a clone whose name another VM has, which is a clone of `owner` if that is not None."""
    cure = (
        "If it is meant to be this one, take it into the state: terraform import ADDRESS "
        f"{import_id(path)}, {WHICH_ADDRESS}. "
    )
    if owner is not None:
        this = expected is not None and expected.state == owner.state
        # An import would be refused: the marker proves that it is another clone.
        cure = (
            f"It is the clone {owner.member} of the fleet {owner.fleet} in {'this' if this else 'another'} state "
            f"({owner.state}), made from the source {owner.source_uuid}. "
        )
        if not this:
            cure += (
                "Only if that state is lost, because Terraform was killed before or while it wrote it, make this state "
                f"its heir, and apply again: terraform import terraform_data.owner {owner.state}. "
            )
    return CloneError(
        f"There is a virtual machine {path} already, with the UUID {namesake.uuid}. {cure}"
        "Otherwise choose another name, or remove it.",
        summary="Name is taken",
        argument="name",
    )
