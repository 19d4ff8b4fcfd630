# SPDX-License-Identifier: MPL-2.0
"""A cdktf app with one empty stack."""

from __future__ import annotations

from cdktf import App, TerraformStack

app = App(stack_traces=False)
TerraformStack(app, "empty")
app.synth()
