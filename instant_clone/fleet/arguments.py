# SPDX-License-Identifier: MPL-2.0
"""The arguments of vsphere_virtual_machine that a plan can leave alone."""

from __future__ import annotations

from instant_clone.versions import FIRST_RELEASE

__all__ = ["IGNORABLE"]

_SINCE_THE_OLDEST_RELEASE = """
    alternate_guest_name annotation boot_delay boot_retry_delay boot_retry_enabled cdrom clone cpu_hot_add_enabled
    cpu_hot_remove_enabled cpu_limit cpu_performance_counters_enabled cpu_reservation cpu_share_count cpu_share_level
    custom_attributes datacenter_id datastore_cluster_id datastore_id disk efi_secure_boot_enabled enable_disk_uuid
    enable_logging ept_rvi_mode extra_config firmware folder force_power_off guest_id hardware_version host_system_id
    hv_mode ide_controller_count ignored_guest_ips latency_sensitivity memory memory_hot_add_enabled memory_limit
    memory_reservation memory_share_count memory_share_level migrate_wait_timeout name nested_hv_enabled
    network_interface num_cores_per_socket num_cpus ovf_deploy pci_device_id poweron_timeout replace_trigger
    resource_pool_id run_tools_scripts_after_power_on run_tools_scripts_after_resume
    run_tools_scripts_before_guest_reboot run_tools_scripts_before_guest_shutdown
    run_tools_scripts_before_guest_standby sata_controller_count scsi_bus_sharing scsi_controller_count scsi_type
    shutdown_wait_timeout storage_policy_id swap_placement_policy sync_time_with_host
    sync_time_with_host_periodically tags vapp vbs_enabled vvtd_enabled wait_for_guest_ip_timeout
    wait_for_guest_net_routable wait_for_guest_net_timeout
"""

IGNORABLE = tuple(
    sorted(
        {
            "instantclone",  # the plugin's own block
            *_SINCE_THE_OLDEST_RELEASE.split(),
            *(argument for argument in FIRST_RELEASE if "." not in argument),
        }
    )
)
"""attributes and blocks of the resource's schema, 2.0.2 to 2.16.1, and the block instantclone"""
