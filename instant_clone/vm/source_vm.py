# SPDX-License-Identifier: MPL-2.0
"""The hardware and settings of a source VM: the result of a look-up and the content of a record.

Each field is named after a property of the vSphere API. The docstrings give the path of the property. `None` is the
value of a property that vCenter leaves unset. The model omits properties that change while a VM runs or is cloned, such
as power state, host, chain depth and connection state. A record therefore changes only if its source changes, or if the
source moves from a cluster to a standalone host or back (`standalone_host`).
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
    "OtherDevice",
    "SourceVm",
    "Tools",
    "Vcenter",
]

ControllerKind = Literal["scsi", "sata", "ide", "nvme"]
CdromBacking = Literal["remote_atapi", "iso", "other"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Vcenter(_Frozen):
    """The vCenter of the source. The version is omitted, because each update of vCenter would require new records."""

    instance_uuid: str
    """`about.instanceUuid`"""
    sync_time_split: bool
    """whether vCenter has both settings `syncTimeWithHostAllowed` and `syncTimeWithHost`, which 7.0.1 introduced"""


class Allocation(_Frozen):
    """A ResourceAllocationInfo, or the equivalent type of a disk or network interface.

    Units are those of the resource: MHz, MB, IOPS or Mbit/s. A limit of -1 means no limit.
    """

    reservation: int | None = None
    limit: int | None = None
    share_level: str | None = None
    share_count: int | None = None


class Cpu(_Frozen):
    """`config.hardware` and `config.cpu*`; `auto_cores_per_socket` is `hardware.autoCoresPerSocket`."""

    count: int
    cores_per_socket: int
    """0 if the property is unset; an unset property means 1"""
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
    """ "" if the property is unset; an unset property means "bios" """
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
    """`scsiCtlrUnitNumber`: the unit that the SCSI controller itself uses"""


class Disk(_Frozen):
    """A VirtualDisk and the address of its controller.

    Each disk of a clone is a delta disk. After a running source has been cloned, its disks are also delta disks. The
    model omits the files, the disk chain and the datastore.

    Thin and eager provisioning are read from the delta disk, as the stock provider reads them from clones. The API
    reference does not state that a delta disk reports the provisioning of its base disk. If vCenter reports different
    values, a record from before the first clone differs once. Write the record again.
    """

    controller: ControllerKind
    bus: int
    unit: int
    """`unitNumber` of the API: the unit on its controller"""
    capacity: int
    """bytes: `capacityInBytes`, or `capacityInKB` × 1024 if `capacityInBytes` is unset"""
    backing: str
    """the API's class name of the backing, such as "FlatVer2BackingInfo" """
    mode: str | None = None
    thin_provisioned: bool | None = None
    eagerly_scrub: bool | None = None
    write_through: bool | None = None
    sharing: str | None = None
    io: Allocation
    """`storageIOAllocation`, in IOPS"""
    first_class: bool | None = None
    """true for a first class disk, which has a `vDiskId`; otherwise unset"""


class Nic(_Frozen):
    """A VirtualEthernetCard."""

    key: int
    """the device key, which identifies the interface in the clone specification"""
    unit: int | None = None
    """`unitNumber` on the PCI bus"""
    type: str
    """the API's class name, such as "VirtualVmxnet3" """
    network_kind: Literal["standard", "distributed", "opaque", "unknown"]
    network_id: str
    """managed object id of the network or distributed port group; "" if no such network is found"""
    network_name: str
    address_type: str | None = None
    mac_address: str
    bandwidth: Allocation
    """`resourceAllocation`, in Mbit/s"""


class Cdrom(_Frozen):
    """A VirtualCdrom. `remote_atapi` is the provider's `client_device`; `other` is any backing that has no argument."""

    backing: CdromBacking
    datastore_id: str | None = None
    """managed object id of an ISO image's datastore"""
    path: str | None = None
    """an ISO image's path within its datastore"""


class OtherDevice(_Frozen):
    """A device without a model of its own, with which an instant clone may fail (see `vm.device_kinds`)."""

    type: str
    """the API's class name, such as "VirtualSerialPort" """
    label: str
    """`deviceInfo.label`, such as "Serial port 1" """
    backing: str | None = None
    """the API's class name of the backing, such as "FileBackingInfo" """


class SourceVm(_Frozen):
    """The hardware and settings of a source that its clones inherit.

    Devices are in the order of `config.hardware.device`, which is the order in which the stock provider reads them.
    """

    vcenter: Vcenter
    name: str
    inventory_path: str
    """inventory path such as "/DC0/vm/folder/name"; vSphere writes a slash in a name as "%2f" """
    uuid: str
    """`config.uuid`, the BIOS UUID"""
    instance_uuid: str
    standalone_host: bool | None = None
    """true if the VM's host is in no cluster; otherwise unset, so that records of VMs in clusters do not change"""
    template: bool
    guest_id: str
    alternate_guest_name: str | None = None
    annotation: str | None = None
    hardware_version: int
    """number of `config.version`: 19 for "vmx-19" """
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
    other_devices: tuple[OtherDevice, ...] | None = None
    """the other devices with which an instant clone may fail; unset if there are none, so that the record of a source
    without such devices does not change"""
    vapp_property_ids: tuple[str, ...] = ()
    """ids of the user-configurable vApp properties whose value differs from the default; never the values"""
    vapp_transport: tuple[str, ...] = ()
