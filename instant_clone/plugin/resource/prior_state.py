# SPDX-License-Identifier: MPL-2.0
"""States of existing clones: restored values, clones that were never read, and clones that are not running.

If the plugin can neither read nor remove a new clone, it writes the clone to the state without reading it. Such a
state has the planned values and the clone's UUID. The stock provider cannot refresh it, because the state has no disk
addresses. The first refresh therefore imports the VM.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from instant_clone.errors import InstantCloneError, NotFoundError
from instant_clone.plugin.resource.device_matching import PairedDisks, pair_disks
from instant_clone.plugin.resource.state_reconciliation import align_existing, with_fixed_values
from instant_clone.plugin.resource.vcenter_client import UnsupportedDisksError, VcenterClient
from instant_clone.plugin.wire.codec import NULL, error, is_unknown, pack, warning
from instant_clone.plugin.wire.tfplugin5 import Diagnostic, DynamicValue, ReadResponse
from instant_clone.plugin.wire.values import Plan, State
from instant_clone.stock_provider.devices import TOOLS_RUNNING, disk_place

if TYPE_CHECKING:
    from instant_clone.vcenter.cloning.clone_task import Clone

__all__ = [
    "first_refresh",
    "is_unread",
    "keeps_disks",
    "never_read_error",
    "not_running_warnings",
    "restore_values",
    "still_unread",
    "unread_state",
]


def restore_values(state: State, before: State | Plan, vcenter: VcenterClient) -> PairedDisks:
    """Return a clone's `state` with the values that cannot have changed since `before`, and warnings about its disks.

    Raises:
        VcenterError: vCenter rejects a request.
    """
    paired = pair_disks(state, before)
    kept = with_fixed_values(paired.state, before, deltas=lambda: vcenter.cloner().deltas(str(state.get("moid"))))
    return replace(paired, state=kept)


def unread_state(planned: Plan, clone: Clone) -> State:
    """Return the state of a clone that was never read: the planned values and the UUID."""
    known: dict[str, Any] = _without_unknown(planned)
    return State({**known, "id": clone.uuid, "uuid": clone.uuid})


def is_unread(state: State) -> bool:
    """Return whether a VM's state comes from `unread_state`: only a state that was read has a managed object id."""
    return bool(state.get("uuid")) and state.get("moid") is None


def keeps_disks(state: State) -> bool:
    """Return whether keep_on_remove is set for a disk.

    The stock provider needs the address of such a disk to detach it.
    """
    return any(disk.get("keep_on_remove") for disk in state.get("disk") or ())


def first_refresh(state: State, vcenter: VcenterClient, provider_meta: DynamicValue) -> ReadResponse:
    """Refresh a state that `is_unread` by importing the VM, and keep the labels and settings of that state.

    Return null if the VM no longer exists.

    Raises:
        UnsupportedDisksError: the stock provider does not support the format of the VM's disks.
        RefusedError: the stock provider fails to import the VM.
        VcenterError: vCenter rejects a request.
    """
    try:
        vm = vcenter.live_vm(str(state["uuid"]))
    except NotFoundError:
        return ReadResponse(new_state=NULL)
    imported = vcenter.adopt(
        vm.inventory_path,
        uuid=str(state["uuid"]),
        moid=vm.machine._moId,
        provider_meta=provider_meta,
    )
    aligned = align_existing(imported.state, state, vm).state
    # The import of releases before 2.7.0 sets keep_on_remove for all disks, including disks that the state lacks.
    kept = {disk_place(disk) for disk in state.get("disk") or () if disk.get("keep_on_remove")}
    disks = [{**disk, "keep_on_remove": disk_place(disk) in kept} for disk in aligned["disk"]]
    aligned = State({**aligned, "disk": disks})
    return ReadResponse(
        new_state=pack(aligned),
        private=imported.private,
        diagnostics=not_running_warnings(aligned, is_powered_on=lambda: vm.powered_on),
    )


def still_unread(state: State, private: bytes, failure: UnsupportedDisksError) -> ReadResponse:
    """Return the unchanged state of a clone that the stock provider cannot read, with a warning.

    An error would also fail the plan that replaces or destroys the clone.
    """
    reason = failure.diagnostics[-1].detail
    unread = warning("Clone cannot be read", f"{reason} Terraform can only replace or destroy this clone.")
    return ReadResponse(new_state=pack(state), private=private, diagnostics=[unread])


def never_read_error(state: State) -> Diagnostic:
    """Return the error for a plan with -refresh=false of a clone that was never read."""
    return error(
        "Clone has not been read",
        f"{state.get('name')} (UUID {state.get('uuid')}): an apply created this clone and could not read it. Run the "
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


def not_running_warnings(state: State, *, is_powered_on: Callable[[], bool]) -> list[Diagnostic]:
    """Return a warning for a clone that is powered off or suspended in the state that the stock provider read.

    Releases before 2.2 do not report `power_state`. With those releases `is_powered_on()` asks vCenter, unless VMware
    Tools are running in the guest.
    """
    power = state.get("power_state")
    if power is None and state.get("vmware_tools_status") != TOOLS_RUNNING:
        try:
            power = "on" if is_powered_on() else "off"
        except InstantCloneError:
            # The VM no longer exists or vCenter does not respond. The next request reports the error.
            return []
    if power in (None, "", "on"):
        return []
    condition = "suspended" if power == "suspended" else "powered off"
    return [
        warning(
            "Clone is not running",
            f"{state.get('name')} (UUID {state.get('uuid')}): the clone is {condition}. An apply does not power it on. "
            "After a power-on it no longer shares memory with its source. To replace it, run Terraform with the "
            "option -replace and the address of the clone. Or power it on in vCenter.",
        )
    ]
