# SPDX-License-Identifier: MPL-2.0
"""Parsing of `vm` in fleets.toml: a name, an inventory path, "uuid:…" or "moid:…". The functions are pure."""

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
    """The parsed value of `vm`.

    `value` depends on `kind`:

    - "name": the VM's name;
    - "path": the VM's absolute inventory path;
    - "uuid": the VM's BIOS UUID in lower case with hyphens, as in `config.uuid`. It is not the instance UUID, because
      the plugin and the stock provider identify VMs by the BIOS UUID;
    - "moid": the VM's managed object id, such as "vm-42".

    `text` is the user's text, for error messages.
    """

    kind: Literal["name", "path", "uuid", "moid"]
    value: str
    datacenter: str
    """inventory path of the VM's datacenter, such as "/DC0" """
    text: str

    def may_be(self, machine: SourceVm) -> bool:
        """Return whether the VM of a record can match this selector. A record has no managed object id."""
        if self.kind == "uuid":
            return machine.uuid == self.value
        if self.kind == "path":
            return plain_name(machine.inventory_path) == plain_name(self.value)
        return self.kind == "moid" or plain_name(machine.name) == plain_name(self.value)


def selector(vm: str, *, datacenter: str) -> Selector:
    """Return the selector for a value of `vm`.

    - A value with a slash is a path, absolute or relative to the datacenter's VM folder.
    - A path that begins with the datacenter and its VM folder is absolute, even without the first slash.
    - A slash in a name is written "%2f".
    - A VM whose name begins with "uuid:" or "moid:" can be selected by its path only.

    `datacenter` is the name of the datacenter, or its inventory path if the datacenter is in a folder.

    Raises:
        NotFoundError: The UUID is malformed.
    """
    where = datacenter_path(datacenter)
    if vm.startswith("uuid:"):
        return Selector("uuid", _uuid(vm.removeprefix("uuid:"), vm), where, vm)
    if vm.startswith("moid:"):
        return Selector("moid", vm.removeprefix("moid:"), where, vm)
    if "/" not in vm:
        return Selector("name", vm, where, vm)
    # govc prints inventory paths without the first slash.
    is_absolute = vm.startswith(("/", f"{where.removeprefix('/')}/vm/"))
    path = _joined(stored_path(vm)) if is_absolute else _joined(f"{where}/vm/{stored_path(vm)}")
    return Selector("path", path, where, path)


def datacenter_path(datacenter: str) -> str:
    """Return the inventory path of a datacenter from its path, or from its name if it is not in a folder."""
    return _joined(stored_path(datacenter))


def _joined(path: str) -> str:
    return "/" + "/".join(part for part in path.split("/") if part)


def _uuid(text: str, written: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        cure = 'Use the form "uuid:564d7b1c-0000-0000-0000-000000000001".'
        raise NotFoundError(Finding(written, "the UUID is malformed.", cure)) from None
