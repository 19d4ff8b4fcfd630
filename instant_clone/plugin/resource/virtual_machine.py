# SPDX-License-Identifier: MPL-2.0
"""The resource `vsphere_virtual_machine` with the block `instantclone`.

Every request about the resource passes here: the block is taken out before the stock provider sees a value, and put
back into what comes from it. A resource without the block behaves as the stock provider's.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Container, Mapping
from typing import Any

from instant_clone.inventory_names import finder_pattern, matched_path
from instant_clone.ownership import Owner
from instant_clone.plugin.resource.creation import Creation
from instant_clone.plugin.resource.device_matching import NamedOrphans
from instant_clone.plugin.resource.diagnostics import explained, located
from instant_clone.plugin.resource.identity import Identities
from instant_clone.plugin.resource.prior_state import (
    align_imported,
    does_not_run,
    is_unread,
    name_prior_orphans,
    not_read_yet,
    read_first,
    restore_values,
)
from instant_clone.plugin.resource.source_diff import orphaned_disks
from instant_clone.plugin.resource.state_reconciliation import as_made
from instant_clone.plugin.resource.update_policy import judge
from instant_clone.plugin.resource.updates import Departures, Updates, without_changes
from instant_clone.plugin.resource.validation import Checks, imported_by_mistake
from instant_clone.plugin.resource.vcenter_client import Sources
from instant_clone.plugin.wire.codec import (
    InstantCloneBlock,
    attribute_path,
    error,
    failed,
    pack,
    put_block,
    take_block,
    unpack,
)
from instant_clone.plugin.wire.tfplugin5 import (
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
from instant_clone.plugin.wire.upstream_client import StockClient, proposed_new
from instant_clone.stock_provider.names import INSTANTCLONE, VIRTUAL_MACHINE
from instant_clone.stock_provider.releases import ProviderVersion

__all__ = ["VirtualMachine"]

_EXCLUSIVE = ("clone", "ovf_deploy")
_DETACH_OR_REPLACE = (
    "Or detach the disk. To replace the clone as it is, use terraform taint with its address: a plan with -replace is "
    "refused as long as the disk is there."
)


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
        self._updates = Updates(stock, sources, departures, identities)
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
                    f'"{INSTANTCLONE}" and "{other}" are two ways to make a virtual machine. Remove one of them.',
                    attribute_path(INSTANTCLONE),
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
            block = InstantCloneBlock(state.pop(INSTANTCLONE, None) or [])
            request.raw_state.json = json.dumps(state).encode()
            self._departures.know(str(state.get("uuid")))
        response = self._stock.call("UpgradeResourceState", request, UpgradeResponse)
        put_block(response.upgraded_state, block)
        return response

    def read(self, request: ReadRequest) -> ReadResponse:
        """Refreshes a state."""
        before, block = take_block(request.current_state)
        if block and before is not None:
            # Right after an import there is only an id.
            self._identities.before_refresh(str(before.get("name")), str(before.get("uuid") or before.get("id")))
        if block and before is not None and is_unread(before):
            response = read_first(before, self._stock, self._sources, request.provider_meta)
            put_block(response.new_state, block)
            return response
        response = self._stock.call("ReadResource", request, ReadResponse)
        after = unpack(response.new_state)
        if block and before is not None and after is not None:
            response.diagnostics.extend(self._identities.after_refresh(before, after))
            state, said = restore_values(response.new_state, after, before, self._sources)
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
            if resource.type_name == VIRTUAL_MACHINE:
                state = unpack(resource.state)
                owner = self._owner_of(str(state["id"]), "/" + matched_path(request.id).lstrip("/"))
                resource.state.CopyFrom(pack(state if owner is None else as_made(state, owner)))
                put_block(resource.state, InstantCloneBlock.of(owner.source_uuid if owner else None))
        return response

    def _owner_of(self, uuid: str, path: str) -> Owner | None:
        """The owner that the marker of an imported VM names, by its path if several VMs have its BIOS UUID."""
        found = self._sources.cloner().vms_with_uuid(uuid)
        return next((Owner.parse(vm.marker) for vm in found if len(found) == 1 or vm.path == path), None)

    def plan(self, request: PlanRequest) -> PlanResponse:
        """Plans a change; of a clone to be made also what the stock provider would change after cloning."""
        prior, prior_block = take_block(request.prior_state)
        proposed, block = take_block(request.proposed_new_state)
        config, _ = take_block(request.config)
        if block and prior is not None and is_unread(prior):
            return PlanResponse(diagnostics=[not_read_yet(prior)])
        named = NamedOrphans({})
        if prior is not None and config is not None and block and prior.get("imported"):
            uuid = str(prior.get("uuid"))
            doubts = imported_by_mistake(self._sources.machine(uuid), config, block, uuid=uuid)
            if failed(doubts):
                return PlanResponse(diagnostics=doubts)
            orphans = align_imported(request.prior_state, prior, config, self._sources)
            named = NamedOrphans({}, warnings=tuple(doubts), without=orphans)
            aligned = proposed_new(self._stock.schema(), unpack(request.prior_state), config)
            request.proposed_new_state.CopyFrom(pack(aligned))
        elif prior is not None and config is not None and (block or prior_block):
            named = name_prior_orphans(request.prior_state, prior, config)
        response = (
            self._stock.plan_change(request)
            if block or prior_block
            else self._stock.call("PlanResourceChange", request, PlanResponse)
        )
        if proposed is None or failed(response.diagnostics):
            return response
        put_block(response.planned_state, block)
        if prior is None:
            if config is not None and block.is_known():
                response.diagnostics.extend(self._check(config, block, request.provider_meta))
            return response
        if block and prior_block and block.source_uuid != prior_block.source_uuid:
            response.requires_replace.append(attribute_path(INSTANTCLONE, 0, "source_uuid"))
        if named.without and not response.requires_replace:
            return PlanResponse(
                diagnostics=[orphaned_disks(str(prior.get("name")), named.without, cure=_DETACH_OR_REPLACE)]
            )
        response.diagnostics.extend(named.warnings)
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
            response = self._updates.destroy(request, prior, clone=bool(prior_block))
        elif prior is not None and planned is not None and config is not None and (block or prior_block):
            response = self._updates.update(request, prior, planned, config, clone=bool(block))
        elif prior is not None and prior == planned:
            response = without_changes(request)
        else:
            response = self._stock.call("ApplyResourceChange", request, ApplyResponse)
        # A VM that could not be destroyed stays in the state as it was.
        put_block(response.new_state, prior_block if planned is None else block)
        return response
