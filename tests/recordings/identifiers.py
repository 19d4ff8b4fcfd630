# SPDX-License-Identifier: MPL-2.0
"""The identifiers that vCenter gives out, by names that stay the same from one simulator to the next.

Managed object ids follow from the order in which things are made, and an instant clone's UUIDs, its disks' UUIDs and
its MAC addresses are new each time. In a recording each stands as what it identifies, such as
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
    """Translates the texts in a value between one vCenter's identifiers and their names."""

    def __init__(self, client: Client) -> None:
        """With what is in the inventory now."""
        self._client = client
        found = [pair for entity in _entities(client) for pair in _identifiers_of(entity)]
        times = Counter(name for _, name in found)
        self._names = {identifier: name for identifier, name in found if times[name] == 1}
        self._identifiers = {name: identifier for identifier, name in self._names.items()}

    def look_at(self, inventory_path: str) -> None:
        """Looks at a VM that may be new."""
        machine = self._client.find(inventory_path.removeprefix("/DC0/"))
        for identifier, name in _identifiers_of(machine) if machine else ():
            self._names[identifier] = name
            self._identifiers[name] = identifier

    def named(self, value: Any) -> Any:
        """`value` with names in the place of identifiers, and without times."""
        return _timeless(_translated(value, self._name))

    def identified(self, value: Any) -> Any:
        """`value` with identifiers in the place of names."""
        return _translated(value, self._identify)

    def _name(self, text: str) -> str:
        # A UUID also within a text, such as the mark of a clone's owner; "vm-6" would be found within "vm-62".
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


def _timeless(value: Any) -> Any:
    if isinstance(value, list):
        return [_timeless(each) for each in value]
    if isinstance(value, dict):
        return {key: "<time>" if key == "change_version" and each else _timeless(each) for key, each in value.items()}
    return value


def _entities(client: Client) -> list[Any]:
    view = client.content.viewManager.CreateContainerView(client.content.rootFolder, [vim.ManagedEntity], True)
    try:
        return list(view.view)
    finally:
        view.Destroy()


def _identifiers_of(entity: Any) -> Iterator[tuple[str, str]]:
    kind, name = type(entity).__name__.rpartition(".")[2], entity.name
    # Each cluster has a pool "Resources".
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
