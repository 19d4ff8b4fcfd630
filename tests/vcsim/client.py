# SPDX-License-Identifier: MPL-2.0
"""A pyvmomi client of the simulator, and helper functions for its tests."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Self

from pyVim.connect import Disconnect, SmartConnect
from pyVmomi import VmomiSupport, vim, vmodl

from testkit.simulator import Simulator

__all__ = [
    "Client",
    "cdrom",
    "clone",
    "controller",
    "depth",
    "devices",
    "disk",
    "disks",
    "extra_config",
    "fault_of",
    "in_threads",
    "machine_spec",
    "make",
    "make_vapp",
    "network_edit",
    "nic",
    "nics",
    "plain",
    "pool_spec",
    "result",
    "spec",
    "until",
]


class Client:
    """A session with the simulator, as a context manager. Inventory paths start in the datacenter DC0."""

    def __init__(self, simulator: Simulator, *, password: str | None = None, address: str | None = None) -> None:
        """Log in to the simulator.

        Args:
            simulator: the running simulator.
            password: the password for the login; the default is the simulator's password.
            address: host and port of a forwarder to the simulator; the default is the simulator's address.
        """
        host, port = (address or simulator.address).split(":")
        self.instance: Any = SmartConnect(
            host=host,
            port=int(port),
            user=simulator.user,
            pwd=password or simulator.password,
            disableSslCertValidation=True,
        )
        self.content: Any = self.instance.content

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Log out."""
        Disconnect(self.instance)
        self.drop_connections()

    def drop_connections(self) -> None:
        """Close the sockets without logging out."""
        self.instance._stub.DropConnections()

    def find(self, path: str) -> Any:
        """Return the object at a path such as "host/DC0_C0", or None."""
        return self.content.searchIndex.FindByInventoryPath(f"/DC0/{path}")

    def vm(self, name: str) -> Any:
        """Return the VM with this name, or None. The name may start with folders, as in "folder/name"."""
        return self.find(f"vm/{name}")

    def has_file(self, file: str) -> bool:
        """Return whether the file exists on its datastore. The form of `file` is "[datastore] path"."""
        datastore, _, path = file.removeprefix("[").partition("] ")
        folder, _, name = path.rpartition("/")
        query = vim.host.DatastoreBrowser.SearchSpec(matchPattern=[name])
        browser = self.find(f"datastore/{datastore}").browser
        task = browser.SearchDatastore_Task(f"[{datastore}] {folder}", query)
        # Until govmomi's task runs, its entity is the datastore browser. pyvmomi does not accept a browser as entity.
        until(lambda: self._state(task) in ("success", "error"))
        try:
            found = result(task)
        except vim.fault.FileNotFound:
            return False
        return [each.path for each in found.file] == [name]

    def _state(self, task: Any) -> str:
        """Return the state of a task without reading its other properties."""
        collector = vmodl.query.PropertyCollector
        state_filter = collector.FilterSpec(
            objectSet=[collector.ObjectSpec(obj=task)],
            propSet=[collector.PropertySpec(type=vim.Task, pathSet=["info.state"])],
        )
        answer = self.content.propertyCollector.RetrievePropertiesEx([state_filter], collector.RetrieveOptions())
        return str(answer.objects[0].propSet[0].val)


def result(task: Any) -> Any:
    """Poll a task until it ends and return its result.

    Raises:
        vmodl.MethodFault: if the task ends with a fault.
    """
    until(lambda: task.info.state in ("success", "error"))
    if task.info.error:
        raise task.info.error
    return task.info.result


def fault_of(call: Callable[[], Any]) -> str | None:
    """Return the name of the fault that a call raises or its task ends with, or None."""
    try:
        answer = call()
        if isinstance(answer, vim.Task):
            result(answer)
    except vmodl.MethodFault as fault:
        return type(fault).__name__.rpartition(".")[2]
    return None


