# SPDX-License-Identifier: MPL-2.0
"""The clones of a source before they exist."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instant_clone.fleet import Fleet, Network, Source
from instant_clone.fleet.addresses import addresses_from, mac_text
from instant_clone.fleet.members import MemberValue, guestinfo, ip_addresses, mac_addresses, placeholder_values
from instant_clone.vm.source_vm import SourceVm
from tests.instant_clone.replica.replica_layouts import default, nic

MACHINE = default()
TWO_INTERFACES = default(nics=(nic(mac_address="00:50:56:AA:00:01"), nic(key=4001, mac_address="00:50:56:aa:00:02")))


def fleet(*sources: Source, **values: object) -> Fleet:
    return Fleet.model_validate(
        {"name": "web", "datacenter": "d", "datastore": "d", "resource_pool": "c/Resources", "sources": sources}
        | values
    )


def told(web: Fleet, source: Source, index: int, machine: SourceVm = MACHINE) -> dict[str, str]:
    return guestinfo(web, source, machine)(index)


def of(own: str | MemberValue | None, index: int) -> str | int | None:
    return own.of(index) if isinstance(own, MemberValue) else own


def test_a_members_guest_is_told_its_name_and_index() -> None:
    source = Source(vm="golden", count=2)
    web = fleet(
        source,
        names="web-{index:02d}",
        guestinfo={"guestinfo.hostname": "{name}", "guestinfo.id": "{fleet}/{source}/{index} {{literal}} ${{x}}"},
    )
    assert told(web, source, 0) == {"guestinfo.hostname": "web-00", "guestinfo.id": "web/vm/0 {literal} ${x}"}
    assert told(web, source, 1) == {"guestinfo.hostname": "web-01", "guestinfo.id": "web/vm/1 {literal} ${x}"}


def test_addresses_are_counted_from_the_first_by_the_members_index() -> None:
    source = Source(vm="golden", members="1,255")
    network = Network(mac="00:50:56:00:00:01", cidr="10.0.0.0/16", first="10.0.0.10")
    web = fleet(source, networks=[network])
    (mac,), (ip,) = mac_addresses(web, MACHINE), ip_addresses(web, MACHINE)
    assert (of(mac, 1), of(ip, 1)) == ("00:50:56:00:00:02", "10.0.0.11")
    assert (of(mac, 255), of(ip, 255)) == ("00:50:56:00:01:00", "10.0.1.9")


@pytest.mark.parametrize(
    ("networks", "macs", "addresses"),
    [
        ([], (None, None), (None, None)),
        ([Network()], (None, None), (None, None)),
        (
            [Network(mac="source", cidr="fd00::/64", first="fd00::f"), Network(mac="00:50:56:00:00:00")],
            ("00:50:56:aa:00:01", "00:50:56:00:00:03"),
            ("fd00::12", None),
        ),
    ],
)
def test_there_is_a_mac_and_an_address_for_each_interface_of_the_source(
    networks: list[Network], macs: tuple[str | None, ...], addresses: tuple[str | None, ...]
) -> None:
    web = fleet(Source(vm="golden", count=4), networks=networks)
    assert tuple(of(mac, 3) for mac in mac_addresses(web, TWO_INTERFACES)) == macs
    assert tuple(of(address, 3) for address in ip_addresses(web, TWO_INTERFACES)) == addresses


def test_guestinfo_tells_the_address_plans() -> None:
    source = Source(key="a", vm="golden", members="3")
    pattern = "{ip} {netmask} {prefix} {gateway} {dns} {mac}"
    web = fleet(
        source,
        networks=[
            Network(mac="source"),
            Network(
                mac="00:50:56:00:00:00",
                cidr="192.168.0.0/26",
                first="192.168.0.10",
                gateway="192.168.0.1",
                dns=("192.168.0.2", "fd00::2"),
            ),
        ],
        guestinfo={
            "guestinfo.first_planned": pattern,
            "guestinfo.nic0": "{nic0_mac}",
            "guestinfo.nic1": pattern.replace("{", "{nic1_"),
        },
    )
    expected = "192.168.0.13 255.255.255.192 26 192.168.0.1 192.168.0.2,fd00::2 00:50:56:00:00:03"
    assert told(web, source, 3, TWO_INTERFACES) == {
        "guestinfo.first_planned": expected,
        "guestinfo.nic0": "00:50:56:aa:00:01",
        "guestinfo.nic1": expected,
    }


def test_without_an_address_plan_the_mac_is_that_of_the_first_interface_with_one() -> None:
    source = Source(vm="golden", members="3")
    web = fleet(source, networks=[Network(), Network(mac="00:50:56:00:00:00")], guestinfo={"guestinfo.mac": "{mac}"})
    assert told(web, source, 3, TWO_INTERFACES) == {"guestinfo.mac": "00:50:56:00:00:03"}


def test_an_ipv6_plan_has_a_netmask_too() -> None:
    source = Source(vm="golden", count=1)
    network = Network(cidr="fd00:0:0:1::/64", first="fd00:0:0:1::f")
    web = fleet(source, networks=[network], guestinfo={"guestinfo.ip": "{ip}/{prefix} {netmask}"})
    assert told(web, source, 0) == {"guestinfo.ip": "fd00:0:0:1::f/64 ffff:ffff:ffff:ffff::"}


def test_what_is_the_same_for_all_members_is_told_from_what_each_has_of_its_own() -> None:
    source = Source(key="a", vm="golden", count=2)
    web = fleet(
        source,
        networks=[Network(mac="source", cidr="10.0.0.0/16", first="10.0.0.10"), Network(mac="00:50:56:00:00:00")],
        guestinfo={"guestinfo.a": "{name} {fleet} {source} {ip} {nic0_ip} {netmask} {mac} {nic1_mac}"},
    )
    found = placeholder_values(web, source, TWO_INTERFACES)
    assert {placeholder: meant for placeholder, meant in found.items() if isinstance(meant, str)} == {
        "source": "a",
        "fleet": "web",
        "netmask": "255.255.0.0",
        "mac": "00:50:56:aa:00:01",
    }
    assert {placeholder: meant.name for placeholder, meant in found.items() if isinstance(meant, MemberValue)} == {
        "name": "name",
        "index": "index",
        "ip": "ip",
        "nic0_ip": "ip",
        "nic1_mac": "nic1_mac",
    }


@given(st.sets(st.integers(min_value=0, max_value=10**6), max_size=50))
def test_no_two_members_have_one_name_or_address(indexes: set[int]) -> None:
    network = Network(mac="00:50:56:00:00:00", cidr="10.0.0.0/8", first="10.0.0.1")
    web = fleet(Source(vm="golden", count=0), networks=[network])
    (mac,), (ip,) = mac_addresses(web, MACHINE), ip_addresses(web, MACHINE)
    for each in (web.clone_name, lambda index: of(mac, index), lambda index: of(ip, index)):
        assert len({each(index) for index in indexes}) == len(indexes)


@given(st.integers(min_value=0, max_value=2**32 - 1))
def test_addresses_are_written_as_pythons_own_library_has_them(number: int) -> None:
    assert addresses_from("0.0.0.0")(number) == str(IPv4Address(number))
    assert addresses_from("::")(number) == str(IPv6Address(number))
    assert mac_text(number) == ":".join(re.findall("..", f"{number:012x}"))
