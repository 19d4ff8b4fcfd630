# SPDX-License-Identifier: MPL-2.0
"""Tests of the Terraform templates for guestinfo and MAC addresses."""

from __future__ import annotations

from typing import Any

import pytest

from instant_clone.fleet import Network, Source
from instant_clone.fleet.members import MemberValue
from stacks.templates import Templates, template, templates
from tests.instant_clone.replica.replica_layouts import default, nic
from tests.stacks.conftest import fleet

MACHINE = default(nics=(nic(mac_address="00:50:56:AA:00:01"), nic(key=4001, mac_address="00:50:56:aa:00:02")))
VALUES: dict[str, str | MemberValue] = {
    "name": MemberValue("name", str),
    "index": MemberValue("index", lambda index: index),
    "ip": MemberValue("ip", str),
    "fleet": "{web}$",
}


def made(**values: Any) -> Templates:
    source = Source(key="a", vm="golden", members="0,7")
    return templates(fleet(sources=(source,), **values), source, MACHINE)


def test_rows_are_empty_if_clones_differ_only_by_name() -> None:
    found = made(guestinfo={"guestinfo.hostname": "{name}.{fleet}.{source}"})
    assert found == Templates(
        rows={"web-0": {}, "web-7": {}},
        guestinfo={"guestinfo.hostname": "${each.key}.web.a"},
        mac_addresses=(None, None),
    )


def test_common_values_are_in_the_template_and_others_in_the_rows() -> None:
    networks = [Network(cidr="10.0.0.0/16", first="10.0.0.10", gateway="10.0.0.1", dns=("10.0.0.2", "10.0.0.3"))]
    found = made(
        networks=networks,
        guestinfo={"guestinfo.net": "{ip}/{prefix} {netmask} {gateway} {dns}", "guestinfo.id": "{index:02d}-{index}"},
    )
    assert found.rows == {"web-0": {"ip": "10.0.0.10", "index": "0"}, "web-7": {"ip": "10.0.0.17", "index": "7"}}
    assert found.guestinfo == {
        "guestinfo.net": "${each.value.ip}/16 255.255.0.0 10.0.0.1 10.0.0.2,10.0.0.3",
        "guestinfo.id": '${format("%02d", each.value.index)}-${each.value.index}',
    }


def test_unused_address_plan_is_not_in_the_rows() -> None:
    assert made(networks=[Network(cidr="10.0.0.0/16", first="10.0.0.10")]).rows == {"web-0": {}, "web-7": {}}


def test_rows_contain_planned_mac_addresses_but_not_the_source_address() -> None:
    found = made(networks=[Network(mac="source"), Network(mac="00:50:56:00:00:00")])
    assert found.rows == {"web-0": {"nic1_mac": "00:50:56:00:00:00"}, "web-7": {"nic1_mac": "00:50:56:00:00:07"}}
    assert found.mac_addresses == ("00:50:56:aa:00:01", "${each.value.nic1_mac}")


def test_placeholders_for_the_same_value_share_one_row_entry() -> None:
    plans = [Network(), Network(mac="00:50:56:00:00:00", cidr="10.0.0.0/16", first="10.0.0.10")]
    found = made(networks=plans, guestinfo={"guestinfo.a": "{ip} {mac}", "guestinfo.b": "{nic1_ip} {nic1_mac}"})
    assert found.rows["web-7"] == {"mac": "00:50:56:00:00:07", "ip": "10.0.0.17"}
    assert found.guestinfo == {
        "guestinfo.a": "${each.value.ip} ${each.value.mac}",
        "guestinfo.b": "${each.value.ip} ${each.value.mac}",
    }


def test_text_without_encoding_is_in_the_template() -> None:
    found = made(guestinfo={"guestinfo.json": {"text": '{"a": ${b} %{c}}'}})
    assert found.guestinfo == {"guestinfo.json": '{"a": $${b} %%{c}}'}
    assert found.rows == {"web-0": {}, "web-7": {}}