def spec(
    name: str,
    devices: Iterable[Any] = (),
    config: Mapping[str, str] | None = None,
    bios_uuid: str | None = None,
    **location: Any,
) -> Any:
    """Return an InstantCloneSpec. The `location` arguments are fields of its RelocateSpec."""
    return vim.vm.InstantCloneSpec(
        name=name,
        location=vim.vm.RelocateSpec(deviceChange=list(devices), **location),
        config=extra_config(config or {}),
        biosUuid=bios_uuid,
    )


def clone(source: Any, name: str, *args: Any, **kwargs: Any) -> Any:
    """Create an instant clone of a VM and return it. The arguments after `source` are those of `spec`."""
    return result(source.InstantClone_Task(spec(name, *args, **kwargs)))


def machine_spec(name: str, added: Iterable[Any] = (), **settings: Any) -> Any:
    """Return the ConfigSpec of a new VM with the devices in `added`. `settings` are other fields of the ConfigSpec."""
    files = vim.vm.FileInfo(vmPathName="[LocalDS_0]")
    given: dict[str, Any] = {"guestId": "ubuntu64Guest", "numCPUs": 1, "memoryMB": 1024, "files": files} | settings
    return vim.vm.ConfigSpec(
        name=name,
        deviceChange=[
            vim.vm.device.VirtualDeviceSpec(
                operation="add",
                fileOperation="create" if isinstance(device, vim.vm.device.VirtualDisk) else None,
                device=device,
            )
            for device in added
        ],
        **given,
    )


def make(client: Client, request: Any) -> Any:
    """Create the VM that a ConfigSpec describes, and return it.

    The VM is powered off. It is in the datacenter's VM folder and in the cluster's root resource pool.
    """
    pool = client.find("host/DC0_C0").resourcePool
    return result(client.find("vm").CreateVM_Task(config=request, pool=pool))


def pool_spec() -> Any:
    """Return the specification of a resource pool or vApp without reservations and limits."""
    shares = vim.SharesInfo(level="normal", shares=0)
    allocation = vim.ResourceAllocationInfo(reservation=0, expandableReservation=True, limit=-1, shares=shares)
    return vim.ResourceConfigSpec(cpuAllocation=allocation, memoryAllocation=allocation)


def make_vapp(client: Client, name: str, pool: Any = None, folder: str = "vm") -> Any:
    """Create a vApp and return it. The default pool is the cluster's root resource pool.

    A vApp in another vApp has no folder, so `folder` has no effect there.
    """
    parent = pool or client.find("host/DC0_C0").resourcePool
    listed_in = None if isinstance(parent, vim.VirtualApp) else client.find(folder)
    return parent.CreateVApp(name, pool_spec(), vim.vApp.VAppConfigSpec(), listed_in)


def controller(kind: Any, key: int, bus: int = 0, shared: str = "noSharing") -> Any:
    """Return a new storage controller. `shared` is the bus sharing of a SCSI controller."""
    if issubclass(kind, vim.vm.device.VirtualSCSIController):
        return kind(key=key, busNumber=bus, sharedBus=shared)
    return kind(key=key, busNumber=bus)


def disk(
    controller: int, unit: int, capacity: int, *, io: tuple[int, int, str, int] | None = None, **backing: Any
) -> Any:
    """Return a new disk.

    Args:
        controller: key of the controller.
        unit: unit number on the controller.
        capacity: in bytes.
        io: limit, reservation, share level and number of shares of the disk's I/O allocation.
        backing: fields of the backing. The default is a thin, persistent disk.
    """
    given: dict[str, Any] = {"diskMode": "persistent", "thinProvisioned": True} | backing
    new = vim.vm.device.VirtualDisk(
        key=-100 - unit,
        controllerKey=controller,
        unitNumber=unit,
        capacityInBytes=capacity,
        capacityInKB=capacity // 1024,
        backing=vim.vm.device.VirtualDisk.FlatVer2BackingInfo(fileName="", **given),
    )
    if io:
        new.storageIOAllocation = vim.StorageResourceManager.IOAllocationInfo(
            limit=io[0], reservation=io[1], shares=vim.SharesInfo(level=io[2], shares=io[3])
        )
    return new


