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


def test_a_network_with_an_address_plan(tmp_path: Path) -> None:
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


def test_a_table_without_values_is_the_sources_network_with_a_generated_mac() -> None:
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
def test_what_fits_is_accepted(network: str, tmp_path: Path) -> None:
    members = "0" if "source" in network else "0-1"
    assert parse(tmp_path, web(network, members=members)).fleets["web"].networks


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        (
            'cidr = "192.168.0.0"',
            'cidr: \'192.168.0.0\' is not a network. Write one such as "192.168.0.0/24" or "fd00::/64".',
        ),
        (
            'cidr = "192.168.0.0/255.255.255.0"',
            'cidr: \'192.168.0.0/255.255.255.0\' is not a network. Write one such as "192.168.0.0/24" or "fd00::/64".',
        ),
        (
            'cidr = "192.168.0.1/24"',
            "cidr: '192.168.0.1/24' is an address within a network. Write the network: \"192.168.0.0/24\".",
        ),
        (
            'cidr = "192.168.0.0/24"\nfirst = "192.168.0"',
            'first: \'192.168.0\' is not an IP address. Write one such as "192.168.0.10" or "fd00::10".',
        ),
        (
            'cidr = "192.168.0.0/24"\nfirst = "fe80::1%eth0"',
            "first: 'fe80::1%eth0' names an interface of this machine. Leave out the % and what follows.",
        ),
        (
            'cidr = "192.168.0.0/24"\nfirst = "192.168.0.10"\ngateway = "router"',
            'gateway: \'router\' is not an IP address. Write one such as "192.168.0.10" or "fd00::10".',
        ),
        (
            'cidr = "192.168.0.0/24"\nfirst = "192.168.0.10"\ndns = ["192.168.0.2", "8.8.8"]',
            'dns, number 2: \'8.8.8\' is not an IP address. Write one such as "192.168.0.10" or "fd00::10".',
        ),
        (
            'cidr = "192.168.0.0/24"\nfirst = "192.168.0.10"\ndns = "192.168.0.2"',
            "dns: '192.168.0.2' is of the wrong type. Write a list of texts in quotes.",
        ),
        ('cidr = "192.168.0.0/24"', "first: is missing. Write the address of the member with index 0."),
        (
            'first = "192.168.0.10"',
            "first: is part of an address plan, and there is no cidr. "
            'Add the network, such as cidr = "192.168.0.0/24".',
        ),
        (
            'gateway = "192.168.0.1"',
            "gateway: is part of an address plan, and there is no cidr. "
            'Add the network, such as cidr = "192.168.0.0/24".',
        ),
        (
            'dns = ["192.168.0.1"]',
            'dns: is part of an address plan, and there is no cidr. Add the network, such as cidr = "192.168.0.0/24".',
        ),
        (
            'cidr = "192.168.0.0/24"\nfirst = "192.168.1.10"',
            "first: 192.168.1.10 is not within 192.168.0.0/24. Write an address of the network.",
        ),
        (
            'cidr = "192.168.0.0/24"\nfirst = "fd00::1"',
            "first: fd00::1 is not within 192.168.0.0/24. Write an address of the network.",
        ),
        (
            'cidr = "192.168.0.0/29"\nfirst = "192.168.0.1"',
            "first: the member 9 would get an address outside 192.168.0.0/29. Begin lower, or use a larger network.",
        ),
        (
            'cidr = "255.255.255.0/24"\nfirst = "255.255.255.250"',
            "first: the member 9 would get an address outside 255.255.255.0/24. Begin lower, or use a larger network.",
        ),
        (
            'cidr = "192.168.0.0/24"\nfirst = "192.168.0.0"',
            "first: the member 0 would get 192.168.0.0, the network address. Begin elsewhere, or leave the index out.",
        ),
        (
            'cidr = "192.168.0.0/24"\nfirst = "192.168.0.246"',
            "first: the member 9 would get 192.168.0.255, the broadcast address. "
            "Begin elsewhere, or leave the index out.",
        ),
        (
            'cidr = "fd00::/64"\nfirst = "fd00::"',
            "first: the member 0 would get fd00::, the network address. Begin elsewhere, or leave the index out.",
        ),
        (
            'cidr = "192.168.0.0/24"\nfirst = "192.168.0.1"\ngateway = "192.168.0.5"',
            "first: the member 4 would get 192.168.0.5, the gateway. Begin elsewhere, or leave the index out.",
        ),
        (
            'cidr = "192.168.0.0/24"\nfirst = "192.168.0.10"\ngateway = "192.168.1.1"',
            "gateway: 192.168.1.1 is not within 192.168.0.0/24. Write an address of the network.",
        ),
        (
            'cidr = "192.168.0.0/24"\nfirst = "192.168.0.10"\ngateway = "192.168.0.255"',
            "gateway: 192.168.0.255 is the broadcast address of 192.168.0.0/24. Write another one.",
        ),
        (
            'mac = "00:50:56:80:00:00"',
            "mac: '00:50:56:80:00:00' is not an address that may be assigned by hand. "
            "Write one from 00:50:56:00:00:00 to 00:50:56:3f:ff:ff.",
        ),
        (
            'mac = "00:50:56:3F:FF:FF"',
            "mac: the member 9 would get an address above 00:50:56:3f:ff:ff. Begin lower.",
        ),
        ('mac = "Generated"', "mac: 'Generated' is not known. Did you mean \"generated\"?"),
        (
            'mac = "dhcp"',
            'mac: \'dhcp\' is not known. Write "generated", "source" or a first address such as "00:50:56:00:00:00".',
        ),
        (
            'mac = "source"',
            "mac: 10 clones of 'golden-web' would have its MAC address on one network. "
            'Write "generated", or a first address, or allow_duplicate_macs = true.',
        ),
    ],
)
def test_what_does_not_fit_is_named_with_the_cure(network: str, expected: str, tmp_path: Path) -> None:
    assert errors(tmp_path, web(network)) == [f"[[fleets.web.networks]] number 1, {expected}"]


