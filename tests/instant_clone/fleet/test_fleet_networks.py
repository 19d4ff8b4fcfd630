# SPDX-License-Identifier: MPL-2.0
"""Address plans and MAC ranges in fleets.toml."""

from __future__ import annotations

from pathlib import Path

import pytest

from instant_clone.fleet import Network
from tests.instant_clone.fleet.fleet_files import PLACE, errors, parse


def web(networks: str, *, members: str = "0-9", name: str = "web", more: str = "") -> str:
    return (
        f'[fleets.{name}]\n{PLACE}{more}\n[[fleets.{name}.sources]]\nvm = "golden-{name}"\nmembers = "{members}"\n'
    ) + "".join(f"[[fleets.{name}.networks]]\n{network}\n" for network in networks.split("--"))


PLAN = 'cidr = "192.168.0.0/24"\nfirst = "192.168.0.10"'


def test_parses_a_network_with_an_address_plan(tmp_path: Path) -> None:
    text = web(f'network = "VM Network"\nmac = "00:50:56:3F:00:F0"\n{PLAN}\ngateway = "192.168.0.1"', members="0,20")
    assert parse(tmp_path, text).fleets["web"].networks == (
        Network(
            network="VM Network",
            mac="00:50:56:3f:00:f0",
            cidr="192.168.0.0/24",
            first="192.168.0.10",
            gateway="192.168.0.1",
            dns=(),
        ),
    )


def test_empty_table_keeps_the_network_and_generates_the_mac_address() -> None:
    network = Network()
    assert (network.network, network.mac, network.planned) == (None, "generated", False)


