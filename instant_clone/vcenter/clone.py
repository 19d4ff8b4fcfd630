"""The one thing that the stock provider cannot do: VirtualMachine.InstantClone_Task."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, cast
from uuid import uuid4

from pyVmomi import vim, vmodl
from pyVmomi.VmomiSupport import ManagedObject

from instant_clone.errors import CloneError, NotFoundError
from instant_clone.memo import Memo
from instant_clone.vcenter.faults import vcenter_errors
from instant_clone.vcenter.properties import (
    PATH_PROPERTIES,
    TO_THE_ROOT,
    VM_PATH_PROPERTIES,
    ReadObject,
    inventory_path,
    retrieve,
)
from instant_clone.vcenter.session import Session
from instant_clone.vcenter.tasks import TaskTimeoutError, wait_for

__all__ = ["Clone", "CloneRequest", "CloneSource", "Cloner", "InterfaceEdit"]

PropertySpec = vmodl.query.PropertyCollector.PropertySpec
VirtualEthernetCard = vim.vm.device.VirtualEthernetCard
BackingInfo = vim.vm.device.VirtualDevice.BackingInfo
Object = TypeVar("Object", bound=ManagedObject)
_DESTROY_SECONDS = 300
_SOURCE_PROPERTIES = (
    *VM_PATH_PROPERTIES,
    "runtime.powerState",
    "runtime.host",
    "config.template",
    "config.hardware.device",
    "config.extraConfig",
)


@dataclass(frozen=True)
class CloneSource:
    """What cloning needs to know of a VM, all of it from one look."""

    machine: vim.VirtualMachine
    inventory_path: str
    host: vim.HostSystem
    powered_on: bool
    template: bool
    cards: Mapping[int, VirtualEthernetCard]
    """by device key"""
    tpm_count: int
    extra_config: Mapping[str, str]


@dataclass(frozen=True)
class InterfaceEdit:
    """How one network interface of a clone differs from its source's, which `key` names."""

    key: int
    network_id: str
    """managed object id"""
    mac_address: str | None = None
    """None: vCenter generates one"""


@dataclass(frozen=True)
class CloneRequest:
    """A clone that is wanted. Ids are managed object ids; `folder` is relative to the datacenter's VM folder."""

    name: str
    resource_pool_id: str
    folder: str
    datastore_id: str | None
    """None: the source's"""
    interfaces: tuple[InterfaceEdit, ...]
    extra_config: Mapping[str, str]
    timeout: float
    """minutes"""


@dataclass(frozen=True)
class Clone:
    """A clone that was made."""

    machine: vim.VirtualMachine
    uuid: str
    inventory_path: str


