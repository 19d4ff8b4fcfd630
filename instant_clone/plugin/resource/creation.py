# SPDX-License-Identifier: MPL-2.0
"""Creation of a clone: clone the source, adopt the clone and return its state to Terraform."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from instant_clone.errors import CloneError, NotFoundError
from instant_clone.ownership import Owner
from instant_clone.plugin.resource.clone_request import clone_request, hot_changes
from instant_clone.plugin.resource.diagnostics import (
    Removal,
    adopted_clone,
    edits_not_applied,
    explained,
    network_wait_interrupted,
    not_added_to_state,
    other_location,
    rolled_back,
    tainted,
    unrequested_differences,
    with_source_path,
)
from instant_clone.plugin.resource.identity import Identities
from instant_clone.plugin.resource.orphan_adoption import OrphanAdoption
from instant_clone.plugin.resource.prior_state import unread_state
from instant_clone.plugin.resource.source_diff import (
    Comparison,
    compare,
    ignored_edits,
    limit_to_requested,
    unsupported_changes,
)
from instant_clone.plugin.resource.state_reconciliation import align, with_fixed_values
from instant_clone.plugin.resource.updates import DestroyTracker
from instant_clone.plugin.resource.vcenter_client import ImportedVm, VcenterClient
from instant_clone.plugin.wire.codec import NULL, InstantCloneBlock, changed, failed, pack, unpack
from instant_clone.plugin.wire.tfplugin5 import ApplyRequest, ApplyResponse, Diagnostic, DynamicValue
from instant_clone.plugin.wire.upstream_client import Imported, StockClient, StockGoneError
from instant_clone.plugin.wire.values import Config, Plan, State
from instant_clone.stock_provider.names import VIRTUAL_MACHINE
from instant_clone.stock_provider.releases import ProviderVersion

if TYPE_CHECKING:
    from instant_clone.vcenter.cloning.clone_task import Clone, Cloner, CloneRequest

__all__ = ["Creation"]


class Creation:
    """Create clones. The class is thread-safe."""

    def __init__(
        self,
        stock: StockClient,
        vcenter: VcenterClient,
        *,
        version: ProviderVersion,
        stopped: threading.Event,
        destroy_tracker: DestroyTracker,
        identities: Identities,
    ) -> None:
        """Create the object.

        Args:
            stock: the client for the stock provider.
            vcenter: the connection to vCenter.
            version: the stock provider's release.
            stopped: no further clone is created after this event is set.
            destroy_tracker: the VMs of the state.
            identities: the checks that a VM is the VM of the state.
        """
        self._stock = stock
        self._destroy_tracker = destroy_tracker
        self._identities = identities
        self._vcenter = vcenter
        self._version = version
        self._stopped = stopped

    def create(self, request: ApplyRequest, planned: Plan, config: Config, block: InstantCloneBlock) -> ApplyResponse:
        """Create the planned clone. Return its state, or diagnostics without a state if no clone was created."""
        try:
            return self._create(request, planned, config, block)
        except Exception as failure:  # noqa: BLE001 - no clone exists yet, so every error concerns the source
            return ApplyResponse(
                new_state=NULL, legacy_type_system=True, diagnostics=with_source_path(explained(failure))
            )

    def _create(self, request: ApplyRequest, planned: Plan, config: Config, block: InstantCloneBlock) -> ApplyResponse:
        if block.source_uuid is None:
            raise CloneError("instantclone.source_uuid: the value is still unknown during the apply.")
        source = self._vcenter.source(block.source_uuid, request.provider_meta)
        compared = compare(
            self._stock,
            source,
            config,
            request.provider_meta,
            version=self._version,
            may_reboot=block.on_reboot == "reboot",
        )
        if compared.errors:
            return _answer(None, compared.errors)
        cloner = self._vcenter.cloner()
        wanted = clone_request(cloner, config, block, source)
        owner = Owner.among(config.get("extra_config"))
        clone, already_exists = self._clone(cloner, source, wanted, owner)
        diagnostics = [adopted_clone(clone)] if already_exists else []
        try:
            cloner.change(clone, hot_changes(config, source))
            clone, imported = self._vcenter.adopt_clone(clone, request.provider_meta)
            made = self._aligned(clone, imported, source, compared, already_exists=already_exists)
        except Exception as failure:  # noqa: BLE001 - after every error the clone must be removed or reported
            # An adopted clone always has an owner marker, so the next apply adopts it again.
            if already_exists or (owner is not None and isinstance(failure, StockGoneError)):
                left = not_added_to_state(clone, failure, already_exists=already_exists)
                return _answer(None, [*diagnostics, *left])
            removal = _roll_back(cloner, clone)
            unread_clone = Imported(unread_state(planned, clone), request.planned_private)
            state = unread_clone if isinstance(removal, Exception) else None
            return _answer(state, [*diagnostics, *explained(failure), rolled_back(clone, removal)])
        try:
            made = self._await_network(diagnostics, cloner, clone, planned, made, source, wanted, request.provider_meta)
            made = self._complete(diagnostics, request, clone, made, compared, block, already_exists=already_exists)
        except Exception as failure:  # noqa: BLE001 - after every error the clone stays in the state as tainted
            if owner is not None and isinstance(failure, StockGoneError):
                # If the clone were in the state, Terraform would taint it and replace it.
                left = not_added_to_state(clone, failure, already_exists=already_exists)
                return _answer(None, [*diagnostics, *left])
            diagnostics.extend(explained(failure))
        if failed(diagnostics):
            diagnostics.append(tainted(clone))
        return _answer(made, diagnostics)

    def _clone(
        self, cloner: Cloner, source: ImportedVm, wanted: CloneRequest, owner: Owner | None
    ) -> tuple[Clone, bool]:
        """Return the clone, and whether it existed before this apply.

        Raises:
            VcenterError: vCenter rejects a request.
        """
        takeover = OrphanAdoption(cloner, self._destroy_tracker, self._identities, stopped=self._stopped.is_set)
        place = wanted
        while True:
            found = takeover.clone_in_place(source.vm, place, owner)
            if found is not None:
                return found, True
            try:
                return cloner.clone(source.vm, wanted, stopped=self._stopped.is_set), False
            except CloneError as failure:
                # Another VM may have taken the name since the check, for example a clone of an earlier apply that
                # vCenter had not finished.
                source_folder = source.imported.state.get("folder") or ""
                occupied = takeover.occupied(wanted, source_folder) if failure.argument == "name" else None
                if occupied is None:
                    raise
                place = occupied

    def _aligned(
        self, clone: Clone, imported: Imported, source: ImportedVm, compared: Comparison, *, already_exists: bool
    ) -> Imported:
        """Return the imported clone, aligned with the configuration."""
        if already_exists:
            # The configuration may have changed since an earlier apply created the clone.
            extra_config = self._vcenter.live_vm(clone.uuid).extra_config
        else:
            extra_config = compared.config.get("extra_config") or {}
        aligned = align(
            imported.state,
            compared.config,
            extra_config=extra_config,
            tpm_count=source.vm.tpm_count,
            source=compared.source,
        )
        if aligned.orphans:
            raise CloneError(
                f"{clone.inventory_path}: the configuration has no disk block for these disks of the clone: "
                f"{'; '.join(aligned.orphans)}."
            )
        return Imported(aligned.state, imported.private)

    def _complete(
        self,
        diagnostics: list[Diagnostic],
        request: ApplyRequest,
        clone: Clone,
        adopted: Imported,
        compared: Comparison,
        block: InstantCloneBlock,
        *,
        already_exists: bool,
    ) -> Imported:
        """Let the stock provider apply the requested changes that the clone does not have yet. Return the new state.

        The method adds its messages to `diagnostics`.
        """
        planned = self._stock.plan(adopted, pack(compared.config), request.provider_meta)
        wanted = limit_to_requested(adopted.state, unpack(planned.planned_state), compared.requested)
        unrequested = wanted.withheld if already_exists else wanted.withheld_settings
        if unrequested:
            diagnostics.append(
                unrequested_differences(clone.inventory_path, unrequested, already_exists=already_exists)
            )
        if wanted.withheld_placement and not already_exists:
            diagnostics.append(other_location(clone.inventory_path, wanted.withheld_placement))
        if not wanted.changes:
            return adopted
        if not already_exists and (ignored := ignored_edits(adopted.state, wanted.state)):
            diagnostics.append(edits_not_applied(clone.inventory_path, ignored))
        planned = changed(planned, planned_state=wanted.state)
        errors = unsupported_changes(
            "the clone",
            clone.inventory_path,
            adopted.state,
            planned,
            version=self._version,
            may_reboot=block.on_reboot == "reboot",
        )
        diagnostics.extend(errors)
        if errors:
            return adopted
        update = ApplyRequest(
            type_name=VIRTUAL_MACHINE,
            prior_state=pack(adopted.state),
            planned_state=planned.planned_state,
            config=request.config,
            planned_private=planned.planned_private,
            provider_meta=request.provider_meta,
        )
        diagnostics.extend(self._identities.before_change(adopted.state, compared.config))
        updated = self._stock.apply_change(update)
        diagnostics.extend(updated.diagnostics)
        if (state := unpack(updated.new_state)) is None:
            return adopted
        return Imported(self._as_before(state, wanted.state, clone), updated.private)

    def _await_network(
        self,
        diagnostics: list[Diagnostic],
        cloner: Cloner,
        clone: Clone,
        planned: Plan,
        adopted: Imported,
        source: ImportedVm,
        wanted: CloneRequest,
        meta: DynamicValue,
    ) -> Imported:
        """Wait until the guest has reported the addresses that `planned` requires. Return the clone's state.

        An interrupt ends the wait and adds a warning to `diagnostics`. An error would make Terraform taint the clone
        and replace it.

        Raises:
            CloneError: the guest did not report an address in time.
        """
        from instant_clone.vcenter.cloning.guest_network import GuestNetworkWait

        wait = GuestNetworkWait(
            ip_minutes=int(planned.get("wait_for_guest_ip_timeout") or 0),
            network_minutes=int(planned.get("wait_for_guest_net_timeout") or 0),
            routable=planned.get("wait_for_guest_net_routable") is not False,
            ignored=tuple(planned.get("ignored_guest_ips") or ()),
        )
        if wait.minutes < 1:
            return adopted
        # Until the clone's guest configures its network, vCenter reports the source's address, which is in the shared
        # memory. A clone on another network may use the source's address on purpose.
        networks = {each["key"]: each["network_id"] for each in source.imported.state.get("network_interface") or ()}
        shared = [edit.key for edit in wanted.interfaces if edit.network_id == networks.get(edit.key)]
        inherited = cloner.guest_addresses(source.vm, shared)
        wait = replace(wait, ignored=(*wait.ignored, *inherited))
        if not cloner.wait_for_network(clone, wait, stopped=self._stopped.is_set):
            if self._stopped.is_set():
                diagnostics.append(network_wait_interrupted(clone))
                return adopted
            raise CloneError(
                f"{clone.inventory_path}: the guest did not report a network address other than its source's within "
                f"{wait.minutes} minutes. Check VMware Tools and the network in the guest. Increase "
                "wait_for_guest_net_timeout, or set it to 0 to disable the wait."
            )
        read = self._stock.read(adopted, meta)
        return replace(read, state=self._as_before(read.state, adopted.state, clone))

    def _as_before(self, state: State, before: State, clone: Clone) -> State:
        return with_fixed_values(state, before, deltas=lambda: self._vcenter.cloner().deltas(clone.machine._moId))


def _roll_back(cloner: Cloner, clone: Clone) -> Removal:
    """Destroy a clone that is not in any state. Return the result."""
    try:
        cloner.destroy(clone)
    except NotFoundError:
        return "gone"
    except Exception as failure:  # noqa: BLE001 - after every error the clone still exists
        return failure
    return "removed"


def _answer(made: Imported | None, diagnostics: Iterable[Diagnostic]) -> ApplyResponse:
    return ApplyResponse(
        new_state=NULL if made is None else pack(made.state),
        private=b"" if made is None else made.private,
        legacy_type_system=True,
        diagnostics=diagnostics,
    )
