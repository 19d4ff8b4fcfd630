# SPDX-License-Identifier: MPL-2.0
from __future__ import annotations

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from instant_clone.plugin.wire.codec import (
    NULL,
    InstantCloneBlock,
    attribute_path,
    changed,
    error,
    failed,
    is_unknown,
    pack,
    split_block,
    unpack,
    warning,
    with_block,
)
from instant_clone.plugin.wire.tfplugin5 import AttributePath, DynamicValue, ReadResponse
from instant_clone.plugin.wire.values import State
from instant_clone.vm.differences import Difference, differences

UUID = "564d3a5c-7b1e-4f6a-9c2d-0123456789ab"
UNKNOWN = msgpack.ExtType(0, b"\x00")
REFINED = msgpack.ExtType(12, b"\x81\x01\xc2")

SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text() | st.just(UNKNOWN)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=20
)


@given(VALUES)
def test_unpack_is_the_inverse_of_pack(value: object) -> None:
    assert unpack(pack(value)) == value


@pytest.mark.parametrize("unknown", [UNKNOWN, REFINED], ids=["plain", "refined"])
def test_unknown_values_keep_their_bytes(unknown: msgpack.ExtType) -> None:
    raw = msgpack.packb({"name": unknown, "disk": [{"size": unknown}]})

    value = unpack(DynamicValue(msgpack=raw))

    assert is_unknown(value["name"])
    assert pack(value).msgpack == raw


def test_is_unknown_accepts_only_extension_types() -> None:
    values: list[object] = [UNKNOWN, REFINED, None, "", 0, b"", (0, b""), []]

    assert [is_unknown(value) for value in values] == [
        True, True, False, False, False, False, False, False
    ]  # fmt: skip


def test_unpack_reads_json() -> None:
    assert unpack(DynamicValue(json=b'{"name": "web"}')) == {"name": "web"}


def test_unpack_returns_none_for_null_and_an_empty_value() -> None:
    assert unpack(DynamicValue()) is None
    assert unpack(NULL) is None
    assert NULL.msgpack == b"\xc0"


def test_split_block_returns_object_and_block() -> None:
    value = pack({"name": "web", "instantclone": [{"source_uuid": UUID, "timeout": 5}]})
    before = value.SerializeToString()

    content, block = split_block(value, State)

    assert content == State({"name": "web"})
    assert value.SerializeToString() == before
    assert block.value == [{"source_uuid": UUID, "timeout": 5}]


@pytest.mark.parametrize("value", [NULL, DynamicValue(), pack(UNKNOWN)], ids=["null", "nothing", "unknown"])
def test_split_block_and_with_block_ignore_values_without_an_object(value: DynamicValue) -> None:
    response = ReadResponse(new_state=value)

    assert split_block(value, State) == (None, InstantCloneBlock([]))
    assert with_block(response, "new_state", InstantCloneBlock([{"source_uuid": UUID}])) == response


@pytest.mark.parametrize("given_block", [[], [{"source_uuid": UUID, "timeout": None}], UNKNOWN])
def test_with_block_restores_the_block(given_block: object) -> None:
    value: DynamicValue = pack({"name": "web", "instantclone": given_block})

    content, block = split_block(value, State)
    response = changed(ReadResponse(private=b"1"), new_state=content)
    put_back = with_block(response, "new_state", block)

    assert unpack(response.new_state) == {"name": "web"}
    assert unpack(put_back.new_state) == {"name": "web", "instantclone": given_block}
    assert put_back.private == b"1"


@pytest.mark.parametrize(
    ("value", "present", "known", "source", "timeout"),
    [
        ([], False, False, None, 30),
        (None, False, False, None, 30),
        (UNKNOWN, True, False, None, 30),
        ([UNKNOWN], True, False, None, 30),
        ([{"source_uuid": UNKNOWN, "timeout": UNKNOWN}], True, False, None, 30),
        ([{"source_uuid": UUID, "timeout": None}], True, True, UUID, 30),
        ([{"source_uuid": UUID.upper(), "timeout": 5}], True, True, UUID, 5),
        ([{"source_uuid": f" {UUID}\n", "timeout": "2.5"}], True, True, UUID, 2.5),
    ],
)
def test_parses_presence_source_and_timeout_of_a_block(
    value: object, present: bool, known: bool, source: str | None, timeout: float
) -> None:
    block = InstantCloneBlock(value)

    assert (bool(block), block.is_known(), block.source_uuid, block.timeout) == (present, known, source, timeout)


