# SPDX-License-Identifier: MPL-2.0
"""The installation of the plugin, and what Terraform needs to find it."""
