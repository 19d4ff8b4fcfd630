# SPDX-License-Identifier: MPL-2.0
"""Compares a configuration with the source that its clone starts as, and keeps what the configuration asks for.

An instant clone starts as its source. Where the configuration differs from the source, the clone is changed. Where it
repeats the source and vCenter has given the clone another value, the clone stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from instant_clone.impact import power_cycles
from instant_clone.plugin.resource.state_reconciliation import align, settled
from instant_clone.plugin.resource.vcenter_client import ImportedVm
from instant_clone.plugin.wire.codec import attribute_path, error, is_unknown, pack, shown, unpack
from instant_clone.plugin.wire.tfplugin5 import Diagnostic, DynamicValue, PlanResponse
from instant_clone.plugin.wire.upstream_client import Imported, StockClient
from instant_clone.plugin.wire.values import Config, Plan, State
from instant_clone.stock_provider.argument import Role
from instant_clone.stock_provider.arguments import top_level
from instant_clone.stock_provider.releases import ProviderVersion
from instant_clone.vm.differences import Difference, differences

__all__ = ["Comparison", "Granted", "asked_for", "compare", "granted", "orphaned_disks", "unfit"]

_EDITED = ("network_id", "use_static_mac", "mac_address")
"""what a clone's network interface can have otherwise than its source's from the start"""


@dataclass(frozen=True)
class Comparison:
    """What a clone's configuration has otherwise than its source."""

    config: Config
    """the configuration, with the source's values where it has no words for them"""
    source: State
    """the source's state in the configuration's words"""
    wishes: frozenset[str]
    """the paths of the differences"""
    errors: tuple[Diagnostic, ...]
    """for those that a running clone does not take"""


def compare(
    stock: StockClient,
    source: ImportedVm,
    config: Config,
    meta: DynamicValue,
    *,
    version: ProviderVersion,
    may_reboot: bool,
) -> Comparison:
    """What the stock provider would change on `source` to make it fit `config`, which it would do to the clone.

    With `may_reboot`, changes for which it powers the clone off are no errors. Raises RefusedError.
    """
    complete = settled(config, source.imported.state)
    # The clone is made with its extra_config, so that there is nothing to change; values that are not known yet would
    # look like a change.
    without = Config({**complete, "extra_config": None})
    vm = source.vm
    aligned = align(source.imported.state, without, extra_config={}, tpm_count=vm.tpm_count, disk_sizes=vm.disk_sizes)
    if aligned.orphans:
        missing = orphaned_disks(vm.inventory_path, aligned.orphans)
        return Comparison(complete, aligned.state, frozenset(), (missing,))
    state = _as_cloned(aligned.state, config)
    planned = stock.plan(Imported(state, source.imported.private), pack(without), meta)
    errors = unfit(
        "the source",
        vm.inventory_path,
        state,
        planned,
        version=version,
        may_reboot=may_reboot,
    )
    return Comparison(complete, aligned.state, asked_for(aligned.state, unpack(planned.planned_state)), errors)


def _as_cloned(source: State, config: Config) -> State:
    """The source's state with what InstantClone_Task gives a clone: that sends no other values along, as changes do."""
    theirs, ours = source.get("network_interface") or [], config.get("network_interface")
    edited = [
        {**interface, **{name: own[name] for name in _EDITED if _is_given(own.get(name))}}
        for interface, own in zip(theirs, ours if isinstance(ours, list) else (), strict=False)
        if isinstance(own, Mapping)
    ]
    return State({**source, "name": config.get("name"), "network_interface": edited + theirs[len(edited) :]})


def _is_given(value: object) -> bool:
    return value is not None and not is_unknown(value)


def unfit(
    which: str,
    path: str,
    state: State,
    planned: PlanResponse,
    *,
    version: ProviderVersion,
    may_reboot: bool,
) -> tuple[Diagnostic, ...]:
    """Errors for what the stock provider could change only by power cycling or replacing the VM, or not at all."""
    found = []
    target = unpack(planned.planned_state)
    changes = power_cycles(state, target, version=version, is_unknown=is_unknown)
    if may_reboot:
        # What vCenter refuses on the running VM fails all the same.
        changes = tuple(change for change in changes if change.rejected)
    lines = [
        f"  {change.argument}: {which} has {shown(change.prior)}, configured is {shown(change.planned)}. {change.why}"
        for change in changes
    ]
    if lines:
        found.append(
            error(
                "Configuration would power-cycle the clone",
                "An instant clone that is powered off loses the memory that it shares with its source. These "
                f"arguments differ from {which} {path}:\n"
                + "\n".join(lines)
                + "\nRepeat the source's values, or change the source.",
            )
        )
    if grown := _grown(state, target, which):
        found.append(
            error(
                "Disks cannot grow",
                f"The disks of an instant clone are deltas on those of {path}, and vSphere extends no disk that has "
                "a parent:\n"
                + "\n".join(grown)
                + "\nRepeat the source's sizes; more room is to be had by additional disks.",
                attribute_path("disk"),
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
    return tuple(found)


def orphaned_disks(which: str, orphans: tuple[str, ...], *, cure: str = "") -> Diagnostic:
    """The error for disks of a VM for which its configuration has none: the stock provider would remove them."""
    return error(
        "Disks without a partner",
        f"{which} has disks that the configuration lacks: {'; '.join(orphans)}. The stock provider would remove "
        f"them from the clone. Configure a disk with that controller_type and unit_number. {cure}".rstrip(),
        attribute_path("disk"),
    )


def _grown(state: State, target: Plan, which: str) -> list[str]:
    if is_unknown(target.get("disk")):
        return []
    known = {disk.get("label"): disk.get("size") for disk in state.get("disk") or ()}
    return [
        f"  disk[{index}].size: {which} has {known[label]}, configured is {size}."
        for index, disk in enumerate(target.get("disk") or ())
        if (label := disk.get("label")) in known and not is_unknown(size := disk.get("size")) and size > known[label]
    ]


_OWN = top_level(lambda argument: argument.role is Role.OWN)
"""what a clone does not have from its source"""
_PLACED = top_level(lambda argument: argument.role is Role.PLACEMENT)
"""where a clone is put when it is made; the stock provider would move it"""


@dataclass(frozen=True)
class Granted:
    """A clone's state with all changes that were asked for, and those of the plan that were not, left out of it."""

    state: State
    withheld: tuple[Difference, ...]
    """`before` is the clone's value, `after` the planned one"""
    changes: bool
    """whether there is anything to do"""


def asked_for(source: State, planned: Plan) -> frozenset[str]:
    """The paths at which the plan that would turn the source into the configuration changes it."""
    return frozenset(
        difference.path
        for difference in differences(source, planned, blocks_only=True)
        if not is_unknown(difference.after) and _root(difference.path) not in _PLACED
    )


def granted(clone: State, planned: Plan, wishes: Collection[str]) -> Granted:
    """Of the plan that would turn the `clone` into the configuration, what was asked for."""
    withheld: list[Difference] = []
    done: list[str] = []

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
        if path in wishes or _root(path) in _OWN:
            done.append(path)
            return after
        withheld.append(Difference(path, before, after))
        return before

    state = merge(clone, planned, "")
    return Granted(State(state) if done else clone, tuple(withheld), bool(done))


def _root(path: str) -> str:
    return re.split(r"[.\[]", path, maxsplit=1)[0]


def _are_blocks(value: Any) -> bool:
    return value is None or (isinstance(value, list) and all(isinstance(each, Mapping) for each in value))
