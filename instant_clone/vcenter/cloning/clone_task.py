# SPDX-License-Identifier: MPL-2.0
"""The one thing that the stock provider cannot do: VirtualMachine.InstantClone_Task."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from threading import Condition
from typing import Any, cast
from uuid import uuid4

from cachetools import TTLCache, cachedmethod
from pyVmomi import vim, vmodl

from instant_clone.errors import CloneError, Finding, NotFoundError
from instant_clone.inventory_names import stored_name
from instant_clone.vcenter.cloning.clone_faults import clone_error
from instant_clone.vcenter.cloning.clone_spec import CloneRequest, InterfaceEdit, Placing
from instant_clone.vcenter.cloning.dry_run import (
    DryRun,
    Namesake,
    dry_run,
    names_in,
    namesake,
    require_fitting_pool,
    require_host_datastore,
)
from instant_clone.vcenter.cloning.guest_network import GuestNetworkWait, addresses_of, guest_of, wait_for_guest_network
from instant_clone.vcenter.cloning.live_vm import LiveVm, find_vm
from instant_clone.vcenter.cloning.lost_task import is_cloning, look_again
from instant_clone.vcenter.lookup.identity import IdentifiedVm, moids_by_uuid, vms_with_uuid
from instant_clone.vcenter.session.busy_retry import BusyError, Turns, WaitedTooLongError
from instant_clone.vcenter.session.connection import Session, read_properties
from instant_clone.vcenter.session.faults import vcenter_errors
from instant_clone.vcenter.session.tasks import LOST_CONNECTION, TaskTimeoutError, wait_for

__all__ = ["Clone", "CloneRequest", "Cloner", "HotChanges", "InterfaceEdit", "clones_at_once"]

PARALLELISM_VARIABLE = "INSTANT_CLONE_PARALLELISM"
CLONES_AT_ONCE = 8
"""of one source: as many as Terraform's ten operations gain anything from, measured on the simulator"""
_SOURCE_SECONDS = 60
"""for which a source is taken to stay as it was read"""
_DESTROY_SECONDS = 300
_CHANGE_SECONDS = 300


def clones_at_once(environ: Mapping[str, str]) -> int:
    """How many clones of one source are made at a time, as INSTANT_CLONE_PARALLELISM says. Raises CloneError."""
    written = environ.get(PARALLELISM_VARIABLE) or str(CLONES_AT_ONCE)
    if not (written.isascii() and written.isdigit() and int(written) > 0):
        what = f"{PARALLELISM_VARIABLE} is {written!r}, which is no number of clones."
        raise CloneError(
            Finding("", what, f"Write one from 1 on, or unset it: {CLONES_AT_ONCE} is usual."),
            summary=f"{PARALLELISM_VARIABLE} is wrong",
        )
    return int(written)


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
class Clone:
    """A clone that was made."""

    machine: vim.VirtualMachine
    uuid: str
    inventory_path: str


