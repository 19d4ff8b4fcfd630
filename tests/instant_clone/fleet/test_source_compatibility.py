# SPDX-License-Identifier: MPL-2.0
"""Checks of a fleet against the hardware of its sources."""

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


def findings(source_vm: SourceVm, **values: Any) -> list[str]:
    return [str(found) for found in fitting_findings(fleet(**values), {"vm": source_vm})]


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
def test_accepts_values_that_the_source_supports(values: dict[str, Any]) -> None:
    assert findings(default(), **values) == []


def test_unchanged_hardware_requires_no_hot_add() -> None:
    assert findings(bios(), changes={"num_cpus": 1, "memory": 1024}) == []


def test_rejects_more_networks_tables_than_interfaces() -> None:
    assert findings(default(), networks=[Network(), Network(), Network()]) == [
        "[[fleets.web.networks]] number 2: /DC0/vm/golden-0 has only 1 network interface. "
        "Remove the table, or add an interface with [[fleets.web.changes.networks]].",
        "[[fleets.web.networks]] number 3: /DC0/vm/golden-0 has only 1 network interface. "
        "Remove the table, or add an interface with [[fleets.web.changes.networks]].",
    ]


def test_rejects_the_name_of_the_source_in_the_same_folder() -> None:
    expected = (
        "[fleets.web] names: 'golden-0' is the name of the source /DC0/vm/golden-0 in the same folder. "
        "Use another pattern or another folder."
    )
    assert findings(default(), names="golden-{index}") == [expected]
    assert findings(default(), names="golden-{index}", folder="web") == []
    nested = default(inventory_path="/hall/DC0/vm/web/golden-0")
    assert findings(nested, names="golden-{index}") == []
    assert findings(nested, names="golden-{index}", folder="web") == [
        expected.replace("/DC0/vm/golden-0", "/hall/DC0/vm/web/golden-0")
    ]


def test_reports_a_missing_interface_only_once() -> None:
    values = {"networks": [Network(), Network(**PLAN)], "guestinfo": {"guestinfo.hostname": "h-{nic1_ip}"}}
    assert len(findings(default(), **values)) == 1


@pytest.mark.parametrize(
    ("changes", "source_vm", "expected"),
    [
        (
            {"num_cpus": 2},
            bios(),
            "[fleets.web.changes] num_cpus: /DC0/vm/golden-0 has 1; a higher value requires a power cycle. "
            "Processors are added, and cpu_hot_add_enabled is off on the VM. "
            "Enable hot add on the source while it is powered off, or remove the key.",
        ),
        (
            {"memory": 2048},
            bios(),
            "[fleets.web.changes] memory: /DC0/vm/golden-0 has 1024 MB; a higher value requires a power cycle. "
            "Memory is added, and memory_hot_add_enabled is off on the VM. "
            "Enable hot add on the source while it is powered off, or remove the key.",
        ),
        (
            {"num_cpus": 1},
            default(cpu=default().cpu.model_copy(update={"cores_per_socket": 1})),
            "[fleets.web.changes] num_cpus: /DC0/vm/golden-0 has 2; a lower value requires a power cycle. "
            "Use a higher value, or remove the key.",
        ),
        (
            {"memory": 1024},
            default(),
            "[fleets.web.changes] memory: /DC0/vm/golden-0 has 4096 MB; a lower value requires a power cycle. "
            "Use a higher value, or remove the key.",
        ),
        (
            {"num_cpus": 3},
            default(),
            "[fleets.web.changes] num_cpus: 3 is not a multiple of 2, the cores per socket of /DC0/vm/golden-0. "
            "Use a multiple of 2.",
        ),
        (
            {"networks": [{"network": "backup"}] * 9},
            two_controllers(),
            "[[fleets.web.changes.networks]]: /DC0/vm/golden-0 has 2 network interfaces; a VM has at most 10. "
            "Add fewer interfaces.",
        ),
    ],
)
def test_rejects_changes_that_require_a_power_cycle_or_exceed_a_limit(
    changes: dict[str, Any], source_vm: SourceVm, expected: str
) -> None:
    assert findings(source_vm, changes=changes) == [expected]


@pytest.mark.parametrize(
    ("source_vm", "hostname", "expected"),
    [
        (
            windows(),
            "workstation-{name}",
            "'workstation-web-0', the host name of web-0, has 17 characters; a Windows host name has at most 15. "
            "Shorten the host name.",
        ),
        (
            windows(),
            "{name}.lab",
            "'web-0.lab', the host name of web-0, is not a valid Windows host name. "
            "Use letters, digits and -. Do not start or end with -, and do not use only digits.",
        ),
        (
            windows(),
            "{index}",
            "'0', the host name of web-0, is not a valid Windows host name. "
            "Use letters, digits and -. Do not start or end with -, and do not use only digits.",
        ),
        (
            default(),
            "web_{index}",
            "'web_0', the host name of web-0, is not a valid host name. "
            "Use letters, digits and -, with dots between the labels. Do not start or end a label with -.",
        ),
        (
            default(),
            "",
            "'', the host name of web-0, is not a valid host name. "
            "Use letters, digits and -, with dots between the labels. Do not start or end a label with -.",
        ),
        (
            default(),
            "h" * 64,
            f"'{'h' * 64}', the host name of web-0, is too long; the limit is 63 characters per label "
            "and 253 in total. Shorten the host name.",
        ),
    ],
)
def test_rejects_host_names_that_are_invalid_for_the_guest(source_vm: SourceVm, hostname: str, expected: str) -> None:
    guestinfo = {"guestinfo.ic.hostname": hostname, "guestinfo.other": "_not a name_"}
    assert findings(source_vm, guestinfo=guestinfo) == [f"[fleets.web.guestinfo] guestinfo.ic.hostname: {expected}"]


