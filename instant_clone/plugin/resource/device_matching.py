# SPDX-License-Identifier: MPL-2.0
"""Which device of a clone is which of its source, or of its state.

vCenter promises neither the order nor the keys of a clone's devices. A disk is known by its controller and unit, a
CD-ROM drive by its address, a network interface by what it was asked to be: its address if that is its own, its key,
which vSphere means to keep, and its network, else by order.

A backup product that restores a VM over itself leaves the same VM with new disks. The stock provider knows a disk by
its UUID (virtual_machine_disk_subresource.go, DiskRefreshOperation): it drops the old disks from the state, and calls
the new ones orphaned_disk_N, which its next apply removes from the VM before it adds empty ones. Here a disk is known
by its controller and unit as well.
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
    """Return whether the place of a configured disk is not known yet, so that no pair can be told.

    A dynamic block whose for_each is not known yet is unknown as a whole.
    """
    return is_unknown(disks) or any(is_unknown(disk) or any(map(is_unknown, disk_place(disk))) for disk in disks)


def wanted_interfaces(config: Config | State, source: State) -> list[Device]:
    """The network interfaces of a clone that `config` asks for, in its order, with what they have from `source`.

    Both are values of the resource; without any interfaces in the source only the configuration speaks.
    """
    pairs = zip_longest(config.get("network_interface") or (), source.get("network_interface") or ())
    return [_wanted(ours, theirs or {}) for ours, theirs in pairs if isinstance(ours, Mapping)]


def _wanted(ours: Device, theirs: Device) -> Device:
    return {
        "key": theirs.get("key"),
        "device_address": theirs.get("device_address"),
        "adapter_type": ours.get("adapter_type") or row("network_interface.adapter_type").default,
        "network_id": ours.get("network_id"),
        "mac_address": ours.get("mac_address") if ours.get("use_static_mac") is True else None,
    }


def pair_interfaces(clones: Sequence[Device], wanted: Sequence[Device]) -> list[Device]:
    """A clone's network interfaces in the order of what was `wanted`; those without a partner come last.

    A key alone is no proof: an interface of another type under the wanted key is another interface.
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
    """A clone's CD-ROM drives in the order of their partners in the source; those without one come last."""
    return _in_order(clones, sources, lambda device: _if_all(device.get("device_address")))


def in_order_of(devices: Sequence[Device], before: Sequence[Device]) -> list[Device]:
    """A VM's devices, just read, in the order that they had `before`; new ones take the places of those that went."""
    return _in_order(devices, before, lambda device: _if_all(device.get("key")), lambda device: True)


def _in_order(
    clones: Sequence[Device], sources: Sequence[Device], *marks: Callable[[Device], Hashable]
) -> list[Device]:
    """`clones` by their partners: those that share the first mark, then of the rest those that share the next.

    None as a mark is none.
    """
    rest = list(clones)
    partners: dict[int, Device] = {}
    for mark in marks:
        for position, source in enumerate(sources):
            wanted = mark(source)
            if position in partners or wanted is None:
                continue
            found = next((index for index, each in enumerate(rest) if mark(each) == wanted), None)
            if found is not None:
                partners[position] = rest.pop(found)
    return [partners[position] for position in sorted(partners)] + rest


def _if_all(*parts: Hashable) -> Hashable:
    """The parts as a mark, if all are there."""
    return parts if all(parts) else None


_KEPT = ("label", "keep_on_remove", "attach")
"""arguments that only the state has, and no VM"""


@dataclass(frozen=True)
class PairedDisks:
    """A state with restored disk labels, and the warnings about it."""

    state: State
    diagnostics: tuple[Diagnostic, ...]


def pair_disks(state: State, before: State | Plan) -> PairedDisks:
    """Return a VM's state, as the stock provider read it, with the labels of `before` at the same places.

    `before` is the earlier state, or the plan that was carried out. Warns of a disk that is another one, and of a disk
    of an earlier state that is no longer there.
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
    # A planned disk that is still to be made has no UUID.
    warnings.extend(_missing(name, disk) for disk in gone.values() if not _is_orphan(disk) and _is_read(disk))
    return PairedDisks(State({**state, "disk": paired}) if disks else state, tuple(warnings))


@dataclass(frozen=True)
class NamedOrphans:
    """A state in which orphaned disks have the labels that a configuration gives to their places."""

    state: State
    warnings: tuple[Diagnostic, ...] = ()
    """one for each disk that has got a label"""
    without: tuple[str, ...] = ()
    """the disks at places without a disk block, such as "scsi unit 5, 16 GiB" """


def name_orphans(prior: State, words: Config | Plan) -> NamedOrphans:
    """Return a state in which orphaned disks have the labels that `words` gives to their places.

    `words` is a configuration or a planned state. Where a place in it is not known yet, no disk is without one.
    """
    configured = words.get("disk")
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
        "Disk is another one",
        f"{name}: {before.get('label')} ({disk_text(disk)}) has the UUID {disk.get('uuid')} and the file "
        f"{disk.get('path')}; the state has {before.get('uuid')} and {before.get('path')}. The virtual machine was "
        "probably restored over itself. The disk keeps its label, and no apply removes it. It is no delta on the "
        "source's disk any more: to share disks and memory again, replace the clone with -replace and its address.",
    )


def _adopted(name: str, disk: Mapping[str, Any], kept: Mapping[str, Any]) -> Diagnostic:
    fate = "outlives" if kept["keep_on_remove"] else "is deleted with"
    return warning(
        "Disk is adopted",
        f"{name}: {kept['label']} ({disk_text(disk)}) is a disk that the virtual machine has already, with the UUID "
        f"{disk.get('uuid')} and the file {disk.get('path')}. No empty disk is added. It {fate} the clone, as "
        "keep_on_remove says. If you want a new disk instead, detach this one, or configure another unit_number.",
    )


def _missing(name: str, disk: Mapping[str, Any]) -> Diagnostic:
    return warning(
        "Disk is missing",
        f"{name}: the virtual machine has no disk {disk.get('label')} ({disk_text(disk)}) any more. As long as it is "
        "configured, an apply adds an empty disk at that place. To get its content back, replace the clone with "
        "-replace and its address.",
    )
