# SPDX-License-Identifier: MPL-2.0
"""Compute states of vsphere_virtual_machine as the stock provider imports, reads and plans them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from instant_clone.stock_provider.releases import DEVICE_LABELS_IMPORTED, ProviderVersion
from testkit.standins import recorded
from testkit.standins.world import Vm
from testkit.wire import UNKNOWN, Block

__all__ = ["STATE_ONLY", "disks_after", "import_of", "planned", "state_of", "with_known_disks"]

STATE_ONLY = frozenset(
    {
        "custom_attributes",
        "extra_config_reboot_required",
        "force_power_off",
        "ignored_guest_ips",
        "imported",
        "migrate_wait_timeout",
        "poweron_timeout",
        "replace_trigger",
        "shutdown_wait_timeout",
        "tags",
        "vtpm",
        "wait_for_guest_ip_timeout",
        "wait_for_guest_net_routable",
        "wait_for_guest_net_timeout",
    }
)
"""arguments whose values a refresh does not change"""
_KEPT_ON_REFRESH = ("label", "keep_on_remove", "attach")
_COMPUTED_DISK = {"datastore_id": "<computed>", "io_share_count": 0, "key": 0}
"""known computed attributes of a new disk in a plan; the other computed attributes are unknown"""
_DETACHED, _DELETED = "<remove, keep disk>", "<deleted>"


def import_of(vm: Vm, release: ProviderVersion) -> dict[str, Any]:
    """Return the state of a VM after ImportResourceState."""
    by_device = release >= DEVICE_LABELS_IMPORTED
    state = recorded.imported()
    blank = state["disk"][0]
    disks = [
        {
            **blank,
            "label": f"Hard disk {index + 1}" if by_device else f"disk{index}",
            "keep_on_remove": not by_device,
            "device_address": disk["device_address"],
        }
        for index, disk in enumerate(vm.values["disk"])
    ]
    return state | {"id": vm.uuid, "disk": disks}


def state_of(vm: Vm, state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the state of a VM after ReadResource of `state`.

    Raises:
        LookupError: a disk in `state` has neither a device address nor a UUID.
    """
    for disk in state.get("disk") or ():
        if not disk.get("device_address") and not disk.get("uuid"):
            raise LookupError(f"disk {disk.get('label')}: invalid ID")
    options = state.get("extra_config") or {}
    return {
        **vm.values,
        "id": vm.uuid,
        "uuid": vm.uuid,
        "power_state": "on" if vm.running else "off",
        "vmware_tools_status": vm.values["vmware_tools_status"] if vm.running else "guestToolsNotRunning",
        **{name: state.get(name) for name in STATE_ONLY},
        "extra_config": {key: vm.extra_config[key] for key in options if key in vm.extra_config},
        "disk": _disks(vm, state.get("disk") or []),
    }


