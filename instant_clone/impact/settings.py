# SPDX-License-Identifier: MPL-2.0
"""Changes of settings of the ConfigSpec that the provider makes only while the VM is off.

The rules come from these functions of virtual_machine_config_structure.go: getWithRestart, getBoolWithRestart,
expandCPUCountConfig, expandMemorySizeConfig, getVirtualNuma, expandExtraConfig, expandVAppConfig. The rules of the
hardware version and of the EVC mode come from resource_vsphere_virtual_machine.go.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from instant_clone.impact.changes import Change, Comparison, Values, number
from instant_clone.stock_provider.argument import Effect
from instant_clone.stock_provider.arguments import is_known, row, top_level
from instant_clone.stock_provider.releases import FIRST_HARDWARE_WITH_NUMA

__all__ = ["ANY_CHANGE", "extra_config_changes", "setting_changes"]

ANY_CHANGE = top_level(lambda argument: argument.effect is Effect.REBOOT)
"""the arguments for which every change powers the VM off"""


def setting_changes(compared: Comparison) -> Iterator[Change]:
    """Yield the changes of settings that power the VM off."""
    for rule in (_plain, _processors, _memory, _numa, _hardware_version, _extra_config, _vapp):
        yield from rule(compared)


def extra_config_changes(compared: Comparison) -> bool:
    """Return whether extra_config certainly changes, independent of values that are unknown before the apply."""
    before, after = compared.prior.get("extra_config") or {}, compared.planned.get("extra_config") or {}
    if compared.unknown("extra_config"):
        return False
    if before.keys() != after.keys():
        return True
    return any(not compared.is_unknown(value) and before[key] != value for key, value in after.items())


def _plain(compared: Comparison) -> Iterator[Change]:
    for argument in ANY_CHANGE:
        if compared.unknown(argument) and row(argument).planned_unknown:
            continue
        if compared.differs(argument):
            yield compared.change(argument, f"The provider changes {argument} only while the VM is off.")


def _processors(compared: Comparison) -> Iterator[Change]:
    hot_add, hot_remove = (bool(compared.prior.get(f"cpu_hot_{way}_enabled")) for way in ("add", "remove"))
    if compared.unknown("num_cpus"):
        if not (hot_add and hot_remove):
            yield compared.change("num_cpus", "The number of processors is not known before the apply.")
        return
    before, after = number(compared.prior.get("num_cpus")), number(compared.planned.get("num_cpus"))
    if before < after and not hot_add:
        yield compared.change("num_cpus", "Processors are added, and cpu_hot_add_enabled is off on the VM.")
    if before > after and not hot_remove:
        yield compared.change("num_cpus", "Processors are removed, and cpu_hot_remove_enabled is off on the VM.")


def _memory(compared: Comparison) -> Iterator[Change]:
    if compared.unknown("memory"):
        yield compared.change("memory", "The size of the memory is not known before the apply.")
        return
    before, after = number(compared.prior.get("memory")), number(compared.planned.get("memory"))
    if before < after and not compared.prior.get("memory_hot_add_enabled"):
        yield compared.change("memory", "Memory is added, and memory_hot_add_enabled is off on the VM.")
    if before > after:
        yield compared.change("memory", "Memory cannot be taken from a running VM.")


def _numa(compared: Comparison) -> Iterator[Change]:
    hardware = compared.prior if compared.unknown("hardware_version") else compared.planned
    new_enough = number(hardware.get("hardware_version")) >= FIRST_HARDWARE_WITH_NUMA
    if new_enough and compared.differs("num_cores_per_numa_node"):
        yield compared.change("num_cores_per_numa_node", "The NUMA topology changes only while the VM is off.")


def _hardware_version(compared: Comparison) -> Iterator[Change]:
    if compared.unknown("hardware_version"):
        return
    before, after = (number(values.get("hardware_version")) for values in (compared.prior, compared.planned))
    if after > before:
        yield compared.change("hardware_version", "The virtual hardware is upgraded only while the VM is off.")


def _extra_config(compared: Comparison) -> Iterator[Change]:
    before, after = compared.prior.get("extra_config") or {}, compared.planned.get("extra_config") or {}
    keys = ("extra_config",) if compared.unknown("extra_config") else _changed_keys(compared, before, after)
    if not keys:
        return
    if not is_known(compared.version, "extra_config_reboot_required"):
        why = f"Provider {compared.version} changes extra_config only while the VM is off."
    elif compared.planned.get("extra_config_reboot_required") is not False:
        why = "extra_config changes, and extra_config_reboot_required is not false."
    else:
        return
    yield _keys_changed("extra_config", keys, before, after, why)


def _vapp(compared: Comparison) -> Iterator[Change]:
    before, after = map(_properties, compared.blocks("vapp"))
    keys = _changed_keys(compared, before, after)
    if keys or compared.differs("vapp"):
        yield _keys_changed("vapp", keys, before, after, "vApp properties change only while the VM is off.")


def _properties(blocks: Sequence[Values]) -> Values:
    return {key: value for block in blocks for key, value in ((block or {}).get("properties") or {}).items()}


def _changed_keys(compared: Comparison, before: Values, after: Values) -> tuple[str, ...]:
    absent = object()
    keys = sorted({*before, *after})
    return tuple(
        key for key in keys if compared.is_unknown(after.get(key)) or before.get(key, absent) != after.get(key, absent)
    )


def _keys_changed(argument: str, keys: Sequence[str], before: Values, after: object, why: str) -> Change:
    """Return a change that holds only the names of keys, because the values of these maps may be secret."""
    planned = tuple(key for key in keys if key in after) if isinstance(after, Mapping) else tuple(keys)
    return Change(argument, tuple(key for key in keys if key in before), planned, why)
