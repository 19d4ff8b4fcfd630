# SPDX-License-Identifier: MPL-2.0
from __future__ import annotations

from typing import Any, cast

import pytest
from pyVmomi import vim

from instant_clone.vcenter.cloning.guest_network import GuestNetworkWait, guest_of, wait_for_guest_network
from instant_clone.vcenter.session import polling
from testkit.clock import Clock

GuestInfo = vim.vm.GuestInfo
NET, ROUTABLE_OR_NOT, IP = (
    GuestNetworkWait(network_minutes=1),
    GuestNetworkWait(network_minutes=1, routable=False),
    GuestNetworkWait(ip_minutes=1),
)


def _guest(*addresses: str, gateways: tuple[tuple[str, str], ...] = (), main: str | None = None) -> GuestInfo:
    """Return a guest with one interface. `gateways` are pairs of a route's network and its gateway."""
    parts = [address.split("/") for address in addresses]
    configured = [
        vim.net.IpConfigInfo.IpAddress(ipAddress=address, prefixLength=int(prefix)) for address, prefix in parts
    ]
    routes = [
        vim.net.IpRouteConfigInfo.IpRoute(
            network=network,
            prefixLength=0,
            gateway=vim.net.IpRouteConfigInfo.Gateway(ipAddress=gateway, device="0"),
        )
        for network, gateway in gateways
    ]
    return GuestInfo(
        ipAddress=main,
        net=[
            GuestInfo.NicInfo(deviceConfigId=4000, connected=True, ipConfig=vim.net.IpConfigInfo(ipAddress=configured))
        ],
        ipStack=[GuestInfo.StackInfo(ipRouteConfig=vim.net.IpRouteConfigInfo(ipRoute=routes))],
    )


DEFAULT_ROUTE = (("0.0.0.0", "192.0.2.1"),)
DEFAULT_ROUTE_6 = (("::", "2001:db8::1"),)


class Machine:
    """A VM whose reads of the guest return or raise these values in turn. The last value repeats."""

    def __init__(self, *guests: GuestInfo | Exception | None) -> None:
        self._guests = list(guests)
        self.asked = 0

    @property
    def guest(self) -> GuestInfo | None:
        self.asked += 1
        guest = self._guests.pop(0) if len(self._guests) > 1 else self._guests[0]
        if isinstance(guest, Exception):
            raise guest
        return guest


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(polling, "time", clock)
    return clock


def _wait(machine: Machine, wait: GuestNetworkWait, *, stopped: bool = False) -> bool:
    return wait_for_guest_network(machine, wait, stopped=lambda: stopped)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("guest", "wait", "expected"),
    [
        (_guest("192.0.2.7/24", gateways=DEFAULT_ROUTE), NET, True),
        (_guest("192.0.2.7/24"), NET, False),
        (_guest("192.0.2.7/24"), ROUTABLE_OR_NOT, True),
        (_guest("198.51.100.7/24", gateways=DEFAULT_ROUTE), NET, False),
        (_guest("192.0.2.7/24", gateways=(("10.0.0.0", "192.0.2.1"),)), NET, False),
        (_guest("198.51.100.7/24", "192.0.2.7/24", gateways=DEFAULT_ROUTE), NET, True),
        (_guest("2001:db8::7/64", gateways=DEFAULT_ROUTE_6), NET, True),
        (_guest("2001:db8::7/64", gateways=DEFAULT_ROUTE), NET, False),
        (_guest("2001:db8::7/64"), ROUTABLE_OR_NOT, True),
        (_guest("169.254.3.4/16"), ROUTABLE_OR_NOT, False),
        (_guest("fe80::1/64", gateways=(("::", "fe80::2"),)), NET, False),
        (_guest("127.0.0.1/8", "::1/128"), ROUTABLE_OR_NOT, False),
        (_guest("not-an-address/24"), ROUTABLE_OR_NOT, False),
        (_guest("192.0.2.7/24", gateways=(("0.0.0.0", ""),)), NET, False),
        (GuestInfo(), ROUTABLE_OR_NOT, False),
        (GuestInfo(net=[GuestInfo.NicInfo()], ipStack=[GuestInfo.StackInfo()]), NET, False),
        (None, NET, False),
        (_guest(main="192.0.2.7"), IP, True),
        (_guest(main="2001:db8::7"), IP, True),
        (_guest(main="169.254.3.4"), IP, False),
        (_guest(main="fe80::1"), IP, False),
        (_guest("192.0.2.7/24", gateways=DEFAULT_ROUTE), IP, False),
        (_guest(main=""), IP, False),
    ],
)
def test_returns_whether_the_guest_has_a_network(
    guest: GuestInfo | None, wait: GuestNetworkWait, expected: bool
) -> None:
    assert _wait(Machine(guest), wait) is expected


