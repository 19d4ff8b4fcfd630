# SPDX-License-Identifier: MPL-2.0
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgpack
import pytest

from instant_clone.plugin.wire.tfplugin5 import Attribute, Block, NestedBlock
from instant_clone.plugin.wire.upstream_client import proposed_new
from instant_clone.plugin.wire.values import Config, Plan, State

SINGLE, LIST, SET = 1, 2, 3
UNKNOWN = msgpack.ExtType(0, b"")

DISK = Block(
    attributes=[
        Attribute(name="label", type=b'"string"', required=True),
        Attribute(name="uuid", type=b'"string"', computed=True),
        Attribute(name="size", type=b'"number"', optional=True, computed=True),
        Attribute(name="mode", type=b'"string"', optional=True),
    ]
)


def _machine(nesting: int = LIST) -> Block:
    return Block(
        attributes=[
            Attribute(name="name", type=b'"string"', required=True),
            Attribute(name="annotation", type=b'"string"', optional=True),
            Attribute(name="guest_id", type=b'"string"', optional=True, computed=True),
            Attribute(name="id", type=b'"string"', computed=True),
        ],
        block_types=[NestedBlock(type_name="disk", block=DISK, nesting=nesting)],
    )


def _proposed(prior: State | None, config: Mapping[str, Any], nesting: int = LIST) -> Plan:
    return proposed_new(_machine(nesting), prior, Config(config))


def _disk(label: str, **others: Any) -> dict[str, Any]:
    return {"label": label, "uuid": None, "size": None, "mode": None, **others}


PRIOR = State(
    {
        "name": "old",
        "annotation": "old",
        "guest_id": "ubuntu64Guest",
        "id": "vm-1",
        "disk": [_disk("disk0", uuid="u0", size=16, mode="persistent"), _disk("disk1", uuid="u1", size=8)],
    }
)


def test_omitted_computed_attributes_keep_the_prior_value() -> None:
    config: dict[str, Any] = {"name": "new", "annotation": None, "guest_id": None, "id": None, "disk": []}

    assert _proposed(PRIOR, config) == {
        "name": "new",
        "annotation": None,
        "guest_id": "ubuntu64Guest",
        "id": "vm-1",
        "disk": [],
    }


def test_configured_values_override_computed_values() -> None:
    config: dict[str, Any] = {"name": "new", "annotation": None, "guest_id": UNKNOWN, "id": None, "disk": []}

    assert _proposed(PRIOR, config)["guest_id"] == UNKNOWN


def test_list_elements_are_paired_by_position() -> None:
    config = {"name": "new", "disk": [_disk("disk1"), _disk("disk0", size=32), _disk("disk2")]}

    assert _proposed(PRIOR, config)["disk"] == [
        _disk("disk1", uuid="u0", size=16),
        _disk("disk0", uuid="u1", size=32),
        _disk("disk2"),
    ]


def test_elements_missing_from_the_configuration_are_removed() -> None:
    assert _proposed(PRIOR, {"name": "new", "disk": [_disk("disk0")]})["disk"] == [_disk("disk0", uuid="u0", size=16)]


@pytest.mark.parametrize("disks", [UNKNOWN, None])
def test_unknown_and_null_block_lists_are_unchanged(disks: object) -> None:
    assert _proposed(PRIOR, {"name": "new", "disk": disks})["disk"] == disks


def test_an_unknown_element_is_unchanged() -> None:
    assert _proposed(PRIOR, {"name": "new", "disk": [UNKNOWN, _disk("disk1")]})["disk"] == [
        UNKNOWN,
        _disk("disk1", uuid="u1", size=8),
    ]


@pytest.mark.parametrize("prior_disks", [None, UNKNOWN, []])
def test_blocks_without_prior_blocks_have_no_computed_values(prior_disks: object) -> None:
    prior = State({**PRIOR, "disk": prior_disks})

    assert _proposed(prior, {"name": "new", "disk": [_disk("disk0")]})["disk"] == [_disk("disk0")]


def test_a_single_block_keeps_its_computed_values() -> None:
    prior = State({**PRIOR, "disk": _disk("disk0", uuid="u0")})

    assert _proposed(prior, {"name": "n", "disk": _disk("x")}, SINGLE)["disk"] == _disk("x", uuid="u0")
    assert _proposed(prior, {"name": "n", "disk": None}, SINGLE)["disk"] is None
    assert _proposed(None, {"name": "n", "disk": _disk("x")}, SINGLE)["disk"] == _disk("x")


def test_returns_the_configuration_without_a_prior_state() -> None:
    config = {"name": "new", "annotation": None, "guest_id": None, "id": None, "disk": [_disk("disk0")]}

    assert _proposed(None, config) == config
    assert _proposed(None, config, SET) == config


def test_does_not_modify_its_arguments() -> None:
    config = {"name": "new", "disk": [_disk("disk0")]}

    _proposed(PRIOR, config)

    assert config == {"name": "new", "disk": [_disk("disk0")]}
    assert PRIOR["disk"] == [_disk("disk0", uuid="u0", size=16, mode="persistent"), _disk("disk1", uuid="u1", size=8)]
