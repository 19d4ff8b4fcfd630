# SPDX-License-Identifier: MPL-2.0
"""The VMs that both fakes share, and the chronological list of calls that changed the VMs."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from instant_clone.inventory_names import stored_name
from testkit.standins import recorded

__all__ = ["FOLDER", "SOURCE_MOID", "SOURCE_UUID", "Faults", "Vm", "World", "uuid_of"]

FOLDER = "/DC0/vm"
SOURCE_UUID = "564d0000-0000-4000-8000-000000000001"
SOURCE_MOID = "vm-1"


def uuid_of(number: int) -> str:
    """Return the BIOS UUID of the VM with the MoRef vm-`number`."""
    return f"564d0000-0000-4000-8000-{number:012}"


@dataclass(frozen=True)
class Vm:
    """A virtual machine."""

    moid: str
    uuid: str
    path: str
    """inventory path"""
    values: Mapping[str, Any]
    """attribute values that the stock provider reads"""
    extra_config: Mapping[str, str] = field(default_factory=dict)
    running: bool = True
    template: bool = False
    frozen: bool = False
    chain_depth: int = 0
    tpm_count: int = 0
    deltas: frozenset[str] = frozenset()
    """UUIDs of the delta disks"""
    unsupported_disks: tuple[str, ...] = ()
    """descriptions of the disks that the stock provider cannot read; with any, each read of the VM fails"""

    @property
    def name(self) -> str:
        """Return the last part of the path."""
        return self.path.rpartition("/")[2]


class Faults:
    """Faults of future operations, by operation and VM name. The name "" matches any VM. Each fault occurs once."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, str], deque[Any]] = {}

    def add(self, operation: str, fault: Any, *, vm: str = "", times: int = 1) -> None:
        """Make the next `times` operations fail with this fault."""
        self._waiting.setdefault((operation, vm), deque()).extend([fault] * times)

    def take(self, operation: str, vm: str = "") -> Any:
        """Remove and return the next fault of this operation. Return None if there is none."""
        for key in ((operation, vm), (operation, "")):
            if self._waiting.get(key):
                return self._waiting[key].popleft()
        return None


class World:
    """VMs by MoRef. A new World contains the source golden, which has two disks."""

    def __init__(self) -> None:
        self.vms: dict[str, Vm] = {}
        self.overrides: dict[str, dict[str, Any]] = {}
        """DRS overrides by id"""
        self.calls: list[str] = []
        """calls that change a VM, such as "stock: ReconfigVM_Task web-0 annotation" """
        self.clones_differ: Mapping[str, Any] = {}
        """attribute values of clones that replace the values of the source"""
        self._number = 1
        self._lock = threading.RLock()
        self.add(Vm(SOURCE_MOID, SOURCE_UUID, f"{FOLDER}/golden", _values(1, "golden")))

    def __iter__(self) -> Iterator[Vm]:
        with self._lock:
            return iter(list(self.vms.values()))

    def note(self, call: str) -> None:
        """Record a call that changes a VM."""
        with self._lock:
            self.calls.append(call)

    def add(self, vm: Vm) -> Vm:
        """Add a VM to the inventory, and return it."""
        with self._lock:
            self.vms[vm.moid] = vm
            return vm

    def remove(self, vm: Vm) -> None:
        """Remove a VM and its DRS override, which vCenter removes with it."""
        with self._lock:
            del self.vms[vm.moid]
            for key in [key for key, each in self.overrides.items() if each["virtual_machine_id"] == vm.uuid]:
                del self.overrides[key]

    def change(self, vm: Vm, values: Mapping[str, Any] | None = None, **fields: Any) -> Vm:
        """Change a VM, and return it.

        `values` are attributes that the stock provider reads. `fields` are fields of Vm.
        """
        with self._lock:
            return self.add(replace(self.vms[vm.moid], values={**vm.values, **(values or {})}, **fields))

    def at(self, path: str) -> Vm | None:
        """Return the VM at an inventory path, or None."""
        return next((vm for vm in self if vm.path == path), None)

    def named(self, name: str) -> Vm:
        """Return the VM with this name.

        Raises:
            KeyError: no VM has this name.
        """
        found = next((vm for vm in self if vm.name == name), None)
        if found is None:
            raise KeyError(name)
        return found

    def names(self) -> list[str]:
        """Return the names of all VMs."""
        return sorted(vm.name for vm in self)

    def methods(self, name: str) -> list[str]:
        """Return the methods of the vSphere API that any client called on a VM, in chronological order."""
        calls = [call.split() for call in self.calls]
        return [call[1] for call in calls if call[2] == name and call[1] not in _CREATING]

    def with_uuid(self, uuid: object) -> list[Vm]:
        """Return the VMs that have this BIOS UUID."""
        return [vm for vm in self if vm.uuid == str(uuid).lower()]

    def clone(
        self, name: str, extra_config: Mapping[str, str], *, folder: str = FOLDER, uuid: str = "", **values: Any
    ) -> Vm:
        """Create a clone of golden, a running VM with delta disks, and return it.

        `values` replace attributes of the source in the values that the stock provider reads.
        """
        with self._lock:
            self._number += 1
            number = self._number
            source = self.vms[SOURCE_MOID]
            identity = _values(number, name)
            # The clone inherits all attributes that do not identify a VM.
            inherited = {key: value for key, value in source.values.items() if key not in _IDENTITY}
            disks = [
                {**disk, "uuid": f"disk-{number}-{disk['key']}", "path": f"{name}/{name}-{disk['key']}.vmdk"}
                for disk in source.values["disk"]
            ]
            return self.add(
                Vm(
                    moid=f"vm-{number}",
                    uuid=uuid or uuid_of(number),
                    path=f"{folder}/{stored_name(name)}",
                    values={**identity, **inherited, "disk": disks, **self.clones_differ, **values},
                    extra_config={**source.extra_config, **extra_config},
                    tpm_count=source.tpm_count,
                    deltas=frozenset(disk["uuid"] for disk in disks),
                )
            )


_CREATING = ("InstantClone_Task", "CreateVM_Task")
"""methods that create a VM; clients call them on another object than the new VM"""
_IDENTITY = ("name", "moid", "vmx_path", "network_interface")
"""attributes that identify a VM"""


def _values(number: int, name: str) -> dict[str, Any]:
    """Return the attributes of VM `number`: those of the recorded VM, with a second disk and hot add."""
    values = recorded.read()
    disk, interface = values["disk"][0], values["network_interface"][0]
    disks = [
        {
            **disk,
            "key": 2000 + unit,
            "unit_number": unit,
            "device_address": f"scsi:0:{unit}",
            "size": size,
            "uuid": f"disk-{number}-{2000 + unit}",
            "path": f"{name}/{name}-{2000 + unit}.vmdk",
        }
        for unit, size in ((0, 16), (1, 8))
    ]
    return values | {
        "name": name,
        "moid": f"vm-{number}",
        "vmx_path": f"{name}/{name}.vmx",
        "datastore_id": "datastore-1",
        "host_system_id": "host-1",
        "resource_pool_id": "resgroup-1",
        "change_version": None,
        "cpu_hot_add_enabled": True,
        "memory_hot_add_enabled": True,
        "disk": [{**each, "datastore_id": "datastore-1"} for each in disks],
        "network_interface": [
            {**interface, "network_id": "network-1", "mac_address": f"00:50:56:00:00:{number:02x}"},
        ],
    }
