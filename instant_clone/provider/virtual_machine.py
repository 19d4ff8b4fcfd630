"""The resource `vsphere_virtual_machine` with the block `instantclone`.

Every request about the resource passes here: the block is taken out before the stock provider sees a value, and put
back into what comes from it. A resource without the block behaves as the stock provider's.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Container, Mapping
from typing import Any

from instant_clone.inventory_names import finder_pattern
from instant_clone.owner import Owner
from instant_clone.provider.alignment import align_existing, as_before, as_made
from instant_clone.provider.checks import Checks
from instant_clone.provider.comparison import orphaned_disks
from instant_clone.provider.creation import Creation
from instant_clone.provider.departures import Departures
from instant_clone.provider.existing import judge
from instant_clone.provider.identity import Identities
from instant_clone.provider.imports import mistaken
from instant_clone.provider.messages import (
    ApplyRequest,
    ApplyResponse,
    Diagnostic,
    DynamicValue,
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
from instant_clone.provider.power import does_not_run
from instant_clone.provider.proposal import proposed_new
from instant_clone.provider.replaced_disks import orphans_in_words, pair_disks
from instant_clone.provider.sources import Sources
from instant_clone.provider.stock_client import StockClient
from instant_clone.provider.telling import located
from instant_clone.provider.trouble import explained
from instant_clone.provider.unread import is_unread, keeps_disks, not_read_yet, read_first
from instant_clone.provider.values import (
    BLOCK,
    NULL,
    RESOURCE,
    InstantCloneBlock,
    attribute_path,
    error,
    failed,
    pack,
    put_block,
    take_block,
    unpack,
    warning,
)
from instant_clone.versions import ProviderVersion

__all__ = ["VirtualMachine"]

_EXCLUSIVE = ("clone", "ovf_deploy")


class VirtualMachine:
    """Answers the requests about the resource, with the stock provider's help."""

    def __init__(
        self,
        stock: StockClient,
        sources: Sources,
        *,
        version: ProviderVersion,
        stopped: threading.Event,
        folders: Container[str],
        departures: Departures,
        identities: Identities,
    ) -> None:
        """`version` is the stock provider's release; no clone is started any more once `stopped` is set.

        `folders` are the paths of those that are planned, `departures` the VMs that the state has.
        """
        self._stock = stock
        self._sources = sources
        self._version = version
        self._checks = Checks(stock, sources, version=version, folders=folders)
        self._departures = departures
        self._identities = identities
        self._creation = Creation(
            stock, sources, version=version, stopped=stopped, departures=departures, identities=identities
        )

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
            self._departures.know(str(state.get("uuid")))
        response = self._stock.call("UpgradeResourceState", request, UpgradeResponse)
        put_block(response.upgraded_state, block)
        return response

    def read(self, request: ReadRequest) -> ReadResponse:
        """Refreshes a state."""
        before, block = take_block(request.current_state)
        if block and before is not None and is_unread(before):
            response = read_first(before, self._stock, self._sources, request.provider_meta)
            put_block(response.new_state, block)
            return response
        if block and before is not None:
            self._identities.before_refresh(str(before.get("name")), str(before.get("uuid")))
        response = self._stock.call("ReadResource", request, ReadResponse)
        after = unpack(response.new_state)
        if block and before is not None and after is not None:
            response.diagnostics.extend(self._identities.after_refresh(before, after))
            state, said = self._keep(response.new_state, before)
            response.diagnostics.extend(said)
            uuid = str(after.get("uuid"))
            response.diagnostics.extend(
                does_not_run(state, is_powered_on=lambda: self._sources.machine(uuid).powered_on)
            )
        put_block(response.new_state, block)
        return response

    def import_state(self, request: ImportRequest) -> ImportResponse:
        """Imports a VM; a clone that a fleet has made gets back its block, and the labels of its disks.

        A VM that is exactly at the path is meant before one that the path matches as a pattern.
        """
        if finder_pattern(request.id) != request.id and self._sources.cloner().is_vm_at(request.id):
            request.id = finder_pattern(request.id)
        response = self._stock.call("ImportResourceState", request, ImportResponse)
        for resource in response.imported_resources:
            if resource.type_name == RESOURCE:
                state = unpack(resource.state)
                owner = Owner.among(self._sources.machine(str(state["id"])).extra_config)
                resource.state.CopyFrom(pack(state if owner is None else as_made(state, owner)))
                put_block(resource.state, InstantCloneBlock.of(owner.source_uuid if owner else None))
        return response

    def plan(self, request: PlanRequest) -> PlanResponse:
        """Plans a change; of a clone to be made also what the stock provider would change after cloning."""
        prior, prior_block = take_block(request.prior_state)
        proposed, block = take_block(request.proposed_new_state)
        config, _ = take_block(request.config)
        if block and prior is not None and is_unread(prior):
            return PlanResponse(diagnostics=[not_read_yet(prior)])
        orphans: tuple[str, ...] = ()
        if prior is not None and config is not None and block and prior.get("imported"):
            uuid = str(prior.get("uuid"))
            if others := mistaken(self._sources.machine(uuid), config, block, uuid=uuid):
                return PlanResponse(diagnostics=others)
            orphans = self._align_prior(request.prior_state, prior, config)
            aligned = proposed_new(self._stock.schema(), unpack(request.prior_state), config)
            request.proposed_new_state.CopyFrom(pack(aligned))
        elif prior is not None and config is not None and block:
            orphans = self._name_orphans(request.prior_state, prior, config)
        if prior is not None and orphans:
            return PlanResponse(diagnostics=[orphaned_disks(str(prior.get("name")), orphans)])
        response = (
            self._stock.plan_change(request) if block else self._stock.call("PlanResourceChange", request, PlanResponse)
        )
        if proposed is None or failed(response.diagnostics):
            return response
        put_block(response.planned_state, block)
        if prior is None:
            if config is not None and block.is_known():
                response.diagnostics.extend(self._check(config, block, request.provider_meta))
            return response
        if block and prior_block and block.source_uuid != prior_block.source_uuid:
            response.requires_replace.append(attribute_path(BLOCK, 0, "source_uuid"))
        if block:
            judge(
                unpack(request.prior_state),
                response,
                block,
                version=self._version,
                deltas=lambda: self._sources.cloner().deltas(str(prior.get("moid"))),
            )
        return response

    def _check(self, config: Mapping[str, Any], block: InstantCloneBlock, meta: DynamicValue) -> list[Diagnostic]:
        try:
            return self._checks.check(config, block, meta, in_state=self._departures)
        except Exception as failure:  # noqa: BLE001 - whatever it is, it is about this source
            return located(explained(failure))

    def apply(self, request: ApplyRequest) -> ApplyResponse:
        """Carries a plan out: creates, updates or destroys."""
        with self._departures.working():
            return self._apply(request)

    def _apply(self, request: ApplyRequest) -> ApplyResponse:
        prior, prior_block = take_block(request.prior_state)
        planned, block = take_block(request.planned_state)
        config, _ = take_block(request.config)
        if prior is None and planned is not None and config is not None and block:
            response = self._creation.create(request, planned, config, block)
        elif prior is not None and planned is None:
            response = self._destroy(request, prior, prior_block)
        else:
            response = self._update(request, prior, planned, config, block)
        # A VM that could not be destroyed stays in the state as it was.
        put_block(response.new_state, prior_block if planned is None else block)
        return response

    def _update(
        self,
        request: ApplyRequest,
        prior: Mapping[str, Any] | None,
        planned: Mapping[str, Any] | None,
        config: Mapping[str, Any] | None,
        block: InstantCloneBlock,
    ) -> ApplyResponse:
        if prior is not None and planned is not None and block:
            if prior.get("imported") and config is not None:
                self._align_prior(request.prior_state, prior, config)
            else:
                self._name_orphans(request.prior_state, prior, planned)
        if prior is not None and unpack(request.prior_state) == planned:
            # Only the block changes, or words for what is there already: nothing for the stock provider to do.
            return ApplyResponse(
                new_state=request.planned_state, private=request.planned_private, legacy_type_system=True
            )
        if not block or prior is None or planned is None:
            return self._stock.call("ApplyResourceChange", request, ApplyResponse)
        different = self._identities.before_change(prior, config)
        response = self._stock.apply_change(request)
        response.diagnostics.extend(different)
        response.diagnostics.extend(self._keep(response.new_state, planned)[1])
        return response

    def _destroy(self, request: ApplyRequest, prior: Mapping[str, Any], block: InstantCloneBlock) -> ApplyResponse:
        different = self._identities.before_change(prior) if block else []
        if block and is_unread(prior) and keeps_disks(prior):
            request.prior_state.CopyFrom(read_first(prior, self._stock, self._sources, request.provider_meta).new_state)
            if unpack(request.prior_state) is None:
                return ApplyResponse(new_state=NULL, legacy_type_system=True)
        uuid = str(prior.get("uuid"))
        with self._departures.leaving(uuid) as may_go:
            if may_go:
                response = self._stock.call("ApplyResourceChange", request, ApplyResponse)
                response.diagnostics.extend(different)
                return response
        kept = warning(
            "Clone kept",
            f"{prior.get('name')} (UUID {uuid}) belongs to another address of this state now, which has taken it over. "
            "It only leaves this one.",
        )
        return ApplyResponse(new_state=NULL, legacy_type_system=True, diagnostics=[kept])

    def _keep(
        self, new_state: DynamicValue, before: Mapping[str, Any]
    ) -> tuple[dict[str, Any], tuple[Diagnostic, ...]]:
        """Keep in a clone's new state, in place, what cannot have changed; that state, and warnings of its disks."""
        if (state := unpack(new_state)) is None:
            return {}, ()
        paired = pair_disks(state, before)
        moid = str(state.get("moid"))
        kept = as_before(paired.state, before, deltas=lambda: self._sources.cloner().deltas(moid))
        new_state.CopyFrom(pack(kept))
        return kept, paired.diagnostics

    def _name_orphans(
        self, prior_state: DynamicValue, prior: Mapping[str, Any], words: Mapping[str, Any]
    ) -> tuple[str, ...]:
        """Give the orphaned disks of a state, in place, the labels of `words`; those that have no place in it."""
        named, orphans = orphans_in_words(prior, words)
        if named != prior:
            prior_state.CopyFrom(pack(named))
        return orphans

    def _align_prior(
        self, prior_state: DynamicValue, prior: Mapping[str, Any], config: Mapping[str, Any]
    ) -> tuple[str, ...]:
        """Aligns the state of a VM that was imported, in place; the disks that have no partner."""
        machine = self._sources.machine(str(prior.get("uuid")))
        aligned = align_existing(prior, config, machine)
        prior_state.CopyFrom(pack(aligned.state))
        return aligned.orphans
