# SPDX-License-Identifier: MPL-2.0
"""Shared by tests, benchmarks and the demo: simulator, Terraform, stock providers, layouts, workspaces, stand-ins."""