class Cloner:
    """Clones the VMs of one vCenter. Safe for several threads; what it has looked up once it keeps for its life.

    All its methods raise VcenterError or one of its kinds.
    """

    def __init__(self, session: Session, *, at_once: int = CLONES_AT_ONCE) -> None:
        """`at_once` clones of one source are made at a time; the others wait for their turns."""
        self._session = session
        self._turns = Turns(at_once)
        self._placing = Placing(session)
        self._sources: TTLCache[Any, LiveVm] = TTLCache(maxsize=math.inf, ttl=_SOURCE_SECONDS)
        self._names: dict[Any, Mapping[str, vim.VirtualMachine]] = {}
        self._reading = Condition()

    @cachedmethod(attrgetter("_sources"), condition=attrgetter("_reading"))
    def live_vm(self, uuid: str) -> LiveVm:
        """Return the VM with that BIOS UUID, as it was read within the last minute.

        In a long apply it may move to another host, or be powered off. Raises NotFoundError if there is no such VM,
        CloneError if there are several.
        """
        return find_vm(self._session, uuid)

    def clone(self, source: LiveVm, request: CloneRequest, *, stopped: Callable[[], bool]) -> Clone:
        """Makes one clone, and returns once it runs.

        `stopped()` is asked before the task is started; one that is under way is always waited for, because a clone
        that exists must reach Terraform's state. While vCenter is busy with the source, it is asked again until
        `request.timeout` has passed; when the connection breaks, the clone is looked for.
        """
        # An identifier of our choice, known before the clone exists.
        uuid = str(uuid4())
        seconds = 60 * request.timeout
        with vcenter_errors(self._session.server, doing=f"cloning {source.inventory_path} as {request.name}"):
            specification, path = self._placing.specification(source, request, uuid)

            def start() -> vim.VirtualMachine:
                if stopped():
                    raise CloneError(f"Stopped before the clone {path} was started. Apply again to make it.")
                task = source.machine.InstantClone_Task(specification)
                try:
                    return cast(vim.VirtualMachine, wait_for(task, seconds=seconds))
                except vim.fault.TaskInProgress:
                    raise BusyError from None

            try:
                machine = self._turns.take(source.machine._moId, start, seconds=seconds)
            except TaskTimeoutError:
                raise CloneError(
                    f"The clone {path} was not ready after {request.timeout:g} minutes (instantclone.timeout). vCenter "
                    f"may still finish it, with the UUID {uuid}. Apply again: it is taken over if it carries the mark "
                    "of this state, and if not, its name is told to be taken, with what to do.",
                    argument="instantclone.timeout",
                ) from None
            except WaitedTooLongError:
                raise CloneError(
                    f"vCenter was busy with {source.inventory_path} for {request.timeout:g} minutes "
                    "(instantclone.timeout, TaskInProgress). Apply again, raise the time-out, or spread the fleet over "
                    "several sources.",
                    argument="instantclone.source_uuid",
                ) from None
            except (*LOST_CONNECTION, vmodl.fault.ManagedObjectNotFound):
                found = look_again(self._session, source, uuid, seconds=seconds)
                if found is None:
                    raise
                machine = found
            except vmodl.MethodFault as fault:
                told = clone_error(fault, server=self._session.server, source=source.inventory_path, clone=request.name)
                if told is None:
                    raise
                raise told from fault
            return Clone(machine, uuid, path)

    def is_cloning(self, source: LiveVm) -> bool:
        """Whether vCenter is making a clone of that source, for whomever."""
        with vcenter_errors(self._session.server, doing=f"reading the tasks of {source.inventory_path}"):
            return is_cloning(self._session, source)

    def occupant(self, request: CloneRequest) -> tuple[Clone, Namesake] | None:
        """The VM that has the name of that clone in its folder at this moment."""
        with vcenter_errors(self._session.server, doing=f"looking for a VM named {request.name}"):
            _, folder_path = self._placing.folder(request)
            path = f"{folder_path}/{stored_name(request.name)}"
            machine = self._placing.index().FindByInventoryPath(path.lstrip("/"))
            found = namesake(self._session, machine) if isinstance(machine, vim.VirtualMachine) else None
            if found is None:
                return None
            return Clone(cast(vim.VirtualMachine, machine), found.uuid, path), found

    def exists(self, clone: Clone) -> bool:
        """Whether that VM is still in the inventory."""
        with vcenter_errors(self._session.server, doing=f"looking for {clone.inventory_path}"):
            return namesake(self._session, clone.machine) is not None

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

    def guest_addresses(self, source: LiveVm, interfaces: Collection[int]) -> tuple[str, ...]:
        """What the guest of a source reports for the network interfaces with these device keys, at this moment."""
        with vcenter_errors(self._session.server, doing=f"reading the addresses of {source.inventory_path}"):
            return addresses_of(guest_of(source.machine), interfaces)

    def member_of_cluster(self, source: LiveVm, cluster_id: str) -> str:
        """The datastore of that datastore cluster that holds the source's disks, by its managed object id.

        A clone's disks are deltas on its source's, and Storage DRS recommends no place for instant clones. Of several
        such datastores it is the first disk's. Raises CloneError if there is none.
        """
        with vcenter_errors(self._session.server, doing=f"reading the datastore cluster {cluster_id}"):
            pod = self._placing.object(vim.StoragePod, cluster_id)
            values = read_properties(self._session, pod, "name", "childEntity")
        members = {datastore._moId for datastore in values.get("childEntity") or ()}
        found = next((datastore for datastore in source.disk_datastores if datastore in members), None)
        if found is None:
            raise CloneError(
                f"No datastore of the cluster {values['name']} holds a disk of {source.inventory_path}. An instant "
                "clone's disks stay on its source's datastores: name their cluster, or their datastore."
            )
        return found

    def vms_with_uuid(self, uuid: str) -> tuple[IdentifiedVm, ...]:
        """Return all VMs and templates that have this BIOS UUID at this moment."""
        with vcenter_errors(self._session.server, doing=f"looking for the VMs with the UUID {uuid}"):
            return vms_with_uuid(self._session, uuid)

    def moids_by_uuid(self) -> Mapping[str, Sequence[str]]:
        """Return the managed object ids of all VMs and templates by their BIOS UUID, in lower case."""
        with vcenter_errors(self._session.server, doing="reading the UUIDs of all VMs"):
            return moids_by_uuid(self._session)

    def is_vm_at(self, path: str) -> bool:
        """Return whether there is a VM at exactly this inventory path."""
        with vcenter_errors(self._session.server, doing=f"looking for {path}"):
            return isinstance(self._placing.index().FindByInventoryPath(path.lstrip("/")), vim.VirtualMachine)

    def deltas(self, moid: str) -> frozenset[str]:
        """Return the UUIDs of those disks of a VM that have a parent, by its managed object id.

        Raises NotFoundError if it is gone: no disk would seem to be a delta.
        """
        with vcenter_errors(self._session.server, doing=f"reading the disks of {moid}"):
            machine = self._placing.object(vim.VirtualMachine, moid)
            values = read_properties(self._session, machine, "config.hardware.device")
        backings = [getattr(device, "backing", None) for device in values.get("config.hardware.device") or ()]
        return frozenset(
            str(getattr(backing, "uuid", "")) for backing in backings if getattr(backing, "parent", None) is not None
        )

    def destroy(self, clone: Clone) -> None:
        """Removes a clone that cannot be handed to Terraform."""
        with vcenter_errors(self._session.server, doing=f"removing {clone.inventory_path}"):
            try:
                if clone.machine.runtime.powerState == vim.VirtualMachine.PowerState.poweredOn:
                    wait_for(clone.machine.PowerOffVM_Task(), seconds=_DESTROY_SECONDS)
                wait_for(clone.machine.Destroy_Task(), seconds=_DESTROY_SECONDS)
            except TaskTimeoutError:
                raise CloneError(f"Not done after {_DESTROY_SECONDS} seconds.") from None

    def check(self, source: LiveVm, request: CloneRequest) -> DryRun:
        """Return what vCenter finds about such a clone; nothing is made.

        The dry run gets the specification that `clone` uses, without the datastore: vCenter's check does not take it.
        Raises CloneError or NotFoundError for what need not be asked: a pool of another cluster, a datastore or a
        network that the host lacks.
        """
        with vcenter_errors(self._session.server, doing=f"checking a clone of {source.inventory_path}"):
            host = self._placing.host(source)
            pool = self._placing.object(vim.ResourcePool, request.resource_pool_id)
            require_fitting_pool(self._session, source, host, pool)
            if request.datastore_id is not None:
                datastore = self._placing.object(vim.Datastore, request.datastore_id)
                require_host_datastore(self._session, source, host, datastore)
            unplaced = replace(request, datastore_id=None)
            specification, _ = self._placing.specification(source, unplaced, str(uuid4()))
            return dry_run(self._session, source, specification)

    def has_folder(self, request: CloneRequest) -> bool:
        """Whether the folder of that clone is there."""
        with vcenter_errors(self._session.server, doing=f"looking for the folder {request.folder}"):
            try:
                self._placing.folder(request)
            except NotFoundError:
                return False
        return True

    def namesake(self, request: CloneRequest) -> tuple[str, Namesake] | None:
        """The VM that has the name of that clone in its folder, and its inventory path.

        The names in a folder are read once: this is for plans, which change nothing.
        """
        with vcenter_errors(self._session.server, doing=f"looking for a VM named {request.name}"):
            folder, path = self._placing.folder(request)
            machine = self._names_in(folder).get(stored_name(request.name).upper())
            found = namesake(self._session, machine) if machine is not None else None
        return (f"{path}/{stored_name(request.name)}", found) if found else None

    @cachedmethod(attrgetter("_names"), key=lambda _, folder: folder._moId, condition=attrgetter("_reading"))
    def _names_in(self, folder: vim.Folder) -> Mapping[str, vim.VirtualMachine]:
        return names_in(self._session, folder)
