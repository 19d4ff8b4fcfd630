# SPDX-License-Identifier: MPL-2.0
"""Types of the IP and MAC addresses in fleets.toml, and the address arithmetic: member i gets first + i."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from itertools import groupby
from socket import inet_ntoa
from typing import Annotated

from pydantic import AfterValidator

from instant_clone.fleet.field_types import problem, suggestion

__all__ = [
    "GENERATED",
    "LAST_MAC",
    "SOURCE",
    "Address",
    "Cidr",
    "MacRule",
    "addresses_from",
    "mac_number",
    "mac_text",
    "reserved",
    "runs",
]

GENERATED = "generated"
"""With this value of `mac`, vCenter generates the MAC address."""
SOURCE = "source"
"""With this value of `mac`, the clone has the MAC address of the source."""
FIRST_MAC, LAST_MAC = 0x005056000000, 0x0050563FFFFF
"""VMware's range for static MAC addresses. vCenter ignores some addresses outside the range (govmomi issue 960)."""


def reserved(network: IPv4Network | IPv6Network) -> dict[IPv4Address | IPv6Address, str]:
    """Return the addresses of `network` that no member can have, each with its kind, such as "broadcast address".

    - Both addresses of a /31 or /127 are usable (RFC 3021, RFC 6164). The address of a /32 or /128 is usable.
    - The first address of an IPv6 subnet belongs to the routers of the subnet (RFC 4291, 2.6.1). IPv6 has no broadcast
      address.
    """
    if network.num_addresses <= 2:
        return {}
    first: dict[IPv4Address | IPv6Address, str] = {network.network_address: "network address"}
    return first | ({network.broadcast_address: "broadcast address"} if network.version == 4 else {})


def mac_number(text: str) -> int:
    """Return a validated MAC address as a number."""
    return int(text.replace(":", ""), 16)


def mac_text(number: int) -> str:
    """Return a MAC address in the format of vSphere: lowercase, with colons."""
    return number.to_bytes(6, "big").hex(":")


def addresses_from(first: str) -> Callable[[int], str]:
    """Return a function that adds an index to the validated address `first`.

    For the index 2, the function returns the second address after `first`.
    """
    address = ip_address(first)
    if address.version == 6:
        return lambda index: str(address + index)
    number = int(address)
    # A fleet can have thousands of members. This code is five times as fast as ipaddress.
    return lambda index: inet_ntoa((number + index).to_bytes(4, "big"))


def runs(indexes: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield the first and the last index of each range without gaps in ascending `indexes`."""
    for _, run in groupby(enumerate(indexes), key=lambda each: each[1] - each[0]):
        members = [index for _, index in run]
        yield members[0], members[-1]


def _address(text: str) -> str:
    try:
        address = ip_address(text)
    except ValueError:
        cure = 'Use an address such as "192.168.0.10" or "fd00::10".'
        raise problem(f"{text!r} is not an IP address.", cure) from None
    if "%" in text:
        raise problem(f"{text!r} contains an IPv6 zone.", "Remove the % and the text after it.")
    return str(address)


def _cidr(text: str) -> str:
    address, found, prefix = text.partition("/")
    try:
        network = ip_network(f"{address}/{prefix}", strict=False) if found and prefix.isdecimal() else None
    except ValueError:
        network = None
    if network is None or "%" in address:
        cure = 'Use a network such as "192.168.0.0/24" or "fd00::/64".'
        raise problem(f"{text!r} is not a network in CIDR notation.", cure)
    if ip_address(address) != network.network_address:
        raise problem(f"{text!r} is an address in a network.", f'Use the network: "{network}".')
    return str(network)


def _mac(text: str) -> str:
    if text in (GENERATED, SOURCE):
        return text
    if not re.fullmatch(r"[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}", text, re.ASCII):
        choices = 'Use "generated", "source" or a first address such as "00:50:56:00:00:00".'
        raise problem(f"{text!r} is not a valid MAC setting.", suggestion(text, (GENERATED, SOURCE)) or choices)
    mac = text.lower().replace("-", ":")
    if not FIRST_MAC <= mac_number(mac) <= LAST_MAC:
        what = f"{text!r} is not in VMware's range for static MAC addresses."
        raise problem(what, f"Use an address from {mac_text(FIRST_MAC)} to {mac_text(LAST_MAC)}.")
    return mac


Address = Annotated[str, AfterValidator(_address)]
Cidr = Annotated[str, AfterValidator(_cidr)]
MacRule = Annotated[str, AfterValidator(_mac)]
