# SPDX-License-Identifier: MPL-2.0
"""Calls of VirtualMachine.InstantClone_Task, which the stock provider does not support."""

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
from instant_clone.vcenter.cloning.clone_spec import CloneRequest, HotChanges, InterfaceEdit, Placing
from instant_clone.vcenter.cloning.disk_chains import DISK_LAYOUT, deltas_by_disk
from instant_clone.vcenter.cloning.dry_run import (
    DryRun,
    Namesake,
    dry_run,
    namesake,
    require_fitting_pool,
    require_host_datastore,
)
from instant_clone.vcenter.cloning.guest_network import GuestNetworkWait, addresses_of, guest_of, wait_for_guest_network
from instant_clone.vcenter.cloning.live_vm import LiveVm, ancestors_of, find_vm
from instant_clone.vcenter.cloning.lost_task import find_lost_clone, is_cloning
from instant_clone.vcenter.cloning.unsupported_disks import unsupported_disks
from instant_clone.vcenter.lookup.identity import IdentifiedVm, moids_by_uuid, vms_with_uuid
from instant_clone.vcenter.lookup.inventory import vms_in
from instant_clone.vcenter.session.busy_retry import BusyError, BusyRetry
from instant_clone.vcenter.session.connection import Session, read_properties
from instant_clone.vcenter.session.faults import find_cause, vcenter_errors
from instant_clone.vcenter.session.properties import VM_PATH_PROPERTIES
from instant_clone.vcenter.session.tasks import LOST_CONNECTION, TaskTimeoutError, wait_for

__all__ = ["Clone", "CloneRequest", "Cloner", "HotChanges", "InterfaceEdit", "clones_at_once"]

PropertySpec = vmodl.query.PropertyCollector.PropertySpec
PARALLELISM_VARIABLE = "INSTANT_CLONE_PARALLELISM"
CLONES_AT_ONCE = 8
"""the default per source; on the simulator, a higher limit does not speed up Terraform's ten operations"""
_SOURCE_SECONDS = 60
"""seconds for which the properties of a source are cached"""
_DESTROY_SECONDS = 300
_CHANGE_SECONDS = 300


def clones_at_once(environ: Mapping[str, str]) -> int:
    """Return the number of simultaneous clones of one source, from INSTANT_CLONE_PARALLELISM.

    Raises:
        CloneError: The value of the variable is not a positive integer.
    """
    written = environ.get(PARALLELISM_VARIABLE) or str(CLONES_AT_ONCE)
    if not (written.isascii() and written.isdigit() and int(written) > 0):
        what = f"must be a positive integer, not {written!r}."
        raise CloneError(
            Finding(
                PARALLELISM_VARIABLE, what, f"Set a positive integer, or unset it: the default is {CLONES_AT_ONCE}."
            ),
            summary=f"Invalid {PARALLELISM_VARIABLE}",
        )
    return int(written)


@dataclass(frozen=True)
class Clone:
    """An instant clone that exists in vCenter."""

    machine: vim.VirtualMachine
    uuid: str
    inventory_path: str


