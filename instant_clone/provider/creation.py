"""Making a clone: what is checked when it is planned, and how it is made, adopted and handed to Terraform."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from instant_clone.errors import CloneError, InstantCloneError
from instant_clone.provider.alignment import align
from instant_clone.provider.messages import ApplyRequest, ApplyResponse, Diagnostic, DynamicValue, PlanResponse
from instant_clone.provider.sources import Source, Sources
from instant_clone.provider.stock_client import Imported, StockClient
from instant_clone.provider.trouble import explained
from instant_clone.provider.values import (
    BLOCK,
    NULL,
    RESOURCE,
    InstantCloneBlock,
    attribute_path,
    error,
    is_unknown,
    pack,
    unpack,
)
from instant_clone.reboot import power_cycles
from instant_clone.versions import ProviderVersion

if TYPE_CHECKING:
    from instant_clone.vcenter.clone import Clone, Cloner, CloneRequest, HotChanges

__all__ = ["Creation", "orphaned_disks"]

_SOURCE_PATH = attribute_path(BLOCK, 0, "source_uuid")


class Creation:
    """Plans and makes clones. Safe for several threads."""

    def __init__(
        self, stock: StockClient, sources: Sources, *, version: ProviderVersion, stopped: threading.Event
    ) -> None:
        self._stock = stock
        self._sources = sources
        self._version = version
        self._stopped = stopped

    def check(self, config: Mapping[str, Any], block: InstantCloneBlock, meta: DynamicValue) -> list[Diagnostic]:
        """What speaks against making a clone with this configuration.

        A clone comes into being with its source's settings, so the stock provider is asked what it would change on
        the source to make it fit the configuration: that is what it would do to the clone. Raises VcenterError,
        RefusedError.
        """
        assert block.source_uuid is not None
        # Looked at before the stock provider imports it, which refuses a template in words of its own.
        machine = self._sources.machine(block.source_uuid)
        if machine.template or not machine.powered_on:
            state = "is a template" if machine.template else "is not powered on"
            return [
                error(
                    "Source cannot be cloned",
                    f"The source {machine.inventory_path} {state}. An instant clone starts from the running "
                    "state of its source: power it on, or name another one.",
                    _SOURCE_PATH,
                )
            ]
        source = self._sources.source(block.source_uuid, meta)
        if isinstance(cluster := config.get("datastore_cluster_id"), str):
            self._sources.cloner().member_of_cluster(machine, cluster)
        # The clone is made with its extra_config, so that there is nothing to change; values that are not known yet
        # would look like a change.
        config = {**config, "extra_config": None}
        aligned = align(source.imported.state, config, extra_config={}, tpm_count=machine.tpm_count)
        if aligned.orphans:
            return [orphaned_disks(machine.inventory_path, aligned.orphans)]
        as_source = Imported(aligned.state, source.imported.private)
        planned = self._stock.plan(as_source, pack(config), meta)
        return self._unfit("the source", machine.inventory_path, as_source, planned)

    def create(
        self, request: ApplyRequest, planned: Mapping[str, Any], config: Mapping[str, Any], block: InstantCloneBlock
    ) -> ApplyResponse:
        """Makes the clone that `request` plans, and returns its state. Raises VcenterError, RefusedError."""
        response = ApplyResponse(new_state=NULL, legacy_type_system=True)
        if block.source_uuid is None:
            raise CloneError("instantclone.source_uuid is still unknown.")
        source = self._sources.source(block.source_uuid, request.provider_meta)
        cloner = self._sources.cloner()
        wanted = _clone_request(cloner, config, block, source)
        clone = cloner.clone(source.machine, wanted, stopped=self._stopped.is_set)
        try:
            cloner.change(clone, _hot_changes(config, source))
            adopted = self._adopt(clone, source, config, request.provider_meta)
        except Exception as failure:  # noqa: BLE001 - whatever it is, the clone must not be left behind
            response.diagnostics.extend(_rolled_back(cloner, clone, explained(failure)))
            return response
        _put(response, adopted)
        try:
            adopted = self._await_network(cloner, clone, planned, adopted, request.provider_meta)
            _put(response, adopted)
            self._complete(request, response, clone, adopted)
        except Exception as failure:  # noqa: BLE001 - whatever it is, the clone stays in the state, as tainted
            response.diagnostics.extend(explained(failure))
        return response

    def _adopt(self, clone: Clone, source: Source, config: Mapping[str, Any], meta: DynamicValue) -> Imported:
        imported = self._stock.adopt(clone.inventory_path, meta)
        aligned = align(
            imported.state,
            config,
            extra_config=config.get("extra_config") or {},
            tpm_count=source.machine.tpm_count,
        )
        if aligned.orphans:
            raise CloneError(f"The clone has disks that its configuration lacks: {'; '.join(aligned.orphans)}.")
        return Imported(aligned.state, imported.private)

    def _complete(self, request: ApplyRequest, response: ApplyResponse, clone: Clone, adopted: Imported) -> None:
        """Lets the stock provider do what is still missing, as long as it powers nothing off."""
        planned = self._stock.plan(adopted, request.config, request.provider_meta)
        unfit = self._unfit("the clone", clone.inventory_path, adopted, planned)
        response.diagnostics.extend(unfit)
        if unfit or unpack(planned.planned_state) == adopted.state:
            return
        update = ApplyRequest(
            type_name=RESOURCE,
            prior_state=pack(adopted.state),
            planned_state=planned.planned_state,
            config=request.config,
            planned_private=planned.planned_private,
            provider_meta=request.provider_meta,
        )
        updated = self._stock.call("ApplyResourceChange", update, ApplyResponse)
        response.diagnostics.extend(updated.diagnostics)
        if unpack(updated.new_state) is not None:
            response.new_state.CopyFrom(updated.new_state)
            response.private = updated.private

    def _unfit(self, machine: str, path: str, imported: Imported, planned: PlanResponse) -> list[Diagnostic]:
        """Errors for what the stock provider could change only by power cycling or replacing the VM."""
        found = []
        target = unpack(planned.planned_state)
        changes = power_cycles(imported.state, target, version=self._version, is_unknown=is_unknown)
        if changes:
            lines = (
                f"  {change.argument}: {machine} has {_shown(change.prior)}, configured is {_shown(change.planned)}. "
                f"{change.why}"
                for change in changes
            )
            found.append(
                error(
                    "Configuration would power-cycle the clone",
                    "An instant clone that is powered off loses the memory that it shares with its source. These "
                    f"arguments differ from {machine} {path}:\n"
                    + "\n".join(lines)
                    + "\nRepeat the source's values, or change the source.",
                )
            )
        if planned.requires_replace:
            names = sorted({path.steps[0].attribute_name for path in planned.requires_replace})
            found.append(
                error(
                    "Configuration does not fit an instant clone",
                    f"With these arguments the stock provider would replace the clone: {', '.join(names)}.",
                )
            )
        return found

    def _await_network(
        self, cloner: Cloner, clone: Clone, planned: Mapping[str, Any], adopted: Imported, meta: DynamicValue
    ) -> Imported:
        """The clone's state once its guest has reported what `planned` waits for. Raises CloneError if it does not."""
        from instant_clone.vcenter.guest_network import GuestNetworkWait

        wait = GuestNetworkWait(
            ip_minutes=int(planned.get("wait_for_guest_ip_timeout") or 0),
            network_minutes=int(planned.get("wait_for_guest_net_timeout") or 0),
            routable=planned.get("wait_for_guest_net_routable") is not False,
            ignored=tuple(planned.get("ignored_guest_ips") or ()),
        )
        if wait.minutes < 1:
            return adopted
        if not cloner.wait_for_network(clone, wait, stopped=self._stopped.is_set):
            raise CloneError(
                f"The guest of {clone.inventory_path} has not reported a network address within {wait.minutes} "
                "minutes. The clone runs and is in the state, as tainted. Look at VMware Tools and the network in the "
                "guest; raise wait_for_guest_net_timeout, or set it to 0 to go without waiting."
            )
        return self._stock.read(adopted, meta)


