# SPDX-License-Identifier: MPL-2.0
"""Separation of the changes that a configuration requests from the differences that vCenter introduced.

An instant clone starts with the settings of its source. Where the configuration differs from the source, the plugin
changes the clone. Where the configuration repeats the source's value and vCenter gave the clone another value, the
plugin does not change the clone.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from instant_clone.impact import power_cycles
from instant_clone.plugin.resource.state_reconciliation import align, with_source_settings
from instant_clone.plugin.resource.vcenter_client import ImportedVm
from instant_clone.plugin.wire.codec import attribute_path, error, is_unknown, pack, shown, unpack
from instant_clone.plugin.wire.tfplugin5 import Diagnostic, DynamicValue, PlanResponse
from instant_clone.plugin.wire.upstream_client import Imported, StockClient
from instant_clone.plugin.wire.values import Config, Plan, State
from instant_clone.stock_provider.argument import Role
from instant_clone.stock_provider.arguments import top_level
from instant_clone.stock_provider.releases import ProviderVersion
from instant_clone.vm.differences import Difference, differences

__all__ = [
    "Comparison",
    "LimitedPlan",
    "compare",
    "ignored_edits",
    "limit_to_requested",
    "orphaned_disks",
    "requested_paths",
    "unsupported_changes",
]

_EDITED = ("network_id", "use_static_mac", "mac_address")
"""the arguments of a network interface that InstantClone_Task can set to another value than the source's"""


@dataclass(frozen=True)
class Comparison:
    """The differences between a clone's configuration and its source."""

    config: Config
    """the configuration, completed with the source's values that no configuration can express"""
    source: State
    """the source's state, with the labels and defaults of the configuration"""
    requested: frozenset[str]
    """the paths of the requested changes"""
    errors: tuple[Diagnostic, ...]
    """the errors for changes that a running clone does not accept"""


def compare(
    stock: StockClient,
    source: ImportedVm,
    config: Config,
    meta: DynamicValue,
    *,
    version: ProviderVersion,
    may_reboot: bool,
) -> Comparison:
    """Return the changes that the stock provider would make to turn `source` into `config`.

    The stock provider would make the same changes to the clone. With `may_reboot`, a change that powers the clone off
    is not an error.

    Raises:
        RefusedError: the stock provider rejects the plan.
    """
    complete = with_source_settings(config, source.imported.state)
    # Leave out extra_config: InstantClone_Task sets it, and its unknown values would look like a change.
    without = Config({**complete, "extra_config": None})
    vm = source.vm
    aligned = align(source.imported.state, without, extra_config={}, tpm_count=vm.tpm_count, disk_sizes=vm.disk_sizes)
    if aligned.orphans:
        missing = orphaned_disks(vm.inventory_path, aligned.orphans)
        return Comparison(complete, aligned.state, frozenset(), (missing,))
    state = _as_cloned(aligned.state, config)
    planned = stock.plan(Imported(state, source.imported.private), pack(without), meta)
    errors = unsupported_changes(
        "the source",
        vm.inventory_path,
        state,
        planned,
        version=version,
        may_reboot=may_reboot,
    )
    return Comparison(complete, aligned.state, requested_paths(aligned.state, unpack(planned.planned_state)), errors)


def _as_cloned(source: State, config: Config) -> State:
    """Return the source's state with the name and the network arguments that InstantClone_Task sets.

    If these arguments differed, the stock provider would plan a reconfiguration, which also sends other values.
    """
    existing, configured = source.get("network_interface") or [], config.get("network_interface")
    edited = [
        {**interface, **{name: target[name] for name in _EDITED if _is_known(target.get(name))}}
        for interface, target in zip(existing, configured if isinstance(configured, list) else (), strict=False)
        if isinstance(target, Mapping)
    ]
    return State({**source, "name": config.get("name"), "network_interface": edited + existing[len(edited) :]})


def _is_known(value: object) -> bool:
    return value is not None and not is_unknown(value)


def unsupported_changes(
    which: str,
    path: str,
    state: State,
    planned: PlanResponse,
    *,
    version: ProviderVersion,
    may_reboot: bool,
) -> tuple[Diagnostic, ...]:
    """Return errors for changes that require a power cycle or a replacement of the VM, or that are impossible."""
    found = []
    target = unpack(planned.planned_state)
    changes = power_cycles(state, target, version=version, is_unknown=is_unknown)
    if may_reboot:
        # vCenter rejects these changes of a running VM, and the stock provider does not power the VM off for them.
        changes = tuple(change for change in changes if change.rejected)
    lines = [
        f"  {change.argument}: {which} has {shown(change.prior)}, the configuration has {shown(change.planned)}. "
        f"{change.why}"
        for change in changes
    ]
    if lines:
        found.append(
            error(
                "Configuration would power-cycle the clone",
                f"{path}: the configuration differs from {which} in arguments that cannot change while the clone is "
                "running. An instant clone that is powered off loses the memory that it shares with its source.\n"
                + "\n".join(lines)
                + "\nSet these arguments to the source's values, or change the source.",
            )
        )
    if grown := _grown(state, target, which):
        found.append(
            error(
                "Delta disk cannot be extended",
                f"{path}: the disks of an instant clone are delta disks on the disks of this virtual machine. "
                "vSphere does not extend a disk that has a parent.\n"
                + "\n".join(grown)
                + "\nSet the size to the source's size. For more space, add a disk.",
                attribute_path("disk"),
            )
        )
    if planned.requires_replace:
        names = sorted({path.steps[0].attribute_name for path in planned.requires_replace})
        found.append(
            error(
                "Configuration would replace the clone",
                f"{path}: the stock provider would replace the clone because of these arguments: {', '.join(names)}. "
                "Remove them, or set them to the source's values.",
            )
        )
    return tuple(found)


