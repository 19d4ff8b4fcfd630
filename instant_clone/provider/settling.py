# SPDX-License-Identifier: MPL-2.0
"""What a configuration leaves out because it has no words for it.

A source may have settings that the provider's schema cannot express: no IDE controller, a latency sensitivity of its
own, vApp properties. The replica leaves them out, and later plans leave them alone (`ignore_changes`, which has no
effect while a resource is created). For the creation they are what the source has.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from instant_clone.stock_provider.arguments import can_be_configured
from instant_clone.stock_provider.devices import disk_place

__all__ = ["settled"]


def settled(config: Mapping[str, Any], source: Mapping[str, Any]) -> dict[str, Any]:
    """`config`, completed by those settings of the imported `source` that it could not have said."""
    complete = _completed(config, source)
    if not config.get("vapp"):
        complete["vapp"] = source.get("vapp") or config.get("vapp")
    disks = {disk_place(disk): disk for disk in source.get("disk") or ()}
    interfaces = source.get("network_interface") or ()
    if isinstance(config.get("disk"), list):
        complete["disk"] = [
            _completed(disk, disks.get(disk_place(disk), {})) if isinstance(disk, Mapping) else disk
            for disk in config["disk"]
        ]
    if isinstance(config.get("network_interface"), list):
        complete["network_interface"] = [
            _completed(interface, interfaces[index] if index < len(interfaces) else {})
            if isinstance(interface, Mapping)
            else interface
            for index, interface in enumerate(config["network_interface"])
        ]
    return complete


def _completed(config: Mapping[str, Any], source: Mapping[str, Any]) -> dict[str, Any]:
    return {
        argument: source[argument]
        if value is None and source.get(argument) is not None and not can_be_configured(argument, source[argument])
        else value
        for argument, value in config.items()
    }
