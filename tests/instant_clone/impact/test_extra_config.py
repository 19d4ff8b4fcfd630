# SPDX-License-Identifier: MPL-2.0
"""What guests read: extra_config and vApp properties."""

from __future__ import annotations

import pytest

from tests.instant_clone.impact.states import PRIOR, UNKNOWN, arguments, changes


@pytest.mark.parametrize(
    ("version", "required", "expected"),
    [
        ("2.16.1", True, ["extra_config"]),
        ("2.3.0", True, ["extra_config"]),
        ("2.3.0", False, []),
        ("2.2.0", False, ["extra_config"]),
        ("2.0.2", None, ["extra_config"]),
    ],
)
def test_extra_config(version: str, required: bool | None, expected: list[str]) -> None:
    prior = PRIOR | {"extra_config_reboot_required": required}
    assert arguments(prior, {"extra_config": {"guestinfo.name": "b"}}, version) == expected
    assert arguments(prior, {"extra_config": UNKNOWN}, version) == expected
    assert arguments(prior, {"extra_config": {"guestinfo.name": UNKNOWN}}, version) == expected
    assert arguments(prior, {"extra_config": {"guestinfo.name": "a"}}, version) == []


def test_extra_config_counts_as_it_is_planned_to_need_a_reboot() -> None:
    planned = {"extra_config": {}, "extra_config_reboot_required": False}
    assert arguments(PRIOR, planned) == []
    assert arguments(PRIOR | planned, {"extra_config": {"a": "b"}, "extra_config_reboot_required": True}) == [
        "extra_config"
    ]


def test_a_key_with_an_empty_value_is_a_change_of_extra_config() -> None:
    assert arguments(PRIOR, {"extra_config": {"guestinfo.name": "a", "guestinfo.b": ""}}) == ["extra_config"]
    assert arguments(PRIOR | {"extra_config": None}, {"extra_config": {}}) == []


def test_values_of_extra_config_and_vapp_are_not_told() -> None:
    planned = {
        "extra_config": {"guestinfo.name": "hunter2", "guestinfo.new": "hunter2"},
        "vapp": [{"properties": {"password": "hunter2"}}],
    }
    extra_config, vapp = changes(PRIOR, planned)
    assert extra_config.prior == ("guestinfo.name",)
    assert extra_config.planned == ("guestinfo.name", "guestinfo.new")
    assert (vapp.prior, vapp.planned) == ((), ("password",))
    (gone,) = changes(PRIOR | {"vapp": planned["vapp"]}, {"vapp": []})
    assert (gone.prior, gone.planned) == (("password",), ())


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([], [{"properties": {"hostname": "a"}}], ["vapp"]),
        ([{"properties": {"hostname": "a"}}], [{"properties": {"hostname": "b"}}], ["vapp"]),
        ([{"properties": {"hostname": "a"}}], [{"properties": {"hostname": UNKNOWN}}], ["vapp"]),
        ([{"properties": {"hostname": "a"}}], [], ["vapp"]),
        ([{"properties": {"hostname": "a"}}], UNKNOWN, ["vapp"]),
        ([], UNKNOWN, ["vapp"]),
        ([{"properties": {"hostname": "a"}}], [{"properties": {"hostname": "a"}}], []),
        (None, [], []),
    ],
)
def test_vapp_properties(before: object, after: object, expected: list[str]) -> None:
    assert arguments({"vapp": before}, {"vapp": after}) == expected
