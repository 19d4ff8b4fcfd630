# SPDX-License-Identifier: MPL-2.0
"""What a look-up yields and a record holds: the hardware and settings of a source VM.

Everything is named after the vSphere API's property that it comes from; the property's path is in the
docstrings. `None` stands for a property that vCenter leaves unset. Nothing here changes by running or by
cloning: no power state, host, chain depth or connection state, so that a record changes only with its source.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

__all__ = [
    "Allocation",
    "Boot",
    "Cdrom",
    "CdromBacking",
    "Controller",
    "ControllerKind",
    "Cpu",
    "Disk",
    "Flags",
    "Memory",
    "Nic",
    "Numa",
    "SourceVm",
    "Tools",
    "Vcenter",
]

ControllerKind = Literal["scsi", "sata", "ide", "nvme"]
CdromBacking = Literal["remote_atapi", "iso", "other"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Vcenter(_Frozen):
    """The vCenter that was asked; not its version, or each update of vCenter would ask for new records."""

    instance_uuid: str
    """`about.instanceUuid`"""
    sync_time_split: bool
    """whether `syncTimeWithHostAllowed` is a setting beside `syncTimeWithHost`: since vCenter 7.0.1"""


class Allocation(_Frozen):
    """A ResourceAllocationInfo, or what disks and interfaces have in its place.

    Units are those of the resource: MHz, MB, IOPS or Mbit/s. A limit of -1 is none.
    """

    reservation: int | None = None
    limit: int | None = None
    share_level: str | None = None
    share_count: int | None = None


class Cpu(_Frozen):
    """`config.hardware` and `config.cpu*`; `auto_cores_per_socket` is `hardware.autoCoresPerSocket`."""

    count: int
    cores_per_socket: int
    """0 where it is unset, which means 1"""
    auto_cores_per_socket: bool | None = None
    hot_add_enabled: bool | None = None
    hot_remove_enabled: bool | None = None
    nested_hv_enabled: bool | None = None
    performance_counters_enabled: bool | None = None
    """`config.vPMCEnabled`"""
    allocation: Allocation


class Numa(_Frozen):
    """`config.numaInfo` (vSphere 8.0)."""

    auto_cores_per_node: bool | None = None
    cores_per_node: int | None = None


class Memory(_Frozen):
    """`config.hardware.memoryMB` and `config.memory*`."""

    size_mb: int
    hot_add_enabled: bool | None = None
    reservation_locked_to_max: bool | None = None
    allocation: Allocation


class Boot(_Frozen):
    """`config.firmware` and `config.bootOptions`; delays in milliseconds."""

    firmware: str
    """ "" where it is unset, which means "bios" """
    secure_boot_enabled: bool | None = None
    delay: int | None = None
    retry_enabled: bool | None = None
    retry_delay: int | None = None


class Flags(_Frozen):
    """`config.flags`."""

    disk_uuid_enabled: bool | None = None
    logging_enabled: bool | None = None
    virtual_exec_usage: str | None = None
    virtual_mmu_usage: str | None = None
    vbs_enabled: bool | None = None
    vvtd_enabled: bool | None = None


class Tools(_Frozen):
    """`config.tools`."""

    after_power_on: bool | None = None
    after_resume: bool | None = None
    before_guest_standby: bool | None = None
    before_guest_shutdown: bool | None = None
    before_guest_reboot: bool | None = None
    sync_time_with_host: bool | None = None
    sync_time_with_host_allowed: bool | None = None
    upgrade_policy: str | None = None


class Controller(_Frozen):
    """A VirtualSCSIController, VirtualAHCIController, VirtualIDEController or VirtualNVMEController."""

    kind: ControllerKind
    bus: int
    """`busNumber`"""
    type: str
    """the API's class name, such as "ParaVirtualSCSIController" """
    shared_bus: str | None = None
    """`sharedBus` of a SCSI controller"""
    own_unit: int | None = None
    """`scsiCtlrUnitNumber`: the unit that a SCSI controller takes for itself"""


class Disk(_Frozen):
    """A VirtualDisk, with the controller it hangs on.

    The disk of a source that has been cloned while running is a delta upon the one before, and so is each disk of a
    clone. Neither file, chain nor datastore is kept. What is read of thin and eager provisioning is the delta's own,
    as the stock provider reads it of the clones; the API's reference does not say that it equals the base disk's. If
    vCenter tells it otherwise, a record that was made before the first clone differs once, and is to be made anew.
    """

    controller: ControllerKind
    bus: int
    unit: int
    """`unitNumber`, as the API has it: raw, per controller"""
    capacity: int
    """bytes: `capacityInBytes`, else `capacityInKB` × 1024"""
    backing: str
    """the API's class name of the backing, such as "FlatVer2BackingInfo" """
    mode: str | None = None
    thin_provisioned: bool | None = None
    eagerly_scrub: bool | None = None
    write_through: bool | None = None
    sharing: str | None = None
    io: Allocation
    """`storageIOAllocation`, in IOPS"""


class Nic(_Frozen):
    """A VirtualEthernetCard."""

    key: int
    """the device's key, by which a clone's edit names it"""
    unit: int | None = None
    """`unitNumber` on the PCI bus"""
    type: str
    """the API's class name, such as "VirtualVmxnet3" """
    network_kind: Literal["standard", "distributed", "opaque", "unknown"]
    network_id: str
    """managed object id of the network or the distributed port group; "" if it cannot be found"""
    network_name: str
    address_type: str | None = None
    mac_address: str
    bandwidth: Allocation
    """`resourceAllocation`, in Mbit/s"""


class Cdrom(_Frozen):
    """A VirtualCdrom: `remote_atapi` is the provider's client device, `other` any backing it has no word for."""

    backing: CdromBacking
    datastore_id: str | None = None
    """managed object id of an ISO image's datastore"""
    path: str | None = None
    """an ISO image's path within its datastore"""


class SourceVm(_Frozen):
    """The VM that is cloned, as far as a clone repeats it.

    Devices stand in the order of `config.hardware.device`, in which the stock provider reads them.
    """

    vcenter: Vcenter
    name: str
    inventory_path: str
    """such as "/DC0/vm/folder/name"; slashes in names are "%2f", as vSphere has them"""
    uuid: str
    """`config.uuid`, the BIOS UUID"""
    instance_uuid: str
    template: bool
    guest_id: str
    alternate_guest_name: str | None = None
    annotation: str | None = None
    hardware_version: int
    """19 for `config.version` "vmx-19" """
    cpu: Cpu
    numa: Numa | None = None
    memory: Memory
    latency_sensitivity: str | None = None
    swap_placement: str | None = None
    boot: Boot
    flags: Flags
    tools: Tools
    controllers: tuple[Controller, ...]
    disks: tuple[Disk, ...]
    nics: tuple[Nic, ...]
    cdroms: tuple[Cdrom, ...]
    tpm_count: int = 0
    pci_passthrough_count: int = 0
    vapp_property_ids: tuple[str, ...] = ()
    """ids of the user-configurable vApp properties that have a value of their own; never the values"""
    vapp_transport: tuple[str, ...] = ()