def cdrom(controller: int, unit: int, backing: Any, *, start: bool = False) -> Any:
    """Return a new CD-ROM. `start` states whether it is connected at power on."""
    return vim.vm.device.VirtualCdrom(
        key=-200 - unit,
        controllerKey=controller,
        unitNumber=unit,
        backing=backing,
        connectable=vim.vm.device.VirtualDevice.ConnectInfo(
            startConnected=start, allowGuestControl=True, connected=start
        ),
    )


def nic(kind: Any, backing: Any, *, share: str = "normal") -> Any:
    """Return a new network interface. If the share level is "custom", the interface has 42 shares."""
    return kind(
        key=-300,
        backing=backing,
        addressType="generated",
        resourceAllocation=vim.vm.device.VirtualEthernetCard.ResourceAllocation(
            reservation=0, limit=-1, share=vim.SharesInfo(level=share, shares=42)
        ),
    )


def extra_config(values: Mapping[str, object]) -> list[Any]:
    """Return the option values of an extraConfig from a mapping of keys to values."""
    return [vim.option.OptionValue(key=key, value=value) for key, value in values.items()]


def network_edit(nic: Any, *, portgroup: Any = None, network: str | None = None, mac: str | None = None) -> Any:
    """Return a device change that moves an interface to another network.

    If `mac` is not given, vCenter assigns the MAC address.
    """
    if portgroup is not None:
        nic.backing.port = vim.dvs.PortConnection(
            portgroupKey=portgroup.key, switchUuid=portgroup.config.distributedVirtualSwitch.uuid
        )
    if network is not None:
        nic.backing = vim.vm.device.VirtualEthernetCard.NetworkBackingInfo(deviceName=network)
    nic.addressType, nic.macAddress = ("manual", mac) if mac else ("generated", None)
    return vim.vm.device.VirtualDeviceSpec(operation="edit", device=nic)


def devices(vm: Any, kind: Any) -> list[Any]:
    """Return the devices of a VM that are instances of a class."""
    return [device for device in vm.config.hardware.device if isinstance(device, kind)]


def disks(vm: Any) -> list[Any]:
    """Return the disks of a VM."""
    return devices(vm, vim.vm.device.VirtualDisk)


def nics(vm: Any) -> list[Any]:
    """Return the network interfaces of a VM."""
    return devices(vm, vim.vm.device.VirtualEthernetCard)


def depth(disk: Any) -> int:
    """Return the number of delta disks above the base disk."""
    parent = disk.backing.parent
    count = 0
    while parent:
        count, parent = count + 1, parent.parent
    return count


def plain(value: Any, without: Iterable[str] = ()) -> Any:
    """Return an API value as nested dicts and lists. Leave out the properties named in `without`."""
    left_out = set(without)
    if isinstance(value, VmomiSupport.DataObject):
        names = [each.name for each in value._GetPropertyList() if each.name not in left_out]
        return {"": type(value).__name__} | {name: plain(getattr(value, name), left_out) for name in names}
    if isinstance(value, list):
        return [plain(each, left_out) for each in value]
    return str(value) if isinstance(value, VmomiSupport.ManagedObject) else value


def until(condition: Callable[[], Any], seconds: float = 120) -> None:
    """Wait until a condition is true.

    Raises:
        AssertionError: if the condition is still false after `seconds`.
    """
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"still not true after {seconds} s")
        time.sleep(0.005)


def in_threads(count: int, work: Callable[[int], Any], seconds: float = 180) -> list[str]:
    """Run work(0) to work(count - 1) in parallel threads and return their errors.

    A thread that has not ended after `seconds` adds the error "hangs".
    """
    errors: list[str] = []

    def run(index: int) -> None:
        try:
            work(index)
        except Exception as error:  # noqa: BLE001 - reports the exceptions of a thread
            errors.append(repr(error)[:300])

    threads = [threading.Thread(target=run, args=(index,), daemon=True) for index in range(count)]
    for thread in threads:
        thread.start()
    end = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    return errors + ["hangs" for thread in threads if thread.is_alive()]
