# SPDX-License-Identifier: MPL-2.0
"""Names, addresses and guestinfo of members before the clones exist."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instant_clone.fleet import Fleet, Network, Source
from instant_clone.fleet.addresses import addresses_from, mac_text
from instant_clone.fleet.members import MemberValue, guestinfo, mac_addresses, placeholder_values
from instant_clone.vm.source_vm import SourceVm
from tests.instant_clone.replica.replica_layouts import default, nic

SOURCE_VM = default()
TWO_INTERFACES = default(nics=(nic(mac_address="00:50:56:AA:00:01"), nic(key=4001, mac_address="00:50:56:aa:00:02")))


def fleet(*sources: Source, **values: object) -> Fleet:
    return Fleet.model_validate(
        {"name": "web", "datacenter": "d", "datastore": "d", "resource_pool": "c/Resources", "sources": sources}
        | values
    )


def guestinfo_of(web: Fleet, source: Source, index: int, source_vm: SourceVm = SOURCE_VM) -> dict[str, str]:
    return guestinfo(web, source, source_vm)(index)


def value_of_member(value: str | MemberValue | None, index: int) -> str | int | None:
    return value.of(index) if isinstance(value, MemberValue) else value


def ip_addresses(web: Fleet, source_vm: SourceVm) -> tuple[str | MemberValue | None, ...]:
    """Return the value of {nic0_ip}, {nic1_ip} and so on, or None for an interface without an address plan."""
    placeholders = [f"nic{interface}_ip" for interface in range(len(source_vm.nics))]
    guestinfo = {f"guestinfo.{placeholder}": f"{{{placeholder}}}" for placeholder in placeholders}
    found = placeholder_values(web.model_copy(update={"guestinfo": guestinfo}), web.sources[0], source_vm)
    return tuple(found[placeholder] or None for placeholder in placeholders)


def test_guestinfo_contains_name_and_index_of_the_member() -> None:
    source = Source(vm="golden", count=2)
    web = fleet(
        source,
        names="web-{index:02d}",
        guestinfo={"guestinfo.hostname": "{name}", "guestinfo.id": "{fleet}/{source}/{index} {{literal}} ${{x}}"},
    )
    assert guestinfo_of(web, source, 0) == {"guestinfo.hostname": "web-00", "guestinfo.id": "web/vm/0 {literal} ${x}"}
    assert guestinfo_of(web, source, 1) == {"guestinfo.hostname": "web-01", "guestinfo.id": "web/vm/1 {literal} ${x}"}


def test_address_is_first_plus_index_of_the_member() -> None:
    source = Source(vm="golden", members="1,255")
    network = Network(mac="00:50:56:00:00:01", cidr="10.0.0.0/16", first="10.0.0.10")
    web = fleet(source, networks=[network])
    (mac,), (ip,) = mac_addresses(web, SOURCE_VM), ip_addresses(web, SOURCE_VM)
    assert (value_of_member(mac, 1), value_of_member(ip, 1)) == ("00:50:56:00:00:02", "10.0.0.11")
    assert (value_of_member(mac, 255), value_of_member(ip, 255)) == ("00:50:56:00:01:00", "10.0.1.9")


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
def test_returns_mac_and_ip_addresses_for_each_interface_of_the_source(
    networks: list[Network], macs: tuple[str | None, ...], addresses: tuple[str | None, ...]
) -> None:
    web = fleet(Source(vm="golden", count=4), networks=networks)
    assert tuple(value_of_member(mac, 3) for mac in mac_addresses(web, TWO_INTERFACES)) == macs
    assert tuple(value_of_member(address, 3) for address in ip_addresses(web, TWO_INTERFACES)) == addresses


def test_guestinfo_contains_the_address_plan() -> None:
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
    assert guestinfo_of(web, source, 3, TWO_INTERFACES) == {
        "guestinfo.first_planned": expected,
        "guestinfo.nic0": "00:50:56:aa:00:01",
        "guestinfo.nic1": expected,
    }


def test_mac_placeholder_without_address_plan_uses_the_first_interface_with_a_mac_setting() -> None:
    source = Source(vm="golden", members="3")
    web = fleet(source, networks=[Network(), Network(mac="00:50:56:00:00:00")], guestinfo={"guestinfo.mac": "{mac}"})
    assert guestinfo_of(web, source, 3, TWO_INTERFACES) == {"guestinfo.mac": "00:50:56:00:00:03"}


def test_ipv6_plan_has_a_netmask() -> None:
    source = Source(vm="golden", count=1)
    network = Network(cidr="fd00:0:0:1::/64", first="fd00:0:0:1::f")
    web = fleet(source, networks=[network], guestinfo={"guestinfo.ip": "{ip}/{prefix} {netmask}"})
    assert guestinfo_of(web, source, 0) == {"guestinfo.ip": "fd00:0:0:1::f/64 ffff:ffff:ffff:ffff::"}


def test_separates_common_values_from_values_of_each_member() -> None:
    source = Source(key="a", vm="golden", count=2)
    web = fleet(
        source,
        networks=[Network(mac="source", cidr="10.0.0.0/16", first="10.0.0.10"), Network(mac="00:50:56:00:00:00")],
        guestinfo={"guestinfo.a": "{name} {fleet} {source} {ip} {nic0_ip} {netmask} {mac} {nic1_mac}"},
    )
    found = placeholder_values(web, source, TWO_INTERFACES)
    assert {placeholder: value for placeholder, value in found.items() if isinstance(value, str)} == {
        "source": "a",
        "fleet": "web",
        "netmask": "255.255.0.0",
        "mac": "00:50:56:aa:00:01",
    }
    assert {placeholder: value.name for placeholder, value in found.items() if isinstance(value, MemberValue)} == {
        "name": "name",
        "index": "index",
        "ip": "ip",
        "nic0_ip": "ip",
        "nic1_mac": "nic1_mac",
    }


@given(st.sets(st.integers(min_value=0, max_value=10**6), max_size=50))
def test_members_have_unique_names_and_addresses(indexes: set[int]) -> None:
    network = Network(mac="00:50:56:00:00:00", cidr="10.0.0.0/8", first="10.0.0.1")
    web = fleet(Source(vm="golden", count=0), networks=[network])
    (mac,), (ip,) = mac_addresses(web, SOURCE_VM), ip_addresses(web, SOURCE_VM)
    for each in (web.clone_name, lambda index: value_of_member(mac, index), lambda index: value_of_member(ip, index)):
        assert len({each(index) for index in indexes}) == len(indexes)


@given(st.integers(min_value=0, max_value=2**32 - 1))
def test_addresses_have_the_format_of_the_ipaddress_module(number: int) -> None:
    assert addresses_from("0.0.0.0")(number) == str(IPv4Address(number))
    assert addresses_from("::")(number) == str(IPv6Address(number))
    assert mac_text(number) == ":".join(re.findall("..", f"{number:012x}"))
