"""A stack to put constructs into."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from cdktf import TerraformStack, Testing

__all__ = ["Synthesize"]

Synthesize = Callable[[], dict[str, Any]]


@pytest.fixture
def stack() -> TerraformStack:
    """An empty stack named "test"."""
    return TerraformStack(Testing.app(), "test")


@pytest.fixture
def synthesize(stack: TerraformStack) -> Synthesize:
    """Gives the stack's JSON without cdktf's notes under "//"."""
    return lambda: _without_notes(json.loads(Testing.synth(stack)))


def _without_notes(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_notes(inner) for key, inner in value.items() if key != "//"}
    return value
