"""Which changes of which arguments make the stock provider power a VM off.

A plan never says so: `reboot_required` is set during the apply only, and the plan shows its old value. The rules
are those of the provider's Update (resource_vsphere_virtual_machine.go), of the functions that build its
ConfigSpec (virtual_machine_config_structure.go) and of its devices (internal/virtualdevice), 2.0.2 to 2.16.1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from instant_clone.versions import (
    FIRST_HARDWARE_WITH_NUMA,
    NEWEST_CHECKED,
    VTPM_COUNTED,
    ProviderVersion,
    knows,
)

__all__ = ["ANY_CHANGE", "COMPUTED", "Change", "power_cycles"]

TOOLS_RUNNING = "guestToolsRunning"
SRIOV = "sriov"
NO_CONTROLLER = "unknown"
"""`scsi_type` and `scsi_bus_sharing` of a VM without a SCSI controller"""
DETACHED_LABELS = ("<deleted>", "<remove, keep disk>")
"""what the provider plans as the label of a disk that it takes away"""


ANY_CHANGE = (
    "guest_id",
    "alternate_guest_name",
    "num_cores_per_socket",
    "cpu_hot_add_enabled",
    "cpu_hot_remove_enabled",
    "memory_hot_add_enabled",
    "nested_hv_enabled",
    "cpu_performance_counters_enabled",
    "firmware",
    "efi_secure_boot_enabled",
    "swap_placement_policy",
    "enable_disk_uuid",
    "enable_logging",
    "hv_mode",
    "ept_rvi_mode",
    "vbs_enabled",
    "vvtd_enabled",
    "tools_upgrade_policy",
    "run_tools_scripts_after_power_on",
    "run_tools_scripts_after_resume",
    "run_tools_scripts_before_guest_standby",
    "run_tools_scripts_before_guest_shutdown",
    "run_tools_scripts_before_guest_reboot",
    "evc_mode",
)
"""the arguments of which every change powers the VM off"""

COMPUTED = frozenset({"guest_id", "hardware_version", "hv_mode", "ept_rvi_mode"})
"""the arguments here that the provider fills in itself when they are left out: unknown in a plan, they keep"""

CONTROLLER_COUNTS = ("scsi_controller_count", "sata_controller_count", "ide_controller_count", "nvme_controller_count")
DISK_ARGUMENTS = ("controller_type", "unit_number", "disk_mode", "write_through", "disk_sharing")

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Change:
    """A change that powers the VM off.

    `argument` is written as Terraform writes it, such as "num_cpus" or "disk[0].disk_mode": the index of a block
    is its index in the plan, that of a block taken away its index in the state. `why` is one sentence. `prior` and
    `planned` are the values, except of extra_config and vapp: those that change by name, since values may be secret.
    """

    argument: str
    prior: object
    planned: object
    why: str


def power_cycles(
    prior: Mapping[str, Any],
    planned: Mapping[str, Any],
    *,
    version: ProviderVersion = NEWEST_CHECKED,
    is_unknown: Callable[[object], bool] = lambda value: False,
) -> tuple[Change, ...]:
    """The changes from `prior` to `planned` for which the stock provider powers a running VM off.

    Both are values of vsphere_virtual_machine as the stock provider plans them: attributes by name, nested blocks
    as lists of mappings. Values that are not known before the apply, those for which `is_unknown` holds, count as
    changes, except of arguments that the provider fills in itself. A value that is left out equals the zero value
    of its type, as in the provider's SDK. The VM's TPMs stand in no state that the provider wrote: fill `vtpm` of
    `prior` with as many blocks as the VM has.
    """
    plan = _Plan(prior, planned, version, is_unknown)
    return tuple(change for rule in _RULES for change in rule(plan))


@dataclass(frozen=True)
class _Plan:
    prior: Values
    planned: Values
    version: ProviderVersion
    is_unknown: Callable[[object], bool]

    def unknown(self, argument: str) -> bool:
        return self.is_unknown(self.planned.get(argument))

    def changes(self, argument: str) -> bool:
        if self.unknown(argument):
            return argument not in COMPUTED
        return bool(_normal(self.prior.get(argument)) != _normal(self.planned.get(argument)))

    def change(self, argument: str, why: str) -> Change:
        return Change(argument, self.prior.get(argument), self.planned.get(argument), why)

    def blocks(self, argument: str) -> tuple[Sequence[Values], Sequence[Values]]:
        """The blocks before and after; none planned if their number is not known."""
        after = () if self.unknown(argument) else self.planned.get(argument)
        return self.prior.get(argument) or (), after or ()


def _normal(value: Any) -> Any:
    """`value` with all that the SDK takes for unset made None: zero values, empty lists, attributes of blocks."""
    if isinstance(value, list | tuple | set | frozenset):
        return [_normal_block(item) if isinstance(item, Mapping) else item for item in value] or None
    return value or None


def _normal_block(block: Values) -> Values:
    normal = {argument: _normal(value) for argument, value in block.items()}
    return {argument: value for argument, value in normal.items() if value is not None}


def _number(value: Any) -> int:
    return int(value or 0)


def _plain(plan: _Plan) -> Iterator[Change]:
    for argument in ANY_CHANGE:
        if plan.changes(argument):
            yield plan.change(argument, f"The provider changes {argument} only while the VM is off.")


def _processors(plan: _Plan) -> Iterator[Change]:
    hot_add, hot_remove = (bool(plan.prior.get(f"cpu_hot_{way}_enabled")) for way in ("add", "remove"))
    if plan.unknown("num_cpus"):
        if not (hot_add and hot_remove):
            yield plan.change("num_cpus", "The number of processors is not known before the apply.")
        return
    before, after = (_number(plan.prior.get("num_cpus")), _number(plan.planned.get("num_cpus")))
    if before < after and not hot_add:
        yield plan.change("num_cpus", "Processors are added, and cpu_hot_add_enabled is off on the VM.")
    if before > after and not hot_remove:
        yield plan.change("num_cpus", "Processors are removed, and cpu_hot_remove_enabled is off on the VM.")


def _memory(plan: _Plan) -> Iterator[Change]:
    if plan.unknown("memory"):
        yield plan.change("memory", "The size of the memory is not known before the apply.")
        return
    before, after = (_number(plan.prior.get("memory")), _number(plan.planned.get("memory")))
    if before < after and not plan.prior.get("memory_hot_add_enabled"):
        yield plan.change("memory", "Memory is added, and memory_hot_add_enabled is off on the VM.")
    if before > after:
        yield plan.change("memory", "Memory cannot be taken from a running VM.")


def _numa(plan: _Plan) -> Iterator[Change]:
    hardware = plan.prior if plan.unknown("hardware_version") else plan.planned
    if (
        plan.changes("num_cores_per_numa_node")
        and _number(hardware.get("hardware_version")) >= FIRST_HARDWARE_WITH_NUMA
    ):
        yield plan.change("num_cores_per_numa_node", "The NUMA topology changes only while the VM is off.")


def _hardware_version(plan: _Plan) -> Iterator[Change]:
    if plan.unknown("hardware_version"):
        return
    before, after = (_number(values.get("hardware_version")) for values in (plan.prior, plan.planned))
    if after > before:
        yield plan.change("hardware_version", "The virtual hardware is upgraded only while the VM is off.")


def _extra_config(plan: _Plan) -> Iterator[Change]:
    before, after = plan.prior.get("extra_config") or {}, plan.planned.get("extra_config") or {}
    keys = ("extra_config",) if plan.unknown("extra_config") else _changed_keys(plan, before, after)
    if not keys:
        return
    if not knows(plan.version, "extra_config_reboot_required"):
        why = f"Provider {plan.version} changes extra_config only while the VM is off."
    elif plan.planned.get("extra_config_reboot_required") is not False:
        why = "extra_config changes, and extra_config_reboot_required is not false."
    else:
        return
    yield _keys_changed("extra_config", keys, before, after, why)


def _vapp(plan: _Plan) -> Iterator[Change]:
    before, after = map(_properties, plan.blocks("vapp"))
    if plan.unknown("vapp") or plan.changes("vapp") or _changed_keys(plan, before, after):
        keys = _changed_keys(plan, before, after)
        yield _keys_changed("vapp", keys, before, after, "vApp properties change only while the VM is off.")


def _properties(blocks: Sequence[Values]) -> Values:
    return {key: value for block in blocks for key, value in ((block or {}).get("properties") or {}).items()}


def _changed_keys(plan: _Plan, before: Values, after: Values) -> tuple[str, ...]:
    absent = object()
    keys = sorted({*before, *after})
    return tuple(
        key for key in keys if plan.is_unknown(after.get(key)) or before.get(key, absent) != after.get(key, absent)
    )


def _keys_changed(argument: str, keys: Sequence[str], before: Values, after: object, why: str) -> Change:
    """A change told by names alone: values of such maps may be secret."""
    planned = tuple(key for key in keys if key in after) if isinstance(after, Mapping) else tuple(keys)
    return Change(argument, tuple(key for key in keys if key in before), planned, why)


def _controllers(plan: _Plan) -> Iterator[Change]:
    for argument in CONTROLLER_COUNTS:
        if plan.unknown(argument):
            yield plan.change(argument, "The number of controllers is not known before the apply.")
        elif _number(plan.planned.get(argument)) > _number(plan.prior.get(argument)):
            yield plan.change(argument, "A controller that the VM does not have is created.")
    managed = plan.unknown("scsi_controller_count") or _number(plan.planned.get("scsi_controller_count")) > 0
    for argument in ("scsi_type", "scsi_bus_sharing"):
        if managed and plan.prior.get(argument) != NO_CONTROLLER and plan.changes(argument):
            yield plan.change(argument, "The VM's SCSI controllers are changed or replaced.")


def _disks(plan: _Plan) -> Iterator[Change]:
    before, after = plan.blocks("disk")
    for index, disk in enumerate(after):
        old = None if disk.get("label") in DETACHED_LABELS else _partner(disk, before, after)
        for argument in DISK_ARGUMENTS if old is not None else ():
            pair = _Plan(old or {}, disk, plan.version, plan.is_unknown)
            if pair.changes(argument):
                why = f"The provider changes {argument} of a disk only while the VM is off."
                yield Change(f"disk[{index}].{argument}", pair.prior.get(argument), disk.get(argument), why)


def _partner(disk: Values, before: Sequence[Values], after: Sequence[Values]) -> Values | None:
    """The disk as it was: the one of the same label, else the one in its place that no other disk is."""
    by_label = {old.get("label"): old for old in before}
    if disk.get("label") in by_label:
        return by_label[disk.get("label")]
    taken = {new.get("label") for new in after}
    return next((old for old in before if old.get("label") not in taken and _address(old) == _address(disk)), None)


def _address(disk: Values) -> tuple[str, int]:
    unit = disk.get("unit_number")
    return disk.get("controller_type") or "scsi", unit if isinstance(unit, int) else 0


def _network_interfaces(plan: _Plan) -> Iterator[Change]:
    if plan.unknown("network_interface"):
        yield plan.change("network_interface", "The network interfaces are not known before the apply.")
        return
    before, after = plan.blocks("network_interface")
    tools = plan.prior.get("vmware_tools_status") == TOOLS_RUNNING
    for index, (old, new) in enumerate(zip(before, after, strict=False)):
        pair = _Plan(old, new, plan.version, plan.is_unknown)
        at = f"network_interface[{index}]"
        if pair.changes("adapter_type") and not tools:
            why = "The interface is replaced, and VMware Tools do not run in the guest."
            yield Change(f"{at}.adapter_type", old.get("adapter_type"), new.get("adapter_type"), why)
        if pair.changes("physical_function"):
            why = "The interface is moved to another physical function."
            yield Change(f"{at}.physical_function", old.get("physical_function"), new.get("physical_function"), why)
    for index, old in list(enumerate(before))[len(after) :]:
        if old.get("adapter_type") == SRIOV or not tools:
            reason = "it is an SR-IOV interface" if old.get("adapter_type") == SRIOV else "VMware Tools do not run"
            yield Change(f"network_interface[{index}]", _named(old), None, f"The interface is removed, and {reason}.")
    for index, new in list(enumerate(after))[len(before) :]:
        if new.get("adapter_type") == SRIOV:
            yield Change(f"network_interface[{index}]", None, _named(new), "An SR-IOV interface is added.")


def _named(interface: Values) -> str:
    return str(interface.get("adapter_type") or "")


def _pci_devices(plan: _Plan) -> Iterator[Change]:
    before = set(plan.prior.get("pci_device_id") or ())
    after = set() if plan.unknown("pci_device_id") else set(plan.planned.get("pci_device_id") or ())
    if before != after or plan.unknown("pci_device_id"):
        yield plan.change("pci_device_id", "PCI devices are added or removed only while the VM is off.")


def _vtpm(plan: _Plan) -> Iterator[Change]:
    if plan.version < VTPM_COUNTED:
        return
    before, after = plan.blocks("vtpm")
    if plan.unknown("vtpm") or len(before) != len(after):
        yield Change("vtpm", len(before), len(after), "A TPM is added or removed only while the VM is off.")


def _video_card(plan: _Plan) -> Iterator[Change]:
    _, after = plan.blocks("video_card")
    others = {*plan.prior, *plan.planned} - {"video_card"}
    if after and (plan.changes("video_card") or any(plan.changes(key) for key in others if not plan.unknown(key))):
        yield plan.change("video_card", "Every update of a VM with a video_card block edits the card.")


_RULES: tuple[Callable[[_Plan], Iterator[Change]], ...] = (
    _plain,
    _processors,
    _memory,
    _numa,
    _hardware_version,
    _extra_config,
    _vapp,
    _controllers,
    _disks,
    _network_interfaces,
    _pci_devices,
    _vtpm,
    _video_card,
)
