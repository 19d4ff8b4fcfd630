"""The clones of a source before they exist."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from instant_clone.fleet import Fleet, Network, Source
from instant_clone.members import Member, members
from tests.instant_clone.replica_layouts import default, nic

MACHINE = default()
TWO_INTERFACES = default(nics=(nic(mac_address="00:50:56:AA:00:01"), nic(key=4001, mac_address="00:50:56:aa:00:02")))


def fleet(*sources: Source, **values: object) -> Fleet:
    return Fleet.model_validate(
        {"name": "web", "datacenter": "d", "datastore": "d", "resource_pool": "c/Resources", "sources": sources}
        | values
    )


def test_a_member_has_its_name_and_its_guestinfo() -> None:
    source = Source(vm="golden", count=2)
    web = fleet(
        source,
        names="web-{index:02d}",
        guestinfo={"guestinfo.hostname": "{name}", "guestinfo.id": "{fleet}/{source}/{index} {{literal}} ${{x}}"},
    )
    assert members(web, source, MACHINE) == (
        Member(
            "web-00", 0, {"guestinfo.hostname": "web-00", "guestinfo.id": "web/vm/0 {literal} ${x}"}, (None,), (None,)
        ),
        Member(
            "web-01", 1, {"guestinfo.hostname": "web-01", "guestinfo.id": "web/vm/1 {literal} ${x}"}, (None,), (None,)
        ),
    )


def test_each_source_has_the_members_with_its_indexes_in_their_order() -> None:
    first, second = Source(key="a", vm="a", members="12,0-1"), Source(key="b", vm="b", members="2")
    web = fleet(first, second)
    assert [member.name for member in members(web, first, MACHINE)] == ["web-0", "web-1", "web-12"]
    assert [member.name for member in members(web, second, MACHINE)] == ["web-2"]


def test_no_count_no_members() -> None:
    source = Source(vm="golden", count=0)
    assert members(fleet(source), source, MACHINE) == ()


def test_a_larger_count_leaves_the_other_members_as_they_are() -> None:
    three, four = Source(vm="golden", count=3), Source(vm="golden", count=4)
    assert members(fleet(four), four, MACHINE)[:3] == members(fleet(three), three, MACHINE)


def test_addresses_are_counted_from_the_first_by_the_members_index() -> None:
    source = Source(vm="golden", members="1,255")
    network = Network(mac="00:50:56:00:00:01", cidr="10.0.0.0/16", first="10.0.0.10")
    one, other = members(fleet(source, networks=[network]), source, MACHINE)
    assert (one.macs, one.addresses) == (("00:50:56:00:00:02",), ("10.0.0.11",))
    assert (other.macs, other.addresses) == (("00:50:56:00:01:00",), ("10.0.1.9",))


def test_there_is_a_mac_and_an_address_for_each_interface_of_the_source() -> None:
    source = Source(vm="golden", count=1)
    assert [
        (member.macs, member.addresses)
        for networks in ([], [Network()], [Network(mac="source", cidr="fd00::/64", first="fd00::f")])
        for member in members(fleet(source, networks=networks), source, TWO_INTERFACES)
    ] == [
        ((None, None), (None, None)),
        ((None, None), (None, None)),
        (("00:50:56:aa:00:01", None), ("fd00::f", None)),
    ]


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
    told = "192.168.0.13 255.255.255.192 26 192.168.0.1 192.168.0.2,fd00::2 00:50:56:00:00:03"
    (member,) = members(web, source, TWO_INTERFACES)
    assert member.guestinfo == {
        "guestinfo.first_planned": told,
        "guestinfo.nic0": "00:50:56:aa:00:01",
        "guestinfo.nic1": told,
    }


def test_without_an_address_plan_the_mac_is_that_of_the_first_interface_with_one() -> None:
    source = Source(vm="golden", members="3")
    web = fleet(source, networks=[Network(), Network(mac="00:50:56:00:00:00")], guestinfo={"guestinfo.mac": "{mac}"})
    assert members(web, source, TWO_INTERFACES)[0].guestinfo == {"guestinfo.mac": "00:50:56:00:00:03"}


def test_an_ipv6_plan_has_a_netmask_too() -> None:
    source = Source(vm="golden", count=1)
    network = Network(cidr="fd00:0:0:1::/64", first="fd00:0:0:1::f")
    web = fleet(source, networks=[network], guestinfo={"guestinfo.ip": "{ip}/{prefix} {netmask}"})
    assert members(web, source, MACHINE)[0].guestinfo == {"guestinfo.ip": "fd00:0:0:1::f/64 ffff:ffff:ffff:ffff::"}


@given(st.sets(st.integers(min_value=0, max_value=10**6), max_size=50))
def test_no_two_members_have_one_name_or_address(indexes: set[int]) -> None:
    source = Source(vm="golden", members=",".join(map(str, indexes))) if indexes else Source(vm="golden", count=0)
    network = Network(mac="00:50:56:00:00:00", cidr="10.0.0.0/8", first="10.0.0.1")
    made = members(fleet(source, networks=[network]), source, MACHINE)
    assert [member.name for member in made] == [f"web-{index}" for index in sorted(indexes)]
    assert len({member.addresses for member in made}) == len({member.macs for member in made}) == len(indexes)