@pytest.mark.parametrize(
    "network",
    [
        'cidr = "192.168.0.0/31"\nfirst = "192.168.0.0"',
        'cidr = "fd00::/127"\nfirst = "fd00::"',
        'cidr = "fd00::/64"\nfirst = "fd00::a"\ngateway = "fe80::1"\ndns = ["192.168.0.2", "fd00::2"]',
        'cidr = "192.168.0.0/24"\nfirst = "192.168.0.253"\ngateway = "192.168.0.1"',
        'mac = "00-50-56-3F-FF-FE"',
        'mac = "source"\n--',
    ],
)
def test_accepts_valid_address_plans_and_mac_settings(network: str, tmp_path: Path) -> None:
    members = "0" if "source" in network else "0-1"
    assert parse(tmp_path, web(network, members=members)).fleets["web"].networks


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        (
            'cidr = "192.168.0.0"',
            "cidr: '192.168.0.0' is not a network in CIDR notation. "
            'Use a network such as "192.168.0.0/24" or "fd00::/64".',
        ),
        (
            'cidr = "192.168.0.0/255.255.255.0"',
            "cidr: '192.168.0.0/255.255.255.0' is not a network in CIDR notation. "
            'Use a network such as "192.168.0.0/24" or "fd00::/64".',
        ),
        (
            'cidr = "192.168.0.1/24"',
            "cidr: '192.168.0.1/24' is an address in a network. Use the network: \"192.168.0.0/24\".",
        ),
        (
            'cidr = "192.168.0.0/24"\nfirst = "192.168.0"',
            'first: \'192.168.0\' is not an IP address. Use an address such as "192.168.0.10" or "fd00::10".',
        ),
        (
            'cidr = "192.168.0.0/24"\nfirst = "fe80::1%eth0"',
            "first: 'fe80::1%eth0' contains an IPv6 zone. Remove the % and the text after it.",
        ),
        (
            'cidr = "192.168.0.0/24"\nfirst = "192.168.0.10"\ngateway = "router"',
            'gateway: \'router\' is not an IP address. Use an address such as "192.168.0.10" or "fd00::10".',
        ),
        (
            'cidr = "192.168.0.0/24"\nfirst = "192.168.0.10"\ndns = ["192.168.0.2", "8.8.8"]',
            'dns, number 2: \'8.8.8\' is not an IP address. Use an address such as "192.168.0.10" or "fd00::10".',
        ),
        (
            'cidr = "192.168.0.0/24"\nfirst = "192.168.0.10"\ndns = "192.168.0.2"',
            "dns: '192.168.0.2' has the wrong type. Use a list of strings in quotes.",
        ),
        ('cidr = "192.168.0.0/24"', "first: is missing. Set it to the address of the member with index 0."),
        (
            'first = "192.168.0.10"',
            'first: requires cidr. Add the network, such as cidr = "192.168.0.0/24".',
        ),
        (
            'gateway = "192.168.0.1"',
            'gateway: requires cidr. Add the network, such as cidr = "192.168.0.0/24".',
        ),
        (
            'dns = ["192.168.0.1"]',
            'dns: requires cidr. Add the network, such as cidr = "192.168.0.0/24".',
        ),
        (
            'cidr = "192.168.0.0/24"\nfirst = "192.168.1.10"',
            "first: 192.168.1.10 is not in 192.168.0.0/24. Use an address in the network.",
        ),
        (
            'cidr = "192.168.0.0/24"\nfirst = "fd00::1"',
            "first: fd00::1 is not in 192.168.0.0/24. Use an address in the network.",
        ),
        (
            'cidr = "192.168.0.0/29"\nfirst = "192.168.0.1"',
            "first: member 9 would get an address outside 192.168.0.0/29. "
            "Use a lower first address or a larger network.",
        ),
        (
            'cidr = "255.255.255.0/24"\nfirst = "255.255.255.250"',
            "first: member 9 would get an address outside 255.255.255.0/24. "
            "Use a lower first address or a larger network.",
        ),
        (
            'cidr = "192.168.0.0/24"\nfirst = "192.168.0.0"',
            "first: member 0 would get 192.168.0.0, which is the network address. "
            "Use another first address, or remove the index from the members.",
        ),
        (
            'cidr = "192.168.0.0/24"\nfirst = "192.168.0.246"',
            "first: member 9 would get 192.168.0.255, which is the broadcast address. "
            "Use another first address, or remove the index from the members.",
        ),
        (
            'cidr = "fd00::/64"\nfirst = "fd00::"',
            "first: member 0 would get fd00::, which is the network address. "
            "Use another first address, or remove the index from the members.",
        ),
        (
            'cidr = "192.168.0.0/24"\nfirst = "192.168.0.1"\ngateway = "192.168.0.5"',
            "first: member 4 would get 192.168.0.5, which is the gateway. "
            "Use another first address, or remove the index from the members.",
        ),
        (
            'cidr = "192.168.0.0/24"\nfirst = "192.168.0.10"\ngateway = "192.168.1.1"',
            "gateway: 192.168.1.1 is not in 192.168.0.0/24. Use an address in the network.",
        ),
        (
            'cidr = "192.168.0.0/24"\nfirst = "192.168.0.10"\ngateway = "192.168.0.255"',
            "gateway: 192.168.0.255 is the broadcast address of 192.168.0.0/24. Use another address.",
        ),
        (
            'mac = "00:50:56:80:00:00"',
            "mac: '00:50:56:80:00:00' is not in VMware's range for static MAC addresses. "
            "Use an address from 00:50:56:00:00:00 to 00:50:56:3f:ff:ff.",
        ),
        (
            'mac = "00:50:56:3F:FF:FF"',
            "mac: member 9 would get a MAC address above 00:50:56:3f:ff:ff. Use a lower first address.",
        ),
        ('mac = "Generated"', "mac: 'Generated' is not a valid MAC setting. Did you mean \"generated\"?"),
        (
            'mac = "dhcp"',
            "mac: 'dhcp' is not a valid MAC setting. "
            'Use "generated", "source" or a first address such as "00:50:56:00:00:00".',
        ),
        (
            'mac = "source"',
            "mac: 10 clones would have the MAC address of 'golden-web' on the same network. "
            'Use "generated" or a first address, or set allow_duplicate_macs = true.',
        ),
    ],
)
def test_rejects_invalid_address_plans_and_mac_settings(network: str, expected: str, tmp_path: Path) -> None:
    assert errors(tmp_path, web(network)) == [f"[[fleets.web.networks]] number 1, {expected}"]


def test_address_depends_on_the_index_of_the_member(tmp_path: Path) -> None:
    text = web('cidr = "192.168.0.0/24"\nfirst = "192.168.0.10"', members="5,300")
    assert errors(tmp_path, text) == [
        "[[fleets.web.networks]] number 1, first: member 300 would get an address outside 192.168.0.0/24. "
        "Use a lower first address or a larger network."
    ]


def test_accepts_a_gateway_at_the_address_of_an_unused_index(tmp_path: Path) -> None:
    text = web('cidr = "192.168.0.0/24"\nfirst = "192.168.0.1"\ngateway = "192.168.0.5"', members="0-3,5")
    assert parse(tmp_path, text).fleets["web"].networks[0].gateway == "192.168.0.5"


OVERLAP = (
    "[[fleets.b.networks]] number 1, first: 192.168.0.14 is an address of the fleet web (source vm, interface 0) "
    "and of the fleet b (source vm, interface 0). Use address ranges that do not overlap."
)
LATER = 'cidr = "192.168.0.0/16"\nfirst = "192.168.0.14"'


def test_rejects_overlapping_plans_on_the_same_network(tmp_path: Path) -> None:
    text = web(f'network = "lab"\n{PLAN}') + web(f'network = "/DC0/network/lab"\n{LATER}', name="b")
    assert errors(tmp_path, text) == [OVERLAP]