def orphaned_disks(which: str, orphans: tuple[str, ...], *, remedy: str = "") -> Diagnostic:
    """Return the error for disks of a VM that have no disk block. The stock provider would remove these disks."""
    return error(
        "Disk is not configured",
        f"{which}: the configuration has no disk block for these disks: {'; '.join(orphans)}. The stock provider would "
        "remove them from the clone. Add a disk block with the controller_type and unit_number of each disk. "
        f"{remedy}".rstrip(),
        attribute_path("disk"),
    )


def _grown(state: State, target: Plan, which: str) -> list[str]:
    if is_unknown(target.get("disk")):
        return []
    known = {disk.get("label"): disk.get("size") for disk in state.get("disk") or ()}
    return [
        f"  disk[{index}].size: {which} has {known[label]} GiB, the configuration has {size} GiB."
        for index, disk in enumerate(target.get("disk") or ())
        if (label := disk.get("label")) in known and not is_unknown(size := disk.get("size")) and size > known[label]
    ]


_NOT_INHERITED = top_level(lambda argument: argument.role is Role.OWN)
"""the arguments that a clone does not inherit from its source, such as tags"""
_PLACEMENT = top_level(lambda argument: argument.role is Role.PLACEMENT)
"""the arguments that InstantClone_Task sets; a later change would move the clone"""


@dataclass(frozen=True)
class LimitedPlan:
    """A clone's planned state, limited to the requested changes, and the differences that were left out."""

    state: State
    withheld: tuple[Difference, ...]
    """the differences that were not requested: `before` is the clone's value, `after` is the planned value"""
    changes: bool
    """whether `state` differs from the clone"""

    @property
    def withheld_placement(self) -> tuple[Difference, ...]:
        """Return the withheld differences of the clone's place: folder, resource pool, host and datastore."""
        return tuple(each for each in self.withheld if _root(each.path) in _PLACEMENT)

    @property
    def withheld_settings(self) -> tuple[Difference, ...]:
        """Return the withheld differences of all other arguments."""
        return tuple(each for each in self.withheld if _root(each.path) not in _PLACEMENT)


def ignored_edits(clone: State, planned: State) -> tuple[Difference, ...]:
    """Return the arguments of interfaces that InstantClone_Task sets and that `planned` still changes on the new clone.

    vCenter may not heed the location of a request, which contains the edits of the interfaces.
    """
    return tuple(
        difference
        for difference in differences(
            {"network_interface": clone.get("network_interface")},
            {"network_interface": planned.get("network_interface")},
            blocks_only=True,
        )
        if difference.path.rpartition(".")[2] in _EDITED and not is_unknown(difference.after)
    )


def requested_paths(source: State, planned: Plan) -> frozenset[str]:
    """Return the paths at which `planned`, the plan from the source to the configuration, changes the source."""
    return frozenset(
        difference.path
        for difference in differences(source, planned, blocks_only=True)
        if not is_unknown(difference.after) and _root(difference.path) not in _PLACEMENT
    )


def limit_to_requested(clone: State, planned: Plan, requested: Collection[str]) -> LimitedPlan:
    """Limit `planned`, the plan from the `clone` to the configuration, to the changes at the `requested` paths."""
    withheld: list[Difference] = []
    changed: list[str] = []

    def merge(before: Any, after: Any, path: str) -> Any:
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            return {
                key: merge(before.get(key), after.get(key), f"{path}.{key}" if path else key)
                for key in {**before, **after}
            }
        if (before or after) and _are_blocks(before) and _are_blocks(after):
            merged = (
                merge(*pair, f"{path}[{index}]") for index, pair in enumerate(zip_longest(before or (), after or ()))
            )
            return [block for block in merged if block is not None]
        if before == after or is_unknown(after):
            return after
        if path in requested or _root(path) in _NOT_INHERITED:
            changed.append(path)
            return after
        withheld.append(Difference(path, before, after))
        return before

    state = merge(clone, planned, "")
    return LimitedPlan(State(state) if changed else clone, tuple(withheld), bool(changed))


def _root(path: str) -> str:
    return re.split(r"[.\[]", path, maxsplit=1)[0]


def _are_blocks(value: Any) -> bool:
    return value is None or (isinstance(value, list) and all(isinstance(each, Mapping) for each in value))
