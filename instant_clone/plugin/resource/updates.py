# SPDX-License-Identifier: MPL-2.0
"""Updates and destroys of existing virtual machines, after a check that they are the virtual machines of the state.

Terraform does not order the destroy of a clone before the creation of another clone with the same name. It sends both
requests at the same time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from instant_clone.plugin.resource.device_matching import name_orphans
from instant_clone.plugin.resource.identity import Identities
from instant_clone.plugin.resource.prior_state import (
    first_refresh,
    is_unread,
    keeps_disks,
    restore_values,
)
from instant_clone.plugin.resource.state_reconciliation import align_existing
from instant_clone.plugin.resource.vcenter_client import VcenterClient
from instant_clone.plugin.wire.codec import NULL, changed, unpack, warning
from instant_clone.plugin.wire.tfplugin5 import ApplyRequest, ApplyResponse
from instant_clone.plugin.wire.upstream_client import StockClient
from instant_clone.plugin.wire.values import Config, Plan, State

__all__ = ["DestroyTracker", "Updates", "without_changes"]


class Updates:
    """Update and destroy the VMs of the state. The class is thread-safe.

    All methods check the VM first, and raise RefusedError or VcenterError. If the check fails, the methods change
    nothing.
    """

    def __init__(
        self, stock: StockClient, vcenter: VcenterClient, destroy_tracker: DestroyTracker, identities: Identities
    ) -> None:
        self._stock = stock
        self._vcenter = vcenter
        self._destroy_tracker = destroy_tracker
        self._identities = identities

    def update(
        self,
        request: ApplyRequest,
        prior: State,
        planned: Plan,
        config: Config,
        *,
        clone: bool,
    ) -> ApplyResponse:
        """Apply the plan for a clone. Call the stock provider only if the plan changes the VM.

        `clone` says whether the configuration still has the block instantclone.
        """
        if clone and prior.get("imported"):
            prior = align_existing(prior, config, self._vcenter.live_vm(str(prior.get("uuid")))).state
        else:
            prior = name_orphans(prior, planned).state
        if dict(prior) == dict(planned):
            return without_changes(request)
        warnings = self._identities.before_change(prior, config)
        response = self._stock.apply_change(changed(request, prior_state=prior))
        if (state := unpack(response.new_state)) is not None:
            restored = restore_values(state, planned, self._vcenter)
            response = changed(response, new_state=restored.state)
            warnings.extend(restored.diagnostics)
        response.diagnostics.extend(warnings)
        return response

    def destroy(self, request: ApplyRequest, prior: State, *, clone: bool) -> ApplyResponse:
        """Destroy a VM, unless another address of the state has adopted it.

        `clone` says whether the state has the block instantclone.
        """
        uuid = str(prior.get("uuid"))
        with self._destroy_tracker.leaving(uuid) as may_destroy:
            if may_destroy:
                warnings = self._identities.before_change(prior) if clone else []
                response = self._destroy(request, prior, clone=clone)
                response.diagnostics.extend(warnings)
                return response
        not_destroyed = warning(
            "Clone not destroyed",
            f"{prior.get('name')} (UUID {uuid}): another address of this state has adopted the clone. The clone was "
            "not destroyed, and this address was removed from the state.",
        )
        return ApplyResponse(new_state=NULL, legacy_type_system=True, diagnostics=[not_destroyed])

    def _destroy(self, request: ApplyRequest, prior: State, *, clone: bool) -> ApplyResponse:
        if clone and is_unread(prior) and keeps_disks(prior):
            read = unpack(first_refresh(prior, self._vcenter, request.provider_meta).new_state)
            if read is None:
                return ApplyResponse(new_state=NULL, legacy_type_system=True)
            request = changed(request, prior_state=read)
        return self._stock.call("ApplyResourceChange", request, ApplyResponse)


def without_changes(request: ApplyRequest) -> ApplyResponse:
    """Return the answer to a plan that changes the block only, or only values that the VM already has."""
    return ApplyResponse(new_state=request.planned_state, private=request.planned_private, legacy_type_system=True)


_AFTER_ANOTHER_SECONDS = 5
"""the time to wait for the start of a destroy after another waiting creation gave up and freed a Terraform worker"""


class DestroyTracker:
    """The UUIDs of the VMs in the state, of the VMs that are being destroyed, and of the destroyed VMs.

    The class is thread-safe.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._known: set[str] = set()
        self._leaving: set[str] = set()
        self._left: set[str] = set()
        self._taken_over: set[str] = set()
        self._busy = 0
        self._quiet_since = time.monotonic()
        self._given_up = False

    def __contains__(self, uuid: object) -> bool:
        """Return whether the state has, or had, a VM with the UUID."""
        with self._changed:
            return uuid in self._known

    def know(self, uuid: str) -> None:
        """Record a VM of the state."""
        with self._changed:
            self._known.add(uuid)

    def take_over(self, uuid: str) -> bool:
        """Record that an address of the state adopts a VM.

        Return False if another address is destroying or has destroyed the VM.
        """
        with self._changed:
            if uuid in self._leaving | self._left:
                return False
            self._known.add(uuid)
            self._taken_over.add(uuid)
            return True

    @contextmanager
    def leaving(self, uuid: str) -> Iterator[bool]:
        """Mark a VM as being destroyed within the `with` block, and as destroyed afterwards, even after an error.

        Yield False if another address has adopted the VM. In that case the caller must not destroy the VM.
        """
        with self._changed:
            self._known.add(uuid)
            may_destroy = uuid not in self._taken_over
            if may_destroy:
                self._leaving.add(uuid)
                self._changed.notify_all()
        try:
            yield may_destroy
        finally:
            with self._changed:
                if may_destroy:
                    self._leaving.discard(uuid)
                    self._left.add(uuid)
                    self._given_up = False
                    self._changed.notify_all()

    @contextmanager
    def working(self) -> Iterator[None]:
        """Count a Terraform request as active within the `with` block.

        After an active request ends, Terraform may start a destroy.
        """
        self._count(1)
        try:
            yield
        finally:
            self._count(-1)

    def wait_for(self, uuid: str, *, patience: float, seconds: float) -> bool:
        """Wait until the destroy of a VM has ended. Return False if it has not ended in time.

        Wait up to `seconds`. Give up earlier if the destroy has not started and all active requests have been waiting
        for `patience` seconds. Terraform has a limited number of workers, and it cannot start the destroy while all of
        them run creations that wait. The waiting creations give up one after another, because each of them frees one
        worker.
        """
        begin = time.monotonic()
        self._count(-1)
        try:
            with self._changed:
                while uuid not in self._left:
                    now = time.monotonic()
                    left = begin + seconds - now
                    if uuid not in self._leaving and self._busy < 1:
                        quiet = min(patience, _AFTER_ANOTHER_SECONDS) if self._given_up else patience
                        left = min(left, max(begin, self._quiet_since) + quiet - now)
                    if left <= 0:
                        # The freed worker may start a destroy, so the waiting time of the other creations restarts.
                        self._given_up, self._quiet_since = True, now
                        return False
                    self._changed.wait(left)
        finally:
            self._count(1)
        return True

    def _count(self, more: int) -> None:
        with self._changed:
            self._busy += more
            if self._busy < 1:
                self._quiet_since = max(self._quiet_since, time.monotonic())
            self._changed.notify_all()
