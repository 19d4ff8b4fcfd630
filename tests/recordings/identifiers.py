# SPDX-License-Identifier: MPL-2.0
"""Stable names for the identifiers that vCenter generates, so that a recording works with every simulator.

Managed object ids depend on the order of creation. An instant clone's UUIDs, its disks' UUIDs and its MAC addresses are
different in each run. A recording contains a name instead of each identifier, such as
"<VirtualMachine clone-with-bios>" or "<uuid of disk 2000 of clone-with-bios>".
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from pyVmomi import vim

from tests.vcsim.client import Client

__all__ = ["Identifiers"]

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NAME = re.compile(r"<[^<>]+>")


class Identifiers:
    """A translation between the identifiers of one vCenter and their names. It applies to all strings in a value."""

    def __init__(self, client: Client) -> None:
        """Read the current inventory of the vCenter."""
        self._client = client
        found = [pair for entity in _entities(client) for pair in _identifiers_of(entity)]
        times = Counter(name for _, name in found)
        self._names = {identifier: name for identifier, name in found if times[name] == 1}
        self._identifiers = {name: identifier for identifier, name in self._names.items()}

    def look_at(self, inventory_path: str) -> None:
        """Add the identifiers of the VM at `inventory_path`, which can be newer than this object's inventory."""
        machine = self._client.find(inventory_path.removeprefix("/DC0/"))
        for identifier, name in _identifiers_of(machine) if machine else ():
            self._names[identifier] = name
            self._identifiers[name] = identifier

    def named(self, value: Any) -> Any:
        """Return `value` with names instead of identifiers, and with "<time>" instead of times."""
        return _without_times(_translated(value, self._name))

    def identified(self, value: Any) -> Any:
        """Return `value` with identifiers instead of names."""
        return _translated(value, self._identify)

    def _name(self, text: str) -> str:
        # A UUID can be part of a string, such as a clone's owner marker. Other identifiers must equal the whole string,
        # because "vm-62" contains "vm-6".
        return self._names.get(text) or _UUID.sub(lambda found: self._names.get(found[0], found[0]), text)

    def _identify(self, text: str) -> str:
        return _NAME.sub(lambda found: self._identifiers.get(found[0], found[0]), text)


def _translated(value: Any, translate: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return translate(value)
    if isinstance(value, list):
        return [_translated(each, translate) for each in value]
    if isinstance(value, dict):
        return {key: _translated(each, translate) for key, each in value.items()}
    return value


def _without_times(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_times(each) for each in value]
    if isinstance(value, dict):
        return {
            key: "<time>" if key == "change_version" and each else _without_times(each) for key, each in value.items()
        }
    return value


def _entities(client: Client) -> list[Any]:
    view = client.content.viewManager.CreateContainerView(client.content.rootFolder, [vim.ManagedEntity], True)
    try:
        return list(view.view)
    finally:
        view.Destroy()


def _identifiers_of(entity: Any) -> Iterator[tuple[str, str]]:
    kind, name = type(entity).__name__.rpartition(".")[2], entity.name
    # Each cluster has a resource pool "Resources", so the name includes the cluster.
    owner = f" of {entity.owner.name}" if kind == "ResourcePool" else ""
    yield entity._moId, f"<{kind} {name}{owner}>"
    if kind != "VirtualMachine":
        return
    configuration = entity.config
    yield configuration.uuid, f"<uuid of {name}>"
    yield configuration.instanceUuid, f"<instance uuid of {name}>"
    devices: list[Any] = configuration.hardware.device
    for device in devices:
        if hasattr(device, "capacityInBytes"):
            yield device.backing.uuid, f"<uuid of disk {device.key} of {name}>"
        elif hasattr(device, "macAddress"):
            yield device.macAddress, f"<address of interface {device.key} of {name}>"
