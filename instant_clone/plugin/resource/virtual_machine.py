# SPDX-License-Identifier: MPL-2.0
"""The resource `vsphere_virtual_machine` with the block `instantclone`.

This module handles every request for the resource. It removes the block before it passes a value to the stock provider,
and adds the block to the stock provider's answer. A resource without the block behaves as with the stock provider.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Container

from instant_clone.inventory_names import finder_pattern, matched_path
from instant_clone.ownership import Owner
from instant_clone.plugin.resource.creation import Creation
from instant_clone.plugin.resource.device_matching import name_orphans
from instant_clone.plugin.resource.diagnostics import explained, with_source_path
from instant_clone.plugin.resource.identity import Identities
from instant_clone.plugin.resource.prior_state import (
    first_refresh,
    is_unread,
    never_read_error,
    not_running_warnings,
    restore_values,
    still_unread,
)
from instant_clone.plugin.resource.source_diff import orphaned_disks
from instant_clone.plugin.resource.state_reconciliation import align_existing, with_fleet_labels
from instant_clone.plugin.resource.update_policy import apply_policy
from instant_clone.plugin.resource.updates import DestroyTracker, Updates, without_changes
from instant_clone.plugin.resource.validation import Checks, import_mismatches
from instant_clone.plugin.resource.vcenter_client import UnsupportedDisksError, VcenterClient
from instant_clone.plugin.wire.codec import (
    InstantCloneBlock,
    attribute_path,
    changed,
    error,
    failed,
    split_block,
    unpack,
    with_block,
)
from instant_clone.plugin.wire.tfplugin5 import (
    ApplyRequest,
    ApplyResponse,
    Diagnostic,
    DynamicValue,
    ImportedResource,
    ImportRequest,
    ImportResponse,
    PlanRequest,
    PlanResponse,
    RawState,
    ReadRequest,
    ReadResponse,
    UpgradeRequest,
    UpgradeResponse,
    ValidateRequest,
    ValidateResponse,
)
from instant_clone.plugin.wire.upstream_client import StockClient, proposed_new
from instant_clone.plugin.wire.values import Config, Plan, State
from instant_clone.stock_provider.names import INSTANTCLONE, VIRTUAL_MACHINE
from instant_clone.stock_provider.releases import ProviderVersion

__all__ = ["VirtualMachine"]

_EXCLUSIVE = ("clone", "ovf_deploy")
_DETACH_OR_REPLACE = (
    "Or detach the disk. To replace the clone with the disk attached, run terraform taint with its address, because a "
    "plan with -replace fails while the disk is attached."
)


class VirtualMachine:
    """Handle the requests for the resource, with the stock provider."""

    def __init__(
        self,
        stock: StockClient,
        vcenter: VcenterClient,
        *,
        version: ProviderVersion,
        stopped: threading.Event,
        folders: Container[str],
        destroy_tracker: DestroyTracker,
        identities: Identities,
    ) -> None:
        """Create the object.

        Args:
            stock: the client for the stock provider.
            vcenter: the connection to vCenter.
            version: the stock provider's release.
            stopped: no further clone is created after this event is set.
            folders: the paths of the planned VM folders.
            destroy_tracker: the VMs of the state.
            identities: the checks that a VM is the VM of the state.
        """
        self._stock = stock
        self._vcenter = vcenter
        self._version = version
        self._checks = Checks(stock, vcenter, version=version, folders=folders)
        self._destroy_tracker = destroy_tracker
        self._identities = identities
        self._updates = Updates(stock, vcenter, destroy_tracker, identities)
        self._creation = Creation(
            stock, vcenter, version=version, stopped=stopped, destroy_tracker=destroy_tracker, identities=identities
        )

    def validate(self, request: ValidateRequest) -> ValidateResponse:
        """Validate the block. The stock provider validates the other arguments."""
        config, block = split_block(request.config, Config)
        response = self._stock.call("ValidateResourceTypeConfig", changed(request, config=config), ValidateResponse)
        if block and config is not None:
            response.diagnostics.extend(
                error(
                    "Conflicting blocks",
                    f'The blocks "{INSTANTCLONE}" and "{other}" are mutually exclusive. Remove one of them.',
                    attribute_path(INSTANTCLONE),
                )
                for other in _EXCLUSIVE
                if config.get(other)
            )
            if config.get("datastore_path") is not None:
                response.diagnostics.append(
                    error(
                        "Argument not supported by instant clones",
                        "datastore_path: vCenter selects the folder of an instant clone, because InstantClone_Task has "
                        "no parameter for it. Remove the argument.",
                        attribute_path("datastore_path"),
                    )
                )
            response.diagnostics.extend(error(*problem) for problem in block.problems())
        return response

    def upgrade(self, request: UpgradeRequest) -> UpgradeResponse:
        """Upgrade a stored state, which is JSON, to the current schema."""
        block = InstantCloneBlock([])
        if request.raw_state.json:
            state = json.loads(request.raw_state.json)
            block = InstantCloneBlock(state.pop(INSTANTCLONE, None) or [])
            request = UpgradeRequest(
                type_name=request.type_name,
                version=request.version,
                raw_state=RawState(json=json.dumps(state).encode()),
            )
            self._destroy_tracker.know(str(state.get("uuid")))
        response = self._stock.call("UpgradeResourceState", request, UpgradeResponse)
        return with_block(response, "upgraded_state", block)

    def read(self, request: ReadRequest) -> ReadResponse:
        """Refresh a state."""
        before, block = split_block(request.current_state, State)
        if block and before is not None:
            # An imported state has the id only.
            self._identities.before_refresh(str(before.get("name")), str(before.get("uuid") or before.get("id")))
        if block and before is not None and is_unread(before):
            try:
                response = first_refresh(before, self._vcenter, request.provider_meta)
            except UnsupportedDisksError as failure:
                response = still_unread(before, request.private, failure)
            return with_block(response, "new_state", block)
        response = self._stock.call("ReadResource", changed(request, current_state=before), ReadResponse)
        after = unpack(response.new_state)
        if block and before is not None and failed(response.diagnostics):
            response.diagnostics.extend(
                self._vcenter.unsupported_disks(str(before.get("name")), str(before.get("moid")))
            )
        elif block and before is not None and after is not None:
            warnings = self._identities.after_refresh(before, after)
            restored = restore_values(after, before, self._vcenter)
            warnings.extend(restored.diagnostics)
            uuid = str(after.get("uuid"))
            warnings.extend(
                not_running_warnings(restored.state, is_powered_on=lambda: self._vcenter.live_vm(uuid).powered_on)
            )
            response = changed(response, new_state=restored.state)
            response.diagnostics.extend(warnings)
        return with_block(response, "new_state", block)

    def import_state(self, request: ImportRequest) -> ImportResponse:
        """Import a VM. The state of a clone of a fleet gets the block instantclone and the fleet's disk labels.

        A VM at exactly the given path takes precedence over VMs that the path matches as a pattern.
        """
        if finder_pattern(request.id) != request.id and self._vcenter.cloner().is_vm_at(request.id):
            request = ImportRequest(type_name=request.type_name, id=finder_pattern(request.id))
        response = self._stock.call("ImportResourceState", request, ImportResponse)
        path = "/" + matched_path(request.id).lstrip("/")
        imported = [
            self._imported(resource, path) if resource.type_name == VIRTUAL_MACHINE else resource
            for resource in response.imported_resources
        ]
        return ImportResponse(imported_resources=imported, diagnostics=response.diagnostics)

    def _imported(self, resource: ImportedResource, path: str) -> ImportedResource:
        state = unpack(resource.state)
        owner = self._owner_of(str(state["id"]), path)
        if owner is not None:
            resource = changed(resource, state=with_fleet_labels(state, owner))
        return with_block(resource, "state", InstantCloneBlock.of(owner.source_uuid if owner else None))

    def _owner_of(self, uuid: str, path: str) -> Owner | None:
        """Return the owner in the marker of an imported VM.

        If several VMs have its BIOS UUID, the path selects the VM.
        """
        found = self._vcenter.cloner().vms_with_uuid(uuid)
        return next((Owner.parse(vm.marker) for vm in found if len(found) == 1 or vm.path == path), None)

    def plan(self, request: PlanRequest) -> PlanResponse:
        """Plan a change. For a new clone, also check the changes that the stock provider would make after cloning."""
        prior, prior_block = split_block(request.prior_state, State)
        proposed, block = split_block(request.proposed_new_state, Plan)
        config, _ = split_block(request.config, Config)
        if block and prior is not None and is_unread(prior):
            return PlanResponse(diagnostics=[never_read_error(prior)])
        state, diagnostics, orphans = prior, list[Diagnostic](), tuple[str, ...]()
        if prior is not None and config is not None and block and prior.get("imported"):
            uuid = str(prior.get("uuid"))
            vm = self._vcenter.live_vm(uuid)
            diagnostics = import_mismatches(vm, config, block, uuid=uuid)
            if failed(diagnostics):
                return PlanResponse(diagnostics=diagnostics)
            aligned = align_existing(prior, config, vm)
            state, orphans = aligned.state, aligned.orphans
            proposed = proposed_new(self._stock.schema(), state, config)
        elif prior is not None and config is not None and (block or prior_block):
            named = name_orphans(prior, config)
            state, diagnostics, orphans = named.state, list(named.warnings), named.without
        sent = changed(request, prior_state=state, proposed_new_state=proposed, config=config)
        response = (
            self._stock.plan_change(sent)
            if block or prior_block
            else self._stock.call("PlanResourceChange", sent, PlanResponse)
        )
        if proposed is None or failed(response.diagnostics):
            return response
        planned = Plan(unpack(response.planned_state))
        response = with_block(response, "planned_state", block)
        if state is None:
            if config is not None and block.is_known():
                response.diagnostics.extend(self._check(config, block, request.provider_meta))
            return response
        if block and prior_block and block.source_uuid != prior_block.source_uuid:
            response.requires_replace.append(attribute_path(INSTANTCLONE, 0, "source_uuid"))
        if orphans and not response.requires_replace:
            unconfigured = orphaned_disks(str(state.get("name")), orphans, remedy=_DETACH_OR_REPLACE)
            return PlanResponse(diagnostics=[unconfigured])
        response.diagnostics.extend(diagnostics)
        if block and not response.requires_replace:
            moid = str(state.get("moid"))
            policy = apply_policy(
                state, planned, block, version=self._version, deltas=lambda: self._vcenter.cloner().deltas(moid)
            )
            response.diagnostics.extend(policy.diagnostics)
            response.requires_replace.extend(policy.replace)
        return response

    def _check(self, config: Config, block: InstantCloneBlock, meta: DynamicValue) -> list[Diagnostic]:
        try:
            return self._checks.check(config, block, meta, in_state=self._destroy_tracker)
        except Exception as failure:  # noqa: BLE001 - every error concerns this source
            return with_source_path(explained(failure))

    def apply(self, request: ApplyRequest) -> ApplyResponse:
        """Apply a plan: create, update or destroy the VM."""
        with self._destroy_tracker.working():
            return self._apply(request)

    def _apply(self, request: ApplyRequest) -> ApplyResponse:
        prior, prior_block = split_block(request.prior_state, State)
        planned, block = split_block(request.planned_state, Plan)
        config, _ = split_block(request.config, Config)
        request = changed(request, prior_state=prior, planned_state=planned, config=config)
        if prior is None and planned is not None and config is not None and block:
            response = self._creation.create(request, planned, config, block)
        elif prior is not None and planned is None:
            response = self._updates.destroy(request, prior, clone=bool(prior_block))
        elif prior is not None and planned is not None and config is not None and (block or prior_block):
            response = self._updates.update(request, prior, planned, config, clone=bool(block))
        elif prior is not None and planned is not None and dict(prior) == dict(planned):
            response = without_changes(request)
        else:
            response = self._stock.call("ApplyResourceChange", request, ApplyResponse)
        # After a failed destroy the VM stays in the state with its prior block.
        return with_block(response, "new_state", prior_block if planned is None else block)
