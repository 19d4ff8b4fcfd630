# SPDX-License-Identifier: MPL-2.0
"""Tests of changes of arguments that are missing in the table of arguments."""

from __future__ import annotations

from typing import Any

import pytest

from instant_clone.impact import unknown_changes
from instant_clone.stock_provider.arguments import ARGUMENTS
from tests.instant_clone.impact.states import PRIOR

UNKNOWN = object()


def changed(prior: dict[str, Any], planned: dict[str, Any]) -> list[str]:
    found = unknown_changes(PRIOR | prior, PRIOR | planned, is_unknown=lambda value: value is UNKNOWN)
    return [change.argument for change in found]


@pytest.mark.parametrize(
    "argument", [argument.path for argument in ARGUMENTS if not argument.block and argument.type != "block"]
)
def test_argument_with_a_row_is_known(argument: str) -> None:
    assert changed({argument: None}, {argument: "other"}) == []


@pytest.mark.parametrize(
    ("prior", "planned"),
    [(None, "x"), ("x", None), (1, 2), ([], [{"a": 1}])],
)
def test_argument_without_a_row_is_unknown(prior: object, planned: object) -> None:
    assert changed({"later": prior}, {"later": planned}) == ["later"]


@pytest.mark.parametrize(
    ("prior", "planned"),
    [("x", "x"), (None, ""), (0, None), (False, None), ([], None), ("x", UNKNOWN)],
)
def test_equal_and_unknown_values_are_not_changes(prior: object, planned: object) -> None:
    assert changed({"later": prior}, {"later": planned}) == []


def test_returns_unknown_arguments_of_nested_blocks() -> None:
    interfaces = [{"network_id": "network-1"}, {"network_id": "network-2"}]
    other = [interfaces[0], interfaces[1] | {"later": 1}]

    assert changed({"network_interface": interfaces}, {"network_interface": other}) == ["network_interface[1].later"]
