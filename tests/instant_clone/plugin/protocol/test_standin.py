# SPDX-License-Identifier: MPL-2.0
"""Tests that the stand-in for vCenter has the methods of the real connection.

The tests in tests/e2e/test_standins.py compare the behaviour of both.
"""

from __future__ import annotations

import inspect

import pytest

from testkit.standins.vcenter import VcenterConnection
from testkit.wire import cloning

METHODS = sorted(name for name, value in vars(cloning.Cloner).items() if callable(value) and name[0] != "_")


@pytest.mark.parametrize("name", METHODS)
def test_method_has_the_signature_of_the_real_method(name: str) -> None:
    real, standin = (inspect.signature(getattr(kind, name)) for kind in (cloning.Cloner, VcenterConnection))

    assert standin == real


def test_standin_has_no_other_methods() -> None:
    methods = {name for name in vars(VcenterConnection) if not name.startswith("_")}

    # The stand-in also replaces the session.
    assert methods - {"close", "require_instant_clone"} == set(METHODS)
