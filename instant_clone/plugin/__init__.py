# SPDX-License-Identifier: MPL-2.0
"""The Terraform plugin that adds `instantclone` to the stock vSphere provider, by wrapping it."""