def test_encoded_value_that_clones_have_in_common_is_in_the_template() -> None:
    found = made(
        guestinfo={
            "guestinfo.a": {"text": "{name}", "encoding": "base64"},
            "guestinfo.b": {"pattern": "{fleet}/{source} {{}}", "encoding": "base64"},
        }
    )
    # echo -n '{name}' | base64; echo -n 'web/a {}' | base64
    assert found.guestinfo == {"guestinfo.a": "e25hbWV9", "guestinfo.b": "d2ViL2Ege30="}
    assert found.rows == {"web-0": {}, "web-7": {}}


def test_encoded_pattern_with_different_values_has_a_separate_column() -> None:
    found = made(
        networks=[Network(cidr="10.0.0.0/16", first="10.0.0.10")],
        guestinfo={
            "guestinfo.userdata": {"pattern": "host: {name}\nip: {ip}\n", "encoding": "base64"},
            "guestinfo.hostname": "{name}",
        },
    )
    assert found.guestinfo == {
        "guestinfo.userdata": '${each.value["guestinfo.userdata"]}',
        "guestinfo.hostname": "${each.key}",
    }
    # printf 'host: web-0\nip: 10.0.0.10\n' | base64. The row does not contain the address, because no template uses it.
    assert found.rows == {
        "web-0": {"guestinfo.userdata": "aG9zdDogd2ViLTAKaXA6IDEwLjAuMC4xMAo="},
        "web-7": {"guestinfo.userdata": "aG9zdDogd2ViLTcKaXA6IDEwLjAuMC4xNwo="},
    }


def test_key_of_an_encoded_pattern_is_escaped() -> None:
    key = 'guestinfo.${a}"\\%{b}'
    found = made(guestinfo={key: {"pattern": "{index}", "encoding": "base64"}})
    assert found.rows["web-7"] == {'guestinfo.$${a}"\\%%{b}': "Nw=="}
    assert found.guestinfo == {
        'guestinfo.$${a}"\\%%{b}': '${each.value["guestinfo.$${a}\\"\\\\%%{b}"]}',
    }


@pytest.mark.parametrize("count", [1, 3])
def test_value_names_do_not_depend_on_the_members(count: int) -> None:
    source = Source(vm="golden", count=count)
    web = fleet(
        sources=(source,),
        networks=[Network(cidr="10.0.0.0/16", first="10.0.0.10")],
        guestinfo={"guestinfo.ip": "{ip}"},
    )
    found = templates(web, source, MACHINE)
    assert found.guestinfo == {"guestinfo.ip": "${each.value.ip}"}
    assert {tuple(row) for row in found.rows.values()} == {("ip",)}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("", "${each.value.index}"),
        ("0", "${each.value.index}"),
        ("d", "${each.value.index}"),
        ("5", '${format("%5d", each.value.index)}'),
        ("05", '${format("%05d", each.value.index)}'),
        ("02d", '${format("%02d", each.value.index)}'),
        ("x", '${format("%x", each.value.index)}'),
        ("00x", '${format("%x", each.value.index)}'),
        ("10X", '${format("%10X", each.value.index)}'),
    ],
)
def test_index_formats_become_format_calls(spec: str, expected: str) -> None:
    assert template(f"{{index:{spec}}}", VALUES) == expected


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("${{x}} %{{y}}", "$${x} %%{y}"),
        # The $ of the pattern and the { of the value together are ${, which must be escaped.
        ("${fleet}", "$${web}$"),
        ("%{fleet}", "%%{web}$"),
        # Terraform would read $${ as the literal text ${.
        ("${name}", '${"$"}${each.key}'),
        ("{fleet}$${ip}", '{web}${"$$$"}${each.value.ip}'),
        ("${{{name}}}", "$${${each.key}}"),
        ("%{name}%", "%${each.key}%"),
        ('"\\{name}', '"\\${each.key}'),
    ],
)
def test_escapes_literal_text(pattern: str, expected: str) -> None:
    assert template(pattern, VALUES) == expected
