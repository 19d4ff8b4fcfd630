# SPDX-License-Identifier: MPL-2.0
"""The specifications of clones: the arguments of InstantClone_Task, and of ReconfigVM_Task for hot changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from threading import Condition
from typing import Any, NamedTuple, TypeVar, cast

from cachetools import cachedmethod
from pyVmomi import vim, vmodl
from pyVmomi.VmomiSupport import ManagedObject

from instant_clone.errors import CloneError, Finding, NotFoundError
from instant_clone.inventory_names import stored_name
from instant_clone.vcenter.cloning.live_vm import BackingInfo, LiveVm, ancestors_of, network_backing
from instant_clone.vcenter.observation.source_host import SourceHost, read_host
from instant_clone.vcenter.session.connection import Session, read_properties
from instant_clone.vcenter.session.properties import ReadObject

__all__ = ["CloneRequest", "HotChanges", "InterfaceEdit", "Placing"]

PropertySpec = vmodl.query.PropertyCollector.PropertySpec
Object = TypeVar("Object", bound=ManagedObject)


@dataclass(frozen=True)
class InterfaceEdit:
    """The network and MAC address of a clone's network interface. `key` is the device key on the source."""

    key: int
    network_id: str
    """managed object id"""
    mac_address: str | None = None
    """None: vCenter generates an address"""


@dataclass(frozen=True)
class CloneRequest:
    """The parameters of a clone. Ids are managed object ids. `folder` is relative to the datacenter's VM folder."""

    name: str
    resource_pool_id: str
    folder: str
    datastore_id: str | None
    """None: the source's datastore"""
    interfaces: tuple[InterfaceEdit, ...]
    extra_config: Mapping[str, str]
    timeout: float
    """minutes"""


@dataclass(frozen=True)
class HotChanges:
    """Settings that differ from the source and that vSphere can change on a running clone. None means no change."""

    annotation: str | None = None
    num_cpus: int | None = None
    memory: int | None = None
    """MB"""

    def specification(self) -> vim.vm.ConfigSpec | None:
        """Return the argument of ReconfigVM_Task, or None if no setting changes."""
        given = {"annotation": self.annotation, "numCPUs": self.num_cpus, "memoryMB": self.memory}
        changed = {name: value for name, value in given.items() if value is not None}
        return vim.vm.ConfigSpec(**changed) if changed else None


class Place(NamedTuple):
    """The place of a clone in the inventory of VMs."""

    folder: vim.Folder
    """the folder in the request; vCenter does not use it for a clone in a vApp"""
    container: vim.Folder | vim.VirtualApp
    """the object that lists the clone: the folder, or the vApp that is the clone's resource pool"""
    path: str
    """inventory path of `container`"""


