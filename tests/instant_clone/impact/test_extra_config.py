# SPDX-License-Identifier: MPL-2.0
"""Tests of changes of extra_config and vApp properties."""

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
def test_changing_extra_config_powers_the_vm_off_unless_disabled(
    version: str, required: bool | None, expected: list[str]
) -> None:
    prior = PRIOR | {"extra_config_reboot_required": required}
    assert arguments(prior, {"extra_config": {"guestinfo.name": "b"}}, version) == expected
    assert arguments(prior, {"extra_config": UNKNOWN}, version) == expected
    assert arguments(prior, {"extra_config": {"guestinfo.name": UNKNOWN}}, version) == expected
    assert arguments(prior, {"extra_config": {"guestinfo.name": "a"}}, version) == []


def test_planned_value_of_extra_config_reboot_required_determines_the_reboot() -> None:
    planned = {"extra_config": {}, "extra_config_reboot_required": False}
    assert arguments(PRIOR, planned) == []
    assert arguments(PRIOR | planned, {"extra_config": {"a": "b"}, "extra_config_reboot_required": True}) == [
        "extra_config"
    ]


def test_key_with_an_empty_value_changes_extra_config() -> None:
    assert arguments(PRIOR, {"extra_config": {"guestinfo.name": "a", "guestinfo.b": ""}}) == ["extra_config"]
    assert arguments(PRIOR | {"extra_config": None}, {"extra_config": {}}) == []


def test_changes_of_extra_config_and_vapp_have_no_values() -> None:
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
def test_changing_vapp_properties_powers_the_vm_off(before: object, after: object, expected: list[str]) -> None:
    assert arguments({"vapp": before}, {"vapp": after}) == expected
