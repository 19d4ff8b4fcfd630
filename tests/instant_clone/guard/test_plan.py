# SPDX-License-Identifier: MPL-2.0
"""Reading a plan, and saying what something else is."""

from __future__ import annotations

from typing import Any

import pytest

from instant_clone.guard import PlanError, read_plan
from instant_clone.guard.plan import UNKNOWN, Change
from instant_clone.stock_provider.releases import ProviderVersion
from tests.instant_clone.guard.plans import change, document, plan, text

OURS = "instantclone.internal/fleet/vsphere"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "plan.json is not JSON."),
        (b"\xff\xfe", "plan.json is not JSON."),
        (b"[]", "plan.json is no plan of Terraform."),
        (b"{}", "plan.json is no plan of Terraform."),
        (b'{"format_version": 1}', "plan.json is no plan of Terraform."),
        (b'{"format_version": "one"}', "plan.json has the format version 'one', which is none of Terraform's."),
        (b'{"format_version": "1.0", "values": {}}', "plan.json is a state, not a plan."),
        (b'{"format_version": "1.0"}', "plan.json is something else, not a plan."),
        (b'{"@level":"info"}\n{"@level":"info"}\n', "plan.json is the log of `terraform plan -json`."),
    ],
)
def test_what_is_no_plan(content: bytes, message: str) -> None:
    with pytest.raises(PlanError) as failure:
        read_plan(content, "plan.json")
    assert str(failure.value) == (
        f"{message} Write one with `terraform show -json PLANFILE`, from what `terraform plan -out=PLANFILE` saved."
    )


def test_a_saved_plan_has_to_be_shown_first() -> None:
    with pytest.raises(
        PlanError, match=r"^tfplan is a saved plan, not its JSON. Write one with `terraform show -json "
    ):
        read_plan(b"PK\x03\x04", "tfplan")


def test_a_newer_format_is_not_guessed_at() -> None:
    with pytest.raises(PlanError) as failure:
        read_plan(text(document() | {"format_version": "2.0"}), "plan.json")
    assert str(failure.value) == (
        "plan.json has the format version 2.0; the newest one known here is 1.x. Take a newer release of "
        "instant-clone-fleet, or an older one of Terraform."
    )


@pytest.mark.parametrize("version", ["0.2", "1.0", "1.2", "1.99"])
def test_the_formats_that_are_known(version: str) -> None:
    assert read_plan(text(document() | {"format_version": version}), "plan.json").resource_changes == ()


def test_a_plan_that_changes_nothing_may_have_no_changes_at_all() -> None:
    bare = {"format_version": "1.2", "planned_values": {}, "configuration": {}}
    assert read_plan(text(bare), "plan.json").resource_changes == ()


def test_a_plan_that_failed_is_not_complete() -> None:
    with pytest.raises(PlanError, match="is a plan that failed"):
        read_plan(text(document() | {"errored": True}), "plan.json")


def test_what_is_broken_inside_is_told_without_values() -> None:
    broken = change() | {"change": {"actions": "hunter2"}}
    with pytest.raises(PlanError) as failure:
        read_plan(text(document(broken)), "plan.json")
    assert "resource_changes.0.change.actions: Input should be a valid tuple." in str(failure.value)
    assert "hunter2" not in str(failure.value)


@pytest.mark.parametrize(
    ("after", "unknown", "planned"),
    [
        ({"a": 1}, {}, {"a": 1}),
        ({"a": 1}, {"b": True}, {"a": 1, "b": UNKNOWN}),
        ({"a": 1}, {"b": [], "c": {}}, {"a": 1}),
        ({"m": {"x": 1}}, {"m": {"y": True}}, {"m": {"x": 1, "y": UNKNOWN}}),
        ({"l": [{"x": 1}, {"x": 2}]}, {"l": [{}, {"y": True}]}, {"l": [{"x": 1}, {"x": 2, "y": UNKNOWN}]}),
        ({"l": ["a", None]}, {"l": [False, True]}, {"l": ["a", UNKNOWN]}),
        ({"l": [1, 2]}, {"l": [True]}, {"l": [UNKNOWN, 2]}),
        ({"n": None}, {"n": {"x": False}}, {"n": None}),
        (None, False, {}),
        ({}, True, UNKNOWN),
    ],
)
def test_values_that_are_known_after_the_apply(after: Any, unknown: Any, planned: Any) -> None:
    assert Change(actions=("update",), after=after, after_unknown=unknown).planned == planned


@pytest.mark.parametrize(
    ("marks", "concealed"),
    [
        ({}, False),
        (False, False),
        (True, True),
        ({"vapp": True}, True),
        ({"vapp": [{"properties": {"password": True}}]}, True),
        ({"vapp": [], "annotation": True}, False),
    ],
)
def test_an_argument_is_concealed_as_soon_as_anything_in_it_is(marks: Any, concealed: bool) -> None:
    assert Change(actions=("update",), before_sensitive=marks).conceals("vapp") is concealed
    assert Change(actions=("update",), after_sensitive=marks).conceals("vapp") is concealed


@pytest.mark.parametrize(
    ("constraint", "release"),
    [("2.16.1", "2.16.1"), ("= 2.0.2", "2.0.2"), ("~> 2.15", None), (">= 2.0.2, < 3", None), ("", None)],
)
def test_the_release_that_a_configuration_requires(constraint: str, release: str | None) -> None:
    expected = None if release is None else ProviderVersion(release)
    assert plan(release=constraint).release_of(OURS) == expected


def test_another_provider_says_nothing_of_the_release() -> None:
    assert plan().release_of("registry.terraform.io/vmware/vsphere") is None


def test_two_modules_with_two_releases_say_nothing() -> None:
    both = document()
    providers = both["configuration"]["provider_config"]
    providers["module.b:vsphere"] = providers["vsphere"] | {"version_constraint": "2.0.2"}
    assert read_plan(text(both), "plan.json").release_of(OURS) is None
    providers["module.b:vsphere"] = providers["vsphere"] | {"version_constraint": ""}
    assert read_plan(text(both), "plan.json").release_of(OURS) == ProviderVersion("2.16.1")
