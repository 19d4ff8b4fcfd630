# SPDX-License-Identifier: MPL-2.0
"""Making a clone: how it is made, adopted and handed to Terraform."""

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
    came_out_otherwise,
    explained,
    left_to_the_next,
    located,
    network_not_awaited,
    rolled_back,
    tainted,
    taken_over,
)
from instant_clone.plugin.resource.identity import Identities
from instant_clone.plugin.resource.orphan_adoption import Takeover
from instant_clone.plugin.resource.prior_state import unread
from instant_clone.plugin.resource.source_diff import Comparison, compare, granted, unfit
from instant_clone.plugin.resource.state_reconciliation import align, as_before
from instant_clone.plugin.resource.updates import Departures
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
    """Makes clones. Safe for several threads."""

    def __init__(
        self,
        stock: StockClient,
        vcenter: VcenterClient,
        *,
        version: ProviderVersion,
        stopped: threading.Event,
        departures: Departures,
        identities: Identities,
    ) -> None:
        """No clone is started any more once `stopped` is set; `departures` are the VMs that the state has."""
        self._stock = stock
        self._departures = departures
        self._identities = identities
        self._vcenter = vcenter
        self._version = version
        self._stopped = stopped

    def create(self, request: ApplyRequest, planned: Plan, config: Config, block: InstantCloneBlock) -> ApplyResponse:
        """Makes the clone that `request` plans, and returns its state, or why there is none."""
        try:
            return self._create(request, planned, config, block)
        except Exception as failure:  # noqa: BLE001 - before there is a clone, whatever it is is about its source
            return ApplyResponse(new_state=NULL, legacy_type_system=True, diagnostics=located(explained(failure)))

    def _create(self, request: ApplyRequest, planned: Plan, config: Config, block: InstantCloneBlock) -> ApplyResponse:
        if block.source_uuid is None:
            raise CloneError("instantclone.source_uuid is still unknown.")
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
        clone, there_already = self._clone(cloner, source, wanted, owner)
        said = [taken_over(clone)] if there_already else []
        try:
            cloner.change(clone, hot_changes(config, source))
            made = self._adopt(clone, source, compared, request.provider_meta, there_already=there_already)
        except Exception as failure:  # noqa: BLE001 - whatever it is, somebody must know of the clone
            # A clone that was there already is marked, or it had not been taken over.
            if there_already or (owner is not None and isinstance(failure, StockGoneError)):
                return _answer(None, [*said, *left_to_the_next(clone, failure, there_already=there_already)])
            removal = _remove_again(cloner, clone)
            left = Imported(unread(planned, clone), request.planned_private)
            state = left if isinstance(removal, Exception) else None
            return _answer(state, [*said, *explained(failure), rolled_back(clone, removal)])
        try:
            made = self._await_network(said, cloner, clone, planned, made, source, wanted, request.provider_meta)
            made = self._complete(said, request, clone, made, compared, block, there_already=there_already)
        except Exception as failure:  # noqa: BLE001 - whatever it is, the clone stays in the state, as tainted
            if owner is not None and isinstance(failure, StockGoneError):
                # In the state it would be tainted, and made anew.
                return _answer(None, [*said, *left_to_the_next(clone, failure, there_already=there_already)])
            said.extend(explained(failure))
        if failed(said):
            said.append(tainted(clone))
        return _answer(made, said)

    def _clone(
        self, cloner: Cloner, source: ImportedVm, wanted: CloneRequest, owner: Owner | None
    ) -> tuple[Clone, bool]:
        """The clone, and whether it was there already. Raises VcenterError."""
        takeover = Takeover(cloner, self._departures, self._identities, stopped=self._stopped.is_set)
        while True:
            found = takeover.clone_in_place(source.vm, wanted, owner)
            if found is not None:
                return found, True
            try:
                return cloner.clone(source.vm, wanted, stopped=self._stopped.is_set), False
            except CloneError as failure:
                # Somebody took the name in between: an earlier apply's clone, that vCenter had yet to finish, perhaps.
                if failure.argument != "name" or cloner.occupant(wanted) is None:
                    raise

    def _adopt(
        self, clone: Clone, source: ImportedVm, compared: Comparison, meta: DynamicValue, *, there_already: bool
    ) -> Imported:
        imported = self._stock.adopt(
            clone.inventory_path, uuid=clone.uuid, moid=clone.machine._moId, provider_meta=meta
        )
        if there_already:
            # It was made with what the configuration asked for then.
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
            raise CloneError(f"The clone has disks that its configuration lacks: {'; '.join(aligned.orphans)}.")
        return Imported(aligned.state, imported.private)

    def _complete(
        self,
        said: list[Diagnostic],
        request: ApplyRequest,
        clone: Clone,
        adopted: Imported,
        compared: Comparison,
        block: InstantCloneBlock,
        *,
        there_already: bool,
    ) -> Imported:
        """Let the stock provider do what was asked for and is still missing, and nothing else. Return the new state.

        What is to be said about it is added to `said`.
        """
        planned = self._stock.plan(adopted, pack(compared.config), request.provider_meta)
        wanted = granted(adopted.state, unpack(planned.planned_state), compared.wishes)
        if wanted.withheld:
            said.append(came_out_otherwise(clone.inventory_path, wanted.withheld, there_already=there_already))
        if not wanted.changes:
            return adopted
        planned = changed(planned, planned_state=wanted.state)
        errors = unfit(
            "the clone",
            clone.inventory_path,
            adopted.state,
            planned,
            version=self._version,
            may_reboot=block.on_reboot == "reboot",
        )
        said.extend(errors)
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
        said.extend(self._identities.before_change(adopted.state, compared.config))
        updated = self._stock.apply_change(update)
        said.extend(updated.diagnostics)
        if (state := unpack(updated.new_state)) is None:
            return adopted
        return Imported(self._as_before(state, wanted.state, clone), updated.private)

    def _await_network(
        self,
        said: list[Diagnostic],
        cloner: Cloner,
        clone: Clone,
        planned: Plan,
        adopted: Imported,
        source: ImportedVm,
        wanted: CloneRequest,
        meta: DynamicValue,
    ) -> Imported:
        """The clone's state once its guest has reported what `planned` waits for. Raises CloneError if it does not.

        An interrupt ends the wait, but is no failure of the clone: tainted, it would be made anew. `said` tells of it.
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
        # Until its guest has a network of its own, vCenter shows what the source's memory says. On another network the
        # same address may be meant.
        networks = {each["key"]: each["network_id"] for each in source.imported.state.get("network_interface") or ()}
        shared = [edit.key for edit in wanted.interfaces if edit.network_id == networks.get(edit.key)]
        inherited = cloner.guest_addresses(source.vm, shared)
        wait = replace(wait, ignored=(*wait.ignored, *inherited))
        if not cloner.wait_for_network(clone, wait, stopped=self._stopped.is_set):
            if self._stopped.is_set():
                said.append(network_not_awaited(clone))
                return adopted
            raise CloneError(
                f"The guest of {clone.inventory_path} has not reported a network address within {wait.minutes} "
                "minutes that is not its source's. Look at VMware Tools and the network in the guest; raise "
                "wait_for_guest_net_timeout, or set it to 0 to go without waiting."
            )
        read = self._stock.read(adopted, meta)
        return replace(read, state=self._as_before(read.state, adopted.state, clone))

    def _as_before(self, state: State, before: State, clone: Clone) -> State:
        return as_before(state, before, deltas=lambda: self._vcenter.cloner().deltas(clone.machine._moId))


def _remove_again(cloner: Cloner, clone: Clone) -> Removal:
    """Destroy a clone that nobody would know of. Return what became of it."""
    try:
        cloner.destroy(clone)
    except NotFoundError:
        return "gone"
    except Exception as failure:  # noqa: BLE001 - whatever it is, the clone is there
        return failure
    return "removed"


def _answer(made: Imported | None, said: Iterable[Diagnostic]) -> ApplyResponse:
    return ApplyResponse(
        new_state=NULL if made is None else pack(made.state),
        private=b"" if made is None else made.private,
        legacy_type_system=True,
        diagnostics=said,
    )
