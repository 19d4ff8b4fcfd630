"""Fixtures for tests against the vCenter simulator; tests/support/simulator.py tells what it offers."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest

from tests.support.simulator import Simulator

__all__ = ["StartSimulator"]

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
