# SPDX-License-Identifier: MPL-2.0
"""The stand-in for vCenter has the methods of the real connection; what they do is compared end to end."""

from __future__ import annotations

import inspect

import pytest

from testkit.standins.vcenter import VcenterConnection
from testkit.wire import cloning

METHODS = sorted(name for name, value in vars(cloning.Cloner).items() if callable(value) and name[0] != "_")


@pytest.mark.parametrize("name", METHODS)
def test_a_method_takes_what_the_real_one_takes(name: str) -> None:
    real, standin = (inspect.signature(getattr(kind, name)) for kind in (cloning.Cloner, VcenterConnection))

    assert standin == real


def test_it_has_no_others() -> None:
    own = {name for name in vars(VcenterConnection) if not name.startswith("_")}

    # It stands for the session too.
    assert own - {"close", "require_instant_clone"} == set(METHODS)
