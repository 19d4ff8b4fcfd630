# SPDX-License-Identifier: MPL-2.0
"""Matching of a clone's devices with the devices of its source or of its state.

vCenter guarantees neither the order nor the keys of a clone's devices. This module matches:

- a disk by its controller and unit;
- a CD-ROM drive by its device address;
- a network interface by the first of these properties that matches: static MAC address, key (which vSphere usually
  keeps), network, position.

A backup product that restores a VM in place keeps the VM and replaces its disks. The stock provider identifies a
disk by its UUID (virtual_machine_disk_subresource.go, DiskRefreshOperation). It drops the old disks from the state and
labels the new disks orphaned_disk_N. Its next apply removes the orphaned disks from the VM and adds empty disks. To
prevent this, the plugin also identifies a disk by its controller and unit.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from instant_clone.impact.disks import GONE_LABELS, ORPHAN
from instant_clone.plugin.wire.codec import is_unknown, warning
from instant_clone.plugin.wire.tfplugin5 import Diagnostic
from instant_clone.plugin.wire.values import Config, Plan, State
from instant_clone.stock_provider.arguments import row
from instant_clone.stock_provider.devices import disk_place, disk_text

__all__ = [
    "NamedOrphans",
    "PairedDisks",
    "has_unknown_place",
    "in_order_of",
    "name_orphans",
    "pair_disks",
    "pair_drives",
    "pair_interfaces",
    "wanted_interfaces",
]

Device = Mapping[str, Any]


def has_unknown_place(disks: Iterable[Any]) -> bool:
    """Return whether the controller or unit of a configured disk is unknown, so that the disks cannot be matched.

    A dynamic block is unknown as a whole while its for_each is unknown.
    """
    return is_unknown(disks) or any(is_unknown(disk) or any(map(is_unknown, disk_place(disk))) for disk in disks)


def wanted_interfaces(config: Config | State, source: State) -> list[Device]:
    """Return the network interfaces that `config` requests, in its order, with the keys and addresses of `source`.

    Both arguments are values of vsphere_virtual_machine. If `source` has no interfaces, the keys and device addresses
    are None.
    """
    pairs = zip_longest(config.get("network_interface") or (), source.get("network_interface") or ())
    return [_wanted(configured, existing or {}) for configured, existing in pairs if isinstance(configured, Mapping)]


def _wanted(configured: Device, existing: Device) -> Device:
    return {
        "key": existing.get("key"),
        "device_address": existing.get("device_address"),
        "adapter_type": configured.get("adapter_type") or row("network_interface.adapter_type").default,
        "network_id": configured.get("network_id"),
        "mac_address": configured.get("mac_address") if configured.get("use_static_mac") is True else None,
    }


def pair_interfaces(clones: Sequence[Device], wanted: Sequence[Device]) -> list[Device]:
    """Return a clone's network interfaces in the order of `wanted`, followed by the interfaces without a match.

    Interfaces with the same key but different adapter types do not match.
    """
    return _in_order(
        clones,
        wanted,
        lambda device: _if_all(str(device.get("mac_address") or "").lower()),
        lambda device: _if_all(device.get("key"), device.get("network_id"), device.get("adapter_type")),
        lambda device: _if_all(device.get("network_id"), device.get("adapter_type"), device.get("device_address")),
        lambda device: _if_all(device.get("network_id"), device.get("adapter_type")),
        lambda device: _if_all(device.get("key"), device.get("adapter_type")),
        lambda device: _if_all(device.get("adapter_type")),
    )


def pair_drives(clones: Sequence[Device], sources: Sequence[Device]) -> list[Device]:
    """Return a clone's CD-ROM drives in the order of the source's drives, followed by the drives without a match."""
    return _in_order(clones, sources, lambda device: _if_all(device.get("device_address")))


def in_order_of(devices: Sequence[Device], before: Sequence[Device]) -> list[Device]:
    """Return a VM's devices in the order of `before`. New devices take the positions of removed devices."""
    return _in_order(devices, before, lambda device: _if_all(device.get("key")), lambda device: True)


def _in_order(
    clones: Sequence[Device], sources: Sequence[Device], *match_keys: Callable[[Device], Hashable]
) -> list[Device]:
    """Return `clones` in the order of the `sources` that they match.

    Devices match if the first of `match_keys` returns equal values for them. The next function applies to the remaining
    devices only. If a function returns None for a device, the function does not match that device.
    """
    rest = list(clones)
    partners: dict[int, Device] = {}
    for match_key in match_keys:
        for position, source in enumerate(sources):
            wanted = match_key(source)
            if position in partners or wanted is None:
                continue
            found = next((index for index, each in enumerate(rest) if match_key(each) == wanted), None)
            if found is not None:
                partners[position] = rest.pop(found)
    return [partners[position] for position in sorted(partners)] + rest


def _if_all(*parts: Hashable) -> Hashable:
    """Return the parts as a match key, or None if a part is missing."""
    return parts if all(parts) else None


