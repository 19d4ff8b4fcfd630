# SPDX-License-Identifier: MPL-2.0
"""Shared code of the tests, benchmarks and demo: simulator, Terraform, stock providers, layouts, workspaces, fakes."""
