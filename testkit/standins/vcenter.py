# SPDX-License-Identifier: MPL-2.0
"""A fake of the Cloner of instant_clone.vcenter.cloning, the connection through which the plugin creates and reads VMs.

tests/instant_clone/plugin/protocol/test_standin.py compares its methods with those of Cloner.
tests/e2e/test_standins.py compares its behaviour.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pyVmomi import vim

from instant_clone.errors import CloneError, Finding, NotFoundError
from instant_clone.inventory_names import stored_name
from instant_clone.ownership import OWNER_KEY
from instant_clone.vcenter.cloning.clone_task import Clone, CloneRequest, HotChanges
from instant_clone.vcenter.cloning.dry_run import DryRun, Namesake
from instant_clone.vcenter.cloning.guest_network import GuestNetworkWait
from instant_clone.vcenter.cloning.live_vm import LiveVm
from instant_clone.vcenter.lookup.identity import IdentifiedVm
from testkit.standins.world import FOLDER, Faults, Vm, World

__all__ = ["DryRun", "GuestNetworkWait", "Vcenter", "VcenterConnection"]


class Vcenter:
    """A fake vCenter with the VMs of a World and configurable responses. Each fault in `faults` is an exception."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.faults = Faults()
        """faults by method of the connection, such as "clone", and by VM"""
        self.folders = {""}
        """existing folders, relative to the VM folder of the datacenter"""
        self.dry_run = DryRun()
        self.dry_runs: list[CloneRequest] = []
        """requests of the dry runs so far"""
        self.cluster_members: dict[str, str] = {}
        """datastore of golden's disks, by datastore cluster"""
        self.cloning = 0
        """number of is_cloning() calls for which golden is still being cloned"""
        self.lingering = 0
        """number of exists() calls for which a destroyed VM is still in the inventory"""
        self.unnamed = 0
        """number of occupant() calls that show a new VM as powered off, without a UUID and without a marker"""
        self.after_look: list[Callable[[], object]] = []
        """functions that occupant() calls once, after it has searched for the name of a clone"""
        self.on_search: list[Callable[[], object]] = []
        """functions that vms_with_uuid() calls once, after its search"""
        self.heeds_location = True
        """whether new clones are at the requested place; if not, they are in FOLDER and in the pool of golden"""
        self.heeds_edits = True
        """whether the interfaces of new clones have the requested values"""
        self.guest_reports = True
        self.waited: list[GuestNetworkWait] = []
        self.on_wait: Callable[[], object] = lambda: None
        self.log_ins = 0
        self.log_outs = 0

    def connect(self, *_: Any) -> VcenterConnection:
        """Return a connection, or raise the fault of "connect"."""
        self._fail("connect", "")
        self.log_ins += 1
        return VcenterConnection(self)

    def _fail(self, operation: str, vm: str) -> None:
        if (fault := self.faults.take(operation, vm)) is not None:
            raise fault


