# SPDX-License-Identifier: MPL-2.0
"""A table with one row per argument of `vsphere_virtual_machine`.

The rows come from the provider's source code, tags v2.0.2 to v2.16.1 and the main branch before 2.17.0, folder
vsphere/:

- resource_vsphere_virtual_machine.go: resourceVSphereVirtualMachine, resourceVSphereVirtualMachineUpdate;
- virtual_machine_config_structure.go: schemaVirtualMachineConfigSpec, expandVirtualMachineConfigSpec;
- virtual_machine_guest_structure.go: schemaVirtualMachineGuestInfo;
- internal/virtualdevice/virtual_machine_{disk,network_interface,cdrom,video_card}_subresource.go: schemas of devices;
- internal/vmworkflow/virtual_machine_{clone,ovfdeploy}_subresource.go: the blocks `clone` and `ovf_deploy`.

tests/instant_clone/stock_provider/test_arguments.py compares the rows with the schemas of recorded releases. See
docs/add_argument.md for the steps that add an argument.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from instant_clone.stock_provider.argument import Argument, Effect, Role, Scalar
from instant_clone.stock_provider.releases import (
    ANNOTATION_COMPUTED,
    EXECUTION_MODES_COMPUTED,
    EXECUTION_MODES_WITHOUT_DEFAULT,
    OLDEST_SUPPORTED,
    SYNC_TIME_BY_DEFAULT,
    ProviderVersion,
)

__all__ = ["ARGUMENTS", "SCSI_TYPES", "can_be_configured", "is_known", "nested_in", "row", "top_level"]

SCSI_TYPES = {
    "ParaVirtualSCSIController": "pvscsi",
    "VirtualLsiLogicController": "lsilogic",
    "VirtualLsiLogicSASController": "lsilogic-sas",
}
"""the value of `scsi_type` for each controller class of the vSphere API"""

_V = ProviderVersion
_ALWAYS = OLDEST_SUPPORTED


def _execution_default(value: str) -> Callable[[ProviderVersion], Scalar | None]:
    def default(release: ProviderVersion) -> Scalar | None:
        without = release >= EXECUTION_MODES_COMPUTED or release == EXECUTION_MODES_WITHOUT_DEFAULT
        return None if without else value

    return default


_hot = partial(Argument, role=Role.HARDWARE, effect=Effect.HOT, reconfigures=True)
"""a setting of the ConfigSpec that vSphere changes on a running VM"""
_cold = partial(Argument, role=Role.HARDWARE, effect=Effect.REBOOT, reconfigures=True, flagged_early=True)
"""a setting of the ConfigSpec that the provider reads with getWithRestart or getBoolWithRestart"""
_late = partial(_cold, flagged_early=False)
_ruled = partial(Argument, role=Role.HARDWARE, effect=Effect.RULE)
_device = partial(Argument, role=Role.HARDWARE, effect=Effect.HOT)
_placed = partial(Argument, role=Role.PLACEMENT)
_own = partial(Argument, role=Role.OWN, effect=Effect.HOT)
_steering = partial(Argument, role=Role.STEERING, effect=Effect.NONE)
_created = partial(Argument, role=Role.CREATION, effect=Effect.REPLACE)
_output = partial(Argument, role=Role.OUTPUT, effect=Effect.NONE, computed_since=_ALWAYS)


def _allocation(kind: str) -> tuple[Argument, ...]:
    # virtual_machine_config_structure.go, schemaVirtualMachineResourceAllocation
    return (
        _hot(f"{kind}_limit", "number", default=-1, takes_zero=False, unset_is_default=True),
        _hot(f"{kind}_reservation", "number"),
        _hot(f"{kind}_share_count", "number", computed_since=_ALWAYS),
        _hot(f"{kind}_share_level", "string", default="normal", unset_is_default=True),
    )


ARGUMENTS: tuple[Argument, ...] = (
    # Name and placement.
    _placed("name", "string", effect=Effect.HOT, reconfigures=True),
    _placed("folder", "string", effect=Effect.HOT),
    _placed("datacenter_id", "string", effect=Effect.NONE),
    _placed("resource_pool_id", "string", effect=Effect.MOVE),
    _placed("host_system_id", "string", effect=Effect.MOVE, computed_since=_ALWAYS),
    _placed("datastore_id", "string", effect=Effect.MOVE, computed_since=_ALWAYS),
    _placed("datastore_cluster_id", "string", effect=Effect.MOVE),
    _created("datastore_path", "string", since=_V("2.17.0")),
    # Processors and memory.
    _ruled("num_cpus", "number", default=1, reconfigures=True, flagged_early=True),
    _cold("num_cores_per_socket", "number", default=1),
    _ruled("num_cores_per_numa_node", "number", since=_V("2.16.0"), reconfigures=True, flagged_early=True),
    _cold("cpu_hot_add_enabled", "bool"),
    _cold("cpu_hot_remove_enabled", "bool"),
    _late("nested_hv_enabled", "bool"),
    _late("cpu_performance_counters_enabled", "bool"),
    *_allocation("cpu"),
    _ruled("memory", "number", default=1024, reconfigures=True, flagged_early=True),
    _cold("memory_hot_add_enabled", "bool"),
    _hot("memory_reservation_locked_to_max", "bool", since=_V("2.7.0")),
    *_allocation("memory"),
    _hot(
        "latency_sensitivity",
        "string",
        default="normal",
        values=("normal", "low", "medium", "high"),
        unset_is_default=True,
    ),
    # The EVC mode is not a setting of the ConfigSpec: Update calls ApplyEvcModeVM_Task.
    _cold("evc_mode", "string", since=_V("2.16.0"), reconfigures=False, flagged_early=False),
    # Guest, boot, flags.
    _cold("guest_id", "string", computed_since=_ALWAYS, planned_unknown=True),
    _cold("alternate_guest_name", "string"),
    _hot("annotation", "string", computed_since=ANNOTATION_COMPUTED),
    _late("firmware", "string", default="bios", values=("bios", "efi")),
    _late("efi_secure_boot_enabled", "bool"),
    _hot("boot_delay", "number"),
    _hot("boot_retry_enabled", "bool"),
    _hot("boot_retry_delay", "number", default=10000),
    _ruled("hardware_version", "number", computed_since=_ALWAYS, planned_unknown=True, reconfigures=True),
    _cold("enable_disk_uuid", "bool"),
    _cold("enable_logging", "bool"),
    _cold(
        "hv_mode",
        "string",
        earlier_default=_execution_default("hvAuto"),
        computed_since=EXECUTION_MODES_COMPUTED,
        values=("hvAuto", "hvOn", "hvOff"),
        planned_unknown=True,
    ),
    _cold(
        "ept_rvi_mode",
        "string",
        earlier_default=_execution_default("automatic"),
        computed_since=EXECUTION_MODES_COMPUTED,
        values=("automatic", "on", "off"),
        planned_unknown=True,
    ),
    _cold("vbs_enabled", "bool"),
    _cold("vvtd_enabled", "bool"),
    _late("swap_placement_policy", "string", default="inherit", values=("inherit", "hostLocal", "vmDirectory")),
    # VMware Tools.
    _hot(
        "sync_time_with_host",
        "bool",
        default=True,
        earlier_default=lambda release: True if release >= SYNC_TIME_BY_DEFAULT else None,
    ),
    _hot("sync_time_with_host_periodically", "bool"),
    _cold(
        "tools_upgrade_policy",
        "string",
        default="manual",
        values=("manual", "upgradeAtPowerCycle"),
        since=_V("2.1.0"),
    ),
    _cold("run_tools_scripts_after_power_on", "bool", default=True),
    _cold("run_tools_scripts_after_resume", "bool", default=True),
    _cold("run_tools_scripts_before_guest_standby", "bool", default=True),
    _cold("run_tools_scripts_before_guest_shutdown", "bool", default=True),
    _cold("run_tools_scripts_before_guest_reboot", "bool"),
    # Other settings of the ConfigSpec.
    _ruled("extra_config", "map", reconfigures=True),
    _ruled("vapp", "block", reconfigures=True, flagged_early=True),
    _ruled("vapp.properties", "map"),
    _hot("storage_policy_id", "string", computed_since=_ALWAYS),
    # Properties that a clone does not inherit from its source.
    _own("tags", "set"),
    _own("custom_attributes", "map"),
    # Controllers.
    _ruled("scsi_controller_count", "number", default=1),
    _ruled("scsi_type", "string", default="pvscsi", values=tuple(SCSI_TYPES.values())),
    _ruled(
        "scsi_bus_sharing",
        "string",
        default="noSharing",
        values=("noSharing", "physicalSharing", "virtualSharing"),
    ),
    _ruled("sata_controller_count", "number", default=0),
    _ruled("ide_controller_count", "number", default=2, takes_zero=False),
    _ruled("nvme_controller_count", "number", default=0, since=_V("2.11.0")),
    # Disks: virtual_machine_disk_subresource.go.
    _ruled("disk", "block"),
    _device("disk.label", "string", effect=Effect.RULE),
    _device("disk.size", "number", effect=Effect.RULE),
    _device("disk.unit_number", "number", effect=Effect.REBOOT, default=0),
    _device("disk.controller_type", "string", effect=Effect.REBOOT, default="scsi"),
    _device("disk.disk_mode", "string", effect=Effect.REBOOT, default="persistent"),
    _device("disk.disk_sharing", "string", effect=Effect.REBOOT, default="sharingNone"),
    _device("disk.write_through", "bool", effect=Effect.REBOOT, default=False),
    _device("disk.thin_provisioned", "bool", effect=Effect.REFUSED, default=True),
    _device("disk.eagerly_scrub", "bool", effect=Effect.REFUSED, default=False),
    _device("disk.io_limit", "number", default=-1),
    _device("disk.io_reservation", "number", default=0),
    _device("disk.io_share_count", "number", default=0),
    _device("disk.io_share_level", "string", default="normal"),
    _device("disk.storage_policy_id", "string", computed_since=_ALWAYS),
    _placed("disk.datastore_id", "string", effect=Effect.MOVE, computed_since=_ALWAYS),
    _placed("disk.path", "string", effect=Effect.NONE, computed_since=_ALWAYS),
    _device("disk.attach", "bool", effect=Effect.REFUSED, default=False),
    _steering("disk.keep_on_remove", "bool", default=False),
    *(_output(f"disk.{name}", kind) for name, kind in (("device_address", "string"), ("uuid", "string"))),
    _output("disk.key", "number"),
    # Network interfaces: virtual_machine_network_interface_subresource.go.
    _ruled("network_interface", "block", reconfigures=True),
    _device("network_interface.network_id", "string"),
    _device("network_interface.adapter_type", "string", effect=Effect.RULE, default="vmxnet3"),
    _device("network_interface.physical_function", "string", effect=Effect.RULE, since=_V("2.6.0")),
    _device("network_interface.use_static_mac", "bool"),
    _device("network_interface.mac_address", "string", computed_since=_ALWAYS),
    _device("network_interface.bandwidth_limit", "number", default=-1),
    _device("network_interface.bandwidth_reservation", "number", default=0),
    _device("network_interface.bandwidth_share_count", "number", computed_since=_ALWAYS),
    _device("network_interface.bandwidth_share_level", "string", default="normal"),
    _device("network_interface.external_port_id", "string", computed_since=_V("2.16.0"), since=_V("2.16.0")),
    _created("network_interface.ovf_mapping", "string"),
    _output("network_interface.device_address", "string"),
    _output("network_interface.key", "number"),
    # Other devices.
    _ruled("cdrom", "block", reconfigures=True),
    _device("cdrom.client_device", "bool"),
    _device("cdrom.datastore_id", "string"),
    _device("cdrom.path", "string"),
    _output("cdrom.device_address", "string"),
    _output("cdrom.key", "number"),
    _ruled("vtpm", "block", since=_V("2.10.0")),
    _device("vtpm.version", "string", default="2.0", values=("2.0", "1.2"), since=_V("2.10.0"), effect=Effect.RULE),
    _ruled("pci_device_id", "set"),
    *(
        _ruled(f"video_card{rest}", kind, since=_V("2.16.0"))
        for rest, kind in (
            ("", "block"),
            (".num_displays", "number"),
            (".total_video_memory", "number"),
            (".graphics_3d", "block"),
            (".graphics_3d.memory", "number"),
            (".graphics_3d.renderer", "string"),
        )
    ),
    _output("video_card.device_address", "string", since=_V("2.16.0")),
    _output("video_card.key", "number", since=_V("2.16.0")),
    # Options of the provider.
    _steering("extra_config_reboot_required", "bool", default=True, since=_V("2.3.0")),
    _steering("force_power_off", "bool", default=True),
    _steering("ignored_guest_ips", "list"),
    _steering("migrate_wait_timeout", "number", default=30),
    _steering("poweron_timeout", "number", default=300),
    _steering("shutdown_wait_timeout", "number", default=3),
    _steering("wait_for_guest_ip_timeout", "number", default=0),
    _steering("wait_for_guest_net_routable", "bool", default=True),
    _steering("wait_for_guest_net_timeout", "number", default=5),
    _steering("replace_trigger", "string", effect=Effect.REPLACE),
    # Creation of a VM. The provider's documentation has the arguments of these two blocks.
    _created("clone", "block"),
    _created("ovf_deploy", "block"),
    # Outputs.
    *(
        _output(name, kind)
        for kind, names in (
            ("string", "change_version default_ip_address id moid uuid vmware_tools_status vmx_path"),
            ("bool", "imported reboot_required"),
            ("list", "guest_ip_addresses vapp_transport"),
        )
        for name in names.split()
    ),
    _output("power_state", "string", since=_V("2.1.1")),
)
"""all arguments of the resource and of its blocks, except the arguments of `clone` and `ovf_deploy`"""

_ROWS = {argument.path: argument for argument in ARGUMENTS}


def row(path: str) -> Argument:
    """Return the row of an argument, such as "num_cpus" or "disk.size".

    Raises:
        KeyError: The table has no such argument.
    """
    return _ROWS[path]


def nested_in(block: str, chosen: Callable[[Argument], bool]) -> tuple[str, ...]:
    """Return the names of the arguments of a block, such as "disk", for which `chosen` returns true, in table order."""
    return tuple(argument.name for argument in ARGUMENTS if argument.block == block and chosen(argument))


def top_level(chosen: Callable[[Argument], bool]) -> tuple[str, ...]:
    """Return the names of the arguments of the resource itself for which `chosen` returns true, in table order."""
    return nested_in("", chosen)


def is_known(release: ProviderVersion, path: str) -> bool:
    """Return whether `release` has the argument `path`, such as "vtpm" or "network_interface.physical_function"."""
    return release >= row(path).since


def can_be_configured(path: str, value: object) -> bool:
    """Return whether a configuration can set an argument to `value`, which the provider has read from a VM.

    The provider reads an unset setting as the zero value of the argument's type. For booleans and most numbers, a
    configuration can set the zero value.
    """
    argument = _ROWS.get(path)
    if value is None or value == "":
        return False
    if argument is None:
        return True
    if argument.values:
        return value in argument.values
    return argument.takes_zero or value != 0