def test_the_index_counts_not_the_position(tmp_path: Path) -> None:
    text = web('cidr = "192.168.0.0/24"\nfirst = "192.168.0.10"', members="5,300")
    assert errors(tmp_path, text) == [
        "[[fleets.web.networks]] number 1, first: the member 300 would get an address outside 192.168.0.0/24. "
        "Begin lower, or use a larger network."
    ]


def test_an_index_that_is_left_out_leaves_its_address_to_the_gateway(tmp_path: Path) -> None:
    text = web('cidr = "192.168.0.0/24"\nfirst = "192.168.0.1"\ngateway = "192.168.0.5"', members="0-3,5")
    assert parse(tmp_path, text).fleets["web"].networks[0].gateway == "192.168.0.5"


OVERLAP = (
    "[[fleets.b.networks]] number 1, first: 192.168.0.14 would be an address of the fleet web (source vm, interface 0) "
    "and of the fleet b (source vm, interface 0). Let the address plans of a network lie apart."
)
LATER = 'cidr = "192.168.0.0/16"\nfirst = "192.168.0.14"'


def test_plans_that_overlap_on_one_network_are_refused(tmp_path: Path) -> None:
    text = web(f'network = "lab"\n{PLAN}') + web(f'network = "/DC0/network/lab"\n{LATER}', name="b")
    assert errors(tmp_path, text) == [OVERLAP]


def test_plans_that_overlap_on_the_network_of_one_source_are_refused(tmp_path: Path) -> None:
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
def test_plans_that_lie_apart_are_accepted(other: str, tmp_path: Path) -> None:
    assert list(parse(tmp_path, web(f'network = "lab"\n{PLAN}') + other).fleets) == ["web", "b"]


def test_two_interfaces_of_one_network_cannot_share_a_plan(tmp_path: Path) -> None:
    assert errors(tmp_path, web(f'network = "lab"\n{PLAN}--network = "lab"\n{PLAN}', members="0")) == [
        "[[fleets.web.networks]] number 2, first: 192.168.0.10 would be an address of the fleet web (source vm, "
        "interface 0) and of the fleet web (source vm, interface 1). Let the address plans of a network lie apart."
    ]


def test_mac_ranges_that_overlap_are_refused_on_any_network(tmp_path: Path) -> None:
    text = web('network = "lab"\nmac = "00:50:56:00:00:00"') + web('mac = "00:50:56:00:00:09"', name="b")
    assert errors(tmp_path, text) == [
        "[[fleets.b.networks]] number 1, mac: 00:50:56:00:00:09 would be an address of the fleet web (source vm, "
        "interface 0) and of the fleet b (source vm, interface 0). "
        "Let the ranges lie apart, or write allow_duplicate_macs = true."
    ]
    assert list(parse(tmp_path, text.replace(":00:09", ":00:0a")).fleets) == ["web", "b"]


def test_duplicate_macs_can_be_allowed(tmp_path: Path) -> None:
    more = "allow_duplicate_macs = true"
    ranges = web('mac = "00:50:56:00:00:00"') + web('mac = "00:50:56:00:00:00"', name="b", more=more)
    assert parse(tmp_path, ranges).fleets["b"].allow_duplicate_macs
    assert parse(tmp_path, web('mac = "source"', more=more)).fleets["web"].networks[0].mac == "source"


def test_the_sources_mac_may_be_on_several_networks(tmp_path: Path) -> None:
    text = "".join(
        web(f'network = "{name}"\nmac = "source"', members="0", name=name).replace(f"golden-{name}", "golden")
        for name in ("a", "b")
    )
    assert list(parse(tmp_path, text).fleets) == ["a", "b"]
    assert errors(tmp_path, text.replace('network = "b"', 'network = "a"')) == [
        "[[fleets.b.networks]] number 1, mac: 2 clones of 'golden' would have its MAC address on one network. "
        'Write "generated", or a first address, or allow_duplicate_macs = true.'
    ]


def test_plans_are_checked_once_their_values_are_sound(tmp_path: Path) -> None:
    text = (
        web(f'cidr = "192.168.0.0"\nfirst = "1.1.1.1"--{PLAN}\ngateway = "192.168.0.12"\nmak = "source"')
        + "[fleets.web.changes]\nnum_cpus = 0\nmemory = 1025\n[[fleets.web.changes.disks]]\nsize = 1.5\n"
        + "[[fleets.web.changes.networks]]\n"
    )
    assert errors(tmp_path, text) == [
        "[[fleets.web.networks]] number 1, cidr: '192.168.0.0' is not a network. "
        'Write one such as "192.168.0.0/24" or "fd00::/64".',
        '[[fleets.web.networks]] number 2, mak: is not a key that is known here. Did you mean "mac"?',
        "[fleets.web.changes] num_cpus: 0 is out of range. Write a number of at least 1.",
        "[fleets.web.changes] memory: 1025 is not a multiple of 4. vSphere takes no other sizes.",
        "[[fleets.web.changes.disks]] number 1, size: 1.5 is of the wrong type. Write a whole number without quotes.",
        "[[fleets.web.changes.networks]] number 1, network: is missing. Add it.",
    ]
