# SPDX-License-Identifier: MPL-2.0
"""Updates and destruction of existing virtual machines, after a check that they are those of the state.

Terraform orders nothing between a clone that gives a name up and one that takes it over: both are under way at once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from instant_clone.plugin.resource.device_matching import name_orphans
from instant_clone.plugin.resource.identity import Identities
from instant_clone.plugin.resource.prior_state import (
    is_unread,
    keeps_disks,
    read_first,
    restore_values,
)
from instant_clone.plugin.resource.state_reconciliation import align_existing
from instant_clone.plugin.resource.vcenter_client import VcenterClient
from instant_clone.plugin.wire.codec import NULL, changed, unpack, warning
from instant_clone.plugin.wire.tfplugin5 import ApplyRequest, ApplyResponse
from instant_clone.plugin.wire.upstream_client import StockClient
from instant_clone.plugin.wire.values import Config, Plan, State

__all__ = ["Departures", "Updates", "without_changes"]


class Updates:
    """Changes VMs that the state has. Safe for several threads.

    All methods raise RefusedError and VcenterError. They check the VM first: an error of this check means no change.
    """

    def __init__(
        self, stock: StockClient, vcenter: VcenterClient, departures: Departures, identities: Identities
    ) -> None:
        self._stock = stock
        self._vcenter = vcenter
        self._departures = departures
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
        """Carry out the plan for a clone. The stock provider is not called for a plan without changes of the VM.

        `clone` is whether the configuration still has our block.
        """
        if clone and prior.get("imported"):
            prior = align_existing(prior, config, self._vcenter.live_vm(str(prior.get("uuid")))).state
        else:
            prior = name_orphans(prior, planned).state
        if dict(prior) == dict(planned):
            return without_changes(request)
        said = self._identities.before_change(prior, config)
        response = self._stock.apply_change(changed(request, prior_state=prior))
        if (state := unpack(response.new_state)) is not None:
            restored = restore_values(state, planned, self._vcenter)
            response = changed(response, new_state=restored.state)
            said.extend(restored.diagnostics)
        response.diagnostics.extend(said)
        return response

    def destroy(self, request: ApplyRequest, prior: State, *, clone: bool) -> ApplyResponse:
        """Destroy a VM, unless another address of the state has it now; `clone` is whether the state has our block."""
        uuid = str(prior.get("uuid"))
        with self._departures.leaving(uuid) as may_go:
            if may_go:
                different = self._identities.before_change(prior) if clone else []
                response = self._destroy(request, prior, clone=clone)
                response.diagnostics.extend(different)
                return response
        kept = warning(
            "Clone kept",
            f"{prior.get('name')} (UUID {uuid}) belongs to another address of this state now, which has taken it over. "
            "It only leaves this one.",
        )
        return ApplyResponse(new_state=NULL, legacy_type_system=True, diagnostics=[kept])

    def _destroy(self, request: ApplyRequest, prior: State, *, clone: bool) -> ApplyResponse:
        if clone and is_unread(prior) and keeps_disks(prior):
            read = unpack(read_first(prior, self._stock, self._vcenter, request.provider_meta).new_state)
            if read is None:
                return ApplyResponse(new_state=NULL, legacy_type_system=True)
            request = changed(request, prior_state=read)
        return self._stock.call("ApplyResourceChange", request, ApplyResponse)


def without_changes(request: ApplyRequest) -> ApplyResponse:
    """Return the answer to a plan that changes only the block, or values that the VM has already."""
    return ApplyResponse(new_state=request.planned_state, private=request.planned_private, legacy_type_system=True)


_AFTER_ANOTHER_SECONDS = 5
"""for a departure to begin, once somebody who waited for another one has made room for it by giving up"""


class Departures:
    """Which VMs Terraform knows, by UUID, and which of them are being destroyed. Safe for several threads."""

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
        """Whether the state has, or had, a VM with that UUID."""
        with self._changed:
            return uuid in self._known

    def know(self, uuid: str) -> None:
        """Notes a VM that the state has."""
        with self._changed:
            self._known.add(uuid)

    def take_over(self, uuid: str) -> bool:
        """Notes a VM that an address of the state takes over; False if another address is destroying it, or has."""
        with self._changed:
            if uuid in self._leaving | self._left:
                return False
            self._known.add(uuid)
            self._taken_over.add(uuid)
            return True

    @contextmanager
    def leaving(self, uuid: str) -> Iterator[bool]:
        """Within the block, that VM is being destroyed; what comes of it does not matter here.

        It gets False if another address has taken the VM over, which must not be destroyed then.
        """
        with self._changed:
            self._known.add(uuid)
            may_go = uuid not in self._taken_over
            if may_go:
                self._leaving.add(uuid)
                self._changed.notify_all()
        try:
            yield may_go
        finally:
            with self._changed:
                if may_go:
                    self._leaving.discard(uuid)
                    self._left.add(uuid)
                    self._given_up = False
                    self._changed.notify_all()

    @contextmanager
    def working(self) -> Iterator[None]:
        """Within the block, Terraform is being served, which may let it begin with a departure next."""
        self._count(1)
        try:
            yield
        finally:
            self._count(-1)

    def wait_for(self, uuid: str, *, patience: float, seconds: float) -> bool:
        """Waits until an attempt to destroy that VM has ended; False if it does not.

        That may take as many `seconds`, but has to begin before for `patience` seconds everybody who works has waited:
        Terraform has so many hands, and when all of them hold creations that wait, it never begins. Those who wait give
        up one after the other, since each that does lends Terraform a hand.
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
                        # The others get their time from now on.
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