def _put(response: ApplyResponse, imported: Imported) -> None:
    response.new_state.CopyFrom(pack(imported.state))
    response.private = imported.private


def _shown(value: object) -> str:
    """A value as Terraform writes it."""
    return json.dumps(value, default=str)


def orphaned_disks(machine: str, orphans: Sequence[str]) -> Diagnostic:
    """The error for disks of a VM for which its configuration has none: the stock provider would remove them."""
    return error(
        "Disks without a partner",
        f"{machine} has disks that the configuration lacks: {'; '.join(orphans)}. The stock provider would remove "
        "them from the clone. Configure a disk with that controller_type and unit_number.",
        attribute_path("disk"),
    )


def _hot_changes(config: Mapping[str, Any], source: Source) -> HotChanges:
    """Where the configuration asks for another value than the source's; the plan has seen to it that these are hot."""
    from instant_clone.vcenter.clone import HotChanges

    asked = {name: config.get(name) for name in ("annotation", "num_cpus", "memory")}
    state = source.imported.state
    return HotChanges(**{name: value for name, value in asked.items() if value != state.get(name)})


def _clone_request(cloner: Cloner, config: Mapping[str, Any], block: InstantCloneBlock, source: Source) -> CloneRequest:
    from instant_clone.vcenter.clone import CloneRequest, InterfaceEdit

    interfaces = zip(
        source.imported.state.get("network_interface") or (), config.get("network_interface") or (), strict=False
    )
    datastore, cluster = config.get("datastore_id"), config.get("datastore_cluster_id")
    if datastore is None and cluster is not None:
        datastore = cloner.member_of_cluster(source.machine, cluster)
    return CloneRequest(
        name=config["name"],
        resource_pool_id=config["resource_pool_id"],
        folder=config.get("folder") or "",
        datastore_id=datastore,
        interfaces=tuple(
            InterfaceEdit(
                key=theirs["key"],
                network_id=ours["network_id"],
                mac_address=ours.get("mac_address") if ours.get("use_static_mac") else None,
            )
            for theirs, ours in interfaces
        ),
        extra_config=config.get("extra_config") or {},
        timeout=block.timeout,
    )


def _rolled_back(cloner: Cloner, clone: Clone, said: list[Diagnostic]) -> list[Diagnostic]:
    """What is said of a clone that was made but cannot be taken into the state: it is removed again."""
    try:
        cloner.destroy(clone)
    except InstantCloneError as left:
        return [
            *said,
            error(
                "Clone left behind",
                f"{clone.inventory_path} (UUID {clone.uuid}) was made, could not be read back, and could not be "
                f"removed: {left} It is not in Terraform's state: remove it in vCenter before the next apply.",
            ),
        ]
    return [
        *said,
        error(
            "Clone removed again",
            f"{clone.inventory_path} was made but could not be read back, so it was removed. Apply again once the "
            "cause above is mended.",
        ),
    ]
