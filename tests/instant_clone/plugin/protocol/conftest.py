# SPDX-License-Identifier: MPL-2.0
"""A fixture with the plugin between stand-ins for vCenter and for the stock provider."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from testkit.standins.bench import Bench, running_bench


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    with running_bench(monkeypatch) as running:
        yield running
