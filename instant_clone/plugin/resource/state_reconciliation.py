# SPDX-License-Identifier: MPL-2.0
"""Reconciles the imported state of a clone with its configuration, and the configuration with its source.

The stock provider's import knows nothing of the configuration. What it leaves open, or fills with values of its own,
would show as a change in the very next plan, and some of these changes destroy disks or power the clone off: the
disks' labels (since 2.7.0 an imported disk is called after its device, "Hard disk 1", and a label that differs means
another disk), `keep_on_remove`, `extra_config`, the waiters. Here the state is given the configuration's words for
what is already true of the clone, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from instant_clone.ownership import Owner
from instant_clone.plugin.resource.device_matching import (
    has_unknown_place,
    in_order_of,
    pair_drives,
    pair_interfaces,
    wanted_interfaces,
)
from instant_clone.plugin.wire.codec import is_unknown
from instant_clone.plugin.wire.values import Config, Plan, State
from instant_clone.stock_provider.argument import Role
from instant_clone.stock_provider.arguments import row, top_level
from instant_clone.stock_provider.devices import disk_label, disk_place, disk_text

if TYPE_CHECKING:
    from instant_clone.vcenter.cloning.live_vm import LiveVm


from instant_clone.stock_provider.arguments import can_be_configured

__all__ = ["Aligned", "align", "align_existing", "as_before", "as_made", "settled"]

# The state just repeats the configuration. A change of replace_trigger from null to a value would replace a clone that
# has just been made.
_CONFIGURATION_ONLY = top_level(lambda argument: argument.role is Role.STEERING)
_TPM_VERSION = row("vtpm.version").default
_ORIGIN = {name: row(f"disk.{name}").default for name in ("thin_provisioned", "eagerly_scrub", "write_through")}
"""what a disk was created as, with the schema's defaults"""
_UNSET_MEANS = {name: row(name).default for name in top_level(lambda argument: argument.unset_is_default)}
"""what vSphere takes an unset setting for: the stock provider has none in the state, and plans to set this"""
_NOTHING: Mapping[int, Collection[int]] = MappingProxyType({})


@dataclass(frozen=True)
class Aligned:
    """A state in the configuration's words, and the VM's disks for which the configuration has none."""

    state: State
    orphans: tuple[str, ...]
    """such as "scsi unit 3, 20 GiB (Hard disk 4)" """


def align(
    state: State,
    config: Config | State,
    *,
    extra_config: Mapping[str, str],
    tpm_count: int,
    disk_sizes: Mapping[int, Collection[int]] = _NOTHING,
    source: State | None = None,
) -> Aligned:
    """The imported `state` of a VM in the words of `config`.

    `extra_config` is what the VM has of the keys that the configuration manages, `tpm_count` its number of virtual
    TPM devices: the stock provider reads back neither. `disk_sizes` are all the sizes that the VM reports of a disk,
    in GiB by device key. Of a clone, `source` is its source's aligned state, {} if that is not known: the clone's
    devices come in the order in which the configuration means them. Without it they keep theirs.
    """
    aligned = _with_meanings(state)
    aligned["imported"] = False
    if "datastore_cluster_id" in state:
        # The import finds the datastore's cluster. Where a datastore is configured instead, that would look as if the
        # VM had to leave the cluster; where the cluster is, the datastore was chosen among its members.
        aligned["datastore_cluster_id"] = config.get("datastore_cluster_id")
    sizes = {disk_place(disk): disk.get("size") for disk in (source.get("disk") if source else None) or ()}
    aligned["disk"], orphans = _align_disks(
        state.get("disk") or [],
        config.get("disk") or [],
        lambda disk: {sizes.get(disk_place(disk)), *disk_sizes.get(disk.get("key") or 0, ())},
    )
    if source is not None:
        if state.get("network_interface"):
            aligned["network_interface"] = pair_interfaces(
                state["network_interface"], wanted_interfaces(config, source)
            )
        if state.get("cdrom"):
            aligned["cdrom"] = pair_drives(state["cdrom"], source.get("cdrom") or [])
    wanted = config.get("extra_config")
    if isinstance(wanted, Mapping):
        aligned["extra_config"] = {key: extra_config[key] for key in wanted if key in extra_config} or None
    for name in _CONFIGURATION_ONLY:
        if name in state and config.get(name) is not None:
            aligned[name] = config[name]
    if "vtpm" in state:
        versions = [module.get("version") or _TPM_VERSION for module in config.get("vtpm") or []]
        if len(versions) != tpm_count:
            versions = [_TPM_VERSION] * tpm_count
        aligned["vtpm"] = [{"version": version} for version in versions]
    return Aligned(State(aligned), orphans)


def align_existing(state: State, words: Config | State, vm: LiveVm) -> Aligned:
    """The imported `state` of a VM in the words of a configuration or of an earlier state.

    `vm` is that VM. Its source is not looked at: the clone may have outlived it.
    """
    return align(
        state,
        words,
        extra_config=vm.extra_config,
        tpm_count=vm.tpm_count,
        disk_sizes=vm.disk_sizes,
        source=State({}),
    )