class Placing:
    """Resolve clone requests to cached folders, hosts and networks of one vCenter. The class is thread-safe."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._places: dict[Any, Place] = {}
        self._hosts: dict[Any, SourceHost] = {}
        self._backings: dict[Any, Callable[[], BackingInfo]] = {}
        self._reading = Condition()

    @cachedmethod(
        attrgetter("_places"),
        key=lambda _, request: (request.resource_pool_id, request.folder),
        condition=attrgetter("_reading"),
    )
    def place(self, request: CloneRequest) -> Place:
        """Return the place of a clone.

        Raises:
            NotFoundError: The folder does not exist, or the datacenter of the resource pool is not readable.
            CloneError: The resource pool is in a vApp, or is a vApp whose folder is not readable.
        """
        pool = self.object(vim.ResourcePool, request.resource_pool_id)
        names = PropertySpec(type=vim.ResourcePool, pathSet=["name"])
        objects = ancestors_of(self._session, pool, names)
        datacenter = next((found for found in objects.values() if isinstance(found.object, vim.Datacenter)), None)
        if datacenter is None:
            raise NotFoundError(
                f"Resource pool {pool._moId}: its datacenter cannot be read. Ask for System.Read on the datacenter."
            )
        parts = [part for part in request.folder.split("/") if part]
        path = "/".join([datacenter.path or "", "vm", *parts])
        folder = self._session.search_index.FindByInventoryPath(path.lstrip("/"))
        if not isinstance(folder, vim.Folder):
            raise NotFoundError(f"Folder {path}: not found in vCenter. Create the folder, or set create_folder.")
        app = _vapp(objects, pool)
        if app is None:
            return Place(folder, folder, path)
        return Place(folder, cast(vim.VirtualApp, app.object), app.path or "")

    @cachedmethod(attrgetter("_hosts"), key=lambda _, source: source.host._moId, condition=attrgetter("_reading"))
    def host(self, source: LiveVm) -> SourceHost:
        """Return the host of a source. The method sends one request per host."""
        return read_host(self._session, source.host)

    def specification(self, source: LiveVm, request: CloneRequest, uuid: str) -> tuple[vim.vm.InstantCloneSpec, str]:
        """Return the clone specification and the future inventory path of the clone.

        `uuid` becomes the BIOS UUID of the clone.

        Raises:
            NotFoundError: See `place`.
            CloneError: See `place`. The source lacks a network interface, or the source's host lacks a network.
        """
        place = self.place(request)
        location = vim.vm.RelocateSpec(
            folder=place.folder,
            pool=self.object(vim.ResourcePool, request.resource_pool_id),
            deviceChange=[self._edit(source, interface) for interface in request.interfaces],
        )
        if request.datastore_id is not None:
            location.datastore = self.object(vim.Datastore, request.datastore_id)
        specification = vim.vm.InstantCloneSpec(
            name=request.name,
            location=location,
            biosUuid=uuid,
            config=[vim.option.OptionValue(key=key, value=value) for key, value in request.extra_config.items()],
        )
        return specification, f"{place.path}/{stored_name(request.name)}"

    def _edit(self, source: LiveVm, interface: InterfaceEdit) -> vim.vm.device.VirtualDeviceSpec:
        card = source.cards.get(interface.key)
        if card is None:
            raise CloneError(
                f"{source.inventory_path}: the network interface with the key {interface.key} no longer exists."
            )
        # Create a new card for the edit, because the edit must not repeat the source's MAC address and port.
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

    def _backing(self, source: LiveVm, network_id: str) -> BackingInfo:
        networks = self.host(source).networks
        if network_id not in networks:
            raise CloneError(
                f"Network {network_id}: the host of {source.inventory_path} does not have this network. A clone starts "
                "on the host of its source. Use a network of that host."
            )
        return self._backing_of(networks[network_id])()

    @cachedmethod(attrgetter("_backings"), key=lambda _, network: network._moId, condition=attrgetter("_reading"))
    def _backing_of(self, network: vim.Network) -> Callable[[], BackingInfo]:
        return network_backing(self._session, network)

    def member_of_cluster(self, source: LiveVm, cluster_id: str) -> str:
        """Return the managed object id of the datastore in a datastore cluster that holds the source's disks.

        A clone's disks are delta disks of its source's disks, and Storage DRS has no recommendations for instant
        clones. If several datastores of the cluster hold disks of the source, return the datastore of the first disk.

        Raises:
            CloneError: No datastore of the cluster holds a disk of the source.
        """
        values = read_properties(self._session, self.object(vim.StoragePod, cluster_id), "name", "childEntity")
        members = {datastore._moId for datastore in values.get("childEntity") or ()}
        found = next((datastore for datastore in source.disk_datastores if datastore in members), None)
        if found is None:
            raise CloneError(
                f"Datastore cluster {values['name']}: none of its datastores holds a disk of {source.inventory_path}. "
                "The disks of an instant clone stay on the datastores of its source. Use the cluster or the datastore "
                "of the source's disks."
            )
        return found

    def object(self, kind: type[Object], identifier: str) -> Object:
        """Return the managed object with the id `identifier`, without a request."""
        return kind(identifier, self._session.service_instance._GetStub())


def _vapp(objects: Mapping[str, ReadObject], pool: vim.ResourcePool) -> ReadObject | None:
    """Return the pool if it is a vApp, or None. `objects` are the pool and its parents.

    The stock provider imports a VM by its inventory path. govmomi (list/lister.go, ListVirtualApp) finds there only
    the VMs that the vApp lists, and a VM in a pool in a vApp is listed by this pool.

    Raises:
        CloneError: A parent of the pool is a vApp, or the pool is a vApp whose folder is not readable.
    """
    app = next((found for found in objects.values() if isinstance(found.object, vim.VirtualApp)), None)
    if app is None:
        return None
    own = objects[pool._moId]
    if not isinstance(own.object, vim.VirtualApp):
        problem = (
            f"is in the vApp {app.properties.get('name', app.id)}, where the stock provider does not find a clone."
        )
        cure = "Use a resource pool outside of vApps, or the vApp itself."
    elif own.path is None:
        problem, cure = "is a vApp whose folder cannot be read.", "Ask for System.Read on the folders of the vApp."
    else:
        return own
    name = own.properties.get("name", "")
    raise CloneError(
        Finding(f"Resource pool {name} ({pool._moId})", problem, cure),
        summary="Invalid resource_pool_id",
        argument="resource_pool_id",
    )
