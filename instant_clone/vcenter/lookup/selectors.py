# SPDX-License-Identifier: MPL-2.0
"""What `vm` in fleets.toml can be: a name, an inventory path, "uuid:…" or "moid:…". Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from instant_clone.errors import Finding, NotFoundError
from instant_clone.inventory_names import plain_name, stored_path
from instant_clone.vm.source_vm import SourceVm

__all__ = ["Selector", "datacenter_path", "selector"]


@dataclass(frozen=True)
class Selector:
    """Which VM is meant.

    `value` is, by kind, the VM's name; its absolute inventory path; its BIOS UUID in small letters with hyphens, as
    in `config.uuid` (not its instance UUID: the plugin and the stock provider know VMs by the BIOS UUID); or its
    managed object id, such as "vm-42". `text` is what the user wrote, for errors.
    """

    kind: Literal["name", "path", "uuid", "moid"]
    value: str
    datacenter: str
    """inventory path of the datacenter that the VM is in, such as "/DC0" """
    text: str

    def may_be(self, machine: SourceVm) -> bool:
        """Whether a record's VM can be the one that is meant; a record does not say its managed object id."""
        if self.kind == "uuid":
            return machine.uuid == self.value
        if self.kind == "path":
            return plain_name(machine.inventory_path) == plain_name(self.value)
        return self.kind == "moid" or plain_name(machine.name) == plain_name(self.value)


def selector(vm: str, *, datacenter: str) -> Selector:
    """What `vm` says: one with a slash is a path, absolute or relative to the datacenter's VM folder.

    A path that begins with the datacenter and its VM folder is absolute, also without the first slash.

    `datacenter` is its name or, if it is in a folder, its inventory path. A slash in a name is "%2f", and a VM whose
    name begins with "uuid:" or "moid:" can only be named by its path. Raises NotFoundError for a malformed UUID.
    """
    where = datacenter_path(datacenter)
    if vm.startswith("uuid:"):
        return Selector("uuid", _uuid(vm.removeprefix("uuid:"), vm), where, vm)
    if vm.startswith("moid:"):
        return Selector("moid", vm.removeprefix("moid:"), where, vm)
    if "/" not in vm:
        return Selector("name", vm, where, vm)
    # govc writes an inventory path without the first slash.
    is_absolute = vm.startswith(("/", f"{where.removeprefix('/')}/vm/"))
    path = _joined(stored_path(vm)) if is_absolute else _joined(f"{where}/vm/{stored_path(vm)}")
    return Selector("path", path, where, path)


def datacenter_path(datacenter: str) -> str:
    """The inventory path of a datacenter that is named by it, or by its name if it is in no folder."""
    return _joined(stored_path(datacenter))


def _joined(path: str) -> str:
    return "/" + "/".join(part for part in path.split("/") if part)


def _uuid(text: str, written: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        cure = 'Write it as in "uuid:564d7b1c-0000-0000-0000-000000000001".'
        raise NotFoundError(Finding(written, "this is no UUID.", cure)) from None