@pytest.mark.parametrize(
    ("ignored", "expected"),
    [
        ((), True),
        (("192.0.2.7",), False),
        (("192.0.2.8",), True),
        (("192.0.2.0/28",), False),
        (("192.0.2.9/28",), False),
        (("198.51.100.0/24", "192.0.2.0/24"), False),
        (("2001:db8::/32",), True),
    ],
)
def test_ignored_addresses_do_not_satisfy_the_wait(ignored: tuple[str, ...], expected: bool) -> None:
    guest = _guest("192.0.2.7/24", gateways=DEFAULT_ROUTE, main="192.0.2.7")

    assert _wait(Machine(guest), GuestNetworkWait(network_minutes=1, ignored=ignored)) is expected
    assert _wait(Machine(guest), GuestNetworkWait(ip_minutes=1, ignored=ignored)) is expected


def test_waits_for_both_conditions() -> None:
    both = GuestNetworkWait(ip_minutes=1, network_minutes=1)

    assert _wait(Machine(_guest("192.0.2.7/24", gateways=DEFAULT_ROUTE)), both) is False
    assert _wait(Machine(_guest(main="192.0.2.7")), both) is False
    assert _wait(Machine(_guest("192.0.2.7/24", gateways=DEFAULT_ROUTE, main="192.0.2.7")), both) is True


@pytest.mark.parametrize("minutes", [0, -1])
def test_does_not_wait_without_a_time_out(minutes: int) -> None:
    machine = Machine(None)

    assert _wait(machine, GuestNetworkWait(ip_minutes=minutes, network_minutes=minutes)) is True
    assert machine.asked == 0


def test_returns_true_when_the_network_appears_later(clock: Clock) -> None:
    machine = Machine(None, GuestInfo(), _guest("192.0.2.7/24", gateways=DEFAULT_ROUTE))

    assert _wait(machine, NET) is True
    assert (machine.asked, clock.now) == (3, 1.0)


def test_wait_ends_after_the_longer_time_out(clock: Clock) -> None:
    assert _wait(Machine(GuestInfo()), GuestNetworkWait(ip_minutes=1, network_minutes=3)) is False
    assert 180 <= clock.now <= 181


def test_wait_ends_when_stopped(clock: Clock) -> None:
    assert _wait(Machine(GuestInfo()), NET, stopped=True) is False
    assert clock.now == 0


CUT = ConnectionResetError(104, "Connection reset by peer")
HALF_AN_HOUR = GuestNetworkWait(network_minutes=30)


def test_wait_survives_a_lost_connection(clock: Clock) -> None:
    silence = [CUT] * 100
    machine = Machine(*silence, None, *silence, _guest("192.0.2.7/24", gateways=DEFAULT_ROUTE))

    assert _wait(machine, HALF_AN_HOUR) is True
    assert clock.now == 100.5


def test_raises_after_a_minute_without_an_answer(clock: Clock) -> None:
    with pytest.raises(ConnectionResetError):
        _wait(Machine(None, CUT), HALF_AN_HOUR)
    assert 60 < clock.now <= 61


def test_raises_if_vcenter_does_not_answer_at_the_time_out(clock: Clock) -> None:
    # Without an answer, the state of the guest is unknown.
    with pytest.raises(ConnectionResetError):
        _wait(Machine(*[None] * 100, CUT), NET)
    assert 59 <= clock.now <= 61


def test_stop_ends_the_wait_without_an_answer(clock: Clock) -> None:
    assert _wait(Machine(CUT), NET, stopped=True) is False
    assert clock.now == 0


def test_guest_of_retries_while_the_connection_is_lost(clock: Clock) -> None:
    guest = _guest("192.0.2.7/24")

    assert guest_of(cast(Any, Machine(*[CUT] * 100, guest))) is guest
    assert clock.now == 50
    with pytest.raises(ConnectionResetError):
        guest_of(cast(Any, Machine(CUT)))
    assert 110 < clock.now <= 111
