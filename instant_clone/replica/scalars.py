# SPDX-License-Identifier: MPL-2.0
"""The scalar arguments of vsphere_virtual_machine that reproduce a source."""

from __future__ import annotations

from instant_clone.replica.replica_builder import Block, Draft
from instant_clone.stock_provider.argument import Scalar
from instant_clone.stock_provider.arguments import is_known, row
from instant_clone.stock_provider.releases import (
    AUTOMATIC_CORES_PER_SOCKET,
    FIRST_HARDWARE_WITH_NUMA,
    ProviderVersion,
    allows_hardware_version,
    releases_where,
)
from instant_clone.vm.differences import shown
from instant_clone.vm.source_vm import Allocation, SourceVm, Tools

__all__ = ["custom_count", "scalars"]

CUSTOM = "custom"


def custom_count(allocation: Allocation) -> int | None:
    """Return the share count if the level is custom. For other levels vSphere computes the count."""
    return allocation.share_count if allocation.share_level == CUSTOM else None


def scalars(source: SourceVm, draft: Draft) -> Block:
    """Return all scalar arguments of `source`, except those of its controllers."""
    values = _values(source, draft.version)
    hardware_version = _hardware_version(source, draft)
    values["hardware_version"] = hardware_version
    values["num_cores_per_numa_node"] = _cores_per_numa_node(
        source, draft, beside_hardware_version=hardware_version is not None
    )
    _require_cores_per_socket(source, draft)
    _warn_about_tools(source.tools, draft)
    _warn_about_reservation(source, draft)
    block: Block = {}
    for argument, value in values.items():
        if is_known(draft.version, argument):
            draft.express(block, argument, _allowed_value(argument, value, draft))
        else:
            _refuse_unknown(argument, value, draft)
    return block


def _values(source: SourceVm, version: ProviderVersion) -> dict[str, Scalar | None]:
    cpu, memory, boot, flags, tools = source.cpu, source.memory, source.boot, source.flags, source.tools
    automatic = cpu.auto_cores_per_socket and version >= AUTOMATIC_CORES_PER_SOCKET
    return {
        "guest_id": source.guest_id,
        "alternate_guest_name": source.alternate_guest_name or None,
        "annotation": source.annotation or None,
        "num_cpus": cpu.count,
        "num_cores_per_socket": 0 if automatic else cpu.cores_per_socket,
        "num_cores_per_numa_node": None,
        "cpu_hot_add_enabled": cpu.hot_add_enabled,
        "cpu_hot_remove_enabled": cpu.hot_remove_enabled,
        "nested_hv_enabled": cpu.nested_hv_enabled,
        "cpu_performance_counters_enabled": cpu.performance_counters_enabled,
        **_allocation("cpu", cpu.allocation),
        "memory": memory.size_mb,
        "memory_hot_add_enabled": memory.hot_add_enabled,
        "memory_reservation_locked_to_max": memory.reservation_locked_to_max,
        **_allocation("memory", memory.allocation),
        "latency_sensitivity": source.latency_sensitivity or None,
        "firmware": boot.firmware or None,
        "efi_secure_boot_enabled": boot.secure_boot_enabled,
        "boot_delay": boot.delay,
        "boot_retry_enabled": boot.retry_enabled,
        # The provider reads an unset delay as 0, which is not its default.
        "boot_retry_delay": boot.retry_delay or 0,
        "hardware_version": None,
        "enable_disk_uuid": flags.disk_uuid_enabled,
        "enable_logging": flags.logging_enabled,
        "hv_mode": flags.virtual_exec_usage or None,
        "ept_rvi_mode": flags.virtual_mmu_usage or None,
        "vbs_enabled": flags.vbs_enabled,
        "vvtd_enabled": flags.vvtd_enabled,
        "swap_placement_policy": source.swap_placement or None,
        "sync_time_with_host": tools.sync_time_with_host_allowed
        if source.vcenter.sync_time_split
        else tools.sync_time_with_host,
        "sync_time_with_host_periodically": tools.sync_time_with_host if source.vcenter.sync_time_split else None,
        "tools_upgrade_policy": tools.upgrade_policy or None,
        "run_tools_scripts_after_power_on": tools.after_power_on,
        "run_tools_scripts_after_resume": tools.after_resume,
        "run_tools_scripts_before_guest_standby": tools.before_guest_standby,
        "run_tools_scripts_before_guest_shutdown": tools.before_guest_shutdown,
        "run_tools_scripts_before_guest_reboot": tools.before_guest_reboot,
    }


