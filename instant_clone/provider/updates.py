# SPDX-License-Identifier: MPL-2.0
"""Updates and destruction of existing virtual machines, after a check that they are those of the state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from instant_clone.provider.departures import Departures
from instant_clone.provider.identity import Identities
from instant_clone.provider.messages import ApplyRequest, ApplyResponse
from instant_clone.provider.prior_state import align_imported, name_prior_orphans, restore_values
from instant_clone.provider.sources import Sources
from instant_clone.provider.stock_client import StockClient
from instant_clone.provider.unread import is_unread, keeps_disks, read_first
from instant_clone.provider.values import NULL, unpack, warning

__all__ = ["Updates", "without_changes"]


class Updates:
    """Changes VMs that the state has. Safe for several threads.

    All methods raise RefusedError and VcenterError. They check the VM first: an error of this check means no change.
    """

    def __init__(self, stock: StockClient, sources: Sources, departures: Departures, identities: Identities) -> None:
        self._stock = stock
        self._sources = sources
        self._departures = departures
        self._identities = identities

    def update(
        self,
        request: ApplyRequest,
        prior: Mapping[str, Any],
        planned: Mapping[str, Any],
        config: Mapping[str, Any],
        *,
        clone: bool,
    ) -> ApplyResponse:
        """Carry out the plan for a clone. The stock provider is not called for a plan without changes of the VM.

        `clone` is whether the configuration still has our block.
        """
        if clone and prior.get("imported"):
            align_imported(request.prior_state, prior, config, self._sources)
        else:
            name_prior_orphans(request.prior_state, prior, planned)
        if unpack(request.prior_state) == planned:
            return without_changes(request)
        different = self._identities.before_change(prior, config)
        response = self._stock.apply_change(request)
        response.diagnostics.extend(different)
        if (state := unpack(response.new_state)) is not None:
            response.diagnostics.extend(restore_values(response.new_state, state, planned, self._sources)[1])
        return response

    def destroy(self, request: ApplyRequest, prior: Mapping[str, Any], *, clone: bool) -> ApplyResponse:
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

    def _destroy(self, request: ApplyRequest, prior: Mapping[str, Any], *, clone: bool) -> ApplyResponse:
        if clone and is_unread(prior) and keeps_disks(prior):
            request.prior_state.CopyFrom(read_first(prior, self._stock, self._sources, request.provider_meta).new_state)
            if unpack(request.prior_state) is None:
                return ApplyResponse(new_state=NULL, legacy_type_system=True)
        return self._stock.call("ApplyResourceChange", request, ApplyResponse)


def without_changes(request: ApplyRequest) -> ApplyResponse:
    """Return the answer to a plan that changes only the block, or values that the VM has already."""
    return ApplyResponse(new_state=request.planned_state, private=request.planned_private, legacy_type_system=True)