class Cloner:
    """Clone VMs of one vCenter, and cache the inventory objects. The class is thread-safe.

    All methods raise VcenterError or one of its subclasses.
    """

    def __init__(self, session: Session, *, at_once: int = CLONES_AT_ONCE) -> None:
        """Limit the simultaneous clones of one source to `at_once`. Further clones wait."""
        self._session = session
        self._turns = BusyRetry(at_once)
        self._placing = Placing(session)
        self._sources: TTLCache[Any, LiveVm] = TTLCache(maxsize=math.inf, ttl=_SOURCE_SECONDS)
        self._names: dict[Any, Mapping[str, vim.VirtualMachine]] = {}
        self._reading = Condition()

    @cachedmethod(attrgetter("_sources"), condition=attrgetter("_reading"))
    def live_vm(self, uuid: str) -> LiveVm:
        """Return the VM with the BIOS UUID `uuid`. Its properties are at most one minute old.

        The VM is read again after a minute, because it may move to another host or be powered off in a long apply.

        Raises:
            NotFoundError: No VM has the UUID.
            CloneError: Several VMs have the UUID.
        """
        return find_vm(self._session, uuid)

    def clone(self, source: LiveVm, request: CloneRequest, *, stopped: Callable[[], bool]) -> Clone:
        """Create one clone, and return when it runs.

        The method calls `stopped` before it starts the task. It always waits for a running task, because an existing
        clone must reach Terraform's state. While vCenter is busy with the source, the method repeats the call until
        `request.timeout` minutes have passed. After a lost connection, it searches for the clone by its UUID.

        Raises:
            CloneError: `stopped` returned true, the time-out passed, or vCenter refused the clone.
        """
        # The plugin chooses the UUID, so that it can search for the clone after a lost connection.
        uuid = str(uuid4())
        seconds = 60 * request.timeout
        with vcenter_errors(self._session.server, doing=f"cloning {source.inventory_path} as {request.name}"):
            specification, path = self._placing.specification(source, request, uuid)

            def start() -> vim.VirtualMachine:
                if stopped():
                    raise CloneError(f"Clone {path}: stopped before its task started. Apply again to create the clone.")
                task = source.machine.InstantClone_Task(specification)
                try:
                    return cast(vim.VirtualMachine, wait_for(task, seconds=seconds))
                except vmodl.MethodFault as fault:
                    if find_cause(fault, vim.fault.TaskInProgress) is not None:
                        raise BusyError from None
                    raise

            try:
                machine = self._turns.take(source.machine._moId, start, seconds=seconds)
            except TaskTimeoutError:
                raise CloneError(
                    f"Clone {path}: not ready after {request.timeout:g} minutes (instantclone.timeout). vCenter may "
                    f"still finish the clone, with the UUID {uuid}. Apply again: the apply adopts the clone if its "
                    "owner id is that of this state. If not, the apply reports that the name is in use.",
                    argument="instantclone.timeout",
                ) from None
            except BusyError:
                raise CloneError(
                    f"{source.inventory_path}: vCenter was busy with this source for {request.timeout:g} minutes "
                    "(instantclone.timeout, TaskInProgress). Apply again, raise the time-out, or distribute the fleet "
                    "over several sources.",
                    argument="instantclone.source_uuid",
                ) from None
            except (*LOST_CONNECTION, vmodl.fault.ManagedObjectNotFound):
                found = find_lost_clone(self._session, source, uuid, seconds=seconds)
                if found is None:
                    raise
                machine = found
            except vmodl.MethodFault as fault:
                error = clone_error(
                    fault, server=self._session.server, source=source.inventory_path, clone=request.name
                )
                if error is None:
                    raise
                raise error from fault
            return Clone(machine, uuid, path)

    def is_cloning(self, source: LiveVm) -> bool:
        """Return whether a task in vCenter clones the source. The task may belong to another client."""
        with vcenter_errors(self._session.server, doing=f"reading the tasks of {source.inventory_path}"):
            return is_cloning(self._session, source)

    def occupant(self, request: CloneRequest) -> tuple[Clone, Namesake] | None:
        """Return the VM that currently has the name of the requested clone in its folder or vApp, or None."""
        with vcenter_errors(self._session.server, doing=f"looking for a VM named {request.name}"):
            path = f"{self._placing.place(request).path}/{stored_name(request.name)}"
            machine = self._session.search_index.FindByInventoryPath(path.lstrip("/"))
            found = namesake(self._session, machine) if isinstance(machine, vim.VirtualMachine) else None
            if found is None:
                return None
            return Clone(cast(vim.VirtualMachine, machine), found.uuid, path), found

    def located(self, clone: Clone) -> Clone:
        """Return the clone with its current inventory path, or unchanged if a parent folder is not readable.

        vCenter may not heed the requested folder: the Web Services SDK Programming Guide (Instant Clone API Methods)
        states that InstantClone_Task ignores most of the location. The method sends one request.
        """
        with vcenter_errors(self._session.server, doing=f"looking for {clone.inventory_path}"):
            names = PropertySpec(type=vim.VirtualMachine, pathSet=list(VM_PATH_PROPERTIES))
            read = ancestors_of(self._session, clone.machine, names)[clone.machine._moId]
            return replace(clone, inventory_path=read.path or clone.inventory_path)

    def exists(self, clone: Clone) -> bool:
        """Return whether the clone is still in the inventory."""
        with vcenter_errors(self._session.server, doing=f"looking for {clone.inventory_path}"):
            return namesake(self._session, clone.machine) is not None

    def change(self, clone: Clone, changes: HotChanges) -> None:
        """Make all changes to a running clone in one task. The stock provider needs ten seconds for the same change."""
        specification = changes.specification()
        if specification is None:
            return
        with vcenter_errors(self._session.server, doing=f"changing {clone.inventory_path}"):
            try:
                wait_for(clone.machine.ReconfigVM_Task(specification), seconds=_CHANGE_SECONDS)
            except TaskTimeoutError:
                what = f"the change did not finish within {_CHANGE_SECONDS} seconds."
                raise CloneError(Finding(clone.inventory_path, what, "Check the task in vCenter.")) from None

    def wait_for_network(self, clone: Clone, wait: GuestNetworkWait, *, stopped: Callable[[], bool]) -> bool:
        """Wait until the guest reports the addresses that `wait` requires.

        Return False if the time-out passes or `stopped` returns true.
        """
        with vcenter_errors(self._session.server, doing=f"waiting for the network of {clone.inventory_path}"):
            return wait_for_guest_network(clone.machine, wait, stopped=stopped)

    def guest_addresses(self, source: LiveVm, interfaces: Collection[int]) -> tuple[str, ...]:
        """Return the addresses that the source's guest reports now. `interfaces` are the device keys to read."""
        with vcenter_errors(self._session.server, doing=f"reading the addresses of {source.inventory_path}"):
            return addresses_of(guest_of(source.machine), interfaces)

    def member_of_cluster(self, source: LiveVm, cluster_id: str) -> str:
        """See `Placing.member_of_cluster`."""
        with vcenter_errors(self._session.server, doing=f"reading the datastore cluster {cluster_id}"):
            return self._placing.member_of_cluster(source, cluster_id)

    def vms_with_uuid(self, uuid: str) -> tuple[IdentifiedVm, ...]:
        """Return all VMs and templates that currently have the BIOS UUID `uuid`."""
        with vcenter_errors(self._session.server, doing=f"looking for the VMs with the UUID {uuid}"):
            return vms_with_uuid(self._session, uuid)

    def moids_by_uuid(self) -> Mapping[str, Sequence[str]]:
        """Return the managed object ids of all VMs and templates by their lower-case BIOS UUID."""
        with vcenter_errors(self._session.server, doing="reading the UUIDs of all VMs"):
            return moids_by_uuid(self._session)

    def is_vm_at(self, path: str) -> bool:
        """Return whether a VM has exactly the inventory path `path`."""
        with vcenter_errors(self._session.server, doing=f"looking for {path}"):
            return isinstance(self._session.search_index.FindByInventoryPath(path.lstrip("/")), vim.VirtualMachine)

    def deltas(self, moid: str) -> frozenset[str]:
        """Return the UUIDs of a VM's disks that are delta disks. `moid` is the VM's managed object id.

        Raises:
            NotFoundError: The VM no longer exists. An empty result would mean that no disk is a delta disk.
        """
        with vcenter_errors(self._session.server, doing=f"reading the disks of {moid}"):
            machine = self._placing.object(vim.VirtualMachine, moid)
            values = read_properties(self._session, machine, "config.hardware.device", DISK_LAYOUT)
        devices = values.get("config.hardware.device") or ()
        deltas = deltas_by_disk(devices, values.get(DISK_LAYOUT))
        return frozenset(str(getattr(disk.backing, "uuid", "")) for disk in devices if deltas.get(disk.key))

    def unsupported_disks(self, moid: str) -> tuple[str, ...]:
        """Return the disks of a VM that no release of the stock provider reads. `moid` is the managed object id."""
        with vcenter_errors(self._session.server, doing=f"reading the disks of {moid}"):
            return unsupported_disks(self._session, self._placing.object(vim.VirtualMachine, moid))

    def destroy(self, clone: Clone) -> None:
        """Destroy a clone that cannot become part of Terraform's state."""
        with vcenter_errors(self._session.server, doing=f"removing {clone.inventory_path}"):
            try:
                if clone.machine.runtime.powerState == vim.VirtualMachine.PowerState.poweredOn:
                    wait_for(clone.machine.PowerOffVM_Task(), seconds=_DESTROY_SECONDS)
                wait_for(clone.machine.Destroy_Task(), seconds=_DESTROY_SECONDS)
            except TaskTimeoutError:
                what = f"the removal did not finish within {_DESTROY_SECONDS} seconds."
                raise CloneError(Finding(clone.inventory_path, what, "Check the task in vCenter.")) from None

    def check(self, source: LiveVm, request: CloneRequest) -> DryRun:
        """Return the findings of vCenter's dry run for a clone. No clone is created.

        The dry run uses the specification of `clone`, but without the datastore, which vCenter's check refuses.

        Raises:
            CloneError: The resource pool is in another cluster, or the host lacks the datastore or a network.
            NotFoundError: See `Placing.place`.
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
        """Return whether the folder of the requested clone exists."""
        with vcenter_errors(self._session.server, doing=f"looking for the folder {request.folder}"):
            try:
                self._placing.place(request)
            except NotFoundError:
                return False
        return True

    def namesake(self, request: CloneRequest) -> tuple[str, Namesake] | None:
        """Return the VM that has the name of the requested clone in its folder or vApp, and its path, or None.

        The method reads the names in a folder or vApp once. Use it only in plans, which do not change the inventory.
        """
        with vcenter_errors(self._session.server, doing=f"looking for a VM named {request.name}"):
            place = self._placing.place(request)
            machine = self._names_in(place.container).get(stored_name(request.name).upper())
            found = namesake(self._session, machine) if machine is not None else None
        return (f"{place.path}/{stored_name(request.name)}", found) if found else None

    @cachedmethod(attrgetter("_names"), key=lambda _, container: container._moId, condition=attrgetter("_reading"))
    def _names_in(self, container: vim.Folder | vim.VirtualApp) -> Mapping[str, vim.VirtualMachine]:
        # vCenter ignores the case of names.
        return {name.upper(): machine for machine, name in vms_in(self._session, container)}
