# SPDX-License-Identifier: MPL-2.0
"""Code that tests, benchmarks and the demo share: simulator, Terraform, stock providers, layouts, workspaces, fakes."""
