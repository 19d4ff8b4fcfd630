# SPDX-License-Identifier: MPL-2.0
"""What a fleet says that its sources cannot have."""

from __future__ import annotations

from typing import Any

import pytest

from instant_clone.fleet import Fleet, FleetFile, Network, Source
from instant_clone.fleet.source_compatibility import fitting_findings, fitting_findings_across
from instant_clone.vm.source_vm import SourceVm
from tests.instant_clone.replica.replica_layouts import bios, default, nic, two_controllers

PLAN: dict[str, Any] = {"cidr": "192.168.0.0/24", "first": "192.168.0.10"}


def fleet(name: str = "web", **values: Any) -> Fleet:
    place = {"name": name, "datacenter": "DC0", "datastore": "d", "resource_pool": "c/Resources"}
    return Fleet.model_validate(place | {"sources": [Source(vm="golden", count=2)]} | values)


def told(machine: SourceVm, **values: Any) -> list[str]:
    return [str(found) for found in fitting_findings(fleet(**values), {"vm": machine})]


def windows(**changes: Any) -> SourceVm:
    return default(guest_id="windows2019srv_64Guest", **changes)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"networks": [Network(network="lab", **PLAN)]},
        {"changes": {"num_cpus": 8, "memory": 8192}},
        {"changes": {"num_cpus": 2, "memory": 4096, "networks": [{"network": "backup"}] * 9}},
        {"guestinfo": {"guestinfo.ic.hostname": "{name}.lab.example.com"}},
    ],
)
def test_what_the_source_can_have_is_accepted(values: dict[str, Any]) -> None:
    assert told(default(), **values) == []


def test_numbers_as_they_are_need_no_hot_add() -> None:
    assert told(bios(), changes={"num_cpus": 1, "memory": 1024}) == []


def test_more_tables_than_interfaces_are_refused() -> None:
    assert told(default(), networks=[Network(), Network(), Network()]) == [
        "[[fleets.web.networks]] number 2: /DC0/vm/golden-0 has 1 network interface, no more. "
        "Take the table out; [[fleets.web.changes.networks]] adds interfaces.",
        "[[fleets.web.networks]] number 3: /DC0/vm/golden-0 has 1 network interface, no more. "
        "Take the table out; [[fleets.web.changes.networks]] adds interfaces.",
    ]


def test_a_clone_cannot_have_its_sources_name_in_its_sources_folder() -> None:
    expected = (
        "[fleets.web] names: 'golden-0' is the name of /DC0/vm/golden-0 itself. "
        "Choose another pattern or another folder."
    )
    assert told(default(), names="golden-{index}") == [expected]
    assert told(default(), names="golden-{index}", folder="web") == []
    nested = default(inventory_path="/hall/DC0/vm/web/golden-0")
    assert told(nested, names="golden-{index}") == []
    assert told(nested, names="golden-{index}", folder="web") == [
        expected.replace("/DC0/vm/golden-0", "/hall/DC0/vm/web/golden-0")
    ]


def test_guestinfo_about_a_missing_interface_is_no_second_finding() -> None:
    values = {"networks": [Network(), Network(**PLAN)], "guestinfo": {"guestinfo.hostname": "h-{nic1_ip}"}}
    assert len(told(default(), **values)) == 1


@pytest.mark.parametrize(
    ("changes", "machine", "expected"),
    [
        (
            {"num_cpus": 2},
            bios(),
            "[fleets.web.changes] num_cpus: /DC0/vm/golden-0 has 1; more needs a power cycle. "
            "Processors are added, and cpu_hot_add_enabled is off on the VM. "
            "Turn hot add on in the source while it is off, or take the change out.",
        ),
        (
            {"memory": 2048},
            bios(),
            "[fleets.web.changes] memory: /DC0/vm/golden-0 has 1024 MB; more needs a power cycle. "
            "Memory is added, and memory_hot_add_enabled is off on the VM. "
            "Turn hot add on in the source while it is off, or take the change out.",
        ),
        (
            {"num_cpus": 1},
            default(cpu=default().cpu.model_copy(update={"cores_per_socket": 1})),
            "[fleets.web.changes] num_cpus: /DC0/vm/golden-0 has 2; less needs a power cycle. "
            "Write more, or take it out.",
        ),
        (
            {"memory": 1024},
            default(),
            "[fleets.web.changes] memory: /DC0/vm/golden-0 has 4096 MB; less needs a power cycle. "
            "Write more, or take it out.",
        ),
        (
            {"num_cpus": 3},
            default(),
            "[fleets.web.changes] num_cpus: 3 is not a multiple of the 2 cores that each socket of /DC0/vm/golden-0 "
            "has. Write a multiple of it.",
        ),
        (
            {"networks": [{"network": "backup"}] * 9},
            two_controllers(),
            "[[fleets.web.changes.networks]]: /DC0/vm/golden-0 has 2 network interfaces, and 10 are the most. "
            "Add fewer.",
        ),
    ],
)
def test_changes_that_need_a_power_cycle_or_too_much_are_refused(
    changes: dict[str, Any], machine: SourceVm, expected: str
) -> None:
    assert told(machine, changes=changes) == [expected]