@pytest.mark.parametrize("source", ["golden", "", UUID[:-1], UUID.replace("-", ""), f"{{{UUID}}}", f"urn:uuid:{UUID}"])
def test_rejects_an_invalid_source_uuid(source: str) -> None:
    ((summary, detail, path),) = InstantCloneBlock([{"source_uuid": source}]).problems()

    assert summary == "Invalid source_uuid"
    assert detail == (
        f'instantclone.source_uuid is "{source}". It must be the BIOS UUID of the source virtual machine, such as '
        "564d3a5c-7b1e-4f6a-9c2d-0123456789ab."
    )
    assert path == attribute_path("instantclone", 0, "source_uuid")


@pytest.mark.parametrize(("timeout", "shown"), [(0, "0"), (-1, "-1"), (0.5, "0.5")])
def test_rejects_a_timeout_below_one_minute(timeout: float, shown: str) -> None:
    ((summary, detail, path),) = InstantCloneBlock([{"source_uuid": UUID, "timeout": timeout}]).problems()

    assert summary == "Invalid timeout"
    assert detail == f"instantclone.timeout is {shown} minutes. It must be at least 1."
    assert path == attribute_path("instantclone", 0, "timeout")


@pytest.mark.parametrize("value", [[], UNKNOWN, [{"source_uuid": UNKNOWN}], [{"source_uuid": UUID, "timeout": 1}]])
def test_accepts_valid_blocks(value: object) -> None:
    assert list(InstantCloneBlock(value).problems()) == []


def test_attribute_path_has_names_and_indexes() -> None:
    path = AttributePath.FromString(attribute_path("disk", 0, "label").SerializeToString())

    assert [step.WhichOneof("selector") for step in path.steps] == [
        "attribute_name", "element_key_int", "attribute_name"
    ]  # fmt: skip
    assert (path.steps[0].attribute_name, path.steps[1].element_key_int, path.steps[2].attribute_name) == (
        "disk", 0, "label"
    )  # fmt: skip


def test_failed_is_true_only_for_errors() -> None:
    at = attribute_path("name")

    assert (error("a", "b", at).severity, warning("a", "b").severity) == (1, 2)
    assert (error("a", "b", at).summary, error("a", "b", at).detail, error("a", "b", at).attribute) == ("a", "b", at)
    assert not warning("a", "b").HasField("attribute")
    assert [failed([]), failed([warning("a", "b")]), failed([warning("a", "b"), error("a", "b")])] == [
        False, False, True
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"b": 1, "a": 1}, {"b": 2, "a": 2}, [Difference("a", 1, 2), Difference("b", 1, 2)]),
        ({"a": 1}, {}, [Difference("a", 1, None)]),
        ({"disk": [{"label": "x"}]}, {"disk": [{"label": "y"}]}, [Difference("disk[0].label", "x", "y")]),
        ({"tags": ["a"]}, {"tags": ["a", "b"]}, [Difference("tags", ["a"], ["a", "b"])]),
        ({"disk": [{"a": 1}]}, {"disk": [{"a": 1}, {"a": 2}]}, [Difference("disk[1]", None, {"a": 2})]),
        ({"disk": [{"a": 1}]}, {"disk": []}, [Difference("disk[0]", {"a": 1}, None)]),
        ({"a": {"b": UNKNOWN}}, {"a": {"b": 1}}, [Difference("a.b", UNKNOWN, 1)]),
        (None, {"a": 1}, [Difference("", None, {"a": 1})]),
    ],
)
def test_differences_have_paths(before: object, after: object, expected: list[Difference]) -> None:
    assert differences(before, after, blocks_only=True) == expected


@given(VALUES)
def test_equal_values_have_no_differences(value: object) -> None:
    assert differences(value, unpack(pack(value)), blocks_only=True) == []