def test_accepts_a_windows_host_name_of_maximum_length() -> None:
    assert findings(windows(), guestinfo={"guestinfo.Hostname": "workstation{index:04d}"}) == []


def test_does_not_check_encoded_host_names() -> None:
    assert findings(default(), guestinfo={"guestinfo.hostname": {"text": "web", "encoding": "base64"}}) == []
    found = findings(default(), guestinfo={"guestinfo.hostname": {"text": "{web}"}})
    assert found == [
        "[fleets.web.guestinfo] guestinfo.hostname: '{web}', the host name of web-0, is not a valid host name. Use "
        "letters, digits and -, with dots between the labels. Do not start or end a label with -."
    ]


def test_reports_only_the_first_invalid_host_name_of_a_key() -> None:
    found = findings(windows(), names="a-rather-long-{index}", guestinfo={"guestinfo.hostname": "{name}"})
    assert found == []
    found = findings(windows(), names="a-really-long-{index}-name", guestinfo={"guestinfo.hostname": "{name}"})
    assert [text.partition(",")[0] for text in found] == [
        "[fleets.web.guestinfo] guestinfo.hostname: 'a-really-long-0-name'"
    ]


def test_rejects_overlapping_plans_of_two_interfaces_on_one_network_of_the_source() -> None:
    source_vm = default(nics=(nic(network_name="lab"), nic(key=4001, network_name="lab")))
    assert findings(source_vm, networks=[Network(**PLAN), Network(**PLAN)]) == [
        "[[fleets.web.networks]] number 2, first: 192.168.0.10 is an address of the fleet web (source vm, "
        "interface 0) and of the fleet web (source vm, interface 1). Use address ranges that do not overlap."
    ]
    apart = default(nics=(nic(network_name="lab"), nic(key=4001, network_name="other")))
    assert findings(apart, networks=[Network(**PLAN), Network(**PLAN)]) == []


def test_rejects_the_mac_address_of_one_vm_for_two_sources() -> None:
    sources = [Source(key="a", vm="golden", members="0"), Source(key="b", vm="moid:vm-1", members="1")]
    web = fleet(sources=sources, networks=[Network(mac="source")])
    assert [str(found) for found in fitting_findings(web, {"a": default(), "b": default()})] == [
        "[[fleets.web.networks]] number 1, mac: 00:50:56:80:00:01 is an address of the fleet web (source a, "
        "interface 0) and of the fleet web (source b, interface 0). "
        "Use MAC ranges that do not overlap, or set allow_duplicate_macs = true."
    ]
    allowed = web.model_copy(update={"allow_duplicate_macs": True})
    assert fitting_findings(allowed, {"a": default(), "b": default()}) == []


def test_rejects_a_mac_range_that_contains_a_mac_address_of_the_source() -> None:
    source_vm = default(nics=(nic(mac_address="00:50:56:00:00:01"),))
    assert findings(source_vm, networks=[Network(mac="00:50:56:00:00:00")]) == [
        "[[fleets.web.networks]] number 1, mac: member 1 would get 00:50:56:00:00:01, a MAC address of "
        "/DC0/vm/golden-0. Use another first address."
    ]


def test_ignores_interfaces_without_a_valid_mac_address() -> None:
    source_vm = default(nics=(nic(mac_address=""), nic(key=4001, mac_address="")))
    assert findings(source_vm, networks=[Network(mac="source"), Network(mac="00:50:56:00:00:00")]) == []


def test_reports_findings_of_all_sources_without_duplicates() -> None:
    sources = [Source(key="a", vm="a", members="0"), Source(key="b", vm="b", members="1")]
    web = fleet(sources=sources, changes={"memory": 512}, networks=[Network(), Network()])
    found = fitting_findings(web, {"a": default(), "b": bios()})
    assert [(each.where, each.what) for each in found] == [
        ("[[fleets.web.networks]] number 2", "/DC0/vm/golden-0 has only 1 network interface."),
        ("[fleets.web.changes] memory", "/DC0/vm/golden-0 has 4096 MB; a lower value requires a power cycle."),
        ("[fleets.web.changes] memory", "/DC0/vm/golden-0 has 1024 MB; a lower value requires a power cycle."),
    ]


def test_rejects_overlapping_plans_of_two_fleets_on_the_networks_of_their_sources() -> None:
    one, other = fleet("a", networks=[Network(**PLAN)]), fleet("b", networks=[Network(network="DC0_DVPG0", **PLAN)])
    fleet_file = FleetFile(fleets={"a": one, "b": other})
    sources = {("a", "vm"): default(), ("b", "vm"): bios()}
    assert [str(found) for found in fitting_findings_across(fleet_file, sources)] == [
        "[[fleets.b.networks]] number 1, first: 192.168.0.10 is an address of the fleet a (source vm, "
        "interface 0) and of the fleet b (source vm, interface 0). Use address ranges that do not overlap."
    ]
    assert fitting_findings(one, {"vm": default()}) == fitting_findings(other, {"vm": bios()}) == []
    assert fitting_findings_across(fleet_file, sources | {("a", "vm"): bios()}) == []


def test_managed_object_id_of_the_network_of_the_source_is_that_network() -> None:
    networks = [Network(network="moid:dvportgroup-12", **PLAN), Network(network="DC0_DVPG0", **PLAN)]
    both = default(nics=(nic(), nic(key=4001)))
    assert [each.where for each in fitting_findings(fleet(networks=networks), {"vm": both})] == [
        "[[fleets.web.networks]] number 2, first"
    ]
    elsewhere = [Network(network="moid:dvportgroup-13", **PLAN), networks[1]]
    assert fitting_findings(fleet(networks=elsewhere), {"vm": both}) == []