@pytest.mark.parametrize(
    ("machine", "hostname", "expected"),
    [
        (
            windows(),
            "workstation-{name}",
            "'workstation-web-0', of web-0, has 17 characters; a Windows guest's host name has at most 15. Shorten it.",
        ),
        (
            windows(),
            "{name}.lab",
            "'web-0.lab', of web-0, cannot be the host name of a Windows guest. "
            "Use letters, digits and -, not - at its ends, and not digits alone.",
        ),
        (
            windows(),
            "{index}",
            "'0', of web-0, cannot be the host name of a Windows guest. "
            "Use letters, digits and -, not - at its ends, and not digits alone.",
        ),
        (
            default(),
            "web_{index}",
            "'web_0', of web-0, cannot be a host name. "
            "Use letters, digits and -, not - at the ends, with dots between the labels.",
        ),
        (
            default(),
            "",
            "'', of web-0, cannot be a host name. "
            "Use letters, digits and -, not - at the ends, with dots between the labels.",
        ),
        (
            default(),
            "h" * 64,
            f"'{'h' * 64}', of web-0, is too long: a host name has at most 63 characters between its dots, "
            "and 253 in all. Shorten it.",
        ),
    ],
)
def test_a_host_name_that_its_guest_cannot_have_is_refused(machine: SourceVm, hostname: str, expected: str) -> None:
    guestinfo = {"guestinfo.ic.hostname": hostname, "guestinfo.other": "_not a name_"}
    assert told(machine, guestinfo=guestinfo) == [f"[fleets.web.guestinfo] guestinfo.ic.hostname: {expected}"]


def test_the_longest_windows_name_is_accepted() -> None:
    assert told(windows(), guestinfo={"guestinfo.Hostname": "workstation{index:04d}"}) == []


def test_only_the_first_faulty_name_of_a_key_is_told() -> None:
    found = told(windows(), names="a-rather-long-{index}", guestinfo={"guestinfo.hostname": "{name}"})
    assert found == []
    found = told(windows(), names="a-really-long-{index}-name", guestinfo={"guestinfo.hostname": "{name}"})
    assert [text.partition(",")[0] for text in found] == [
        "[fleets.web.guestinfo] guestinfo.hostname: 'a-really-long-0-name'"
    ]


def test_plans_of_two_interfaces_on_the_sources_one_network_may_not_overlap() -> None:
    machine = default(nics=(nic(network_name="lab"), nic(key=4001, network_name="lab")))
    assert told(machine, networks=[Network(**PLAN), Network(**PLAN)]) == [
        "[[fleets.web.networks]] number 2, first: 192.168.0.10 would be an address of the fleet web (source vm, "
        "interface 0) and of the fleet web (source vm, interface 1). Let the address plans of a network lie apart."
    ]
    apart = default(nics=(nic(network_name="lab"), nic(key=4001, network_name="other")))
    assert told(apart, networks=[Network(**PLAN), Network(**PLAN)]) == []


def test_one_vm_under_two_names_gives_its_mac_only_once() -> None:
    sources = [Source(key="a", vm="golden", members="0"), Source(key="b", vm="moid:vm-1", members="1")]
    web = fleet(sources=sources, networks=[Network(mac="source")])
    assert [str(found) for found in fitting_findings(web, {"a": default(), "b": default()})] == [
        "[[fleets.web.networks]] number 1, mac: 00:50:56:80:00:01 would be an address of the fleet web (source a, "
        "interface 0) and of the fleet web (source b, interface 0). "
        "Let the ranges lie apart, or write allow_duplicate_macs = true."
    ]
    allowed = web.model_copy(update={"allow_duplicate_macs": True})
    assert fitting_findings(allowed, {"a": default(), "b": default()}) == []


def test_a_range_leaves_out_the_macs_of_the_source() -> None:
    machine = default(nics=(nic(mac_address="00:50:56:00:00:01"),))
    assert told(machine, networks=[Network(mac="00:50:56:00:00:00")]) == [
        "[[fleets.web.networks]] number 1, mac: 00:50:56:00:00:01 is an address of /DC0/vm/golden-0 itself, and the "
        "member 1's. Begin the range elsewhere."
    ]


def test_a_mac_that_is_none_is_compared_with_nothing() -> None:
    machine = default(nics=(nic(mac_address=""), nic(key=4001, mac_address="")))
    assert told(machine, networks=[Network(mac="source"), Network(mac="00:50:56:00:00:00")]) == []


def test_findings_of_all_sources_come_together_and_once() -> None:
    sources = [Source(key="a", vm="a", members="0"), Source(key="b", vm="b", members="1")]
    web = fleet(sources=sources, changes={"memory": 512}, networks=[Network(), Network()])
    found = fitting_findings(web, {"a": default(), "b": bios()})
    assert [(each.where, each.what) for each in found] == [
        ("[[fleets.web.networks]] number 2", "/DC0/vm/golden-0 has 1 network interface, no more."),
        ("[fleets.web.changes] memory", "/DC0/vm/golden-0 has 4096 MB; less needs a power cycle."),
        ("[fleets.web.changes] memory", "/DC0/vm/golden-0 has 1024 MB; less needs a power cycle."),
    ]


def test_two_fleets_on_the_networks_of_their_sources_may_not_overlap() -> None:
    one, other = fleet("a", networks=[Network(**PLAN)]), fleet("b", networks=[Network(network="DC0_DVPG0", **PLAN)])
    fleet_file = FleetFile(fleets={"a": one, "b": other})
    sources = {("a", "vm"): default(), ("b", "vm"): bios()}
    assert [str(found) for found in fitting_findings_across(fleet_file, sources)] == [
        "[[fleets.b.networks]] number 1, first: 192.168.0.10 would be an address of the fleet a (source vm, "
        "interface 0) and of the fleet b (source vm, interface 0). Let the address plans of a network lie apart."
    ]
    assert fitting_findings(one, {"vm": default()}) == fitting_findings(other, {"vm": bios()}) == []
    assert fitting_findings_across(fleet_file, sources | {("a", "vm"): bios()}) == []