class VcenterConnection:
    """The methods of Cloner that the plugin calls, implemented for the fake vCenter."""

    def __init__(self, vcenter: Vcenter) -> None:
        self._vcenter = vcenter
        self._world = vcenter.world
        self._sources: dict[str, LiveVm] = {}
        self._names: dict[str, str] = {}

    def close(self) -> None:
        """Log out. The fake connection is also the session of the plugin."""
        self._vcenter.log_outs += 1

    def require_instant_clone(self) -> None:
        """Raise the fault of "require_instant_clone", if there is one."""
        self._vcenter._fail("require_instant_clone", "")

    def live_vm(self, uuid: str) -> LiveVm:
        """Return the VM with this BIOS UUID. Later calls return the state of the first call.

        Raises:
            NotFoundError: no VM has the UUID.
            CloneError: several VMs have the UUID.
        """
        if uuid not in self._sources:
            self._vcenter._fail("source", "")
            found = self._world.with_uuid(uuid)
            if not found:
                raise NotFoundError(f"vcenter has no virtual machine with the UUID {uuid}. Check the source.")
            if len(found) > 1:
                raise CloneError(f"The UUID {uuid} belongs to several virtual machines. Change all but one.")
            self._sources[uuid] = _source(found[0])
        return self._sources[uuid]

    def clone(self, source: LiveVm, request: CloneRequest, *, stopped: Callable[[], bool]) -> Clone:
        """Create a clone, and return it.

        Raises:
            CloneError: `stopped()` is true, or the name is already in use.
        """
        path = _path(request if self._vcenter.heeds_location else replace(request, folder=""))
        if stopped():
            raise CloneError(f"Stopped before the clone {path} was started. Apply again to make it.")
        self._vcenter._fail("clone", request.name)
        if self._world.at(path) is not None:
            what = "vCenter answers with DuplicateName."
            where = f"vcenter (cloning {source.inventory_path} as {request.name})"
            raise CloneError(Finding(where, what, "Choose another name."), argument="name")
        vm = self._world.clone(request.name, request.extra_config, folder=path.rpartition("/")[0])
        edits = {edit.key: edit for edit in request.interfaces if self._vcenter.heeds_edits}
        interfaces = [_edited(each, edits.get(each["key"])) for each in vm.values["network_interface"]]
        place = {
            "folder": request.folder,
            "resource_pool_id": request.resource_pool_id,
            "datastore_id": request.datastore_id or vm.values["datastore_id"],
        }
        vm = self._world.change(
            vm, {"network_interface": interfaces, **(place if self._vcenter.heeds_location else {})}
        )
        self._world.note(f"plugin: InstantClone_Task {request.name}")
        return replace(_clone(vm), inventory_path=_path(request))

    def is_cloning(self, source: LiveVm) -> bool:  # noqa: ARG002 - signature of Cloner
        """Return whether the source is being cloned."""
        self._vcenter._fail("is_cloning", "")
        self._vcenter.cloning -= 1
        return self._vcenter.cloning >= 0

    def occupant(self, request: CloneRequest) -> tuple[Clone, Namesake] | None:
        """Return the VM with the name of the requested clone, or None."""
        self._vcenter._fail("occupant", request.name)
        vm = self._world.at(_path(request))
        if self._vcenter.after_look:
            self._vcenter.after_look.pop(0)()
        if vm is None:
            return None
        if self._vcenter.unnamed:
            self._vcenter.unnamed -= 1
            return Clone(vim.VirtualMachine(vm.moid), "", vm.path), Namesake("", None, running=False)
        return _clone(vm), _namesake(vm)

    def located(self, clone: Clone) -> Clone:
        """Return the clone with its current inventory path.

        Raises:
            NotFoundError: the clone is not in the inventory.
        """
        self._vcenter._fail("located", "")
        vm = self._world.vms.get(clone.machine._moId)
        if vm is None:
            raise NotFoundError(f"vCenter no longer has {clone.machine._moId}.")
        return replace(clone, inventory_path=vm.path)

    def exists(self, clone: Clone) -> bool:
        """Return whether the VM is in the inventory."""
        self._vcenter._fail("exists", "")
        if clone.machine._moId in self._world.vms:
            self._vcenter.lingering -= 1
            if self._vcenter.lingering < 0:
                self._world.remove(self._world.vms[clone.machine._moId])
        return clone.machine._moId in self._world.vms

    def change(self, clone: Clone, changes: HotChanges) -> None:
        """Reconfigure a running clone."""
        values = {
            name: value
            for name in ("annotation", "memory", "num_cpus")
            if (value := getattr(changes, name)) is not None
        }
        vm = self._world.vms[clone.machine._moId]
        self._vcenter._fail("change", vm.name)
        if values:
            self._world.change(vm, values)
            self._world.note(f"plugin: ReconfigVM_Task {vm.name} {', '.join(values)}")

    def wait_for_network(self, clone: Clone, wait: GuestNetworkWait, *, stopped: Callable[[], bool]) -> bool:  # noqa: ARG002 - signature of Cloner
        """Return whether the guest has reported a network."""
        self._vcenter.waited.append(wait)
        self._vcenter.on_wait()
        self._vcenter._fail("wait_for_network", "")
        return self._vcenter.guest_reports and not stopped()

    def guest_addresses(self, source: LiveVm, interfaces: Collection[int]) -> tuple[str, ...]:  # noqa: ARG002 - signature of Cloner
        """Return the IP addresses that the guest reports for these network interfaces."""
        return ("10.20.0.6",) if interfaces else ()

    def member_of_cluster(self, source: LiveVm, cluster_id: str) -> str:
        """Return the datastore of a cluster that contains the disks of the source.

        Raises:
            CloneError: no datastore of the cluster contains a disk of the source.
        """
        found = self._vcenter.cluster_members.get(cluster_id)
        if found is None:
            raise CloneError(f"No datastore of the cluster {cluster_id} holds a disk of {source.inventory_path}.")
        return found

    def vms_with_uuid(self, uuid: str) -> tuple[IdentifiedVm, ...]:
        """Return all VMs with this BIOS UUID."""
        self._vcenter._fail("vms_with_uuid", "")
        found = [
            IdentifiedVm(
                vm.moid,
                vm.path,
                "poweredOn" if vm.running else "poweredOff",
                template=vm.template,
                marker=vm.extra_config.get(OWNER_KEY),
            )
            for vm in self._world.with_uuid(uuid)
        ]
        if self._vcenter.on_search:
            self._vcenter.on_search.pop(0)()
        return tuple(sorted(found, key=lambda vm: (vm.path, vm.moid)))

    def moids_by_uuid(self) -> Mapping[str, Sequence[str]]:
        """Return the MoRefs of all VMs by BIOS UUID."""
        found: dict[str, list[str]] = {}
        for vm in self._world:
            found.setdefault(vm.uuid, []).append(vm.moid)
        return found

    def is_vm_at(self, path: str) -> bool:
        """Return whether there is a VM at exactly this path."""
        return self._world.at(path) is not None

    def deltas(self, moid: str) -> frozenset[str]:
        """Return the UUIDs of the delta disks of a VM."""
        vm = self._world.vms.get(moid)
        return vm.deltas if vm is not None else frozenset()

    def unsupported_disks(self, moid: str) -> tuple[str, ...]:
        """Return the disks of a VM that the stock provider does not read."""
        self._vcenter._fail("unsupported_disks", "")
        vm = self._world.vms.get(moid)
        return vm.unsupported_disks if vm is not None else ()

    def destroy(self, clone: Clone) -> None:
        """Power off and destroy a clone.

        Raises:
            NotFoundError: the clone is not in the inventory.
        """
        vm = self._world.vms.get(clone.machine._moId)
        if vm is None:
            raise NotFoundError(f"vCenter no longer has {clone.machine._moId}.")
        self._world.note(f"plugin: PowerOffVM_Task {vm.name}")
        self._vcenter._fail("destroy", vm.name)
        self._world.note(f"plugin: Destroy_Task {vm.name}")
        self._world.remove(vm)

    def check(self, source: LiveVm, request: CloneRequest) -> DryRun:  # noqa: ARG002 - signature of Cloner
        """Return the result of the dry run."""
        self._vcenter._fail("check", request.name)
        self._vcenter.dry_runs.append(request)
        return self._vcenter.dry_run

    def has_folder(self, request: CloneRequest) -> bool:
        """Return whether the folder of the requested clone exists."""
        return request.folder in self._vcenter.folders

    def namesake(self, request: CloneRequest) -> tuple[str, Namesake] | None:
        """Return the VM with the name of the requested clone, or None.

        Later calls search the VMs that existed at the first call.
        """
        self._names = self._names or {vm.path: vm.moid for vm in self._world}
        vm = self._world.vms.get(self._names.get(_path(request), ""))
        return (vm.path, _namesake(vm)) if vm is not None else None


