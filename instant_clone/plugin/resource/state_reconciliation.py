# SPDX-License-Identifier: MPL-2.0
"""Reconciliation of a clone's imported state with its configuration, and of the configuration with its source.

The stock provider's import does not read the configuration. It leaves some arguments empty and sets others to default
values. The next plan would show them as changes, and some of these changes destroy disks or power the clone off:

- the labels of disks;
- `keep_on_remove`;
- `extra_config`;
- the arguments that wait for the guest.

Since 2.7.0, an imported disk has the label of its device, such as "Hard disk 1". The stock provider treats a disk with
another label as another disk.

This module copies a value from the configuration into the state only if the clone already has that value.
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
from instant_clone.stock_provider.arguments import can_be_configured, row, top_level
from instant_clone.stock_provider.devices import disk_label, disk_place, disk_text

if TYPE_CHECKING:
    from instant_clone.vcenter.cloning.live_vm import LiveVm


__all__ = ["Aligned", "align", "align_existing", "with_fixed_values", "with_fleet_labels", "with_source_settings"]

# vCenter does not store these arguments, so the state repeats the configuration. A change of replace_trigger from null
# to a value would replace a new clone.
_CONFIGURATION_ONLY = top_level(lambda argument: argument.role is Role.STEERING)
_TPM_VERSION = row("vtpm.version").default
_ORIGIN = {name: row(f"disk.{name}").default for name in ("thin_provisioned", "eagerly_scrub", "write_through")}
"""the disk arguments that apply at creation only, with the defaults of the schema"""
_UNSET_DEFAULTS = {name: row(name).default for name in top_level(lambda argument: argument.unset_is_default)}
"""the defaults of settings that are unset in vSphere; the stock provider reads null and plans to set the default"""
_NOTHING: Mapping[int, Collection[int]] = MappingProxyType({})


@dataclass(frozen=True)
class Aligned:
    """A state that is aligned with a configuration, and the VM's disks without a disk block."""

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
    """Return the imported `state` of a VM with the labels, device order and unimported arguments of `config`.

    Args:
        extra_config: the extra_config of the VM. The stock provider does not read it.
        tpm_count: the number of virtual TPM devices of the VM. The stock provider does not read it.
        disk_sizes: all sizes that the VM reports for a disk, in GiB, by device key.
        source: for a clone, the aligned state of its source, or {} if the source is unknown. The clone's devices are
            then sorted in the order of the configuration. Without `source` the devices keep their order.
    """
    aligned = _with_defaults(state)
    aligned["imported"] = False
    if "datastore_cluster_id" in state:
        # The import sets the cluster of the VM's datastore. If the configuration has datastore_id, the plan would show
        # a move out of the cluster. If it has datastore_cluster_id, the datastore is one of the cluster's members.
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


def align_existing(state: State, target: Config | State, vm: LiveVm) -> Aligned:
    """Return the imported `state` of the clone `vm`, aligned with a configuration or an earlier state.

    The function does not read the clone's source, because the source may no longer exist.
    """
    return align(
        state,
        target,
        extra_config=vm.extra_config,
        tpm_count=vm.tpm_count,
        disk_sizes=vm.disk_sizes,
        source=State({}),
    )


def with_fleet_labels(state: State, owner: Owner) -> State:
    """Return the imported `state` of a fleet's clone with the disk labels and the replace_trigger that fleets set.

    An import has no configuration. The next plan aligns the remaining arguments, such as the keys of extra_config.
    """
    disks = [
        {**disk, "label": disk_label(index), "keep_on_remove": False}
        for index, disk in enumerate(state.get("disk") or ())
    ]
    trigger = str(owner.generation) if owner.generation > 1 else state.get("replace_trigger")
    return State({**state, "disk": disks, "replace_trigger": trigger})


def with_fixed_values(state: State, before: State | Plan, *, deltas: Callable[[], Collection[str]]) -> State:
    """Return the `state` that was just read, with the values of `before` that cannot have changed since.

    `before` is the earlier state or the applied plan. `deltas()` returns the UUIDs of the clone's delta disks.

    - For a delta disk vCenter may report other values than for its parent, or no values. The arguments that apply at
      creation cannot change, no disk shrinks, and no delta disk grows.
    - The stock provider reads interfaces and drives in vCenter's order, which can differ from the configured order.
    """
    known = {disk.get("label"): disk for disk in before.get("disk") or ()}
    kept = _with_defaults(state)
    if kept.get("disk"):
        kept["disk"] = [_as_created(disk, known.get(disk.get("label")), deltas) for disk in kept["disk"]]
    for argument in ("network_interface", "cdrom"):
        if kept.get(argument):
            kept[argument] = in_order_of(kept[argument], before.get(argument) or [])
    return State(kept)


def _with_defaults(state: State) -> dict[str, Any]:
    defaults = {argument: value for argument, value in _UNSET_DEFAULTS.items() if state.get(argument, value) is None}
    return {**state, **defaults}


def _as_created(disk: Mapping[str, Any], before: State | None, deltas: Callable[[], Collection[str]]) -> dict[str, Any]:
    if before is None:
        return dict(disk)
    kept = {argument: before.get(argument) for argument in _ORIGIN}
    size = before.get("size")
    # A replaced disk with the same label may be smaller.
    smaller = isinstance(size, int) and disk["size"] < size and disk.get("uuid") == before.get("uuid")
    if isinstance(size, int) and (smaller or (disk["size"] > size and disk.get("uuid") in deltas())):
        kept["size"] = size
    return {**disk, **{argument: value for argument, value in kept.items() if not is_unknown(value)}}


def _align_disks(
    disks: Iterable[Mapping[str, Any]],
    configured: Collection[Mapping[str, Any]],
    sizes: Callable[[Mapping[str, Any]], Collection[int | None]],
) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    """Return the disks with the labels and settings of their disk blocks, and the disks without a block.

    `sizes` returns the sizes in GiB that are valid for a disk.
    """
    if has_unknown_place(configured):
        # Terraform plans again when it knows the controllers and units.
        return [dict(disk) for disk in disks], ()
    partners = {disk_place(disk): disk for disk in configured}
    aligned, orphans = [], []
    for disk in disks:
        partner = partners.get(disk_place(disk))
        if partner is None:
            orphans.append(_described(disk))
            aligned.append(dict(disk))
            continue
        values = {"label": partner["label"], "keep_on_remove": bool(partner.get("keep_on_remove")), **_origin(partner)}
        if isinstance(size := partner.get("size"), int) and size in sizes(disk):
            # A delta disk has the size of its parent, even if vCenter reports another size.
            values["size"] = size
        aligned.append({**disk, **values})
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


def with_source_settings(config: Config, source: State) -> Config:
    """Return `config` with the settings of the imported `source` that no configuration can express.

    The provider's schema has no value for some settings of a source: no IDE controller, a custom latency sensitivity,
    vApp properties. The replica omits them, and `ignore_changes` lists them. `ignore_changes` has no effect on the
    creation of a resource, so this function copies the source's values into the configuration.
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
