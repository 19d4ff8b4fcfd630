# SPDX-License-Identifier: MPL-2.0
"""An empty cdktf app that imports the vSphere bindings and declares the provider."""

from __future__ import annotations

from cdktf import App, TerraformStack
from cdktf_cdktf_provider_vsphere.provider import VsphereProvider

app = App(stack_traces=False)
VsphereProvider(TerraformStack(app, "bindings"), "vsphere", user="${var.user}", password="${var.password}")  # noqa: S106
app.synth()
