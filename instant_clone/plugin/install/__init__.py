# SPDX-License-Identifier: MPL-2.0
"""The installation of the plugin, and the files by which Terraform finds it."""
