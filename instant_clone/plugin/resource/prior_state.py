# SPDX-License-Identifier: MPL-2.0
"""States as Terraform has them, beside the VM: reconciled with the configuration, read for the first time, powered off.

A clone can be in the state although nobody could read it: it was made, and could not be removed again either. Its state
is what was planned, with the clone's UUID. The stock provider refuses to refresh that, as it has not itself noted the
addresses of the disks; so the first refresh is an import.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from instant_clone.errors import InstantCloneError, NotFoundError
from instant_clone.plugin.resource.device_matching import PairedDisks, pair_disks
from instant_clone.plugin.resource.state_reconciliation import align_existing, as_before
from instant_clone.plugin.resource.vcenter_client import VcenterClient
from instant_clone.plugin.wire.codec import NULL, error, is_unknown, pack, warning
from instant_clone.plugin.wire.tfplugin5 import Diagnostic, DynamicValue, ReadResponse
from instant_clone.plugin.wire.upstream_client import StockClient
from instant_clone.plugin.wire.values import Plan, State
from instant_clone.stock_provider.devices import TOOLS_RUNNING, disk_place

if TYPE_CHECKING:
    from instant_clone.vcenter.cloning.clone_task import Clone

__all__ = [
    "does_not_run",
    "is_unread",
    "keeps_disks",
    "not_read_yet",
    "read_first",
    "restore_values",
    "unread",
]


def restore_values(state: State, before: State | Plan, vcenter: VcenterClient) -> PairedDisks:
    """Return a clone's `state` with the values that cannot have changed since `before`, and warnings about its disks.

    Raises VcenterError.
    """
    paired = pair_disks(state, before)
    kept = as_before(paired.state, before, deltas=lambda: vcenter.cloner().deltas(str(state.get("moid"))))
    return replace(paired, state=kept)


def unread(planned: Plan, clone: Clone) -> State:
    """The state of a clone of which nothing is known but what was planned."""
    known: dict[str, Any] = _without_unknown(planned)
    return State({**known, "id": clone.uuid, "uuid": clone.uuid})


def is_unread(state: State) -> bool:
    """Whether a VM's state is one of `unread`: whatever the stock provider has read has a managed object id."""
    return bool(state.get("uuid")) and state.get("moid") is None


def keeps_disks(state: State) -> bool:
    """Whether disks are to outlive the VM: to detach these, the stock provider has to know their addresses."""
    return any(disk.get("keep_on_remove") for disk in state.get("disk") or ())


def read_first(state: State, stock: StockClient, vcenter: VcenterClient, provider_meta: DynamicValue) -> ReadResponse:
    """The refresh of a state that `is_unread`: the VM, imported, in the words of that state; null if it is gone.

    Raises VcenterError, RefusedError.
    """
    try:
        vm = vcenter.live_vm(str(state["uuid"]))
    except NotFoundError:
        return ReadResponse(new_state=NULL)
    imported = stock.adopt(
        vm.inventory_path,
        uuid=str(state["uuid"]),
        moid=vm.machine._moId,
        provider_meta=provider_meta,
    )
    aligned = align_existing(imported.state, state, vm).state
    # An import before release 2.7.0 would have all disks outlive the VM, also those that the state does not have.
    kept = {disk_place(disk) for disk in state.get("disk") or () if disk.get("keep_on_remove")}
    disks = [{**disk, "keep_on_remove": disk_place(disk) in kept} for disk in aligned["disk"]]
    aligned = State({**aligned, "disk": disks})
    return ReadResponse(
        new_state=pack(aligned),
        private=imported.private,
        diagnostics=does_not_run(aligned, is_powered_on=lambda: vm.powered_on),
    )


def not_read_yet(state: State) -> Diagnostic:
    """What is said to a plan that was told not to refresh such a state."""
    return error(
        "Clone was not read yet",
        f"{state.get('name')} (UUID {state.get('uuid')}) was made by an apply that could not read it back. Run the "
        "command once without -refresh=false.",
    )


def _without_unknown(value: Any) -> Any:
    if is_unknown(value):
        return None
    if isinstance(value, dict):
        return {key: _without_unknown(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_without_unknown(each) for each in value]
    return value


def does_not_run(state: State, *, is_powered_on: Callable[[], bool]) -> list[Diagnostic]:
    """What is to be said of a clone, as the stock provider has read it, that is powered off or suspended.

    Releases before 2.2 have no `power_state`; with them `is_powered_on()` asks vCenter, unless the guest's tools run.
    """
    power = state.get("power_state")
    if power is None and state.get("vmware_tools_status") != TOOLS_RUNNING:
        try:
            power = "on" if is_powered_on() else "off"
        except InstantCloneError:
            # It has gone meanwhile, or vCenter has: whatever comes next will say so.
            return []
    if power in (None, "", "on"):
        return []
    how = "suspended" if power == "suspended" else "powered off"
    return [
        warning(
            "Clone does not run",
            f"{state.get('name')} (UUID {state.get('uuid')}) is {how}. "
            "No apply powers it on, and once powered on it shares no memory with its source. Make it anew with "
            "-replace and its address, or power it on in vCenter.",
        )
    ]
