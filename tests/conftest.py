# SPDX-License-Identifier: MPL-2.0
"""Fixtures for tests against the vCenter simulator; testkit/simulator.py tells what it offers."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest
from hypothesis import settings

from testkit.simulator import Simulator

__all__ = ["StartSimulator"]

# A generated case may take as long as a busy machine needs for it.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

StartSimulator = Callable[..., Simulator]


@pytest.fixture(scope="module")
def start_simulator() -> Iterator[StartSimulator]:
    """Starts simulators: takes the arguments of Simulator, and stops them all after the module's last test."""
    with contextlib.ExitStack() as running:

        def start(*flags: object, user: str = "fleet@vsphere.local", password: str | None = None) -> Simulator:
            return running.enter_context(Simulator(*flags, user=user, password=password))

        yield start


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """A simulator with the default inventory, for one test alone."""
    with Simulator() as running:
        yield running