def as_made(state: State, owner: Owner) -> State:
    """The imported `state` of a clone that a fleet has made, with the words that fleets use.

    The rest, such as the keys of extra_config, only the configuration can tell: the next plan aligns it.
    """
    disks = [
        {**disk, "label": disk_label(index), "keep_on_remove": False}
        for index, disk in enumerate(state.get("disk") or ())
    ]
    trigger = str(owner.generation) if owner.generation > 1 else state.get("replace_trigger")
    return State({**state, "disk": disks, "replace_trigger": trigger})


def as_before(state: State, before: State | Plan, *, deltas: Callable[[], Collection[str]]) -> State:
    """A clone's `state`, just read, with what cannot have changed since `before`: its earlier state, or a plan.

    A clone's disks are deltas, for which vCenter may report other values than for the disk below, or none; what a
    disk was created as cannot change, no disk shrinks, and no delta grows: `deltas()` are their UUIDs. The stock
    provider reads interfaces and drives in the order in which vCenter lists them, which need not be that of the
    configuration.
    """
    known = {disk.get("label"): disk for disk in before.get("disk") or ()}
    kept = _with_meanings(state)
    if kept.get("disk"):
        kept["disk"] = [_as_created(disk, known.get(disk.get("label")), deltas) for disk in kept["disk"]]
    for argument in ("network_interface", "cdrom"):
        if kept.get(argument):
            kept[argument] = in_order_of(kept[argument], before.get(argument) or [])
    return State(kept)


def _with_meanings(state: State) -> dict[str, Any]:
    meant = {argument: value for argument, value in _UNSET_MEANS.items() if state.get(argument, value) is None}
    return {**state, **meant}


def _as_created(disk: Mapping[str, Any], before: State | None, deltas: Callable[[], Collection[str]]) -> dict[str, Any]:
    if before is None:
        return dict(disk)
    kept = {argument: before.get(argument) for argument in _ORIGIN}
    size = before.get("size")
    # Another disk at that place may really be smaller.
    smaller = isinstance(size, int) and disk["size"] < size and disk.get("uuid") == before.get("uuid")
    if isinstance(size, int) and (smaller or (disk["size"] > size and disk.get("uuid") in deltas())):
        kept["size"] = size
    return {**disk, **{argument: value for argument, value in kept.items() if not is_unknown(value)}}


def _align_disks(
    disks: Iterable[Mapping[str, Any]],
    configured: Collection[Mapping[str, Any]],
    sizes: Callable[[Mapping[str, Any]], Collection[int | None]],
) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    """The disks with their partners' words, and those without a partner; `sizes` are what a disk's may be."""
    if has_unknown_place(configured):
        # Terraform plans again once it knows the places.
        return [dict(disk) for disk in disks], ()
    partners = {disk_place(disk): disk for disk in configured}
    aligned, orphans = [], []
    for disk in disks:
        partner = partners.get(disk_place(disk))
        if partner is None:
            orphans.append(_described(disk))
            aligned.append(dict(disk))
            continue
        own = {"label": partner["label"], "keep_on_remove": bool(partner.get("keep_on_remove")), **_origin(partner)}
        if isinstance(size := partner.get("size"), int) and size in sizes(disk):
            # A delta is as large as the disk below, whatever it reports.
            own["size"] = size
        aligned.append({**disk, **own})
    return aligned, tuple(orphans)


def _origin(configured: Mapping[str, Any]) -> dict[str, Any]:
    values = {argument: configured.get(argument) for argument in _ORIGIN}
    return {
        argument: _ORIGIN[argument] if value is None else value
        for argument, value in values.items()
        if not is_unknown(value)
    }


def _described(disk: Mapping[str, Any]) -> str:
    return f"{disk_text(disk)} ({disk.get('label')})"


def settled(config: Config, source: State) -> Config:
    """Return `config` with those settings of the imported `source` that no configuration can express.

    A source may have settings that the provider's schema has no value for: no IDE controller, a latency sensitivity of
    its own, vApp properties. The replica leaves them out, and later plans ignore their changes. `ignore_changes` has no
    effect while a resource is created, so here the configuration gets what the source has.
    """
    complete = _completed(config, source)
    if not config.get("vapp"):
        complete["vapp"] = source.get("vapp") or config.get("vapp")
    disks = {disk_place(disk): disk for disk in source.get("disk") or ()}
    interfaces = source.get("network_interface") or ()
    if isinstance(config.get("disk"), list):
        complete["disk"] = [
            _completed(disk, disks.get(disk_place(disk), {})) if isinstance(disk, Mapping) else disk
            for disk in config["disk"]
        ]
    if isinstance(config.get("network_interface"), list):
        complete["network_interface"] = [
            _completed(interface, interfaces[index] if index < len(interfaces) else {})
            if isinstance(interface, Mapping)
            else interface
            for index, interface in enumerate(config["network_interface"])
        ]
    return Config(complete)


def _completed(config: Mapping[str, Any], source: Mapping[str, Any]) -> dict[str, Any]:
    return {
        argument: source[argument]
        if value is None and source.get(argument) is not None and not can_be_configured(argument, source[argument])
        else value
        for argument, value in config.items()
    }
