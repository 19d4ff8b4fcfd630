"""The one thing that the stock provider cannot do: VirtualMachine.InstantClone_Task."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar, cast
from uuid import uuid4

from pyVmomi import vim
from pyVmomi.VmomiSupport import ManagedObject

from instant_clone.errors import CloneError, NotFoundError
from instant_clone.memo import Memo
from instant_clone.vcenter.clone_source import (
    BackingInfo,
    CloneSource,
    find_source,
    network_backing,
    on_the_way_to_the_root,
    properties,
)
from instant_clone.vcenter.faults import vcenter_errors
from instant_clone.vcenter.guest_network import GuestNetworkWait, wait_for_guest_network
from instant_clone.vcenter.properties import inventory_path
from instant_clone.vcenter.session import Session
from instant_clone.vcenter.tasks import TaskTimeoutError, wait_for

__all__ = ["Clone", "CloneRequest", "Cloner", "HotChanges", "InterfaceEdit"]

Object = TypeVar("Object", bound=ManagedObject)
_DESTROY_SECONDS = 300
_CHANGE_SECONDS = 300


@dataclass(frozen=True)
class InterfaceEdit:
    """How one network interface of a clone differs from its source's, which `key` names."""

    key: int
    network_id: str
    """managed object id"""
    mac_address: str | None = None
    """None: vCenter generates one"""


@dataclass(frozen=True)
class HotChanges:
    """Settings of a clone that differ from its source's, and that vSphere changes while it runs; None: no change."""

    annotation: str | None = None
    num_cpus: int | None = None
    memory: int | None = None
    """MB"""

    def specification(self) -> vim.vm.ConfigSpec | None:
        """What ReconfigVM_Task takes, if there is anything to change."""
        given = {"annotation": self.annotation, "numCPUs": self.num_cpus, "memoryMB": self.memory}
        changed = {name: value for name, value in given.items() if value is not None}
        return vim.vm.ConfigSpec(**changed) if changed else None


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
        return self._sources.get(uuid, lambda: find_source(self._session, uuid))

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
                result = wait_for(source.machine.InstantClone_Task(specification), seconds=60 * request.timeout)
            except TaskTimeoutError:
                raise CloneError(
                    f"The clone {path} was not ready after {request.timeout:g} minutes (instantclone.timeout). vCenter "
                    f"may still finish it, with the UUID {uuid}: remove it there before the next apply."
                ) from None
            return Clone(cast(vim.VirtualMachine, result), uuid, path)

    def change(self, clone: Clone, changes: HotChanges) -> None:
        """Makes all changes to a running clone at once: the stock provider would take ten seconds for it."""
        specification = changes.specification()
        if specification is None:
            return
        with vcenter_errors(self._session.server, doing=f"changing {clone.inventory_path}"):
            try:
                wait_for(clone.machine.ReconfigVM_Task(specification), seconds=_CHANGE_SECONDS)
            except TaskTimeoutError:
                raise CloneError(f"Not done after {_CHANGE_SECONDS} seconds.") from None

    def wait_for_network(self, clone: Clone, wait: GuestNetworkWait, *, stopped: Callable[[], bool]) -> bool:
        """Waits until the guest reports what `wait` asks for; False if it does not in time, or `stopped()` says so."""
        with vcenter_errors(self._session.server, doing=f"waiting for the network of {clone.inventory_path}"):
            return wait_for_guest_network(clone.machine, wait, stopped=stopped)

    def member_of_cluster(self, source: CloneSource, cluster_id: str) -> str:
        """The datastore of that datastore cluster that holds the source's disks, by its managed object id.

        A clone's disks are deltas on its source's, and Storage DRS recommends no place for instant clones. Of several
        such datastores it is the first disk's. Raises CloneError if there is none.
        """
        with vcenter_errors(self._session.server, doing=f"reading the datastore cluster {cluster_id}"):
            pod = self._object(vim.StoragePod, cluster_id)
            values = properties(self._session, pod, "name", "childEntity")
        members = {datastore._moId for datastore in values.get("childEntity") or ()}
        found = next((datastore for datastore in source.disk_datastores if datastore in members), None)
        if found is None:
            raise CloneError(
                f"No datastore of the cluster {values['name']} holds a disk of {source.inventory_path}. An instant "
                "clone's disks stay on its source's datastores: name their cluster, or their datastore."
            )
        return found

    def destroy(self, clone: Clone) -> None:
        """Removes a clone that cannot be handed to Terraform."""
        with vcenter_errors(self._session.server, doing=f"removing {clone.inventory_path}"):
            try:
                if clone.machine.runtime.powerState == vim.VirtualMachine.PowerState.poweredOn:
                    wait_for(clone.machine.PowerOffVM_Task(), seconds=_DESTROY_SECONDS)
                wait_for(clone.machine.Destroy_Task(), seconds=_DESTROY_SECONDS)
            except TaskTimeoutError:
                raise CloneError(f"Not done after {_DESTROY_SECONDS} seconds.") from None

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
        objects = on_the_way_to_the_root(self._session, pool)
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
        return self._backings.get(network_id, lambda: network_backing(self._session, networks[network_id]))()

    def _host_networks(self, host: vim.HostSystem) -> Mapping[str, vim.Network]:
        return {network._moId: network for network in properties(self._session, host, "network")["network"]}

    def _index(self) -> vim.SearchIndex:
        return cast(vim.SearchIndex, self._session.content.searchIndex)

    def _object(self, kind: type[Object], identifier: str) -> Object:
        return kind(identifier, self._session.service_instance._GetStub())


def _escaped(name: str) -> str:
    """A name as vSphere has it in its inventory, where percent sign, slash and backslash are %25, %2f and %5c."""
    return name.replace("%", "%25").replace("/", "%2f").replace("\\", "%5c")
