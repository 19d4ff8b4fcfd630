# SPDX-License-Identifier: MPL-2.0
"""Waiting for the addresses that a guest reports.

The stock provider waits for the addresses only after it has powered a VM on. An instant clone starts in the running
state, so the stock provider does not wait for it. The conditions are those of the provider's arguments
`wait_for_guest_ip_timeout`, `wait_for_guest_net_timeout`, `wait_for_guest_net_routable` and `ignored_guest_ips`.
"""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass

from pyVmomi import vim

from instant_clone.vcenter.session.polling import poll
from instant_clone.vcenter.session.tasks import LONGEST_SILENCE, LOST_CONNECTION

__all__ = ["GuestNetworkWait", "addresses_of", "guest_of", "wait_for_guest_network"]

_POLL_SECONDS = 0.5
_DEFAULT_ROUTES = ("0.0.0.0", "::")  # noqa: S104 - a route, no bound socket

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True)
class GuestNetworkWait:
    """The conditions of the wait. A time-out below 1 minute disables its condition."""

    ip_minutes: int = 0
    network_minutes: int = 0
    routable: bool = True
    ignored: tuple[str, ...] = ()
    """addresses and networks (CIDR) that do not satisfy a condition"""

    @property
    def minutes(self) -> int:
        """The maximum duration of the wait in minutes."""
        return max(self.ip_minutes, self.network_minutes)


def wait_for_guest_network(machine: vim.VirtualMachine, wait: GuestNetworkWait, *, stopped: Callable[[], bool]) -> bool:
    """Wait until VMware Tools report the addresses that `wait` requires.

    Return False if the time-out passes or `stopped` returns true.

    Raises:
        LOST_CONNECTION: vCenter does not answer for LONGEST_SILENCE seconds, as in `tasks.wait_for`.
    """
    if wait.minutes < 1:
        return True
    reported = poll(
        lambda: _reported(machine.guest, wait) or None,
        pauses=_POLL_SECONDS,
        seconds=60 * wait.minutes,
        retried=LOST_CONNECTION,
        silence=LONGEST_SILENCE,
        stopped=stopped,
    )
    return bool(reported)


def guest_of(machine: vim.VirtualMachine) -> vim.vm.GuestInfo | None:
    """Return the report of VMware Tools.

    Raises:
        LOST_CONNECTION: vCenter does not answer for LONGEST_SILENCE seconds, as in `tasks.wait_for`.
    """
    found = poll(
        lambda: (machine.guest,),
        pauses=_POLL_SECONDS,
        seconds=math.inf,
        retried=LOST_CONNECTION,
        silence=LONGEST_SILENCE,
    )
    return found[0] if found else None


def addresses_of(guest: vim.vm.GuestInfo | None, interfaces: Collection[int]) -> tuple[str, ...]:
    """Return the addresses that VMware Tools report for network interfaces. `interfaces` are device keys."""
    nics = guest.net if guest is not None else ()
    return tuple(str(each.ip) for each in _interfaces(nic for nic in nics if nic.deviceConfigId in interfaces))


def _reported(guest: vim.vm.GuestInfo | None, wait: GuestNetworkWait) -> bool:
    if guest is None:
        return False
    main = _parsed(guest.ipAddress)
    if wait.ip_minutes >= 1 and (main is None or not _counts(main, wait.ignored)):
        return False
    if wait.network_minutes < 1:
        return True
    gateways = list(_gateways(guest))
    return any(
        _counts(interface.ip, wait.ignored)
        and (not wait.routable or any(gateway in interface.network for gateway in gateways))
        for interface in _interfaces(guest.net)
    )


def _interfaces(
    nics: Iterable[vim.vm.GuestInfo.NicInfo],
) -> Iterator[ipaddress.IPv4Interface | ipaddress.IPv6Interface]:
    for nic in nics:
        for address in nic.ipConfig.ipAddress if nic.ipConfig is not None else ():
            if _parsed(address.ipAddress) is not None:
                yield ipaddress.ip_interface(f"{address.ipAddress}/{address.prefixLength}")


def _gateways(guest: vim.vm.GuestInfo) -> Iterator[Address]:
    for stack in guest.ipStack:
        for route in stack.ipRouteConfig.ipRoute if stack.ipRouteConfig is not None else ():
            gateway = _parsed(route.gateway.ipAddress) if route.network in _DEFAULT_ROUTES else None
            if gateway is not None:
                yield gateway


def _counts(address: Address, ignored: Iterable[str]) -> bool:
    if address.is_link_local or address.is_loopback or address.is_multicast:
        return False
    return not any(address in ipaddress.ip_network(network, strict=False) for network in ignored)


def _parsed(text: str | None) -> Address | None:
    try:
        return ipaddress.ip_address(text) if text else None
    except ValueError:
        return None
