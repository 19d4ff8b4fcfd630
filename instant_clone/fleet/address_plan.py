# SPDX-License-Identifier: MPL-2.0
"""What the members' placeholders about network interfaces stand for."""

from __future__ import annotations

from collections.abc import Sequence

from instant_clone.fleet.addresses import GENERATED, network_of
from instant_clone.fleet.tables import Network

__all__ = ["interface_of", "planned_value"]


def interface_of(networks: Sequence[Network], number: int | None, attribute: str) -> int | None:
    """The interface that a placeholder means: that of its `number`, else the first one with an address plan.

    {mac} means the first one whose MAC addresses are given if no interface has an address plan. None if no interface
    is meant.
    """
    if number is not None:
        return number
    planned = (position for position, network in enumerate(networks) if network.planned)
    given = (position for position, network in enumerate(networks) if network.mac != GENERATED)
    return next(planned, next(given, None) if attribute == "mac" else None)


def planned_value(network: Network, attribute: str) -> str:
    """What an address plan tells all members: "netmask", "prefix", "gateway" or, parted by commas, "dns"."""
    if network.cidr is None:
        return ""
    subnet = network_of(network.cidr)
    values = {
        "netmask": str(subnet.netmask),
        "prefix": str(subnet.prefixlen),
        "gateway": network.gateway or "",
        "dns": ",".join(network.dns),
    }
    return values[attribute]
