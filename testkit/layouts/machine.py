# SPDX-License-Identifier: MPL-2.0
"""A description of a VM, from which the simulator creates the VM with CreateVM_Task.

The names come from the vSphere API, and missing settings have the defaults of vCenter. vCenter creates two IDE
controllers in each VM. A layout without IDE controllers is therefore not possible.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from pyVmomi import vim

from testkit.simulator import Simulator
from tests.vcsim.client import Client, cdrom, clone, controller, disk, machine_spec, make, nic, nics, result

__all__ = ["GIB", "MIB", "Bus", "Drive", "Interface", "Machine", "Place", "Shares", "VirtualDisk", "made"]

GIB = 1 << 30
MIB = 1 << 20
Device = vim.vm.device
_CLASSES = {
    "pvscsi": Device.ParaVirtualSCSIController,
    "lsilogic": Device.VirtualLsiLogicController,
    "lsilogic-sas": Device.VirtualLsiLogicSASController,
    "buslogic": Device.VirtualBusLogicController,
    "sata": Device.VirtualAHCIController,
    "nvme": Device.VirtualNVMEController,
}
_FIRST_KEYS = {"sata": -11, "nvme": -21}
_FIRST_SCSI_KEY = -1
_FIRST_IDE_KEY = 200
_ADAPTERS = {
    "e1000": Device.VirtualE1000,
    "e1000e": Device.VirtualE1000e,
    "vmxnet3": Device.VirtualVmxnet3,
    "vmxnet3vrdma": Device.VirtualVmxnet3Vrdma,
    "pcnet32": Device.VirtualPCNet32,
    "sriov": Device.VirtualSriovEthernetCard,
}
Kind = Literal["scsi", "sata", "nvme", "ide"]


@dataclass(frozen=True)
class Shares:
    """A resource allocation, in the units of the vSphere API. `number` is used only for the level "custom"."""

    limit: int = -1
    reservation: int = 0
    level: str = "normal"
    number: int = 0


@dataclass(frozen=True)
class Bus:
    """A storage controller of the type "pvscsi", "lsilogic", "lsilogic-sas", "buslogic", "sata" or "nvme"."""

    type: str
    number: int = 0
    shared: str = "noSharing"


@dataclass(frozen=True)
class Place:
    """A unit on a storage controller."""

    kind: Kind = "scsi"
    bus: int = 0
    unit: int = 0

    @property
    def key(self) -> int:
        """Return the device key that the controller has in the ConfigSpec."""
        if self.kind == "ide":
            return _FIRST_IDE_KEY + self.bus
        return _FIRST_KEYS.get(self.kind, _FIRST_SCSI_KEY) - self.bus


@dataclass(frozen=True)
class VirtualDisk:
    """A disk with a `size` in bytes. `backing` contains properties of the disk backing, such as thinProvisioned."""

    at: Place = Place()
    size: int = GIB
    backing: Mapping[str, Any] = field(default_factory=dict)
    io: Shares | None = None


@dataclass(frozen=True)
class Interface:
    """A network interface on the network with the name `network`."""

    network: str = "DC0_DVPG0"
    adapter: str = "vmxnet3"
    bandwidth: Shares = Shares()


@dataclass(frozen=True)
class Drive:
    """A CD-ROM drive with the backing "client", "iso", "passthrough" or "host"."""

    backing: str = "client"
    at: Place = Place("ide")
    connected: bool = False


@dataclass(frozen=True)
class Machine:
    """A VM. `settings` are other fields of its ConfigSpec, as objects of the vSphere API."""

    buses: tuple[Bus, ...] = (Bus("pvscsi"),)
    disks: tuple[VirtualDisk, ...] = (VirtualDisk(),)
    interfaces: tuple[Interface, ...] = (Interface(),)
    drives: tuple[Drive, ...] = ()
    tpm: bool = False
    passthrough: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    interface_put_back: bool = False
    """whether the first interface was removed and added again; it is then the last device, in the first PCI slot"""
    otherwise: Mapping[str, str] = field(default_factory=dict)
    """values that no ConfigSpec can set, by property path; same format as in Simulator.clone_differs"""

    @property
    def can_be_cloned(self) -> bool:
        """Return whether vCenter accepts the VM as the source of an instant clone. vCenter refuses a VM with a TPM."""
        return not self.tpm

    def but(self, **settings: Any) -> Machine:
        """Return a copy with additional settings."""
        return replace(self, settings={**self.settings, **settings})

    def specification(self, client: Client, name: str) -> Any:
        """Return the ConfigSpec for CreateVM_Task."""
        devices: list[Any] = [
            controller(_CLASSES[bus.type], Place(_kind(bus), bus.number).key, bus.number, bus.shared)
            for bus in self.buses
        ]
        devices += [_disk(each) for each in self.disks]
        devices += [
            cdrom(each.at.key, each.at.unit, _drive(each.backing), start=each.connected) for each in self.drives
        ]
        devices += [_interface(client, each) for each in self.interfaces]
        if self.tpm:
            devices.append(Device.VirtualTPM(key=-99))
        if self.passthrough:
            backing = Device.VirtualPCIPassthrough.DeviceBackingInfo(
                deviceName="", id="0000:03:00.0", deviceId="10fb", systemId="host", vendorId=-32634
            )
            devices.append(Device.VirtualPCIPassthrough(key=-98, backing=backing))
        return machine_spec(name, devices, **self.settings)


def made(simulator: Simulator, client: Client, machine: Machine, name: str, *, locale: str = "") -> Any:
    """Create the VM that `machine` describes, power it on and return it.

    `locale` is the language of the device labels.
    """
    if machine.otherwise:
        return _with_other_values(simulator, client, machine, name)
    vm = make(client, machine.specification(client, name))
    if machine.interface_put_back:
        first = nics(vm)[0]
        remove = Device.VirtualDeviceSpec(operation="remove", device=first)
        result(vm.ReconfigVM_Task(vim.vm.ConfigSpec(deviceChange=[remove])))
        add = Device.VirtualDeviceSpec(operation="add", device=_interface(client, machine.interfaces[0]))
        result(vm.ReconfigVM_Task(vim.vm.ConfigSpec(deviceChange=[add])))
    if locale:
        simulator.localize(name, locale)
    result(vm.PowerOn())
    return vm


def _with_other_values(simulator: Simulator, client: Client, machine: Machine, name: str) -> Any:
    """Return a clone of the described VM, because the simulator can change these values only in a clone."""
    original = f"{name}-as-specified"
    vm = made(simulator, client, replace(machine, otherwise={}), original)
    for path, value in machine.otherwise.items():
        simulator.clone_differs(path, value, vm=original)
    return clone(vm, name)


def _kind(bus: Bus) -> Kind:
    if bus.type == "sata":
        return "sata"
    return "nvme" if bus.type == "nvme" else "scsi"


def _disk(given: VirtualDisk) -> Any:
    io = (given.io.limit, given.io.reservation, given.io.level, given.io.number) if given.io else None
    return disk(given.at.key, given.at.unit, given.size, io=io, **given.backing)


def _drive(backing: str) -> Any:
    match backing:
        case "client":
            return Device.VirtualCdrom.RemoteAtapiBackingInfo(deviceName="", useAutoDetect=False)
        case "iso":
            return Device.VirtualCdrom.IsoBackingInfo(fileName="[LocalDS_0] iso/seed.iso")
        case "passthrough":
            return Device.VirtualCdrom.RemotePassthroughBackingInfo(deviceName="", exclusive=False)
    return Device.VirtualCdrom.AtapiBackingInfo(deviceName="/dev/cdrom")


def _interface(client: Client, given: Interface) -> Any:
    card = nic(_ADAPTERS[given.adapter], _network(client, given.network))
    card.resourceAllocation = Device.VirtualEthernetCard.ResourceAllocation(
        limit=given.bandwidth.limit,
        reservation=given.bandwidth.reservation,
        share=vim.SharesInfo(level=given.bandwidth.level, shares=given.bandwidth.number),
    )
    return card


def _network(client: Client, name: str) -> Any:
    network: Any = client.find(f"network/{name}")
    kind = type(network)
    card = Device.VirtualEthernetCard
    if kind is vim.dvs.DistributedVirtualPortgroup:
        switch = network.config.distributedVirtualSwitch.uuid
        port = vim.dvs.PortConnection(portgroupKey=network.key, switchUuid=switch)
        return card.DistributedVirtualPortBackingInfo(port=port)
    if kind is vim.OpaqueNetwork:
        summary = network.summary
        return card.OpaqueNetworkBackingInfo(
            opaqueNetworkId=summary.opaqueNetworkId, opaqueNetworkType=summary.opaqueNetworkType
        )
    return card.NetworkBackingInfo(deviceName=name)