def _disks(vm: Vm, known: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the disks in the order of the state, followed by the disks that the state lacks."""
    by_uuid = {disk["uuid"]: disk for disk in vm.values["disk"]}
    by_address = {disk["device_address"]: disk for disk in vm.values["disk"]}
    read, found = [], set()
    for disk in known:
        actual = by_uuid.get(disk["uuid"]) if disk.get("uuid") else by_address.get(disk["device_address"])
        if actual is not None:
            read.append({**actual, **{name: disk.get(name) for name in _KEPT_ON_REFRESH}})
            found.add(actual["uuid"])
    orphans = [disk for disk in vm.values["disk"] if disk["uuid"] not in found]
    labels = [{"label": f"orphaned_disk_{number}", "keep_on_remove": True} for number in range(len(orphans))]
    return read + [{**disk, **label} for disk, label in zip(orphans, labels, strict=True)]


def disks_after(vm: Vm, planned: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the disks of a VM after an apply that grows, removes and adds disks. The apply matches disks by UUID."""
    known = {disk["uuid"]: disk for disk in planned["disk"] if disk.get("uuid") and disk["uuid"] != UNKNOWN}
    kept = [
        {**disk, "size": known[disk["uuid"]]["size"]}
        for disk in vm.values["disk"]
        if disk["uuid"] in known and known[disk["uuid"]]["label"] not in (_DETACHED, _DELETED)
    ]
    added = [
        {
            **vm.values["disk"][0],
            "key": 2000 + disk["unit_number"],
            "unit_number": disk["unit_number"],
            "device_address": f"scsi:0:{disk['unit_number']}",
            "size": disk["size"],
            "uuid": f"added-{vm.moid}-{disk['unit_number']}",
        }
        for disk in planned["disk"]
        if disk.get("uuid") == UNKNOWN
    ]
    return kept + added


def with_known_disks(vm: Vm, planned: Mapping[str, Any]) -> dict[str, Any]:
    """Return a planned state with the UUIDs of the new disks, and without the removed disks."""
    uuids = {disk["unit_number"]: disk["uuid"] for disk in vm.values["disk"]}
    disks = [
        {**disk, "uuid": uuids[disk["unit_number"]]} if disk.get("uuid") == UNKNOWN else disk
        for disk in planned["disk"]
        if disk["label"] not in (_DETACHED, _DELETED)
    ]
    return {**planned, "disk": disks}


def planned(prior: Mapping[str, Any] | None, proposed: Mapping[str, Any], schema: Block) -> dict[str, Any]:
    """Return the planned state. Computed attributes are unknown for a new VM, and unchanged for an existing VM."""
    computed = {each.name for each in schema.attributes if each.computed}
    disk = next(each.block for each in schema.block_types if each.type_name == "disk")
    unknown = {each.name for each in disk.attributes if each.computed} - _COMPUTED_DISK.keys()
    if prior is None:
        filled = {key: UNKNOWN if value is None and key in computed else value for key, value in proposed.items()}
        return filled | {"disk": _each(proposed["disk"], lambda _, disk: _new_disk(disk, unknown))}
    filled = {key: prior.get(key) if value is None else value for key, value in proposed.items()}
    interfaces, drives = (dict(enumerate(prior[name])) for name in ("network_interface", "cdrom"))
    return filled | {
        "network_interface": _each(
            proposed["network_interface"], lambda index, new: {**interfaces.get(index, {}), **_without_nulls(new)}
        ),
        "cdrom": _each(proposed["cdrom"], lambda index, new: {**drives.get(index, {}), **_without_nulls(new)}),
        "disk": _planned_disks(prior, proposed, unknown),
    }


def _each(blocks: Any, change: Callable[[int, dict[str, Any]], dict[str, Any]]) -> Any:
    """Return the blocks after `change` is applied to the index and value of each. Return unknown blocks unchanged."""
    if not isinstance(blocks, list):
        return blocks
    return [change(index, block) if isinstance(block, dict) else block for index, block in enumerate(blocks)]


def _planned_disks(prior: Mapping[str, Any], proposed: Mapping[str, Any], unknown: set[str]) -> Any:
    if not isinstance(proposed["disk"], list):
        return proposed["disk"]
    by_label = {disk["label"]: disk for disk in prior["disk"]}
    disks = []
    for disk in proposed["disk"]:
        before = by_label.pop(disk["label"], None)
        if before is None:
            disks.append(_new_disk(disk, unknown))
            continue
        # Terraform core matches the blocks by position, so computed values can come from another disk.
        configured = {
            key: value for key, value in _without_nulls(disk).items() if key not in {*unknown, *_COMPUTED_DISK}
        }
        disks.append({**before, **configured})
    removed = [{**disk, "label": _DETACHED if disk["keep_on_remove"] else _DELETED} for disk in by_label.values()]
    return disks + removed


def _new_disk(disk: Mapping[str, Any], unknown: set[str]) -> dict[str, Any]:
    return {
        **disk,
        "attach": False,
        "keep_on_remove": bool(disk["keep_on_remove"]),
        **_COMPUTED_DISK,
        **dict.fromkeys(unknown, UNKNOWN),
    }


def _without_nulls(block: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in block.items() if value is not None}