def _path(request: CloneRequest) -> str:
    return "/".join([FOLDER, *(part for part in request.folder.split("/") if part), stored_name(request.name)])


def _clone(vm: Vm) -> Clone:
    return Clone(vim.VirtualMachine(vm.moid), vm.uuid, vm.path)


def _namesake(vm: Vm) -> Namesake:
    return Namesake(vm.uuid, vm.extra_config.get(OWNER_KEY), running=vm.running)


def _edited(interface: Mapping[str, Any], edit: Any) -> dict[str, Any]:
    if edit is None:
        return dict(interface)
    address = {"mac_address": edit.mac_address, "use_static_mac": True} if edit.mac_address else {}
    return {**interface, "network_id": edit.network_id, **address}


def _source(vm: Vm) -> LiveVm:
    return LiveVm(
        machine=vim.VirtualMachine(vm.moid),
        inventory_path=vm.path,
        host=vim.HostSystem("host-1"),
        powered_on=vm.running,
        template=vm.template,
        cards={},
        tpm_count=vm.tpm_count,
        disk_sizes={disk["key"]: frozenset({disk["size"]}) for disk in vm.values["disk"]},
        extra_config=vm.extra_config,
        frozen=vm.frozen,
        chain_depth=vm.chain_depth,
        disk_datastores=tuple(disk["datastore_id"] for disk in vm.values["disk"]),
    )
