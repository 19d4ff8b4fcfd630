# SPDX-License-Identifier: MPL-2.0
"""IP and MAC addresses of fleets.toml: their types, and the arithmetic of "member i gets first + i"."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
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
    "ip_of",
    "mac_number",
    "mac_text",
    "network_of",
    "reserved",
    "runs",
]

GENERATED = "generated"
"""vCenter chooses the MAC address"""
SOURCE = "source"
"""the clone has the source's MAC address"""
FIRST_MAC, LAST_MAC = 0x005056000000, 0x0050563FFFFF
"""VMware's range for addresses that are assigned by hand; vCenter ignores some of the others (govmomi issue 960)"""


@lru_cache(maxsize=1024)
def ip_of(text: str) -> IPv4Address | IPv6Address:
    """The address that a checked text names."""
    return ip_address(text)


@lru_cache(maxsize=1024)
def network_of(cidr: str) -> IPv4Network | IPv6Network:
    """The network that a checked text names."""
    return ip_network(cidr)


def reserved(network: IPv4Network | IPv6Network) -> dict[IPv4Address | IPv6Address, str]:
    """The addresses of `network` that no member can have, with what they are.

    The two addresses of a /31 or /127 are both usable (RFC 3021, RFC 6164), and so is that of a /32 or /128. The
    first address of an IPv6 subnet belongs to its routers (RFC 4291, 2.6.1); there is no broadcast address.
    """
    if network.num_addresses <= 2:
        return {}
    first: dict[IPv4Address | IPv6Address, str] = {network.network_address: "network address"}
    return first | ({network.broadcast_address: "broadcast address"} if network.version == 4 else {})


def mac_number(text: str) -> int:
    """The number that a checked MAC address stands for."""
    return int(text.replace(":", ""), 16)


def mac_text(number: int) -> str:
    """A MAC address as vSphere writes it: small letters, colons."""
    return number.to_bytes(6, "big").hex(":")


def addresses_from(first: str) -> Callable[[int], str]:
    """For a checked address, a function that counts on from it: of 2, the address that is two after `first`."""
    address = ip_of(first)
    if address.version == 6:
        return lambda index: str(address + index)
    number = int(address)
    # There may be thousands of members, and this is five times as fast as ipaddress.
    return lambda index: inet_ntoa((number + index).to_bytes(4, "big"))


def runs(indexes: Sequence[int]) -> Iterator[tuple[int, int]]:
    """The stretches without a gap in ascending `indexes`, each by its first and its last one."""
    first = last = None
    for index in indexes:
        if last is not None and index == last + 1:
            last = index
            continue
        if first is not None and last is not None:
            yield first, last
        first = last = index
    if first is not None and last is not None:
        yield first, last


def _address(text: str) -> str:
    try:
        address = ip_address(text)
    except ValueError:
        raise problem(f"{text!r} is not an IP address.", 'Write one such as "192.168.0.10" or "fd00::10".') from None
    if "%" in text:
        raise problem(f"{text!r} names an interface of this machine.", "Leave out the % and what follows.")
    return str(address)


def _cidr(text: str) -> str:
    address, found, prefix = text.partition("/")
    try:
        network = ip_network(f"{address}/{prefix}", strict=False) if found and prefix.isdecimal() else None
    except ValueError:
        network = None
    if network is None or "%" in address:
        raise problem(f"{text!r} is not a network.", 'Write one such as "192.168.0.0/24" or "fd00::/64".')
    if ip_address(address) != network.network_address:
        raise problem(f"{text!r} is an address within a network.", f'Write the network: "{network}".')
    return str(network)


def _mac(text: str) -> str:
    if text in (GENERATED, SOURCE):
        return text
    if not re.fullmatch(r"[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}", text, re.ASCII):
        choices = 'Write "generated", "source" or a first address such as "00:50:56:00:00:00".'
        raise problem(f"{text!r} is not known.", suggestion(text, (GENERATED, SOURCE)) or choices)
    mac = text.lower().replace("-", ":")
    if not FIRST_MAC <= mac_number(mac) <= LAST_MAC:
        what = f"{text!r} is not an address that may be assigned by hand."
        raise problem(what, f"Write one from {mac_text(FIRST_MAC)} to {mac_text(LAST_MAC)}.")
    return mac


Address = Annotated[str, AfterValidator(_address)]
Cidr = Annotated[str, AfterValidator(_cidr)]
MacRule = Annotated[str, AfterValidator(_mac)]