_KEPT = ("label", "keep_on_remove", "attach")
"""disk arguments that exist in the state only, not in vCenter"""


@dataclass(frozen=True)
class PairedDisks:
    """A state with restored disk labels, and warnings about replaced and missing disks."""

    state: State
    diagnostics: tuple[Diagnostic, ...]


def pair_disks(state: State, before: State | Plan) -> PairedDisks:
    """Return the state that the stock provider read, with the disk labels that `before` has at the same units.

    `before` is the earlier state, or the plan that was applied. The result has a warning for each replaced disk, and
    for each disk of `before` that is missing.
    """
    disks = state.get("disk") or []
    labels = {*GONE_LABELS, *(disk.get("label") for disk in disks)}
    gone = {disk_place(disk): disk for disk in before.get("disk") or () if disk.get("label") not in labels}
    name = str(state.get("name"))
    paired, warnings = [], []
    for disk in disks:
        partner = gone.pop(disk_place(disk), None) if _is_orphan(disk) else None
        if partner is None or _is_orphan(partner):
            paired.append(dict(disk))
            continue
        paired.append({**disk, **{argument: partner.get(argument) for argument in _KEPT if argument in disk}})
        warnings.append(_replaced(name, partner, disk))
    # A planned disk that does not exist yet has no UUID.
    warnings.extend(_missing(name, disk) for disk in gone.values() if not _is_orphan(disk) and _is_read(disk))
    return PairedDisks(State({**state, "disk": paired}) if disks else state, tuple(warnings))


@dataclass(frozen=True)
class NamedOrphans:
    """A state whose orphaned disks have the labels of the disk blocks with the same controller and unit."""

    state: State
    warnings: tuple[Diagnostic, ...] = ()
    """one warning for each disk that received a label"""
    without: tuple[str, ...] = ()
    """the orphaned disks without a disk block, such as "scsi unit 5, 16 GiB" """


def name_orphans(prior: State, target: Config | Plan) -> NamedOrphans:
    """Return `prior` with the disk labels of `target` for orphaned disks at the same controller and unit.

    `target` is a configuration or a planned state. If it has a disk with an unknown controller or unit, the function
    changes nothing and reports no disk without a block.
    """
    configured = target.get("disk")
    disks = prior.get("disk") or []
    if not any(map(_is_orphan, disks)) or not isinstance(configured, list) or has_unknown_place(configured):
        return NamedOrphans(prior)
    partners = {disk_place(disk): disk for disk in configured}
    named, adopted, without = [], [], []
    for disk in disks:
        partner = partners.get(disk_place(disk)) if _is_orphan(disk) else None
        if partner is not None:
            kept = {"label": partner.get("label"), "keep_on_remove": bool(partner.get("keep_on_remove"))}
            named.append({**disk, **kept})
            adopted.append(_adopted(str(prior.get("name")), disk, kept))
            continue
        named.append(dict(disk))
        if _is_orphan(disk):
            without.append(disk_text(disk))
    return NamedOrphans(State({**prior, "disk": named}), tuple(adopted), tuple(without))


def _is_orphan(disk: Mapping[str, Any]) -> bool:
    return str(disk.get("label") or "").startswith(ORPHAN)


def _is_read(disk: Mapping[str, Any]) -> bool:
    return isinstance(disk.get("uuid"), str) and bool(disk["uuid"])


def _replaced(name: str, before: State, disk: Mapping[str, Any]) -> Diagnostic:
    return warning(
        "Disk was replaced",
        f"{name}: {before.get('label')} ({disk_text(disk)}) has the UUID {disk.get('uuid')} and the file "
        f"{disk.get('path')}, but the state has {before.get('uuid')} and {before.get('path')}. The virtual machine was "
        "probably restored in place. The disk keeps its label, and no apply removes it. It is no longer a delta "
        "disk on the source's disk. To share disks and memory with the source again, replace the clone: "
        "run Terraform with the option -replace and the address of the clone.",
    )


def _adopted(name: str, disk: Mapping[str, Any], kept: Mapping[str, Any]) -> Diagnostic:
    value, effect = ("true", "keeps") if kept["keep_on_remove"] else ("false", "deletes")
    return warning(
        "Existing disk adopted",
        f"{name}: {kept['label']} ({disk_text(disk)}) already exists on the virtual machine, with the UUID "
        f"{disk.get('uuid')} and the file {disk.get('path')}. The apply adopts this disk and adds no empty disk. "
        f"keep_on_remove is {value}, so a destroy of the clone {effect} the disk. For a new disk, detach the existing "
        "disk or configure another unit_number.",
    )


def _missing(name: str, disk: Mapping[str, Any]) -> Diagnostic:
    return warning(
        "Disk is missing",
        f"{name}: the virtual machine no longer has the disk {disk.get('label')} ({disk_text(disk)}). While its disk "
        "block is configured, an apply adds an empty disk at the same unit. To restore the content, replace the clone: "
        "run Terraform with the option -replace and the address of the clone.",
    )
