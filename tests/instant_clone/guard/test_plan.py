# SPDX-License-Identifier: MPL-2.0
"""Reading of a plan, and messages for other input."""

from __future__ import annotations

from typing import Any

import pytest

from instant_clone.guard import PlanError, read_plan
from instant_clone.guard.plan import UNKNOWN, Change
from instant_clone.stock_provider.releases import ProviderVersion
from tests.instant_clone.guard.plans import change, document, plan, text

PLUGIN = "instantclone.internal/fleet/vsphere"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "plan.json: found no JSON, expected a plan."),
        (b"\xff\xfe", "plan.json: found no JSON, expected a plan."),
        (b"[]", "plan.json: found other JSON, expected a Terraform plan."),
        (b"{}", "plan.json: found other JSON, expected a Terraform plan."),
        (b'{"format_version": 1}', "plan.json: found other JSON, expected a Terraform plan."),
        (b'{"format_version": "one"}', "plan.json: 'one' is not a format version of Terraform."),
        (b'{"format_version": "1.0", "values": {}}', "plan.json: found a state, expected a plan."),
        (b'{"format_version": "1.0"}', "plan.json: found another document, expected a plan."),
        (
            b'{"@level":"info"}\n{"@level":"info"}\n',
            "plan.json: found the log of `terraform plan -json`, expected a plan.",
        ),
    ],
)
def test_rejects_content_that_is_not_a_plan(content: bytes, message: str) -> None:
    with pytest.raises(PlanError) as failure:
        read_plan(content, "plan.json")
    assert str(failure.value) == (
        f"{message} Run `terraform plan -out=PLANFILE`, then `terraform show -json PLANFILE`."
    )


def test_rejects_a_saved_plan() -> None:
    with pytest.raises(PlanError, match=r"^tfplan: found a saved plan, expected its JSON\. Run `terraform plan -out="):
        read_plan(b"PK\x03\x04", "tfplan")


def test_rejects_a_newer_format() -> None:
    with pytest.raises(PlanError) as failure:
        read_plan(text(document() | {"format_version": "2.0"}), "plan.json")
    assert str(failure.value) == (
        "plan.json: the format version is 2.0, and the newest supported version is 1.x. Install a newer release of "
        "instant-clone-fleet or an older release of Terraform."
    )


@pytest.mark.parametrize("version", ["0.2", "1.0", "1.2", "1.99"])
def test_accepts_supported_formats(version: str) -> None:
    assert read_plan(text(document() | {"format_version": version}), "plan.json").resource_changes == ()


def test_accepts_a_plan_without_resource_changes() -> None:
    bare = {"format_version": "1.2", "planned_values": {}, "configuration": {}}
    assert read_plan(text(bare), "plan.json").resource_changes == ()


def test_rejects_a_failed_plan() -> None:
    with pytest.raises(PlanError, match="the plan failed and is incomplete"):
        read_plan(text(document() | {"errored": True}), "plan.json")


def test_reports_an_invalid_plan_without_its_values() -> None:
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
def test_planned_marks_unknown_values(after: Any, unknown: Any, planned: Any) -> None:
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
def test_conceals_an_argument_with_a_sensitive_part(marks: Any, concealed: bool) -> None:
    assert Change(actions=("update",), before_sensitive=marks).conceals("vapp") is concealed
    assert Change(actions=("update",), after_sensitive=marks).conceals("vapp") is concealed


@pytest.mark.parametrize(
    ("constraint", "release"),
    [("2.16.1", "2.16.1"), ("= 2.0.2", "2.0.2"), ("~> 2.15", None), (">= 2.0.2, < 3", None), ("", None)],
)
def test_release_of_returns_the_required_release(constraint: str, release: str | None) -> None:
    expected = None if release is None else ProviderVersion(release)
    assert plan(release=constraint).release_of(PLUGIN) == expected


def test_release_of_ignores_other_providers() -> None:
    assert plan().release_of("registry.terraform.io/vmware/vsphere") is None


def test_release_of_returns_none_for_two_releases() -> None:
    both = document()
    providers = both["configuration"]["provider_config"]
    providers["module.b:vsphere"] = providers["vsphere"] | {"version_constraint": "2.0.2"}
    assert read_plan(text(both), "plan.json").release_of(PLUGIN) is None
    providers["module.b:vsphere"] = providers["vsphere"] | {"version_constraint": ""}
    assert read_plan(text(both), "plan.json").release_of(PLUGIN) == ProviderVersion("2.16.1")