class Cloner:
    """Clones the VMs of one vCenter. Safe for several threads; what it has looked up once it keeps for its life.

    All its methods raise VcenterError or one of its kinds.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._sources: Memo[str, CloneSource] = Memo()
        self._folders: Memo[tuple[str, str], tuple[vim.Folder, str]] = Memo()
        self._networks: Memo[str, Mapping[str, vim.Network]] = Memo()
        self._backings: Memo[str, Callable[[], BackingInfo]] = Memo()

    def source(self, uuid: str) -> CloneSource:
        """The VM with that BIOS UUID. Raises NotFoundError if there is none, CloneError if there are several."""
        return self._sources.get(uuid, lambda: self._find(uuid))

    def clone(self, source: CloneSource, request: CloneRequest, *, stopped: Callable[[], bool]) -> Clone:
        """Makes one clone, and returns once it runs.

        `stopped()` is asked before the task is started; one that is under way is always waited for, because a clone
        that exists must reach Terraform's state.
        """
        with vcenter_errors(self._session.server, doing=f"cloning {source.inventory_path} as {request.name}"):
            folder, folder_path = self._folders.get(
                (request.resource_pool_id, request.folder), lambda: self._find_folder(request)
            )
            path = f"{folder_path}/{_escaped(request.name)}"
            # An identifier of our choice, known before the clone exists.
            uuid = str(uuid4())
            specification = self._specification(source, request, folder, uuid)
            if stopped():
                raise CloneError(f"Stopped before the clone {path} was started. Apply again to make it.")
            try:
                machine = wait_for(source.machine.InstantClone_Task(specification), seconds=60 * request.timeout)
            except TaskTimeoutError:
                raise CloneError(
                    f"The clone {path} was not ready after {request.timeout:g} minutes (instantclone.timeout). vCenter "
                    f"may still finish it, with the UUID {uuid}: remove it there before the next apply."
                ) from None
            return Clone(cast(vim.VirtualMachine, machine), uuid, path)

    def destroy(self, clone: Clone) -> None:
        """Removes a clone that cannot be handed to Terraform."""
        with vcenter_errors(self._session.server, doing=f"removing {clone.inventory_path}"):
            try:
                if clone.machine.runtime.powerState == vim.VirtualMachine.PowerState.poweredOn:
                    wait_for(clone.machine.PowerOffVM_Task(), seconds=_DESTROY_SECONDS)
                wait_for(clone.machine.Destroy_Task(), seconds=_DESTROY_SECONDS)
            except TaskTimeoutError:
                raise CloneError(f"Not done after {_DESTROY_SECONDS} seconds.") from None

    def _find(self, uuid: str) -> CloneSource:
        with vcenter_errors(self._session.server, doing=f"looking up the VM with the UUID {uuid}"):
            found = self._index().FindAllByUuid(None, uuid, True, False) or []
            if not found:
                raise NotFoundError(
                    f"{self._session.server} has no virtual machine with the UUID {uuid}. Check that the source still "
                    "exists, and that its record is of this vCenter ('instant-clone record' makes it anew)."
                )
            sources = [self._read_source(cast(vim.VirtualMachine, machine)) for machine in found]
            if len(sources) > 1:
                paths = ", ".join(sorted(source.inventory_path for source in sources))
                raise CloneError(f"The UUID {uuid} belongs to several virtual machines: {paths}. Change all but one.")
            return sources[0]

    def _read_source(self, machine: vim.VirtualMachine) -> CloneSource:
        objects = self._retrieve(machine, PropertySpec(type=vim.VirtualMachine, pathSet=list(_SOURCE_PROPERTIES)))
        values = next(found.properties for found in objects if found.id == machine._moId)
        devices = values["config.hardware.device"]
        return CloneSource(
            machine=machine,
            inventory_path=inventory_path(machine, objects) or machine._moId,
            host=values["runtime.host"],
            powered_on=values["runtime.powerState"] == vim.VirtualMachine.PowerState.poweredOn,
            template=values["config.template"],
            cards={device.key: device for device in devices if isinstance(device, VirtualEthernetCard)},
            tpm_count=sum(isinstance(device, vim.vm.device.VirtualTPM) for device in devices),
            extra_config={option.key: str(option.value) for option in values.get("config.extraConfig") or ()},
        )

    def _specification(
        self, source: CloneSource, request: CloneRequest, folder: vim.Folder, uuid: str
    ) -> vim.vm.InstantCloneSpec:
        location = vim.vm.RelocateSpec(
            folder=folder,
            pool=self._object(vim.ResourcePool, request.resource_pool_id),
            deviceChange=[self._edit(source, interface) for interface in request.interfaces],
        )
        if request.datastore_id is not None:
            location.datastore = self._object(vim.Datastore, request.datastore_id)
        return vim.vm.InstantCloneSpec(
            name=request.name,
            location=location,
            biosUuid=uuid,
            config=[vim.option.OptionValue(key=key, value=value) for key, value in request.extra_config.items()],
        )

    def _find_folder(self, request: CloneRequest) -> tuple[vim.Folder, str]:
        """The folder and its inventory path."""
        pool = self._object(vim.ResourcePool, request.resource_pool_id)
        objects = self._retrieve(pool)
        datacenter = next((found.object for found in objects if isinstance(found.object, vim.Datacenter)), None)
        if datacenter is None:
            raise NotFoundError(f"The datacenter of the resource pool {pool._moId} cannot be read.")
        parts = [part for part in request.folder.split("/") if part]
        path = "/".join([inventory_path(datacenter, objects) or "", "vm", *parts])
        folder = self._index().FindByInventoryPath(path.lstrip("/"))
        if not isinstance(folder, vim.Folder):
            raise NotFoundError(f"vCenter has no folder {path}. Make it, or let the stack own it (create_folder).")
        return folder, path

    def _edit(self, source: CloneSource, interface: InterfaceEdit) -> vim.vm.device.VirtualDeviceSpec:
        card = source.cards.get(interface.key)
        if card is None:
            raise CloneError(f"{source.inventory_path} has no network interface with the key {interface.key} any more.")
        # A new card with what an edit may say: the source's address and port must not be repeated.
        edited = type(card)(
            key=card.key,
            controllerKey=card.controllerKey,
            unitNumber=card.unitNumber,
            backing=self._backing(source, interface.network_id),
            connectable=card.connectable,
            wakeOnLanEnabled=card.wakeOnLanEnabled,
            resourceAllocation=card.resourceAllocation,
        )
        if interface.mac_address is not None:
            edited.addressType, edited.macAddress = "manual", interface.mac_address
        return vim.vm.device.VirtualDeviceSpec(operation="edit", device=edited)

    def _backing(self, source: CloneSource, network_id: str) -> BackingInfo:
        networks = self._networks.get(source.host._moId, lambda: self._host_networks(source.host))
        if network_id not in networks:
            raise CloneError(
                f"The host of {source.inventory_path} has no network {network_id}. A clone starts on its source's "
                "host: name a network of that host."
            )
        return self._backings.get(network_id, lambda: self._read_backing(networks[network_id]))()

    def _host_networks(self, host: vim.HostSystem) -> Mapping[str, vim.Network]:
        return {network._moId: network for network in self._properties(host, "network")["network"]}

    def _read_backing(self, network: vim.Network) -> Callable[[], BackingInfo]:
        if isinstance(network, vim.dvs.DistributedVirtualPortgroup):
            group = self._properties(network, "key", "config.distributedVirtualSwitch")
            switch = self._properties(group["config.distributedVirtualSwitch"], "uuid")
            return lambda: VirtualEthernetCard.DistributedVirtualPortBackingInfo(
                port=vim.dvs.PortConnection(portgroupKey=group["key"], switchUuid=switch["uuid"])
            )
        if isinstance(network, vim.OpaqueNetwork):
            summary = self._properties(network, "summary")["summary"]
            return lambda: VirtualEthernetCard.OpaqueNetworkBackingInfo(
                opaqueNetworkId=summary.opaqueNetworkId, opaqueNetworkType=summary.opaqueNetworkType
            )
        name = self._properties(network, "name")["name"]
        return lambda: VirtualEthernetCard.NetworkBackingInfo(deviceName=name, network=network)

    def _index(self) -> vim.SearchIndex:
        return cast(vim.SearchIndex, self._session.content.searchIndex)

    def _object(self, kind: type[Object], identifier: str) -> Object:
        return kind(identifier, self._session.service_instance._GetStub())

    def _properties(self, start: ManagedObject, *paths: str) -> Mapping[str, Any]:
        specification = PropertySpec(type=type(start), pathSet=list(paths))
        (found,) = retrieve(self._session.content.propertyCollector, start, [specification])
        return found.properties

    def _retrieve(self, start: ManagedObject, *properties: PropertySpec) -> list[ReadObject]:
        collector = self._session.content.propertyCollector
        return retrieve(collector, start, [*PATH_PROPERTIES, *properties], follow=TO_THE_ROOT)


def _escaped(name: str) -> str:
    """A name as vSphere has it in its inventory, where percent sign, slash and backslash are %25, %2f and %5c."""
    return name.replace("%", "%25").replace("/", "%2f").replace("\\", "%5c")