def _allocation(resource: str, allocation: Allocation) -> dict[str, Scalar | None]:
    return {
        f"{resource}_limit": allocation.limit,
        f"{resource}_reservation": allocation.reservation,
        f"{resource}_share_level": allocation.share_level,
        f"{resource}_share_count": custom_count(allocation),
    }


def _allowed_value(argument: str, value: Scalar | None, draft: Draft) -> Scalar | None:
    """Return `value`. If the schema does not allow it, add a warning and return None."""
    allowed = row(argument).values
    if value is None or not allowed or value in allowed:
        return value
    what = f"The provider does not support {value!r}; the clones keep the value, and Terraform does not track it."
    draft.warn(argument, what)
    return None


def _refuse_unknown(argument: str, value: Scalar | None, draft: Draft) -> None:
    if value and value != row(argument).default_in(draft.version):
        what = f"Provider {draft.version} does not support {argument}, which is {shown(value)} on the source."
        draft.require(lambda version: is_known(version, argument), argument, what)


def _hardware_version(source: SourceVm, draft: Draft) -> int | None:
    """Return the hardware version, or None if the release does not allow it.

    Without the argument, a clone keeps its hardware version.
    """
    number = source.hardware_version

    def allowed(version: ProviderVersion) -> bool:
        return allows_hardware_version(version, number)

    if allowed(draft.version):
        return number
    if releases_where(allowed):
        what = f"Provider {draft.version} does not allow {number}, the hardware version of the source."
        draft.require(allowed, "hardware_version", what)
    else:
        draft.warn("hardware_version", f"No release of the provider allows {number}; the clones keep this version.")
    return None


def _require_cores_per_socket(source: SourceVm, draft: Draft) -> None:
    if source.cpu.cores_per_socket == 0 and not source.cpu.auto_cores_per_socket:
        what = "The number of cores per socket is unset on the VM, which the provider cannot read."
        draft.require(lambda version: version < AUTOMATIC_CORES_PER_SOCKET, "num_cores_per_socket", what)


def _cores_per_numa_node(source: SourceVm, draft: Draft, *, beside_hardware_version: bool) -> int | None:
    numa = source.numa
    if numa is None:
        return None
    if numa.auto_cores_per_node:
        return 0 if beside_hardware_version else None
    if numa.cores_per_node is None:
        what = "The source has NUMA settings without a number of cores per node, which the provider cannot read."
        draft.require(lambda version: not is_known(version, "num_cores_per_numa_node"), "num_cores_per_numa_node", what)
        return None
    if not is_known(draft.version, "num_cores_per_numa_node"):
        return numa.cores_per_node if source.hardware_version >= FIRST_HARDWARE_WITH_NUMA else None
    if not beside_hardware_version and numa.cores_per_node:
        # The schema requires hardware_version together with num_cores_per_numa_node.
        draft.ignore_changes.append("num_cores_per_numa_node")
        return None
    return numa.cores_per_node


def _warn_about_tools(tools: Tools, draft: Draft) -> None:
    unset = [
        name
        for name in ("after_power_on", "after_resume", "before_guest_standby", "before_guest_shutdown")
        if getattr(tools, name) is None
    ]
    if unset:
        draft.warn("tools", f"{', '.join(unset)}: unset on the VM; any later reconfiguration sets them to false.")


def _warn_about_reservation(source: SourceVm, draft: Draft) -> None:
    memory = source.memory
    if memory.reservation_locked_to_max and memory.allocation.reservation != memory.size_mb:
        draft.warn(
            "memory_reservation_locked_to_max",
            f"the value is true, but {memory.allocation.reservation} of {memory.size_mb} MB are reserved; "
            "any later reconfiguration sets it to false.",
        )