def test_rejects_overlapping_plans_on_the_network_of_the_same_source(tmp_path: Path) -> None:
    text = (web(PLAN) + web(LATER, name="b")).replace("golden-b", "golden-web")
    assert errors(tmp_path, text) == [OVERLAP]


@pytest.mark.parametrize(
    "other",
    [
        web(f'network = "other"\n{PLAN}', name="b"),
        web(f'network = "lab"\n{PLAN}', name="b").replace('datacenter = "DC0"', 'datacenter = "DC1"'),
        web('network = "lab"\ncidr = "192.168.0.0/24"\nfirst = "192.168.0.20"', name="b"),
        web('network = "lab"\ncidr = "::/64"\nfirst = "::c0a8:a"', name="b"),
        web(f'network = "lab"\n{PLAN}', members="10-19", name="b"),
    ],
)
def test_accepts_plans_that_do_not_overlap(other: str, tmp_path: Path) -> None:
    assert list(parse(tmp_path, web(f'network = "lab"\n{PLAN}') + other).fleets) == ["web", "b"]


def test_rejects_one_plan_for_two_interfaces_on_the_same_network(tmp_path: Path) -> None:
    assert errors(tmp_path, web(f'network = "lab"\n{PLAN}--network = "lab"\n{PLAN}', members="0")) == [
        "[[fleets.web.networks]] number 2, first: 192.168.0.10 is an address of the fleet web (source vm, "
        "interface 0) and of the fleet web (source vm, interface 1). Use address ranges that do not overlap."
    ]


def test_rejects_overlapping_mac_ranges_on_different_networks(tmp_path: Path) -> None:
    text = web('network = "lab"\nmac = "00:50:56:00:00:00"') + web('mac = "00:50:56:00:00:09"', name="b")
    assert errors(tmp_path, text) == [
        "[[fleets.b.networks]] number 1, mac: 00:50:56:00:00:09 is an address of the fleet web (source vm, "
        "interface 0) and of the fleet b (source vm, interface 0). "
        "Use MAC ranges that do not overlap, or set allow_duplicate_macs = true."
    ]
    assert list(parse(tmp_path, text.replace(":00:09", ":00:0a")).fleets) == ["web", "b"]


def test_accepts_duplicate_mac_addresses_if_allowed(tmp_path: Path) -> None:
    more = "allow_duplicate_macs = true"
    ranges = web('mac = "00:50:56:00:00:00"') + web('mac = "00:50:56:00:00:00"', name="b", more=more)
    assert parse(tmp_path, ranges).fleets["b"].allow_duplicate_macs
    assert parse(tmp_path, web('mac = "source"', more=more)).fleets["web"].networks[0].mac == "source"


def test_accepts_the_mac_address_of_the_source_once_per_network(tmp_path: Path) -> None:
    text = "".join(
        web(f'network = "{name}"\nmac = "source"', members="0", name=name).replace(f"golden-{name}", "golden")
        for name in ("a", "b")
    )
    assert list(parse(tmp_path, text).fleets) == ["a", "b"]
    assert errors(tmp_path, text.replace('network = "b"', 'network = "a"')) == [
        "[[fleets.b.networks]] number 1, mac: 2 clones would have the MAC address of 'golden' on the same network. "
        'Use "generated" or a first address, or set allow_duplicate_macs = true.'
    ]


def test_checks_plans_only_if_all_values_are_valid(tmp_path: Path) -> None:
    text = (
        web(f'cidr = "192.168.0.0"\nfirst = "1.1.1.1"--{PLAN}\ngateway = "192.168.0.12"\nmak = "source"')
        + "[fleets.web.changes]\nnum_cpus = 0\nmemory = 1025\n[[fleets.web.changes.disks]]\nsize = 1.5\n"
        + "[[fleets.web.changes.networks]]\n"
    )
    assert errors(tmp_path, text) == [
        "[[fleets.web.networks]] number 1, cidr: '192.168.0.0' is not a network in CIDR notation. "
        'Use a network such as "192.168.0.0/24" or "fd00::/64".',
        '[[fleets.web.networks]] number 2, mak: unknown key. Did you mean "mac"?',
        "[fleets.web.changes] num_cpus: 0 is out of range. Use a number of at least 1.",
        "[fleets.web.changes] memory: 1025 is not a multiple of 4. "
        "Use a multiple of 4; vSphere supports no other sizes.",
        "[[fleets.web.changes.disks]] number 1, size: 1.5 has the wrong type. Use an integer without quotes.",
        "[[fleets.web.changes.networks]] number 1, network: is missing. Add the key.",
    ]
