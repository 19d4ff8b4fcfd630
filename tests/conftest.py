# SPDX-License-Identifier: MPL-2.0
"""Fixtures for tests with the vCenter simulator. testkit/simulator.py describes the simulator."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest
from hypothesis import settings

from testkit.simulator import Simulator

__all__ = ["StartSimulator"]

# hypothesis has no deadline here, because a busy machine needs more time per example.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

StartSimulator = Callable[..., Simulator]


@pytest.fixture(scope="module")
def start_simulator() -> Iterator[StartSimulator]:
    """Yield a function that starts a simulator with the arguments of Simulator.

    All simulators stop after the tests of the module.
    """
    with contextlib.ExitStack() as running:

        def start(*flags: object, user: str = "fleet@vsphere.local", password: str | None = None) -> Simulator:
            return running.enter_context(Simulator(*flags, user=user, password=password))

        yield start


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """Yield a simulator with the default inventory for one test."""
    with Simulator() as running:
        yield running
