"""The resource `vsphere_virtual_machine` with the block `instantclone`.

Every request about the resource passes here: the block is taken out before the stock provider sees a value, and put
back into what comes from it. A resource without the block behaves as the stock provider's.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from typing import Any

from instant_clone.provider.alignment import align
from instant_clone.provider.creation import Creation, orphaned_disks
from instant_clone.provider.messages import (
    ApplyRequest,
    ApplyResponse,
    DynamicValue,
    GetSchemaResponse,
    ImportRequest,
    ImportResponse,
    PlanRequest,
    PlanResponse,
    ReadRequest,
    ReadResponse,
    UpgradeRequest,
    UpgradeResponse,
    ValidateRequest,
    ValidateResponse,
)
from instant_clone.provider.proposal import proposed_new
from instant_clone.provider.sources import Sources
from instant_clone.provider.stock_client import StockClient
from instant_clone.provider.values import (
    BLOCK,
    RESOURCE,
    InstantCloneBlock,
    attribute_path,
    error,
    failed,
    pack,
    put_block,
    take_block,
    unpack,
)
from instant_clone.versions import ProviderVersion

__all__ = ["VirtualMachine", "add_block"]

_EXCLUSIVE = ("clone", "ovf_deploy")
_LIST = 2


def add_block(schemas: GetSchemaResponse) -> bool:
    """Adds the block to the resource's schema; False if the stock provider has one of that name itself."""
    for named in schemas.resource_schemas:
        if named.key != RESOURCE:
            continue
        block = named.value.block
        if any(nested.type_name == BLOCK for nested in block.block_types):
            return False
        added = block.block_types.add(type_name=BLOCK, nesting=_LIST, max_items=1)
        added.block.attributes.add(
            name="source_uuid",
            type=b'"string"',
            required=True,
            description="BIOS UUID of the running virtual machine to clone. Another one replaces the clone.",
        )
        added.block.attributes.add(
            name="timeout",
            type=b'"number"',
            optional=True,
            description="Minutes that vCenter may take to make the clone; 30 unless set.",
        )
    return True


class VirtualMachine:
    """Answers the requests about the resource, with the stock provider's help."""

    def __init__(
        self, stock: StockClient, sources: Sources, *, version: ProviderVersion, stopped: threading.Event
    ) -> None:
        """`version` is the stock provider's release; no clone is started any more once `stopped` is set."""
        self._stock = stock
        self._sources = sources
        self._creation = Creation(stock, sources, version=version, stopped=stopped)

    def validate(self, request: ValidateRequest) -> ValidateResponse:
        """Checks the block itself, and lets the stock provider check the rest."""
        config, block = take_block(request.config)
        response = self._stock.call("ValidateResourceTypeConfig", request, ValidateResponse)
        if block and config is not None:
            response.diagnostics.extend(
                error(
                    "Conflicting blocks",
                    f'"{BLOCK}" and "{other}" are two ways to make a virtual machine. Remove one of them.',
                    attribute_path(BLOCK),
                )
                for other in _EXCLUSIVE
                if config.get(other)
            )
            response.diagnostics.extend(error(*problem) for problem in block.problems())
        return response

    def upgrade(self, request: UpgradeRequest) -> UpgradeResponse:
        """Brings a stored state, which is JSON, to the present schema."""
        block = InstantCloneBlock([])
        if request.raw_state.json:
            state = json.loads(request.raw_state.json)
            block = InstantCloneBlock(state.pop(BLOCK, None) or [])
            request.raw_state.json = json.dumps(state).encode()
        response = self._stock.call("UpgradeResourceState", request, UpgradeResponse)
        put_block(response.upgraded_state, block)
        return response

    def read(self, request: ReadRequest) -> ReadResponse:
        """Refreshes a state."""
        _, block = take_block(request.current_state)
        response = self._stock.call("ReadResource", request, ReadResponse)
        put_block(response.new_state, block)
        return response

    def import_state(self, request: ImportRequest) -> ImportResponse:
        """Imports a VM; it has no block."""
        response = self._stock.call("ImportResourceState", request, ImportResponse)
        for resource in response.imported_resources:
            if resource.type_name == RESOURCE:
                put_block(resource.state, InstantCloneBlock([]))
        return response

    def plan(self, request: PlanRequest) -> PlanResponse:
        """Plans a change; of a clone to be made also what the stock provider would change after cloning."""
        prior, prior_block = take_block(request.prior_state)
        proposed, block = take_block(request.proposed_new_state)
        config, _ = take_block(request.config)
        if prior is not None and config is not None and block and prior.get("imported"):
            orphans = self._align_prior(request.prior_state, prior, config)
            if orphans:
                return PlanResponse(diagnostics=[orphaned_disks(str(prior.get("name")), orphans)])
            aligned = proposed_new(self._stock.schema(), unpack(request.prior_state), config)
            request.proposed_new_state.CopyFrom(pack(aligned))
        response = self._stock.call("PlanResourceChange", request, PlanResponse)
        if proposed is None or failed(response.diagnostics):
            return response
        put_block(response.planned_state, block)
        if prior is None:
            if config is not None and block.is_known():
                response.diagnostics.extend(self._creation.check(config, block, request.provider_meta))
        elif block and prior_block and block.source_uuid != prior_block.source_uuid:
            response.requires_replace.append(attribute_path(BLOCK, 0, "source_uuid"))
        return response

    def apply(self, request: ApplyRequest) -> ApplyResponse:
        """Carries a plan out: creates, updates or destroys."""
        prior, _ = take_block(request.prior_state)
        planned, block = take_block(request.planned_state)
        config, _ = take_block(request.config)
        if prior is None and planned is not None and config is not None and block:
            response = self._creation.create(request, planned, config, block)
        else:
            if prior is not None and config is not None and block and prior.get("imported"):
                self._align_prior(request.prior_state, prior, config)
                prior = unpack(request.prior_state)
            if prior is not None and prior == planned:
                # Only the block changes, or words for what is there already: nothing for the stock provider to do.
                response = ApplyResponse(
                    new_state=request.planned_state, private=request.planned_private, legacy_type_system=True
                )
            else:
                response = self._stock.call("ApplyResourceChange", request, ApplyResponse)
        put_block(response.new_state, block)
        return response

    def _align_prior(
        self, prior_state: DynamicValue, prior: Mapping[str, Any], config: Mapping[str, Any]
    ) -> tuple[str, ...]:
        """Aligns the state of a VM that was imported, in place; the disks that have no partner."""
        machine = self._sources.machine(str(prior.get("uuid")))
        aligned = align(prior, config, extra_config=machine.extra_config, tpm_count=machine.tpm_count)
        prior_state.CopyFrom(pack(aligned.state))
        return aligned.orphans
