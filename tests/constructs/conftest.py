# SPDX-License-Identifier: MPL-2.0
"""Fixtures: an empty stack for constructs, and a function that synthesizes it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cdktf import App, TerraformStack

__all__ = ["Synthesize"]

Synthesize = Callable[[], dict[str, Any]]


@pytest.fixture
def stack(tmp_path: Path) -> TerraformStack:
    """Return an empty stack with the name "test"."""
    # By default, cdktf rejects a stack without a provider.
    return TerraformStack(App(outdir=str(tmp_path), stack_traces=False, skip_validation=True), "test")


@pytest.fixture
def synthesize(stack: TerraformStack) -> Synthesize:
    """Return a function that returns the stack's JSON without cdktf's metadata under "//" and without the backend."""

    def synthesized() -> dict[str, Any]:
        app = App.of(stack)
        app.synth()
        document = json.loads(Path(app.outdir, "stacks", "test", "cdk.tf.json").read_text(encoding="utf-8"))
        document["terraform"].pop("backend")
        found: dict[str, Any] = _without_metadata(document)
        return found

    return synthesized


def _without_metadata(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_metadata(inner) for key, inner in value.items() if key != "//"}
    return value
