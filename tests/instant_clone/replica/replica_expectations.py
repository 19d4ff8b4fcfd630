# SPDX-License-Identifier: MPL-2.0
"""The complete replica of the default layout. The expectations of other layouts list only differences."""

from __future__ import annotations

from instant_clone.replica import Replica

__all__ = ["DEFAULT_IN_ALL", "NORMAL_BANDWIDTH", "NORMAL_DISK", "YOUNGER", "expected", "fields"]

DEFAULT_IN_ALL = {
    "guest_id": "ubuntu64Guest",
    "annotation": "made by vcsim",
    "num_cpus": 2,
    "num_cores_per_socket": 2,
    "cpu_hot_add_enabled": True,
    "cpu_hot_remove_enabled": True,
    "nested_hv_enabled": False,
    "cpu_performance_counters_enabled": False,
    "cpu_limit": -1,
    "cpu_reservation": 0,
    "cpu_share_level": "normal",
    "memory": 4096,
    "memory_hot_add_enabled": True,
    "memory_limit": -1,
    "memory_reservation": 0,
    "memory_share_level": "normal",
    "latency_sensitivity": "normal",
    "firmware": "efi",
    "efi_secure_boot_enabled": False,
    "boot_delay": 0,
    "boot_retry_enabled": False,
    "boot_retry_delay": 10000,
    "hardware_version": 19,
    "enable_disk_uuid": True,
    "enable_logging": True,
    "hv_mode": "hvAuto",
    "ept_rvi_mode": "automatic",
    "vbs_enabled": False,
    "vvtd_enabled": False,
    "swap_placement_policy": "inherit",
    "sync_time_with_host": True,
    "sync_time_with_host_periodically": False,
    "run_tools_scripts_after_power_on": True,
    "run_tools_scripts_after_resume": True,
    "run_tools_scripts_before_guest_standby": True,
    "run_tools_scripts_before_guest_shutdown": True,
    "run_tools_scripts_before_guest_reboot": False,
    "scsi_controller_count": 1,
    "sata_controller_count": 0,
    "ide_controller_count": 2,
    "scsi_type": "pvscsi",
    "scsi_bus_sharing": "noSharing",
}
YOUNGER = {"memory_reservation_locked_to_max": False, "tools_upgrade_policy": "manual", "nvme_controller_count": 0}
NORMAL_DISK = {
    "controller_type": "scsi",
    "disk_mode": "persistent",
    "thin_provisioned": True,
    "eagerly_scrub": False,
    "write_through": False,
    "disk_sharing": "sharingNone",
    "io_limit": -1,
    "io_reservation": 0,
    "io_share_level": "normal",
}
DRY_RUN = "The plan of a new clone shows vCenter's dry run of it."
TPM_WARNING = (
    "/DC0/vm/golden-0, virtual TPM: VMware's test suite vmware/ansible-vsphere-gos-validation makes a full clone of a "
    "VM with a virtual TPM, because instant cloning is not supported. If vCenter refuses the source, use a source "
    f"without a TPM. {DRY_RUN}"
)


def unknown_warning(place: str, device: str) -> str:
    """Return the warning about a device for which there is no public evidence."""
    return (
        f"/DC0/vm/golden-0, {place}: No public source says whether a VM with {device} can be instant-cloned. {DRY_RUN}"
    )


NORMAL_BANDWIDTH = {"bandwidth_limit": -1, "bandwidth_reservation": 0, "bandwidth_share_level": "normal"}


def expected(**changes: object) -> dict[str, object]:
    """Return all fields of the default layout's Replica, with `changes`."""
    return {
        "arguments": DEFAULT_IN_ALL | YOUNGER,
        "disks": (
            {"label": "disk0", "size": 16, "unit_number": 0, **NORMAL_DISK},
            {"label": "disk1", "size": 8, "unit_number": 1, **NORMAL_DISK},
        ),
        "network_interfaces": ({"network_id": "dvportgroup-12", "adapter_type": "vmxnet3", **NORMAL_BANDWIDTH},),
        "cdroms": (),
        "vtpm": False,
        "ignore_changes": (),
        "warnings": (),
    } | changes


def fields(replica: Replica) -> dict[str, object]:
    return {name: getattr(replica, name) for name in expected()}
