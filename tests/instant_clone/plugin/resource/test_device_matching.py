# SPDX-License-Identifier: MPL-2.0
from __future__ import annotations

from typing import Any

import msgpack
from hypothesis import given
from hypothesis import strategies as st

from instant_clone.plugin.resource.device_matching import (
    in_order_of,
    pair_drives,
    pair_interfaces,
    wanted_interfaces,
)
from instant_clone.plugin.wire.values import Config, State

UNKNOWN = msgpack.ExtType(0, b"")


def _interface(key: int, network: str = "network-7", adapter: str = "vmxnet3") -> dict[str, Any]:
    return {"key": key, "network_id": network, "adapter_type": adapter}


def test_matches_interfaces_by_key() -> None:
    sources = [_interface(4000), _interface(4001, "network-8")]
    clones = [_interface(4001, "network-9"), _interface(4000, "network-9")]

    assert pair_interfaces(clones, sources) == [clones[1], clones[0]]


def test_matches_interfaces_on_one_network_by_key() -> None:
    sources = [_interface(4000), _interface(4001)]

    assert pair_interfaces(sources[::-1], sources) == sources


def test_matches_interfaces_with_different_keys_by_network_and_order() -> None:
    sources = [_interface(4000, "network-7"), _interface(4001, "network-8"), _interface(4002, "network-9")]
    clones = [_interface(5001, "network-1"), _interface(5002, "network-8"), _interface(5003, "network-7")]

    assert [each["key"] for each in pair_interfaces(clones, sources)] == [5003, 5002, 5001]


def test_does_not_match_interfaces_with_different_adapter_types() -> None:
    sources = [_interface(4000, adapter="e1000e"), _interface(4001, adapter="vmxnet3")]
    clones = [_interface(4001, adapter="e1000e"), _interface(4000, adapter="vmxnet3")]

    assert pair_interfaces(clones, sources) == clones


def test_matches_interfaces_by_static_mac_address_first() -> None:
    wanted = [_interface(4000) | {"mac_address": "00:50:56:AA:00:01"}, _interface(4001) | {"mac_address": None}]
    clones = [
        _interface(4000) | {"mac_address": "00:50:56:bb:00:02"},
        _interface(4001) | {"mac_address": "00:50:56:aa:00:01"},
    ]

    assert pair_interfaces(clones, wanted) == [clones[1], clones[0]]


def test_prefers_a_match_of_the_network_over_a_match_of_the_key() -> None:
    wanted = [_interface(4000, "network-8"), _interface(4001, "network-7")]
    clones = [_interface(4001, "network-8"), _interface(4002, "network-7")]

    assert pair_interfaces(clones, wanted) == clones


def test_matches_interfaces_on_one_network_by_device_address() -> None:
    wanted = [_interface(4000) | {"device_address": "pci:0:7"}, _interface(4001) | {"device_address": "pci:0:8"}]
    clones = [_interface(4301) | {"device_address": "pci:0:8"}, _interface(4300) | {"device_address": "pci:0:7"}]

    assert pair_interfaces(clones, wanted) == [clones[1], clones[0]]


def test_returns_configured_interfaces_with_keys_and_addresses_of_the_source() -> None:
    source = State(
        {"network_interface": [_interface(4000, "network-7") | {"device_address": "pci:0:7"}, _interface(4001)]}
    )
    configured = [
        {"network_id": "network-9", "adapter_type": None, "use_static_mac": True, "mac_address": "00:50:56:00:00:01"},
        {"network_id": "network-8", "adapter_type": "e1000e", "use_static_mac": None, "mac_address": "ignored"},
        {"network_id": UNKNOWN, "adapter_type": None, "use_static_mac": None, "mac_address": None},
    ]

    wanted = wanted_interfaces(Config({"network_interface": configured}), source)

    assert wanted == [
        _interface(4000, "network-9") | {"device_address": "pci:0:7", "mac_address": "00:50:56:00:00:01"},
        _interface(4001, "network-8", "e1000e") | {"device_address": None, "mac_address": None},
        {
            "key": None,
            "network_id": UNKNOWN,
            "adapter_type": "vmxnet3",
            "device_address": None,
            "mac_address": None,
        },
    ]


def test_returns_no_interfaces_for_an_unknown_block() -> None:
    assert wanted_interfaces(Config({"network_interface": UNKNOWN}), State({})) == []


def test_keeps_the_order_and_puts_new_devices_in_place_of_removed_devices() -> None:
    before = [_interface(4002), _interface(4000), _interface(4001)]
    read = [_interface(4000), _interface(4001), _interface(4005), _interface(4006)]

    assert [each["key"] for each in in_order_of(read, before)] == [4005, 4000, 4001, 4006]
    assert in_order_of(read, []) == read


def test_puts_devices_without_a_match_last() -> None:
    clones = [_interface(4007, "network-1", "e1000"), _interface(4000)]

    assert pair_interfaces(clones, [_interface(4000)]) == [clones[1], clones[0]]


def test_matches_drives_by_device_address() -> None:
    sources = [{"device_address": "ide:0:0", "key": 3000}, {"device_address": "sata:0:1", "key": 16001}]
    clones = [{"device_address": "sata:0:1", "key": 9}, {"device_address": "ide:0:0", "key": 8}]

    assert [each["key"] for each in pair_drives(clones, sources)] == [8, 9]


INTERFACES = st.lists(
    st.builds(
        _interface,
        st.integers(4000, 4004),
        st.sampled_from(["network-1", "network-2"]),
        st.sampled_from(["vmxnet3", "e1000e"]),
    ),
    max_size=5,
)


@given(INTERFACES, INTERFACES)
def test_returns_every_interface_once(clones: list[dict[str, Any]], sources: list[dict[str, Any]]) -> None:
    paired = pair_interfaces(clones, sources)

    assert sorted(map(repr, paired)) == sorted(map(repr, clones))
    assert pair_interfaces(clones, clones) == clones
